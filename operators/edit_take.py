"""Change a take in signal space: its keys are made again from the stored recording."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import bpy

from ..eifer_addon.errors import EiferError
from ..eifer_addon.scene.channel_rows import KEEP
from ..eifer_addon.scene.edit_settings import recipe_shown
from ..eifer_addon.scene.edits import remake_others, remake_take
from ..eifer_addon.scene.recipes import Recipe, has_recipe, recipe_of
from ..eifer_addon.scene.takes import avatar_of, current_take
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
    selected: bpy.props.BoolProperty(
        name="All selected avatars",
        description="Change the takes of the same recording on all selected avatars alike",
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
        obj = avatar_of(context.object)
        if obj is None:
            cls.poll_message_set("Choose a head, or an avatar that plays a take of EIFER")
            return False
        if not has_recipe(current_take(obj)):
            cls.poll_message_set("It plays no take that was made from a recording")
            return False
        return True

    def _remake(self, context: bpy.types.Context, recipe: Recipe) -> None:
        obj = avatar_of(context.object)
        assert obj is not None
        options: dict[str, Any] = {
            "montage": recipe.montage, "repair": recipe.repair, "as_new": self.as_new,
            "recording": self.recording, "any_model": self.any_model, "model": recipe.model,
        }  # fmt: skip
        made = [remake_take(context, obj, recipe.edits, **options).name]
        if self.selected:
            made += remake_others(context, obj, recipe, **options)
        listed = ", ".join(f"'{name}'" for name in made)
        self.report({"INFO"}, f"Made the keys of {listed} again")


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
        action = current_take(avatar_of(context.object))
        self._remake(context, recipe_shown(action, recipe_of(action)))


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
    montage: bpy.props.StringProperty(
        name="Montage",
        description='Channels and their muscles, as JSON: {"EMG 3": "zygomaticus.left"}',
        default="{}",
    )
    repair: bpy.props.StringProperty(
        name="Repair",
        description='What is done about channels, as JSON: {"EMG 3": "mirror", "EMG 4": "keep"}',
        default="{}",
    )
    model: bpy.props.StringProperty(
        name="Model",
        description="Name or file of the EMG2Exp model, as in emg2exp_fridlund; empty keeps it",
        options={"SKIP_SAVE"},
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
        recipe = recipe_of(current_take(avatar_of(context.object)))
        before = Edits() if self.reset else recipe.edits
        recipe = replace(
            recipe, edits=before.changed(self.edits),
            montage={**(recipe.montage or {}), **_object("montage", self.montage)},
            repair={
                channel: way
                for channel, way in {**recipe.repair, **_object("repair", self.repair)}.items()
                if way and way != KEEP
            },
            model=self.model or recipe.model,
        )  # fmt: skip
        self._remake(context, recipe)


def _object(what: str, text: str) -> dict[str, Any]:
    """A JSON object of texts, or null for none."""
    try:
        found = dict(json.loads(text))
    except (ValueError, TypeError) as error:
        raise EiferError(f"The {what} cannot be read.", "Give a JSON object.") from error
    return {str(k): None if v is None else str(v) for k, v in found.items()}
