"""Scores of curves against the truth: plain NumPy, column by column."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def explained(truth: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Share of the variance that is explained (R²), per column of (n_frames, n); NaN where still.

    1 is perfect, 0 no better than the mean, below 0 worse.
    """
    wrong = ((truth - found) ** 2).sum(axis=0)
    spread = ((truth - truth.mean(axis=0)) ** 2).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(spread > 1e-9 * len(truth), 1.0 - wrong / spread, np.nan)


def spearman(truth: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Rank correlation (C. Spearman 1904) per column; NaN where one of both does not move."""
    from scipy.stats import rankdata

    ranks = [rankdata(values, axis=0) for values in (truth, found)]
    first, second = (r - r.mean(axis=0) for r in ranks)
    size = np.sqrt((first**2).sum(axis=0) * (second**2).sum(axis=0))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(size > 0, (first * second).sum(axis=0) / size, np.nan)


def median_known(rows: Sequence[np.ndarray]) -> np.ndarray:
    """Median over rows (n,) each, column by column, of what is a number; NaN where nothing is."""
    columns = np.stack(rows).T
    known = [column[np.isfinite(column)] for column in columns]
    return np.array([float(np.median(k)) if len(k) else np.nan for k in known])


def smape(truth: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Symmetric mean absolute percentage error per column, 0 to 200, over frames with activity.

    Frames in which both are below 0.02 say nothing and are left out.
    """
    size = np.abs(truth) + np.abs(found)
    there = size > 0.04
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = np.where(there, 200.0 * np.abs(truth - found) / size, 0.0)
        return np.where(there.any(axis=0), parts.sum(axis=0) / there.sum(axis=0), np.nan)


def mean_square(truth: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Mean squared error per column."""
    return np.asarray(((truth - found) ** 2).mean(axis=0))


def lag_s(first: np.ndarray, second: np.ndarray, rate_hz: float, longest_s: float = 0.3) -> float:
    """By how much `second` (n,) is later than `first`, in s, where both correlate most; or NaN."""
    first, second = first - first.mean(), second - second.mean()
    n = len(first)
    reach = min(round(longest_s * rate_hz), n // 2)
    if not first.any() or not second.any() or reach < 2:
        return float("nan")
    scores = np.array([
        first[max(0, -k) : n - max(0, k)] @ second[max(0, k) : n - max(0, -k)]
        for k in range(-reach, reach + 1)
    ])  # fmt: skip
    best = int(np.argmax(scores))
    if not 0 < best < len(scores) - 1:
        return float("nan")
    left, middle, right = scores[best - 1 : best + 2]
    bend = left - 2 * middle + right
    return float((best - reach + (0.5 * (left - right) / bend if bend < 0 else 0.0)) / rate_hz)


def onset_s(times: np.ndarray, curve: np.ndarray, part: float = 0.2, least: float = 0.2) -> float:
    """When a curve first passes `part` of its way from rest to its top; NaN below `least`."""
    rest, top = float(np.median(curve[: max(3, len(curve) // 12)])), float(curve.max())
    if top - rest < least:
        return float("nan")
    level = rest + part * (top - rest)
    peak = int(np.argmax(curve))
    below = np.flatnonzero(curve[: peak + 1] < level)
    if not len(below) or below[-1] + 1 > peak:
        return float("nan")
    k = int(below[-1])
    share = (level - curve[k]) / max(float(curve[k + 1] - curve[k]), 1e-9)
    return float(times[k] + share * (times[k + 1] - times[k]))


def effort_limits(activity: np.ndarray, percentile: float = 99.0) -> np.ndarray:
    """What 1 has to stand for in a session: full effort, or the strongest seen where that is more.

    Parameters
    ----------
    activity : numpy.ndarray
        (n_frames, n_muscles), 1 at full effort of the calibration.
    percentile : float
        That counts as the strongest.

    Returns
    -------
    numpy.ndarray
        (n_muscles,), at least 1.
    """
    return np.maximum(np.percentile(activity, percentile, axis=0), 1.0)
