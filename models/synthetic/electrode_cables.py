"""Cables as one sheet: points along and across them at several per pixel, the last on top."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import uniform_filter

from .electrode_outfit import Outfit
from .electrode_wear import Worn

#: A cable is hidden by what is nearer than it by more than this many cm: on heads that are not the
#: canonical one its way may lie a little below the skin.
HIDDEN_CM = 2.2
#: Samples of a pixel along an axis in small and in large pictures; the edge that parts them.
_FINE, _COARSE, _LARGE = 3, 2, 330
#: Distance of points in samples, levels of tone across a cable.
_STEP, _LEVELS = 0.8, 16
#: Pixels beyond the picture up to which cables are followed.
_MARGIN = 4.0
Sheet = tuple[tuple[slice, slice], np.ndarray, np.ndarray, np.ndarray]


def draw_cables(
    outfit: Outfit, worn: Worn, shape: tuple[int, int], depth: np.ndarray | None
) -> Sheet | None:
    """All cables of an outfit.

    Returns
    -------
    tuple or None
        Window, colour times opacity (h, w, 3), opacity (h, w) and shadow (h, w); None when no cable
        is in the picture.
    """
    chosen = np.flatnonzero(outfit.wired & worn.visible)
    samples = _FINE if max(shape) <= _LARGE else _COARSE
    half = max(outfit.cable_cm * worn.per_cm, 0.45)
    centre, across, owner = _dense(outfit, worn, chosen, shape, samples)
    if depth is not None and len(centre):
        x, y = (np.clip(centre[:, k].astype(int), 0, shape[1 - k] - 1) for k in (0, 1))
        free = depth[y, x] > centre[:, 2] - HIDDEN_CM * worn.unit_cm
        centre, across, owner = centre[free], across[free], owner[free]
    if len(centre) == 0:
        return None
    return _sheet(outfit, worn, centre, across, owner, half, samples, shape)


def _dense(
    outfit: Outfit, worn: Worn, chosen: np.ndarray, shape: tuple[int, int], samples: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points (m, 3) along the cables in the picture, unit vectors across (m, 2), owners (m,)."""
    ways = worn.cables[chosen]
    start, step = ways[:, :-1], np.diff(ways, axis=1)
    length = np.linalg.norm(step[..., :2], axis=2)
    low = np.minimum(ways[:, :-1, :2], ways[:, 1:, :2])
    high = np.maximum(ways[:, :-1, :2], ways[:, 1:, :2])
    inside = ((high > -_MARGIN) & (low < np.array(shape[::-1]) + _MARGIN)).all(axis=2)
    # Where a cable is far from the picture it need not be followed densely, and not at all.
    number = np.where(inside, np.ceil(length * samples / _STEP), 0).astype(int).ravel()
    number = np.minimum(number, 4 * samples * max(shape))
    segment = np.repeat(np.arange(len(number)), number)
    first = np.cumsum(number) - number
    part = (np.arange(len(segment)) - first[segment]) / number[segment]
    centre = start.reshape(-1, 3)[segment] + part[:, None] * step.reshape(-1, 3)[segment]
    owner = chosen[segment // step.shape[1]]
    smooth = np.gradient(ways[..., :2], axis=1)
    tangent = smooth[:, :-1] + smooth[:, 1:]
    tangent /= np.maximum(np.linalg.norm(tangent, axis=2, keepdims=True), 1e-9)
    across = np.stack([-tangent[..., 1], tangent[..., 0]], axis=-1).reshape(-1, 2)[segment]
    off = np.linalg.norm(centre[:, :2] - worn.centres[owner], axis=1)
    radius = outfit.radius_cm * np.sqrt(np.abs(np.linalg.det(worn.axes))).clip(1e-6)
    keep = off > 0.55 * radius[owner]
    return centre[keep], across[keep], owner[keep]


def _sheet(
    outfit: Outfit, worn: Worn, centre: np.ndarray, across: np.ndarray, owner: np.ndarray,
    half: float, samples: int, shape: tuple[int, int],
) -> Sheet | None:  # fmt: skip
    """Scatter the points, the last on top, and take the mean over each pixel's samples."""
    fine_shape = (shape[0] * samples, shape[1] * samples)
    offsets = np.linspace(-1, 1, max(int(np.ceil(2 * half * samples / _STEP)), 2))
    edges = offsets * (half * samples)
    x = (centre[:, 0:1] * samples + across[:, 0:1] * edges).astype(np.int32)
    y = (centre[:, 1:2] * samples + across[:, 1:2] * edges).astype(np.int32)
    inside = (x >= 0) & (y >= 0) & (x < fine_shape[1]) & (y < fine_shape[0])
    # Normal of a round cable at each offset, against the light.
    towards = across @ worn.direction[:2]
    lit = towards[:, None] * offsets + worn.direction[2] * np.sqrt(1 - offsets**2)
    level = np.clip(lit * (_LEVELS - 1) + 0.5, 0, _LEVELS - 1).astype(np.int32)
    code = owner[:, None].astype(np.int32) * _LEVELS + level + 1
    canvas = np.zeros(fine_shape[0] * fine_shape[1], np.int32)
    canvas[(y * fine_shape[1] + x)[inside]] = code[inside]
    touched = np.flatnonzero(canvas)
    if len(touched) == 0:
        return None
    row, column = np.divmod(touched, fine_shape[1])
    row, column = row // samples, column // samples
    window = slice(row.min(), row.max() + 1), slice(column.min(), column.max() + 1)
    rows, columns = window[0].stop - window[0].start, window[1].stop - window[1].start
    flat = (row - window[0].start) * columns + column - window[1].start
    table = _tones(outfit, worn)[canvas[touched] - 1]
    size = rows * columns
    share = np.float32(1 / samples**2)
    opacity = (np.bincount(flat, minlength=size) * share).astype(np.float32).reshape(rows, columns)
    colour = np.stack([np.bincount(flat, table[:, k], size) for k in range(3)], axis=-1)
    return (
        window, (colour * share).astype(np.float32).reshape(rows, columns, 3), opacity,
        _shadow(opacity, worn.direction, half),
    )  # fmt: skip


def _tones(outfit: Outfit, worn: Worn) -> np.ndarray:
    """Colours (n * levels, 3), sRGB, of every cable at every tone."""
    lit = np.linspace(0, 1, _LEVELS)
    tone = 0.36 + 0.66 * lit
    shine = 0.22 * lit**14
    light = 0.5 * worn.light + 0.5 * worn.light.mean(axis=0)
    colours = (outfit.cable_colour * light)[:, None] * tone[:, None] + shine[:, None]
    return np.asarray(np.clip(colours, 0, 1).reshape(-1, 3))


def _shadow(opacity: np.ndarray, light: np.ndarray, half: float) -> np.ndarray:
    """Soft dark beside the cables, away from the light."""
    reach = max(round(1.6 * half), 1)
    shift = np.round(-1.8 * half * light[:2]).astype(int)
    moved = np.zeros_like(opacity)
    rows, columns = opacity.shape
    dx, dy = np.clip(shift, (-columns + 1, -rows + 1), (columns - 1, rows - 1)).tolist()
    moved[max(dy, 0) : rows + min(dy, 0), max(dx, 0) : columns + min(dx, 0)] = opacity[
        max(-dy, 0) : rows + min(-dy, 0), max(-dx, 0) : columns + min(-dx, 0)
    ]
    return 0.42 * np.asarray(uniform_filter(moved, 2 * reach + 1), np.float32)
