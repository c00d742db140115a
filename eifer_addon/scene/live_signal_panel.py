"""Panels below Live that show the signal: bars, channels, calibration."""

from __future__ import annotations

from typing import Any

import bpy

from .channels import region
from .live_driver import driver
from .live_lines import QUALITY_ICONS, muscle_rows, muscle_words, quality_counts
from .live_panel import LivePanel, draw_lines
from .live_settings import live_of
from .panels import words

#: Sides as one looks at a face: the subject's right at the left.
_SIDES = ("right", "left")
#: Sentences about channels that are shown at once.
_MOST_SENTENCES = 4


class VIEW3D_PT_eifer_live_bars(LivePanel, bpy.types.Panel):
    """Muscle activity and expressions as bars."""

    bl_label = "Signal"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Bars need a connection."""
        return driver.is_connected

    def draw(self, _context: bpy.types.Context) -> None:
        """A bar per muscle and side, and the expressions by region of the face."""
        layout = self.layout
        snapshot = driver.snapshot
        if not snapshot.muscles:
            layout.label(text="No samples yet")
            return
        column = layout.column(align=True)
        values = snapshot.activity.tolist()
        for stem, sides in muscle_rows(snapshot.muscles).items():
            split = column.split(factor=0.42, align=True)
            split.label(text=muscle_words(stem))
            row = split.row(align=True)
            for side in _SIDES if "" not in sides else ("",):
                if side in sides:
                    _bar(row, values[sides[side]], side[:1].upper())
                else:
                    row.label(text="")
        _draw_expressions(layout, dict(zip(
            snapshot.coefficient_names, snapshot.coefficients.tolist(), strict=False
        )))  # fmt: skip


def _bar(row: Any, value: float, text: str = "") -> None:
    row.progress(factor=min(1.0, max(0.0, value)), text=f"{text} {value:.2f}".strip())


def _draw_expressions(layout: Any, values: dict[str, float]) -> None:
    groups: dict[str, list[str]] = {}
    for name in values:
        groups.setdefault(region(name), []).append(name)
    for title, names in groups.items():
        header, body = layout.panel(f"eifer_live_expressions_{title}", default_closed=True)
        strongest = max(names, key=lambda name: abs(values[name]))
        split = header.split(factor=0.42)
        split.label(text=title)
        _bar(split, abs(values[strongest]))
        if body is None:
            continue
        column = body.column(align=True)
        for name in names:
            split = column.split(factor=0.6, align=True)
            split.label(text=words(name))
            _bar(split, values[name])


class VIEW3D_PT_eifer_live_channels(LivePanel, bpy.types.Panel):
    """Quality of the channels, and which muscle each stands for."""

    bl_label = "Channels"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Channels are known once something is connected."""
        return bool(driver.is_connected and driver.snapshot.channels)

    def draw_header_preset(self, _context: bpy.types.Context) -> None:
        """How many are good."""
        self.layout.label(text=quality_counts(driver.snapshot))

    def draw(self, _context: bpy.types.Context) -> None:
        """A row per channel, then what is wrong with some."""
        layout = self.layout
        snapshot = driver.snapshot
        muscle_of: dict[str, list[str]] = {}
        for muscle, channel in snapshot.status.get("montage", {}).items():
            muscle_of.setdefault(channel, []).append(muscle)
        grid = layout.column(align=True)
        for channel, level in zip(snapshot.channels, snapshot.quality.tolist(), strict=False):
            icon = QUALITY_ICONS[level]
            if channel in snapshot.lost_channels:
                icon = "CANCEL"
            split = grid.split(factor=0.4)
            split.label(text=channel, icon=icon)
            split.label(text=_muscles(muscle_of.get(channel, [])))
        for channel in snapshot.status.get("unmapped", ())[:_MOST_SENTENCES]:
            split = grid.split(factor=0.4)
            split.label(text=str(channel), icon="BLANK1")
            split.label(text="not mapped")
        said = list(snapshot.quality_sentences.values())[:_MOST_SENTENCES]
        draw_lines(layout, [(sentence, "INFO") for sentence in said])
        layout.operator("eifer.live_montage", icon="PRESET")


def _muscles(names: list[str]) -> str:
    if not names:
        return "not mapped"
    sides = "+".join(name.partition(".")[2][:1].upper() for name in names if "." in name)
    return f"{sides} {muscle_words(names[0])}".strip()


class VIEW3D_PT_eifer_live_calibration(LivePanel, bpy.types.Panel):
    """Rest and eleven movements: what is 0 and 1 for this subject."""

    bl_label = "Calibration"

    def draw(self, context: bpy.types.Context) -> None:
        """The subject's name, and the start; the wizard itself stands under Disconnect."""
        layout = self.layout
        layout.prop(live_of(context.scene), "subject")
        row = layout.row()
        row.scale_y = 1.4
        row.operator("eifer.live_calibrate", icon="PLAY")
        layout.label(text="Rest, then ten movements: 75 s")
