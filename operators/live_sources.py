"""The list of streams on the network, and the simulated subject that needs no hardware."""

from __future__ import annotations

import time

import bpy

from ..eifer_addon.scene.live_driver import driver
from ..eifer_addon.scene.live_timer import ensure_timer
from .base import OperatorResult, guarded


class EIFER_OT_live_refresh(bpy.types.Operator):
    """Look for streams of the Lab Streaming Layer on the network."""

    bl_idname = "eifer.live_refresh"
    bl_label = "Refresh"
    bl_description = (
        "Look for LSL streams on the local network; afterwards the list refreshes by itself "
        "while the panel is open"
    )
    bl_options = {"INTERNAL"}

    def execute(self, _context: bpy.types.Context) -> OperatorResult:
        """Begin the list anew."""
        return guarded(self, self._look)

    def _look(self) -> None:
        driver.look(time.monotonic())
        ensure_timer()


class EIFER_OT_live_play(bpy.types.Operator):
    """Stream a simulated subject, as an amplifier would."""

    bl_idname = "eifer.live_play"
    bl_label = "Play Simulated Subject"
    bl_description = (
        "Stream a simulated subject over LSL, as an amplifier would, to try live work without "
        "hardware"
    )
    bl_options = {"INTERNAL"}

    def execute(self, _context: bpy.types.Context) -> OperatorResult:
        """Start the stream, or stop it."""
        return guarded(self, self._toggle)

    def _toggle(self) -> None:
        driver.play(time.monotonic())
        ensure_timer()
