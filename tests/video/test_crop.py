"""Regions of an image, sampled and mapped back."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from eifer.eifer_addon.video import crop
from eifer.eifer_addon.video.crop import Region, sample, tiles, whole


def noise(height: int, width: int) -> np.ndarray:
    random = np.random.default_rng(7)
    coarse = random.integers(0, 255, (height // 4 + 2, width // 4 + 2, 3))
    return np.kron(coarse, np.ones((4, 4, 1)))[:height, :width].astype(np.uint8)


@pytest.mark.parametrize("replicate", [False, True])
@pytest.mark.parametrize("seed", range(12))
def test_sampling_agrees_with_scipy_inside_and_outside_the_image(
    seed: int, replicate: bool
) -> None:
    random = np.random.default_rng(seed)
    image = noise(240, 320)
    x, y = random.uniform(-60, 380), random.uniform(-60, 300)
    width, height = random.uniform(20, 700, 2)
    region = Region(x, y, width, height, random.uniform(-3, 3))
    found = sample(image, region, 48, replicate=replicate)
    steps = (np.arange(48) + 0.5) / 48
    points = region.to_image(np.stack(np.meshgrid(steps, steps), axis=-1)) - 0.5
    padded = np.pad(image, ((1, 1), (1, 1), (0, 0)), mode="edge" if replicate else "constant")
    limit = np.array([[[321]], [[241]]])
    where = np.clip(np.moveaxis(points, -1, 0) + 1, 0, limit)
    exact = np.stack(
        [map_coordinates(padded[..., k].astype(float), where[::-1], order=1) for k in range(3)],
        axis=-1,
    )
    # Pillow cuts off what is behind the point, as OpenCV under MediaPipe rounds it.
    assert np.abs(found - exact).max() < 1.1
    assert np.abs(found - exact).mean() < 0.6


def test_a_region_far_outside_is_black() -> None:
    assert not sample(noise(50, 60), Region(900, -700, 40, 40), 16).any()


@pytest.mark.parametrize(("x", "y"), [(900, 20), (-900, 20), (30, 700), (30, -700), (900, -700)])
def test_a_region_far_outside_repeats_the_nearest_border(x: float, y: float) -> None:
    image = noise(50, 60)
    found = sample(image, Region(x, y, 40, 40, 0.3), 16, replicate=True)
    rows = np.clip(np.arange(int(y) - 30, int(y) + 31), 0, 49)
    columns = np.clip(np.arange(int(x) - 30, int(x) + 31), 0, 59)
    nearest = image[np.ix_(rows, columns)]
    assert found.min() >= nearest.min() - 1
    assert found.max() <= nearest.max()


@pytest.mark.parametrize("replicate", [False, True])
def test_a_large_region_is_the_same_in_both_ways_of_sampling(
    replicate: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, region = noise(600, 900), Region(400, 300, 1100, 800, 0.4)
    dense = sample(image, region, 40, replicate=replicate)
    monkeypatch.setattr(crop, "_SPARSE", 1)
    sparse = sample(image, region, 40, replicate=replicate)
    assert np.abs(dense - sparse).max() < 2


def test_the_whole_image_is_centred_and_tiles_cover_it() -> None:
    image = noise(90, 160)
    square = whole(image)
    assert (square.x, square.y, square.width, square.height) == (80, 45, 160, 160)
    covered = np.zeros((90, 160), bool)
    for tile in tiles(image, 0.6):
        assert tile.width == tile.height == 54
        left, top = tile.to_image(np.zeros(2))
        assert left >= 0
        assert top >= 0
        covered[round(top) : round(top + 54), round(left) : round(left + 54)] = True
    assert covered.all()


def test_a_turned_region_maps_its_corners_clockwise() -> None:
    region = Region(10, 20, 4, 2, np.pi / 2)
    np.testing.assert_allclose(region.to_image(np.array([1.0, 0.5])), [10, 22], atol=1e-12)
    assert region.grown(1.5).width == region.grown(1.5).height == 6
