"""Means and maxima over square windows of crops, fast enough for several in every frame.

scipy's filters take each line by itself; sums of shifted arrays do the same in a part of the
processor's time for the few windows that are needed here.
"""

from __future__ import annotations

from functools import cache

import numpy as np


def highest(values: np.ndarray, size: int) -> np.ndarray:
    """The largest value (h, w) in the window of `size` x `size` pixels (odd) around each pixel."""
    for axis in (0, 1):
        values = _over_windows(values, size, axis, np.maximum)
    return values


def mean(values: np.ndarray, size: int) -> np.ndarray:
    """The mean (h, w) of floats in the window of `size` x `size` pixels (odd) around each pixel.

    Beyond the border the picture is mirrored.
    """
    for axis in (0, 1):
        values = _over_windows(values, size, axis, np.add)
    return np.asarray(values * np.float32(1 / size**2), np.float32)


def _over_windows(values: np.ndarray, size: int, axis: int, join: np.ufunc) -> np.ndarray:
    """What `join` makes of each window along an axis, put together of runs of 1, 2, 4 and more."""
    reach, count = size // 2, values.shape[axis]
    margin = [(reach, reach) if k == axis else (0, 0) for k in range(values.ndim)]
    run = np.pad(values, margin, mode="symmetric").swapaxes(0, axis)
    result: np.ndarray | None = None
    begin, length = 0, 1
    while length <= size:
        if size & length:
            part = run[begin : begin + count]
            result = part if result is None else join(result, part)
            begin += length
        run = join(run[:-length], run[length:])
        length *= 2
    return np.asarray(result).swapaxes(0, axis)


def halved(values: np.ndarray) -> np.ndarray:
    """Means (h / 2, w / 2, ...) of two by two pixels."""
    pairs = values[0::2] + values[1::2]
    return np.asarray((pairs[:, 0::2] + pairs[:, 1::2]) * np.float32(0.25))


def doubled(values: np.ndarray, share: float) -> np.ndarray:
    """Planes (..., h, w) of twice the size; each pixel has so much of the neighbour beside it.

    With 1/4 this is bilinear interpolation, with 1/3 the mean of three pixels after repetition.
    """
    return _wider(_wider(values, share).swapaxes(-1, -2), share).swapaxes(-1, -2)


def _wider(values: np.ndarray, share: float) -> np.ndarray:
    """Planes of twice the height."""
    beside = np.concatenate([values[..., :1, :], values, values[..., -1:, :]], axis=-2)
    beside *= np.float32(share)
    own = values * np.float32(1 - share)
    pairs = np.stack([own + beside[..., :-2, :], own + beside[..., 2:, :]], axis=-2)
    return pairs.reshape(*values.shape[:-2], -1, values.shape[-1])


@cache
def blur(count: int, size: int) -> np.ndarray:
    """A matrix (count, count) that takes means over `size` values twice, with zeros beyond."""
    apart = np.abs(np.arange(count)[:, None] - np.arange(count))
    once = (apart <= size // 2) / size
    return np.asarray(once @ once, np.float32)
