"""Track files laid out as other programs write them, for the tests that read them."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from eifer.eifer_addon.spaces import ARKIT52, ARKIT_NAMES
from eifer.eifer_addon.track import ExpressionTrack

#: Typed from a capture's own header, not from our module.
LIVELINK_HEADER = (
    "Timecode,BlendShapeCount,EyeBlinkLeft,EyeLookDownLeft,EyeLookInLeft,EyeLookOutLeft,"
    "EyeLookUpLeft,EyeSquintLeft,EyeWideLeft,EyeBlinkRight,EyeLookDownRight,EyeLookInRight,"
    "EyeLookOutRight,EyeLookUpRight,EyeSquintRight,EyeWideRight,JawForward,JawRight,JawLeft,"
    "JawOpen,MouthClose,MouthFunnel,MouthPucker,MouthRight,MouthLeft,MouthSmileLeft,"
    "MouthSmileRight,MouthFrownLeft,MouthFrownRight,MouthDimpleLeft,MouthDimpleRight,"
    "MouthStretchLeft,MouthStretchRight,MouthRollLower,MouthRollUpper,MouthShrugLower,"
    "MouthShrugUpper,MouthPressLeft,MouthPressRight,MouthLowerDownLeft,MouthLowerDownRight,"
    "MouthUpperUpLeft,MouthUpperUpRight,BrowDownLeft,BrowDownRight,BrowInnerUp,BrowOuterUpLeft,"
    "BrowOuterUpRight,CheekPuff,CheekSquintLeft,CheekSquintRight,NoseSneerLeft,NoseSneerRight,"
    "TongueOut,HeadYaw,HeadPitch,HeadRoll,LeftEyeYaw,LeftEyePitch,LeftEyeRoll,RightEyeYaw,"
    "RightEyePitch,RightEyeRoll"
)
OPENFACE_UNITS = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 45)
PYFEAT_UNITS = (1, 2, 4, 5, 6, 7, 9, 10, 11, 12, 14, 15, 17, 20, 23, 24, 25, 26, 28, 43)
MMM_GROUPS = {
    "smirk": {"pose": 3, "cam": 3, "idt": 300, "exp": 50, "eyelid": 2, "jaw": 3},
    "deca": {"idt": 100, "tex": 50, "exp": 50, "pose": 6, "cam": 3, "light": 27},
    "deep3dface": {"idt": 80, "exp": 64, "tex": 80, "angle": 3, "gamma": 27, "t": 3},
    "focus": {"idt": 199, "exp": 100, "tex": 199, "cam": 6, "sh": 27},
}


def random(n_frames: int, n_columns: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((n_frames, n_columns))


def some_track(n_frames: int = 20, **changes: object) -> ExpressionTrack:
    """Frames at uneven times with a gap, a head pose and an identity."""
    generator = np.random.default_rng(5)
    confidence = generator.random(n_frames).astype(np.float32)
    confidence[3] = 0
    fields: dict[str, object] = {
        "space": ARKIT52,
        "coefficients": generator.random((n_frames, 52), dtype=np.float32),
        "timestamps": np.cumsum(generator.uniform(0.01, 0.1, n_frames)),
        "confidence": confidence,
        "head_pose": generator.normal(size=(n_frames, 6)).astype(np.float32) * 0.3,
        "identity": generator.normal(size=7).astype(np.float32),
        "provenance": {"model": "test", "simulated": True, "source": "a.edf"},
    }
    return ExpressionTrack(**(fields | changes))  # type: ignore[arg-type]


def write_rows(path: Path, header: Sequence[str], rows: np.ndarray | list[list[str]]) -> Path:
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(header)
        writer.writerows(rows)
    return path


def livelink(path: Path, n_frames: int = 90, rate: int = 30) -> Path:
    values = random(n_frames, 61)
    lines = [LIVELINK_HEADER]
    for k, row in enumerate(values):
        seconds, frame = divmod(k + 8 * rate, rate)
        cells = ",".join(f"{value:.10f}" for value in row)
        lines.append(f"14:03:{seconds:02d}:{frame:02d}.207,61,{cells}")
    path.write_text("\n".join(lines) + "\n")
    return path


def openface(path: Path, n_frames: int = 40) -> Path:
    """With blanks after the commas of the header, as OpenFace writes it."""
    names = ["frame", "face_id", "timestamp", "confidence", "success"]
    names += [f"gaze_{eye}_{axis}" for eye in (0, 1) for axis in "xyz"]
    names += ["gaze_angle_x", "gaze_angle_y"]
    names += [f"pose_{kind}{axis}" for kind in "TR" for axis in "xyz"]
    names += [f"x_{k}" for k in range(68)] + [f"X_{k}" for k in range(68)]
    names += [f"AU{unit:02d}_r" for unit in OPENFACE_UNITS]
    names += [f"AU{unit:02d}_c" for unit in (*OPENFACE_UNITS, 28)]
    values = random(n_frames, len(names))
    column = {name: k for k, name in enumerate(names)}
    values[:, 0], values[:, 1], values[:, 4] = np.arange(1, n_frames + 1), 0, 1
    values[:, 2] = np.arange(n_frames) / 25
    values[:, column["AU01_r"] : column["AU45_r"] + 1] *= 5
    values[:, [column[f"pose_T{axis}"] for axis in "xyz"]] *= 100
    values[:, [column["gaze_0_z"], column["gaze_1_z"]]] = -1
    values[7, 4] = 0
    lines = [", ".join(names)] + [", ".join(f"{v:.6g}" for v in row) for row in values]
    path.write_text("\n".join(lines) + "\n")
    return path


def pyfeat(path: Path, n_frames: int = 30, blendshapes: bool = False) -> Path:
    """As its versions up to 0.6 write it; later ones add MediaPipe's blendshapes."""
    names = ["", "FaceRectX", "FaceRectY", "FaceRectWidth", "FaceRectHeight", "FaceScore", "x_0"]
    names += ["Pitch", "Roll", "Yaw", *(f"AU{unit:02d}" for unit in PYFEAT_UNITS)]
    if blendshapes:
        names += ["_neutral", *(name for name in ARKIT_NAMES if name != "tongueOut")]
    names += ["anger", "happiness", "input", "frame", "Identity"]
    rows = [[f"{v:.7g}" for v in row] for row in random(n_frames, len(names) - 3)]
    for k, row in enumerate(rows):
        row[0] = str(k)
        row += ["film, one.mp4", str(k), "Person_0"]
    first, last = names.index("FaceRectX"), names.index("happiness")
    rows[4][first : last + 1] = [""] * (last - first + 1)
    return write_rows(path, names, rows)


def mmm(path: Path, method: str, n_frames: int = 25) -> Path:
    """Groups in another order than the networks give them; packed where the name ends in gz."""
    groups = MMM_GROUPS[method]
    names = ["", *(f"{group}_{k}" for group, size in groups.items() for k in range(size))]
    values = random(n_frames, len(names)) * 0.2
    lines = [",".join(names)]
    lines += [f"{k}," + ",".join(f"{v:.9g}" for v in row[1:]) for k, row in enumerate(values)]
    text = "\n".join(lines) + "\n"
    data = gzip.compress(text.encode(), mtime=0) if path.suffix == ".gz" else text.encode()
    path.write_bytes(data)
    return path


def mediapipe(path: Path, n_frames: int = 25) -> Path:
    names = ["_neutral", *(name for name in reversed(ARKIT_NAMES) if name != "tongueOut")]
    return write_rows(path, names, random(n_frames, len(names)))


def smirk(path: Path, n_frames: int = 12) -> Path:
    sizes = {"pose_params": 3, "cam": 3, "shape_params": 300, "expression_params": 50,
             "eyelid_params": 2, "jaw_params": 3}  # fmt: skip
    arrays = {k: random(n_frames, n).astype(np.float32) * 0.2 for k, n in sizes.items()}
    np.savez(path, **arrays)
    return path


def vhap(path: Path, n_frames: int = 12) -> Path:
    """``tracked_flame_params_….npz``: all frames, a camera, and what a track has no place for."""
    arrays = vhap_arrays(n_frames)
    np.savez(
        path, **arrays, timestep_id=np.array([f"{k:05d}" for k in range(n_frames)]),
        n_processed_frames=n_frames, focal_length=np.array([1.5], np.float32),
        image_size=np.array([400, 600]), lights=np.zeros((9, 3), np.float32),
    )  # fmt: skip
    return path


def vhap_arrays(n_frames: int) -> dict[str, np.ndarray]:
    """What VHAP's two kinds of files have in common, one row per frame but for the shape."""
    sizes = {"translation": 3, "rotation": 3, "neck_pose": 3, "jaw_pose": 3, "eyes_pose": 6,
             "expr": 100}  # fmt: skip
    arrays = {k: (random(n_frames, n) - 0.5).astype(np.float32) * 0.3 for k, n in sizes.items()}
    arrays["shape"] = random(1, 300)[0].astype(np.float32)
    return arrays | {"static_offset": np.zeros((1, 40, 3), np.float32)}


def vhap_folder(folder: Path, frames: Sequence[int]) -> Path:
    """``flame_param/00000.npz`` and so on, as VHAP exports them."""
    arrays = vhap_arrays(len(frames))
    folder.mkdir()
    for row, frame in enumerate(frames):
        fixed = {k: arrays[k] for k in ("shape", "static_offset")}
        moving = {k: v[[row]] for k, v in arrays.items() if k not in fixed}
        np.savez(folder / f"{frame:05d}.npz", **moving, **fixed)
    return folder


def head_tracker(folder: Path, frames: Sequence[int]) -> Path:
    """flame-head-tracker's ``0.npz`` and so on, with the pictures that it keeps in them."""
    sizes = {"shape": 300, "exp": 100, "head_pose": 3, "jaw_pose": 3, "neck_pose": 3,
             "eye_pose": 6, "tex": 50, "cam": 6}  # fmt: skip
    arrays = {k: (random(len(frames), n) - 0.5).astype(np.float32) for k, n in sizes.items()}
    arrays["head_pose"] *= 0
    folder.mkdir()
    for row, frame in enumerate(frames):
        np.savez_compressed(
            folder / f"{frame}.npz", **{k: v[[row]] for k, v in arrays.items()},
            fov=np.array([20.0]), K=np.eye(3)[None], img=np.zeros((1, 16, 16, 3), np.uint8),
        )  # fmt: skip
    return folder


def deca(path: Path, n_frames: int = 12, names: str = "deca") -> Path:
    sizes = {"shape": 100, "tex": 50, "exp": 50, "pose": 6, "cam": 3}
    suffix = "code" if names == "emoca" else ""
    arrays = {
        (k if k == "cam" else k + suffix): random(n_frames, n).astype(np.float32) * 0.3
        for k, n in sizes.items()
    }
    arrays["light"] = random(n_frames, 27).reshape(n_frames, 9, 3)
    np.savez(path, fps=25.0, **arrays)
    return path
