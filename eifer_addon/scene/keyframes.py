"""A track as keys: one action per take, written in bulk, by timestamps."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, Literal

import bpy
import numpy as np

from ..errors import EiferError
from ..seals import RECIPE, note_of_track
from ..track import ExpressionTrack
from ..version import software_version
from .actions import HAS_SLOTS, CurveWriter, Take, bag_of, curves, play, playing
from .channels import Channel, channels_of
from .controls import armature_of, metadata
from .transaction import all_or_nothing

#: Custom properties of a take's action start with this.
PREFIX = "eifer_"
FrameRange = Literal["keep", "extend", "fit"]
_PARTS = ("head", "keys", "rig")
_SUFFIXES = {"head": "", "keys": "shape", "rig": "bones"}
_INT32 = 2**31


def apply_track(
    context: bpy.types.Context,
    obj: bpy.types.Object,
    track: ExpressionTrack,
    take: str = "take",
    *,
    frame_start: float | None = None,
    frame_range: FrameRange = "extend",
    head_bone: Literal["root", "neck"] | None = "root",
    exists: Literal["suffix", "error"] = "suffix",
) -> bpy.types.Action:
    """Write a track as keys on a rigged head and let the head play them.

    A frame at time t becomes a key at ``frame_start + t * fps`` with the scene's own frame rate,
    between whole frames where it falls there. Frames of confidence 0 are not keyed, and a
    coefficient that never moves gets one key. Earlier takes stay in the file as they are.

    Parameters
    ----------
    context : bpy.types.Context
        Its scene gives the frame rate.
    obj : bpy.types.Object
        What :func:`.rig.add_head` returned.
    track : ExpressionTrack
        In `arkit52` (the head's controls) or in the head's own space (its expression keys and jaw).
    take : str
        Name of the action and its slot.
    frame_start : float, optional
        Scene frame of time 0; by default the first frame of the scene.
    frame_range : {"extend", "fit", "keep"}
        Whether the scene's frame range grows to cover the take, becomes the take's, or stays.
    head_bone : {"root", "neck"} or None
        Which bone takes the track's head pose; None leaves the head where it is.
    exists : {"suffix", "error"}
        When a take of this name exists: give the new one a suffix, or refuse.

    Returns
    -------
    bpy.types.Action
        The new action, with the provenance as custom properties.

    Raises
    ------
    EiferError
        When the track does not fit the head or holds no usable frame; nothing is changed then.
    """
    metadata(obj)
    if exists == "error" and take in bpy.data.actions:
        raise EiferError(f"A take named '{take}' exists already.", "Choose another name.")
    usable = track.confidence > 0
    if not usable.any():
        raise EiferError("The track holds no usable frame.", "Choose another recording.")
    channels, left_over = channels_of(obj, track, head_bone)
    scene = context.scene
    start = float(scene.frame_start if frame_start is None else frame_start)
    frames = start + track.timestamps[usable] * (scene.render.fps / scene.render.fps_base)
    blocks = blocks_of(obj)
    with restored_on_failure(blocks.values()), all_or_nothing(context):
        written = _write(Take(take), blocks, channels, usable, frames)
        for action in written:
            note_provenance(action, obj, track, start, left_over)
    _let_sliders_reach(obj.data.shape_keys, channels)
    set_frame_range(scene, frames, frame_range)
    if left_over:
        text = f"Not keyed, for want of a place on the head '{obj.name}': {', '.join(left_over)}."
        warnings.warn(text, UserWarning, stacklevel=2)
    return written[0]


def replace_keys(
    context: bpy.types.Context,
    obj: bpy.types.Object,
    action: bpy.types.Action,
    track: ExpressionTrack,
    head_bone: Literal["root", "neck"] | None = "root",
) -> None:
    """Make the keys of the take that a head plays again, in the same action and slots.

    Only curves that the track has are touched; they keep their modifiers and groups. Parts of
    the head that play another action meanwhile are left to it.

    Parameters
    ----------
    context : bpy.types.Context
        Its scene gives the frame rate.
    obj : bpy.types.Object
        A head's mesh object.
    action : bpy.types.Action
        The take that it plays.
    track : ExpressionTrack
        In a space that the head takes; time 0 stays where it was.
    head_bone : {"root", "neck"} or None
        As for :func:`apply_track`.

    Raises
    ------
    EiferError
        As :func:`apply_track`; nothing is changed then.
    """
    usable = track.confidence > 0
    if not usable.any():
        raise EiferError("The track holds no usable frame.", "Choose another recording.")
    channels, left_over = channels_of(obj, track, head_bone)
    start = float(action[f"{PREFIX}frame_start"])
    scene = context.scene
    frames = start + track.timestamps[usable] * (scene.render.fps / scene.render.fps_base)
    writer = CurveWriter(frames)
    for part, block in blocks_of(obj).items():
        mine = [channel for channel in channels if channel.part == part]
        own, _ = playing(block)
        if not mine or (own is not None and not _belongs(own, action, _SUFFIXES[part])):
            continue
        bag = bag_of(block) or Take(action.name, [action]).bag(block, _SUFFIXES[part])
        for channel in mine:
            values = channel.values if usable.all() else channel.values[usable]
            writer.write(bag, channel.path, channel.index, channel.group, values)
    note_provenance(action, obj, track, start, left_over)
    _let_sliders_reach(obj.data.shape_keys, channels)


def _belongs(own: Any, action: bpy.types.Action, suffix: str) -> bool:
    """Whether an action is the take, or up to Blender 4.3 the take's part for one datablock."""
    return own == action or (not HAS_SLOTS and own.name == f"{action.name} {suffix}")


def blocks_of(obj: bpy.types.Object) -> dict[str, bpy.types.ID]:
    """What a take animates on a head: mesh object, shape keys, armature object."""
    return dict(zip(_PARTS, (obj, obj.data.shape_keys, armature_of(obj)), strict=True))


def is_take(action: Any) -> bool:
    """Whether an action is one of our takes."""
    return action is not None and f"{PREFIX}space" in action


@contextmanager
def restored_on_failure(blocks: Iterable[bpy.types.ID]) -> Iterator[None]:
    """Let the blocks play again what they played when something goes wrong."""
    before = [(block, block.animation_data is not None, playing(block)) for block in blocks]
    try:
        yield
    except BaseException:
        for block, had_data, (action, slot) in before:
            if had_data:
                play(block, action, slot)
            else:
                block.animation_data_clear()
        raise


def _write(
    take: Take,
    blocks: Mapping[str, bpy.types.ID],
    channels: list[Channel],
    usable: np.ndarray,
    frames: np.ndarray,
) -> list[Any]:
    writer = CurveWriter(frames)
    for part, block in blocks.items():
        mine = [channel for channel in channels if channel.part == part]
        earlier, _ = playing(block)
        if earlier is not None:
            # What was there stays in the file although nothing plays it any more.
            earlier.use_fake_user = True
        if is_take(earlier):
            put_to_rest(block)
        if not mine:
            continue
        bag = take.bag(block, _SUFFIXES[part])
        for channel in mine:
            values = channel.values if usable.all() else channel.values[usable]
            writer.write(bag, channel.path, channel.index, channel.group, values)
    return take.actions


def put_to_rest(block: bpy.types.ID) -> None:
    """Stop an earlier take on `block` and put what it animated back to rest."""
    for curve in list(curves(block)):
        owner_path, _, attribute = curve.data_path.rpartition(".")
        rest = 1.0 if attribute == "rotation_quaternion" and curve.array_index == 0 else 0.0
        if not owner_path:
            block[curve.data_path[2:-2]] = rest
            continue
        owner = block.path_resolve(owner_path)
        if attribute in ("rotation_quaternion", "location"):
            getattr(owner, attribute)[curve.array_index] = rest
        else:
            setattr(owner, attribute, rest)
    play(block, None, None)


def note_provenance(
    action: Any,
    obj: bpy.types.Object,
    track: ExpressionTrack,
    start: float,
    left_over: tuple[str, ...],
) -> None:
    """Write the provenance on the action, flat, so that Blender shows it as custom properties."""
    known = {k: v for k, v in track.provenance.items() if k != RECIPE}
    if (recipe := note_of_track(track.provenance, track.coefficients)) is not None:
        known[RECIPE] = recipe
    notes = known | {
        "space": track.space.name, "head": obj.name, "frame_start": start,
        "version": software_version(), "not_keyed": ", ".join(left_over),
        "frames": len(track), "gaps": int(np.sum(track.confidence <= 0)),
        "duration_s": track.duration_s,
    }  # fmt: skip
    if track.camera is not None:
        notes["camera"] = asdict(track.camera)
    for key, value in notes.items():
        action[f"{PREFIX}{key}"] = storable(value)


def storable(value: Any) -> str | int | float | bool:
    """A value as Blender can store it; structures become JSON text."""
    if isinstance(value, bool | str):
        return value
    if isinstance(value, int | np.integer) and abs(int(value)) < _INT32:
        return int(value)
    if isinstance(value, float | np.floating):
        return float(value)
    return json.dumps(value, default=str)


def _let_sliders_reach(keys: bpy.types.Key, channels: list[Channel]) -> None:
    """Widen the sliders of expression keys, which would clamp the curve otherwise."""
    for channel in channels:
        if channel.part == "keys":
            block = keys.path_resolve(channel.path.removesuffix(".value"))
            block.slider_min = min(block.slider_min, float(channel.values.min()))
            block.slider_max = max(block.slider_max, float(channel.values.max()))


def set_frame_range(scene: bpy.types.Scene, frames: np.ndarray, how: FrameRange) -> None:
    """Let the scene's frame range cover the keys at `frames` (n,), be theirs, or stay."""
    first, last = math.floor(frames[0]), math.ceil(frames[-1])
    if how == "fit":
        scene.frame_start, scene.frame_end = max(0, first), max(0, last)
    elif how == "extend":
        scene.frame_start = max(0, min(scene.frame_start, first))
        scene.frame_end = max(scene.frame_end, last)
