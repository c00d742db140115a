"""What a film's take cannot show on the face: confidence as a curve, gaps and cuts as markers."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import bpy
import numpy as np

from ..track import ExpressionTrack
from .actions import CurveWriter, Take, bag_of, playing
from .keyframes import PREFIX, storable

#: Custom property of a head's mesh object that takes animate.
CONFIDENCE = "confidence"
CONFIDENCE_PATH = f'["{CONFIDENCE}"]'
_GROUP = "Film"
LOST, BACK, CUT, STOPPED = "Face lost", "Face back", "Cut", "Import stopped"
_OURS = (LOST, BACK, CUT, STOPPED)
_SPANS, _CUTS, _STOPPED = f"{PREFIX}gap_spans", f"{PREFIX}cuts", f"{PREFIX}stopped_s"


def mark_take(
    context: bpy.types.Context,
    obj: bpy.types.Object,
    action: bpy.types.Action,
    track: ExpressionTrack,
) -> None:
    """Key the confidence of a film's take, and mark gaps and cuts in the timeline.

    Parameters
    ----------
    context : bpy.types.Context
        Its scene gets the markers.
    obj : bpy.types.Object
        The head that plays the take.
    action : bpy.types.Action
        What `api.apply_track` returned.
    track : ExpressionTrack
        What was applied. Its provenance may name ``cuts``, in s, and ``stopped_s``, where the
        work was ended early.
    """
    key_confidence(context, obj, action, track)
    action[_SPANS] = storable(gap_spans(track))
    action[_CUTS] = storable([float(cut) for cut in track.provenance.get("cuts", ())])
    stopped = track.provenance.get("stopped_s")
    if stopped is not None:
        action[_STOPPED] = float(stopped)
    elif _STOPPED in action:
        del action[_STOPPED]
    show_markers(context.scene, action)


def gap_spans(track: ExpressionTrack) -> list[list[float]]:
    """Stretches without a face: the times of their first frames and of the first ones after."""
    lost = np.concatenate([[False], track.confidence <= 0, [False]])
    edges = np.flatnonzero(lost[1:] != lost[:-1])
    times = track.timestamps
    step = float(np.median(np.diff(times))) if len(times) > 1 else 0.0
    after = np.append(times, times[-1] + step)
    return [[float(times[a]), float(after[b])] for a, b in edges.reshape(-1, 2)]


def show_markers(scene: bpy.types.Scene, action: bpy.types.Action) -> None:
    """Let the timeline show the gaps, the cuts and the early end of this take and of no other."""
    clear_markers(scene)
    hz, zero = scene.render.fps / scene.render.fps_base, float(action[f"{PREFIX}frame_start"])
    for name, seconds in _marks(action):
        marker = scene.timeline_markers.new(name, frame=round(zero + seconds * hz))
        marker.select = False


def clear_markers(scene: bpy.types.Scene) -> None:
    """Take our markers out of the timeline."""
    for marker in [marker for marker in scene.timeline_markers if marker.name in _OURS]:
        scene.timeline_markers.remove(marker)


def _marks(action: bpy.types.Action) -> Iterable[tuple[str, float]]:
    for lost, back in json.loads(str(action.get(_SPANS, "[]"))):
        yield LOST, lost
        yield BACK, back
    yield from ((CUT, cut) for cut in json.loads(str(action.get(_CUTS, "[]"))))
    if _STOPPED in action:
        yield STOPPED, float(action[_STOPPED])


def key_certainty(
    context: bpy.types.Context, obj: bpy.types.Object, action: Any, track: ExpressionTrack
) -> None:
    """Key the confidence of an EMG take, where its model tells how sure it is, or one told once."""
    if "mean_confidence" in track.provenance or CONFIDENCE in obj:
        key_confidence(context, obj, action, track)


def key_confidence(
    context: bpy.types.Context, obj: bpy.types.Object, action: Any, track: ExpressionTrack
) -> None:
    """Key how sure a take is of the face, as a custom property of the head, frame by frame."""
    if CONFIDENCE not in obj:
        obj[CONFIDENCE] = 0.0
        obj.id_properties_ui(CONFIDENCE).update(
            min=0.0, max=1.0, soft_min=0.0, soft_max=1.0, default=0.0, precision=3,
            description="How sure the take is of the face at this frame; 0 is a gap",
        )  # fmt: skip
    scene = context.scene
    hz = scene.render.fps / scene.render.fps_base
    frames = float(action[f"{PREFIX}frame_start"]) + track.timestamps * hz
    own, _ = playing(obj)
    bag = bag_of(obj) if own == action else Take(action.name, [action]).bag(obj)
    CurveWriter(frames).write(bag, CONFIDENCE_PATH, 0, _GROUP, track.confidence)
