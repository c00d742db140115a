"""Methods laid beside each other: common times, how far apart they are, and what is written."""

from __future__ import annotations

import csv
import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from film_writer import write_film
from smile_films import smile_film

from eifer.eifer_addon import api
from eifer.eifer_addon.cli import main
from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.spaces import ARKIT52, ARKIT_NAMES
from eifer.eifer_addon.track import Camera, ExpressionTrack
from eifer.eifer_addon.video.compare import align, disagreement, expression_peaks, frame_at
from eifer.eifer_addon.video.compare_figure import curve_names
from eifer.eifer_addon.video.decode import open_video
from eifer.eifer_addon.video.encode import read_image

N = 30


def a_track(n: int = N, rate_hz: float = 30.0, **curves: object) -> ExpressionTrack:
    """`n` frames of a face before the camera, with the curves of some coefficients."""
    values = np.zeros((n, 52), np.float32)
    for name, curve in curves.items():
        values[:, ARKIT_NAMES.index(name)] = curve
    return ExpressionTrack(
        ARKIT52, values, np.arange(n) / rate_hz, np.ones(n, np.float32),
        np.zeros((n, 6), np.float32), camera=Camera(160, 120, 200.0, (0.0, 0.0, -0.7)),
    )  # fmt: skip


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A second of grey pictures of 160 x 120 pixels."""
    pictures = [np.full((120, 160, 3), 4 * k + 40, np.uint8) for k in range(N)]
    return write_film(tmp_path_factory.mktemp("film") / "grey.mp4", pictures)


def test_tracks_of_other_rates_and_gaps_meet_on_the_finest_times() -> None:
    fine = a_track(jawOpen=np.arange(N) / N)
    gap = np.ones(N, np.float32)
    gap[5:8] = 0
    coarse = a_track(10, 10.0, jawOpen=np.arange(10) / 10)
    aligned = align({"fine": replace(fine, confidence=gap), "coarse": coarse})
    assert aligned.labels == ("fine", "coarse")
    np.testing.assert_array_equal(aligned.times, fine.timestamps)
    assert list(np.flatnonzero(~aligned.seen[0])) == [5, 6, 7]
    # A frame of the coarse track stands for itself and not for its neighbours.
    assert list(np.flatnonzero(aligned.seen[1])) == list(range(0, 30, 3))
    jaw = aligned.values[1, ::3, ARKIT_NAMES.index("jawOpen")]
    np.testing.assert_allclose(jaw, np.arange(10) / 10, atol=1e-6)


def test_disagreement_is_the_distance_of_the_landmarks_in_mm() -> None:
    shut, wide = a_track(4), a_track(4, jawOpen=[0, 0.5, 1, 1])
    gone = replace(wide, confidence=np.array([1, 1, 1, 0], np.float32))
    apart = disagreement(align({"a": shut, "b": gone}))
    head = api.load_head()
    units = np.zeros((2, 52))
    units[1, ARKIT_NAMES.index("jawOpen")] = 1
    faces = head.forward(units=units)[0]
    assert head.landmarks is not None
    marks = head.landmarks.positions(faces, head.triangles)[:, :468]
    expected = np.linalg.norm(marks[1] - marks[0], axis=1).mean() * 1000
    np.testing.assert_allclose(apart.mm[:3], [0, expected / 2, expected], rtol=1e-5)
    np.testing.assert_allclose(apart.arkit[:3], [0, 0.5 / 52, 1 / 52], rtol=1e-5)
    assert np.isnan(apart.mm[3])
    assert apart.pairs.keys() == {("a", "b")}


def test_three_methods_are_compared_in_pairs_and_heads_by_their_angle() -> None:
    turned = a_track(2)
    pose = np.zeros((2, 6), np.float32)
    pose[:, 1] = 0.3
    tracks = {"a": a_track(2), "b": a_track(2, jawOpen=0.4), "c": replace(turned, head_pose=pose)}
    apart = disagreement(align(tracks))
    assert set(apart.pairs) == {("a", "b"), ("a", "c"), ("b", "c")}
    np.testing.assert_allclose(apart.mm, np.mean(list(apart.pairs.values()), axis=0))
    np.testing.assert_allclose(apart.degrees, np.degrees(0.3) * 2 / 3, rtol=1e-5)


def test_peaks_are_the_different_expressions_and_not_the_blinks() -> None:
    time = np.arange(360)

    def hump(middle: int, width: int = 12) -> np.ndarray:
        return np.exp(-(((time - middle) / width) ** 2))

    # Two blinks, and eyes that are kept closed for more than a second.
    lids = hump(105, 3) + hump(200, 3) + (np.abs(time - 320) < 20)
    track = a_track(
        360, mouthSmileLeft=hump(60), mouthSmileRight=hump(60), jawOpen=0.8 * hump(150),
        browDownLeft=hump(240), browDownRight=hump(240), eyeBlinkLeft=lids, eyeBlinkRight=lids,
    )  # fmt: skip
    peaks = expression_peaks(align({"a": track}), 5)
    for middle in (60, 150, 240):
        assert np.abs(peaks - middle).min() <= 4, (middle, peaks)
    assert np.abs(peaks - 320).min() < 20
    assert min(np.abs(peaks - 105).min(), np.abs(peaks - 200).min()) > 4
    assert len(expression_peaks(align({"a": a_track(5)}), 4)) == 1


def test_a_frame_is_found_by_its_time_where_times_are_uneven(tmp_path: Path) -> None:
    times = [0.0, 0.1, 0.15, 0.5, 0.9, 1.0, 1.6]
    pictures = [np.full((64, 64, 3), 30 * k, np.uint8) for k in range(len(times))]
    video = open_video(write_film(tmp_path / "uneven.mp4", pictures, times))
    assert [frame_at(video, time_s) for time_s in times] == list(range(len(times)))
    assert frame_at(video, 0.72) == 4
    assert frame_at(video, 99.0) == 6


def test_curves_are_the_movements_that_differ_most_both_sides_together() -> None:
    wave = np.abs(np.sin(np.arange(N) / 4))
    track = a_track(mouthSmileLeft=wave, jawLeft=0.5 * wave, browInnerUp=0.01 * wave, cheekPuff=0.7)
    assert curve_names(align({"a": track})) == {
        "jawLeft": ("jawLeft",), "mouthSmile": ("mouthSmileLeft", "mouthSmileRight")
    }  # fmt: skip


def test_a_comparison_of_tracks_is_written_whole(film: Path, tmp_path: Path) -> None:
    ramp = np.arange(N) / N
    tracks = {"one": a_track(jawOpen=ramp), "two": a_track(jawOpen=0.5 * ramp)}
    out = tmp_path / "out"
    found = api.compare(film, out, backends=(), tracks=tracks, frames=[2, 20], size=48)
    names = sorted(path.name for path in out.iterdir())
    assert names == ["compare.json", "contact_sheet.png", "curves.png", "curves.svg",
                     "disagreement.csv"]  # fmt: skip
    with (out / "disagreement.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == N
    assert rows[0]["disagreement_mm"] == "0"
    assert float(rows[-1]["one_two_mm"]) == float(rows[-1]["disagreement_mm"]) > 1
    mean = np.mean([float(row["disagreement_mm"]) for row in rows])
    assert found.mean_mm["one", "two"] == pytest.approx(mean, rel=1e-3)
    sheet = read_image(out / "contact_sheet.png")
    assert sheet.shape[0] > 3 * 48
    assert sheet.shape[1] > 2 * 48
    assert ET.parse(out / "curves.svg").getroot().tag.endswith("svg")
    assert json.loads((out / "compare.json").read_text("utf-8"))["frames"] == [2, 20]
    with pytest.raises(EiferError, match="holds a comparison already"):
        api.compare(film, out, backends=(), tracks=tracks)


def test_the_network_s_scores_and_the_fit_are_compared_on_a_film(
    test_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video = smile_film(tmp_path / "smile.mp4", test_data, (0, 8, 16, 24, 30, 36))
    arguments = ["compare", str(video), "--out", str(tmp_path / "out"), "--columns", "2"]
    assert main([*arguments, "--tile", "64", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert set(said["methods"]) == {"mediapipe", "blendshapes"}
    fitted = api.read_track(said["files"]["mediapipe"])
    raw = api.read_track(said["files"]["blendshapes"])
    for track in (fitted, raw):
        smile = track.column("mouthSmileLeft")
        assert smile[3:].min() > smile[:2].max() + 0.2
    ((first, second, mm),) = said["mean_disagreement_mm"]
    assert {first, second} == {"mediapipe", "blendshapes"}
    assert 0.1 < mm < 6


def test_a_method_that_fails_is_a_sentence_beside_the_others(
    film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EIFER_CACHE", str(tmp_path / "cache"))
    track = a_track(jawOpen=0.3).save(tmp_path / "mine.npz")
    arguments = ["compare", str(film), "--out", str(tmp_path / "out"), "--tile", "48"]
    # No face is in the film, so the back end has nothing to say; the track is shown all the same.
    assert main([*arguments, "--backends", "mediapipe", "--tracks", str(track)]) == 1
    printed = capsys.readouterr().out
    assert "mediapipe: failed: No face was found in grey.mp4" in printed
    assert "mine: arkit52, 30 frames, 0 gaps" in printed
    assert main([*arguments, "--backends", "nonesuch", "--overwrite"]) == 1
    assert "There is no back end 'nonesuch'" in capsys.readouterr().err
    assert main([*arguments, "--backends", "--overwrite"]) == 1
    assert "No method could read grey.mp4" in capsys.readouterr().err
    assert main([*arguments, "--backends", "mediapipe", "blendshapes", "--overwrite"]) == 1
    assert capsys.readouterr().err.count("No face was found in grey.mp4") == 1
