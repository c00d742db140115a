"""Import recordings of facial EMG as takes: drop files, or choose them."""

from __future__ import annotations

import time
from typing import Any

import bpy

from ..eifer_addon.errors import EiferError
from ..eifer_addon.scene.import_queue import ImportQueue
from ..eifer_addon.scene.imports import Choices
from ..eifer_addon.scene.properties import show_progress
from ..eifer_addon.signals.suffixes import all_suffixes
from .base import (
    CANCELLED,
    FINISHED,
    PASSING,
    RUNNING,
    OperatorResult,
    guarded,
    in_object_mode,
    watched,
)
from .import_options import ImportOptions, choices_of, draw_options

EXTENSIONS = all_suffixes()
_GLOB = ";".join(f"*{extension}" for extension in EXTENSIONS)
_TICK_S = 0.02
_WORDS = "Turn recordings of facial EMG into keys on the chosen head"
_WIDTH = 420


def _poll(cls: Any, context: bpy.types.Context) -> bool:
    """Object mode, and no other import under way."""
    if not in_object_mode(cls, context, "takes are added"):
        return False
    if context.window_manager.eifer.busy:
        cls.poll_message_set("Another import is under way")
        return False
    return True


class EIFER_OT_run_import(ImportOptions, bpy.types.Operator):
    """Import recordings step by step, while Blender's window stays alive; ESC stops."""

    bl_idname = "eifer.run_import"
    bl_label = "Import EMG recording"
    bl_description = (
        "Import the recording step by step, while Blender's window stays alive; ESC stops"
    )
    bl_options = {"INTERNAL", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Object mode, and no other import under way."""
        return _poll(cls, context)

    def _choices(self) -> list[Choices]:
        return choices_of(self)

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> OperatorResult:
        """Start; one portion is done per tick of a timer."""
        self.asks = False
        result = watched(self, context, lambda: self._start(context), _TICK_S)
        if result == RUNNING:
            show_progress(context, self.job.progress, self.job.status())
        return result

    def _start(self, context: bpy.types.Context) -> None:
        self.job = ImportQueue(context, self._choices())

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> OperatorResult:
        """Do a portion, or stop when ESC was pressed."""
        if event.type == "ESC":
            return self._end(context, guarded(self, self._stop))
        if event.type != "TIMER":
            return PASSING
        result = guarded(self, self._portion)
        if self.asks or result == CANCELLED or self.job.finished:
            return self._end(context, CANCELLED if self.asks else result)
        show_progress(context, self.job.progress, self.job.status())
        return RUNNING

    def _portion(self) -> None:
        try:
            self.job.step(time.monotonic())
        except EiferError as error:
            from ..eifer_addon.signals.offers import asks_of

            self.asks, self.refused = bool(asks_of(str(error))), str(error)
            # The dialog that comes up again says it; a report would lie over the dialog.
            if not self.asks:
                raise

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Import at once, without ticks."""
        return guarded(self, lambda: run_through(self, context))

    def cancel(self, context: bpy.types.Context) -> None:
        """Clean up when Blender itself ends the operator, for example to open another file."""
        self.job.cancel()
        self._end(context, CANCELLED)

    def _stop(self) -> None:
        raise self.job.cancel()

    def _end(self, context: bpy.types.Context, result: OperatorResult) -> OperatorResult:
        context.window_manager.event_timer_remove(self.timer)
        show_progress(context, None, self.job.status() if result == FINISHED else "")
        if result == FINISHED:
            self.report({"INFO"}, f"Wrote {self.job.what}")
        elif self.asks:
            self._ask_again()
        return result

    def _ask_again(self) -> None:
        """The dialog once more, with what was chosen and the sentence that asks for the rest."""
        options = given(self) | {"refusal": self.refused}
        bpy.ops.eifer.import_recording("INVOKE_DEFAULT", **options)


def given(operator: Any) -> dict[str, Any]:
    """The options of one of the two operators, for the other."""
    options = {name: getattr(operator, name) for name in ImportOptions.__annotations__}
    return options | {"files": [{"name": file.name} for file in operator.files]}


def run_through(operator: Any, context: bpy.types.Context) -> None:
    """All portions of an import, one after the other."""
    job = ImportQueue(context, choices_of(operator))
    while not job.step(time.monotonic()):
        pass
    operator.report({"INFO"}, f"Wrote {job.what}")


class EIFER_OT_import_recording(ImportOptions, bpy.types.Operator):
    """Turn recordings of facial EMG into keys on the chosen head."""

    bl_idname = "eifer.import_recording"
    bl_label = "Import EMG recording"
    bl_description = _WORDS
    bl_options = {"REGISTER", "PRESET"}

    filter_glob: bpy.props.StringProperty(default=_GLOB, options={"HIDDEN", "SKIP_SAVE"})
    _asked = False

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Object mode, and no other import under way."""
        return _poll(cls, context)

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> OperatorResult:
        """Ask for the file, or for the options when files were dropped."""
        self._asked = True
        if not self.properties.is_property_set("frame_start"):
            self.frame_start = context.scene.frame_start
        if self.filepath or self.directory:
            return context.window_manager.invoke_props_dialog(
                self, width=_WIDTH, confirm_text="Import"
            )
        context.window_manager.fileselect_add(self)
        return RUNNING

    def draw(self, context: bpy.types.Context) -> None:
        """What the file holds, what it asks for, and the options."""
        draw_options(self, context)

    def check(self, _context: bpy.types.Context) -> bool:
        """Draw the dialog again when something was chosen, as the file may ask for less now."""
        return True

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Hand over to the modal operator in a window; import at once in scripts."""
        if not self._asked or bpy.app.background:
            return guarded(self, lambda: run_through(self, context))
        # Blender takes no modal operator from a file browser, and the undo step is the other's.
        bpy.ops.eifer.run_import("INVOKE_DEFAULT", **given(self))
        return FINISHED


class EIFER_FH_recording(bpy.types.FileHandler):
    """Recordings dropped into a 3D view."""

    bl_idname = "EIFER_FH_recording"
    bl_label = "EMG recording"
    bl_import_operator = EIFER_OT_import_recording.bl_idname
    bl_file_extensions = ";".join(EXTENSIONS)

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        """Recordings are dropped into 3D views."""
        return context.area is not None and context.area.type == "VIEW_3D"
