"""What can be done with a take of the list, and with one that was cut off."""

from __future__ import annotations

import time
from pathlib import Path

import bpy

from ..eifer_addon.scene.live_avatars import wanted_objects
from ..eifer_addon.scene.live_driver import driver
from ..eifer_addon.scene.live_takes import (
    active_take,
    delete_take,
    dismiss,
    keep_take,
    recover,
)
from ..eifer_addon.scene.live_takes_panel import forget_cut_off
from ..eifer_addon.scene.live_timer import ensure_timer
from .base import OperatorResult, guarded


def _has_take(cls: type[bpy.types.Operator], context: bpy.types.Context) -> bool:
    if active_take(context.scene) is None:
        cls.poll_message_set("Choose a take of the list")
        return False
    return True


class EIFER_OT_live_audition(bpy.types.Operator):
    """Play a take on the avatars without changing anything."""

    bl_idname = "eifer.live_audition"
    bl_label = "Play"
    bl_description = "Play the take on the avatars without keeping anything, or stop it"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A take has to be chosen, and nothing to be recorded."""
        if driver.recorder.phase != "idle" or driver.calibration is not None:
            cls.poll_message_set("Something is being recorded")
            return False
        return _has_take(cls, context)

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Start or stop."""
        return guarded(self, lambda: self._toggle(context))

    def _toggle(self, context: bpy.types.Context) -> None:
        if driver.audition is not None:
            driver.end_audition()
            return
        driver.audit(context, active_take(context.scene), time.monotonic())
        ensure_timer()


class EIFER_OT_live_keep(bpy.types.Operator):
    """Write the take's keys on the avatars."""

    bl_idname = "eifer.live_keep"
    bl_label = "Keep"
    bl_description = "Write the take's keys on the avatars that are ticked or chosen"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A take has to be chosen."""
        return _has_take(cls, context)

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Write the keys."""
        return guarded(self, lambda: self._keep(context))

    def _keep(self, context: bpy.types.Context) -> None:
        driver.faces.release()
        made = keep_take(context, active_take(context.scene), wanted_objects(context))
        self.report({"INFO"}, f"Wrote {', '.join(repr(action.name) for action in made)}")


class EIFER_OT_live_delete(bpy.types.Operator):
    """Delete the take with its keys."""

    bl_idname = "eifer.live_delete"
    bl_label = "Delete take"
    bl_description = "Take the take off the list and delete its keys"
    bl_options = {"REGISTER", "UNDO"}

    forever: bpy.props.BoolProperty(
        name="Delete the recording for good",
        description="Else the journal goes to the folder 'deleted' beside the takes",
        options={"SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A take has to be chosen."""
        return _has_take(cls, context)

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> OperatorResult:
        """Ask first."""
        name = active_take(context.scene).name
        return context.window_manager.invoke_props_dialog(
            self, title=f"Delete the take '{name}'?", confirm_text="Delete"
        )

    def draw(self, _context: bpy.types.Context) -> None:
        """What becomes of the recording."""
        self.layout.prop(self, "forever")

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Delete it."""
        return guarded(self, lambda: self._delete(context))

    def _delete(self, context: bpy.types.Context) -> None:
        row = active_take(context.scene)
        name = row.name
        path = delete_take(context.scene, row, forever=self.forever)
        rest = "" if self.forever else f"; its recording is {path}"
        self.report({"INFO"}, f"Deleted the take '{name}'{rest}")


class EIFER_OT_live_rate(bpy.types.Operator):
    """Rate the take."""

    bl_idname = "eifer.live_rate"
    bl_label = "Rate"
    bl_description = "How good the take is; the same star again takes the rating away"
    bl_options = {"INTERNAL", "UNDO"}

    stars: bpy.props.IntProperty(name="Stars", description="From 1 to 5 stars", min=0, max=5)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A take has to be chosen."""
        return _has_take(cls, context)

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Set the rating."""
        return guarded(self, lambda: self._rate(context))

    def _rate(self, context: bpy.types.Context) -> None:
        row = active_take(context.scene)
        row.rating = 0 if row.rating == self.stars else self.stars


class _OfPath:
    """An operator on a journal that was cut off."""

    path: bpy.props.StringProperty(
        name="Journal", description="The file that was cut off", subtype="FILE_PATH"
    )


class EIFER_OT_live_recover(_OfPath, bpy.types.Operator):
    """Put a take that was cut off on the list."""

    bl_idname = "eifer.live_recover"
    bl_label = "Recover"
    bl_description = "Put the take that was cut off on the list, with all that reached the disk"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Read the journal and add it."""
        return guarded(self, lambda: self._recover(context))

    def _recover(self, context: bpy.types.Context) -> None:
        row = recover(context.scene, Path(self.path))
        forget_cut_off()
        self.report({"INFO"}, f"Recovered '{row.name}', {row.duration_s:.1f} s")


class EIFER_OT_live_dismiss(_OfPath, bpy.types.Operator):
    """Do not offer a take that was cut off any more."""

    bl_idname = "eifer.live_dismiss"
    bl_label = "Do not offer"
    bl_description = "Do not offer this take any more; the file stays where it is"
    bl_options = {"INTERNAL"}

    def execute(self, _context: bpy.types.Context) -> OperatorResult:
        """Mark the journal as dealt with."""
        return guarded(self, self._dismiss)

    def _dismiss(self) -> None:
        dismiss(Path(self.path))
        forget_cut_off()
