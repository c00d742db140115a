"""Square regions of an image: where they lie, sampling them, and mapping points back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

#: Positions within a pixel are rounded to these steps; OpenCV, which MediaPipe uses, has 32.
_U, _V = np.uint64(64), np.uint64(128)
_SHIFTS = (np.uint64(0), np.uint64(21), np.uint64(42))
_MASK = np.uint64((1 << 21) - 1)
#: From so many image pixels to a sampled one, only those needed are packed.
_SPARSE = 4


@dataclass(frozen=True)
class Region:
    """A rectangle in an image, turned about its centre.

    Attributes
    ----------
    x, y : float
        Centre in pixels.
    width, height : float
        Size in pixels.
    angle : float
        Radians, positive turns the region's x axis downwards (clockwise on the screen).
    """

    x: float
    y: float
    width: float
    height: float
    angle: float = 0.0

    def to_image(self, unit: np.ndarray) -> np.ndarray:
        """Image pixels (..., 2) of positions (..., 2) that run from 0 to 1 over the region."""
        local = (unit - 0.5) * (self.width, self.height)
        cosine, sine = np.cos(self.angle), np.sin(self.angle)
        x = self.x + local[..., 0] * cosine - local[..., 1] * sine
        y = self.y + local[..., 0] * sine + local[..., 1] * cosine
        return np.stack([x, y], axis=-1)

    def grown(self, factor: float) -> Region:
        """The same region, a square with `factor` times the longer side."""
        side = max(self.width, self.height) * factor
        return Region(self.x, self.y, side, side, self.angle)


def sample(image: np.ndarray, region: Region, size: int, *, replicate: bool = False) -> np.ndarray:
    """A region of an image, bilinearly resampled without smoothing, as MediaPipe does.

    Parameters
    ----------
    image : numpy.ndarray
        uint8 (H, W, 3).
    region : Region
        What to take; it may reach beyond the image.
    size : int
        Pixels of an edge of the result.
    replicate : bool
        Beyond the image: True repeats the border, False gives zero.

    Returns
    -------
    numpy.ndarray
        float32 (size, size, 3) in the image's 0 to 255.
    """
    high, wide = image.shape[:2]
    # Continuous coordinates have their pixel centres at halves.
    start, across, down = region.to_image(np.array([[0.0, 0.0], [1, 0], [0, 1]])) - 0.5
    steps = (np.arange(size) + 0.5) / size
    x, y = (
        (start[k] + (across - start)[k] * steps + ((down - start)[k] * steps)[:, None])
        for k in (0, 1)
    )
    # One pixel of border on each side is all that interpolation can reach.
    x = np.clip(x, 0, wide - 1) if replicate else np.clip(x, -1, wide)
    y = np.clip(y, 0, high - 1) if replicate else np.clip(y, -1, high)
    i, j = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    u, v = (np.rint((x - i) * _U).astype(np.uint64), np.rint((y - j) * _V).astype(np.uint64))
    fetch = _pixels(image, i, j)
    mixed = fetch(0, 0) * ((_U - u) * (_V - v)) + fetch(1, 0) * (u * (_V - v))
    mixed += fetch(0, 1) * ((_U - u) * v) + fetch(1, 1) * (u * v)
    channels = [(mixed >> shift) & _MASK for shift in _SHIFTS]
    return np.stack(channels, axis=-1).astype(np.float32) / np.float32(_U * _V)


def _pixels(image: np.ndarray, i: np.ndarray, j: np.ndarray) -> Callable[[int, int], np.ndarray]:
    """A function that gives the packed pixels at columns i + dx and rows j + dy, 0 outside.

    The three bytes of a pixel lie 21 bits apart in one number, so that a single multiplication
    weighs all of them: 8 bits of colour and 13 bits of weight.
    """
    left, top, wide = int(i.min()), int(j.min()), int(i.max()) - int(i.min()) + 2
    tall = int(j.max()) - top + 2
    if tall * wide > _SPARSE * i.size:
        return lambda dx, dy: _picked(image, i + dx, j + dy)
    packed = np.zeros((tall, wide), np.uint64)
    rows = slice(max(top, 0), min(top + tall, image.shape[0]))
    columns = slice(max(left, 0), min(left + wide, image.shape[1]))
    inside = packed[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    inside |= _in_one(image[rows, columns])
    flat, first = packed.ravel(), (j - top) * wide + (i - left)
    return lambda dx, dy: flat.take(first + (dy * wide + dx))


def _picked(image: np.ndarray, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """Packed pixels of a few places in a large image, 0 outside."""
    high, wide = image.shape[:2]
    pixels = _in_one(image[np.clip(j, 0, high - 1), np.clip(i, 0, wide - 1)])
    return pixels * ((i >= 0) & (i < wide) & (j >= 0) & (j < high))


def _in_one(image: np.ndarray) -> np.ndarray:
    """Three bytes (..., 3) as one number (...)."""
    channels = (image[..., k].astype(np.uint64) << shift for k, shift in enumerate(_SHIFTS))
    first, second, third = channels
    return first | second | third


def whole(image: np.ndarray, factor: float = 1.0) -> Region:
    """The square around the whole image, `factor` times its longer side."""
    high, wide = image.shape[:2]
    side = max(high, wide) * factor
    return Region(wide / 2, high / 2, side, side)


def tiles(image: np.ndarray, share: float) -> list[Region]:
    """Half-overlapping squares that cover the image, `share` of its shorter side each."""
    high, wide = image.shape[:2]
    side = min(high, wide) * share

    def centres(length: int) -> np.ndarray:
        count = max(int(np.ceil((length - side) / (side / 2))), 0) + 1
        return np.linspace(side / 2, length - side / 2, count)

    return [Region(float(x), float(y), side, side) for y in centres(high) for x in centres(wide)]
