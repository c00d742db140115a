"""How a film and the muscles of the same face lie to each other: delay, levels, memory.

Where both are good, each coefficient of the film is explained by the muscles' one through a gain
and a level that may drift. Little evidence leaves the gain near that of the whole face.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

#: Sums are kept for bins of this length, and levels drift over this long (a Gaussian's sigma).
_BIN_S, _DRIFT_S = 1.0, 15.0
#: How much the whole take counts in every moment of it.
_WHOLE = 0.1
#: Movement (standard deviation) below which a gain is rather that of the whole face.
_SURE_MOTION = 0.05
_LARGEST_GAIN = 3.0
#: Delays that are looked at, in s, and what counts as found.
_LAGS_S = np.arange(-0.2, 0.6, 0.01)
_LEAST_CORRELATION, _LEAST_MOTION, _MOST_MOVING = 0.3, 0.02, 12
#: How long what the muscles do not explain stays: from the film itself, within this.
_MEMORY_STEP_S, _SHORTEST_MEMORY_S, _LONGEST_MEMORY_S, _USUAL_MEMORY_S = 0.3, 0.15, 5.0, 0.5


@dataclass(frozen=True)
class Levels:
    """How the muscles' coefficients become the film's.

    Attributes
    ----------
    gain, level : numpy.ndarray
        (n_frames, n_coefficients).
    usual : numpy.ndarray
        (n_frames, n_coefficients), the film's own slow mean.
    explained : float
        Part of the film's movement that the muscles explain, where both are good; 0.25 where
        that is not known.
    memory_s : numpy.ndarray
        (n_coefficients,), how long a difference between film and muscles stays, in s.
    """

    gain: np.ndarray
    level: np.ndarray
    usual: np.ndarray
    explained: float
    memory_s: np.ndarray

    def of(self, values: np.ndarray) -> np.ndarray:
        """The muscles' values (n, k) at the film's level."""
        return np.asarray(self.gain * values + self.level)


def levels_of(
    times: np.ndarray, film: np.ndarray, muscles: np.ndarray, weight: np.ndarray
) -> Levels:
    """Fit gain and level of each coefficient over time.

    Parameters
    ----------
    times : numpy.ndarray
        (n,) s.
    film, muscles, weight : numpy.ndarray
        (n, k); weight is 0 where one of the two is not good.
    """
    y, x, w = film.astype(np.float64), muscles, weight
    sums = _local_sums(times, [w, w * x, w * y, w * x * x, w * x * y])
    count = np.maximum(sums[0], 1e-9)
    mean_x, mean_y = sums[1] / count, sums[2] / count
    var = np.maximum(sums[3] / count - mean_x**2, 0.0)
    cov = sums[4] / count - mean_x * mean_y
    total = float(var.sum())
    whole = float(np.clip(cov.sum() / total, 0.2, 2.0)) if total > 1e-6 else 1.0
    doubt = (_SURE_MOTION * _spread(muscles)) ** 2
    gain = np.clip((cov + doubt * whole) / (var + doubt), 0.0, _LARGEST_GAIN)
    # Without a frame that both know, the muscles are taken as they are.
    known = sums[0] > 1e-6
    gain = np.where(known, gain, whole)
    level = np.where(known, mean_y - gain * mean_x, 0.0)
    rest = y - gain * x - level
    good = w.sum() > 0
    spread = float((w * (y - mean_y) ** 2).sum())
    explained = 1.0 - float((w * rest**2).sum()) / spread if good and spread > 1e-9 else 0.25
    return Levels(
        gain, level, np.where(known, mean_y, 0.0), float(np.clip(explained, 0.0, 1.0)),
        _memory(times, rest, w),
    )  # fmt: skip


def _spread(values: np.ndarray) -> float:
    """The usual size of movement in a space: 1 for ARKit, about the coefficients' own else."""
    return max(1.0, float(np.std(values)) * 5.0)


def _local_sums(times: np.ndarray, parts: list[np.ndarray]) -> list[np.ndarray]:
    """Each of (n, k) summed under a wide Gaussian around each frame, and a little of the whole."""
    bins = np.floor((times - times[0]) / _BIN_S).astype(int)
    n = int(bins[-1]) + 1
    centres = (np.arange(n) + 0.5) * _BIN_S + times[0]
    near = np.exp(-0.5 * ((centres[:, None] - centres) / _DRIFT_S) ** 2) + _WHOLE
    starts = np.searchsorted(bins, np.arange(n))
    found = []
    for part in parts:
        # An empty bin would take the frame that follows it.
        sums = np.add.reduceat(np.vstack([part, np.zeros((1, part.shape[1]))]), starts)
        sums[np.diff(np.append(starts, len(times))) == 0] = 0.0
        local = near @ sums
        found.append(np.stack([np.interp(times, centres, c) for c in local.T], axis=1))
    return found


def _memory(times: np.ndarray, rest: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """How long what remains stays (k,), by its correlation with itself at two distances.

    Frame noise, which lessens both alike, does not shorten it.
    """
    if len(times) < 3:
        return np.full(rest.shape[1], _USUAL_MEMORY_S)
    step = max(1, round(_MEMORY_STEP_S / float(np.median(np.diff(times)))))
    if len(times) <= 2 * step:
        return np.full(rest.shape[1], _USUAL_MEMORY_S)

    def product(lag: int) -> np.ndarray:
        w = weight[lag:] * weight[:-lag]
        return np.asarray((w * rest[lag:] * rest[:-lag]).sum(0) / np.maximum(w.sum(0), 1e-9))

    once, twice = product(step), product(2 * step)
    size = np.maximum((weight * rest**2).sum(0) / np.maximum(weight.sum(0), 1e-9), 1e-12)
    told = (once > 0.05 * size) & (twice > 0)
    ratio = np.clip(np.where(told, twice / np.where(told, once, 1.0), 0.0), 0.01, 0.99)
    memory = np.where(told, -_MEMORY_STEP_S / np.log(ratio), _USUAL_MEMORY_S)
    return np.clip(memory, _SHORTEST_MEMORY_S, _LONGEST_MEMORY_S)


def delay_between(
    times: np.ndarray,
    film: np.ndarray,
    weight: np.ndarray,
    muscles_at: Callable[..., tuple[np.ndarray, np.ndarray]],
) -> tuple[float, float] | None:
    """How much later the film moves than the muscles, in s, and the correlation there.

    Parameters
    ----------
    times, film, weight : numpy.ndarray
        (n,) s, (n, k), (n, k).
    muscles_at : callable
        Gives the muscles' values (n, k), of chosen columns or all, and confidence (n,) at times.

    Returns
    -------
    tuple of float, or None
        None where nothing moves that both know.
    """
    now, _ = muscles_at(times)
    motion = now.std(axis=0) * (film.std(axis=0) > _LEAST_MOTION)
    chosen = np.argsort(-motion)[:_MOST_MOVING]
    chosen = chosen[motion[chosen] > _LEAST_MOTION]
    if not len(chosen):
        return None
    shown, counts = film[:, chosen].astype(np.float64), weight[:, chosen]
    scores = np.zeros(len(_LAGS_S))
    for k, lag in enumerate(_LAGS_S):
        values, sure = muscles_at(times - lag, chosen)
        found = _correlations(values, shown, counts * (sure[:, None] > 0))
        scores[k] = float(np.average(found, weights=motion[chosen]))
    best = int(np.argmax(scores))
    if not 0 < best < len(scores) - 1 or scores[best] < _LEAST_CORRELATION:
        return None
    left, middle, right = scores[best - 1 : best + 2]
    bend = left - 2 * middle + right
    part = 0.5 * (left - right) / bend if bend < 0 else 0.0
    return float(_LAGS_S[best] + part * (_LAGS_S[1] - _LAGS_S[0])), float(middle)


def _correlations(a: np.ndarray, b: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Pearson's correlation of each column (k,), frames weighted; 0 where one does not move."""
    count = np.maximum(w.sum(axis=0), 1e-9)
    a = a - (w * a).sum(axis=0) / count
    b = b - (w * b).sum(axis=0) / count
    size = np.sqrt((w * a * a).sum(axis=0) * (w * b * b).sum(axis=0))
    return np.asarray((w * a * b).sum(axis=0) / np.maximum(size, 1e-9))
