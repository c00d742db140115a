"""A fast rasteriser for films of one mesh: float32, small triangles in buckets of equal boxes.

`heads.raster` draws any mesh once, exactly; this one draws the same triangles frame by frame, at
several times the speed, and gives indices from which a shader takes what it needs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

#: Widths and heights of the boxes in which triangles are tested together.
_SIDES = np.array([2, 4, 8, 16, 32, 64, 128, 1 << 14])
#: Candidate pixels tested at once.
_BLOCK = 1 << 19


@dataclass(frozen=True)
class Hits:
    """What the pixels of a picture show.

    Attributes
    ----------
    pixel : numpy.ndarray
        (n,) flat indices of the pixels that show something.
    triangle : numpy.ndarray
        int32 (n,).
    weights : numpy.ndarray
        float32 (n, 3), perspective-correct.
    depth : numpy.ndarray
        float32 (H, W), infinite where nothing is.
    """

    pixel: np.ndarray
    triangle: np.ndarray
    weights: np.ndarray
    depth: np.ndarray


def rasterise(
    screen: np.ndarray, triangles: np.ndarray, width: int, height: int, cull: np.ndarray
) -> Hits:
    """Find the nearest triangle of every pixel.

    Parameters
    ----------
    screen : numpy.ndarray
        (V, 3) pixel x, pixel y (downwards) and depth.
    triangles : numpy.ndarray
        int (F, 3), counter-clockwise from outside.
    width, height : int
    cull : numpy.ndarray
        bool (F,), triangles that are left out when they face away.
    """
    screen = screen.astype(np.float32)
    setup = _set_up(screen, triangles, width, height, cull)
    nearest = np.zeros(width * height, np.float32)
    parts = [part for part in _all_fragments(setup, width) if len(part[0])]
    if not parts:
        empty = np.zeros(0, np.int32)
        return Hits(empty, empty, np.zeros((0, 3), np.float32),
                    np.full((height, width), np.inf, np.float32))  # fmt: skip
    pixel, row, flat = (np.concatenate(column) for column in zip(*parts, strict=True))
    inverse = flat * setup.inverse[row]
    near = inverse.sum(axis=1)
    np.maximum.at(nearest, pixel, near)
    wins = np.flatnonzero(near == nearest[pixel])
    owner = np.full(width * height, -1, np.int32)
    owner[pixel[wins]] = wins
    seen = np.flatnonzero(owner >= 0)
    best = owner[seen]
    weights = inverse[best] / near[best, None]
    with np.errstate(divide="ignore"):
        depth = np.where(nearest > 0, 1 / nearest, np.inf).astype(np.float32)
    return Hits(seen, setup.chosen[row[best]], weights, depth.reshape(height, width))


@dataclass(frozen=True)
class _SetUp:
    """Triangles that may be seen: numbers, first pixels and sizes of boxes, edges, 1 / depth."""

    chosen: np.ndarray
    low: np.ndarray
    span: np.ndarray
    edges: np.ndarray
    inverse: np.ndarray


def _set_up(
    screen: np.ndarray, triangles: np.ndarray, width: int, height: int, cull: np.ndarray
) -> _SetUp:
    a, b, c = (screen[triangles[:, k]] for k in range(3))
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    ahead = np.minimum(np.minimum(a[:, 2], b[:, 2]), c[:, 2]) > 1e-3
    keep = np.flatnonzero(ahead & ((area < 0) | ((area > 0) & ~cull)))
    a, b, c, area = a[keep], b[keep], c[keep], area[keep]
    limit = np.array([width, height], np.float32)
    first = np.minimum(np.minimum(a, b), c)[:, :2]
    last = np.maximum(np.maximum(a, b), c)[:, :2]
    low = np.clip(np.ceil(first - 0.5), 0, limit).astype(np.int32)
    span = np.clip(np.floor(last - 0.5) + 1, 0, limit).astype(np.int32) - low
    inside = np.flatnonzero((span > 0).all(axis=1))
    keep, a, b, c, area, low, span = (x[inside] for x in (keep, a, b, c, area, low, span))
    # Two weights are linear in the pixel's place within the box, from the box's first pixel.
    x, y = low[:, 0] + np.float32(0.5) - c[:, 0], low[:, 1] + np.float32(0.5) - c[:, 1]
    one_x, one_y = (b[:, 1] - c[:, 1]) / area, (c[:, 0] - b[:, 0]) / area
    two_x, two_y = (c[:, 1] - a[:, 1]) / area, (a[:, 0] - c[:, 0]) / area
    edges = np.stack([one_x, one_y, one_x * x + one_y * y, two_x, two_y, two_x * x + two_y * y])
    inverse = 1 / np.stack([a[:, 2], b[:, 2], c[:, 2]], axis=1)
    return _SetUp(keep.astype(np.int32), low, span, edges.astype(np.float32), inverse)


def _all_fragments(setup: _SetUp, width: int) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Flat pixels, rows of the set-up and flat weights (n, 3), for every bucket of boxes."""
    sizes = np.searchsorted(_SIDES, setup.span)
    code = sizes[:, 0] * len(_SIDES) + sizes[:, 1]
    order = np.argsort(code, kind="stable")
    starts = np.flatnonzero(np.diff(code[order], prepend=-1))
    found = []
    for rows in np.split(order, starts[1:]):
        if len(rows) == 0:
            continue
        wide, high = setup.span[rows].max(axis=0).tolist()
        step = max(_BLOCK // (wide * high), 1)
        found += [
            _fragments(setup, rows[k : k + step], wide, high, width)
            for k in range(0, len(rows), step)
        ]
    return found


def _fragments(
    setup: _SetUp, rows: np.ndarray, wide: int, high: int, width: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The pixels inside triangles whose boxes are at most so wide and high."""
    grid_x = np.tile(np.arange(wide, dtype=np.float32), high)
    grid_y = np.repeat(np.arange(high, dtype=np.float32), wide)
    one_x, one_y, one_0, two_x, two_y, two_0 = setup.edges[:, rows, None]
    first = one_x * grid_x + one_y * grid_y + one_0
    second = two_x * grid_x + two_y * grid_y + two_0
    third = 1 - first - second
    inside = np.minimum(np.minimum(first, second), third) >= 0
    span = setup.span[rows]
    if (span != (wide, high)).any():
        inside &= (grid_x < span[:, 0:1]) & (grid_y < span[:, 1:2])
    hit = np.flatnonzero(inside)
    row, at = np.divmod(hit, wide * high)
    y, x = np.divmod(at, wide)
    low = setup.low[rows][row]
    pixel = (low[:, 1] + y).astype(np.intp) * width + low[:, 0] + x
    flat = np.stack([first.ravel()[hit], second.ravel()[hit], third.ravel()[hit]], axis=1)
    return pixel, rows[row], flat


class NormalTable:
    """Vertex normals of one topology, quickly, for frame after frame."""

    def __init__(self, n_vertices: int, triangles: np.ndarray) -> None:
        self._triangles = triangles
        columns = np.repeat(np.arange(len(triangles)), 3)
        ones = np.ones(triangles.size, np.float32)
        shape = (n_vertices, len(triangles))
        self._gather = csr_array((ones, (triangles.ravel(), columns)), shape=shape)

    def normals(self, vertices: np.ndarray) -> np.ndarray:
        """Unit normals float32 (V, 3), the area-weighted mean of the triangles around."""
        a, b, c = (vertices[self._triangles[:, k]] for k in range(3))
        found = self._gather @ np.cross(b - a, c - a)
        length = np.sqrt(np.sum(found**2, axis=1, keepdims=True))
        return np.asarray(found / np.maximum(length, 1e-20), np.float32)
