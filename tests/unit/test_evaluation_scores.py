"""Scores of curves: checked by other people's code and by curves whose scores are known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from eifer.eifer_addon.evaluation.driven import is_driven, measured_share
from eifer.eifer_addon.evaluation.scores import (
    effort_limits,
    explained,
    lag_s,
    onset_s,
    smape,
    spearman,
)
from eifer.models.emg_schemes import muscles_of


def test_explained_is_one_for_the_truth_and_zero_for_its_mean() -> None:
    truth = np.random.default_rng(0).random((100, 2))
    np.testing.assert_allclose(explained(truth, truth), 1.0)
    np.testing.assert_allclose(explained(truth, np.broadcast_to(truth.mean(0), (100, 2))), 0.0)
    assert np.isnan(explained(np.zeros((9, 1)), np.ones((9, 1)))[0])


def test_spearman_is_scipys() -> None:
    rng = np.random.default_rng(1)
    first = np.round(rng.random((60, 3)), 1)
    second = first + rng.random((60, 3))
    wanted = [stats.spearmanr(a, b).statistic for a, b in zip(first.T, second.T, strict=True)]
    np.testing.assert_allclose(spearman(first, second), wanted)


def test_smape_leaves_rest_out() -> None:
    truth, found = np.array([[0.0], [1.0], [0.5]]), np.array([[0.01], [1.0], [1.5]])
    np.testing.assert_allclose(smape(truth, found), [50.0])


@pytest.mark.parametrize("seconds", [-0.12, 0.0, 0.043])
def test_a_lag_is_found_between_the_frames(seconds: float) -> None:
    times = np.arange(0, 10, 0.01)
    first, second = (np.exp(-(((times - 5 - s) / 0.3) ** 2)) for s in (0.0, seconds))
    assert lag_s(first, second, 100.0) == pytest.approx(seconds, abs=0.002)
    assert np.isnan(lag_s(first, np.zeros_like(first), 100.0))


def test_an_onset_is_where_a_fifth_is_reached() -> None:
    times = np.arange(0, 4, 0.01)
    assert onset_s(times, np.clip((times - 1.0) / 0.5, 0, 1)) == pytest.approx(1.1, abs=0.005)
    assert np.isnan(onset_s(times, np.full(len(times), 0.5)))


def test_full_effort_is_no_less_than_the_strongest_of_a_session() -> None:
    activity = np.linspace(0, 1, 1001)[:, None] * np.array([0.5, 4.0])
    np.testing.assert_allclose(effort_limits(activity), [1.0, 3.96])


def test_expressions_of_muscles_without_electrodes_are_not_driven() -> None:
    fridlund, kuramoto = muscles_of("fridlund"), muscles_of("kuramoto")
    assert measured_share("mouthSmileLeft", fridlund) == 1.0
    assert measured_share("browDownLeft", kuramoto) < measured_share("browDownLeft", fridlund)
    for name in ("mouthFunnel", "cheekPuff", "jawOpen", "eyeWideLeft", "mouthStretchRight"):
        assert not is_driven(name, fridlund)
    assert is_driven("mouthShrugLower", fridlund)
    assert not is_driven("mouthShrugLower", kuramoto)
    assert not is_driven("tongueOut", fridlund)
