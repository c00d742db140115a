"""The Live panel: source, connection, state, avatars, response and settings."""

from __future__ import annotations

import textwrap
import time
from typing import TYPE_CHECKING, Any

import bpy

from .controls import is_head
from .live_avatars import FOLLOWS, wanted_objects
from .live_driver import driver
from .live_lines import delay_lines, delay_sum, state_lines
from .live_settings import FILE, LIVE, conditioning_of, live_of

if TYPE_CHECKING:
    from ..live.wizard import Stage

_TAB = "EIFER"
#: Characters that fit the sidebar at its default width.
_LINE = 38
_PARENT = "VIEW3D_PT_eifer_live"


class LivePanel:
    """What all panels below Live have in common."""

    bl_space_type: Any = "VIEW_3D"
    bl_region_type: Any = "UI"
    bl_category = _TAB
    bl_parent_id = _PARENT
    bl_options: Any = {"DEFAULT_CLOSED"}


class EIFER_UL_sources(bpy.types.UIList):
    """Streams on the network."""

    def draw_item(  # noqa: PLR0917  # as Blender calls it
        self, context: bpy.types.Context, layout: Any, data: Any, item: Any, icon: int | None,
        active_data: Any, active_property: str | None, index: int | None = 0,
        flt_flag: int | None = 0,
    ) -> None:  # fmt: skip
        """The stream's name; the rest stands below the list, where there is room."""
        del context, data, icon, active_data, active_property, index, flt_flag
        layout.label(text=item.name, icon="RADIOBUT_ON")


class VIEW3D_PT_eifer_live(bpy.types.Panel):
    """Connect a stream and watch the face move."""

    bl_idname = _PARENT
    bl_label = "Live"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = _TAB
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        """The big button, the state, then the source while nothing is connected."""
        driver.seen(time.monotonic())
        layout = self.layout
        row = layout.row()
        row.scale_y = 1.6
        if driver.is_connected:
            row.operator("eifer.live_disconnect", icon="UNLINKED", depress=True)
        else:
            row.operator("eifer.live_connect", icon="LINKED")
        draw_lines(layout, state_lines(driver))
        if driver.calibration is not None:
            draw_stage(layout, driver.calibration.stage)
        elif driver.is_connected:
            _draw_delay(layout)
            draw_record(layout)
        else:
            draw_source(layout, context)


def draw_lines(layout: Any, lines: list[tuple[str, str]], width: int = _LINE) -> None:
    """Texts with icons, wrapped to `width` characters."""
    column = layout.column(align=True)
    for text, icon in lines:
        for k, part in enumerate(textwrap.wrap(text, width) or [""]):
            column.label(text=part, icon=icon if k == 0 else "BLANK1")


def draw_source(layout: Any, context: bpy.types.Context) -> None:
    """Where the samples come from."""
    live = live_of(context.scene)
    layout.row().prop(live, "kind", expand=True)
    if live.kind == FILE:
        column = layout.column(align=True)
        column.prop(live, "recording", text="")
        row = column.row(align=True)
        row.prop(live, "speed")
        row.prop(live, "loop", toggle=True)
        return
    sources = getattr(context.window_manager, LIVE)
    if driver.looks:
        row = layout.row()
        row.template_list("EIFER_UL_sources", "", sources, "found", sources, "active", rows=3)
        row.column().operator("eifer.live_refresh", text="", icon="FILE_REFRESH")
        if 0 <= sources.active < len(sources.found):
            layout.label(text=sources.found[sources.active].words)
        if driver.watch_error:
            draw_lines(layout, [(driver.watch_error, "ERROR")])
    else:
        layout.operator("eifer.live_refresh", text="Look for Streams", icon="VIEWZOOM")
    plays = driver.player.is_running
    text = "Stop Simulated Subject" if plays else "Play Simulated Subject"
    layout.operator(
        "eifer.live_play", text=text, icon="SNAP_FACE" if plays else "PLAY", depress=plays
    )
    if driver.playing.state != "stopped":
        alarm = driver.playing.state == "failed"
        draw_lines(layout, [(driver.playing.sentence, "ERROR" if alarm else "NONE")])


def _draw_delay(layout: Any) -> None:
    parts = driver.delay_parts()
    header, body = layout.panel("eifer_live_delay", default_closed=True)
    header.label(text=delay_sum(parts))
    if body is None:
        return
    column = body.column(align=True)
    for name, words in delay_lines(parts):
        split = column.split(factor=0.5)
        split.label(text=name)
        split.label(text=words)


def draw_stage(layout: Any, stage: Stage) -> None:
    """The calibration's movement at hand, its countdown and its buttons."""
    box = layout.box()
    box.label(text=f"{stage.number} of {stage.count}: {stage.title}", icon="USER")
    draw_lines(box, [(stage.instruction, "BLANK1")], _LINE - 6)
    holds = stage.phase == "hold"
    text = f"Hold {stage.left_s:.1f} s" if holds else f"Get ready … {int(stage.left_s) + 1}"
    bar = box.row()
    bar.scale_y = 1.4
    bar.progress(factor=stage.share, text=text)
    row = box.row(align=True)
    row.operator("eifer.live_calibration_step", text="Skip", icon="FF").step = "skip"
    row.operator("eifer.live_calibration_step", text="Again", icon="LOOP_BACK").step = "repeat"
    row.operator("eifer.live_calibration_step", text="Stop", icon="CANCEL").step = "abort"


def draw_record(layout: Any) -> None:
    """The Record button in its four states."""
    recorder = driver.recorder
    row = layout.row()
    row.scale_y = 1.4
    if recorder.phase == "idle":
        row.operator("eifer.live_record", icon="REC")
        return
    row.alert = recorder.phase == "recording"
    what = "Retake" if recorder.is_retake else "Recording"
    texts = {
        "countdown": f"{recorder.countdown} …", "writing": "Writing the keys",
        "recording": f"Stop {what} {recorder.seconds:.1f} s",
    }  # fmt: skip
    row.operator("eifer.live_stop", text=texts[recorder.phase], icon="SNAP_FACE")


class VIEW3D_PT_eifer_live_avatars(LivePanel, bpy.types.Panel):
    """Who follows."""

    bl_label = "Avatars"

    def draw(self, context: bpy.types.Context) -> None:
        """A checkbox for every head, and for the chosen object where it could follow."""
        layout = self.layout
        column = layout.column(align=True)
        shown = [obj for obj in context.scene.objects if is_head(obj) or getattr(obj, FOLLOWS)]
        if context.object is not None and _could_follow(context.object, shown):
            shown.append(context.object)
        for obj in shown:
            column.prop(obj, FOLLOWS, text=obj.name)
        if not shown:
            column.label(text="No head in the scene; Connect adds one")
        elif not any(getattr(obj, FOLLOWS) for obj in shown):
            names = ", ".join(obj.name for obj in wanted_objects(context)) or "nobody"
            draw_lines(layout, [(f"None is ticked: {names} follows", "INFO")])


def _could_follow(obj: bpy.types.Object, shown: list[bpy.types.Object]) -> bool:
    """Whether another avatar is worth a checkbox: a mesh with shape keys that is no head."""
    return (
        obj not in shown
        and obj.type == "MESH"
        and getattr(obj.data, "shape_keys", None) is not None
    )


class VIEW3D_PT_eifer_live_response(LivePanel, bpy.types.Panel):
    """How strongly and how calmly the face answers."""

    bl_label = "Response"

    def draw(self, context: bpy.types.Context) -> None:
        """Sliders that act at once, and what the smoothing costs."""
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        live = live_of(context.scene)
        column = layout.column(align=True)
        column.prop(live, "gain")
        column.prop(live, "dead_zone")
        column.prop(live, "smoothing_hz")
        row = column.row()
        row.active = live.smoothing_hz > 0
        row.prop(live, "quickness")
        cost = conditioning_of(live).delay_ms
        text = f"Smoothing costs up to {cost:.0f} ms" if cost else "No smoothing, no delay from it"
        layout.label(text=text)
        layout.prop(live, "when_lost")


class VIEW3D_PT_eifer_live_settings(LivePanel, bpy.types.Panel):
    """What a connection is made with."""

    bl_label = "Subject and Filters"

    def draw(self, context: bpy.types.Context) -> None:
        """Settings that act with the next connection."""
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        live = live_of(context.scene)
        column = layout.column(align=True)
        column.enabled = not driver.is_connected
        for name in ("subject", "profile", "montage", "model"):
            column.prop(live, name)
        column.separator()
        for name in ("preset", "mains", "fill", "envelopes"):
            column.prop(live, name)
        if driver.is_connected:
            layout.label(text="Disconnect to change these", icon="INFO")


class VIEW3D_PT_eifer_live_sending(LivePanel, bpy.types.Panel):
    """The driven expressions for other programs."""

    bl_label = "Send to Other Programs"

    def draw(self, context: bpy.types.Context) -> None:
        """An LSL stream, the VMC protocol, and plain OSC."""
        layout = self.layout
        live = live_of(context.scene)
        column = layout.column()
        column.enabled = not driver.is_connected
        row = column.row(heading="LSL stream")
        row.prop(live, "send_lsl", text="")
        sub = row.row()
        sub.active = live.send_lsl
        sub.prop(live, "send_lsl_name", text="")
        row = column.row(heading="VMC protocol")
        row.prop(live, "send_vmc", text="")
        sub = row.row(align=True)
        sub.active = live.send_vmc
        sub.prop(live, "send_port", text="")
        sub.prop(live, "send_names", text="")
        row = column.row(heading="Plain OSC")
        row.prop(live, "send_osc", text="")
        sub = row.row(align=True)
        sub.active = live.send_osc
        sub.prop(live, "send_osc_port", text="")
        sub.prop(live, "send_osc_address", text="")
        row = column.row()
        row.active = live.send_vmc or live.send_osc
        row.prop(live, "send_host")
        if driver.is_connected:
            layout.label(text="Disconnect to change these", icon="INFO")
