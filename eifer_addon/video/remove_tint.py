"""Tints that bundles of cables leave beside a face, taken away.

What is behind a bundle is not known to the translator, which draws it with some of the cables' own
colours. So beside the face the colour, not the brightness, of what was drawn is replaced by that of
the free pixels around, spread over the covered ones, coarser the farther away they are: pull-push
(Gortler and others, "The lumigraph", SIGGRAPH 1996). Skin is not spread: it ends with the face.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw
from scipy.spatial import ConvexHull

from .remove_filters import doubled, halved, highest, mean
from .remove_grain import LUMA

#: Coverage from which on a pixel's colour is not spread, and the window in which it keeps its
#: neighbours from being.
_SURE, _SHY = 0.3, 3
#: By how many pixels the face reaches beyond its landmarks, and over how many that fades.
_FACE, _FADES = 7, 9
#: Share beside the face from which on pixels are spread.
_APART = 0.3
#: Halvings of the picture while colours are spread, which begins at half its size.
_LEVELS = 4
_LEAST = 1e-4


def without_tint(
    picture: np.ndarray, fill: np.ndarray, coverage: np.ndarray, points: np.ndarray
) -> np.ndarray:
    """What was drawn, in the colours of what is free around it, beside the face.

    Parameters
    ----------
    picture : numpy.ndarray
        uint8 (n, n, 3), the crop as it was; n is a multiple of 32.
    fill : numpy.ndarray
        float32 (n, n, 3) in 0 to 255, the crop without electrodes.
    coverage : numpy.ndarray
        float32 (n, n) in [0, 1].
    points : numpy.ndarray
        Landmarks (m, 2) in the crop's pixels.

    Returns
    -------
    numpy.ndarray
        float32 (n, n, 3); in the face and far from what is covered it is the fill.
    """
    near = highest(coverage, _SHY)
    if not (near > _SURE).any():
        return fill
    beside = beside_face(points, fill.shape[0])
    free = (1 - np.clip(near / _SURE, 0, 1)) * np.clip((beside - _APART) / (1 - _APART), 0, 1)
    if not free.any():
        return fill
    weights = halved(free)
    colours = halved(picture * free[..., None]) / np.maximum(weights, _LEAST)[..., None]
    around = spread(colours, weights)
    colour = doubled((around - (around @ LUMA)[..., None]).transpose(2, 0, 1), 1 / 4)
    drawn = fill - (fill @ LUMA)[..., None]
    return np.asarray(fill + beside[..., None] * (colour.transpose(1, 2, 0) - drawn), np.float32)


def beside_face(points: np.ndarray, size: int) -> np.ndarray:
    """How much each pixel (size, size) lies beside the landmarks' hull, from 0 in it to 1."""
    mask = Image.new("L", (size, size))
    corners = points[ConvexHull(points).vertices]
    ImageDraw.Draw(mask).polygon([(float(x), float(y)) for x, y in corners], fill=255)
    face = highest(np.asarray(mask), 2 * _FACE + 1).astype(np.float32) / 255
    return 1 - mean(mean(face, _FADES), _FADES)


def spread(picture: np.ndarray, free: np.ndarray) -> np.ndarray:
    """Colours (n, n, 3) of free pixels, by their weight (n, n), carried over the others."""
    colours, weights = [picture * free[..., None]], [free]
    for _ in range(_LEVELS):
        colours.append(halved(colours[-1]))
        weights.append(halved(weights[-1]))
    whole = colours[-1].mean(axis=(0, 1)) / max(float(weights[-1].mean()), _LEAST)
    filled = np.broadcast_to(whole, colours[-1].shape)
    for level in reversed(range(_LEVELS + 1)):
        if level < _LEVELS:
            filled = doubled(filled.transpose(2, 0, 1), 1 / 3).transpose(1, 2, 0)
        known = np.minimum(weights[level] * 2**level, 1)[..., None]
        here = colours[level] / np.maximum(weights[level], _LEAST)[..., None]
        filled = filled + known * (here - filled)
    return np.asarray(filled, np.float32)
