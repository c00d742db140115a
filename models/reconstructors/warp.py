"""Bilinear sampling of a square out of a picture, as scikit-image's `warp` does it."""

from __future__ import annotations

import numpy as np


def warp(image: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    """A square cut out of a picture, bilinearly and without smoothing; black beyond its edge.

    Parameters
    ----------
    image : numpy.ndarray
        uint8 (H, W, 3).
    matrix : numpy.ndarray
        (2, 3), a similarity that takes the picture's pixels to the crop's, both counted from
        the centre of the first pixel.
    size : int
        Edge of the crop in pixels.

    Returns
    -------
    numpy.ndarray
        float32 (size, size, 3) in 0 to 255.
    """
    back = np.linalg.inv(np.vstack([matrix, [0.0, 0.0, 1.0]]))[:2]
    steps = np.arange(size, dtype=np.float64)
    x = back[0, 0] * steps + (back[0, 1] * steps + back[0, 2])[:, None]
    y = back[1, 0] * steps + (back[1, 1] * steps + back[1, 2])[:, None]
    high, wide = image.shape[:2]
    # One pixel of black border on each side is all that interpolation can reach.
    x, y = np.clip(x, -1, wide), np.clip(y, -1, high)
    i, j = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    u, v = (x - i).astype(np.float32)[..., None], (y - j).astype(np.float32)[..., None]
    left, top, right, bottom = int(i.min()), int(j.min()), int(i.max()) + 2, int(j.max()) + 2
    part = np.zeros((bottom - top, right - left, 3), np.float32)
    rows, columns = slice(max(top, 0), min(bottom, high)), slice(max(left, 0), min(right, wide))
    part[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left] = image[
        rows, columns
    ]
    i, j = i - left, j - top
    upper = part[j, i] * (1 - u) + part[j, i + 1] * u
    lower = part[j + 1, i] * (1 - u) + part[j + 1, i + 1] * u
    return np.asarray(upper * (1 - v) + lower * v)
