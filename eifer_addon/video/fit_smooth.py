"""Smoothing of tracks without lag: a still face gets quiet, a blink keeps its depth and its time.

Each value becomes the mean of its neighbours in time that are also near in value (Tomasi and
Manduchi, "Bilateral filtering", 1998), looking equally far to both sides. What is near is told by
the track's own noise: its frame-to-frame jitter in calm stretches. A movement that stands out of
the noise is thereby left as it is, to the frame.
"""

from __future__ import annotations

import numpy as np

#: Standard deviation in s of the window in time.
DEFAULT_S = 0.08
#: Values that differ by so many times the noise count as another state of the face.
_NEAR = 3.0
_REACH = 2.5
_MOST = 40
#: Numbers that are smoothed at once: a long film goes some columns at a time.
_AT_ONCE = 1 << 15


def noise_of(values: np.ndarray, apart: np.ndarray) -> np.ndarray:
    """Standard deviation (d,) of the jitter of rows (n, d).

    `apart` (n,) says which rows do not follow the one before. Second differences of white noise
    have six times its variance; their median does not see movements that are short.
    """
    whole = ~(apart[1:-1] | apart[2:])
    if not whole.any():
        return np.zeros(values.shape[1])
    bend = np.abs(values[2:] - 2 * values[1:-1] + values[:-2])[whole]
    return np.asarray(np.median(bend, axis=0) / (0.6745 * np.sqrt(6)))


def smooth(
    values: np.ndarray,
    times: np.ndarray,
    apart: np.ndarray,
    weights: np.ndarray,
    smoothing_s: float = DEFAULT_S,
    floor: np.ndarray | float = 0.0,
) -> np.ndarray:
    """Rows smoothed within stretches.

    Parameters
    ----------
    values : numpy.ndarray
        (n, d).
    times : numpy.ndarray
        (n,) in s.
    apart : numpy.ndarray
        bool (n,), whether a row does not follow the one before (a cut, a gap).
    weights : numpy.ndarray
        (n,), how much a row is to be believed; 0 leaves it out.
    smoothing_s : float
        Standard deviation of the window; 0 gives the values back.
    floor : numpy.ndarray or float
        Least jitter (d,) that is taken for noise.

    Returns
    -------
    numpy.ndarray
        (n, d) of the values' own type; the work is done in float64.
    """
    smoothed = values.copy()
    if smoothing_s <= 0 or len(values) < 3:
        return smoothed
    n, d = values.shape
    floors = np.broadcast_to(floor, d)
    width = max(1, _AT_ONCE // n)
    for first in range(0, d, width):
        part = slice(first, first + width)
        columns = values[:, part].astype(np.float64)
        smoothed[:, part] = _smooth(columns, times, apart, weights, smoothing_s, floors[part])
    return smoothed


def _smooth(
    values: np.ndarray,
    times: np.ndarray,
    apart: np.ndarray,
    weights: np.ndarray,
    smoothing_s: float,
    floor: np.ndarray,
) -> np.ndarray:
    """Some columns (n, d) smoothed; each goes its own way, so that it does not matter which."""
    near = _NEAR * np.maximum(np.maximum(noise_of(values, apart), floor), 1e-9)
    stretch = np.cumsum(apart)
    total, mass = np.zeros_like(values), np.zeros_like(values)
    total += values * weights[:, None]
    mass += weights[:, None]
    for lag in range(1, min(_MOST, len(values) - 1) + 1):
        distance = times[lag:] - times[:-lag]
        inside = (stretch[lag:] == stretch[:-lag]) & (distance < _REACH * smoothing_s)
        if not inside.any():
            break
        closeness = np.where(inside, np.exp(-0.5 * (distance / smoothing_s) ** 2), 0.0)[:, None]
        alike = np.exp(-0.5 * ((values[lag:] - values[:-lag]) / near) ** 2) * closeness
        total[:-lag] += alike * values[lag:] * weights[lag:, None]
        mass[:-lag] += alike * weights[lag:, None]
        total[lag:] += alike * values[:-lag] * weights[:-lag, None]
        mass[lag:] += alike * weights[:-lag, None]
    return np.where(mass > 1e-9, total / np.maximum(mass, 1e-9), values)
