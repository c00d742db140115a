"""The grain of a picture, measured beside what is replaced and given to what is drawn in.

Grain is told in two bands (single pixels and a few of them) by small blocks, the quietest of those
that are free. Some hundreds of them say as much as all, in a picture of any size.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.ndimage import uniform_filter

from .remove_filters import highest

#: Windows of the two bands of grain, in the picture's pixels, and the most that is added.
_FINE, _COARSE, _MOST_GRAIN = 3, 7, 6.0
#: Blocks of so many pixels tell the grain, at least so many of them, so many pixels from a patch;
#: the quietest ones count, because outlines, hair and wrinkles are no grain. Of grain alone, they
#: have so much of the mean.
_BLOCK, _FEWEST, _GRAIN_AWAY, _QUIET, _OF_MEAN = 4, 24, 13, 0.1, 0.8
#: So many blocks are looked at, of those that there are.
_LOOKED_AT = 400
#: What the wider window reaches beyond a block, and the side of what is read for it.
_REACH = _COARSE // 2
_READ = _BLOCK + 2 * _REACH
#: Side of the noise, which repeats.
TILE = 512
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def grain(
    part: np.ndarray,
    fill: np.ndarray,
    alpha: np.ndarray,
    on_face: tuple[slice, slice],
    seed: int,
) -> np.ndarray | None:
    """Grain that a fill lacks against the skin around it.

    Parameters
    ----------
    part, fill : numpy.ndarray
        uint8 RGB (h, w, 3), a part of the picture and what is laid over it.
    alpha : numpy.ndarray
        uint8 (h, w), how much of each pixel is replaced.
    on_face : tuple of slice
        Rows and columns in which the face lies.
    seed : int

    Returns
    -------
    numpy.ndarray or None
        float32 (TILE, TILE), to be repeated; None where nothing is lacking.
    """
    free = _blocks(highest(alpha > 0, _GRAIN_AWAY) == 0)
    face = np.zeros_like(free)
    face[_in_blocks(on_face[0]), _in_blocks(on_face[1])] = True
    # Leaves behind a person, and wrinkles, have a texture besides: the calmer place counts.
    there = [one for one in (_usual(part, free & face), _usual(part, free)) if one is not None]
    drawn = _usual(fill, _blocks(alpha > alpha.max() // 2)) if there else None
    if not there:
        return None
    lacking = np.min(there, axis=0) ** 2 - (0.0 if drawn is None else drawn**2)
    if (lacking <= 0).all():
        return None
    # The mean of a normal value's size is 0.8 of its deviation.
    strengths = np.minimum(np.sqrt(np.maximum(lacking, 0)) / 0.8, _MOST_GRAIN)
    fine, coarse = _noise(seed)
    return np.asarray(strengths[0] * fine + strengths[1] * coarse, np.float32)


def _in_blocks(pixels: slice) -> slice:
    """The blocks that lie wholly within a row of pixels."""
    return slice(-(-pixels.start // _BLOCK), max(pixels.stop // _BLOCK, 0))


def _blocks(where: np.ndarray) -> np.ndarray:
    """The blocks (h / 4, w / 4) in which something holds everywhere."""
    high, wide = (side // _BLOCK for side in where.shape)
    rows = np.asarray(where[: high * _BLOCK].reshape(high, _BLOCK, -1).all(axis=1))
    columns = rows[:, : wide * _BLOCK].reshape(high, wide, _BLOCK)
    return np.asarray(columns.all(axis=2))


def _usual(picture: np.ndarray, where: np.ndarray) -> np.ndarray | None:
    """How strong both bands usually are in some blocks, outlines and hair left aside.

    None where there are too few blocks.
    """
    rows, columns = np.nonzero(where)
    # What the wider window reaches has to lie in the picture.
    top, left = rows * _BLOCK - _REACH, columns * _BLOCK - _REACH
    inside = (top >= 0) & (left >= 0)
    inside &= (top + _READ <= picture.shape[0]) & (left + _READ <= picture.shape[1])
    top, left = top[inside], left[inside]
    if len(top) < _FEWEST:
        return None
    if len(top) > _LOOKED_AT:
        some = np.linspace(0, len(top) - 1, _LOOKED_AT).astype(int)
        top, left = top[some], left[some]
    read = sliding_window_view(picture, (_READ, _READ), axis=(0, 1))[top, left]
    bands = read.reshape(len(top), -1).astype(np.float32) @ _band_weights()
    strength = np.abs(bands).reshape(len(top), 2, -1).mean(axis=2)
    return np.asarray(np.quantile(strength, _QUIET, axis=0)) / _OF_MEAN


@cache
def _band_weights() -> np.ndarray:
    """From RGB (3, 10, 10) around a block to its pixels in both bands of grain: (300, 32)."""
    unit = np.eye(_READ**2, dtype=np.float32).reshape(-1, _READ, _READ)
    fine, coarse = (uniform_filter(unit, (0, size, size)) for size in (_FINE, _COARSE))
    block = np.s_[:, _REACH:-_REACH, _REACH:-_REACH]
    bands = [(unit - fine)[block], (fine - coarse)[block]]
    luma = np.stack(bands, axis=1).reshape(_READ**2, -1)
    return np.asarray((LUMA[:, None, None] * luma).reshape(3 * _READ**2, -1))


@cache
def _noise(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two bands of noise (TILE, TILE) of deviation 1 that repeat without seams."""
    white = np.random.default_rng(seed).standard_normal((TILE, TILE)).astype(np.float32)
    fine = uniform_filter(white, _FINE, mode="wrap")
    bands = white - fine, fine - uniform_filter(white, _COARSE, mode="wrap")
    first, second = (np.asarray(band / band.std(), np.float32) for band in bands)
    return first, second
