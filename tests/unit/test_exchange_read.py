"""Tracks of other programs: layouts as those write them, checked against an independent parse."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import numpy as np
import pytest
import track_files as files
from scipy.spatial.transform import Rotation

from eifer.eifer_addon import api, exchange
from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.spaces import ARKIT_NAMES


def columns(path: Path) -> dict[str, np.ndarray]:
    """The independent parse: the csv module and nothing of ours."""
    with path.open(newline="") as stream:
        rows = list(csv.DictReader(stream, skipinitialspace=True))
    return {
        name: np.array([float(row[name] or "nan") for row in rows])
        for name in rows[0]
        if name not in ("Timecode", "input", "Identity")
    }


def test_live_link_face_columns_go_by_name(tmp_path: Path) -> None:
    path = files.livelink(tmp_path / "take.csv")
    track, oracle = exchange.read_track(path), columns(path)
    assert track.space.name == "arkit52"
    for name in ARKIT_NAMES:
        expected = oracle[name[0].upper() + name[1:]].astype(np.float32)
        np.testing.assert_array_equal(track.column(name), expected)
    np.testing.assert_allclose(track.timestamps, np.arange(90) / 30, atol=1e-12)
    assert track.provenance["timecode_rate_hz"] == 30
    assert track.head_pose is not None
    turned = Rotation.from_rotvec(track.head_pose[:, :3]).apply([0, 0, 1.0])
    # Yaw alone decides where the nose points seen from above when pitch and roll come after it.
    pitch_free = np.arctan2(turned[:, 0], turned[:, 2])
    np.testing.assert_allclose(pitch_free, -oracle["HeadYaw"], atol=1e-6)


def test_a_head_of_zeros_was_not_recorded(tmp_path: Path) -> None:
    path = files.livelink(tmp_path / "take.csv", n_frames=5)
    lines = [line.split(",") for line in path.read_text().splitlines()]
    for cells in lines[1:]:
        cells[54:57] = ["0.0000000000"] * 3
    path.write_text("\n".join(",".join(cells) for cells in lines))
    track = exchange.read_track(path)
    assert track.head_pose is None
    assert track.provenance["head_angles"] == "none"


def test_live_link_face_of_another_dialect_and_over_midnight(tmp_path: Path) -> None:
    text = files.livelink(tmp_path / "take.csv", n_frames=3).read_text()
    header, *rows = text.splitlines()
    cells = [row.split(",", 1)[1] for row in rows]
    codes = ["23:59:59:58.5", "00:00:00:01.000", "00:00:00:02.000"]
    dialect = header.replace("BlendShape", "Blendshape").replace(",Eye", ",eye")
    lines = [dialect, *(f"{code},{row}" for code, row in zip(codes, cells, strict=True))]
    lines.insert(3, "00:00:00:01.500,0")
    lines.append(lines[-1])
    path = tmp_path / "midnight.csv"
    path.write_text("\r\n".join(lines))
    track = exchange.read_track(path)
    np.testing.assert_allclose(track.timestamps, np.array([0, 2.5, 3, 3.5]) / 60, atol=1e-9)
    np.testing.assert_array_equal(track.confidence, [1, 1, 0, 1])
    assert track.provenance["repeated_timecodes"] == 1
    assert "too short" in track.provenance["timecode_rate_from"]
    faster = exchange.read_track(path, rate_hz=120, angles="degrees")
    np.testing.assert_allclose(faster.timestamps[-1], 62.0 / 120 - 58.5 / 120 + 0.5, atol=1e-9)


def test_openface_units_pose_and_confidence(tmp_path: Path) -> None:
    path = files.openface(tmp_path / "film.csv")
    track, oracle = exchange.read_track(path), columns(path)
    good = oracle["success"] > 0
    expected = np.clip(oracle["AU12_r"] / 5, 0, 1)
    np.testing.assert_allclose(track.column("mouthSmileLeft")[good], expected[good], atol=1e-7)
    np.testing.assert_allclose(
        track.column("mouthPressRight")[good], 0.6 * oracle["AU23_r"][good] / 5, atol=1e-6
    )
    np.testing.assert_allclose(track.confidence, np.where(good, oracle["confidence"], 0), atol=1e-7)
    np.testing.assert_allclose(track.timestamps, oracle["timestamp"])
    assert track.head_pose is not None
    flip = np.diag([1.0, -1, -1])
    rx, ry, rz = (oracle[f"pose_R{axis}"] for axis in "xyz")
    camera = Rotation.from_rotvec(np.outer(rx, [1, 0, 0])) * Rotation.from_rotvec(
        np.outer(ry, [0, 1, 0])
    )
    camera = camera * Rotation.from_rotvec(np.outer(rz, [0, 0, 1]))
    model = Rotation.from_matrix(flip @ camera.as_matrix() @ flip).as_rotvec()
    np.testing.assert_allclose(track.head_pose[good, :3], model[good], atol=1e-6)
    place = np.stack([oracle[f"pose_T{axis}"] for axis in "xyz"], 1) @ flip / 1000
    np.testing.assert_allclose(track.head_pose[good, 3:], (place - place[0])[good], atol=1e-6)


def _one_gaze(tmp_path: Path, gaze: str, turn: str) -> dict[str, float]:
    """Eye blendshapes of one frame with a gaze and a head rotation."""
    path = tmp_path / "gaze.csv"
    header = "timestamp,success,AU01_r," + ",".join(
        [f"gaze_{eye}_{axis}" for eye in (0, 1) for axis in "xyz"]
        + [f"pose_{kind}{axis}" for kind in "TR" for axis in "xyz"]
    )
    path.write_text(f"{header}\n0,1,0,{gaze},{gaze},0,0,0,{turn}\n")
    track = exchange.read_track(path)
    values = dict(zip(ARKIT_NAMES, track.coefficients[0].tolist(), strict=True))
    return {name: round(value, 3) for name, value in values.items() if value > 1e-3}


def test_gaze_turns_the_eyes_within_the_head(tmp_path: Path) -> None:
    # The camera's x is the subject's left; 35 degrees to the side are a blendshape of 1.
    sine, cosine = np.sin(np.radians(17.5)), np.cos(np.radians(17.5))
    left = _one_gaze(tmp_path, f"{sine},0,{-cosine}", "0,0,0")
    assert left == {"eyeLookOutLeft": 0.5, "eyeLookInRight": 0.5}
    down = _one_gaze(tmp_path, f"0,{sine},{-cosine}", "0,0,0")
    assert down == {"eyeLookDownLeft": 0.5, "eyeLookDownRight": 0.5}
    # A head that turned along with the gaze looks straight ahead.
    yaw = -np.radians(17.5)
    assert _one_gaze(tmp_path, f"{sine},0,{-cosine}", f"0,{yaw},0") == {}


def test_openface_with_two_faces_asks_which(tmp_path: Path) -> None:
    path = files.openface(tmp_path / "film.csv")
    lines = path.read_text().splitlines()
    second = [line.replace(", 0, ", ", 1, ", 1) for line in lines[1:]]
    path.write_text("\n".join(lines + second))
    with pytest.raises(Exception, match=r"holds 2 faces \(face_id 0, 1\)"):
        exchange.read_track(path)
    assert len(exchange.read_track(path, face="1")) == 40


def test_pyfeat_units_gaps_and_head(tmp_path: Path) -> None:
    path = files.pyfeat(tmp_path / "film.csv")
    with pytest.raises(Exception, match="frame rate"):
        exchange.read_track(path)
    track, oracle = exchange.read_track(path, rate_hz=25), columns(path)
    good = np.arange(30) != 4
    np.testing.assert_allclose(track.column("browInnerUp")[good], oracle["AU01"][good], atol=1e-7)
    np.testing.assert_allclose(track.column("eyeBlinkLeft")[good], oracle["AU43"][good], atol=1e-7)
    np.testing.assert_array_equal(track.confidence > 0, good)
    np.testing.assert_allclose(track.timestamps, np.arange(30) / 25)
    assert track.provenance["unused_columns"] == ["AU11"]
    assert track.head_pose is None
    assert "not chosen" in track.provenance["head_angles"]


def test_pyfeat_blendshapes_need_no_mapping(tmp_path: Path) -> None:
    path = files.pyfeat(tmp_path / "film.csv", blendshapes=True)
    track, oracle = exchange.read_track(path, rate_hz=25), columns(path)
    good = np.arange(30) != 4
    np.testing.assert_allclose(track.column("jawOpen")[good], oracle["jawOpen"][good], atol=1e-7)
    assert not track.column("tongueOut").any()
    assert "MediaPipe" in track.provenance["mapping"]


def test_pyfeat_head_angles_invert_what_its_versions_compute(tmp_path: Path) -> None:
    path = files.pyfeat(tmp_path / "film.csv")
    header = path.read_text().splitlines()[0]
    rotation = Rotation.from_rotvec([[0.2, -0.3, 0.1]])
    # Its formulas: up to 0.6 from the transposed matrix in degrees, later Euler angles x, y, z.
    x, y, z = Rotation.from_matrix(rotation.as_matrix()[0].T).as_euler("xyz", degrees=True)
    names = header.split(",")
    flip = np.diag([1.0, -1, -1])
    expected = Rotation.from_matrix(flip @ rotation.as_matrix()[0] @ flip).as_rotvec()
    for unit, angles in (
        ("degrees", (x, -z, -y)),
        ("radians", tuple(rotation.as_euler("xyz")[0])),
    ):
        cells = ["0.5"] * len(names)
        cells[names.index("frame")] = "0"
        for name, angle in zip(("Pitch", "Roll", "Yaw"), angles, strict=True):
            cells[names.index(name)] = repr(float(angle))
        path.write_text(header + "\n" + ",".join(cells) + "\n")
        pose = exchange.read_track(path, rate_hz=25, angles=unit).head_pose
        assert pose is not None
        np.testing.assert_allclose(pose[0, :3], expected, atol=1e-6)


@pytest.mark.parametrize(
    ("method", "space", "n_identity"),
    [
        ("smirk", "flame2020:e50j3l2", 300),
        ("deca", "flame2020:e50j3", 100),
        ("deep3dface", "bfm09:e64", 80),
        ("focus", "bfm17:e100", 199),
    ],
)
@pytest.mark.parametrize("packed", [True, False])
def test_mmm_tables_go_by_column_name(
    method: str, space: str, n_identity: int, packed: bool, tmp_path: Path
) -> None:
    folder = tmp_path / method
    folder.mkdir()
    plain = files.mmm(tmp_path / "oracle.csv", method)
    path = files.mmm(folder / ("clip_params.csv.gz" if packed else "clip_params.csv"), method)
    track, oracle = exchange.read_track(path), columns(plain)
    assert track.space.name == space
    np.testing.assert_allclose(track.timestamps, np.arange(25) / 30)
    np.testing.assert_allclose(track.column("exp.007"), oracle["exp_7"], rtol=1e-7)
    assert track.identity is not None
    assert len(track.identity) == n_identity
    np.testing.assert_allclose(track.identity[5], np.median(oracle["idt_5"]), rtol=1e-6)
    if method == "smirk":
        assert track.provenance["method"] == "SMIRK"
        np.testing.assert_allclose(track.column("jaw.y"), oracle["jaw_1"], rtol=1e-6)
        np.testing.assert_allclose(track.column("eyelid.right"), oracle["eyelid_1"], rtol=1e-6)
    if method == "deca":
        assert track.head_pose is not None
        np.testing.assert_allclose(track.column("jaw.x"), oracle["pose_3"], rtol=1e-6)
        np.testing.assert_allclose(track.head_pose[:, 2], oracle["pose_2"], rtol=1e-6)
    if method == "focus":
        assert not track.column("exp.064").any()
        assert track.head_pose is None
    if method == "deep3dface":
        angles = np.stack([oracle[f"angle_{k}"] for k in range(3)], 1)
        # Lower case: about fixed axes, which is Rz·Ry·Rx.
        expected = Rotation.from_euler("xyz", angles).as_rotvec()
        assert track.head_pose is not None
        np.testing.assert_allclose(track.head_pose[:, :3], expected, atol=1e-6)
        moved = 0.1 * (oracle["t_0"] - oracle["t_0"][0])
        np.testing.assert_allclose(track.head_pose[:, 3], moved, atol=1e-6)


def test_mediapipe_tables_lack_the_tongue(tmp_path: Path) -> None:
    path = files.mediapipe(tmp_path / "clip_params.csv")
    track, oracle = exchange.read_track(path), columns(path)
    assert not track.column("tongueOut").any()
    np.testing.assert_allclose(track.column("jawOpen"), oracle["jawOpen"], rtol=1e-7)
    assert track.provenance["method"] == "MediaPipe"


def test_frames_missing_in_a_table_keep_their_time(tmp_path: Path) -> None:
    path = files.mmm(tmp_path / "clip.csv", "smirk", n_frames=6)
    lines = path.read_text().splitlines()
    lines[3] = "2" + "," * (len(lines[0].split(",")) - 1)
    del lines[5]
    path.write_text("\n".join(lines))
    track = exchange.read_track(path)
    np.testing.assert_allclose(track.timestamps, np.array([0, 1, 2, 3, 5]) / 30)
    np.testing.assert_array_equal(track.confidence, [1, 1, 0, 1, 1])


def test_smirk_deca_and_emoca_arrays(tmp_path: Path) -> None:
    path = files.smirk(tmp_path / "smirk.npz")
    with pytest.raises(Exception, match="does not say its frame rate"):
        exchange.read_track(path)
    track = exchange.read_track(path, rate_hz=30)
    arrays = np.load(path)
    assert track.space.name == "flame2020:e50j3l2"
    np.testing.assert_array_equal(track.coefficients[:, :50], arrays["expression_params"])
    np.testing.assert_array_equal(track.coefficients[:, 50:53], arrays["jaw_params"])
    np.testing.assert_array_equal(track.coefficients[:, 53:], arrays["eyelid_params"])
    assert track.provenance["writer"] == "SMIRK"
    for names in ("deca", "emoca"):
        track = exchange.read_track(files.deca(tmp_path / f"{names}.npz", names=names))
        assert track.space.name == "flame2020:e50j3"
        assert track.provenance["writer"] == names.upper()
        np.testing.assert_allclose(track.timestamps, np.arange(12) / 25)
        poses = np.load(tmp_path / f"{names}.npz")["posecode" if names == "emoca" else "pose"]
        assert track.head_pose is not None
        np.testing.assert_array_equal(track.head_pose[:, :3], poses[:, :3])
        np.testing.assert_array_equal(track.coefficients[:, 50:], poses[:, 3:])


@pytest.mark.parametrize("shape", [(5, 3, 3), (5, 1, 3, 3), (5, 9)])
def test_jaw_matrices_become_axis_angles(shape: tuple[int, ...], tmp_path: Path) -> None:
    vectors = files.random(5, 3) * 0.5
    matrices = Rotation.from_rotvec(vectors).as_matrix().reshape(shape)
    path = tmp_path / "a.npz"
    np.savez(path, expression=np.zeros((5, 10)), jaw=matrices, timestamps=np.arange(5) / 12)
    track = exchange.read_track(path, basis="flame2023")
    assert track.space.name == "flame2023:e10j3"
    np.testing.assert_allclose(track.coefficients[:, 10:], vectors, atol=1e-6)


def test_gz_is_known_by_its_content_not_its_name(tmp_path: Path) -> None:
    path = tmp_path / "film.csv"
    path.write_bytes(gzip.compress(files.openface(tmp_path / "plain.csv").read_bytes()))
    assert len(exchange.read_track(path)) == 40


@pytest.mark.parametrize(("unit", "radians"), [("radians", 1.0), ("focus_outputs", 0.3)])
def test_the_head_of_focus_turns_when_its_unit_is_given(
    unit: str, radians: float, tmp_path: Path
) -> None:
    path = files.mmm(tmp_path / "clip_params.csv.gz", "focus")
    assert exchange.read_track(path).head_pose is None
    track = exchange.read_track(path, angles=unit)
    with gzip.open(path, "rt") as stream:
        rows = list(csv.DictReader(stream))
    # FOCUS turns its mesh by Rx·Ry·Rz of the first three of its camera's numbers.
    columns = [name for name in rows[0] if name.startswith("cam")][:3]
    angles = np.array([[float(row[name]) for name in columns] for row in rows]) * radians
    assert track.head_pose is not None
    wanted = Rotation.from_euler("XYZ", angles).as_matrix()
    found = Rotation.from_rotvec(track.head_pose[:, :3]).as_matrix()
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    assert not track.head_pose[:, 3:].any()


@pytest.mark.parametrize("method", ["deep3dface", "focus"])
def test_a_track_of_the_basel_model_says_why_it_stays_in_its_space(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EIFER_CACHE", str(tmp_path / "cache"))  # where no such model is known
    track = exchange.read_track(files.mmm(tmp_path / "clip_params.csv.gz", method))
    with pytest.raises(EiferError, match="mean nothing without the Basel Face Model"):
        api.retarget(track, "arkit52")
