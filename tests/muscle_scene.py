"""What the tests of the muscle map in Blender share."""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np

from eifer.eifer_addon.heads.muscle_map import muscles_shown
from eifer.eifer_addon.scene.muscle_activity import property_of
from eifer.eifer_addon.signals.activity import Activity
from eifer.eifer_addon.spaces import ARKIT52
from eifer.eifer_addon.track import ExpressionTrack

LEFT, RIGHT = property_of("zygomaticus.left"), property_of("zygomaticus.right")


def take_of(left: float = 1.0) -> tuple[ExpressionTrack, Activity]:
    """A second at rest, then a second of the left zygomaticus, at 10 Hz."""
    times = np.arange(21) / 10
    values = np.zeros((21, 52), np.float32)
    values[11:, ARKIT52.coefficients.index("mouthSmileLeft")] = left
    track = ExpressionTrack(ARKIT52, values, times, np.ones(21, np.float32))
    names = muscles_shown()
    muscles = np.zeros((21, len(names)), np.float32)
    muscles[11:, names.index("zygomaticus.left")] = left
    return track, Activity(muscles, 10.0, names, np.ones(22), np.ones(22), names)


def evaluated(obj: bpy.types.Object) -> Any:
    bpy.context.view_layer.update()
    return obj.evaluated_get(bpy.context.evaluated_depsgraph_get())


def colours(obj: bpy.types.Object) -> np.ndarray:
    mesh = evaluated(obj).data
    values = np.empty(4 * len(mesh.vertices), np.float32)
    mesh.attributes["Colour"].data.foreach_get("color", values)
    return values.reshape(-1, 4)[:, :3]


def positions(obj: bpy.types.Object) -> np.ndarray:
    mesh = evaluated(obj).data
    values = np.empty(3 * len(mesh.vertices), np.float32)
    mesh.vertices.foreach_get("co", values)
    return values.reshape(-1, 3)


def set_activity(obj: bpy.types.Object, **values: float) -> None:
    for name, value in values.items():
        obj[name] = value
    obj.update_tag()


def part(head: bpy.types.Object, what: str) -> bpy.types.Object:
    return bpy.data.objects[f"{head.name} {what}"]
