"""Record takes, and record a range of a take again."""

from __future__ import annotations

import time

import bpy

from ..eifer_addon.scene.live_driver import driver
from ..eifer_addon.scene.live_punch import Punch
from ..eifer_addon.scene.live_settings import live_of
from ..eifer_addon.scene.takes import avatar_of, current_take
from .base import OperatorResult, guarded


def _can_record(cls: type[bpy.types.Operator]) -> bool:
    """For `poll`: connected, and nothing else under way."""
    if driver.snapshot.state != "connected":
        cls.poll_message_set("Connect a source first")
        return False
    if driver.recorder.phase != "idle" or driver.calibration is not None:
        cls.poll_message_set("Something is being recorded already")
        return False
    return True


class EIFER_OT_live_record(bpy.types.Operator):
    """Record a take after a countdown."""

    bl_idname = "eifer.live_record"
    bl_label = "Record"
    bl_description = (
        "Record a take after the countdown: raw samples on disk, keys on the avatars at its end"
    )
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """A source has to be connected."""
        return _can_record(cls)

    def execute(self, _context: bpy.types.Context) -> OperatorResult:
        """Start the countdown."""
        return guarded(self, lambda: driver.recorder.begin(time.monotonic()))


class EIFER_OT_live_stop(bpy.types.Operator):
    """Stop recording."""

    bl_idname = "eifer.live_stop"
    bl_label = "Stop"
    bl_description = "Stop recording; in the countdown nothing is recorded"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """A take has to be on its way."""
        return driver.recorder.phase in ("countdown", "recording")

    def execute(self, _context: bpy.types.Context) -> OperatorResult:
        """End the take; the timer writes its keys, which makes one undo step."""
        return guarded(self, driver.recorder.stop)


class EIFER_OT_live_retake(bpy.types.Operator):
    """Record a range of the take that the chosen avatar plays again."""

    bl_idname = "eifer.live_retake"
    bl_label = "Record Range"
    bl_description = (
        "Play the timeline from a second before the range, and put what is recorded over the "
        "range of the take, in a copy of it"
    )
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A source has to be connected, and the chosen avatar to play a take."""
        obj = avatar_of(context.object)
        if obj is None or current_take(obj) is None:
            cls.poll_message_set("Choose an avatar that plays a take")
            return False
        return _can_record(cls)

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Start the countdown."""
        return guarded(self, lambda: self._begin(context))

    def _begin(self, context: bpy.types.Context) -> None:
        live, obj = live_of(context.scene), avatar_of(context.object)
        assert obj is not None
        punch = Punch(obj.name, live.punch_start, live.punch_end, live.punch_blend)
        driver.recorder.begin(time.monotonic(), punch)
