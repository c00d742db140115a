"""Show the muscle map on the chosen head, or hide it."""

from __future__ import annotations

from typing import Any

import bpy

from ..eifer_addon.scene import muscle_map
from ..eifer_addon.scene.muscle_activity import has_activity
from ..eifer_addon.scene.takes import current_take
from .base import OperatorResult, guarded, in_object_mode

#: On a scene: its views show colours for the map's sake.
_TURNED = "eifer_map_turned_views"


class EIFER_OT_show_muscle_map(bpy.types.Operator):
    """Show muscle activity as colours of the skin, with electrodes and legend, or hide it."""

    bl_idname = "eifer.show_muscle_map"
    bl_label = "Muscle map"
    bl_description = (
        "Show muscle activity as colours of the skin, with electrodes and legend, or hide it"
    )
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A head or another avatar's mesh has to be chosen, in object mode."""
        if muscle_map.map_target(context.object) is None:
            cls.poll_message_set("Choose a head, or the mesh of an avatar's face")
            return False
        return in_object_mode(cls, context, "the map is made")

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Turn it on or off."""
        return guarded(self, lambda: self._toggle(context))

    def _toggle(self, context: bpy.types.Context) -> None:
        obj = muscle_map.map_target(context.object)
        assert obj is not None
        show = not muscle_map.is_shown(obj)
        muscle_map.show_map(context, obj, show=show)
        _colour_views(context, show=show)
        take = current_take(obj)
        if show and take is not None and not has_activity(obj):
            self.report(
                {"WARNING"},
                f"The take '{take.name}' holds no muscle activity; import its recording again to "
                "see it on the map.",
            )


def _colour_views(context: bpy.types.Context, *, show: bool) -> None:
    """Let solid views show colours, which the map is made of, and turn them back afterwards."""
    scene: Any = context.scene
    before, after = ("MATERIAL", "VERTEX") if show else ("VERTEX", "MATERIAL")
    others = any(muscle_map.is_shown(obj) for obj in scene.objects if obj.type == "MESH")
    if not show and (others or not scene.pop(_TURNED, False)):
        return
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            shading = area.spaces.active.shading if area.type == "VIEW_3D" else None
            if shading is not None and shading.type == "SOLID" and shading.color_type == before:
                shading.color_type = after
                if show:
                    scene[_TURNED] = True
