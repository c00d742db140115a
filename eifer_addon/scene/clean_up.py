"""Cleaning a take up after the fact: its keys are made again from the track that it keeps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

import bpy

from .. import api
from ..errors import EiferError
from ..track import ExpressionTrack
from ..video.clean_up import CLEAN_UP
from ..video.track_edits import CHOSEN, TrackEdits
from .actions import curves
from .any_rig import replace_on_rig
from .clean_up_settings import show_clean_up
from .controls import armature_of, is_head
from .keyframes import PREFIX, is_take, replace_keys
from .playing_takes import on_scene_clock
from .recipes import has_recipe
from .sources import keep_source, source_of
from .takes import current_take

#: Custom property of a take's action: its clean-up as JSON; without our prefix, as `SOURCE` is.
EDITS = "eifer.clean_up"
#: Notes that a clean-up may take away again.
_NOTES = (PREFIX + CLEAN_UP, f"{PREFIX}camera")


def can_clean_up(action: bpy.types.Action | None) -> bool:
    """Whether a take is cleaned up here: every one that is not made from an EMG recording."""
    return is_take(action) and not has_recipe(action)


def clean_up_of(action: bpy.types.Action) -> TrackEdits:
    """The clean-up that a take's keys were made with.

    Raises
    ------
    EiferError
        When what the take remembers cannot be read.
    """
    return TrackEdits.from_document(str(action.get(EDITS, "{}")))


def clean_take(
    context: bpy.types.Context,
    obj: bpy.types.Object,
    edits: TrackEdits | Mapping[str, Any] | str,
) -> bpy.types.Action:
    """Make the keys of the take that an avatar plays again, cleaned up in another way.

    Parameters
    ----------
    context : bpy.types.Context
    obj : bpy.types.Object
        A head's mesh object, or another avatar that plays a take of ours.
    edits : TrackEdits, mapping or str
        Of the untouched track; no edits give it back as it was.

    Returns
    -------
    bpy.types.Action
        The same action, with the edits remembered.

    Raises
    ------
    EiferError
        When the avatar plays no such take, or the track cannot take the edits; nothing is
        changed then.
    """
    wanted = edits if isinstance(edits, TrackEdits) else TrackEdits.from_document(edits)
    source = source_of(context, obj)
    action = current_take(obj)
    assert action is not None
    write_track(context, obj, api.clean_up(source, wanted))
    action[EDITS] = json.dumps(wanted.as_document())
    show_clean_up(action, wanted, source.space)
    return action


def renew_source(
    context: bpy.types.Context,
    obj: bpy.types.Object,
    action: bpy.types.Action,
    track: ExpressionTrack,
) -> None:
    """Keep another track on a take, whose keys are its, and clean it up as the take was before."""
    keep_source(action, track)
    edits = clean_up_of(action)
    if not edits.is_neutral:
        clean_take(context, obj, edits)


def write_track(context: bpy.types.Context, obj: bpy.types.Object, track: ExpressionTrack) -> None:
    """The track in place of the keys of the take that an avatar plays."""
    action = current_take(obj)
    assert action is not None
    kept = {name: action[name] for name in _NOTES if name in action}
    for name in kept:
        del action[name]
    track = on_scene_clock(action, track)
    try:
        if is_head(obj):
            replace_keys(context, obj, action, track, head_bone=_moved_bone(obj))
        else:
            replace_on_rig(context, obj, action, track)
    except EiferError:
        for name, value in kept.items():
            action[name] = value
        raise


def neutral_here(context: bpy.types.Context, action: bpy.types.Action) -> dict[str, Any]:
    """The edit that makes the scene's present frame the neutral one of a take."""
    scene = context.scene
    fps = scene.render.fps / scene.render.fps_base
    seconds = (scene.frame_current - float(action[f"{PREFIX}frame_start"])) / fps
    return {"neutral": CHOSEN, "neutral_s": round(seconds, 6)}


def _moved_bone(obj: bpy.types.Object) -> Literal["root", "neck"] | None:
    """The bone that carries the head in the take, so that a still head stays still."""
    paths = {curve.data_path for curve in curves(armature_of(obj))}
    if 'pose.bones["root"].rotation_quaternion' in paths:
        return "root"
    return "neck" if 'pose.bones["neck"].rotation_quaternion' in paths else None
