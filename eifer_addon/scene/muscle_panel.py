"""The panel of the muscle map."""

from __future__ import annotations

from typing import Any

import bpy

from ..heads.muscle_map import muscles_shown
from .muscle_activity import has_activity, property_of
from .muscle_map import is_shown, map_target
from .muscle_nodes import SWITCH


class VIEW3D_PT_eifer_muscles(bpy.types.Panel):
    """Muscle activity on the face."""

    bl_label = "Muscles"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "EIFER"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """Main button, state line, then the activity at the current frame."""
        layout = self.layout
        obj = map_target(context.object)
        shown = obj is not None and is_shown(obj)
        row = layout.row()
        row.scale_y = 1.4
        text = "Hide Muscle Map" if shown else "Show Muscle Map"
        row.operator("eifer.show_muscle_map", text=text, icon="SHADING_RENDERED")
        layout.label(text=state_line(obj))
        if obj is None or not shown:
            return
        layout.prop(obj, f'["{SWITCH}"]', text="Strength", slider=True)
        header, body = layout.panel("eifer_muscle_activity", default_closed=True)
        header.label(text="Activity at this frame")
        if body is not None:
            _draw_activity(body, obj)


def _draw_activity(body: Any, obj: bpy.types.Object) -> None:
    """A bar per muscle and side, the subject's right at the left, as one looks at a face."""
    stems = dict.fromkeys(muscle.partition(".")[0] for muscle in muscles_shown())
    column = body.column(align=True)
    for stem in stems:
        column.label(text=stem.replace("_", " ").capitalize())
        row = column.row(align=True)
        for side in ("right", "left"):
            name = property_of(f"{stem}.{side}")
            row.prop(obj, f'["{name}"]', text=side.capitalize(), slider=True)


def state_line(obj: bpy.types.Object | None) -> str:
    """Whether there is something to show."""
    if obj is None:
        return "Choose a head or the mesh of a face"
    if not has_activity(obj):
        return "No muscle activity in the take"
    return "Activity comes from the take"
