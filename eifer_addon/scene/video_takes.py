"""The take of a film: keys, confidence, gaps, camera, pictures and sound, whole or not at all."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Literal

import bpy
import numpy as np

from .. import api
from ..errors import EiferError
from ..track import ExpressionTrack
from .clean_up import renew_source
from .controls import armature_of, is_head
from .edits import fitted
from .imports import target_head
from .keyframes import PREFIX, replace_keys, storable
from .video_camera import aim_film_camera
from .video_clean import add_clean, clean_path_of
from .video_heads import is_basis_of
from .video_imports import CHOICES, PARTIAL, VideoChoices
from .video_marks import mark_take
from .video_scene import has_takes, set_rate
from .video_stage import film_of, set_film
from .video_timing import uneven

#: New heads stand beside each other, in m.
_APART_M = 0.6


def write_video_take(
    context: bpy.types.Context, track: ExpressionTrack, choices: VideoChoices
) -> bpy.types.Action:
    """Write a film's track as a take, and put the film around the avatar.

    Parameters
    ----------
    context : bpy.types.Context
    track : ExpressionTrack
        Of `choices.path`.
    choices : VideoChoices

    Returns
    -------
    bpy.types.Action
        The new take; its notes say how to import it again.

    Raises
    ------
    EiferError
        When there is no place for the keys. The caller gives the scene back then.
    """
    how: Literal["keep", "extend", "fit"] = "extend" if has_takes(context.scene) else "fit"
    if choices.match_rate:
        rate_hz = float(track.provenance.get("rate_hz") or 0.0)
        is_variable = uneven(track.timestamps) is not None
        set_rate(context.scene, rate_hz, is_variable=is_variable)
    is_new = choices.new_head or not any(is_head(obj) for obj in context.scene.objects)
    obj = _new_head(context, track, choices) if is_new else target_head(context)
    action: bpy.types.Action = api.apply_track(
        context, obj, _wanted(track, obj, choices), take=choices.take or choices.path.stem,
        frame_start=choices.frame_start, frame_range=how if choices.extend else "keep",
    )  # fmt: skip
    mark_take(context, obj, action, track)
    note_video(action, track, choices)
    if choices.camera:
        _add_film(context, obj, track, choices)
    return action


def replace_video_take(
    context: bpy.types.Context,
    obj: bpy.types.Object,
    action: bpy.types.Action,
    track: ExpressionTrack,
    choices: VideoChoices,
) -> None:
    """Make the keys of a film's take again, after its import went on.

    Parameters
    ----------
    context : bpy.types.Context
    obj : bpy.types.Object
        The head that plays the take.
    action : bpy.types.Action
    track : ExpressionTrack
    choices : VideoChoices
    """
    wanted = _wanted(track, obj, choices)
    replace_keys(context, obj, action, wanted)
    renew_source(context, obj, action, wanted)
    mark_take(context, obj, action, track)
    note_video(action, track, choices)
    scene = context.scene
    if choices.extend:
        hz = scene.render.fps / scene.render.fps_base
        last = float(action[f"{PREFIX}frame_start"]) + track.timestamps[-1] * hz
        scene.frame_end = max(scene.frame_end, int(np.ceil(last)))
    camera = film_of(scene, action)
    if camera is not None and track.camera is not None:
        aim_film_camera(camera, obj, track.camera, scene)
        _add_clean(context, camera, track, choices)


def _wanted(
    track: ExpressionTrack, obj: bpy.types.Object, choices: VideoChoices
) -> ExpressionTrack:
    """The track in a space that the avatar takes, without the head's motion if so chosen."""
    track = fitted(track, obj)
    return track if choices.head_motion else replace(track, head_pose=None)


def note_video(action: bpy.types.Action, track: ExpressionTrack, choices: VideoChoices) -> None:
    """Note on a take which film it is of, how sure it is, and how to import it again."""
    there = track.confidence > 0
    mean = float(track.confidence[there].mean()) if there.any() else 0.0
    action[f"{PREFIX}file"] = str(choices.path.absolute())
    action[f"{PREFIX}mean_confidence"] = storable(mean)
    action[CHOICES] = choices.to_document()
    action[PARTIAL] = bool(track.provenance.get("partial", False))


def _new_head(
    context: bpy.types.Context, track: ExpressionTrack, choices: VideoChoices
) -> bpy.types.Object:
    head = api.load_head(choices.head_file)
    identity = track.identity
    if identity is None or not is_basis_of(choices.backend, head):
        text = f"The back end '{choices.backend}' gives no identity for the head '{head.name}'"
        warnings.warn(f"{text}, which is an average one.", UserWarning, stacklevel=2)
        identity = None
    others = sum(is_head(obj) for obj in context.scene.objects)
    name = choices.take or choices.path.stem
    obj = api.add_head(context, head, identity=identity, name=name)
    armature_of(obj).location.x += _APART_M * others
    context.view_layer.update()
    return obj


def _add_film(
    context: bpy.types.Context,
    obj: bpy.types.Object,
    track: ExpressionTrack,
    choices: VideoChoices,
) -> None:
    try:
        camera = set_film(
            context, obj, track, choices.path, head_motion=choices.head_motion,
            background=choices.background, plane=choices.plane, render=choices.render,
            sound=choices.sound, resolution=choices.match_size,
        )  # fmt: skip
    except EiferError as error:
        # The take is worth more than its film.
        warnings.warn(str(error), UserWarning, stacklevel=2)
        return
    _add_clean(context, camera, track, choices)


def _add_clean(
    context: bpy.types.Context,
    camera: bpy.types.Object,
    track: ExpressionTrack,
    choices: VideoChoices,
) -> None:
    """The clean film of an import that removed electrodes; one that was stopped has none yet."""
    path = clean_path_of(choices)
    if path is None or not path.is_file():
        return
    try:
        add_clean(context.scene, camera, path, track)
    except EiferError as error:
        warnings.warn(str(error), UserWarning, stacklevel=2)
