"""The muscle map without Blender: weights over heads, the flat face, pictures, the verb."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from eifer.eifer_addon import api
from eifer.eifer_addon import muscle_figure as figure
from eifer.eifer_addon.cli import main
from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.heads import muscle_map as maps
from eifer.eifer_addon.heads.electrodes import canonical_positions
from eifer.eifer_addon.heads.face_canvas import canvas_positions, face_features
from eifer.eifer_addon.heads.model import HeadModel
from eifer.eifer_addon.signals.activity import Activity


@pytest.fixture(scope="module")
def head() -> Iterator[HeadModel]:
    try:
        yield api.load_head()
    except EiferError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def weights(head: HeadModel) -> maps.MuscleWeights:
    return maps.muscle_weights(head)


def activity(**muscles: float) -> Activity:
    """Three seconds at 10 Hz; the named muscles act from 1 to 2 s, and two events say so."""
    names = maps.muscles_shown()
    values = np.zeros((30, len(names)), np.float32)
    for name, value in muscles.items():
        stem, _, side = name.rpartition("_")
        values[10:20, names.index(f"{stem}.{side}")] = value
    one = np.ones(len(names))
    events = ((1.0, "smile", 0.5), (1.5, "smile", 0.5), (2.0, "rest", 0.9))
    return Activity(values, 10.0, names, one, one, names, events=events, source={"simulated": True})


def test_the_map_reads_each_activity_at_its_electrode(
    head: HeadModel, weights: maps.MuscleWeights
) -> None:
    corners = weights.values[head.triangles[weights.electrodes.triangles]]
    read = np.einsum("pkn,pk->pn", corners, weights.electrodes.barycentric)
    np.testing.assert_allclose(read, np.eye(22), atol=1e-5)


def test_weights_peak_at_the_right_muscle_and_side(
    head: HeadModel, weights: maps.MuscleWeights
) -> None:
    places = weights.electrodes.positions(head.template.astype(float), head.triangles)
    peaks = head.template[weights.values.argmax(axis=0)]
    nearest = np.linalg.norm(peaks[:, None] - places[None], axis=2).argmin(axis=1)
    assert [weights.muscles[k] for k in nearest] == list(weights.muscles)
    for muscle, peak in zip(weights.muscles, peaks, strict=True):
        # The subject's left is +x.
        assert (peak[0] > 0) == muscle.endswith(".left")


def test_weights_are_mirrored_and_compact(head: HeadModel, weights: maps.MuscleWeights) -> None:
    left = weights.values[:, weights.muscles.index("zygomaticus.left")]
    far = np.linalg.norm(head.template - head.template[left.argmax()], axis=1) > 0.05
    assert np.abs(left[far]).max() < 0.02
    right = weights.values[:, weights.muscles.index("zygomaticus.right")]
    assert left.sum() == pytest.approx(right.sum(), rel=0.03)


def test_eyes_teeth_and_hairs_carry_no_map(head: HeadModel, weights: maps.MuscleWeights) -> None:
    assert head.polygons is not None
    assert head.polygon_material is not None
    bare = {"sclera", "iris", "pupil", "teeth", "gums", "tongue", "lashes", "brows"}
    chosen = [head.materials[k] in bare for k in head.polygon_material]
    vertices = np.unique(head.polygons[chosen])
    assert not weights.values[vertices[vertices >= 0]].any()
    assert not weights.covered[vertices[vertices >= 0]].any()


def test_a_head_without_electrodes_gets_them(head: HeadModel, weights: maps.MuscleWeights) -> None:
    again = maps.muscle_weights(head.replace(electrodes={}))
    np.testing.assert_allclose(again.values, weights.values, atol=0.02)


def test_the_flat_map_is_exact_at_electrodes_and_zero_on_the_hull() -> None:
    places = maps.electrode_places(maps.muscles_shown())
    np.testing.assert_allclose(maps.flat_weights(places), np.eye(22), atol=1e-9)
    just_inside = maps.hull() * (1 - 1e-6)
    assert np.abs(maps.flat_weights(just_inside)).max() < 1e-3
    assert not maps.flat_weights(maps.hull() * 1.05).any()


def test_the_flat_map_is_a_thin_plate_spline() -> None:
    from scipy.interpolate import RBFInterpolator

    random = np.random.default_rng(0)
    values = random.uniform(size=22)
    places = np.concatenate([maps.electrode_places(maps.muscles_shown()), maps.hull()[:-1]])
    known = np.concatenate([values, np.zeros(len(places) - 22)])
    oracle = RBFInterpolator(places / 10, known, kernel="thin_plate_spline")
    where = random.uniform(-50, 50, size=(200, 2))
    np.testing.assert_allclose(maps.flat_weights(where) @ values, oracle(where / 10), atol=1e-8)


def test_the_way_back_to_the_canvas_inverts_the_warp() -> None:
    canvas = np.random.default_rng(1).uniform(-70, 70, size=(200, 2))
    np.testing.assert_allclose(canvas_positions(canonical_positions(canvas)), canvas, atol=0.2)
    assert face_features()["eye.left"][:, 0].min() > 0 > face_features()["eye.right"][:, 0].max()


def test_the_colours_are_viridis() -> None:
    mpl = pytest.importorskip("matplotlib")
    stops = maps.colour_stops()
    encoded = np.where(stops <= 0.0031308, stops * 12.92, 1.055 * stops ** (1 / 2.4) - 0.055)
    wanted = mpl.colormaps[figure.COLOUR_MAP](np.linspace(0, 1, len(stops)))[:, :3]
    np.testing.assert_allclose(encoded, wanted, atol=1e-4)


def bright(picture: np.ndarray) -> np.ndarray:
    """Where the map's yellow and green are: (H, W) bool."""
    r, g, b = picture[..., :3].astype(int).transpose(2, 0, 1)
    return (g > 150) & (g - b > 60) & (g + 30 > r)


def face_of(path: Path) -> np.ndarray:
    """The part of a picture that is the face, without the legend."""
    picture = np.asarray(Image.open(path).convert("RGB"))
    return picture[:, : int(picture.shape[1] * 0.8)]


def test_a_left_smile_lights_up_the_left_cheek_only(tmp_path: Path) -> None:
    moment = figure.moment_at(activity(zygomaticus_left=1.0), 1.5)
    face = face_of(figure.save_map(tmp_path / "left.png", moment))
    lit = np.argwhere(bright(face)).mean(axis=0) / face.shape[:2]
    # The subject's left is on the right of the picture; the cheek is below the middle.
    assert 0.7 < lit[1] < 0.95
    assert 0.5 < lit[0] < 0.75


def test_the_svg_keeps_its_text_and_repeats_itself(tmp_path: Path) -> None:
    moment = figure.moment_of_event(activity(zygomaticus_left=1.0), "smile")
    first = figure.save_map(tmp_path / "a.svg", moment, names=True).read_text("utf-8")
    words = " ".join(ET.fromstring(first).itertext())
    for text in ("smile, mean of 2", "subject's left", "zygomaticus", "muscle activity", "simul"):
        assert text in words
    assert figure.save_map(tmp_path / "b.svg", moment, names=True).read_text("utf-8") == first


def test_events_are_averaged_and_the_strongest_moment_is_found() -> None:
    made = activity(zygomaticus_left=0.8)
    mean = figure.moment_of_event(made, "smile")
    assert mean.values[mean.muscles.index("zygomaticus.left")] == pytest.approx(0.8)
    assert not figure.moment_of_event(made, "rest").values.any()
    assert figure.moment_of(made).values.max() == pytest.approx(0.8)


def test_a_muscle_without_a_channel_claims_nothing() -> None:
    made = activity(zygomaticus_left=0.5)
    keep = [made.muscles.index(m) for m in ("zygomaticus.left", "corrugator.left")]
    two = Activity(
        made.values[:, keep], 10.0, tuple(made.muscles[k] for k in keep), np.ones(2), np.ones(2),
        ("a", "b"),
    )  # fmt: skip
    assert figure.moment_at(two, 1.5).muscles == ("zygomaticus.left", "corrugator.left")


def test_frames_of_a_film_follow_the_activity() -> None:
    frames = figure.MapFrames(activity(zygomaticus_left=1.0), 240)
    rest, smile, again = (frames.frame(t) for t in (0.2, 1.5, 0.2))
    half = slice(None), slice(int(0.4 * rest.shape[1]), int(0.8 * rest.shape[1]))
    assert bright(smile[half]).sum() > bright(rest[half]).sum() + 50
    np.testing.assert_array_equal(rest, again)
    assert rest.shape[0] == 240


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Three seconds of both zygomatici at 500 Hz, left stronger in the middle."""
    random = np.random.default_rng(5)
    time_s = np.arange(1500) / 500
    gain = np.where((time_s > 1) & (time_s < 2), 50.0, 1.0)[:, None] * (1.0, 0.2)
    rows = np.column_stack([time_s, random.normal(size=(1500, 2)) * gain])
    path = tmp_path / "smile.csv"
    np.savetxt(path, rows, delimiter=",", header="time,Zyg li,Zyg re", comments="", fmt="%.6f")
    return path


def test_the_verb_draws_and_films(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, film = tmp_path / "map.png", tmp_path / "map.mp4"
    command = ["map", str(recording), "--out", str(out), "--at", "1.5", "--film", str(film),
               "--fps", "4", "--json"]  # fmt: skip
    assert main(command) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["files"] == {"map": str(out), "film": str(film)}
    assert result["activity"]["zygomaticus.left"] > 0.5
    assert Image.open(out).width > 900
    assert film.stat().st_size > 1000
    assert main(command) == 1
    assert "exists already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "No output was named"),
        (["--film", "f.mp4", "--at", "1"], "whole recording"),
        (["--out", "map.pdf"], "cannot be written as 'map.pdf'"),
        (["--out", "no/such/map.png"], "does not exist"),
        (["--out", "m.png", "--at", "99"], "no activity at 99 s"),
        (["--out", "m.png", "--event", "sneeze"], "no event 'sneeze'"),
    ],
)
def test_bad_input_is_one_sentence(
    recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    assert main(["map", str(recording), *arguments]) == 1
    printed = capsys.readouterr().err
    assert sentence in printed
    assert "Traceback" not in printed
    assert sorted(tmp_path.iterdir()) == before


def test_a_time_and_an_event_together_are_wrong_usage(recording: Path) -> None:
    assert main(["map", str(recording), "--out", "m.png", "--at", "1", "--event", "x"]) == 2
