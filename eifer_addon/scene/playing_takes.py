"""Which of its takes an avatar plays, and moving a take in time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import bpy
import numpy as np

from ..errors import EiferError
from ..signals.sync_result import Item, Sync, shifted
from .actions import HAS_SLOTS, play, playing
from .keyframes import PREFIX, blocks_of, is_take, put_to_rest

#: On a take that lies on another clock: by how many millionths its own one runs fast there.
DRIFT = f"{PREFIX}drift_ppm"
_BONES = " bones"


def play_take(obj: bpy.types.Object, action: bpy.types.Action) -> None:
    """Let a head play one of its takes; what the take before it animated goes back to rest.

    Raises
    ------
    EiferError
        When the action is no take that moves a head.
    """
    if not is_take(action) or not _parts(action):
        raise EiferError(f"'{action.name}' is no take of a head.", "Choose another one.")
    for block in blocks_of(obj).values():
        earlier, _ = playing(block)
        if is_take(earlier):
            earlier.use_fake_user = True
            put_to_rest(block)
    _assign(obj, action)
    obj.update_tag()


def _assign(obj: bpy.types.Object, action: bpy.types.Action) -> None:
    parts = _parts(action)
    for part, block in blocks_of(obj).items():
        if part in parts:
            if block.animation_data is None:
                block.animation_data_create()
            play(block, *parts[part])


@contextmanager
def played(obj: bpy.types.Object, action: bpy.types.Action) -> Iterator[None]:
    """Let a head play a take to read it, and then what it played before."""
    before = [(block, *playing(block)) for block in blocks_of(obj).values()]
    _assign(obj, action)
    try:
        yield
    finally:
        for block, earlier, slot in before:
            play(block, earlier, slot)


def _parts(action: bpy.types.Action) -> dict[str, tuple[Any, Any]]:
    """Action and slot for each part of a head that a take animates."""
    if not HAS_SLOTS:
        # One action for each part, told apart by their names.
        names = {"head": "", "keys": " shape", "rig": _BONES}
        found = {p: bpy.data.actions.get(action.name + suffix) for p, suffix in names.items()}
        return {part: (one, None) for part, one in found.items() if one is not None}
    slots: dict[str, tuple[Any, Any]] = {}
    for slot in action.slots:
        if slot.target_id_type == "KEY":
            slots["keys"] = (action, slot)
        elif slot.name_display.endswith(_BONES):
            slots["rig"] = (action, slot)
        else:
            slots.setdefault("head", (action, slot))
    return slots


def move_take(action: bpy.types.Action, frame_start: float, drift_ppm: float) -> None:
    """Move a take in time, all of its keys alike.

    Parameters
    ----------
    action : bpy.types.Action
    frame_start : float
        Scene frame of the take's time 0 from now on.
    drift_ppm : float
        By how many millionths the take's own clock runs fast on the scene's.
    """
    was, slow = float(action[f"{PREFIX}frame_start"]), float(action.get(DRIFT, 0.0))
    factor = (1.0 + slow / 1e6) / (1.0 + drift_ppm / 1e6)
    for curve in _all_curves(action):
        points = np.empty(2 * len(curve.keyframe_points), np.float32)
        curve.keyframe_points.foreach_get("co", points)
        frames = points[::2].astype(np.float64)
        points[::2] = frame_start + (frames - was) * factor
        curve.keyframe_points.foreach_set("co", points)
        curve.update()
    action[f"{PREFIX}frame_start"] = float(frame_start)
    action[DRIFT] = float(drift_ppm)


def _all_curves(action: bpy.types.Action) -> Iterator[Any]:
    if not HAS_SLOTS:
        for one, _ in _parts(action).values():
            yield from one.fcurves
        return
    for layer in action.layers:
        for strip in layer.strips:
            for bag in strip.channelbags:
                yield from bag.fcurves


def on_scene_clock(action: bpy.types.Action, item: Item) -> Item:
    """A recording's activity or track with its clock's drift taken out, as its take was moved."""
    drift_ppm = float(action.get(DRIFT, 0.0))
    return item if not drift_ppm else shifted(item, Sync(0.0, 1e6 / (1.0 + drift_ppm / 1e6) - 1e6))


def on_own_clock(action: bpy.types.Action, item: Item) -> Item:
    """The inverse of :func:`on_scene_clock`, for what was read from keys."""
    drift_ppm = float(action.get(DRIFT, 0.0))
    return item if not drift_ppm else shifted(item, Sync(0.0, drift_ppm))


def is_played(obj: bpy.types.Object, action: bpy.types.Action | None) -> bool:
    """Whether a head plays a take with any of its parts."""
    blocks = blocks_of(obj).values()
    return action is not None and any(playing(block)[0] == action for block in blocks)
