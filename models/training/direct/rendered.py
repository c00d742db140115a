"""Training pairs of made-up people: expressions that portraits lack, with true electrodes."""

from __future__ import annotations

import numpy as np

from ...synthetic.rendered_pairs import pair_of, somebody
from .pairs import SIZE, Pair, finished

#: Side of the rendering in pixels, out of which the part around the face is kept.
_DRAWN = 416
#: Frames of each person: making one costs more than drawing one.
FRAMES = 6


def rendered_pairs(rng: np.random.Generator, count: int = FRAMES) -> list[Pair]:
    """Some frames of one made-up person with electrodes."""
    renderer = somebody(rng, _DRAWN)
    pairs = []
    for _ in range(count):
        clean, worn, covered, truth = pair_of(renderer, rng)
        left, top = _corner(truth.landmarks[:, :2], rng)
        part = slice(top, top + SIZE), slice(left, left + SIZE)
        pictures = clean[part], worn[part], covered[part].astype(np.float32)
        pairs.append(finished(*pictures, truth.landmarks - (left, top, 0), rng))
    return pairs


def _corner(points: np.ndarray, rng: np.random.Generator) -> list[int]:
    """Left and top of a square of SIZE that has the face about in its middle."""
    middle = (points.min(axis=0) + points.max(axis=0)) / 2 + rng.normal(0, 12, 2)
    return np.clip(middle - SIZE / 2, 0, _DRAWN - SIZE).astype(int).tolist()
