"""Film and EMG of one session in one scene: their clocks, and a take that is made of both."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import bpy
import numpy as np

from .. import api
from ..errors import EiferError
from ..signals.edits import apply_edits
from ..signals.sync_result import BY_HAND, CURVES, LIGHT, START, Sync
from ..track import ExpressionTrack
from .actions import curves
from .clean_up import clean_up_of, write_track
from .clean_up_settings import show_clean_up
from .controls import armature_of
from .edits import fitted
from .keyframes import PREFIX, is_take
from .playing_takes import is_played, move_take, on_own_clock, play_take, played
from .recipes import Recipe, find_recording, has_recipe, recipe_of
from .sources import has_source, keep_source, source_of
from .takes import track_from_object
from .video_marks import clear_markers, mark_take, show_markers

#: On a take that was laid onto a film's clock: how, as JSON; and of what a fused take is made.
SYNC, FILM_TAKE, EMG_TAKE = f"{PREFIX}laid", f"{PREFIX}film_take", f"{PREFIX}emg_take"


def is_emg_take(action: bpy.types.Action | None) -> bool:
    """Whether a take is made from a recording or from muscle activity."""
    return is_take(action) and (has_recipe(action) or f"{PREFIX}channels" in (action or {}))


def is_film_take(action: bpy.types.Action | None) -> bool:
    """Whether a take may be a film's: not from a recording, and not fused."""
    return is_take(action) and not is_emg_take(action) and FILM_TAKE not in (action or {})


def track_of_take(
    context: bpy.types.Context, obj: bpy.types.Object, action: bpy.types.Action
) -> ExpressionTrack:
    """The track of a take as its keys are made, on the take's own clock.

    From the recording or the kept track where they are there, else from the keys.
    """
    if has_recipe(action):
        try:
            return fitted(_from_recording(recipe_of(action)), obj)
        except EiferError as error:
            text = f"The keys of '{action.name}' are taken as they are. {error}"
            warnings.warn(text, UserWarning, stacklevel=2)
    with played(obj, action):
        if has_source(action):
            return api.clean_up(source_of(context, obj), clean_up_of(action))
        return on_own_clock(action, track_from_object(context, obj))


def _from_recording(recipe: Recipe) -> ExpressionTrack:
    activity = recipe.activity(find_recording(recipe))
    edited = apply_edits(activity, recipe.edits.changed({"preset": ""}))
    return recipe.track(edited, any_model=True)


def find_clocks(
    context: bpy.types.Context,
    obj: bpy.types.Object,
    film: bpy.types.Action,
    emg: bpy.types.Action,
    *,
    method: str,
    trigger: str = "",
    rectangle: Sequence[int] | None = None,
) -> Sync:
    """Find how the clock of a film's take lies to that of an EMG take.

    Parameters
    ----------
    context : bpy.types.Context
    obj : bpy.types.Object
        The head that both are takes of.
    film, emg : bpy.types.Action
    method : {"curves", "start", "light"}
        By the movements of the face, by the mark of the film's beginning in the recording, or by
        a light in the film that the recording's trigger drove.
    trigger : str
        The event or the channel that holds the mark or the trigger.
    rectangle : sequence of int, optional
        Where the light is; None looks for it.

    Returns
    -------
    Sync
        To the EMG's clock from the film's.

    Raises
    ------
    EiferError
        When nothing agrees, or the recording or the film is gone.
    """
    if method == CURVES:
        return api.synchronise(track_of_take(context, obj, emg), track_of_take(context, obj, film))
    if not trigger:
        raise EiferError("No trigger is named.", "Name an event or a channel of the recording.")
    if not has_recipe(emg):
        raise EiferError(
            f"The take '{emg.name}' does not remember its recording.", "Import it again."
        )
    recording = api.read_recording(find_recording(recipe_of(emg)), **recipe_of(emg).reader)
    by_event = any(event.name == trigger for event in recording.events)
    named: dict[str, Any] = {"event" if by_event else "trigger": trigger}
    if method == START:
        track = track_of_take(context, obj, film)
        return api.synchronise(recording, track, method=START, **named)
    path = _film_of(film)
    return api.synchronise(recording, path, method=LIGHT, rectangle=rectangle, **named)


def _film_of(film: bpy.types.Action) -> Path:
    """The file behind a film's take: where it was, or beside the .blend."""
    path = Path(str(film.get(f"{PREFIX}file", "")))
    places = [path]
    if bpy.data.filepath:
        places.append(Path(bpy.data.filepath).parent / path.name)
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        raise EiferError(f"The film of '{film.name}' is not at {path}.", "Put it back there.")
    return found


def marks_of(emg: bpy.types.Action | None) -> list[str]:
    """Events and channels of the recording behind a take, for a list to choose from."""
    if emg is None or not has_recipe(emg):
        return []
    try:
        recording = api.read_recording(find_recording(recipe_of(emg)), **recipe_of(emg).reader)
    except EiferError:
        return []
    return [*dict.fromkeys(event.name for event in recording.events), *recording.channels]


def lay_take(
    context: bpy.types.Context, film: bpy.types.Action, emg: bpy.types.Action, sync: Sync
) -> None:
    """Move the keys of an EMG take so that they lie where the film shows the same moment."""
    scene = context.scene
    hz = scene.render.fps / scene.render.fps_base
    start = float(film[f"{PREFIX}frame_start"]) - sync.seconds / sync.rate * hz
    move_take(emg, start, sync.drift_ppm)
    emg[SYNC] = json.dumps(sync.as_document())


def sync_of(emg: bpy.types.Action) -> Sync:
    """How an EMG take was laid; by hand at 0 where it was not."""
    if SYNC not in emg:
        return Sync(0.0, confidence=0.0, method=BY_HAND)
    return Sync.from_document(json.loads(str(emg[SYNC])), emg.name)


def fuse_takes(
    context: bpy.types.Context,
    obj: bpy.types.Object,
    film: bpy.types.Action,
    emg: bpy.types.Action,
    *,
    delay_ms: float | None = None,
    covered: Callable[[np.ndarray], Mapping[str, np.ndarray]] | None = None,
    fused: bpy.types.Action | None = None,
) -> bpy.types.Action:
    """Make a take of both: the film where it is sure, the muscles where it is not.

    Parameters
    ----------
    context : bpy.types.Context
    obj : bpy.types.Object
        The head; it plays the fused take afterwards.
    film, emg : bpy.types.Action
        Its takes; the EMG take's clock as it was laid.
    delay_ms : float, optional
        How much later the face moves than the muscles; None finds it.
    covered : callable, optional
        Gives, by part of the face, how far it is covered at scene frames (n,).
    fused : bpy.types.Action, optional
        An earlier fused take of both, whose keys are made again.

    Returns
    -------
    bpy.types.Action

    Raises
    ------
    EiferError
        As `api.fuse`; nothing is changed then.
    """
    seen, scene = track_of_take(context, obj, film), context.scene
    hz = scene.render.fps / scene.render.fps_base
    frames = float(film[f"{PREFIX}frame_start"]) + seen.timestamps * hz
    track = api.fuse(
        seen, track_of_take(context, obj, emg), sync=sync_of(emg), delay_ms=delay_ms,
        occlusion=covered(frames) if covered is not None else {},
    )  # fmt: skip
    track = fitted(track, obj)
    if fused is not None and is_take(fused) and fused.get(FILM_TAKE) == film.name:
        play_take(obj, fused)
        write_track(context, obj, track)
        keep_source(fused, track)
        show_clean_up(fused, clean_up_of(fused), track.space)
        action = fused
    else:
        bone = _bone_of(obj, film)
        action = api.apply_track(
            context, obj, track, take=f"{film.name} with EMG", head_bone=bone,
            frame_start=float(film[f"{PREFIX}frame_start"]),
        )  # fmt: skip
    action[FILM_TAKE], action[EMG_TAKE] = film.name, emg.name
    mark_take(context, obj, action, track)
    return action


def _bone_of(obj: bpy.types.Object, film: bpy.types.Action) -> Literal["root", "neck"] | None:
    """The bone that carries the head in the film's take."""
    with played(obj, film):
        paths = {curve.data_path for curve in curves(armature_of(obj))}
    found = [b for b in ("root", "neck") if f'pose.bones["{b}"].rotation_quaternion' in paths]
    return "root" if "root" in found else "neck" if found else None


def show_take(scene: bpy.types.Scene, obj: bpy.types.Object, action: bpy.types.Action) -> None:
    """Let a head play a take, with the take's marks in the timeline."""
    if not is_played(obj, action):
        play_take(obj, action)
    if is_emg_take(action):
        clear_markers(scene)
    else:
        show_markers(scene, action)
