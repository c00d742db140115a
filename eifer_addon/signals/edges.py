"""On and off: when a trigger channel or a light changes, to a part of a sample or frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import EiferError
from .recording import Recording

#: A channel with at most so many different values holds codes, not a voltage.
_MOST_CODES = 64
#: A voltage switches when it has crossed both of these parts of its range.
_LOW_PART, _HIGH_PART = 0.3, 0.7
#: Samples that a voltage takes at most from one part to the other.
_SLOWEST = 1000
_LEAST_ERROR_S = 1e-4
#: A light is one when its two levels are this many spreads apart.
_LEAST_CONTRAST = 6.0
#: Frames on each side from which a state's level is taken.
_LEVEL_FRAMES = 5
#: Lit less or more than this, a frame counts as dark or as fully lit.
_LEAST_PARTIAL = 0.06
#: So many edges tell the exposure.
_LEAST_EDGES = 8


@dataclass(frozen=True)
class Edges:
    """Times at which something went on or off, in order.

    Attributes
    ----------
    times_s : numpy.ndarray
        float64 (n,), increasing.
    is_on : numpy.ndarray
        bool (n,): it began or went on, rather than ended or went off.
    errors_s : numpy.ndarray
        float64 (n,): how far each may be off (standard deviation).
    """

    times_s: np.ndarray
    is_on: np.ndarray
    errors_s: np.ndarray

    def __len__(self) -> int:
        return len(self.times_s)

    @classmethod
    def of(cls, rows: Sequence[tuple[float, bool]], error_s: float = _LEAST_ERROR_S) -> Edges:
        """Edges from ``(time, is_on)`` in any order."""
        ordered = sorted(rows)
        times = np.array([time for time, _ in ordered], np.float64)
        on = np.array([bool(state) for _, state in ordered], bool)
        return cls(times, on, np.full(len(ordered), error_s))

    def only(self, *, on: bool) -> Edges:
        """Those that went on, or off."""
        keep = self.is_on == on
        return Edges(self.times_s[keep], self.is_on[keep], self.errors_s[keep])

    def inverted(self) -> Edges:
        """On and off exchanged, for a light that is dark while the trigger is high."""
        return Edges(self.times_s, ~self.is_on, self.errors_s)


def trigger_edges(recording: Recording, channel: str) -> Edges:
    """Edges of the pulses on a trigger channel, on the recording's clock.

    Parameters
    ----------
    recording : Recording
    channel : str
        Codes (whatever differs from the most common value is on) or a voltage, whose crossings
        of the middle are found between the samples.

    Raises
    ------
    EiferError
        For a channel that does not exist, is not finite, or never changes.
    """
    if channel not in recording.channels:
        listed = ", ".join(recording.channels)
        raise EiferError(f"There is no channel '{channel}'.", f"The channels are: {listed}.")
    values = np.asarray(recording.channel(recording.channels.index(channel)), np.float64)
    if not np.isfinite(values).all():
        raise EiferError(f"The trigger '{channel}' holds a value that is not a number.", "Mend it.")
    if not len(values) or np.ptp(values) == 0:
        raise EiferError(f"The trigger '{channel}' never changes.", "Choose another channel.")
    places, on = _codes(values)
    if places is None:
        places, on = _crossings(values)
    times = recording.start_s + places / recording.rate_hz
    error = max(_LEAST_ERROR_S, 0.3 / recording.rate_hz)
    return Edges(times, on, np.full(len(times), error))


def _codes(values: np.ndarray) -> tuple[np.ndarray | None, np.ndarray]:
    """Places (in samples) where codes leave or reach the most common value; None for voltages."""
    known, counts = np.unique(values[:: max(1, len(values) // 200_000)], return_counts=True)
    if len(known) > _MOST_CODES:
        return None, np.zeros(0, bool)
    active = values != known[np.argmax(counts)]
    changes = np.flatnonzero(np.diff(active.view(np.int8))) + 1
    # A change is seen at the first sample after it, so on average half a sample late.
    return changes - 0.5, active[changes]


def _crossings(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    low, high = two_levels(values)
    part = (values - low) / (high - low)
    states = _schmitt(part)
    changes = np.flatnonzero(np.diff(states.view(np.int8))) + 1
    places = []
    for k in changes:
        first = max(0, int(k) - _SLOWEST)
        before = part[first:k] < 0.5 if states[k] else part[first:k] > 0.5
        last = first + int(np.flatnonzero(before)[-1]) if before.any() else int(k) - 1
        step = part[last + 1] - part[last]
        places.append(last + ((0.5 - part[last]) / step if step else 0.5))
    return np.array(places, np.float64), states[changes]


def _schmitt(part: np.ndarray) -> np.ndarray:
    """States with hysteresis: between the thresholds the last one goes on."""
    marks = np.where(part >= _HIGH_PART, 1, np.where(part <= _LOW_PART, 0, -1))
    known = np.flatnonzero(marks >= 0)
    if not len(known):
        return np.zeros(len(part), bool)
    held = known[np.maximum(np.searchsorted(known, np.arange(len(part)), side="right") - 1, 0)]
    return np.asarray(marks[held] == 1)


def two_levels(values: np.ndarray) -> tuple[float, float]:
    """Low and high level of something that switches between two (one-dimensional two-means)."""
    low, high = float(values.min()), float(values.max())
    for _ in range(50):
        above = values > (low + high) / 2
        if above.all() or not above.any():
            break
        new = float(np.median(values[~above])), float(np.median(values[above]))
        if new == (low, high):
            break
        low, high = new
    return low, high


def light_edges(
    times_s: np.ndarray, brightness: np.ndarray, exposure: float | None = None
) -> Edges:
    """Edges of a flashing light in the frames of a video, to a part of a frame.

    A frame that was exposed while the light changed is partly lit; the part tells when within
    the exposure. An edge between two exposures is put in the middle of the gap.

    Parameters
    ----------
    times_s : numpy.ndarray
        (n,), when the exposure of each frame begins.
    brightness : numpy.ndarray
        (n,), proportional to light (without the video's gamma).
    exposure : float, optional
        Part of the frame interval during which the shutter is open, 0 to 1. None estimates it
        from how many edges hit an exposure.

    Raises
    ------
    EiferError
        When no light stands out of the noise.
    """
    low, high = two_levels(brightness)
    noise = 1.4826 * float(np.median(np.abs(np.diff(brightness)))) / np.sqrt(2)
    if high - low <= _LEAST_CONTRAST * noise or high <= low:
        raise EiferError(
            "No light goes on and off there.",
            "Give the rectangle of the light, or synchronise in another way.",
        )
    states = _schmitt((brightness - low) / (high - low))
    changes = np.flatnonzero(np.diff(states.view(np.int8))) + 1
    lit = [_lit(brightness, states, changes, j, noise) for j in range(len(changes))]
    interval = float(np.median(np.diff(times_s)))
    least = max(_LEAST_PARTIAL, 3 * noise / (high - low))
    open_s = interval * (_exposure(lit, least) if exposure is None else exposure)
    rows = [
        _edge(times_s, int(k), parts, open_s, least) for k, parts in zip(changes, lit, strict=True)
    ]
    times = np.array([time for time, _ in rows], np.float64)
    errors = np.array([error for _, error in rows], np.float64)
    return Edges(times, states[changes], errors)


def _lit(
    brightness: np.ndarray, states: np.ndarray, changes: np.ndarray, j: int, noise: float
) -> tuple[float, float]:
    """Parts of the step that the frames before and after a change show, 0 old to 1 new level."""
    k = int(changes[j])
    first = int(changes[j - 1]) if j else 0
    last = int(changes[j + 1]) if j + 1 < len(changes) else len(states)
    old = brightness[max(first + (j > 0), k - 1 - _LEVEL_FRAMES) : max(k - 1, first + 1)]
    new = brightness[min(k + 1, last - 1) : min(last - (last < len(states)), k + 1 + _LEVEL_FRAMES)]
    old_level = float(np.median(old)) if len(old) else float(brightness[max(k - 1, 0)])
    new_level = float(np.median(new)) if len(new) else float(brightness[k])
    step = new_level - old_level
    if abs(step) <= noise:
        return 0.0, 1.0
    before, after = ((brightness[[k - 1, k]] - old_level) / step).clip(0.0, 1.0)
    return float(before), float(after)


def _exposure(lit: list[tuple[float, float]], least: float) -> float:
    """Part of the interval in which the shutter is open: the part of edges that hit it."""
    if len(lit) < _LEAST_EDGES:
        return 1.0
    hit = sum(before > least or after < 1.0 - least for before, after in lit)
    return float(np.clip(hit / len(lit) / (1.0 - 2.0 * least), 0.05, 1.0))


def _edge(
    times_s: np.ndarray, k: int, lit: tuple[float, float], open_s: float, least: float
) -> tuple[float, float]:
    """When, and how far it may be off. `lit` are parts of the new level in frames k - 1 and k."""
    before, after = lit
    measured = max(_LEAST_ERROR_S, 0.05 * open_s)
    if before > least:
        return float(times_s[k - 1] + open_s * (1.0 - before)), measured
    if after < 1.0 - least:
        return float(times_s[k] + open_s * (1.0 - after)), measured
    start, stop = float(times_s[k - 1]) + open_s, float(times_s[k])
    gap = max(stop - start, 0.0)
    return stop - gap / 2, max(measured, gap / np.sqrt(12.0))
