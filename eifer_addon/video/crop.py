"""Square regions of an image: where they lie, sampling them, and mapping points back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


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
    left, top = (int(np.floor(v.min())) for v in (x, y))
    right, bottom = (int(np.floor(v.max())) + 2 for v in (x, y))
    packed = _packed(image, left, top, right, bottom)
    column, row = x.astype(np.float32) - left, y.astype(np.float32) - top
    i, j = column.astype(np.int32), row.astype(np.int32)
    first = j * packed.shape[1] + i
    # Flat arrays of equal length: broadcasting over four channels would cost more than the rest.
    u, v = np.repeat(column - i, 4), np.repeat(row - j, 4)
    pixels = packed.ravel()
    near, next_, below, last = (
        pixels.take(first + step).ravel().view(np.uint8).astype(np.float32)
        for step in (0, 1, packed.shape[1], packed.shape[1] + 1)
    )
    upper = _towards(near, next_, u)
    blended = _towards(upper, _towards(below, last, u), v)
    return blended.reshape(size, size, 4)[..., :3]


def _towards(start: np.ndarray, end: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Give start + share * (end - start), written into `end` to spare the allocation."""
    end -= start
    end *= share
    end += start
    return end


def _packed(image: np.ndarray, left: int, top: int, right: int, bottom: int) -> np.ndarray:
    """Columns left to right and rows top to bottom as one number per pixel, 0 beyond the image.

    Gathering one number instead of three bytes is what makes sampling fast.
    """
    high, wide = image.shape[:2]
    packed = np.zeros((bottom - top + 1, right - left + 1, 4), np.uint8)
    rows = slice(max(top, 0), min(bottom + 1, high))
    columns = slice(max(left, 0), min(right + 1, wide))
    inside = image[rows, columns]
    y, x = rows.start - top, columns.start - left
    packed[y : y + inside.shape[0], x : x + inside.shape[1], :3] = inside
    return packed.view(np.uint32)[..., 0]


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
