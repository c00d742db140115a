"""Filters over square windows: the same values as scipy's and Pillow's, in less time."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import grey_dilation, uniform_filter

from eifer.eifer_addon.video.remove_filters import blur, doubled, halved, highest, mean

VALUES = np.random.default_rng(0).random((40, 56)).astype(np.float32)


@pytest.mark.parametrize("size", [1, 3, 7, 9, 13])
def test_means_and_maxima_are_those_of_scipy(size: int) -> None:
    np.testing.assert_allclose(mean(VALUES, size), uniform_filter(VALUES, size), atol=1e-6)
    np.testing.assert_array_equal(highest(VALUES, size), grey_dilation(VALUES, (size, size)))
    some = VALUES > 0.97
    np.testing.assert_array_equal(highest(some, size), grey_dilation(some, (size, size)))


def test_twice_the_size_is_bilinear_or_a_mean_of_three() -> None:
    wanted = Image.fromarray(VALUES).resize((112, 80), Image.Resampling.BILINEAR)
    np.testing.assert_allclose(doubled(VALUES, 1 / 4), np.asarray(wanted), atol=1e-6)
    repeated = VALUES.repeat(2, axis=0).repeat(2, axis=1)
    wanted = uniform_filter(repeated, 3, mode="nearest")
    np.testing.assert_allclose(doubled(VALUES, 1 / 3), wanted, atol=1e-6)
    planes = np.stack([VALUES, 1 - VALUES])
    np.testing.assert_allclose(doubled(planes, 1 / 4)[1], 1 - doubled(VALUES, 1 / 4), atol=1e-6)


def test_half_the_size_is_the_mean_of_four() -> None:
    colours = np.stack([VALUES, 2 * VALUES, 0 * VALUES], axis=2)
    wanted = colours.reshape(20, 2, 28, 2, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(halved(colours), wanted, atol=1e-6)


def test_the_matrix_takes_means_twice_and_knows_nothing_beyond() -> None:
    wanted = VALUES
    for _ in range(2):
        wanted = uniform_filter(wanted, 11, mode="constant")
    np.testing.assert_allclose(blur(40, 11) @ VALUES @ blur(56, 11), wanted, atol=1e-6)
