"""Where cables go: from the electrode over the skin to a bundle, and on to where nobody looks.

A route is seven control points of a cubic B-spline in the canonical face's own axes and cm. The
first lies on the electrode; from the fourth on they are where the bundle is tied.
"""

from __future__ import annotations

from functools import cache

import numpy as np

#: Control points of a route, and samples of its spline.
N_CONTROL, N_SAMPLES = 7, 56
#: An ellipsoid about the canonical face, centre z and half axes in cm: cables lie on or above it.
_MIDDLE_Z, _HALF = -4.0, np.array([8.0, 11.5, 10.0])
#: On the canonical face, cm: electrodes above this are the forehead's.
_ABOVE_EYES = 2.8
_WAYS = ("sides", "frame", "up", "down", "parts", "loose")
_SHARES = (0.22, 0.16, 0.12, 0.08, 0.30, 0.12)


def draw_routes(random: np.random.Generator, flat: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Control points (n, 7, 3) in cm for electrodes at places (n, 2) with radii (n,)."""
    way = _WAYS[random.choice(len(_WAYS), p=_SHARES)]
    n = len(flat)
    side = np.where(flat[:, 0] >= 0, 1.0, -1.0)
    near_middle = np.abs(flat[:, 0]) < 0.4
    side[near_middle] = random.choice([-1.0, 1.0], near_middle.sum())
    ends = _ends(random, way, flat, side)
    loose = random.normal(0, 1, (n, 3)) * random.choice([0.1, 0.25, 0.6])
    ends[:, 0] += loose
    ends[:, 1] += 0.7 * loose
    start = np.column_stack([flat, surface_height(flat)])
    towards = ends[:, 0, :2] - flat
    angle = np.arctan2(towards[:, 1], towards[:, 0]) + random.normal(0, 0.45, n)
    out = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    first = flat + out * radius[:, None]
    slack = random.uniform(1.2, 3.0, (n, 1))
    second = first + out * slack
    third = 0.45 * second + 0.55 * ends[:, 0, :2] + random.normal(0, 0.35, (n, 2))
    lift = random.uniform(0.1, 0.9)
    middle = [
        np.column_stack([place, surface_height(place) + height])
        for place, height in ((first, 0.15), (second, 0.1 + lift * 0.7), (third, lift))
    ]
    return np.stack([start, *middle, ends[:, 0], ends[:, 1], ends[:, 2]], axis=1)


def _ends(random: np.random.Generator, way: str, flat: np.ndarray, side: np.ndarray) -> np.ndarray:
    """The bundle and two points beyond it (n, 3, 3) for each electrode."""
    options = {name: _bundle(random, name, side) for name in ("sides", "frame", "up", "down")}
    n = len(flat)
    if way == "parts":
        upper = "up" if random.uniform() < 0.5 else "frame"
        lower = "down" if random.uniform() < 0.4 else "sides"
        forehead = (flat[:, 1] > _ABOVE_EYES)[:, None, None]
        chin = (flat[:, 1] < -5.5)[:, None, None]
        lowest = np.where(chin, options[lower], options["sides"])
        return np.where(forehead, options[upper], lowest)
    if way == "loose":
        names = [name for name in options if name != "up"]
        picked = random.integers(len(names), size=n)
        found = np.stack([options[name] for name in names])[picked, np.arange(n)]
        return np.where((flat[:, 1] > _ABOVE_EYES)[:, None, None], options["up"], found)
    if way in ("down", "sides"):
        # No eye is looked through cables: those of the forehead go round the temples or up.
        above = options["frame" if random.uniform() < 0.6 else "up"]
        return np.where((flat[:, 1] > _ABOVE_EYES)[:, None, None], above, options[way])
    if way == "up":
        return np.where((flat[:, 1] > 0.5)[:, None, None], options["up"], options["sides"])
    low = _bundle(random, "frame", side, low=True)
    return np.where((flat[:, 1] > _ABOVE_EYES)[:, None, None], options["frame"], low)


def _bundle(
    random: np.random.Generator, name: str, side: np.ndarray, *, low: bool = False
) -> np.ndarray:
    """One way off the face (n, 3, 3): all cables of a side share it."""
    x, y, z = random.uniform(-1, 1, 3)
    if name == "sides":
        points = np.array([[8.2 + 0.4 * x, -1.5 + 3 * y, -3 + 2 * z],
                           [8.9 + x, -8 + 2 * y, -3], [8.4 + 2 * x, -26, -2]])  # fmt: skip
    elif name == "frame":
        height = -5 + 2 * y if low else 5.0 + 1.2 * y
        points = np.array([[8.4 + 0.5 * x, height, -1 + z], [9.2 + 0.6 * x, -7 + y, -1],
                           [9.6 + 0.6 * x, -30, 0]])  # fmt: skip
    elif name == "up":
        points = np.array([[2.5 + 2.5 * x, 9.3 + y, 2.6], [2.5 + 2 * x, 12.6, -2.5],
                           [2 + x, 13.2, -12]])  # fmt: skip
    else:
        points = np.array([[3.4 + 2 * x, -10.2 + 0.5 * y, 1.0], [3 + 3 * x, -15, 0.5 + z],
                           [2.5 + 4 * x, -32, 2.0]])  # fmt: skip
    return points[None] * np.stack([side, np.ones_like(side), np.ones_like(side)], axis=1)[:, None]


def surface_height(flat: np.ndarray) -> np.ndarray:
    """Height z (n,) in cm of an ellipsoid about the canonical face at x and y (n, 2)."""
    inside = 1 - (flat[:, 0] / _HALF[0]) ** 2 - (flat[:, 1] / _HALF[1]) ** 2
    return np.asarray(_MIDDLE_Z + _HALF[2] * np.sqrt(np.maximum(inside, 0.02)))


@cache
def spline_basis() -> np.ndarray:
    """(56, 7) weights of the control points at each sample of a clamped cubic B-spline."""
    knots = np.concatenate([np.zeros(3), np.linspace(0, 1, N_CONTROL - 2), np.ones(3)])
    # Denser where the face is, at the start of the route.
    t = np.linspace(0, 1 - 1e-9, N_SAMPLES) ** 1.3
    basis = ((t[:, None] >= knots[:-1]) & (t[:, None] < knots[1:])).astype(np.float64)
    for degree in range(1, 4):
        step = knots[degree:-1] - knots[: -degree - 1]
        after = knots[degree + 1 :] - knots[1:-degree]
        # Where knots coincide the numerator's factor, the lower basis, is zero as well.
        rise = (t[:, None] - knots[: -degree - 1]) / np.where(step > 0, step, 1)
        fall = (knots[degree + 1 :] - t[:, None]) / np.where(after > 0, after, 1)
        basis = rise * basis[:, :-1] + fall * basis[:, 1:]
    return np.asarray(basis)
