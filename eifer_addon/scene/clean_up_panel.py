"""The fold of the Video panel in which a take is cleaned up after the fact."""

from __future__ import annotations

import textwrap
from typing import Any

import bpy

from ..errors import EiferError
from ..video.track_edits import CHOSEN
from .clean_up import can_clean_up, clean_up_of
from .clean_up_settings import problem_of, settings_of
from .takes import take_at_hand

#: Characters that fit a fold in the sidebar at its default width.
_LINE = 40


class VIEW3D_PT_eifer_clean_up(bpy.types.Panel):
    """Clean a take up without solving the film again."""

    bl_label = "Clean up"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "EIFER"
    bl_parent_id = "VIEW3D_PT_eifer_video"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A take that is not made from a recording has to be played."""
        return can_clean_up(take_at_hand(context))

    def draw(self, context: bpy.types.Context) -> None:
        """Main button, state line, then the sliders."""
        draw_clean_up(self.layout, context)


def draw_clean_up(layout: Any, context: bpy.types.Context) -> None:
    """Draw the clean-up of the take at hand."""
    action = take_at_hand(context)
    if not can_clean_up(action):
        layout.label(text="Choose a head that plays a film's take")
        return
    assert action is not None
    settings = settings_of(action)
    row = layout.row(align=True)
    row.scale_y = 1.4
    row.operator("eifer.clean_up_usual", icon="BRUSH_DATA")
    row.operator("eifer.clean_up", text="", icon="LOOP_BACK").reset = True
    for line in textwrap.wrap(problem_of(action) or state_line(action), _LINE):
        layout.label(text=line, icon="ERROR" if problem_of(action) else "NONE")
    if settings is not None:
        _draw_settings(layout, settings)


def state_line(action: bpy.types.Action) -> str:
    """Whether the keys are as filmed, in a few words."""
    try:
        edits = clean_up_of(action)
    except EiferError as error:
        return str(error)
    if edits.is_neutral:
        return "As filmed"
    if edits.mirror or edits.level_head or edits.head_motion != 1.0:
        return "Cleaned up; the head does not lie over the film any more"
    return "Cleaned up"


def _draw_settings(layout: Any, settings: Any) -> None:
    column = layout.column(align=True)
    column.prop(settings, "smoothing_hz")
    column.prop(settings, "eyelid_smoothing_hz")
    column = layout.column(align=True)
    column.prop(settings, "eyelids", slider=True)
    column.prop(settings, "gaze", slider=True)
    column = layout.column(align=True)
    row = column.row(align=True)
    row.prop(settings, "neutral", text="Rest")
    row.operator("eifer.pick_neutral", text="", icon="EYEDROPPER")
    if settings.neutral == CHOSEN:
        column.prop(settings, "neutral_s")
    column = layout.column(align=True)
    column.prop(settings, "symmetry", slider=True)
    column.prop(settings, "mirror")
    _draw_regions(layout, settings)
    header, body = layout.panel("eifer_clean_up_head", default_closed=True)
    header.label(text="Head")
    if body is not None:
        column = body.column(align=True)
        column.prop(settings, "head_smoothing_hz", text="Smoothing (Hz)")
        column.prop(settings, "head_motion", text="Motion", slider=True)
        body.prop(settings, "level_head")


def _draw_regions(layout: Any, settings: Any) -> None:
    header, body = layout.panel("eifer_clean_up_regions", default_closed=True)
    header.label(text="Gain and offset")
    if body is None:
        return
    column = body.column(align=True)
    for region in settings.regions:
        row = column.row(align=True)
        row.label(text=region.name.capitalize())
        row.prop(region, "gain", text="")
        row.prop(region, "offset", text="")
