"""Connect the chosen source, and disconnect again."""

from __future__ import annotations

import time

import bpy

from ..eifer_addon import api
from ..eifer_addon.scene.controls import is_head
from ..eifer_addon.scene.live_driver import driver
from ..eifer_addon.scene.live_recorder import push_undo
from ..eifer_addon.scene.live_settings import FILE, live_of, session_settings
from ..eifer_addon.scene.live_timer import ensure_timer, redraw
from .base import CANCELLED, PASSING, OperatorResult, guarded, in_object_mode


class EIFER_OT_live_connect(bpy.types.Operator):
    """Connect the chosen source, and let the avatars follow it."""

    bl_idname = "eifer.live_connect"
    bl_label = "Connect"
    bl_description = "Connect the chosen source and let the avatars follow it; ESC disconnects"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Something to connect to, and nothing connected yet."""
        if driver.is_connected:
            cls.poll_message_set("Something is connected already")
            return False
        live = live_of(context.scene)
        if live.kind == FILE and not live.recording:
            cls.poll_message_set("Choose a recording first")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Start the session; a scene without any head gets one."""
        return guarded(self, lambda: self._connect(context))

    def _connect(self, context: bpy.types.Context) -> None:
        settings = session_settings(context, driver.player_selector)
        if not any(is_head(obj) for obj in context.scene.objects) and in_object_mode(
            type(self), context, "a head is added"
        ):
            api.add_head(context, api.load_head())
            push_undo("Add head")
        driver.connect(context, settings)
        ensure_timer()


class EIFER_OT_live_disconnect(bpy.types.Operator):
    """Disconnect, and put the avatars back to how they were."""

    bl_idname = "eifer.live_disconnect"
    bl_label = "Disconnect"
    bl_description = "Disconnect, and put the avatars back to how they were (ESC)"
    bl_options = {"REGISTER"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Something has to be connected."""
        if not driver.is_connected:
            cls.poll_message_set("Nothing is connected")
            return False
        return True

    def execute(self, _context: bpy.types.Context) -> OperatorResult:
        """End the session; a take that is being recorded gets its keys first."""
        return guarded(self, self._disconnect)

    def _disconnect(self) -> None:
        driver.disconnect("Disconnected." if driver.recorder.phase == "idle" else "")
        redraw(time.monotonic(), force=True)


class EIFER_OT_live_escape(bpy.types.Operator):
    """Stop what is live: the countdown or calibration first, then the connection."""

    bl_idname = "eifer.live_escape"
    bl_label = "Stop live work"
    bl_description = "Stop the countdown, the calibration or the audition, else disconnect"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Without anything live the key belongs to others."""
        return driver.is_connected or driver.audition is not None

    def execute(self, _context: bpy.types.Context) -> OperatorResult:
        """Stop one thing, and let others hear the key, too."""
        result = guarded(self, self._stop)
        redraw(time.monotonic(), force=True)
        return CANCELLED if result == CANCELLED else PASSING | {"FINISHED"}

    def _stop(self) -> None:
        if driver.audition is not None:
            driver.end_audition()
        elif driver.calibration is not None:
            driver.calibration.abort()
        elif driver.recorder.phase == "countdown":
            driver.recorder.stop()
        else:
            driver.disconnect("Disconnected.")


def add_keys() -> list[tuple[bpy.types.KeyMap, bpy.types.KeyMapItem]]:
    """Let ESC reach `EIFER_OT_live_escape` over 3D views; empty without a window.

    A key of the view's, not a modal operator: those would keep Blender from saving
    automatically for as long as something is connected, and other modal operators come first.
    """
    configuration = bpy.context.window_manager.keyconfigs.addon
    if configuration is None:
        return []
    keymap = configuration.keymaps.new(name="3D View Generic", space_type="VIEW_3D")
    item = keymap.keymap_items.new(EIFER_OT_live_escape.bl_idname, type="ESC", value="PRESS")
    return [(keymap, item)]


def remove_keys(keys: list[tuple[bpy.types.KeyMap, bpy.types.KeyMapItem]]) -> None:
    """Take the keys away again."""
    while keys:
        keymap, item = keys.pop()
        keymap.keymap_items.remove(item)
