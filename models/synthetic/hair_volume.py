"""The volume of hair: how much of the head it covers, the scalp lifted off it, and a curtain.

All of it is laid out on the open head; other heads are laid onto that by their landmarks.
"""

from __future__ import annotations

import numpy as np

from ...eifer_addon.heads.model import HeadModel
from .materials import Look

#: The hairline on the open head: azimuth in degrees from the front, height in m.
_HAIRLINE = ((0, 0.0815), (14, 0.0835), (30, 0.087), (42, 0.079), (54, 0.060), (62, 0.037),
             (72, 0.022), (80, 0.020), (95, 0.028), (108, 0.016), (118, -0.012), (135, -0.030),
             (180, -0.038))  # fmt: skip
HAIR_AXIS_Z, _HAIRLINE_SOFT_M = -0.037, 0.022
#: Thickness of hair in m by its cut, on the crown.
_THICK = {"shorn": 0.002, "short": 0.010, "full": 0.021, "long": 0.017}
#: Share of hair from which it has a volume; where it is less, there are locks and single hairs.
_FULL_FROM = 0.22
CURTAIN = (10, 36)


def hair_share(place: np.ndarray, look: Look) -> np.ndarray:
    """How much a point (n, 3) on the open head is below hair, 0 to 1."""
    turn = np.degrees(np.arctan2(place[:, 0], place[:, 2] - HAIR_AXIS_Z))
    azimuth = np.abs(turn)
    line = np.interp(azimuth, *np.array(_HAIRLINE).T)
    # A parting at one side, from which the hair falls to the other; and a few waves.
    random = np.random.default_rng((look.seed, 0x4A4))
    part, deep = random.uniform(-32, 32), random.uniform(0, 0.016) * (random.uniform() < 0.6)
    waves = np.sin(np.radians(turn[:, None] * (5, 9)) + random.uniform(0, 6, 2)) @ (0.0016, 0.0012)
    front = np.clip(1.5 - azimuth / 60, 0, 1)
    line = line + front * (look.hairline_m + waves + deep * np.exp(-(((turn - part) / 16) ** 2)))
    return np.clip((place[:, 1] - line) / _HAIRLINE_SOFT_M + 0.5, 0, 1)


def no_ears(place: np.ndarray) -> np.ndarray:
    """0 on the ears, 1 elsewhere; they stick out of the head below the hair."""
    out = np.clip((np.abs(place[:, 0]) - 0.0725) / 0.004, 0, 1)
    return 1 - out * (place[:, 1] < 0.045) * (place[:, 1] > -0.05) * (place[:, 2] > -0.06)


def lifted_scalp(
    head: HeadModel, share: np.ndarray, place: np.ndarray, look: Look
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Hair over the scalp: skin vertices (c,), triangles in them, lifts (c,) in m."""
    if look.cut == "shorn":
        return np.zeros(0, int), np.zeros((0, 3), int), np.zeros(0)
    inside = (share[head.triangles] > _FULL_FROM).all(axis=1)
    cap, flat = np.unique(head.triangles[inside], return_inverse=True)
    random = np.random.default_rng((look.seed, 0x4A1))
    wave = np.sin(place[cap] @ random.normal(0, 75, (3, 3)) + random.uniform(0, 6, 3)).mean(axis=1)
    crown = np.clip((place[cap, 1] - 0.02) / 0.09, 0, 1)
    thick = _THICK[look.cut] * (0.55 + 0.45 * crown) * (1 + 0.35 * wave)
    triangles = flat.reshape(-1, 3)
    lift = np.clip((share[cap] - _FULL_FROM) / 0.55, 0, 1) ** 0.8 * thick
    lift[border(triangles)] = -0.0015
    return cap, triangles, lift


def border(triangles: np.ndarray) -> np.ndarray:
    """Vertices on the open edges of some triangles."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    single, count = np.unique(np.sort(edges, axis=1), axis=0, return_counts=True)
    return np.unique(single[count == 1])


def long_curtain(neutral: np.ndarray, look: Look) -> tuple[np.ndarray, np.ndarray]:
    """Long hair behind and beside the head: points (k, 3) in m and triangles."""
    if look.cut != "long":
        return np.zeros((0, 3)), np.zeros((0, 3), int)
    rows, columns = CURTAIN
    random = np.random.default_rng((look.seed, 0x4A2))
    wide = np.percentile(np.abs(neutral[:, 0]), 99) + 0.012
    turn = np.radians(np.linspace(74, 286, columns)) + random.normal(0, 0.015, columns)
    fall = np.linspace(0, 1, rows)[:, None]
    length = random.uniform(0.10, 0.24)
    wave = 1 + 0.05 * np.sin(fall * random.uniform(4, 9) + random.uniform(0, 6, columns))
    spread = (0.93 + 0.22 * np.sin(np.pi * np.clip(fall * 0.75, 0, 1))) * wave
    # Above, it begins inside the volume of the hair, which it comes out of.
    spread = spread * (0.84 + 0.16 * np.clip(fall * 4, 0, 1))
    x = wide * np.sin(turn) * spread
    z = -0.030 + 0.098 * np.cos(turn) * (0.96 + 0.1 * fall) * wave
    y = 0.075 - fall * (0.075 + length) + 0.012 * np.cos(2 * turn) + 0 * x
    points = np.stack([x, y, z], axis=-1).reshape(-1, 3)
    return points, grid_triangles(rows, columns, closed=False)


def grid_triangles(rows: int, columns: int, *, closed: bool) -> np.ndarray:
    """Triangles of a grid of points, row by row; closed joins the last column to the first."""
    last = columns if closed else columns - 1
    row, column = np.divmod(np.arange((rows - 1) * last), last)
    after = (column + 1) % columns
    a, b = row * columns + column, row * columns + after
    c, d = a + columns, b + columns
    return np.concatenate([np.stack([a, c, d], 1), np.stack([a, d, b], 1)])
