"""Bundles of cables beside a face: drawn where nobody wears electrodes, the same for a seed."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import label

from eifer.models.synthetic.loose_cables import add_loose_cables


def _points() -> np.ndarray:
    random = np.random.default_rng(0)
    return np.column_stack([random.uniform(60, 140, 478), random.uniform(50, 150, 478)])


def test_cables_change_the_picture_where_they_say_and_mostly_beside_the_face() -> None:
    image = np.full((200, 200, 3), 180, np.uint8)
    inside, outside = [], []
    for seed in range(12):
        drawn = add_loose_cables(image, _points(), np.random.default_rng(seed))
        changed = np.abs(drawn.image.astype(int) - image).max(axis=-1)
        covered = drawn.coverage > 0.5
        assert covered.any()
        assert changed[covered].min() > 0
        face = np.zeros(covered.shape, bool)
        face[50:150, 60:140] = True
        inside.append(covered[face].mean())
        outside.append(covered[~face].mean())
    assert np.mean(outside) > 2 * np.mean(inside)


def test_cables_are_drawn_without_gaps() -> None:
    image = np.full((300, 300, 3), 200, np.uint8)
    for seed in range(6):
        drawn = add_loose_cables(image, _points() + 50, np.random.default_rng(seed))
        _, parts = label(drawn.coverage > 0.3, np.ones((3, 3)))
        assert parts <= 12  # a dotted one would be hundreds


def test_the_same_seed_draws_the_same_cables() -> None:
    image = np.full((200, 200, 3), 90, np.uint8)
    one, other, third = (
        add_loose_cables(image, _points(), np.random.default_rng(seed)).image for seed in (1, 1, 2)
    )
    assert np.array_equal(one, other)
    assert not np.array_equal(one, third)
