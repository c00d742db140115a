"""Tell from a film's take what the muscles did, and save report and table."""

from __future__ import annotations

import time
from pathlib import Path

import bpy

from ..eifer_addon.errors import Cancelled, EiferError
from ..eifer_addon.muscle_analysis_process import MuscleProcess
from ..eifer_addon.scene.muscle_analysis import (
    finish_analysis,
    process_of,
    start_analysis,
    take_to_analyse,
)
from ..eifer_addon.scene.muscle_analysis_settings import muscles_of
from ..eifer_addon.scene.properties import show_progress
from .base import CANCELLED, PASSING, RUNNING, OperatorResult, guarded, watched

_TICK_S, _LOOK_S = 0.1, 0.02
_RUNNING = "running"


class EIFER_OT_analyse_muscles(bpy.types.Operator):
    """Tell from the take of a film what each muscle did; Blender goes on meanwhile."""

    bl_idname = "eifer.analyse_muscles"
    bl_label = "Analyse Muscles"
    bl_description = (
        "Tell from the take of a film what each muscle did, compare it with measured EMG, and show "
        "it on the avatar"
    )
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """An avatar that plays the take of a film or track is needed."""
        if take_to_analyse(context) is None:
            cls.poll_message_set("Choose a head that plays the take of a film or track")
            return False
        return True

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> OperatorResult:
        """Start it and look at it from a timer."""
        result = watched(self, context, lambda: self._start(context), _TICK_S)
        if result == RUNNING:
            show_progress(context, 0.0, "Analysing muscles")
        return result

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """All at once, for scripts."""
        return guarded(self, lambda: self._through(context))

    def _start(self, context: bpy.types.Context) -> None:
        action = take_to_analyse(context)
        # The operator outlives undo steps, which make bpy's objects anew.
        self.take = "" if action is None else action.name
        self.process = start_analysis(context, muscles_of(context.scene))

    def _through(self, context: bpy.types.Context) -> None:
        self._start(context)
        while self.process.poll() == _RUNNING:
            time.sleep(_LOOK_S)
        self._finish(context)

    def _finish(self, context: bpy.types.Context) -> None:
        try:
            self.process.check()
            action = bpy.data.actions.get(self.take)
            if action is None:
                raise EiferError(f"The take '{self.take}' is gone.", "Nothing was changed.")
            result = finish_analysis(context, action, self.process)
        except EiferError:
            self.process.close()
            raise
        self.report({"INFO"}, f"Told {len(result['rows'])} muscles of '{self.take}'")

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> OperatorResult:
        """Look at the analysis, or give it up when ESC was pressed."""
        if event.type == "ESC":
            return self._end(context, guarded(self, self._give_up))
        if event.type != "TIMER":
            return PASSING
        if self.process.poll() == _RUNNING:
            show_progress(context, self.process.part, "Analysing muscles")
            return PASSING
        return self._end(context, guarded(self, lambda: self._finish(context)))

    def _give_up(self) -> None:
        self.process.close()
        raise Cancelled("The muscle analysis")

    def cancel(self, context: bpy.types.Context) -> None:
        """Clean up when Blender itself ends the operator."""
        self.process.close()
        self._end(context, CANCELLED)

    def _end(self, context: bpy.types.Context, result: OperatorResult) -> OperatorResult:
        context.window_manager.event_timer_remove(self.timer)
        show_progress(context, None, "")
        return result


class _OfAnAnalysis:
    """What saving asks for."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """The take at hand has to be analysed."""
        if process_of(take_to_analyse(context)) is None:
            cls.poll_message_set("Analyse the take first")
            return False
        return True

    @staticmethod
    def _process(context: bpy.types.Context) -> tuple[MuscleProcess, str]:
        action = take_to_analyse(context)
        process = process_of(action)
        if action is None or process is None:
            raise EiferError("The take at hand is not analysed.", "Analyse it first.")
        if bpy.app.background:
            # A script cannot come back later; a person can.
            process.wait()
        return process, bpy.path.clean_name(action.name)


class EIFER_OT_save_muscle_report(_OfAnAnalysis, bpy.types.Operator):
    """Save the report page as a picture and as HTML."""

    bl_idname = "eifer.save_muscle_report"
    bl_label = "Save Report"
    bl_description = "Save the report page: PNG for print, and HTML with tables, side by side"

    filepath: bpy.props.StringProperty(
        name="File", description="The page (.html); its PNG is put beside it", subtype="FILE_PATH",
        options={"SKIP_SAVE"},
    )  # fmt: skip
    filter_glob: bpy.props.StringProperty(default="*.html;*.png", options={"HIDDEN"})
    check_existing: bpy.props.BoolProperty(default=True, options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> OperatorResult:
        """Ask for the file, named after the take."""
        if not self.filepath:
            self.filepath = f"{self._process(context)[1]}_muscles.html"
        context.window_manager.fileselect_add(self)
        return RUNNING

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Copy both pages."""
        return guarded(self, lambda: self._save(context))

    def _save(self, context: bpy.types.Context) -> None:
        process, _ = self._process(context)
        path = Path(bpy.path.abspath(self.filepath))
        # The file browser has asked already whether a file may be replaced.
        for key, suffix in (("page", ".png"), ("report", ".html")):
            process.copy(key, path.with_suffix(suffix), overwrite=True)
        self.report({"INFO"}, f"Wrote {path.with_suffix('.html').name} and its PNG")


class EIFER_OT_export_muscles(_OfAnAnalysis, bpy.types.Operator):
    """Export predicted and measured activity as a table."""

    bl_idname = "eifer.export_muscles"
    bl_label = "Export muscle activity"
    bl_description = "A tidy table: time, muscle, side, predicted, measured, movement"

    filepath: bpy.props.StringProperty(
        name="File", description="The table (.csv)", subtype="FILE_PATH", options={"SKIP_SAVE"}
    )
    filter_glob: bpy.props.StringProperty(default="*.csv", options={"HIDDEN"})
    check_existing: bpy.props.BoolProperty(default=True, options={"HIDDEN"})

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> OperatorResult:
        """Ask for the file, named after the take."""
        if not self.filepath:
            self.filepath = f"{self._process(context)[1]}_muscles.csv"
        context.window_manager.fileselect_add(self)
        return RUNNING

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Copy the table."""
        return guarded(self, lambda: self._export(context))

    def _export(self, context: bpy.types.Context) -> None:
        process, _ = self._process(context)
        path = Path(bpy.path.abspath(self.filepath)).with_suffix(".csv")
        process.copy("csv", path, overwrite=True)
        self.report({"INFO"}, f"Wrote {path.name}")


CLASSES = (EIFER_OT_analyse_muscles, EIFER_OT_save_muscle_report, EIFER_OT_export_muscles)
