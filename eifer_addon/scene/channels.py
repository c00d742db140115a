"""From a track's columns to what is keyed on a head: controls, shape keys and bones."""

from __future__ import annotations

import re
from dataclasses import dataclass

import bpy
import numpy as np

from ..errors import EiferError
from ..spaces import ARKIT52
from ..track import ExpressionTrack
from .axes import continuous, quaternions
from .controls import controls_of, metadata
from .drivers import key_path

_REGIONS = {
    "brow": "Brows", "eye": "Eyes", "cheek": "Cheeks", "nose": "Nose",
    "mouth": "Mouth", "jaw": "Jaw", "tongue": "Tongue",
}  # fmt: skip
_HEAD_GROUP = "Head"
_SLIDER_LIMIT = 10.0
#: SMIRK's eyelid offsets act after skinning; the lids' ARKit units close the same lids before it.
_EYELIDS = {"eyelid.left": "eyeBlinkLeft", "eyelid.right": "eyeBlinkRight"}


@dataclass(frozen=True)
class Channel:
    """One curve to be written: which part of the rig, which property, which values (n,)."""

    part: str  # "head": the mesh object, "keys": its shape keys, "rig": the armature object
    path: str
    index: int
    group: str
    values: np.ndarray


def channels_of(
    obj: bpy.types.Object, track: ExpressionTrack, head_bone: str | None
) -> tuple[list[Channel], tuple[str, ...]]:
    """What to key on `obj`, and the coefficients that have no place there.

    Raises
    ------
    EiferError
        When the track's space is not this head's.
    """
    if track.space.name == ARKIT52.name:
        channels, left_over = _controls(obj, track), ()
    else:
        channels, left_over = _coefficients(obj, track)
    if track.head_pose is not None and head_bone is not None:
        channels += _head_pose(track.head_pose, head_bone)
    return channels, left_over


def region(name: str) -> str:
    """The part of the face that an ARKit control belongs to."""
    prefix = re.match(r"[a-z]+", name)
    return _REGIONS.get(prefix[0] if prefix else "", "Face")


def _controls(obj: bpy.types.Object, track: ExpressionTrack) -> list[Channel]:
    if not controls_of(obj):
        raise EiferError(
            f"The track is in 'arkit52', but the head '{obj.name}' has no ARKit controls.",
            "Carry the track over with api.retarget(track, head), or add a head that has them.",
        )
    return [_control(name, track.column(name)) for name in track.space.coefficients]


def _control(name: str, values: np.ndarray) -> Channel:
    return Channel("head", f'["{name}"]', 0, region(name), values)


def _coefficients(
    obj: bpy.types.Object, track: ExpressionTrack
) -> tuple[list[Channel], tuple[str, ...]]:
    head = metadata(obj)["head"]
    if track.space.basis != head:
        raise EiferError(
            f"The track is in '{track.space.name}', but the head '{obj.name}' is of the basis "
            f"'{head}'.",
            "Carry the track over with api.retarget(track, head).",
        )
    channels: list[Channel] = []
    left_over: list[str] = []
    for name in track.space.coefficients:
        if name.startswith("exp."):
            channels += _expression(obj, name, track.column(name))
        elif name in _EYELIDS and controls_of(obj):
            channels.append(_control(_EYELIDS[name], track.column(name)))
        elif not name.startswith("jaw."):
            left_over.append(name)
    if "jaw.x" in track.space.coefficients:
        jaw = np.stack([track.column(f"jaw.{axis}") for axis in "xyz"], axis=1)
        channels += _rotation("jaw", jaw, "Jaw")
    return channels, tuple(left_over)


def _expression(obj: bpy.types.Object, name: str, values: np.ndarray) -> list[Channel]:
    if name not in obj.data.shape_keys.key_blocks:
        if not values.any():
            return []
        raise EiferError(
            f"The track moves '{name}', but the head '{obj.name}' has no such shape key.",
            "Add the head with more expression keys.",
        )
    frame = int(np.argmax(np.abs(values)))
    if abs(values[frame]) > _SLIDER_LIMIT:
        raise EiferError(
            f"'{name}' is {values[frame]:.3g} at frame {frame} of the track, and Blender's shape "
            f"keys end at {_SLIDER_LIMIT:g}.",
            "Limit the track's coefficients.",
        )
    return [Channel("keys", key_path(name), 0, "Expression", values)]


def _rotation(bone: str, axis_angle: np.ndarray, group: str) -> list[Channel]:
    path = f'pose.bones["{bone}"].rotation_quaternion'
    turned = continuous(quaternions(axis_angle))
    return [Channel("rig", path, k, group, turned[:, k]) for k in range(4)]


def _head_pose(pose: np.ndarray, bone: str) -> list[Channel]:
    channels = _rotation(bone, pose[:, :3], _HEAD_GROUP)
    path = f'pose.bones["{bone}"].location'
    return channels + [Channel("rig", path, k, _HEAD_GROUP, pose[:, 3 + k]) for k in range(3)]
