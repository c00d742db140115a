"""How far predicted and measured activity agree, muscle by muscle.

The measures are those that Büchner and others (CVPR 2025) report: mean squared error, its root,
the symmetric mean absolute percentage error and Spearman's rank correlation. The film cannot know
a muscle's microvolts, so a gain per muscle is fitted by least squares (through 0, which is rest);
errors are given with that gain, and the mean squared error also without it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from .muscle_analysis_blocks import Blocks, Interval, interval
from .muscle_analysis_pairs import Paired

#: A muscle whose 99th percentile stays below this, or that is known for less, did not act.
_LEAST_ACTIVITY, _LEAST_S = 0.15, 1.0
_LEAST_FRAMES = 5


@dataclass(frozen=True)
class Score:
    """The agreement for one muscle; intervals are 95 %, None where the film is too short for one.

    Attributes
    ----------
    muscle : str
    n : int
        Frames that count.
    acted : bool
        Whether the muscle was measured to act at all; without it, ranks are those of noise.
    gain : float
        Measured activity per predicted activity.
    mse, mse_as_predicted : float
        Mean squared error in activity squared, with the gain and without.
    rms, rms_unit : float
        Root of `mse` in activity, and in the unit of the recording.
    smape : float
        Percent, 0 to 200: mean of ``200 |p - m| / (|p| + |m|)`` over the envelopes in the
        recording's unit, rest level and all, as the paper's envelopes are; of activity where the
        rest level is not known.
    rho, r : float
        Rank correlation of Spearman (1904), and Pearson's correlation.
    mse_interval, rms_interval, smape_interval, rho_interval : tuple of float or None
    """

    muscle: str
    n: int
    acted: bool
    gain: float
    mse: float
    mse_as_predicted: float
    rms: float
    rms_unit: float
    smape: float
    rho: float
    r: float
    mse_interval: Interval = None
    rms_interval: Interval = None
    smape_interval: Interval = None
    rho_interval: Interval = None


def score_muscles(paired: Paired, measured: np.ndarray, blocks: Blocks) -> tuple[Score, ...]:
    """Score every muscle.

    Parameters
    ----------
    paired : Paired
    measured : numpy.ndarray
        (n, n_muscles) measured activity at the frames, shifted by the delay.
    blocks : Blocks
        Of the paired frames.
    """
    return tuple(
        _score(paired, k, name, np.maximum(measured[:, k], 0.0), measured[:, k], blocks)
        for k, name in enumerate(paired.muscles)
    )


def fitted_gain(predicted: np.ndarray, measured: np.ndarray) -> float:
    """The gain (at least 0) with which a prediction comes closest to what was measured."""
    power = float(predicted @ predicted)
    return max(float(predicted @ measured) / power, 0.0) if power > 0 else 0.0


def agreement(
    paired: Paired, column: int, predicted: np.ndarray, measured: np.ndarray, here: np.ndarray
) -> tuple[float, float, float, float]:
    """The measures of one muscle over a few frames, with a gain that is known already.

    Parameters
    ----------
    paired : Paired
    column : int
        Of the muscle.
    predicted, measured : numpy.ndarray
        (n,) activity; measured below rest, too.
    here : numpy.ndarray
        bool (n,), which frames.

    Returns
    -------
    mse, rms, smape, rho : float
        Not a number with fewer than five frames.
    """
    if here.sum() < _LEAST_FRAMES:
        return (float("nan"),) * 4
    p, m = predicted[here], measured[here]
    mse = float(np.mean((p - np.maximum(m, 0.0)) ** 2))
    moving = np.ptp(p) > 0 and np.ptp(m) > 0
    ranks = [rank - rank.mean() for rank in (stats.rankdata(p), stats.rankdata(m))]
    size = float(np.sqrt((ranks[0] @ ranks[0]) * (ranks[1] @ ranks[1])))
    rho = float(ranks[0] @ ranks[1]) / size if moving else float("nan")
    return mse, mse**0.5, float(_apart(paired, column, p, m).mean()), rho


def _score(
    paired: Paired, column: int, name: str, measured: np.ndarray, raw: np.ndarray, blocks: Blocks
) -> Score:
    sure = paired.usable[:, column]
    p, m = np.where(sure, paired.predicted[:, column], 0.0), np.where(sure, measured, 0.0)
    n = int(sure.sum())
    if n < 2:
        nan = float("nan")
        return Score(name, n, False, nan, nan, nan, nan, nan, nan, nan, nan)
    gain = fitted_gain(p, m)
    rp, rm = _ranks(p, sure), _ranks(np.where(sure, raw, 0.0), sure)
    apart = np.where(sure, _apart(paired, column, gain * p, raw), 0.0)
    parts = np.stack([sure, p, m, p * p, m * m, p * m, rp, rm, rp * rp, rm * rm, rp * rm, apart], 1)
    sums = blocks.sums(parts)
    whole = _statistics(sums.sum(axis=0)[None])
    drawn = _statistics(blocks.drawn(sums))
    bounds = {key: interval(values, enough=blocks.enough) for key, values in drawn.items()}
    one = {key: float(values[0]) for key, values in whole.items()}
    strong = float(np.percentile(measured[sure], 99)) >= _LEAST_ACTIVITY
    return Score(
        name, n, strong and n >= _LEAST_S * paired.rate_hz, gain, one["mse"],
        one["mse_as_predicted"], one["rms"], one["rms"] * float(paired.scale[column]),
        one["smape"], one["rho"], one["r"], bounds["mse"], bounds["rms"], bounds["smape"],
        bounds["rho"],
    )  # fmt: skip


def _ranks(values: np.ndarray, sure: np.ndarray) -> np.ndarray:
    """Ranks about their middle, divided by how many there are; 0 where nothing counts."""
    ranks = np.zeros(len(values))
    own = stats.rankdata(values[sure])
    ranks[sure] = (own - own.mean()) / len(own)
    return ranks


def _apart(paired: Paired, column: int, scaled: np.ndarray, raw: np.ndarray) -> np.ndarray:
    """Symmetric percentage errors (n,) of the envelopes in the recording's unit."""
    low, scale = float(paired.baseline[column]), float(paired.scale[column])
    ours, theirs = low + scale * scaled, np.maximum(low + scale * raw, 0.0)
    size = np.abs(ours) + np.abs(theirs)
    return np.asarray(200.0 * np.abs(ours - theirs) / np.where(size > 0, size, 1.0))


def _statistics(sums: np.ndarray) -> dict[str, np.ndarray]:
    """Each measure (k,) from sums (k, 12). In draws, ranks stay those among all frames."""
    n, p, m, pp, mm, pm, rp, rm, rprp, rmrm, rprm, apart = sums.T
    with np.errstate(invalid="ignore", divide="ignore"):
        gain = np.where(pp > 0, np.maximum(pm / pp, 0.0), 0.0)
        mse = np.maximum(gain**2 * pp - 2 * gain * pm + mm, 0.0) / n
        return {
            "mse": mse, "mse_as_predicted": np.maximum(pp - 2 * pm + mm, 0.0) / n,
            "rms": np.sqrt(mse), "smape": apart / n, "rho": _pearson(n, rp, rm, rprp, rmrm, rprm),
            "r": _pearson(n, p, m, pp, mm, pm),
        }  # fmt: skip


def _pearson(
    n: np.ndarray, x: np.ndarray, y: np.ndarray, xx: np.ndarray, yy: np.ndarray, xy: np.ndarray
) -> np.ndarray:
    size = np.sqrt(np.maximum(n * xx - x**2, 0.0) * np.maximum(n * yy - y**2, 0.0))
    return np.asarray(np.where(size > 1e-12, (n * xy - x * y) / size, np.nan))
