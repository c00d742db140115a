"""Tints that bundles of cables leave beside a face, taken away.

What is behind a bundle is not known to the translator, which draws it with some of the cables' own
colours. So beside the face the colour, not the brightness, of what was drawn is replaced by that of
the free pixels around, spread over the covered ones, coarser the farther away they are: pull-push
(Gortler and others, "The lumigraph", SIGGRAPH 1996). Skin is not spread: it ends with the face.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import grey_dilation, uniform_filter
from scipy.spatial import ConvexHull

#: Coverage from which on a pixel's colour is not spread, and the window in which it keeps its
#: neighbours from being.
_SURE, _SHY = 0.3, 3
#: By how many pixels the face reaches beyond its landmarks, and over how many that fades.
_FACE, _FADES = 7, 9
#: Share beside the face from which on pixels are spread.
_APART = 0.3
#: Halvings of the picture while colours are spread.
_LEVELS = 5
_LEAST = 1e-4
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


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
    near = grey_dilation(coverage, size=(_SHY, _SHY))
    if not (near > _SURE).any():
        return fill
    beside = beside_face(points, fill.shape[0])
    free = (1 - np.clip(near / _SURE, 0, 1)) * np.clip((beside - _APART) / (1 - _APART), 0, 1)
    if not free.any():
        return fill
    around = spread(picture.astype(np.float32), free.astype(np.float32))
    colour = around - (around @ _LUMA)[..., None]
    drawn = fill - (fill @ _LUMA)[..., None]
    return np.asarray(fill + beside[..., None] * (colour - drawn), np.float32)


def beside_face(points: np.ndarray, size: int) -> np.ndarray:
    """How much each pixel (size, size) lies beside the landmarks' hull, from 0 in it to 1."""
    mask = Image.new("L", (size, size))
    corners = points[ConvexHull(points).vertices]
    ImageDraw.Draw(mask).polygon([(float(x), float(y)) for x, y in corners], fill=255)
    face = grey_dilation(np.asarray(mask, np.float32) / 255, size=(2 * _FACE + 1,) * 2)
    return np.asarray(1 - uniform_filter(uniform_filter(face, _FADES), _FADES), np.float32)


def spread(picture: np.ndarray, free: np.ndarray) -> np.ndarray:
    """Colours (n, n, 3) of free pixels, by their weight (n, n), carried over the others."""
    colours, weights = [picture * free[..., None]], [free]
    for _ in range(_LEVELS):
        colours.append(_halved(colours[-1]))
        weights.append(_halved(weights[-1]))
    whole = colours[-1].mean(axis=(0, 1)) / max(float(weights[-1].mean()), _LEAST)
    filled = np.broadcast_to(whole, colours[-1].shape)
    for level in reversed(range(_LEVELS + 1)):
        if level < _LEVELS:
            doubled = filled.repeat(2, axis=0).repeat(2, axis=1)
            filled = uniform_filter(doubled, (3, 3, 1), mode="nearest")
        known = np.minimum(weights[level] * 2**level, 1)[..., None]
        here = colours[level] / np.maximum(weights[level], _LEAST)[..., None]
        filled = filled + known * (here - filled)
    return np.asarray(filled, np.float32)


def _halved(values: np.ndarray) -> np.ndarray:
    pairs = values[0::2] + values[1::2]
    return np.asarray((pairs[:, 0::2] + pairs[:, 1::2]) / 4)
