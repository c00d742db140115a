"""Dental arches of single teeth and gums, in place of the base mesh's plain bands.

They follow their forerunners by the best affine map: rigid with the skull or the jaw, and
growing with the face, which is all that teeth do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline

from .part import Part, affine_rows
from .source import BaseMesh


@dataclass(frozen=True)
class Arch:
    """One row of teeth, half of it, in dm.

    Attributes
    ----------
    group : str
        The base mesh's band.
    widths, heights : tuple of float
        Crowns from the midline backwards, in mm (Wheeler's tables, rounded).
    edge : float
        Direction of the biting edge: -1 points down (upper teeth), +1 up.
    setback : float
        How far (dm) the arch lies behind the band's outer face: the bands pierce the lips.
    """

    group: str
    widths: tuple[float, ...]
    heights: tuple[float, ...]
    edge: float
    setback: float


ARCHES = {
    "upper": Arch("helper-upper-teeth", (8.5, 6.5, 7.5, 7.0, 7.0, 10.0, 9.0),
                  (10.5, 9.0, 10.0, 8.5, 8.5, 7.5, 7.0), -1.0, 0.020),
    "lower": Arch("helper-lower-teeth", (5.3, 5.7, 6.8, 7.0, 7.0, 10.5, 10.0),
                  (9.0, 9.5, 10.5, 8.5, 8.0, 7.5, 7.0), 1.0, 0.044),
}  # fmt: skip
_NARROW = 0.92
_COLUMNS = 7
#: Rows of a crown: fraction of its height from gum to edge, depth behind its face (dm).
_ROWS = ((0.0, 0.006), (0.3, 0.0), (0.65, 0.0), (0.92, 0.004), (1.0, 0.014), (0.93, 0.035))
_BULGE, _GAP = 0.010, 0.0012
_GUM_COLUMNS = 43
#: Rows of the gums: distance beyond the gum line (dm), depth behind the crowns' face (dm).
_GUM_ROWS = ((-0.022, 0.022), (-0.004, 0.002), (0.03, -0.004), (0.09, 0.006), (0.14, 0.05))


@dataclass(frozen=True)
class _Curve:
    """The arch seen from above: points and outward normals by signed length, edge heights."""

    place: CubicSpline
    level: CubicSpline

    def at(self, length: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Points (n, 2) in x, z and unit normals (n, 2) pointing outwards."""
        tangent = self.place(length, 1)
        normal = np.stack([-tangent[:, 1], tangent[:, 0]], axis=1)
        return self.place(length), normal / np.linalg.norm(normal, axis=1, keepdims=True)


def _curve(points: np.ndarray, arch: Arch) -> _Curve:
    """Spline through the biting edge of the outer face of a band (n, 3)."""
    half = points[points[:, 0] >= -1e-6]
    angle = np.arctan2(half[:, 0], half[:, 2] - 0.9)
    reach = np.hypot(half[:, 0], half[:, 2] - 0.9)
    bins = np.round(np.linspace(0.0, np.pi / 2, 9), 6)
    outer = []
    for low, high in zip(bins[:-1], bins[1:], strict=True):
        inside = half[(angle >= low - 1e-9) & (angle < high)]
        if len(inside):
            ring = reach[(angle >= low - 1e-9) & (angle < high)]
            face = inside[ring > ring.max() - 0.03]
            outer.append([face[:, 0].mean(), face[:, 2].mean(), (face[:, 1] * arch.edge).max()])
    knots = np.array(outer)
    knots = knots[np.argsort(knots[:, 0])]
    knots[0, 0] = max(knots[0, 0], 0.0)
    knots[:, 0] *= _NARROW
    knots[:, 1] -= arch.setback
    sided = knots[knots[:, 0] > 0.02]
    front = np.array([[0.0, knots[:, 1].max() + 0.004, sided[0, 2]]])
    whole = np.concatenate([sided[::-1] * [-1, 1, 1], front, sided])
    length = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(whole[:, :2], axis=0).T))])
    length -= length[len(sided)]
    return _Curve(CubicSpline(length, whole[:, :2]), CubicSpline(length, arch.edge * whole[:, 2]))


def make_teeth(mesh: BaseMesh, neutral: np.ndarray, name: str) -> tuple[Part, Part]:
    """Crowns and gums of the ``"upper"`` or ``"lower"`` arch."""
    arch = ARCHES[name]
    members = mesh.members(arch.group)
    curve = _curve(neutral[members], arch)
    crowns, polygons = _crowns(curve, arch)
    gums, gum_polygons = _gums(curve, arch)
    return (
        _part(crowns, polygons, members, neutral, f"{name}-teeth", "teeth"),
        _part(gums, gum_polygons, members, neutral, f"{name}-gums", "gums"),
    )


def _part(
    points: np.ndarray, polygons: np.ndarray, members: np.ndarray, neutral: np.ndarray,
    tag: str, material: str,
) -> Part:  # fmt: skip
    rows = affine_rows(points, members, neutral)
    return Part(
        rows, points - rows @ neutral, polygons, np.zeros((1, 2)), np.zeros_like(polygons),
        np.full(len(polygons), material), np.full(len(points), tag),
    )  # fmt: skip


def _crowns(curve: _Curve, arch: Arch) -> tuple[np.ndarray, np.ndarray]:
    across = np.linspace(-1.0, 1.0, _COLUMNS)
    points: list[np.ndarray] = []
    polygons: list[np.ndarray] = []
    for side in (1.0, -1.0):
        start = 0.0
        for width, height in zip(arch.widths, arch.heights, strict=True):
            middle = side * (start + width / 200.0)
            start += width / 100.0
            grid = _crown(curve, arch, middle, width / 100.0, height / 100.0, across)
            quads = _grid(len(_ROWS), _COLUMNS, flip=arch.edge < 0)
            polygons.append(quads + len(points) * grid.size // 3)
            points.append(grid.reshape(-1, 3))
    return np.concatenate(points), np.concatenate(polygons)


def _crown(
    curve: _Curve, arch: Arch, middle: float, width: float, height: float, across: np.ndarray
) -> np.ndarray:
    """One crown (rows, columns, 3): narrower at the gum, bulging, with rounded corners."""
    grid = np.empty((len(_ROWS), len(across), 3))
    top = float(curve.level(middle))
    for k, (share, depth) in enumerate(_ROWS):
        waist = 0.84 + 0.16 * np.sin(np.pi * min(share + 0.18, 1.0) / 2)
        length = middle + across * (width / 2 - _GAP) * waist
        place, normal = curve.at(length)
        round_off = 0.10 * np.abs(across) ** 3.5 * share
        drop = (1.0 - share) + round_off
        out = _BULGE * (1.0 - np.abs(across) ** 2.5) - depth - 0.006 * across**4
        grid[k, :, [0, 2]] = (place + normal * out[:, None]).T
        grid[k, :, 1] = top - arch.edge * height * drop
    return grid


def _gums(curve: _Curve, arch: Arch) -> tuple[np.ndarray, np.ndarray]:
    ends = sum(arch.widths) / 100.0
    length = np.linspace(-ends, ends, _GUM_COLUMNS)
    bounds = np.concatenate([[0.0], np.cumsum(arch.widths)]) / 100.0
    centres = (bounds[:-1] + bounds[1:]) / 2
    height = np.interp(np.abs(length), centres, np.array(arch.heights) / 100.0)
    # Gums rise between the teeth: papillae.
    phase = np.interp(np.abs(length), bounds, np.arange(len(bounds)))
    papilla = 0.012 * np.cos(np.pi * phase) ** 8
    place, normal = curve.at(length)
    grid = np.empty((len(_GUM_ROWS), len(length), 3))
    for k, (beyond, depth) in enumerate(_GUM_ROWS):
        grid[k, :, [0, 2]] = (place - normal * depth).T
        edge = height + beyond - (papilla if beyond < 0 else 0.0)
        grid[k, :, 1] = curve.level(length) - arch.edge * edge
    # From the biting side to the root, the other way round than the crowns.
    return grid.reshape(-1, 3), _grid(len(_GUM_ROWS), len(length), flip=arch.edge > 0)


def _grid(rows: int, columns: int, *, flip: bool) -> np.ndarray:
    """Quads of a grid of rows and columns."""
    at = np.arange(rows * columns).reshape(rows, columns)
    quads = np.stack([at[:-1, :-1], at[:-1, 1:], at[1:, 1:], at[1:, :-1]], axis=2).reshape(-1, 4)
    return quads[:, ::-1] if flip else quads


def crown_shade() -> np.ndarray:
    """Brightness of every crown vertex of one arch: darker between teeth and at the gum."""
    across = np.linspace(-1.0, 1.0, _COLUMNS)
    sides = 1.0 - 0.45 * np.abs(across) ** 6
    along = np.interp([share for share, _ in _ROWS], [0.0, 0.3, 1.0], [0.75, 0.96, 1.0])
    one = (along[:, None] * sides[None, :]).ravel()
    return np.tile(one, 2 * len(ARCHES["upper"].widths))
