"""Offsets between curves are found to a fraction of a frame, with an honest confidence."""

from __future__ import annotations

import numpy as np
import pytest

from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.signals.convert import to_activity
from eifer.eifer_addon.signals.sync import find_offset
from eifer.models.synthetic.physiology import simulate_recording


def curve(times: np.ndarray, seed: int = 0) -> np.ndarray:
    """Movements at irregular moments."""
    rng = np.random.default_rng(seed)
    moments = np.cumsum(rng.uniform(1.0, 4.0, 12))
    sizes, widths = rng.uniform(0.3, 1.0, 12), rng.uniform(0.1, 0.5, 12)
    shapes = np.exp(-0.5 * ((times[:, None] - moments) / widths) ** 2)
    return np.asarray(shapes @ sizes)


@pytest.mark.parametrize("offset", [0.0, 0.0123, -1.737, 4.251])
def test_the_offset_between_30_and_100_hz_is_found_within_two_milliseconds(offset: float) -> None:
    slow, fast = np.arange(900) / 30.0, np.arange(2600) / 100.0
    rng = np.random.default_rng(1)
    first = 50 * curve(slow) + rng.standard_normal(900)
    second = curve(fast + offset) + 0.02 * rng.standard_normal(2600)
    found = find_offset(first, 30.0, second, 100.0)
    assert found.seconds == pytest.approx(offset, abs=0.002)
    assert found.correlation > 0.98
    assert found.confidence > 0.5


def test_curves_that_have_nothing_in_common_get_no_confidence() -> None:
    times = np.arange(3000) / 100.0
    found = find_offset(curve(times, 1), 100.0, np.random.default_rng(2).random(3000), 100.0)
    assert found.confidence < 0.2


def test_a_regular_rhythm_is_ambiguous_and_says_so() -> None:
    times = np.arange(3000) / 100.0
    rhythm = 1 + np.sin(2 * np.pi * times / 1.7)
    assert find_offset(rhythm, 100.0, rhythm, 100.0).confidence < 0.1


def test_a_recording_is_laid_onto_its_true_activity() -> None:
    recording, truth = simulate_recording(20.0, 1024.0, seed=5)
    activity = to_activity(recording)
    late = truth.column("zygomaticus.left")[137:]
    found = find_offset(activity.column("zygomaticus.left"), 100.0, late, 100.0)
    assert found.seconds == pytest.approx(1.37, abs=0.02)
    assert found.confidence > 0.2


@pytest.mark.parametrize("bad", [np.zeros(500), np.ones(20), np.full(500, np.nan)])
def test_curves_that_cannot_be_compared_are_refused(bad: np.ndarray) -> None:
    with pytest.raises(EiferError, match="second curve"):
        find_offset(curve(np.arange(1000) / 100), 100.0, bad, 100.0)
