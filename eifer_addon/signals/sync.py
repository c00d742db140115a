"""Synchronisation: by how much one curve is late against another, from the curves alone.

The curves may be envelopes, the opening of a mouth, the brightness of a trigger LED: whatever
moves with the same events. Their correlation is computed at every offset; the peak is found to
a fraction of a frame, and how far it stands out says how much it can be trusted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft, ndimage, signal

from ..errors import EiferError

#: Both curves are compared at this rate or at the faster of their own, whichever is higher.
_LEAST_RATE_HZ = 100.0
_LEAST_OVERLAP_S, _LEAST_OVERLAP_PART = 2.0, 0.25
#: A second peak this near is the flank of the first.
_FLANK_S = 0.5
#: Both curves are smoothed by a Gaussian of this standard deviation (half power at 2.7 Hz), and the
#: peak's place is read off this far to both sides of its highest sample.
_SMOOTH_S, _TOP_S = 0.05, 0.05


@dataclass(frozen=True)
class Offset:
    """How two curves lie to each other.

    Attributes
    ----------
    seconds : float
        Add it to the second curve's times to bring it onto the first; positive when the same
        events come earlier on the second curve's clock.
    correlation : float
        At that offset, -1 to 1.
    confidence : float
        0 to 1: the correlation, lessened by how near another offset comes to it.
    """

    seconds: float
    correlation: float
    confidence: float


def find_offset(
    first: np.ndarray,
    first_rate_hz: float,
    second: np.ndarray,
    second_rate_hz: float,
    longest_s: float = 30.0,
) -> Offset:
    """Find the offset at which two curves agree best.

    Parameters
    ----------
    first, second : numpy.ndarray
        (n,) and (m,), or (n, k) and (m, k) for k curves each that belong together, any units;
        larger means more in both. Curves that do not change on one side are left out.
    first_rate_hz, second_rate_hz : float
        Their rates.
    longest_s : float
        Offsets beyond this are not considered.

    Returns
    -------
    Offset

    Raises
    ------
    EiferError
        When a curve does not change, is shorter than two seconds, or is not finite.
    """
    rate = max(_LEAST_RATE_HZ, first_rate_hz, second_rate_hz)
    one, other = (np.asarray(c, np.float64) for c in (first, second))
    if one.ndim == other.ndim == 2:
        one, other = _changing(one, other)
    curves = [
        (_prepared(a, first_rate_hz, rate, "first"), _prepared(b, second_rate_hz, rate, "second"))
        for a, b in zip(np.atleast_2d(one.T), np.atleast_2d(other.T), strict=True)
    ]
    a, b = curves[0]
    least = max(_LEAST_OVERLAP_S * rate, _LEAST_OVERLAP_PART * min(len(a), len(b)))
    found = [_correlations(a, b, round(least)) for a, b in curves]
    # A curve that moves much is better known than one that hardly moves.
    sizes = [float(a.std() * b.std()) for a, b in curves]
    lags, overlap = found[0][0], found[0][2]
    values = np.average([values for _, values, _ in found], axis=0, weights=sizes)
    near = np.abs(lags) <= longest_s * rate
    lags, values, overlap = lags[near], values[near], overlap[near]
    # Two short pieces agree by chance more easily than two long ones.
    score = values * np.sqrt(overlap / overlap.max())
    best = int(np.argmax(score))
    peak, part = _between_samples(values, best, max(1, round(_TOP_S * rate)))
    aside = np.abs(lags - lags[best]) > _FLANK_S * rate
    rival = float(score[aside].max(initial=0.0)) / max(float(score[best]), 1e-12)
    confidence = max(peak, 0.0) * (1.0 - min(rival, 1.0) ** 2)
    return Offset((float(lags[best]) + part) / rate, min(peak, 1.0), min(confidence, 1.0))


def _changing(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The columns that change on both sides; the first one where there are none."""
    moving = np.flatnonzero((np.ptp(first, axis=0) > 0) & (np.ptp(second, axis=0) > 0))
    kept = moving if len(moving) else np.array([0])
    return first[:, kept], second[:, kept]


def _prepared(curve: np.ndarray, rate_hz: float, wanted_hz: float, name: str) -> np.ndarray:
    """The curve at the common rate."""
    values = np.asarray(curve, np.float64)
    if values.ndim != 1 or len(values) < _LEAST_OVERLAP_S * rate_hz:
        raise EiferError(
            f"The {name} curve is too short to be synchronised.",
            f"At least {_LEAST_OVERLAP_S:g} s are needed.",
        )
    if not np.isfinite(values).all() or np.ptp(values) == 0:
        raise EiferError(
            f"The {name} curve does not change or is not finite.", "Choose a curve that moves."
        )
    times = np.arange(int((len(values) - 1) / rate_hz * wanted_hz) + 1) / wanted_hz
    level = np.interp(times, np.arange(len(values)) / rate_hz, values)
    # Faces move below a few hertz; what is faster is noise, which would shift the peak.
    return np.asarray(ndimage.gaussian_filter1d(level, _SMOOTH_S * wanted_hz, mode="nearest"))


def _correlations(
    a: np.ndarray, b: np.ndarray, least: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lags of at least that overlap, Pearson's correlation of what overlaps, and the overlap."""
    n, m = len(a), len(b)
    a, b = a - a.mean(), b - b.mean()
    ones_a, ones_b = np.ones(n), np.ones(m)
    size = fft.next_fast_len(n + m - 1, real=True)

    def cross(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        product = fft.rfft(x, size) * fft.rfft(y[::-1], size)
        return np.asarray(fft.irfft(product, size)[: n + m - 1])

    lags = signal.correlation_lags(n, m)
    count = np.round(cross(ones_a, ones_b))
    keep = count >= least
    count, lags = count[keep], lags[keep]
    sum_a, sum_b = cross(a, ones_b)[keep], cross(ones_a, b)[keep]
    var_a = cross(a * a, ones_b)[keep] - sum_a**2 / count
    var_b = cross(ones_a, b * b)[keep] - sum_b**2 / count
    # Where hardly anything moves in the overlap, a correlation means nothing.
    floor = 1e-3 * np.sqrt(np.maximum(var_a, 0).max() * np.maximum(var_b, 0).max())
    size_ab = np.sqrt(np.maximum(var_a, 0) * np.maximum(var_b, 0))
    both = cross(a, b)[keep] - sum_a * sum_b / count
    return lags, both / np.maximum(size_ab, max(floor, np.finfo(float).tiny)), count


def _between_samples(values: np.ndarray, best: int, reach: int) -> tuple[float, float]:
    """Height and place (in samples from `best`) of the parabola through the top of the peak."""
    low, high = max(best - reach, 0), min(best + reach + 1, len(values))
    at = np.arange(low, high) - best
    if len(at) < 3:
        return float(values[best]), 0.0
    bend, slope, height = (float(c) for c in np.polyfit(at, values[low:high], 2))
    if bend >= 0:
        return float(values[best]), 0.0
    part = float(np.clip(-slope / (2 * bend), -reach, reach))
    return height + slope * part + bend * part**2, part
