"""The fold of the Recordings panel in which a take is changed after the fact."""

from __future__ import annotations

from typing import Any

import bpy

from ..signals.edits import Edits
from ..signals.one_euro import one_euro_delay_ms
from .edit_settings import recipe_is_changed, settings_of
from .recipes import Recipe, has_recipe, recipe_of
from .takes import avatar_of, take_at_hand


class VIEW3D_PT_eifer_take_edits(bpy.types.Panel):
    """Change the take and make its keys again from the recording."""

    bl_label = "Edit the take"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "EIFER"
    bl_parent_id = "VIEW3D_PT_eifer_recordings"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A take that remembers its recording has to be played."""
        return _take(context) is not None

    def draw(self, context: bpy.types.Context) -> None:
        """Main button, state line, then the settings."""
        layout = self.layout
        action = _take(context)
        assert action is not None
        shown = avatar_of(context.object)
        row = layout.row(align=True)
        row.scale_y = 1.4
        row.operator("eifer.remake_take", icon="FILE_REFRESH")
        row.operator("eifer.remake_take", text="", icon="DUPLICATE").as_new = True
        others = [obj for obj in context.selected_objects if avatar_of(obj) not in (None, shown)]
        if others:
            several = layout.operator(
                "eifer.remake_take", text="On all selected avatars", icon="COMMUNITY"
            )
            several.selected = True
        settings = settings_of(action)
        layout.label(text=state_line(action, recipe_of(action)))
        if settings is not None:
            _draw_settings(layout, settings)


def _take(context: bpy.types.Context) -> bpy.types.Action | None:
    action = take_at_hand(context)
    return action if has_recipe(action) else None


def state_line(action: bpy.types.Action, recipe: Recipe) -> str:
    """Whether the keys are what the settings say."""
    if settings_of(action) is None:
        return "Press the button to see the settings"
    if recipe_is_changed(action, recipe):
        return "Changed since the keys were made"
    return "As measured" if recipe.edits == Edits() else "The keys are as set here"


def _draw_settings(layout: Any, settings: Any) -> None:
    layout.prop(settings, "preset")
    layout.prop(settings, "model")
    column = layout.column(align=True)
    column.prop(settings, "delay_ms")
    column.prop(settings, "symmetry", slider=True)
    column.prop(settings, "dead_zone", slider=True)
    column = layout.column(align=True)
    column.prop(settings, "min_cutoff_hz")
    if settings.min_cutoff_hz > 0:
        column.prop(settings, "beta")
        delay_ms = one_euro_delay_ms(settings.min_cutoff_hz)
        column.label(text=f"Up to {delay_ms:.0f} ms late, less when quick")
    layout.prop(settings, "swap_sides")
    header, body = layout.panel("eifer_take_muscles", default_closed=True)
    header.label(text="Muscles: gain and rest")
    if body is None:
        return
    column = body.column(align=True)
    for muscle in settings.muscles:
        row = column.row(align=True)
        name, _, side = muscle.name.partition(".")
        row.label(text=f"{side} {name.replace('_', ' ')}".strip().capitalize())
        row.prop(muscle, "gain", text="")
        row.prop(muscle, "baseline", text="")
