"""Change a take in signal space: its keys are made again from the stored recording."""

from __future__ import annotations

import bpy

from ..eifer_addon.scene.controls import head_of
from ..eifer_addon.scene.edit_settings import edits_shown
from ..eifer_addon.scene.edits import remake_take
from ..eifer_addon.scene.recipes import has_recipe, recipe_of
from ..eifer_addon.scene.takes import current_take
from ..eifer_addon.signals.edits import Edits
from .base import OperatorResult, guarded


class _Options:
    """Properties that both operators below have."""

    as_new: bpy.props.BoolProperty(
        name="New take",
        description="Keep the take as it is and write a new one beside it",
        options={"SKIP_SAVE"},
    )
    recording: bpy.props.StringProperty(
        name="Recording",
        description="Where the recording lies now; empty looks where it was and beside the .blend",
        subtype="FILE_PATH",
        options={"SKIP_SAVE"},
    )
    any_model: bpy.props.BoolProperty(
        name="Any model",
        description="Take the installed model, though the take was made with another",
        options={"SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A head has to be chosen that plays a take with a recording behind it."""
        obj = head_of(context.object)
        if obj is None:
            cls.poll_message_set("Choose a head that was added with EIFER")
            return False
        if not has_recipe(current_take(obj)):
            cls.poll_message_set("The head plays no take that was made from a recording")
            return False
        return True

    def _remake(self, context: bpy.types.Context, edits: Edits) -> None:
        obj = head_of(context.object)
        assert obj is not None
        action = remake_take(
            context, obj, edits, as_new=self.as_new, recording=self.recording,
            any_model=self.any_model,
        )  # fmt: skip
        self.report({"INFO"}, f"Made the keys of '{action.name}' again")


class EIFER_OT_remake_take(_Options, bpy.types.Operator):
    """Make the keys of the take again from its recording, with the settings shown."""

    bl_idname = "eifer.remake_take"
    bl_label = "Make keys again"
    bl_description = "Make the keys of the take again from its recording, with the settings shown"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Take the settings from the take's sliders, or from what it remembers."""
        return guarded(self, lambda: self._run(context))

    def _run(self, context: bpy.types.Context) -> None:
        action = current_take(head_of(context.object))
        self._remake(context, edits_shown(action, recipe_of(action)))


class EIFER_OT_edit_take(_Options, bpy.types.Operator):
    """Change settings of the take by name, and make its keys again from its recording."""

    bl_idname = "eifer.edit_take"
    bl_label = "Edit take"
    bl_description = "Change settings of the take by name, and make its keys again"
    bl_options = {"REGISTER", "UNDO"}

    edits: bpy.props.StringProperty(
        name="Edits",
        description='What to change, as JSON: {"delay_ms": 40, "gain": {"zygomaticus": 1.2}}',
        default="{}",
    )
    reset: bpy.props.BoolProperty(
        name="Start afresh",
        description="Forget earlier edits first",
        options={"SKIP_SAVE"},
    )

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Merge the edits into those of the take."""
        return guarded(self, lambda: self._run(context))

    def _run(self, context: bpy.types.Context) -> None:
        recipe = recipe_of(current_take(head_of(context.object)))
        before = Edits() if self.reset else recipe.edits
        self._remake(context, before.changed(self.edits))
