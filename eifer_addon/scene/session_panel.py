"""The fold of the Video panel for a film and an EMG recording of one session."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable
from typing import Any

import bpy

from ..signals.sync_result import LIGHT, START
from .controls import head_of
from .keyframes import PREFIX, is_take
from .playing_takes import is_played
from .session import sync_of
from .session_beside import beside_of
from .session_settings import session_of, words_of
from .takes import takes_of

#: Characters that fit a fold in the sidebar at its default width.
_LINE = 40


class VIEW3D_PT_eifer_session(bpy.types.Panel):
    """Film and EMG on one timeline."""

    bl_label = "Film and EMG of one session"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "EIFER"
    bl_parent_id = "VIEW3D_PT_eifer_video"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A head with two takes has to be chosen."""
        obj = head_of(context.object)
        return obj is not None and len(takes_of(obj)) > 1

    def draw(self, context: bpy.types.Context) -> None:
        """Takes, clocks, which take is shown, and the fused one."""
        draw_session(self.layout, context)


def draw_session(layout: Any, context: bpy.types.Context) -> None:
    """Draw the session of the head at hand."""
    settings = session_of(context.scene)
    column = layout.column(align=True)
    column.prop(settings, "film", icon="FILE_MOVIE")
    column.prop(settings, "emg", icon="RNDCURVE")
    if not (is_take(settings.film) and is_take(settings.emg)):
        layout.label(text="Choose the take of the film and that of the EMG")
        return
    _draw_clocks(layout, settings)
    _draw_shown(layout, context, settings)
    column = layout.column(align=True)
    column.label(text="Covered in the whole film:")
    column.grid_flow(columns=3, align=True, even_columns=True).prop(settings, "covered")
    _draw_stretches(column, settings)
    row = layout.row(align=True)
    row.prop(settings, "own_delay")
    if settings.own_delay:
        row.prop(settings, "delay_ms", text="")
    row = layout.row()
    row.scale_y = 1.4
    row.operator("eifer.fuse_takes", icon="AUTOMERGE_ON")
    _draw_lines(layout, fused_lines(settings.fused))


def _draw_stretches(column: Any, settings: Any) -> None:
    """Parts that are covered for a while, a row each."""
    for index, stretch in enumerate(settings.stretches):
        row = column.row(align=True)
        row.prop(stretch, "part", text="")
        row.prop(stretch, "first", text="")
        row.prop(stretch, "last", text="")
        row.operator("eifer.remove_covered", text="", icon="X").index = index
    column.operator("eifer.add_covered", icon="ADD")


def _draw_clocks(layout: Any, settings: Any) -> None:
    box = layout.column(align=True)
    row = box.row(align=True)
    row.prop(settings, "method", expand=True)
    if settings.method in (START, LIGHT):
        box.prop(settings, "trigger")
    if settings.method == LIGHT:
        box.prop(settings, "rectangle", text="Light (0: look for it)")
    box.operator("eifer.find_offset", icon="VIEWZOOM")
    column = layout.column(align=True)
    column.prop(settings, "seconds")
    column.prop(settings, "drift_ppm")
    told = [settings.problem] if settings.problem else words_of(sync_of(settings.emg))
    _draw_lines(layout, told)


def _draw_lines(layout: Any, texts: Iterable[str]) -> None:
    column = layout.column(align=True)
    column.scale_y = 0.8
    for text in texts:
        for line in textwrap.wrap(text, _LINE):
            column.label(text=line)


def _draw_shown(layout: Any, context: bpy.types.Context, settings: Any) -> None:
    obj = head_of(context.object)
    beside = None if obj is None else beside_of(context.scene, obj)
    apart = beside is not None and not beside.hide_viewport
    grid = layout.grid_flow(columns=2, align=True, even_columns=True, row_major=True)
    for mode, title, action in (
        ("FILM", "Film", settings.film), ("EMG", "EMG", settings.emg),
        ("FUSED", "Fused", settings.fused), ("BESIDE", "Side by side", None),
    ):  # fmt: skip
        part = grid.row(align=True)
        part.enabled = mode == "BESIDE" or is_take(action)
        now = (
            apart if mode == "BESIDE" else not apart and obj is not None and is_played(obj, action)
        )
        button = part.operator("eifer.show_takes", text=title, depress=now)
        button.mode = mode


def fused_lines(action: bpy.types.Action | None) -> list[str]:
    """What became of the fusion, a few lines."""
    if not is_take(action):
        return []
    assert action is not None
    notes = json.loads(str(action.get(f"{PREFIX}fusion", "{}")))
    if not notes:
        return []
    return [
        f"{notes['share_of_film']:.0%} film, {1 - notes['share_of_film']:.0%} muscles",
        f"The muscles explain {notes['explained']:.0%} of the film",
        f"Delay {notes['delay_ms']:.0f} ms, {notes['delay']}",
    ]
