"""Add a rigged head: the open head, or a FLAME file of the user's."""

from __future__ import annotations

import bpy
import numpy as np

from ..eifer_addon import api
from ..eifer_addon.errors import EiferError
from ..eifer_addon.scene.controls import armature_of
from ..eifer_addon.scene.preferences import flame_file
from .base import RUNNING, OperatorResult, guarded, in_object_mode


class EIFER_OT_add_head(bpy.types.Operator):
    """Add a rigged head with ARKit controls: the open head, or a FLAME head from a file."""

    bl_idname = "eifer.add_head"
    bl_label = "Add head"
    bl_description = (
        "Add a rigged head with ARKit controls: the open head, or a FLAME head from a file"
    )
    bl_options = {"REGISTER", "UNDO"}

    filepath: bpy.props.StringProperty(
        name="FLAME file",
        description="A FLAME model (pickle or npz) of yours; empty adds the open head",
        subtype="FILE_PATH",
        options={"SKIP_SAVE"},
    )
    filter_glob: bpy.props.StringProperty(default="*.pkl;*.npz", options={"HIDDEN"})
    browse: bpy.props.BoolProperty(
        description="Ask for a file first", options={"HIDDEN", "SKIP_SAVE"}
    )
    n_identity: bpy.props.IntProperty(
        name="Identity keys",
        description="Number of shape keys that change who the person is",
        default=10,
        min=0,
        max=300,
    )
    n_expression: bpy.props.IntProperty(
        name="Expression keys",
        description="Number of shape keys of the model's own expressions, beside the controls",
        default=50,
        min=0,
        max=100,
    )

    identity_track: bpy.props.StringProperty(
        name="Identity from",
        description="A track (npz or CSV) whose identity coefficients the head takes",
        subtype="FILE_PATH",
        options={"SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Heads are added in object mode."""
        return in_object_mode(cls, context, "heads are added")

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> OperatorResult:
        """Ask for a file when the FLAME entry was chosen, else add the open head at once."""
        if not self.browse or self.filepath:
            return self.execute(context)
        self.filepath = flame_file(context)
        context.window_manager.fileselect_add(self)
        return RUNNING

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Add the head at the 3D cursor."""
        return guarded(self, lambda: self._add(context))

    def _add(self, context: bpy.types.Context) -> None:
        head = api.load_head(bpy.path.abspath(self.filepath) if self.filepath else None)
        obj = api.add_head(
            context,
            head,
            identity=self._identity(),
            n_identity=self.n_identity,
            n_expression=self.n_expression,
        )
        armature_of(obj).location = context.scene.cursor.location
        self.report({"INFO"}, f"Added '{obj.name}' with {len(head.template)} vertices")

    def _identity(self) -> np.ndarray | None:
        if not self.identity_track:
            return None
        path = bpy.path.abspath(self.identity_track)
        identity = api.read_track(path).identity
        if identity is None:
            raise EiferError(
                f"The track {path} holds no identity.",
                "Choose a track of a video or a parametric reconstruction, or leave this empty.",
            )
        return identity
