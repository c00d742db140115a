"""Films as they should not be: the right track, or one sentence that names the file."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from face_films import Portrait, background, film_of, portraits
from film_writer import write_film, write_sound
from PIL import Image
from reader_fuzz import check_sentences, mutated

from eifer import api
from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.track import ExpressionTrack
from eifer.eifer_addon.video.child import VideoJob

#: Changes of a small film; ``EIFER_FUZZ=3000`` for the long run.
CHANGES = int(os.environ.get("EIFER_FUZZ", "30"))


@pytest.fixture(scope="module")
def portrait(test_data: Path) -> Portrait:
    return portraits(test_data)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EIFER_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def raw(path: Path, **choices: object) -> ExpressionTrack:
    return api.video_to_expression(path, fit=False, workers=1, **choices)


def refusal(path: Path) -> str:
    """The sentence with which a film is refused."""
    with pytest.raises(EiferError) as caught:
        raw(path)
    check_sentences(caught.value)
    assert path.name in caught.value.cause
    return caught.value.cause


def test_files_that_are_no_film_are_refused(tmp_path: Path) -> None:
    empty, text, sound = (tmp_path / f"{name}.mp4" for name in ("empty", "text", "sound"))
    empty.touch()
    text.write_text("frame,time\n1,0.1\n" * 100)
    write_sound(sound)
    assert "it is empty" in refusal(empty)
    assert "invalid data" in refusal(text)
    assert "only sound" in refusal(sound)
    assert "does not exist" in refusal(tmp_path / "nowhere.mp4")


def test_an_unknown_codec_is_refused(tmp_path: Path, portrait: Portrait) -> None:
    path = film_of(tmp_path / "a.mp4", portrait, [[(0, 300, 180, 240)]] * 3)
    path.write_bytes(path.read_bytes().replace(b"avc1", b"zzzz"))
    assert "coded in a way that cannot be read" in refusal(path)


def test_a_cut_off_film_is_refused_or_read_as_far_as_it_goes(
    tmp_path: Path, portrait: Portrait
) -> None:
    scenes = [[(0, 300 + k, 180.0, 240)] for k in range(40)]
    path = film_of(
        tmp_path / "a.mp4", portrait, scenes, container={"movflags": "faststart"}
    )  # fmt: skip
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    assert "is damaged at frame" in refusal(path)
    track = raw(path, keep_going=True)
    assert 5 < len(track) < 40
    assert any("damaged" in sentence for sentence in track.provenance["damage"])
    whole = tmp_path / "index at the end.mp4"
    film_of(whole, portrait, scenes[:10])
    whole.write_bytes(whole.read_bytes()[:-600])
    refusal(whole)


def test_one_frame_is_enough(tmp_path: Path, portrait: Portrait) -> None:
    track = api.video_to_expression(
        film_of(tmp_path / "a.mp4", portrait, [[(0, 300, 180, 240)]])
    )  # fmt: skip
    assert len(track) == 1
    assert track.confidence[0] > 0.3
    assert track.head_pose is not None


def test_a_photograph_and_a_folder_of_them_are_films(tmp_path: Path, portrait: Portrait) -> None:
    for number in range(3):
        Image.fromarray(portrait(0, 300)).save(tmp_path / f"{number}.png")
    assert len(raw(tmp_path / "0.png")) == 1
    track = raw(tmp_path, rate_hz=10.0)
    assert track.timestamps == pytest.approx([0, 0.1, 0.2])
    assert len(track.provenance["source_sha256"]) == 64


def test_a_phone_held_upright_gives_the_face_upright(tmp_path: Path, portrait: Portrait) -> None:
    picture = background()
    picture[40:320, 180:460] = portrait(0, 280)
    # As a phone does it: the picture lies on its side, and a note says so.
    path = write_film(tmp_path / "a.mp4", [np.rot90(picture).copy()] * 4, rotation=-90)
    plain = write_film(tmp_path / "b.mp4", [picture] * 4)
    turned, upright = api.video_to_expression(path), api.video_to_expression(plain)
    assert turned.camera is not None
    assert (turned.camera.width, turned.camera.height) == (640, 360)
    assert np.abs(turned.coefficients - upright.coefficients).max() < 0.1
    assert turned.head_pose is not None
    assert upright.head_pose is not None
    assert np.abs(turned.head_pose[:, :3] - upright.head_pose[:, :3]).max() < 0.05


def test_frames_of_8k_are_read(tmp_path: Path, portrait: Portrait) -> None:
    picture = np.full((4320, 7680, 3), 90, np.uint8)
    face = np.array(Image.fromarray(portrait(1, 512)).resize((2000, 2000)))
    picture[1200:3200, 4000:6000] = face
    track = raw(
        write_film(tmp_path / "a.mov", [picture] * 2, codec="mjpeg", pixels="yuvj420p")
    )  # fmt: skip
    assert (len(track), track.provenance["gaps"]) == (2, 0)
    small = raw(
        write_film(tmp_path / "b.mp4", [picture[::8, ::8].copy()] * 2)
    )  # fmt: skip
    assert np.abs(track.coefficients - small.coefficients).mean() < 0.03


def readable(path: Path) -> bool:
    """Whether a film was read; anything but a track or a sentence fails the test."""
    try:
        track = raw(path, max_faces=1)
    except EiferError as error:
        check_sentences(error)
        return False
    assert np.isfinite(track.coefficients).all()
    assert len(track) > 0
    return True


def test_a_changed_film_is_read_or_refused(
    tmp_path: Path, portrait: Portrait, own_cache: Path
) -> None:
    """Random changes of a small film; the decoder's own memory is a child's in the long run."""
    whole = tmp_path / "whole.mp4"
    picture = portrait(0, 160)
    write_film(whole, [np.roll(picture, k, axis=1) for k in range(4)], options={"crf": "30"})
    data, generator, read = whole.read_bytes(), np.random.default_rng(5), 0
    damaged = tmp_path / "damaged.mp4"
    for _ in range(CHANGES):
        damaged.write_bytes(mutated(data, generator))
        read += readable(damaged)
    assert read > 0
    assert read < CHANGES or CHANGES < 20
    assert not list((own_cache / "video").iterdir())


def test_a_damaged_film_in_a_child_leaves_no_file(tmp_path: Path, portrait: Portrait) -> None:
    path = film_of(tmp_path / "a.mp4", portrait, [[(0, 300, 180, 240)]] * 20)
    content = bytearray(path.read_bytes())
    content[len(content) // 3 : len(content) // 2] = os.urandom(
        len(content) // 2 - len(content) // 3
    )
    path.write_bytes(content)
    job = VideoJob.start(path, {"fit": False, "workers": 1})
    try:
        while (progress := job.poll()).state == "running":
            pass
        if progress.state == "failed":
            assert "a.mp4" in progress.message
        else:
            assert len(job.result()) > 0
    finally:
        job.close()
    assert sorted(p.name for p in tmp_path.iterdir() if p.name != "cache") == ["a.mp4"]
