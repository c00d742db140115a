"""Square regions of an image: where they lie, sampling them, and mapping points back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

#: Interpolation reaches one pixel beyond a region; another one is for rounding.
_MARGIN = 2
#: From so many image pixels to a sampled one, only those needed are touched.
_SPARSE = 100


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
    corners = region.to_image(np.array([[0.0, 0.0], [1, 0], [0, 1], [1, 1]]))
    left, top = np.floor(corners.min(axis=0)).astype(int) - _MARGIN
    right, bottom = np.ceil(corners.max(axis=0)).astype(int) + _MARGIN
    if not replicate:
        # One pixel of border on each side is all that interpolation can reach.
        left, top = max(left, -1), max(top, -1)
        right, bottom = min(right, image.shape[1] + 1), min(bottom, image.shape[0] + 1)
        if right <= left or bottom <= top:
            return np.zeros((size, size, 3), np.float32)
    if (right - left) * (bottom - top) > _SPARSE * size * size:
        return _picked(image, corners, size, replicate)
    part = _cut(image, (left, top, right, bottom), replicate)
    across, down = (corners[1] - corners[0]) / size, (corners[2] - corners[0]) / size
    x, y = corners[0] - (left, top)
    turned = part.transform(
        (size, size), Image.Transform.AFFINE, (across[0], down[0], x, across[1], down[1], y),
        Image.Resampling.BILINEAR,
    )  # fmt: skip
    return np.asarray(turned).astype(np.float32)


def shrunk(image: np.ndarray, region: Region, size: int) -> np.ndarray:
    """An upright region of an image with its detail averaged, not skipped: uint8 (size, size, 3).

    Beyond the image its border is repeated. For networks that shall see fine things (a cable)
    as a person does, where `sample` follows MediaPipe.
    """
    corner = np.array([region.x - region.width / 2, region.y - region.height / 2])
    low = np.floor(corner).astype(int)
    high = np.ceil(corner + (region.width, region.height)).astype(int)
    part = _cut(image, (int(low[0]), int(low[1]), int(high[0]), int(high[1])), True)
    left, top = corner - low
    box = (left, top, left + region.width, top + region.height)
    return np.asarray(part.resize((size, size), Image.Resampling.BILINEAR, box=box))


def _cut(image: np.ndarray, box: tuple[int, int, int, int], replicate: bool) -> Image.Image:
    """The pixels in left, top, right, bottom, some of which may lie outside of the image."""
    (high, wide), (left, top, right, bottom) = image.shape[:2], box
    is_inside = left >= 0 and top >= 0 and right <= wide and bottom <= high
    if is_inside and image.flags.c_contiguous:
        # Read where it lies, row by row.
        pixels = image.reshape(-1)[3 * (top * wide + left) :].data
        size = right - left, bottom - top
        return Image.frombuffer("RGB", size, pixels, "raw", "RGB", 3 * wide, 1)
    # Where the box lies wholly outside, the nearest row or column stands for it.
    first, last = np.clip((top, bottom - 1), 0, high - 1)
    leftmost, rightmost = np.clip((left, right - 1), 0, wide - 1)
    inside = image[first : last + 1, leftmost : rightmost + 1]
    above = int(np.clip(first - top, 0, bottom - top - 1))
    before = int(np.clip(leftmost - left, 0, right - left - 1))
    below, behind = above + len(inside), before + inside.shape[1]
    part = np.zeros((bottom - top, right - left, 3), np.uint8)
    part[above:below, before:behind] = inside
    if replicate:
        part[above:below, :before] = part[above:below, before : before + 1]
        part[above:below, behind:] = part[above:below, behind - 1 : behind]
        part[:above], part[below:] = part[above], part[below - 1]
    return Image.fromarray(part)


def _picked(image: np.ndarray, corners: np.ndarray, size: int, replicate: bool) -> np.ndarray:
    """The same from a few pixels of a large part of an image, without touching the others."""
    high, wide = image.shape[:2]
    steps = (np.arange(size) + 0.5) / size
    # Continuous coordinates have their pixel centres at halves.
    x, y = (
        corners[0, k] - 0.5 + (corners[1] - corners[0])[k] * steps
        + ((corners[2] - corners[0])[k] * steps)[:, None]
        for k in (0, 1)
    )  # fmt: skip
    x = np.clip(x, 0, wide - 1) if replicate else np.clip(x, -1, wide)
    y = np.clip(y, 0, high - 1) if replicate else np.clip(y, -1, high)
    i, j = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    u, v = ((x - i).astype(np.float32), (y - j).astype(np.float32))
    mixed = np.zeros((size, size, 3), np.float32)
    for dx, dy, weight in (
        (0, 0, (1 - u) * (1 - v)), (1, 0, u * (1 - v)), (0, 1, (1 - u) * v), (1, 1, u * v),
    ):  # fmt: skip
        column, row = i + dx, j + dy
        inside = (column >= 0) & (column < wide) & (row >= 0) & (row < high)
        pixels = image[np.clip(row, 0, high - 1), np.clip(column, 0, wide - 1)]
        mixed += pixels * (weight * inside)[..., None]
    return mixed


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
