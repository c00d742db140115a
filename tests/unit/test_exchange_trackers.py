"""Parameters of VHAP and flame-head-tracker, whole and one file per frame, as tracks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import track_files as files
from scipy.spatial.transform import Rotation

from eifer.eifer_addon import exchange
from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.heads.model import HeadModel
from eifer.eifer_addon.heads.open_head import load_open_head


@pytest.fixture(scope="module")
def head() -> HeadModel:
    try:
        return load_open_head()
    except EiferError as error:
        pytest.skip(str(error))


def test_vhap_is_read_with_camera_and_head_motion(tmp_path: Path, head: HeadModel) -> None:
    path = files.vhap(tmp_path / "tracked_flame_params_30.npz")
    track = exchange.read_track(path, rate_hz=24)
    arrays = files.vhap_arrays(12)
    assert track.space.name == "flame2023:e100j3"
    np.testing.assert_array_equal(track.coefficients[:, :100], arrays["expr"])
    np.testing.assert_array_equal(track.coefficients[:, 100:], arrays["jaw_pose"])
    np.testing.assert_array_equal(track.identity, arrays["shape"])
    np.testing.assert_allclose(track.timestamps, np.arange(12) / 24)
    assert track.provenance["format"] == "vhap"
    assert track.provenance["left_out"] == ["eyes_pose", "lights", "static_offset"]
    assert track.camera is not None
    # Its focal length is in units of the longer side; the head is a metre before the camera.
    assert (track.camera.width, track.camera.height) == (600, 400)
    assert track.camera.focal_px == pytest.approx(900)
    assert track.camera.place == (0, 0, -1)
    check_motion(track.head_pose, arrays, head)


def check_motion(found: np.ndarray | None, arrays: dict[str, np.ndarray], head: HeadModel) -> None:
    """One turn of the root puts the skull where root, neck and translation put it."""
    assert found is not None
    n = len(arrays["expr"])
    pose = np.zeros((n, 5, 3))
    pose[:, 0], pose[:, 1] = arrays["rotation"], arrays["neck_pose"]
    wanted = head.forward(pose=pose)[0] + arrays["translation"][:, None]
    pose = np.zeros((n, 5, 3))
    pose[:, 0] = found[:, :3]
    moved = head.forward(pose=pose)[0] + found[:, None, 3:]
    skull = head.weights[:, 0] < 1e-6
    assert skull.sum() > 1000
    # Pose correctives of the neck are the skin's; the skull differs by rounding of the joints.
    difference = np.linalg.norm(moved - wanted, axis=2)[:, skull]
    assert np.median(difference) < 2e-4
    assert np.abs(arrays["neck_pose"]).max() > 0.1


@pytest.mark.parametrize("given", ["folder", "parent", "file"])
def test_vhaps_files_of_single_frames_are_one_track(given: str, tmp_path: Path) -> None:
    folder = files.vhap_folder(tmp_path / "flame_param", range(5))
    path = {"folder": folder, "parent": tmp_path, "file": folder / "00003.npz"}[given]
    track = exchange.read_track(path, rate_hz=30, basis="flame2020")
    arrays = files.vhap_arrays(5)
    assert track.space.name == "flame2020:e100j3"
    np.testing.assert_array_equal(track.coefficients[:, :100], arrays["expr"])
    assert track.confidence.tolist() == [1] * 5
    assert track.provenance["n_files"] == 5
    assert track.provenance["source"] == "flame_param/00000.npz to 00004.npz"
    assert track.camera is None


def test_frames_without_a_face_have_no_file_and_become_gaps(tmp_path: Path) -> None:
    folder = files.head_tracker(tmp_path / "clip", [2, 3, 6, 10])
    track = exchange.read_track(folder, rate_hz=10)
    np.testing.assert_allclose(track.timestamps, np.arange(2, 11) / 10)
    assert np.flatnonzero(track.confidence).tolist() == [0, 1, 4, 8]
    assert not track.coefficients[2].any()
    assert track.head_pose is not None
    np.testing.assert_array_equal(track.head_pose[2], track.head_pose[1])


def test_flame_head_trackers_camera_turns_into_the_heads_pose(tmp_path: Path) -> None:
    folder = files.head_tracker(tmp_path / "clip", range(4))
    track = exchange.read_track(folder / "0.npz", rate_hz=30)
    assert track.space.name == "flame2020:e100j3"
    assert track.provenance["format"] == "flame-head-tracker"
    for frame in range(4):
        with np.load(folder / f"{frame}.npz") as arrays:
            yaw, pitch, roll = arrays["cam"][0, :3].astype(float)
            neck = Rotation.from_rotvec(arrays["neck_pose"][0]).as_matrix()
            np.testing.assert_array_equal(track.coefficients[frame, :100], arrays["exp"][0])
            np.testing.assert_array_equal(track.coefficients[frame, 100:], arrays["jaw_pose"][0])
        # Its build_view_matrix and batch_perspective_projection: a camera pose, two of its axes
        # turned over, inverted; the view has y down and z forward.
        view = np.eye(4)
        view[:3, :3] = Rotation.from_euler("ZYX", [roll, yaw, pitch]).as_matrix()
        view[:, [1, 2]] *= -1
        seen = np.diag([1.0, -1, -1]) @ np.linalg.inv(view)[:3, :3] @ neck
        assert track.head_pose is not None
        found = Rotation.from_rotvec(track.head_pose[frame, :3]).as_matrix()
        np.testing.assert_allclose(found, seen, atol=1e-5)


def test_files_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    folder = files.vhap_folder(tmp_path / "flame_param", range(3))
    with pytest.raises(EiferError, match="does not say its frame rate"):
        exchange.read_track(folder)
    with np.load(folder / "00001.npz") as arrays:
        content = dict(arrays)
    np.savez(folder / "00001.npz", **(content | {"expr": np.zeros((1, 50))}))
    with pytest.raises(EiferError, match=r"'expr' of 00001\.npz has 50 numbers"):
        exchange.read_track(folder, rate_hz=30)
    (folder / "00001.npz").write_bytes(b"PK damaged")
    with pytest.raises(EiferError, match=r"'expr' of 00001\.npz cannot be read"):
        exchange.read_track(folder, rate_hz=30)
    np.savez(folder / "99999999.npz", **content)
    with pytest.raises(EiferError, match="which is no film"):
        exchange.read_track(folder, rate_hz=30)
    with pytest.raises(EiferError, match="is a folder"):
        exchange.read_track(tmp_path.parent, rate_hz=30)


def test_a_camera_that_makes_no_sense_is_refused(tmp_path: Path) -> None:
    path = files.vhap(tmp_path / "tracked_flame_params.npz")
    with np.load(path) as arrays:
        content = dict(arrays)
    np.savez(path, **(content | {"focal_length": np.array([-2.0])}))
    with pytest.raises(EiferError, match="camera"):
        exchange.read_track(path, rate_hz=30)
    np.savez(path, **(content | {"rotation": np.zeros((3, 3))}))
    with pytest.raises(EiferError, match=r"'rotation' .* has 3 frames, but 'expr' has 12"):
        exchange.read_track(path, rate_hz=30)
