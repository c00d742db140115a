"""Import an expression track, EIFER's or another program's, as a take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy

from ..eifer_addon import api
from ..eifer_addon.scene.imports import Choices, target_head, write_take
from ..eifer_addon.scene.transaction import all_or_nothing
from .base import RUNNING, OperatorResult, guarded, in_object_mode

EXTENSIONS = (".npz", ".csv", ".gz")
_WORDS = (
    "Write an expression track as keys on the chosen head: EIFER's, Live Link Face, OpenFace, "
    "py-feat, SMIRK, DECA, EMOCA or MMM parameters"
)
_AS_IN_FILE = "FILE"


class EIFER_OT_import_track(bpy.types.Operator):
    """Write an expression track, EIFER's or another program's, as keys on the chosen head."""

    bl_idname = "eifer.import_track"
    bl_label = "Import expression track"
    bl_description = _WORDS
    bl_options = {"REGISTER", "UNDO"}

    filepath: bpy.props.StringProperty(
        name="File",
        description="An expression track of EIFER or of another program",
        subtype="FILE_PATH",
        options={"SKIP_SAVE"},
    )
    filter_glob: bpy.props.StringProperty(
        default=";".join(f"*{extension}" for extension in EXTENSIONS), options={"HIDDEN"}
    )
    take: bpy.props.StringProperty(
        name="Take",
        description="Name of the take; the file's name when empty",
        options={"SKIP_SAVE"},
    )
    frame_start: bpy.props.IntProperty(
        name="First frame", description="Scene frame of the track's time 0", default=1
    )
    extend: bpy.props.BoolProperty(
        name="Extend the scene",
        description="Let the scene's frame range grow to cover the take",
        default=True,
    )

    rate_hz: bpy.props.FloatProperty(
        name="Frame rate (Hz)",
        description="For files that do not say it; 0 leaves it to the file",
        min=0.0,
        soft_max=240.0,
        options={"SKIP_SAVE"},
    )
    face: bpy.props.StringProperty(
        name="Face",
        description="Which face, where a file of OpenFace or py-feat holds several",
        options={"SKIP_SAVE"},
    )
    angles: bpy.props.EnumProperty(
        name="Head angles",
        description="Unit of the head's angles, where a file leaves it open",
        items=(
            (_AS_IN_FILE, "As the format has them", "The format's usual unit, or no head pose"),
            ("radians", "Radians", "1 is 57.3 degrees"),
            ("degrees", "Degrees", "360 are a full turn"),
            ("half_turns", "Half turns", "1 is 180 degrees, as Unreal's plugin sends them"),
            ("focus_outputs", "FOCUS outputs", "What FOCUS's network gives: 1 is 0.3 radians"),
        ),
        options={"SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Object mode is needed."""
        return in_object_mode(cls, context, "takes are added")

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
        track = api.read_track(path, **self._choices())
        choices = Choices(path, self.take, self.frame_start, self.extend)
        with all_or_nothing(context):
            obj = target_head(context)
            action = write_take(context, obj, track, choices)
        self.report({"INFO"}, f"Wrote the take '{action.name}' on '{obj.name}'")

    def _choices(self) -> dict[str, Any]:
        """What the person chose, without what is left to the file."""
        given = {
            "rate_hz": self.rate_hz or None,
            "face": self.face or None,
            "angles": None if self.angles == _AS_IN_FILE else self.angles,
        }
        return {name: value for name, value in given.items() if value is not None}


class EIFER_FH_track(bpy.types.FileHandler):
    """Expression tracks dropped into a 3D view."""

    bl_idname = "EIFER_FH_track"
    bl_label = "Expression track"
    bl_import_operator = EIFER_OT_import_track.bl_idname
    bl_file_extensions = ";".join(EXTENSIONS)

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        """Tracks are dropped into 3D views."""
        return context.area is not None and context.area.type == "VIEW_3D"
