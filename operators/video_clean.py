"""The film without electrodes: save it, and switch between it and the film as it was filmed."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import bpy

from ..eifer_addon.errors import EiferError
from ..eifer_addon.scene.takes import avatar_of, take_at_hand, track_from_object
from ..eifer_addon.scene.video_clean import (
    SHOWN,
    add_clean,
    cleaning_options,
    free_clean_path,
    has_clean,
    show_version,
)
from ..eifer_addon.scene.video_clean_job import CleanExport
from ..eifer_addon.scene.video_imports import choices_of_take
from ..eifer_addon.scene.video_settings import STATE
from ..eifer_addon.scene.video_stage import film_of
from .base import FINISHED, RUNNING, OperatorResult, guarded
from .import_video import ModalVideo

_REST_S = 0.02


def _poll(cls: Any, context: bpy.types.Context) -> bool:
    if getattr(context.window_manager, STATE).busy:
        cls.poll_message_set("Films are worked on already")
        return False
    if choices_of_take(take_at_hand(context)) is None:
        cls.poll_message_set("Choose a head that plays the take of a film")
        return False
    return True


class EIFER_OT_save_clean_video(ModalVideo, bpy.types.Operator):
    """Write this take's film again without electrodes; ESC stops, and nothing half is left."""

    bl_idname = "eifer.save_clean_video"
    bl_label = "Save clean video"
    bl_description = (
        "Write this take's film again as mp4, without electrodes, cables and tape on the face, "
        "and show it beside the original"
    )
    bl_options = {"REGISTER", "UNDO"}

    filepath: bpy.props.StringProperty(
        name="Clean film", description="The new mp4 file", subtype="FILE_PATH",
        options={"SKIP_SAVE"},
    )  # fmt: skip
    filter_glob: bpy.props.StringProperty(default="*.mp4", options={"HIDDEN", "SKIP_SAVE"})
    check_existing: bpy.props.BoolProperty(default=True, options={"HIDDEN"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """The chosen head has to play the take of a film, and no other film be under way."""
        return _poll(cls, context)

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> OperatorResult:
        """Ask where the film shall go."""
        chosen = choices_of_take(take_at_hand(context))
        if chosen is not None and not self.filepath:
            self.filepath = str(free_clean_path(chosen.path))
        context.window_manager.fileselect_add(self)
        return RUNNING

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Hand over to the modal operator in a window; write at once in scripts."""
        if not bpy.app.background and context.window is not None:
            bpy.ops.eifer.run_clean_video("INVOKE_DEFAULT", filepath=self.filepath)
            return FINISHED
        return guarded(self, lambda: self._all(context))

    def _all(self, context: bpy.types.Context) -> None:
        export = export_of(context, self.filepath)
        try:
            while not export.step(time.monotonic()):
                time.sleep(_REST_S)
        finally:
            export.close()
        show_export(context, export)
        self.report({"INFO"}, f"Wrote {export.what}")


class EIFER_OT_run_clean_video(ModalVideo, bpy.types.Operator):
    """Write a clean film while Blender's window stays alive."""

    bl_idname = "eifer.run_clean_video"
    bl_label = "Save clean video"
    bl_description = "Write a clean film while Blender's window stays alive; ESC stops it"
    bl_options = {"INTERNAL", "UNDO"}

    filepath: bpy.props.StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """As for the operator that asks."""
        return _poll(cls, context)

    def make_queue(self, context: bpy.types.Context) -> Any:
        """The film's job."""
        return export_of(context, self.filepath)

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> OperatorResult:
        """Start; a timer looks at the work."""
        return self.begin(context)

    def _end(self, context: bpy.types.Context, result: OperatorResult) -> OperatorResult:
        if result == FINISHED:
            result = guarded(self, lambda: show_export(context, self.job))
        return super()._end(context, result)


class EIFER_OT_switch_film(bpy.types.Operator):
    """Show this take's film without electrodes, or as it was filmed."""

    bl_idname = "eifer.switch_film"
    bl_label = "Switch film"
    bl_description = "Show this take's film without electrodes, or as it was filmed"
    bl_options = {"REGISTER", "UNDO"}

    version: bpy.props.EnumProperty(
        name="Film",
        items=(
            ("ORIGINAL", "Original", "The film as it was filmed"),
            ("CLEAN", "Clean", "The film without electrodes"),
            ("OTHER", "The other one", "Whichever is not shown"),
        ),
        default="OTHER",
        options={"SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """The take's film needs a clean one beside it."""
        camera = film_of(context.scene, take_at_hand(context))
        if camera is None or not has_clean(camera):
            cls.poll_message_set("Save this take's clean video first")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Switch."""
        return guarded(self, lambda: self._switch(context))

    def _switch(self, context: bpy.types.Context) -> None:
        obj, camera = avatar_of(context.object), film_of(context.scene, take_at_hand(context))
        if obj is None or camera is None:
            raise EiferError("This take has no film in the scene.", "Import the film again.")
        shown = bool(camera.get(SHOWN))
        clean = not shown if self.version == "OTHER" else self.version == "CLEAN"
        show_version(context.scene, camera, track_from_object(context, obj), clean=clean)


def export_of(context: bpy.types.Context, filepath: str) -> CleanExport:
    """The job for the take at hand.

    Raises
    ------
    EiferError
        When the take does not know its film.
    """
    chosen = choices_of_take(take_at_hand(context))
    if chosen is None:
        raise EiferError("This take does not know its film.", "Import the film again.")
    given = Path(bpy.path.abspath(filepath)) if filepath else free_clean_path(chosen.path)
    out = given if given.suffix.lower() == ".mp4" else given.with_name(f"{given.name}.mp4")
    return CleanExport(chosen.path, out, cleaning_options(chosen.options))


def show_export(context: bpy.types.Context, export: CleanExport) -> None:
    """Show a clean film that was just written, where the take's film is in the scene."""
    obj, camera = avatar_of(context.object), film_of(context.scene, take_at_hand(context))
    if obj is not None and camera is not None and export.out.is_file():
        add_clean(context.scene, camera, export.out, track_from_object(context, obj))


CLASSES = (EIFER_OT_save_clean_video, EIFER_OT_run_clean_video, EIFER_OT_switch_film)
