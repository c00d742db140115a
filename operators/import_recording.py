"""Import a recording of facial EMG as a take: drop a file, or choose one."""

from __future__ import annotations

import functools
import time
from pathlib import Path

import bpy

from ..eifer_addon.scene.imports import Choices, RecordingImport
from ..eifer_addon.scene.properties import show_progress
from .base import CANCELLED, FINISHED, PASSING, RUNNING, OperatorResult, guarded, in_object_mode

EXTENSIONS = (
    ".edf", ".bdf", ".xdf", ".vhdr", ".csv", ".tsv", ".txt", ".mat", ".h5", ".hdf5", ".poly5",
    ".otb+", ".otb4",
)  # fmt: skip
_GLOB = ";".join(f"*{extension}" for extension in EXTENSIONS)
_TICK_S = 0.05


_EnumItems = tuple[tuple[str, str, str], ...]


@functools.cache
def _presets() -> _EnumItems:
    """The filter presets, asked for late: Blender should not wait for SciPy when it starts."""
    from ..eifer_addon.signals.envelope import PRESETS

    return tuple((p.name, p.name.capitalize(), p.words) for p in PRESETS.values())


def _filter_items(_operator: object, _context: bpy.types.Context | None) -> _EnumItems:
    """What Blender asks for; it keeps pointers to the strings, so they stay in the cache."""
    return _presets()


class _Options:
    """Properties that both operators below have."""

    filepath: bpy.props.StringProperty(
        name="File",
        description="A recording of facial EMG",
        subtype="FILE_PATH",
        options={"SKIP_SAVE"},
    )
    take: bpy.props.StringProperty(
        name="Take",
        description="Name of the take; the file's name when empty",
        options={"SKIP_SAVE"},
    )
    frame_start: bpy.props.IntProperty(
        name="First frame", description="Scene frame of the recording's time 0", default=1
    )
    preset: bpy.props.EnumProperty(
        name="Filters",
        description="How muscle activity is taken from raw EMG",
        items=_filter_items,
    )
    rate_hz: bpy.props.FloatProperty(
        name="Sampling rate (Hz)",
        description="For files that do not say it; 0 leaves it to the file",
        min=0.0,
        default=0.0,
    )
    extend: bpy.props.BoolProperty(
        name="Extend the scene",
        description="Let the scene's frame range grow to cover the take",
        default=True,
    )

    def _choices(self) -> Choices:
        return Choices(
            Path(bpy.path.abspath(self.filepath)), self.take, self.frame_start, self.extend,
            self.preset, self.rate_hz or None,
        )  # fmt: skip

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Object mode, and no other import under way."""
        if not in_object_mode(cls, context, "takes are added"):
            return False
        if context.window_manager.eifer.busy:
            cls.poll_message_set("Another import is under way")
            return False
        return True


class EIFER_OT_run_import(_Options, bpy.types.Operator):
    """Import the recording step by step, while Blender's window stays alive; ESC stops."""

    bl_idname = "eifer.run_import"
    bl_label = "Import EMG recording"
    bl_description = (
        "Import the recording step by step, while Blender's window stays alive; ESC stops"
    )
    bl_options = {"INTERNAL", "UNDO"}

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> OperatorResult:
        """Start; one step is done per tick of a timer."""
        manager = context.window_manager
        self.job = RecordingImport(context, self._choices())
        self.timer = manager.event_timer_add(_TICK_S, window=context.window)
        manager.modal_handler_add(self)
        show_progress(context, self.job.progress, self.job.status(time.monotonic()))
        return RUNNING

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> OperatorResult:
        """Do a step, or stop when ESC was pressed."""
        if event.type == "ESC":
            return self._end(context, guarded(self, self._stop))
        if event.type != "TIMER":
            return PASSING
        result = guarded(self, lambda: self.job.step(time.monotonic()))
        if result == CANCELLED or self.job.finished:
            return self._end(context, result)
        show_progress(context, self.job.progress, self.job.status(time.monotonic()))
        return RUNNING

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Import at once, without ticks."""
        return guarded(self, lambda: run_through(self, context, self._choices()))

    def cancel(self, context: bpy.types.Context) -> None:
        """Clean up when Blender itself ends the operator, for example to open another file."""
        self._end(context, CANCELLED)

    def _stop(self) -> None:
        raise self.job.cancel()

    def _end(self, context: bpy.types.Context, result: OperatorResult) -> OperatorResult:
        context.window_manager.event_timer_remove(self.timer)
        show_progress(
            context, None, self.job.status(time.monotonic()) if result == FINISHED else ""
        )
        if result == FINISHED:
            self.report({"INFO"}, f"Wrote the take '{self.job.take}'")
        return result


def run_through(operator: bpy.types.Operator, context: bpy.types.Context, choices: Choices) -> None:
    """All steps of an import, one after the other."""
    job = RecordingImport(context, choices)
    while not job.step(time.monotonic()):
        pass
    operator.report({"INFO"}, f"Wrote the take '{job.take}'")


class EIFER_OT_import_recording(_Options, bpy.types.Operator):
    """Turn a recording of facial EMG (EDF, CSV, TSV, text) into keys on the chosen head."""

    bl_idname = "eifer.import_recording"
    bl_label = "Import EMG recording"
    bl_description = (
        "Turn a recording of facial EMG (EDF, CSV, TSV, text) into keys on the chosen head"
    )
    bl_options = {"REGISTER"}

    filter_glob: bpy.props.StringProperty(default=_GLOB, options={"HIDDEN"})
    _asked = False

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> OperatorResult:
        """Ask for the file, or for the options when a file was dropped."""
        self._asked = True
        self.frame_start = context.scene.frame_start
        if self.filepath:
            return context.window_manager.invoke_props_dialog(self)
        context.window_manager.fileselect_add(self)
        return RUNNING

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Hand over to the modal operator in a window; import at once in scripts."""
        if not self._asked or bpy.app.background:
            return guarded(self, lambda: run_through(self, context, self._choices()))
        # Blender takes no modal operator from a file browser, and the undo step is the other's.
        options = {name: getattr(self, name) for name in _Options.__annotations__}
        bpy.ops.eifer.run_import("INVOKE_DEFAULT", **options)
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
