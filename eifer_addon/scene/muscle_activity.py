"""Muscle activity on a head: one custom property per muscle, keyed in the take's own action."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import bpy
import numpy as np

from ..heads.muscle_map import muscles_shown
from .actions import HAS_SLOTS, CurveWriter, Take, bag_of, curves, playing
from .keyframes import PREFIX

if TYPE_CHECKING:
    from ..signals.activity import Activity

_PROPERTY = "activity_"
_GROUP = "Muscles"
#: Beyond 1, the strongest 5 % of moments; a slider ends somewhere.
_MOST = 2.0


def property_of(muscle: str) -> str:
    """The custom property of a muscle: ``zygomaticus.left`` gives ``activity_zygomaticus_left``."""
    return _PROPERTY + muscle.replace(".", "_")


def is_activity(path: str) -> bool:
    """Whether a curve's data path is a muscle's activity."""
    return path.startswith(f'["{_PROPERTY}')


def add_activity(obj: bpy.types.Object) -> None:
    """Give a head the muscles' properties, at rest, where it lacks them."""
    for muscle in muscles_shown():
        name = property_of(muscle)
        if name in obj:
            continue
        obj[name] = 0.0
        stem, _, side = muscle.replace("_", " ").partition(".")
        obj.id_properties_ui(name).update(
            min=0.0, max=10.0, soft_min=0.0, soft_max=_MOST, default=0.0, step=5, precision=2,
            description=f"Activity of the {side} {stem}: 0 at rest, 1 when strong",
        )  # fmt: skip
        obj.property_overridable_library_set(f'["{name}"]', True)


def has_activity(obj: bpy.types.Object) -> bool:
    """Whether what a head plays holds muscle activity."""
    return any(is_activity(curve.data_path) for curve in curves(obj))


def key_activity(
    context: bpy.types.Context, obj: bpy.types.Object, action: Any, activity: Activity
) -> None:
    """Key muscle activity in the take that a head plays.

    Parameters
    ----------
    context : bpy.types.Context
        Its scene gives the frame rate.
    obj : bpy.types.Object
        A head's mesh object.
    action : bpy.types.Action
        The take; its note of the first frame is where time 0 stands.
    activity : Activity
        Muscles that have no place on the map are left out; earlier keys are replaced.
    """
    add_activity(obj)
    scene = context.scene
    fps = scene.render.fps / scene.render.fps_base
    frames = float(action[f"{PREFIX}frame_start"]) + activity.timestamps * fps
    bag = _bag(obj, action)
    if bag is None:
        return
    for curve in [curve for curve in bag.fcurves if is_activity(curve.data_path)]:
        bag.fcurves.remove(curve)
    if len(frames) == 0:
        return
    writer = CurveWriter(frames)
    for muscle, values in _shown(activity):
        writer.write(bag, f'["{property_of(muscle)}"]', 0, _GROUP, values)


def _shown(activity: Activity) -> Iterator[tuple[str, np.ndarray]]:
    """Muscles with a place on the map and their values (n_frames,); at rest without a channel."""
    for muscle in muscles_shown():
        if muscle in activity.muscles:
            yield muscle, activity.column(muscle)
        else:
            yield muscle, np.zeros(len(activity), np.float32)


def _bag(obj: bpy.types.Object, action: Any) -> Any:
    """Where the take keeps the curves of the head's own properties.

    None when the head's properties play an action of somebody else's.
    """
    own, _ = playing(obj)
    if own is None:
        return Take(action.name, [action]).bag(obj, "muscles")
    return bag_of(obj) if own == action or not HAS_SLOTS else None
