"""Editing a take after the fact: its keys are made again from the stored recording."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import bpy

from .. import api
from ..errors import EiferError
from ..signals.edits import Edits, apply_edits
from ..spaces import ARKIT52
from ..track import ExpressionTrack
from .controls import metadata
from .edit_settings import show_edits
from .keyframes import PREFIX, replace_keys, storable
from .muscle_activity import key_activity
from .recipes import find_recording, note_recipe, recipe_of
from .takes import current_take

if TYPE_CHECKING:
    from ..signals.activity import Activity


def remake_take(
    context: bpy.types.Context,
    obj: bpy.types.Object,
    edits: Edits | None = None,
    *,
    as_new: bool = False,
    recording: str = "",
    any_model: bool = False,
) -> bpy.types.Action:
    """Make the keys of the take that a head plays again.

    Parameters
    ----------
    context : bpy.types.Context
    obj : bpy.types.Object
        A head's mesh object.
    edits : Edits, optional
        None takes those that the take remembers.
    as_new : bool
        Write a new take beside the old one instead.
    recording : str
        Where the recording lies now, when it is neither where it was nor beside the .blend.
    any_model : bool
        Take the model that is installed, though the take was made with another.

    Returns
    -------
    bpy.types.Action
        The same action, or the new one; no other action is touched.

    Raises
    ------
    EiferError
        When the head plays no take, the take remembers no recording, or the recording is gone or
        has changed; nothing is changed then.
    """
    action = current_take(obj)
    if action is None:
        raise EiferError(f"The head '{obj.name}' plays no take.", "Import a recording first.")
    recipe = recipe_of(action)
    path = find_recording(recipe, recording)
    recipe = replace(recipe, edits=recipe.edits if edits is None else edits)
    edited = apply_edits(recipe.activity(path), recipe.edits.changed({"preset": ""}))
    track = fitted(recipe.track(edited, any_model=any_model), obj)
    recipe = replace(
        recipe, file=str(path.absolute()),
        model_sha256=str(track.provenance.get("model_sha256", recipe.model_sha256)),
    )  # fmt: skip
    if as_new:
        start, file = float(action[f"{PREFIX}frame_start"]), action[f"{PREFIX}file"]
        action = api.apply_track(context, obj, track, take=action.name, frame_start=start)
        action[f"{PREFIX}file"] = file
    else:
        replace_keys(context, obj, action, track)
    note_channels(action, edited)
    key_activity(context, obj, action, edited)
    note_recipe(action, recipe)
    show_edits(action, recipe, edited.muscles)
    return action


def note_channels(action: bpy.types.Action, activity: Activity) -> None:
    """Note on a take how the channels were mapped, so that the panel can show it later."""
    pairs = [list(pair) for pair in zip(activity.channels, activity.muscles, strict=True)]
    action[f"{PREFIX}channels"] = storable(pairs)
    action[f"{PREFIX}unmapped"] = storable(list(activity.unmapped))


def fitted(track: ExpressionTrack, obj: bpy.types.Object) -> ExpressionTrack:
    """The track in a space that the head takes."""
    if track.space.name != ARKIT52.name and track.space.basis != metadata(obj)["head"]:
        return api.retarget(track, ARKIT52.name)
    return track
