"""A retake over a range: keys replaced there, blended at the edges, in a copy of the take."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np

from ..errors import EiferError
from .actions import HAS_SLOTS, bag_of, play, playing
from .any_rig import fit_mapping, table_noted
from .channels import channels_of
from .controls import is_head
from .keyframes import PREFIX, blocks_of
from .live_takes import LoadedTake, at_frames, hub_track
from .muscle_activity import property_of
from .recipes import KEY
from .takes import current_take
from .transaction import all_or_nothing

#: Note on the copy: which journals stand in which frames.
NOTE = f"{PREFIX}retakes"
_LINEAR = 1


@dataclass(frozen=True)
class Punch:
    """A range that is recorded anew.

    Attributes
    ----------
    head : str
        Name of the avatar whose take is changed.
    first, last : int
        Frames.
    blend : int
        Over so many frames at each edge the new goes over into the old.
    """

    head: str
    first: int
    last: int
    blend: int = 4

    def __post_init__(self) -> None:
        if self.last - self.first < 1:
            raise EiferError("The range of the retake is empty.", "Give it two frames or more.")

    def weights(self, frames: np.ndarray) -> np.ndarray:
        """Part of the new keys at frames (n,): 0 at the edges, 1 inside."""
        inside = np.minimum(frames - self.first, self.last - frames)
        # A blend longer than half of the range would never reach the new keys.
        blend = min(self.blend, (self.last - self.first) / 2)
        return np.clip(inside / max(blend, 1e-6), 0.0, 1.0)


def punch_in(
    context: bpy.types.Context, row: Any, punch: Punch, loaded: LoadedTake
) -> bpy.types.Action:
    """Put a take over a range of the take that an avatar plays, in a copy of that one.

    Parameters
    ----------
    context : bpy.types.Context
    row : EiferLiveTake
        The new take; its first frame lies before the range.
    punch : Punch
    loaded : LoadedTake
        What the new take holds.

    Returns
    -------
    bpy.types.Action
        The copy, which the avatar plays now. The old take stays as it is.

    Raises
    ------
    EiferError
        When the avatar is gone or plays no take, or the new take does not reach over the range;
        nothing is changed then.
    """
    obj = bpy.data.objects.get(punch.head)
    old = None if obj is None else current_take(obj)
    if obj is None or old is None:
        raise EiferError(f"'{punch.head}' plays no take any more.", "Choose the take again.")
    scene = context.scene
    fps = scene.render.fps / scene.render.fps_base
    start = row.frame_start - loaded.begin_s * fps
    track, activity = at_frames(loaded.track, loaded.activity, fps, start, row.frame_start)
    track = hub_track(track)
    frames = np.round(start + track.timestamps * fps)
    inside = (frames >= punch.first) & (frames <= punch.last) & (track.confidence > 0)
    if frames[0] > punch.first or frames[-1] < punch.last or inside.sum() < 2:
        raise EiferError(
            f"The new take holds frames {frames[0]:.0f} to {frames[-1]:.0f}, not the whole range "
            f"{punch.first} to {punch.last}.",
            "Record the range again.",
        )
    wanted = _targets(obj, old, track)
    for muscle in activity.muscles:
        wanted[obj.id_type, f'["{property_of(muscle)}"]', 0] = activity.column(muscle)
    with all_or_nothing(context):
        copies = _copies(obj, old)
    for block in copies:
        bag = bag_of(block)
        for curve in list(bag.fcurves) if bag is not None else ():
            new = wanted.get((block.id_type, curve.data_path, curve.array_index))
            if new is not None:
                replace_range(curve, punch, frames[inside], new[inside])
    made = next(iter(copies.values()))
    _note(made, punch, row)
    row.kept, row.actions = True, json.dumps([made.name])
    return made


def _targets(
    obj: bpy.types.Object, old: bpy.types.Action, track: Any
) -> dict[tuple[str, str, int], np.ndarray]:
    """New values (n,) by kind of block, data path and index."""
    if is_head(obj):
        kinds = {part: block.id_type for part, block in blocks_of(obj).items()}
        channels, _ = channels_of(obj, track, None)
        return {(kinds[c.part], c.path, c.index): c.values for c in channels}
    fit = fit_mapping(obj, table_noted(old))
    return {
        (fit.block.id_type, path, 0): target.values(track.coefficients)
        for path, target in fit.targets.items()
    }


def _copies(obj: bpy.types.Object, old: bpy.types.Action) -> dict[bpy.types.ID, bpy.types.Action]:
    """Let the avatar play copies of all actions of the take; the main one comes first."""
    keys = getattr(obj.data, "shape_keys", None)
    rig = obj.find_armature()
    copied: dict[bpy.types.Action, bpy.types.Action] = {}
    found: dict[bpy.types.ID, bpy.types.Action] = {}
    for block in (b for b in (obj, keys, rig) if b is not None):
        action, slot = playing(block)
        if action is None or (action != old and not action.name.startswith(f"{old.name} ")):
            continue
        if action not in copied:
            copied[action] = action.copy()
            copied[action].name = f"{old.name} retake"
            copied[action].use_fake_user = True
        new = copied[action]
        play(block, new, new.slots[slot.identifier] if HAS_SLOTS and slot is not None else None)
        found[block] = new
    return dict(sorted(found.items(), key=lambda item: item[1] != copied.get(old)))


def replace_range(curve: Any, punch: Punch, frames: np.ndarray, values: np.ndarray) -> None:
    """Replace a curve's keys between two frames.

    Parameters
    ----------
    curve : bpy.types.FCurve
    punch : Punch
    frames, values : numpy.ndarray
        (n,) the new keys, inside of the range.
    """
    points = np.empty(2 * len(curve.keyframe_points), np.float32)
    curve.keyframe_points.foreach_get("co", points)
    points = points.reshape(-1, 2)
    # Between few keys, a moving curve would change before and behind the range without these.
    edges = np.array([punch.first, punch.last], np.float64)
    at = np.union1d(frames, edges)
    before = np.array([curve.evaluate(frame) for frame in at])
    new = np.interp(at, frames, values)
    weights = punch.weights(at)
    mixed = np.stack([at, before + weights * (new - before)], axis=1)
    outside = points[(points[:, 0] < punch.first) | (points[:, 0] > punch.last)]
    merged = np.concatenate([outside, mixed]).astype(np.float32)
    merged = merged[np.argsort(merged[:, 0], kind="stable")]
    held = curve.keyframe_points
    held.clear()
    held.add(len(merged))
    held.foreach_set("co", merged.ravel())
    held.foreach_set("interpolation", np.full(len(merged), _LINEAR, np.int32))
    curve.update()


def _note(made: bpy.types.Action, punch: Punch, row: Any) -> None:
    """The copy comes from two journals, so no single recipe makes it again."""
    if KEY in made:
        del made[KEY]
    noted = json.loads(str(made.get(NOTE, "[]")))
    noted.append({"file": row.file, "first": punch.first, "last": punch.last})
    made[NOTE] = json.dumps(noted)
