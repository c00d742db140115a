"""Editing a take after the fact: its keys are made again from the stored recording."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import bpy

from .. import api
from ..errors import EiferError
from ..signals.edits import Edits, apply_edits
from ..spaces import ARKIT52
from ..track import ExpressionTrack
from .any_rig import replace_on_rig, table_noted
from .controls import is_head, metadata
from .edit_settings import show_edits
from .keyframes import PREFIX, replace_keys, storable
from .muscle_activity import has_activity, key_activity
from .playing_takes import DRIFT, on_scene_clock
from .recipes import (
    QUALITY,
    Recipe,
    find_recording,
    has_recipe,
    note_quality,
    note_recipe,
    recipe_of,
)
from .takes import avatar_of, current_take
from .video_marks import key_certainty

if TYPE_CHECKING:
    from ..signals.activity import Activity


def remake_take(
    context: bpy.types.Context,
    obj: bpy.types.Object,
    edits: Edits | None = None,
    *,
    montage: Mapping[str, str | None] | None = None,
    repair: Mapping[str, str] | None = None,
    model: str | None = None,
    as_new: bool = False,
    recording: str = "",
    any_model: bool = False,
) -> bpy.types.Action:
    """Make the keys of the take that an avatar plays again.

    Parameters
    ----------
    context : bpy.types.Context
    obj : bpy.types.Object
        A head's mesh object, or another avatar that plays a take of ours.
    edits : Edits, optional
        None takes those that the take remembers.
    montage : mapping of str to str, optional
        Channel to muscle; None takes what the take remembers.
    repair : mapping of str to str, optional
        Channel to ``"drop"``, ``"mirror"`` or ``"interpolate"``; None as before.
    model : str, optional
        Name or file of another model, empty for the usual one; None as before.
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
        When the avatar plays no take, the take remembers no recording, or the recording is gone or
        has changed; nothing is changed then.
    """
    action = current_take(obj)
    if action is None:
        raise EiferError(f"'{obj.name}' plays no take.", "Import a recording first.")
    recipe = recipe_of(action)
    path = find_recording(recipe, recording)
    recipe = replace(
        recipe, edits=recipe.edits if edits is None else edits,
        montage=recipe.montage if montage is None else montage,
        repair=recipe.repair if repair is None else repair,
    )  # fmt: skip
    if model is not None and model != recipe.model:
        recipe = replace(recipe, model=model, model_sha256="")
    edited = apply_edits(recipe.activity(path), recipe.edits.changed({"preset": ""}))
    track = on_scene_clock(action, recipe.track(edited, any_model=any_model))
    edited = on_scene_clock(action, edited)
    recipe = replace(
        recipe, file=str(path.absolute()),
        model_sha256=str(track.provenance.get("model_sha256", recipe.model_sha256)),
    )  # fmt: skip
    if QUALITY not in action:
        note_quality(action, recipe.quality(path))
    action = _write(context, obj, action, fitted(track, obj), edited, as_new=as_new)
    note_recipe(action, recipe)
    show_edits(action, recipe, edited.muscles)
    return action


def activity_of(obj: bpy.types.Object) -> Activity | None:
    """The edited activity behind the take that an avatar plays.

    None where the take remembers no recording, or the recording is not there any more.
    """
    action = current_take(obj)
    if action is None or not has_recipe(action):
        return None
    recipe = recipe_of(action)
    try:
        made = recipe.activity(find_recording(recipe))
    except EiferError:
        return None
    return apply_edits(made, recipe.edits.changed({"preset": ""}))


def remake_others(
    context: bpy.types.Context, obj: bpy.types.Object, recipe: Recipe, **options: Any
) -> list[str]:
    """Make the takes of the same recording on the other selected avatars again; their names.

    Parameters
    ----------
    context : bpy.types.Context
        Its selection gives the avatars.
    obj : bpy.types.Object
        The avatar that is done already.
    recipe : Recipe
        What the takes are made with.
    **options
        As for :func:`remake_take`.
    """
    others = dict.fromkeys(avatar_of(other) for other in context.selected_objects)
    names = []
    for other in others:
        action = None if other in (None, obj) else current_take(other)
        if action is None or not has_recipe(action) or action.name in names:
            continue
        if recipe_of(action).sha256 == recipe.sha256:
            names.append(remake_take(context, other, recipe.edits, **options).name)
    return names


def _write(
    context: bpy.types.Context,
    obj: bpy.types.Object,
    action: bpy.types.Action,
    track: ExpressionTrack,
    edited: Activity,
    *,
    as_new: bool,
) -> bpy.types.Action:
    """The new keys, in the take or in a new one beside it."""
    own = is_head(obj)
    if as_new:
        kept = {k: action[k] for k in (f"{PREFIX}file", QUALITY, DRIFT) if k in action}
        start = float(action[f"{PREFIX}frame_start"])
        options = {} if own else {"mapping": table_noted(action)}
        action = api.apply_track(
            context, obj, track, take=action.name, frame_start=start, **options
        )
        for key, value in kept.items():
            action[key] = value
    elif own:
        replace_keys(context, obj, action, track)
    else:
        replace_on_rig(context, obj, action, track)
    note_channels(action, edited)
    if own:
        key_certainty(context, obj, action, track)
    if own or has_activity(obj):
        key_activity(context, obj, action, edited)
    return action


def note_channels(action: bpy.types.Action, activity: Activity) -> None:
    """Note on a take how the channels were mapped, so that the panel can show it later."""
    pairs = [list(pair) for pair in zip(activity.channels, activity.muscles, strict=True)]
    action[f"{PREFIX}channels"] = storable(pairs)
    action[f"{PREFIX}unmapped"] = storable(list(activity.unmapped))


def fitted(track: ExpressionTrack, obj: bpy.types.Object) -> ExpressionTrack:
    """The track in a space that the avatar takes."""
    basis = metadata(obj)["head"] if is_head(obj) else ARKIT52.basis
    if track.space.name != ARKIT52.name and track.space.basis != basis:
        return api.retarget(track, ARKIT52.name)
    return track
