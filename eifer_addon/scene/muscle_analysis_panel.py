"""The fold of the Muscles panel that tells muscles from a film."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

import bpy

from ..muscle_analysis_words import number
from .muscle_analysis import FILE, TAKE, process_of, result_of, take_to_analyse
from .muscle_analysis_settings import muscles_of
from .properties import STATE

#: Characters that fit a fold in the sidebar at its default width.
_LINE = 40


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
    for line in lines_of(result):
        layout.label(text=line)
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
            f"Agreement over {result['n_muscles']} muscles: \N{GREEK SMALL LETTER RHO} "
            f"{number(result['rho'])}, SMAPE {number(result['smape'], '.0f')} %"
        )
    if result["delay_ms"] is not None and result["delay_is_known"]:
        texts.append(f"The face follows the muscles by {number(result['delay_ms'], '.0f')} ms")
    elif result["delay_ms"] is not None:
        texts.append("Clocks laid by curves: the delay is in their offset")
    for text in texts:
        yield from textwrap.wrap(text, _LINE)


def _draw_rows(layout: Any, result: Mapping[str, Any]) -> None:
    """A row per muscle: agreement right and left, asymmetry predicted and measured."""
    header, body = layout.panel("eifer_muscle_rows", default_closed=False)
    header.label(text="Agreement and asymmetry" if result["has_measured"] else "Asymmetry (%)")
    if body is None:
        return
    column = body.column(align=True)
    column.scale_y = 0.85
    heads = ("", "\N{GREEK SMALL LETTER RHO} R", "\N{GREEK SMALL LETTER RHO} L", "pred. %", "EMG %")
    if not result["has_measured"]:
        heads = ("", "left \N{MINUS SIGN} right")
    _draw_cells(column, heads)
    for row in result["rows"]:
        index = number(row["predicted"], "+.0f")
        cells = [row["muscle"].replace("_", " ").capitalize()]
        if result["has_measured"]:
            cells += [number(row["rho_right"]), number(row["rho_left"]), index,
                      number(row["measured"], "+.0f")]  # fmt: skip
        else:
            cells.append(index)
        _draw_cells(column, cells)


def _draw_cells(column: Any, cells: Any) -> None:
    line = column.split(factor=0.42)
    line.label(text=cells[0])
    row = line.row(align=True)
    for cell in cells[1:]:
        part = row.row()
        part.alignment = "RIGHT"
        part.label(text=cell)
