"""Takes of a head: listing them, playing another one, and reading one back as a track."""

from __future__ import annotations

import json
from typing import Any

import bpy
import numpy as np

from ..errors import EiferError
from ..spaces import ARKIT52, ExpressionSpace, get_space
from ..track import Camera, ExpressionTrack
from .actions import curves, playing
from .controls import armature_of, head_of, metadata
from .drivers import key_path
from .keyframes import PREFIX, is_take
from .muscle_activity import is_activity
from .video_marks import CONFIDENCE_PATH

_Curves = dict[tuple[str, int], Any]


def takes_of(obj: bpy.types.Object) -> list[bpy.types.Action]:
    """The takes that were written for `obj`, by name."""
    return [a for a in bpy.data.actions if is_take(a) and a.get(f"{PREFIX}head") == obj.name]


def current_take(obj: bpy.types.Object) -> bpy.types.Action | None:
    """The take that `obj`, a head or another avatar, plays, if any."""
    for block in (obj, getattr(obj.data, "shape_keys", None), obj.find_armature()):
        if block is not None and is_take(playing(block)[0]):
            return playing(block)[0]
    return None


def avatar_of(obj: bpy.types.Object | None) -> bpy.types.Object | None:
    """The head that `obj` is or belongs to, else `obj` itself where it plays a take of ours."""
    head = head_of(obj)
    if head is not None or obj is None:
        return head
    return obj if current_take(obj) is not None else None


def take_at_hand(context: bpy.types.Context) -> bpy.types.Action | None:
    """The take that the chosen avatar plays, if there is one."""
    obj = avatar_of(context.object)
    return current_take(obj) if obj is not None else None


def notes_of(action: bpy.types.Action) -> dict[str, Any]:
    """The provenance that was noted on a take, without the prefix."""
    return {k.removeprefix(PREFIX): action[k] for k in action.keys() if k.startswith(PREFIX)}  # noqa: SIM118


def track_from_object(context: bpy.types.Context, obj: bpy.types.Object) -> ExpressionTrack:
    """Read the take that `obj` plays back as a track.

    Parameters
    ----------
    context : bpy.types.Context
        Its scene gives the frame rate.
    obj : bpy.types.Object
        A head's mesh object.

    Returns
    -------
    ExpressionTrack
        One frame per keyed moment, in the space that the take was written in; with the head pose
        where the take moves the root or the neck. A film's take also gives its gaps, its
        confidence and the camera.

    Raises
    ------
    EiferError
        When the head plays no take of ours.
    """
    metadata(obj)
    action = current_take(obj)
    if action is None:
        raise EiferError(f"The head '{obj.name}' plays no take.", "Import a recording first.")
    notes = notes_of(action)
    space = get_space(str(notes["space"]))
    found: _Curves = {}
    for block in (obj, obj.data.shape_keys, armature_of(obj)):
        # A take may keep muscle activity, too, at the recording's moments, gaps and all.
        found |= {
            (curve.data_path, curve.array_index): curve
            for curve in curves(block) if not is_activity(curve.data_path)
        }  # fmt: skip
    confidence = found.pop((CONFIDENCE_PATH, 0), None)
    frames = max((_points(curve)[:, 0] for curve in found.values()), key=len)
    sure = np.ones(len(frames))
    if confidence is not None:
        # A film's take has a value for every frame of the film, those without a face included.
        points = _points(confidence)
        frames = points[:, 0] if len(points) > len(frames) else frames
        sure = np.interp(frames, points[:, 0], points[:, 1])
    coefficients = np.stack([_column(name, space, found, frames) for name in space.coefficients], 1)
    fps = context.scene.render.fps / context.scene.render.fps_base
    seconds = (frames.astype(np.float64) - float(notes["frame_start"])) / fps
    return ExpressionTrack(
        space, coefficients.astype(np.float32), seconds, sure.astype(np.float32),
        _head_pose(found, frames), provenance=notes, camera=_camera(notes.pop("camera", None)),
    )  # fmt: skip


def _camera(noted: Any) -> Camera | None:
    """The camera of the film that a take came from."""
    if noted is None:
        return None
    values = json.loads(str(noted))
    x, y, z = values.pop("place")
    return Camera(place=(x, y, z), **values)


def _points(curve: Any) -> np.ndarray:
    """Keys (n, 2) of a curve: frame and value."""
    points = np.empty(2 * len(curve.keyframe_points), np.float32)
    curve.keyframe_points.foreach_get("co", points)
    return points.reshape(-1, 2)


def _at(found: _Curves, path: str, index: int, frames: np.ndarray, rest: float) -> np.ndarray:
    if (path, index) not in found:
        return np.full(len(frames), rest)
    points = _points(found[path, index])
    return np.interp(frames, points[:, 0], points[:, 1])


def _column(name: str, space: ExpressionSpace, found: _Curves, frames: np.ndarray) -> np.ndarray:
    if space.name == ARKIT52.name:
        return _at(found, f'["{name}"]', 0, frames, 0.0)
    if name.startswith("exp."):
        return _at(found, key_path(name), 0, frames, 0.0)
    if name.startswith("jaw."):
        return _turn(found, frames, "jaw")[:, "xyz".index(name[-1])]
    lid = "eyeBlinkLeft" if name == "eyelid.left" else "eyeBlinkRight"
    return _at(found, f'["{lid}"]', 0, frames, 0.0)


def _head_pose(found: _Curves, frames: np.ndarray) -> np.ndarray | None:
    """Axis-angle and translation (n, 6) of the bone that carries the head; None without keys."""
    for bone in ("root", "neck"):
        paths = [f'pose.bones["{bone}"].{what}' for what in ("rotation_quaternion", "location")]
        if not any(path in paths for path, _ in found):
            continue
        place = np.stack([_at(found, paths[1], k, frames, 0.0) for k in range(3)], axis=1)
        return np.hstack([_turn(found, frames, bone), place]).astype(np.float32)
    return None


def _turn(found: _Curves, frames: np.ndarray, bone: str) -> np.ndarray:
    """Axis-angle (n, 3) of a bone's keys."""
    path = f'pose.bones["{bone}"].rotation_quaternion'
    w, *vector = (_at(found, path, k, frames, float(k == 0)) for k in range(4))
    # q and -q are the same turn; of the two, the shorter way.
    shorter = np.where(w < 0, -1.0, 1.0)
    w, axis = w * shorter, np.stack(vector, axis=1) * shorter[:, None]
    length = np.linalg.norm(axis, axis=1)
    angle = 2 * np.arctan2(length, w)
    safe = np.where(length < 1e-12, 1.0, length)
    return axis * np.where(length < 1e-12, 2.0, angle / safe)[:, None]
