"""From the film to the muscles and back without a jump.

What the film shows beyond what the muscles explain does not vanish at once when the film is
covered: it fades as it usually does. That is a mean-reverting (Ornstein-Uhlenbeck) difference,
seen through noise where the film is unsure; its best estimate from both sides is the smoother of
H. E. Rauch, F. Tung and C. T. Striebel (AIAA Journal 3, 1965), run for all coefficients at once.
"""

from __future__ import annotations

import numpy as np

#: Noise of one sure frame as a part of the difference's own variance: averages a few frames.
_NOISE = 0.2
_NEVER = 1e9


def blended(
    times: np.ndarray,
    difference: np.ndarray,
    weight: np.ndarray,
    fade_s: float,
    memory_s: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """What is to be added to the muscles' values, and the share that is the film itself.

    Parameters
    ----------
    times : numpy.ndarray
        (n,) s.
    difference : numpy.ndarray
        (n, k), film minus muscles; anything finite where the weight is 0.
    weight : numpy.ndarray
        (n, k), 0 where the film does not count, 1 where it counts wholly.
    fade_s : float
        Before and after frames that count less the weight changes at most this quickly.
    memory_s : numpy.ndarray
        (k,), how long a difference stays.

    Returns
    -------
    added, share : numpy.ndarray
        (n, k).
    """
    if not len(times):
        return np.zeros_like(difference), np.zeros_like(difference)
    steps = np.diff(times)
    weight = _faded(weight, steps, fade_s)
    noise = np.where(weight > 0, _NOISE / np.maximum(weight, 1e-9), _NEVER)
    stays = np.exp(-steps[:, None] / memory_s)
    seen = np.where(weight > 0, difference, 0.0)
    carried = _smoothed_difference(seen, noise, stays)
    return weight * seen + (1.0 - weight) * carried, weight


def _faded(weight: np.ndarray, steps: np.ndarray, fade_s: float) -> np.ndarray:
    """The largest weights under `weight` that change by no more than 1 in `fade_s`."""
    if fade_s <= 0:
        return weight
    result = weight.copy()
    for k, step in enumerate(steps / fade_s, start=1):
        np.minimum(result[k], result[k - 1] + step, out=result[k])
    for k in range(len(steps) - 1, -1, -1):
        np.minimum(result[k], result[k + 1] + steps[k] / fade_s, out=result[k])
    return result


def _smoothed_difference(seen: np.ndarray, noise: np.ndarray, stays: np.ndarray) -> np.ndarray:
    """Forward and backward over the frames (n, k); the difference's own variance is 1."""
    n, width = seen.shape
    state, variance = np.zeros(width), np.ones(width)
    states, variances = np.empty((n, width)), np.empty((n, width))
    for k in range(n):
        if k:
            state = stays[k - 1] * state
            variance = stays[k - 1] ** 2 * variance + 1.0 - stays[k - 1] ** 2
        gain = variance / (variance + noise[k])
        state = state + gain * (seen[k] - state)
        variance = (1.0 - gain) * variance
        states[k], variances[k] = state, variance
    for k in range(n - 2, -1, -1):
        stay = stays[k]
        ahead = stay**2 * variances[k] + 1.0 - stay**2
        states[k] += variances[k] * stay / ahead * (states[k + 1] - stay * states[k])
    return states
