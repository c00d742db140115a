"""The researchers' table: OpenFace's columns, and what comes back from it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from eifer.eifer_addon import api
from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.exchange.action_units import from_arkit, intensity_weights, to_arkit
from eifer.eifer_addon.spaces import ARKIT52, ARKIT_NAMES, get_space
from eifer.eifer_addon.track import Camera, ExpressionTrack

N = 12


def columns_of(path: Path) -> dict[str, np.ndarray]:
    """A table as scripts read it: empty cells are NaN."""
    rows = np.genfromtxt(path, delimiter=",", names=True)
    return {name: np.atleast_1d(rows[name]) for name in rows.dtype.names}


@pytest.fixture
def track() -> ExpressionTrack:
    """Twelve frames of a moving face that is not seen in the third and fourth."""
    generator = np.random.default_rng(4)
    trust = generator.uniform(0.5, 1, N).astype(np.float32)
    trust[[2, 3]] = 0
    pose = generator.normal(0, 0.2, (N, 6)).astype(np.float32)
    times = np.cumsum(generator.uniform(0.02, 0.05, N))
    values = generator.uniform(0, 1, (N, 52)).astype(np.float32)
    values[trust == 0] = 0
    return ExpressionTrack(
        ARKIT52, values, times, trust, pose, None, {"options": {"start": 5, "step": 2}},
        Camera(640, 480, 700.0, (0.1, -0.02, -0.8)),
    )  # fmt: skip


def test_what_is_written_comes_back(track: ExpressionTrack, tmp_path: Path) -> None:
    written = api.export(track, tmp_path / "t.csv", format="researchers")
    assert [path.name for path in written] == ["t.csv", "t.json"]
    back = api.read_track(tmp_path / "t.csv")
    np.testing.assert_array_equal(back.coefficients, track.coefficients)
    np.testing.assert_array_equal(back.timestamps, track.timestamps)
    np.testing.assert_array_equal(back.confidence, track.confidence)
    seen = track.confidence > 0
    assert back.head_pose is not None
    assert track.head_pose is not None
    np.testing.assert_allclose(back.head_pose[seen], track.head_pose[seen], atol=1e-6)
    assert back.camera == track.camera


def test_columns_are_openface_s_with_units_as_there(track: ExpressionTrack, tmp_path: Path) -> None:
    api.export(track, tmp_path / "t.csv", format="researchers")
    table = columns_of(tmp_path / "t.csv")
    first = ["frame", "face_id", "timestamp", "confidence", "success"]
    assert list(table)[:5] == first
    openface = ("01", "02", "04", "05", "06", "07", "09", "10", "12", "14", "15", "17", "20", "23")
    for unit in (*openface, "25", "26", "45"):
        assert np.nanmax(table[f"AU{unit}_r"]) <= 5
        assert np.isin(table[f"AU{unit}_c"][table["success"] == 1], (0, 1)).all()
    assert "AU28_c" in table
    assert list(table["frame"]) == list(range(5, 5 + 2 * N, 2))
    assert list(table)[-52:] == list(ARKIT_NAMES)
    assert track.head_pose is not None
    # OpenFace: mm and a product of turns in axes with y down and z away from the camera.
    x, y, z = track.head_pose[0, 3:] + (0.1, -0.02, -0.8)
    place = [table[f"pose_T{axis}"][0] for axis in "xyz"]
    np.testing.assert_allclose(place, np.array([x, -y, -z]) * 1000, rtol=1e-5)
    turn = Rotation.from_euler("XYZ", [table[f"pose_R{a}"][0] for a in "xyz"])
    half = np.diag([1.0, -1, -1])
    expected = half @ Rotation.from_rotvec(track.head_pose[0, :3]).as_matrix() @ half
    np.testing.assert_allclose(turn.as_matrix(), expected, atol=1e-6)


def test_gaps_are_empty_cells_that_no_mean_counts(track: ExpressionTrack, tmp_path: Path) -> None:
    api.export(track, tmp_path / "t.csv", format="researchers")
    table = columns_of(tmp_path / "t.csv")
    gaps = np.flatnonzero(table["success"] == 0)
    assert list(gaps) == [2, 3]
    assert (table["confidence"][gaps] == 0).all()
    known = ("frame", "face_id", "timestamp", "confidence", "success")
    assert all(np.isnan(table[name][gaps]).all() for name in table if name not in known)
    seen = track.confidence > 0
    assert np.nanmean(table["jawOpen"]) == pytest.approx(track.column("jawOpen")[seen].mean())


def test_the_reader_of_openface_files_reads_it_too(track: ExpressionTrack, tmp_path: Path) -> None:
    api.export(track, tmp_path / "t.csv", format="researchers")
    as_openface = api.read_track(tmp_path / "t.csv", format="openface")
    np.testing.assert_array_equal(as_openface.confidence, track.confidence)
    both = (track.column("browOuterUpLeft") + track.column("browOuterUpRight")) / 2
    np.testing.assert_allclose(as_openface.column("browOuterUpLeft"), both, atol=2e-5)


@pytest.mark.parametrize("unit", [u for u in intensity_weights() if u not in {"23", "27"}])
def test_an_action_unit_alone_comes_back_from_its_blendshapes(unit: str) -> None:
    shapes, unused = to_arkit(np.array([[0.0], [0.35], [0.8]]), [f"AU{unit}_r"])
    assert unused == []
    found, names = from_arkit(shapes)
    np.testing.assert_allclose(found[:, names.index(unit)], [0, 0.35, 0.8], atol=0.02)


def test_a_wide_open_mouth_is_au27_and_a_dropped_jaw_is_not() -> None:
    shapes = np.zeros((3, 52))
    shapes[:, ARKIT_NAMES.index("jawOpen")] = 0.3, 0.6, 1.0
    found, names = from_arkit(shapes)
    np.testing.assert_allclose(found[:, names.index("26")], [0.5, 1, 1], atol=1e-3)
    np.testing.assert_allclose(found[:, names.index("27")], [0, 0, 1], atol=1e-9)


def test_a_head_s_own_coefficients_have_action_units_too(tmp_path: Path) -> None:
    smile = np.zeros((2, 52), np.float32)
    for side in ("Left", "Right"):
        smile[1, ARKIT_NAMES.index(f"mouthSmile{side}")] = 0.8
    arkit = ExpressionTrack(ARKIT52, smile, np.arange(2) / 30, np.ones(2, np.float32))
    own = api.retarget(arkit, api.load_head())
    assert own.space == get_space("open:e50j3")
    api.export(own, tmp_path / "own.csv", format="researchers")
    table = columns_of(tmp_path / "own.csv")
    assert table["AU12_r"][0] == 0
    assert table["AU12_r"][1] == pytest.approx(4.0, abs=0.6)
    assert max(table[f"AU{unit}_r"][1] for unit in ("04", "02", "45")) < 0.5
    about = json.loads((tmp_path / "own.json").read_text("utf-8"))
    assert "open:e50j3" in about["columns"]["AUxx_r"]


def test_a_table_without_its_json_starts_at_the_first_frame(
    track: ExpressionTrack, tmp_path: Path
) -> None:
    api.export(track, tmp_path / "t.csv", format="researchers")
    (tmp_path / "t.json").write_text("{ damaged")
    back = api.read_track(tmp_path / "t.csv")
    assert back.camera is None
    assert back.head_pose is not None
    np.testing.assert_allclose(back.head_pose[0, 3:], 0, atol=1e-7)


def test_what_cannot_be_written_or_read_is_a_sentence(
    track: ExpressionTrack, tmp_path: Path
) -> None:
    path = tmp_path / "t.csv"
    api.export(track, path, format="researchers")
    with pytest.raises(EiferError, match="exists already"):
        api.export(track, path, format="researchers")
    text = path.read_text().splitlines()
    text[2] = text[2].replace(",1,", ",one,", 1)
    path.write_text("\n".join(text))
    with pytest.raises(EiferError, match=r"Row 3 of t\.csv holds 'one'"):
        api.read_track(path)
