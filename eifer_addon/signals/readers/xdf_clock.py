"""One clock for all streams of an XDF file.

While LabRecorder records, it measures every few seconds how far a stream's clock is from its own.
A line through these offsets takes the stream's times to the recorder's clock; where a clock was
reset, each part has its own line (the scheme of the XDF project's readers, C. Kothe and others).
pyxdf 1.16, the last for NumPy 1, applies the lines to the wrong samples after a reset, and 1.17
needs a newer NumPy than Blender 4.5 has; so it is done here, and 1.17 is the oracle of the tests.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

#: A reset shows in both: an interval and an offset that differ by more than this from the usual.
_RESET_INTERVAL_S, _RESET_OFFSET_S = 5.0, 1.0
_RESET_DEVIATIONS = 5.0
#: Offsets further than this from the line count less (Huber): a busy network delayed them.
_HUBER_S = 1e-4
_ITERATIONS = 50
_TINY = 1e-12


def synchronised(times: np.ndarray, offsets: Sequence[tuple[float, float]]) -> np.ndarray:
    """Times (n,) of a stream by the recorder's clock.

    Parameters
    ----------
    times : numpy.ndarray
        Seconds by the stream's own clock, in the order of recording.
    offsets : sequence of (float, float)
        When an offset was measured, by the stream's clock, and what is to be added.
    """
    if not offsets or len(times) == 0:
        return times
    when, value = np.array(offsets, float).T
    parts = _parts(when, value)
    shifted = times.copy()
    begin = 0
    for number, (first, stop) in enumerate(parts):
        end = len(times)
        if number + 1 < len(parts):
            rest = times[begin:]
            later = np.abs(rest - when[stop - 1]) >= np.abs(rest - when[stop])
            end = begin + int(np.argmax(later)) if bool(later.any()) else end
        shifted[begin:end] += _line(when[first:stop], value[first:stop], times[begin:end])
        begin = end
    return shifted


def _parts(when: np.ndarray, value: np.ndarray) -> list[tuple[int, int]]:
    """Ranges of offsets between resets."""
    steps = np.diff(when)
    resets = (steps < 0) | (
        _unusual(steps, _RESET_INTERVAL_S) & _unusual(np.diff(value), _RESET_OFFSET_S)
    )
    at = [int(k) + 1 for k in np.flatnonzero(resets)]
    return list(zip([0, *at], [*at, len(when)], strict=True))


def _unusual(steps: np.ndarray, least: float) -> np.ndarray:
    if len(steps) == 0:
        return np.zeros(0, bool)
    away = np.abs(steps - np.median(steps))
    return (away > least) & (away > _RESET_DEVIATIONS * np.median(away))


def _line(when: np.ndarray, value: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Offsets at `times` from a robust line through the measured ones."""
    middle = float(np.mean(when))
    x, weight = when - middle, np.ones(len(when))
    level, slope = float(np.median(value)), 0.0
    for _ in range(_ITERATIONS):
        total = weight.sum()
        centre = float(weight @ x / total)
        spread = float(weight @ (x - centre) ** 2)
        level = float(weight @ value / total)
        slope = float(weight @ ((x - centre) * value)) / spread if spread > _TINY else 0.0
        away = np.abs(value - level - slope * (x - centre))
        before, weight = weight, _HUBER_S / np.maximum(away, _HUBER_S)
        if np.allclose(weight, before, rtol=1e-9, atol=0):
            break
    return level + slope * (times - middle - centre)
