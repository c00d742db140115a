"""The fold of the Muscles panel that tells muscles from a film."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import bpy

from ..muscle_analysis_words import number
from .muscle_analysis import FILE, TAKE, process_of, result_of, take_to_analyse
from .muscle_analysis_settings import muscles_of
from .properties import STATE

#: Characters that fit a fold in the sidebar at its default width.
_LINE = 36
#: Share of the fold's width that names of muscles have, and how the long ones fit.
_NAMES = 0.44
_SHORTER = (("Depressor", "Depr."), ("Orbicularis", "Orbic."))


class VIEW3D_PT_eifer_muscle_analysis(bpy.types.Panel):
    """Tell from a film what the muscles did."""

    bl_label = "Muscles from film"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "EIFER"
    bl_parent_id = "VIEW3D_PT_eifer_muscles"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """Main button, state line, then choices and result."""
        draw_analysis(self.layout, context)


def draw_analysis(layout: Any, context: bpy.types.Context) -> None:
    """Draw the analysis of the take at hand."""
    state, action = getattr(context.window_manager, STATE), take_to_analyse(context)
    row = layout.row()
    row.scale_y = 1.4
    row.operator("eifer.analyse_muscles", icon="VIEWZOOM")
    if state.busy:
        layout.progress(factor=state.progress, text=state.status)
        layout.label(text="ESC stops")
        return
    result = result_of(action)
    layout.label(text=state_line(action, result))
    _draw_choices(layout, muscles_of(context.scene))
    if action is None or result is None:
        return
    column = layout.column(align=True)
    column.scale_y = 0.8
    for line in lines_of(result):
        column.label(text=line)
    _draw_rows(layout, result)
    row = layout.row(align=True)
    row.enabled = process_of(action) is not None
    row.operator("eifer.save_muscle_report", icon="FILE_IMAGE")
    row.operator("eifer.export_muscles", text="CSV", icon="EXPORT")
    if process_of(action) is None:
        layout.label(text="Analyse again to save its report")


def _draw_choices(layout: Any, settings: Any) -> None:
    if settings is None:
        return
    column = layout.column(align=True)
    column.row(align=True).prop(settings, "measured", expand=True)
    if settings.measured == TAKE:
        column.prop(settings, "emg", text="", icon="RNDCURVE")
    elif settings.measured == FILE:
        column.prop(settings, "recording", text="")
        row = column.row(align=True)
        row.prop(settings, "own_offset")
        if settings.own_offset:
            row.prop(settings, "offset", text="")
    column = layout.column(align=True)
    column.row(align=True).prop(settings, "scheme", expand=True)
    column.prop(settings, "model", text="Model")


def state_line(action: bpy.types.Action | None, result: Mapping[str, Any] | None) -> str:
    """What there is to analyse, or was."""
    if action is None:
        return "Choose a head that plays a film's take"
    if result is None:
        return f"Not analysed yet: {action.name}"
    return f"{len(result['rows'])} muscles, {result['movements']} movements"


def lines_of(result: Mapping[str, Any]) -> Iterator[str]:
    """The numbers over all muscles, wrapped."""
    if not result["has_measured"]:
        return
    texts = []
    if result["rho"] is not None:
        texts.append(
            f"\N{GREEK SMALL LETTER RHO} {number(result['rho'])}, "
            f"SMAPE {number(result['smape'], '.0f')} % ({result['n_muscles']} muscles)"
        )
    if result["delay_ms"] is not None and result["delay_is_known"]:
        texts.append(f"Face follows the muscles by {number(result['delay_ms'], '.0f')} ms")
    elif result["delay_ms"] is not None:
        texts.append("Clocks laid by curves: the delay is in their offset")
    for text in texts:
        yield from textwrap.wrap(text, _LINE)


def _draw_rows(layout: Any, result: Mapping[str, Any]) -> None:
    """A row per muscle: agreement right and left, asymmetry predicted and measured."""
    header, body = layout.panel("eifer_muscle_rows", default_closed=False)
    measured = result["has_measured"]
    header.label(text="Agreement and asymmetry (%)" if measured else "Asymmetry (%)")
    if body is not None:
        _draw_columns(body, columns_of(result))


def columns_of(result: Mapping[str, Any]) -> list[list[str]]:
    """The table of the fold, column by column, each with its head."""
    rows = result["rows"]
    names = [row["muscle"].replace("_", " ").capitalize() for row in rows]
    for long, short in _SHORTER:
        names = [name.replace(long, short) for name in names]
    predicted = [number(row["predicted"], "+.0f") for row in rows]
    if not result["has_measured"]:
        return [["", *names], ["left \N{MINUS SIGN} right", *predicted]]
    rho = "\N{GREEK SMALL LETTER RHO}"
    return [
        ["", *names],
        [f"{rho} R", *(number(row["rho_right"]) for row in rows)],
        [f"{rho} L", *(number(row["rho_left"]) for row in rows)],
        ["film", *predicted],
        ["EMG", *(number(row["measured"], "+.0f") for row in rows)],
    ]  # fmt: skip


def _draw_columns(layout: Any, columns: Sequence[Sequence[str]]) -> None:
    """Columns of labels; within one split all of a column's labels have one width."""
    parts = layout.split(factor=_NAMES)
    first = parts.column(align=True)
    first.scale_y = 0.85
    for text in columns[0]:
        first.label(text=text)
    row = parts.row(align=True)
    for column in columns[1:]:
        part = row.column(align=True)
        part.scale_y = 0.85
        for text in column:
            cell = part.row()
            cell.alignment = "RIGHT"
            cell.label(text=text)
