"""What replaces electrodes held steady from frame to frame, along the movements of the face.

A network that sees every frame for itself draws skin a little otherwise each time, and is a little
surer or less sure at the rims of what it found. So each frame's patch is mixed with the former
one, moved to where the landmarks say that the skin went: the more the two agree the more, and
not at all where they differ by more than such flicker.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from .crop import Region
from .remove_blend import SIZE, Patch, in_light
from .remove_filters import highest, mean
from .remove_tint import without_tint

#: How much of a new frame is taken where it agrees with the former one, and the difference (0 to
#: 255) up to which it does; from the second one on the new frame is taken whole.
_LEAST, _AGREES, _DIFFERS = 0.3, 4.0, 18.0
_DIFFERENCE_WINDOW = 7
#: How fast coverage may fall: what was covered a frame ago most likely still is.
_FALL = 0.45
#: The grid on which movement is known, and over which share of the crop a landmark speaks.
_GRID, _SPREAD = 24, 0.05
#: A point of the skin that moved farther than this share of the crop is none that can be followed.
_FARTHEST = 0.12


@dataclass(frozen=True)
class _Last:
    patch: Patch
    points: np.ndarray


class Steady:
    """Steadies the patches of one face, frame after frame.

    Parameters
    ----------
    smooth : bool
        False mixes nothing, for comparison.
    """

    def __init__(self, *, smooth: bool = True) -> None:
        self._smooth = smooth
        self._last: _Last | None = None

    def __call__(self, patch: Patch, points: np.ndarray | None) -> Patch:
        """The patch in step with the former ones.

        Parameters
        ----------
        patch : Patch
            Of the next frame, as the network gave it.
        points : numpy.ndarray or None
            Landmarks (n, 2) of the face in the picture's pixels; None where they are not known.

        Returns
        -------
        Patch
        """
        fill = in_light(patch.picture, patch.fill, patch.alpha)
        if points is not None:
            region = patch.region
            corner = region.x - region.width / 2, region.y - region.height / 2
            within = (points - corner) * (SIZE / region.width)
            fill = without_tint(patch.picture, fill, patch.coverage, within)
        lit = Patch(patch.region, patch.picture, fill, patch.coverage)
        last = self._last
        if self._smooth and last is not None and points is not None:
            lit = _mixed(lit, points, last)
        self._last = None if points is None else _Last(lit, points)
        return lit

    def forget(self) -> None:
        """Begin anew: a cut lies before the next frame, or the face was lost."""
        self._last = None


def _mixed(patch: Patch, points: np.ndarray, last: _Last) -> Patch:
    """A patch mixed with the former one where either covers something."""
    concerned = (patch.coverage > 0.02) | (last.patch.coverage > 0.02)
    concerned = highest(concerned, 9)
    if not concerned.any():
        return patch
    at = np.flatnonzero(concerned)
    moved, known = _former(patch, points, last, at)
    fill, coverage = patch.fill.copy(), patch.coverage.copy()
    colours, covers = fill.reshape(-1, 3), coverage.reshape(-1)
    former, change = moved[:, :3], colours.take(at, axis=0)
    change -= former
    differ: np.ndarray = np.zeros(coverage.shape, np.float32)
    differ.reshape(-1)[at] = np.abs(change) @ np.full(3, 1 / 3, np.float32)
    differ = mean(differ, _DIFFERENCE_WINDOW).reshape(-1).take(at)
    gain = _LEAST + (1 - _LEAST) * np.clip((differ - _AGREES) / (_DIFFERS - _AGREES), 0, 1)
    change *= np.where(known, gain, 1)[:, None]
    colours[at] = former + change
    covers[at] = np.maximum(covers.take(at), np.where(known, moved[:, 3], 0) * (1 - _FALL))
    return Patch(patch.region, patch.picture, fill, coverage)


def _former(
    patch: Patch, points: np.ndarray, last: _Last, at: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Colours and coverage (m, 4) that pixels `at` had a frame ago, and whether they are known."""
    region, before = patch.region, last.patch.region
    scale = region.width / SIZE
    shift_x, shift_y = (one.reshape(-1).take(at) for one in _movement(points, last.points, region))
    # Back along the movement, and into the former crop, in the network's pixels.
    row, column = np.divmod(at.astype(np.int32), np.int32(SIZE))
    zoom, whole = np.float32(scale / before.width * SIZE), np.float32(SIZE / before.width)
    corner_x = region.x - region.width / 2 + scale / 2 - before.x + before.width / 2
    corner_y = region.y - region.width / 2 + scale / 2 - before.y + before.width / 2
    at_x = column * zoom - shift_x * whole + np.float32(corner_x * whole - 0.5)
    at_y = row * zoom - shift_y * whole + np.float32(corner_y * whole - 0.5)
    near = np.square(shift_x) + np.square(shift_y) <= (_FARTHEST * region.width) ** 2
    known = (at_x >= 0) & (at_y >= 0) & (at_x <= SIZE - 1) & (at_y <= SIZE - 1) & near
    stack = np.dstack([last.patch.fill, last.patch.coverage])
    return _bilinear(stack, at_x, at_y), known


def _movement(
    points: np.ndarray, before: np.ndarray, region: Region
) -> tuple[np.ndarray, np.ndarray]:
    """How far the skin at each place of the crop moved since, two (SIZE, SIZE) in pixels."""
    side, x, y = region.width, region.x, region.y
    unit = (points - (x - side / 2, y - side / 2)) / side
    steps = (np.arange(_GRID) + 0.5) / _GRID
    across = np.exp(-(((unit[:, 0][:, None] - steps) / _SPREAD) ** 2) / 2)
    down = np.exp(-(((unit[:, 1][:, None] - steps) / _SPREAD) ** 2) / 2)
    moved = points - before
    mean = moved.mean(axis=0)
    weight = down.T @ across
    result = []
    for k in (0, 1):
        # Beyond the landmarks the face moves as a whole.
        known = (down * moved[:, k][:, None]).T @ across
        grid = ((known + 0.05 * mean[k]) / (weight + 0.05)).astype(np.float32)
        image = Image.fromarray(grid).resize((SIZE, SIZE), Image.Resampling.BILINEAR)
        result.append(np.asarray(image))
    return result[0], result[1]


def _bilinear(stack: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Values (m, k) of an array (h, w, k) at places between its pixels."""
    high, wide = stack.shape[:2]
    x, y = np.clip(x, 0, wide - 1), np.clip(y, 0, high - 1)
    column = np.minimum(x.astype(np.int32), wide - 2)
    row = np.minimum(y.astype(np.int32), high - 2)
    u, v = (x - column)[:, None], (y - row)[:, None]
    flat, at = stack.reshape(-1, stack.shape[2]), row * wide + column
    upper, lower = flat.take(at, axis=0), flat.take(at + wide, axis=0)
    upper += (flat.take(at + 1, axis=0) - upper) * u
    lower += (flat.take(at + wide + 1, axis=0) - lower) * u
    upper += (lower - upper) * v
    return np.asarray(upper)
