"""The film of a take: show it instead of another one, or add it when it was left out."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..eifer_addon.errors import EiferError
from ..eifer_addon.scene.controls import is_head
from ..eifer_addon.scene.takes import avatar_of, take_at_hand, track_from_object
from ..eifer_addon.scene.video_camera import aim_film_camera
from ..eifer_addon.scene.video_imports import choices_of_take
from ..eifer_addon.scene.video_marks import show_markers
from ..eifer_addon.scene.video_stage import FILM, film_of, set_film, show_film
from .base import OperatorResult, guarded, in_object_mode


class EIFER_OT_show_film(bpy.types.Operator):
    """Look through the camera of this take's film, hear its sound, and mark its gaps."""

    bl_idname = "eifer.show_film"
    bl_label = "Show this take's film"
    bl_description = (
        "Look through the camera of this take's film, placed before the head where that stands "
        "now, hear the film, and mark its gaps"
    )
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """The chosen head has to play a take with a film."""
        if not in_object_mode(cls, context, "films are shown"):
            return False
        if film_of(context.scene, take_at_hand(context)) is None:
            cls.poll_message_set("Choose a head that plays the take of a film")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Show the film."""
        return guarded(self, lambda: self._show(context))

    def _show(self, context: bpy.types.Context) -> None:
        take = take_at_hand(context)
        camera = film_of(context.scene, take)
        if take is None or camera is None:
            raise EiferError("This take has no film in the scene.", "Import the film again.")
        obj = avatar_of(context.object)
        seen = None if obj is None else track_from_object(context, obj).camera
        if is_head(obj) and seen is not None:
            aim_film_camera(camera, obj, seen, context.scene)
        show_film(context.scene, camera)
        show_markers(context.scene, take)
        self.report({"INFO"}, f"Showing {Path(camera[FILM]).name}")


class EIFER_OT_add_film(bpy.types.Operator):
    """Add the camera, the pictures and the sound of the film that this take came from."""

    bl_idname = "eifer.add_film"
    bl_label = "Add the film's camera"
    bl_description = "Add the camera, the pictures and the sound of the film that this take is of"
    bl_options = {"REGISTER", "UNDO"}

    background: bpy.props.BoolProperty(
        name="Film in the camera's view", description="Behind the head", default=True
    )
    plane: bpy.props.BoolProperty(
        name="Film on a plane", description="Behind the head, seen from everywhere"
    )
    render: bpy.props.BoolProperty(
        name="Render over the film", description="Let renders show the head over the film"
    )
    sound: bpy.props.BoolProperty(
        name="Sound", description="Add the film's sound to the sequencer, in step", default=True
    )
    match_size: bpy.props.BoolProperty(
        name="Size of the film", description="Let renders have the film's size", default=True
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """The chosen head has to play the take of a film."""
        if not in_object_mode(cls, context, "films are added"):
            return False
        if choices_of_take(take_at_hand(context)) is None:
            cls.poll_message_set("Choose a head that plays the take of a film")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Add the film."""
        return guarded(self, lambda: self._add(context))

    def _add(self, context: bpy.types.Context) -> None:
        obj, chosen = avatar_of(context.object), choices_of_take(take_at_hand(context))
        if obj is None or chosen is None:
            raise EiferError("This take does not know its film.", "Import the film again.")
        set_film(
            context, obj, track_from_object(context, obj), chosen.path,
            head_motion=chosen.head_motion, background=self.background, plane=self.plane,
            render=self.render, sound=self.sound, resolution=self.match_size,
        )  # fmt: skip
