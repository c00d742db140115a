"""Which picture of a film Blender shows at a scene frame.

Blender plays movies picture by picture, one per scene frame whatever the rates are. A picture's
position counts in the film's own mean rate: position p is what is seen p / rate seconds after the
first picture, also in films of a variable rate. So the offset of the pictures is driven, by an
expression that Blender evaluates without Python, or keyed where the rate varies.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np

from .actions import CurveWriter, Take, bag_of

_CONSTANT = 0
#: Times are in floats, and a picture must not be missed by their dust.
_DUST = 1e-3
#: Deviation of a frame's duration from which a film's rate counts as variable.
_VARIABLE = 0.1
_GROUP = "Film"


@dataclass(frozen=True)
class FilmTiming:
    """How a film lies on the timeline.

    Attributes
    ----------
    frame_start : float
        Scene frame of the first picture.
    scene_hz : float
        Scene frames per second.
    film_hz : float
        Pictures per second as Blender counts them.
    n_pictures : int
    first_number : int
        The number of the first picture as Blender counts: 1 for movies, that in the file's name
        for image sequences.
    times_s : numpy.ndarray or None
        (n,) times of pictures of a film whose rate varies; None where it does not.
    """

    frame_start: float
    scene_hz: float
    film_hz: float
    n_pictures: int
    first_number: int = 1
    times_s: np.ndarray | None = None

    @property
    def scene_frames(self) -> int:
        """Scene frames that the film covers."""
        return max(1, math.ceil(self.n_pictures / self.film_hz * self.scene_hz))

    @property
    def is_one_to_one(self) -> bool:
        """Whether each scene frame shows the next picture."""
        return (
            self.times_s is None
            and self.frame_start == round(self.frame_start)
            and abs(self.film_hz / self.scene_hz - 1) * self.n_pictures < _DUST
        )

    def position(self, frames: np.ndarray) -> np.ndarray:
        """Position in the film, from 0, at scene frames (n,)."""
        seconds = (np.asarray(frames, np.float64) - self.frame_start) / self.scene_hz
        if self.times_s is None:
            return np.floor(seconds * self.film_hz + _DUST).astype(np.int64)
        known = np.searchsorted(self.times_s, seconds + _DUST / self.film_hz, side="right") - 1
        known = np.clip(known, 0, len(self.times_s) - 1)
        # The first position at which Blender shows each known picture.
        places = np.ceil(self.times_s * self.film_hz - _DUST).astype(np.int64)
        room = np.diff(places, append=places[-1:] + (1 << 20)) - 1
        further = np.floor((seconds - self.times_s[known]) * self.film_hz + _DUST).astype(np.int64)
        return places[known] + np.clip(further, 0, np.maximum(room[known], 0))


def uneven(timestamps_s: np.ndarray) -> np.ndarray | None:
    """The timestamps when they are those of a variable rate, else None."""
    steps = np.diff(timestamps_s)
    if len(steps) < 2 or np.ptp(steps) <= _VARIABLE * float(np.median(steps)):
        return None
    return np.asarray(timestamps_s, np.float64)


def time_pictures(owner: bpy.types.ID, user_path: str, user: Any, timing: FilmTiming) -> None:
    """Let an image user show the film in time with the scene.

    Parameters
    ----------
    owner : bpy.types.ID
        The datablock that holds the image user: a camera, an object, a node tree.
    user_path : str
        Path of the image user in it.
    user : bpy.types.ImageUser or bpy.types.CompositorNodeImage
    timing : FilmTiming
    """
    start = math.floor(timing.frame_start)
    user.use_cyclic = False
    user.use_auto_refresh = True
    user.frame_start = start
    user.frame_duration = timing.scene_frames + 1
    user.frame_offset = timing.first_number - 1
    if timing.is_one_to_one:
        user.frame_duration = timing.n_pictures
        return
    path = f"{user_path}.frame_offset"
    if timing.times_s is None:
        _drive(owner, path, timing, start)
    else:
        _key(owner, path, timing, start)


def _drive(owner: bpy.types.ID, path: str, timing: FilmTiming, start: int) -> None:
    ratio = timing.film_hz / timing.scene_hz
    first, last = timing.first_number - 1, timing.n_pictures - 1
    driver = owner.driver_add(path).driver
    driver.type = "SCRIPTED"
    shown = f"floor((frame-{timing.frame_start:.9g})*{ratio:.12g}+{_DUST})"
    # What Blender itself adds per scene frame, within the film's duration, is taken away.
    counted = f"min(max(frame-{start},0),{timing.scene_frames})"
    driver.expression = f"{first}+min(max({shown},0),{last})-{counted}"


def _key(owner: bpy.types.ID, path: str, timing: FilmTiming, start: int) -> None:
    frames = np.arange(start, start + timing.scene_frames + 1)
    positions = np.clip(timing.position(frames), 0, timing.n_pictures - 1)
    offsets = timing.first_number - 1 + positions - (frames - start)
    bag = bag_of(owner) or Take(f"{owner.name} timing").bag(owner)
    CurveWriter(frames.astype(np.float64)).write(bag, path, 0, _GROUP, offsets.astype(np.float64))
    curve = bag.fcurves.find(path)
    steps = np.full(len(curve.keyframe_points), _CONSTANT, np.int32)
    curve.keyframe_points.foreach_set("interpolation", steps)
    curve.update()
