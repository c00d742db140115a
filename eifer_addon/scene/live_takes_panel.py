"""The list of takes below Live."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import bpy

from .live_driver import driver
from .live_lines import take_words
from .live_panel import LivePanel, draw_lines
from .live_settings import live_of
from .live_takes import active_take, recoverable
from .takes import avatar_of, current_take

_STARS = 5
_LOOK_S = 3.0
#: When the disk was looked at, and what was found.
_found: tuple[float, tuple[Path, ...]] = (0.0, ())


class EIFER_UL_live_takes(bpy.types.UIList):
    """One row per take."""

    def draw_item(  # noqa: PLR0917  # as Blender calls it
        self, context: bpy.types.Context, layout: Any, data: Any, item: Any, icon: int | None,
        active_data: Any, active_property: str | None, index: int | None = 0,
        flt_flag: int | None = 0,
    ) -> None:  # fmt: skip
        """Name, subject, length, loss and rating."""
        del context, data, icon, active_data, active_property, index, flt_flag
        split = layout.split(factor=0.42)
        sign = "ERROR" if item.lost else ("KEYFRAME_HLT" if item.kept else "KEYFRAME")
        split.prop(item, "name", text="", emboss=False, icon=sign)
        split = split.split(factor=0.3)
        split.label(text=item.subject)
        split = split.split(factor=0.62)
        split.label(text=take_words(item.duration_s, item.lost))
        split.label(text=f"{item.rating}", icon="SOLO_ON" if item.rating else "SOLO_OFF")


class VIEW3D_PT_eifer_live_takes(LivePanel, bpy.types.Panel):
    """Takes: rate, play, keep or delete them."""

    bl_label = "Takes"

    def draw_header_preset(self, context: bpy.types.Context) -> None:
        """How many there are."""
        count = len(live_of(context.scene).takes)
        self.layout.label(text=str(count) if count else "")

    def draw(self, context: bpy.types.Context) -> None:
        """How they are recorded, the list, the chosen one, the retake, and what was cut off."""
        layout = self.layout
        live = live_of(context.scene)
        _draw_cut_off(layout, context)
        row = layout.row(align=True)
        row.prop(live, "take_name", text="")
        row.prop(live, "countdown_s", text="Countdown")
        row = layout.row()
        row.prop(live, "plays")
        row.prop(live, "keys")
        if not live.takes:
            layout.label(text="No take yet")
        else:
            layout.template_list(
                "EIFER_UL_live_takes", "", live, "takes", live, "active_take", rows=3
            )
            _draw_chosen(layout, active_take(context.scene))
        _draw_retake(layout, context, live)


def _draw_chosen(layout: Any, row: Any) -> None:
    if row is None:
        return
    stars = layout.row(align=True)
    for number in range(1, _STARS + 1):
        icon = "SOLO_ON" if number <= row.rating else "SOLO_OFF"
        stars.operator("eifer.live_rate", text="", icon=icon, emboss=False).stars = number
    stars.prop(row, "note", text="")
    buttons = layout.row(align=True)
    audition = driver.audition
    if audition is not None and audition.name == row.name:
        share = audition.share(time.monotonic())
        buttons.operator("eifer.live_audition", text=f"Stop {share:.0%}", icon="PAUSE")
    else:
        buttons.operator("eifer.live_audition", icon="PLAY")
    buttons.operator(
        "eifer.live_keep", text="Key Again" if row.kept else "Keep", icon="KEYFRAME_HLT"
    )
    buttons.operator("eifer.live_delete", text="", icon="TRASH")


def _draw_retake(layout: Any, context: bpy.types.Context, live: Any) -> None:
    header, body = layout.panel("eifer_live_retake", default_closed=True)
    header.label(text="Retake a Range")
    if body is None:
        return
    obj = avatar_of(context.object)
    action = None if obj is None else current_take(obj)
    body.label(text="No take is played" if action is None else f"Of '{action.name}'")
    row = body.row(align=True)
    row.prop(live, "punch_start")
    row.prop(live, "punch_end")
    body.prop(live, "punch_blend")
    body.operator("eifer.live_retake", icon="REC")


def _draw_cut_off(layout: Any, context: bpy.types.Context) -> None:
    """Journals that a crash has cut off; the disk is not looked at with every redraw."""
    global _found
    now = time.monotonic()
    if now - _found[0] > _LOOK_S:
        _found = (now, recoverable(context.scene))
    paths = _found[1]
    if not paths or driver.recorder.phase != "idle" or driver.calibration is not None:
        return
    box = layout.box()
    what = "A take was" if len(paths) == 1 else f"{len(paths)} takes were"
    draw_lines(box, [(f"{what} cut off, '{paths[0].stem}'", "RECOVER_LAST")])
    row = box.row(align=True)
    row.operator("eifer.live_recover", icon="FILE_REFRESH").path = str(paths[0])
    row.operator("eifer.live_dismiss", text="", icon="X").path = str(paths[0])


def forget_cut_off() -> None:
    """Look at the disk again with the next redraw."""
    global _found
    _found = (0.0, ())
