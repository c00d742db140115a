"""The electro-mechanical delay muscle by muscle: how much later the face shows what a muscle did.

Between 20 and 400 ms for facial muscles (see `signals.sync_delay`). It is the shift at which the
predicted curve runs best along with the measured one. It can only be told from an offset of the
clocks where that is known otherwise; what shifts all muscles alike may be either.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from .muscle_analysis_blocks import Blocks, Interval, interval
from .muscle_analysis_pairs import Paired
from .signals.sync_delay import LONGEST_S

#: Shifts that are tried, in s; beyond the plausible ones, so that a peak has two flanks.
_FIRST_S, _LAST_S, _STEP_S = -0.25, LONGEST_S + 0.2, 0.01
#: Half the width in s over which the peak's place is read off.
_TOP_S = 0.04
#: A muscle tells its delay when it runs along, has acted, and is not too unsure.
_LEAST_CORRELATION, _LEAST_ACTIVITY, _WIDEST_S = 0.5, 0.15, 0.2
#: Curves are smoothed by so much (standard deviation in s) before their slopes are compared: about
#: what the edge of a movement takes, or the shape of the edges would pass for a delay.
_SMOOTH_S = 0.2
#: So much beside a gap does not count.
_BESIDE_S = 0.3
#: Added to the standard errors when muscles are weighed, so that none rules alone.
_FLOOR_S = 0.01


@dataclass(frozen=True)
class MuscleDelay:
    """The delay of one muscle.

    Attributes
    ----------
    muscle : str
    ms : float
        Predicted behind measured.
    interval_ms : tuple of float or None
        95 %.
    correlation : float
        Of the curves' slopes at that shift.
    reliable : bool
        Whether it counts for the common delay.
    why : str
        Why it does not.
    """

    muscle: str
    ms: float
    interval_ms: Interval
    correlation: float
    reliable: bool
    why: str = ""


@dataclass(frozen=True)
class Delays:
    """The delays of a recording.

    Attributes
    ----------
    common_ms : float or None
        Weighted median over the muscles that tell; None when none does.
    interval_ms : tuple of float or None
        95 %.
    muscles : tuple of MuscleDelay
    """

    common_ms: float | None
    interval_ms: Interval
    muscles: tuple[MuscleDelay, ...]


def find_delays(paired: Paired, blocks: Blocks) -> Delays:
    """Find the delay of every muscle and the one that they have in common.

    Parameters
    ----------
    paired : Paired
    blocks : Blocks
        Of the paired frames.

    Returns
    -------
    Delays
    """
    shifts = np.arange(_FIRST_S, _LAST_S + _STEP_S / 2, _STEP_S)
    found, draws, weights = [], [], []
    for k, muscle in enumerate(paired.muscles):
        delay, drawn = _of_muscle(paired, k, muscle, shifts, blocks)
        found.append(delay)
        if delay.reliable:
            draws.append(drawn)
            weights.append(delay.correlation**2 / (float(np.nanvar(drawn)) + _FLOOR_S**2))
    told = [delay.ms / 1e3 for delay in found if delay.reliable]
    if not told:
        return Delays(None, None, tuple(found))
    weight = np.array(weights)
    common = _medians(np.array(told)[None], weight)[0]
    spread = interval(1e3 * _medians(np.stack(draws, axis=1), weight), enough=blocks.enough)
    return Delays(1e3 * float(common), spread, tuple(found))


def _of_muscle(
    paired: Paired, column: int, muscle: str, shifts: np.ndarray, blocks: Blocks
) -> tuple[MuscleDelay, np.ndarray]:
    """The delay of one muscle, and its draws (n_draws,) in s."""
    usable = paired.usable[:, column]
    level = paired.measured_of(column)[usable]
    # Beside a gap a slope is made of what is in the gap.
    beside = max(1, round(_BESIDE_S * paired.rate_hz))
    weight = ndimage.binary_erosion(usable, iterations=beside, border_value=1).astype(np.float64)
    nothing = np.full(len(blocks.counts), np.nan)
    for curve, verb in ((level, "measured"), (paired.predicted[usable, column], "predicted")):
        if not len(curve) or float(np.percentile(curve, 99)) < _LEAST_ACTIVITY:
            why = f"It hardly acted as {verb}."
            return MuscleDelay(muscle, float("nan"), None, 0.0, reliable=False, why=why), nothing
    sums = np.stack(list(_sums(paired, column, shifts, weight, blocks)), axis=-1)
    curve = _correlation(sums.sum(axis=0)[None])
    at, height = _peaks(curve, shifts)
    drawn, _ = _peaks(_correlation(blocks.drawn(sums)), shifts)
    bounds = interval(1e3 * drawn, enough=blocks.enough)
    why = _doubt(float(at[0]), float(height[0]), bounds)
    delay = MuscleDelay(
        muscle, 1e3 * float(at[0]), bounds, float(height[0]), reliable=not why, why=why
    )
    return delay, drawn


def _doubt(at: float, height: float, bounds: Interval) -> str:
    if not np.isfinite(at):
        return "No shift stands out."
    if height < _LEAST_CORRELATION:
        return f"The curves hardly run along (correlation {height:.2f})."
    if bounds is not None and bounds[1] - bounds[0] > 1e3 * _WIDEST_S:
        return f"It is only known within {bounds[1] - bounds[0]:.0f} ms."
    return ""


def _sums(
    paired: Paired, column: int, shifts: np.ndarray, weight: np.ndarray, blocks: Blocks
) -> Iterator[np.ndarray]:
    """Sums (n_blocks, n_shifts) from which a correlation of slopes follows.

    Slopes, because a movement that is held says nothing of when it began.
    """
    theirs = _slope(paired.measured_of(column, shifts), paired.rate_hz)
    ours = _slope(paired.predicted[:, column], paired.rate_hz)[:, None]
    sure = weight[:, None] * np.ones(len(shifts))
    for part in (sure, ours * sure, theirs * sure, ours**2 * sure, theirs**2 * sure,
                 ours * theirs * sure):  # fmt: skip
        yield blocks.sums(part)


def _slope(curve: np.ndarray, rate_hz: float) -> np.ndarray:
    smooth = ndimage.gaussian_filter1d(
        np.maximum(curve, 0.0), max(_SMOOTH_S * rate_hz, 0.8), axis=0, order=1, mode="nearest"
    )
    return np.asarray(smooth)


def _correlation(sums: np.ndarray) -> np.ndarray:
    """Pearson's correlation (…, n_shifts) of sums (…, n_shifts, 6)."""
    n, x, y, xx, yy, xy = np.moveaxis(sums, -1, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        size = np.sqrt(np.maximum(n * xx - x**2, 0.0) * np.maximum(n * yy - y**2, 0.0))
        return np.asarray(np.where(size > 0, (n * xy - x * y) / size, np.nan))


def _peaks(curves: np.ndarray, shifts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Place in s and height of the peaks of curves (k, n_shifts); NaN where one is at the rim."""
    reach = round(_TOP_S / _STEP_S)
    safe = np.where(np.isfinite(curves), curves, -2.0)
    best = np.argmax(safe, axis=1)
    inner = np.clip(best, reach, len(shifts) - 1 - reach)
    steps = np.arange(-reach, reach + 1)
    top = np.take_along_axis(safe, inner[:, None] + steps, axis=1)
    # The parabola through the top, by least squares, is a fixed combination of its values.
    fit = np.linalg.pinv(np.stack([steps**2, steps, np.ones(len(steps))], axis=1))
    bend, slope, height = fit @ top.T
    rim = (best == 0) | (best == len(shifts) - 1) | (bend >= 0)
    part = np.clip(-slope / np.where(rim, -1.0, 2 * bend), -reach, reach)
    place = shifts[inner] + part * _STEP_S
    heights = height + part * (slope + part * bend)
    return np.where(rim, np.nan, place), np.where(rim, safe[np.arange(len(safe)), best], heights)


def _medians(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted medians (k,) of values (k, n), without those that are not finite."""
    found = np.full(len(values), np.nan)
    for row, own in enumerate(values):
        there = np.isfinite(own)
        if not there.any():
            continue
        order = np.argsort(own[there])
        heavy = weights[there][order]
        half = np.cumsum(heavy) - heavy / 2
        found[row] = np.interp(heavy.sum() / 2, half, own[there][order])
    return found
