"""Import an expression track that EIFER saved, as a take."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..eifer_addon.scene.imports import Choices, target_head, write_take
from ..eifer_addon.scene.transaction import all_or_nothing
from ..eifer_addon.track import ExpressionTrack
from .base import RUNNING, OperatorResult, guarded


class EIFER_OT_import_track(bpy.types.Operator):
    """Write an expression track (.npz) as keys on the chosen head."""

    bl_idname = "eifer.import_track"
    bl_label = "Import expression track"
    bl_description = "Write an expression track (.npz) as keys on the chosen head"
    bl_options = {"REGISTER", "UNDO"}

    filepath: bpy.props.StringProperty(
        name="File",
        description="An expression track that EIFER saved",
        subtype="FILE_PATH",
        options={"SKIP_SAVE"},
    )
    filter_glob: bpy.props.StringProperty(default="*.npz", options={"HIDDEN"})
    take: bpy.props.StringProperty(
        name="Take", description="Name of the take; the file's name when empty"
    )
    frame_start: bpy.props.IntProperty(
        name="First frame", description="Scene frame of the track's time 0", default=1
    )
    extend: bpy.props.BoolProperty(
        name="Extend the scene",
        description="Let the scene's frame range grow to cover the take",
        default=True,
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Object mode is needed."""
        if context.mode != "OBJECT":
            cls.poll_message_set("Leave the present mode first: takes are added in object mode")
            return False
        return True

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> OperatorResult:
        """Ask for the file, or for the options when a file was dropped."""
        if self.filepath:
            return context.window_manager.invoke_props_dialog(self)
        context.window_manager.fileselect_add(self)
        return RUNNING

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Read the track and write its keys."""
        return guarded(self, lambda: self._import(context))

    def _import(self, context: bpy.types.Context) -> None:
        path = Path(bpy.path.abspath(self.filepath))
        track = ExpressionTrack.load(path)
        choices = Choices(path, self.take, self.frame_start, self.extend)
        with all_or_nothing(context):
            obj = target_head(context)
            action = write_take(context, obj, track, choices)
        self.report({"INFO"}, f"Wrote the take '{action.name}' on '{obj.name}'")


class EIFER_FH_track(bpy.types.FileHandler):
    """Expression tracks dropped into a 3D view."""

    bl_idname = "EIFER_FH_track"
    bl_label = "EIFER expression track"
    bl_import_operator = EIFER_OT_import_track.bl_idname
    bl_file_extensions = ".npz"

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        """Tracks are dropped into 3D views."""
        return context.area is not None and context.area.type == "VIEW_3D"
