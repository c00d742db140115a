"""Clean a take up after the fact: its keys are made again from the track that it keeps."""

from __future__ import annotations

from typing import Any

import bpy

from ..eifer_addon.scene.clean_up import can_clean_up, clean_take, clean_up_of, neutral_here
from ..eifer_addon.scene.clean_up_settings import clean_up_shown
from ..eifer_addon.scene.takes import avatar_of, current_take
from ..eifer_addon.video.track_edits import TrackEdits
from .base import OperatorResult, guarded

#: What helps nearly every film's take.
USUAL = {"smoothing_hz": 6.0, "eyelids": 1.0, "gaze": 1.0, "head_smoothing_hz": 4.0}


class _OfATake:
    """What the operators below ask for, and do."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """An avatar has to be chosen that plays a take which is not made from a recording."""
        obj = avatar_of(context.object)
        if obj is None:
            cls.poll_message_set("Choose a head, or an avatar that plays a take of EIFER")
            return False
        if not can_clean_up(current_take(obj)):
            cls.poll_message_set("It plays no take of a film or a track")
            return False
        return True

    def _clean(self, context: bpy.types.Context, edits: TrackEdits) -> None:
        action = clean_take(context, avatar_of(context.object), edits)
        self.report({"INFO"}, f"Made the keys of '{action.name}' again")

    def _known(self, context: bpy.types.Context) -> TrackEdits:
        return clean_up_of(current_take(avatar_of(context.object)))


class EIFER_OT_clean_up(_OfATake, bpy.types.Operator):
    """Change the clean-up of the take by name, and make its keys again."""

    bl_idname = "eifer.clean_up"
    bl_label = "Clean up the take"
    bl_description = "Change the clean-up of the take, and make its keys again"
    bl_options = {"REGISTER", "UNDO"}

    edits: bpy.props.StringProperty(
        name="Clean-up",
        description='What to change, as JSON: {"smoothing_hz": 6, "gain": {"mouth": 1.2}}',
        default="{}",
        options={"SKIP_SAVE"},
    )
    reset: bpy.props.BoolProperty(
        name="As filmed",
        description="Forget earlier changes first",
        options={"SKIP_SAVE"},
    )

    @classmethod
    def description(cls, _context: bpy.types.Context, properties: Any) -> str:
        """What the button does."""
        return "Take back the whole clean-up" if properties.reset else cls.bl_description

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Merge the changes into those of the take."""
        return guarded(self, lambda: self._run(context))

    def _run(self, context: bpy.types.Context) -> None:
        known = TrackEdits() if self.reset else self._known(context)
        self._clean(context, known.changed(self.edits))


class EIFER_OT_clean_up_usual(_OfATake, bpy.types.Operator):
    """Smooth the face and the head, steady eyelids and gaze."""

    bl_idname = "eifer.clean_up_usual"
    bl_label = "Clean up"
    bl_description = "Smooth face and head, steady eyelids and gaze; the sliders below change it"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Set the usual numbers; gain, neutral frame and the like stay."""
        return guarded(self, lambda: self._run(context))

    def _run(self, context: bpy.types.Context) -> None:
        self._clean(context, self._known(context).changed(USUAL))


class EIFER_OT_pick_neutral(_OfATake, bpy.types.Operator):
    """Make the face at the present frame the neutral one."""

    bl_idname = "eifer.pick_neutral"
    bl_label = "Neutral here"
    bl_description = "The face at the present frame becomes rest"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Take the scene's present frame."""
        return guarded(self, lambda: self._run(context))

    def _run(self, context: bpy.types.Context) -> None:
        action = current_take(avatar_of(context.object))
        self._clean(context, self._known(context).changed(neutral_here(context, action)))


def on_slider(context: bpy.types.Context, action: bpy.types.Action) -> None:
    """Make the keys of a take again after one of its sliders was moved."""
    obj = avatar_of(context.object)
    if obj is None or current_take(obj) != action:
        players = (avatar_of(other) for other in context.scene.objects)
        obj = next((p for p in players if p is not None and current_take(p) == action), None)
    if obj is not None and can_clean_up(action):
        clean_take(context, obj, clean_up_shown(action, clean_up_of(action)))


CLASSES = (EIFER_OT_clean_up, EIFER_OT_clean_up_usual, EIFER_OT_pick_neutral)
