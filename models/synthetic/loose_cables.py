"""Bundles of cables that run past a face: over hair, neck, clothes and what stands behind.

Routes of worn electrodes go the few ways that a lab ties them. A network that has to take cables
off wherever they run is trained with more ways than these, and with bundles as wide as a finger.
"""

from __future__ import annotations

import numpy as np

from .electrode_looks import CABLES
from .electrode_paint import Drawn, paint_cables

#: Bundles in a picture, cables in a bundle, and half a cable's width as a share of the face's size.
_BUNDLES, _CABLES, _HALF = (1, 4), (1, 14), (0.0035, 0.009)
#: Where a bundle begins and bends, as shares of half the face's size from its middle.
_BEGINS, _BENDS = (0.75, 1.3), (1.0, 1.9)
#: How far bundles go, in sizes of the face, and how far apart its cables lie, in their widths.
_FAR, _APART = 3.0, (0.6, 2.5)
#: Downwards, to a side, upwards: the shares of the ways on which bundles leave.
_WAYS = (0.55, 0.25, 0.2)
#: Share of bundles of one colour.
_ONE_COLOUR = 0.35


def add_loose_cables(image: np.ndarray, points: np.ndarray, random: np.random.Generator) -> Drawn:
    """Draw bundles of cables beside a face.

    Parameters
    ----------
    image : numpy.ndarray
        uint8 RGB (H, W, 3); it is not changed.
    points : numpy.ndarray
        Landmarks (n, 2 or 3) of the face in pixels.
    random : numpy.random.Generator

    Returns
    -------
    Drawn
        The picture, and how much of each pixel is covered by these cables.
    """
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    size = float((high - low).max())
    table = np.array(CABLES)
    courses, colours, halves = [], [], []
    for _ in range(int(random.integers(*_BUNDLES))):
        n = int(random.integers(*_CABLES))
        half = size * random.uniform(*_HALF)
        courses += _bundle(random, (low + high) / 2, size, n, half)
        picked = random.integers(len(table), size=n)
        if random.uniform() < _ONE_COLOUR:
            picked[:] = picked[0]
        colours.append(table[picked] * random.uniform(0.6, 1.1))
        halves += [half] * n
    light = float(np.clip(image.mean() / 140, 0.35, 1.1))
    shades = np.clip(np.concatenate(colours) * light, 0.01, 1)
    return paint_cables(image, courses, np.array(halves), shades)


def _bundle(
    random: np.random.Generator, middle: np.ndarray, size: float, n: int, half: float
) -> list[np.ndarray]:
    """Ways (m, 2) in pixels of n cables that run beside each other."""
    way = random.choice(3, p=_WAYS)
    side = random.choice([-1.0, 1.0])
    leaves = np.array([(0.15 * side, 1.0), (side, 0.35), (0.4 * side, -1.0)][way])
    leaves = leaves + random.normal(0, 0.25, 2)
    begins = np.array([side, random.uniform(-0.9, 0.9)]) * random.uniform(*_BEGINS) * size / 2
    bends = np.array([side, random.uniform(-0.8, 1.0)]) * random.uniform(*_BENDS) * size / 2
    corners = np.array([
        begins, bends, bends + leaves * size * random.uniform(0.2, 0.7),
        bends + leaves / np.linalg.norm(leaves) * _FAR * size,
    ])  # fmt: skip
    spacing = 2 * half * random.uniform(*_APART)
    t = np.linspace(0, 1, max(int(4 * _FAR * size), 16))[:, None]
    made = []
    for k in range(n):
        # Cables of a bundle cross and part a little on their way.
        own = corners + random.normal(0, 0.02 * size, corners.shape)
        own += (k - n / 2) * spacing * np.array([[0.5, 0.4], [1, 0.3], [1, 0.3], [1, 0.3]])
        curve = (1 - t) ** 3 * own[0] + 3 * t * (1 - t) ** 2 * own[1]
        made.append(middle + curve + 3 * t**2 * (1 - t) * own[2] + t**3 * own[3])
    return made
