"""What a take that a script keyed gets so that it can be edited like an imported one."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import bpy

from ..video.track_edits import TrackEdits
from .actions import playing
from .clean_up_settings import show_clean_up
from .controls import is_head
from .edit_settings import show_edits
from .edits import note_channels
from .muscle_activity import key_activity
from .recipes import Recipe, has_recipe, recipe_of
from .sources import keep_source
from .video_marks import key_certainty

if TYPE_CHECKING:
    from ..signals.activity import Activity
    from ..track import ExpressionTrack


def complete_take(
    context: bpy.types.Context,
    obj: bpy.types.Object,
    action: bpy.types.Action,
    activity: Activity | None,
    track: ExpressionTrack,
) -> None:
    """Key the activity of a new take and how sure its model is, and show its settings.

    A take that does not know its recording keeps the track itself, so that it can be cleaned up.

    Parameters
    ----------
    context : bpy.types.Context
    obj : bpy.types.Object
        The avatar that plays the take.
    action : bpy.types.Action
    activity : Activity or None
        What the track was made of; an avatar that cannot show it is warned of.
    track : ExpressionTrack
        What was written.
    """
    if activity is not None:
        note_channels(action, activity)
        reason = None if is_head(obj) else _why_not(obj, action)
        if reason is None:
            key_activity(context, obj, action, activity)
        else:
            text = f"The muscle activity is not shown on '{obj.name}', which {reason}."
            warnings.warn(text, UserWarning, stacklevel=3)
    if has_recipe(action):
        recipe = recipe_of(action)
        show_edits(action, recipe, muscles_of(recipe) if activity is None else activity.muscles)
        if is_head(obj):
            key_certainty(context, obj, action, track)
    else:
        keep_source(action, track)
        show_clean_up(action, TrackEdits(), track.space)


def muscles_of(recipe: Recipe) -> tuple[str, ...]:
    """The muscles with their sides that a recipe's channels stand for, each once."""
    targets = (target for target in (recipe.montage or {}).values() if target)
    found = (
        [target] if "." in target else [f"{target}.left", f"{target}.right"] for target in targets
    )
    return tuple(dict.fromkeys(muscle for pair in found for muscle in pair))


def _why_not(obj: bpy.types.Object, action: bpy.types.Action) -> str | None:
    """Why an avatar cannot show muscle activity; None where it can."""
    if obj.library is not None:
        return "comes from another .blend"
    own, _ = playing(obj)
    if own is not None and own != action:
        return f"plays the action '{own.name}' of its own"
    return None
