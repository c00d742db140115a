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
    steps = (np.arange(size) + 0.5) / size
    unit = np.stack(np.meshgrid(steps, steps), axis=-1)
    # Continuous coordinates have their pixel centres at halves.
    point = (region.to_image(unit) - 0.5).astype(np.float32)
    if replicate:
        point = np.clip(point, 0, np.array([wide - 1, high - 1], np.float32))
    corner = np.floor(point).astype(np.int64)
    share = (point - corner)[..., None]
    flat = image.reshape(-1, image.shape[2])

    def pixels(dx: int, dy: int) -> np.ndarray:
        x, y = corner[..., 0] + dx, corner[..., 1] + dy
        value = flat[np.clip(y, 0, high - 1) * wide + np.clip(x, 0, wide - 1)].astype(np.float32)
        if not replicate:
            value *= ((x >= 0) & (x < wide) & (y >= 0) & (y < high))[..., None]
        return value

    above = pixels(0, 0) * (1 - share[..., 0, :]) + pixels(1, 0) * share[..., 0, :]
    below = pixels(0, 1) * (1 - share[..., 0, :]) + pixels(1, 1) * share[..., 0, :]
    blended: np.ndarray = above * (1 - share[..., 1, :]) + below * share[..., 1, :]
    return blended


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
