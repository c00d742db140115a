"""The colours of cables beside a face: gone from what was drawn there, brightness and face kept."""

from __future__ import annotations

import numpy as np
import pytest

from eifer.eifer_addon.video.remove_tint import beside_face, spread, without_tint

SIZE = 128
SHIRT = np.array([30.0, 150.0, 160.0])


def _face() -> np.ndarray:
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    return np.stack([64 + 22 * np.cos(angle), 56 + 30 * np.sin(angle)], axis=1)


@pytest.fixture
def crop() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A red face before a shirt, a dark cable beside it and across it, and a tinted fill."""
    picture = np.broadcast_to(SHIRT, (SIZE, SIZE, 3)).copy()
    y, x = np.mgrid[:SIZE, :SIZE]
    face = ((x - 64) / 22) ** 2 + ((y - 56) / 30) ** 2 < 1
    picture[face] = (200, 120, 100)
    fill = picture.copy()
    coverage = np.zeros((SIZE, SIZE), np.float32)
    coverage[:, 104:112] = 1
    coverage[50:54, 60:104] = 1
    fill[coverage > 0] += (0, -30, 60)
    picture[coverage > 0] = (10, 10, 40)
    return picture.astype(np.uint8), fill.astype(np.float32), coverage


def test_a_tint_beside_the_face_goes_and_the_brightness_stays(
    crop: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    picture, fill, coverage = crop
    made = without_tint(picture, fill, coverage, _face())
    luma = np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(made @ luma, fill @ luma, atol=0.01)
    stripe = np.s_[90:120, 105:111]
    before, after = (np.abs(np.diff(one[stripe] - SHIRT, axis=-1)).mean() for one in (fill, made))
    assert after < 0.05 * before


def test_the_face_keeps_what_was_drawn(crop: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    picture, fill, coverage = crop
    made = without_tint(picture, fill, coverage, _face())
    inside = beside_face(_face(), SIZE) == 0
    assert inside[56, 64]
    np.testing.assert_array_equal(made[inside], fill[inside])
    np.testing.assert_array_equal(without_tint(picture, fill, 0 * coverage, _face()), fill)


def test_the_skin_is_not_spread_over_what_is_beside_it(
    crop: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    picture, fill, coverage = crop
    coverage[20:90, 80:112] = 1  # from the face's rim outwards
    made = without_tint(picture, fill, coverage, _face())
    rim = made[30:80, 100:104]
    assert (rim[..., 2] > rim[..., 0] + 60).all()  # the shirt's colours, not the face's


def test_free_colours_stay_and_nothing_free_is_no_fault() -> None:
    random = np.random.default_rng(0)
    picture = random.uniform(0, 255, (64, 64, 3)).astype(np.float32)
    free = np.ones((64, 64), np.float32)
    free[20:30, 20:30] = 0
    np.testing.assert_allclose(spread(picture, free)[free > 0], picture[free > 0], atol=1e-3)
    assert np.isfinite(spread(picture, 0 * free)).all()
