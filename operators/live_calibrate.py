"""The calibration wizard's buttons."""

from __future__ import annotations

import time

import bpy

from ..eifer_addon.scene.live_calibration import Calibration
from ..eifer_addon.scene.live_driver import driver
from .base import OperatorResult, guarded


class EIFER_OT_live_calibrate(bpy.types.Operator):
    """Calibrate the subject: rest, then eleven movements."""

    bl_idname = "eifer.live_calibrate"
    bl_label = "Calibrate"
    bl_description = (
        "Rest for 5 s, then do the movements that the avatar shows, each with a countdown; the "
        "result is saved as the subject's profile and used at once"
    )
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """A source has to be connected."""
        if driver.snapshot.state != "connected":
            cls.poll_message_set("Connect a source first")
            return False
        if driver.recorder.phase != "idle" or driver.calibration is not None:
            cls.poll_message_set("Something is being recorded already")
            return False
        return True

    def execute(self, _context: bpy.types.Context) -> OperatorResult:
        """Start with rest."""
        return guarded(self, self._begin)

    def _begin(self) -> None:
        driver.calibration = Calibration(driver, time.monotonic())


class EIFER_OT_live_calibration_step(bpy.types.Operator):
    """Skip or repeat a movement of the calibration, or stop it."""

    bl_idname = "eifer.live_calibration_step"
    bl_label = "Calibration step"
    bl_description = "Leave this movement out, do it again, or stop the calibration"
    bl_options = {"INTERNAL"}

    step: bpy.props.EnumProperty(
        name="Step",
        description="What is done about the movement at hand",
        items=(
            ("skip", "Skip", "Leave this movement out"),
            ("repeat", "Again", "Do this movement again"),
            ("abort", "Stop", "Stop the calibration; nothing is changed"),
        ),
    )

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """A calibration has to be under way."""
        return driver.calibration is not None

    def execute(self, _context: bpy.types.Context) -> OperatorResult:
        """Do it."""
        return guarded(self, self._run)

    def _run(self) -> None:
        calibration = driver.calibration
        assert calibration is not None
        if self.step == "abort":
            calibration.abort()
        elif self.step == "skip":
            calibration.wizard.skip(time.monotonic())
        else:
            calibration.wizard.repeat(time.monotonic())
