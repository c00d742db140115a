"""FLAME parameters that trackers fit to a film: VHAP and flame-head-tracker.

VHAP (Qian, github.com/ShenhanQian/VHAP) writes ``tracked_flame_params_….npz`` with all frames, and
exports ``flame_param/00000.npz`` and so on, one per frame. flame-head-tracker (Yan,
github.com/PeizhiYan/flame-head-tracker) writes ``0.npz`` and so on. Of numbered files any one
stands for all of its folder, or the folder is given. Poses are axis-angle in radians.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import EiferError
from ..heads.model import rodrigues
from ..spaces import get_space
from ..track import Camera, ExpressionTrack
from .archive import names_of
from .base import Choices, Format, make_track
from .flame_npz import rows_of
from .frame_files import frame_files
from .rotations import axis_angles, matrices_about

_VHAP = frozenset({
    "translation", "rotation", "neck_pose", "jaw_pose", "eyes_pose", "shape", "expr",
})  # fmt: skip
_CAMERA = frozenset({"focal_length", "image_size"})
_HEAD_TRACKER = frozenset({"shape", "exp", "head_pose", "jaw_pose", "eye_pose", "cam", "fov"})
#: Of both: what a track has no place for.
_LEFT_OUT = frozenset({
    "eyes_pose", "eye_pose", "static_offset", "dynamic_offset", "tex", "tex_extra", "lights",
    "light",
})  # fmt: skip
_MOST_EXPRESSION, _MOST_SHAPE = 100, 300
#: From the root joint to the neck's in m, as on the open head; trackers turn the neck by little.
_ROOT_TO_NECK = np.array([0.0, 0.0305, 0.0111])
#: VHAP films an uncalibrated head from a metre in front of FLAME's origin.
_VHAP_PLACE = (0.0, 0.0, -1.0)


def recognise_vhap(names: frozenset[str]) -> bool:
    """Whether the arrays are VHAP's."""
    return names >= _VHAP


def recognise_head_tracker(names: frozenset[str]) -> bool:
    """Whether the arrays are flame-head-tracker's."""
    return names >= _HEAD_TRACKER


def read_vhap(path: Path, choices: Choices) -> ExpressionTrack:
    """Read VHAP's parameters into ``flame2023:eNj3``, the model that it uses unless told.

    Head pose is the root's rotation and the translation, the neck's small turn joined to them; the
    camera is the one that VHAP found, where the file has it.

    Raises
    ------
    EiferError
        Naming file, array and frame; also when the frame rate is not given.
    """
    found = _Found(path, "expr")
    has_camera = found.present >= _CAMERA and len(found.files.numbers) == 0
    found.load(_VHAP - {"eyes_pose"} | (_CAMERA if has_camera else frozenset()))
    root, neck = rodrigues(found.rows("rotation")), rodrigues(found.rows("neck_pose"))
    moved = found.rows("translation") + (root - root @ neck) @ _ROOT_TO_NECK
    pose = np.concatenate([axis_angles(root @ neck), moved], axis=1)
    track = found.track(choices, pose, "flame2023", {"format": "vhap"})
    return replace(track, camera=_camera(path, found.arrays)) if has_camera else track


def read_head_tracker(path: Path, choices: Choices) -> ExpressionTrack:
    """Read flame-head-tracker's parameters into ``flame2020:eNj3``.

    It keeps the head still and turns the camera around it; here the head turns. The camera sees a
    crop that follows the face, so the head's place in the film is not known, and no translation
    is given.

    Raises
    ------
    EiferError
        Naming file, array and frame; also when the frame rate is not given.
    """
    found = _Found(path, "exp")
    neck = frozenset({"neck_pose"}) & found.present
    found.load({"shape", "exp", "head_pose", "jaw_pose", "cam"} | neck)
    # Its yaw, pitch and roll turn the camera by Rz(roll)·Ry(yaw)·Rx(pitch).
    camera = matrices_about("zyx", found.rows("cam", 6)[:, [2, 0, 1]])
    turned = np.swapaxes(camera, 1, 2) @ rodrigues(found.rows("head_pose"))
    for name in neck:
        turned = turned @ rodrigues(found.rows(name))
    pose = np.concatenate([axis_angles(turned), np.zeros((len(turned), 3))], axis=1)
    notes = {"format": "flame-head-tracker", "translation": "none: the camera follows the face"}
    return found.track(choices, pose, "flame2020", notes)


class _Found:
    """The arrays of one file, or of all numbered files of a folder."""

    def __init__(self, path: Path, expression: str) -> None:
        self.path, self.expression = path, expression
        self.files, self.present = frame_files(path), names_of(path)
        self.arrays: dict[str, np.ndarray] = {}

    def load(self, names: Iterable[str]) -> None:
        """Read these arrays."""
        self.arrays = self.files.arrays(sorted(names))

    def rows(self, name: str, low: int = 3, high: int | None = None) -> np.ndarray:
        """An array with one row per frame, as many as the expression has."""
        values = rows_of(self.path, name, self.arrays[name], (low, high or low))
        if name != self.expression:
            frames = len(self.rows(self.expression, 1, _MOST_EXPRESSION))
            if len(values) != frames:
                raise EiferError(
                    f"The array '{name}' of {self.path.name} has {len(values)} frames, but "
                    f"'{self.expression}' has {frames}.",
                    "Export it again.",
                )
        return values

    def track(
        self, choices: Choices, pose: np.ndarray, basis: str, notes: Mapping[str, Any]
    ) -> ExpressionTrack:
        """A track at the frames that the files are numbered by; frames without a file are gaps."""
        if choices.rate_hz is None:
            raise EiferError(
                f"{self.path.name} does not say its frame rate.", "Give the film's frame rate."
            )
        expression = self.rows(self.expression, 1, _MOST_EXPRESSION)
        values = np.concatenate([expression, self.rows("jaw_pose")], axis=1)
        coefficients, confidence = self.files.spread(values)
        poses, _ = self.files.spread(pose)
        poses[confidence == 0] = np.nan  # the head stays where it was
        left_out = sorted(_LEFT_OUT & self.present)
        identity = rows_of(self.path, "shape", self.arrays["shape"], (1, _MOST_SHAPE))
        return make_track(
            self.path, get_space(f"{choices.basis or basis}:e{expression.shape[1]}j3"),
            coefficients,
            (self.files.first_frame() + np.arange(len(coefficients))) / choices.rate_hz,
            confidence=confidence, head_pose=poses, identity=np.median(identity, axis=0),
            provenance={
                **self.files.source(), **notes,
                "basis_from": "chosen" if choices.basis else "the program's default",
                **({"left_out": left_out} if left_out else {}),
            },
        )  # fmt: skip


def _camera(path: Path, arrays: Mapping[str, np.ndarray]) -> Camera:
    """VHAP's camera: its focal length is in units of the picture's longer side."""
    focal, size = arrays["focal_length"].ravel(), arrays["image_size"].ravel()
    if len(focal) != 1 or len(size) != 2 or not (0 < focal[0] < 1e3 and (size >= 1).all()):
        raise EiferError(f"The camera in {path.name} makes no sense.", "Export it again.")
    if not (size < 1e6).all():
        raise EiferError(f"The picture of {path.name} is too large.", "Export it again.")
    high, wide = (int(n) for n in size)
    return Camera(wide, high, float(focal[0] * max(high, wide)), _VHAP_PLACE)


VHAP = Format("vhap", "VHAP npz", recognise_vhap, read_vhap)
HEAD_TRACKER = Format(
    "flame-head-tracker", "flame-head-tracker npz", recognise_head_tracker, read_head_tracker
)
