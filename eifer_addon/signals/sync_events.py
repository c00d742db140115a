"""Synchronisation by events and triggers: two lists of times, of which some are missing or extra.

Every pair of a time from each list votes for an offset. The offsets with the most votes are
fitted with a straight line (offset and linear drift of the clocks), matching one to one; the best
one wins, and how near another comes to it says how far it can be trusted. A regular row of pulses
fits itself at many offsets, so it gets little confidence unless the search is narrowed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from ..errors import EiferError
from .activity import Activity
from .edges import Edges
from .recording import Recording
from .sync_result import EVENTS, Sync

#: Matched times lie no further apart than this, after the fit.
TOLERANCE_S = 0.05
#: Clocks of amplifiers and cameras differ by less.
LARGEST_DRIFT_PPM = 500.0
_CANDIDATES = 12
_FITS = 8
_LEAST_RESIDUAL_S = 1e-4
#: A drift is reported when it is so many standard errors from none, from so many matches on.
_LEAST_ERRORS, _LEAST_FOR_DRIFT, _LEAST_SPAN_S = 3.0, 4, 5.0
#: One event that agrees with one event proves nothing.
_ALONE = 0.5
#: Of each list at most so many times vote.
_MOST_TIMES = 2000


@dataclass(frozen=True)
class Match:
    """A line through two lists of times.

    Attributes
    ----------
    sync : Sync
    first, second : numpy.ndarray
        int (n_matched,): which times belong together.
    """

    sync: Sync
    first: np.ndarray = field(repr=False)
    second: np.ndarray = field(repr=False)


def event_times(item: Recording | Activity, name: str) -> Edges:
    """Onsets, and ends of those that last, of the events of one name, on the item's clock.

    Raises
    ------
    EiferError
        When no event has that name; it lists the names that there are.
    """
    if isinstance(item, Recording):
        rows = [(item.start_s + e.onset_s, e.name, e.duration_s) for e in item.events]
    else:
        rows = list(item.events)
    wanted = name.strip().casefold()
    found = [(onset, length) for onset, own, length in rows if own.strip().casefold() == wanted]
    if not found:
        names = ", ".join(dict.fromkeys(own for _, own, _ in rows)) or "none"
        raise EiferError(f"There is no event '{name}'.", f"The events are: {names}.")
    ends = [(onset + length, False) for onset, length in found if length > 0]
    return Edges.of([(onset, True) for onset, _ in found] + ends)


def sync_by_events(
    first: Edges,
    second: Edges,
    *,
    longest_s: float = float("inf"),
    tolerance_s: float = TOLERANCE_S,
    largest_drift_ppm: float = LARGEST_DRIFT_PPM,
) -> Sync:
    """Find the offset and the drift at which most events agree.

    Parameters
    ----------
    first, second : Edges
        Times on each clock. Beginnings are only compared with beginnings, ends with ends; where
        one side has no ends, ends are left out.
    longest_s : float
        Larger offsets are not considered.
    tolerance_s : float
        How far apart events may be that are the same.
    largest_drift_ppm : float

    Returns
    -------
    Sync

    Raises
    ------
    EiferError
        When a list is empty or nothing agrees.
    """
    return match_events(first, second, longest_s, tolerance_s, largest_drift_ppm).sync


def match_events(
    first: Edges,
    second: Edges,
    longest_s: float = float("inf"),
    tolerance_s: float = TOLERANCE_S,
    largest_drift_ppm: float = LARGEST_DRIFT_PPM,
) -> Match:
    """As :func:`sync_by_events`, with which events belong together."""
    first, second = _comparable(first, second)
    for edges, name in ((first, "first"), (second, "second")):
        if not len(edges):
            raise EiferError(f"The {name} side has no event to synchronise by.", "Choose others.")
    drift = largest_drift_ppm / 1e6
    candidates = list(_candidates(first, second, longest_s, tolerance_s, drift))
    fits = [_fit(first, second, pairs, tolerance_s, drift) for pairs in candidates]
    fits = [fit for fit in fits if len(fit.rows)]
    if not fits:
        raise EiferError(
            "No event of one side agrees with one of the other.",
            "Check that both belong to the same session, or widen the search.",
        )
    best = max(fits, key=lambda fit: fit.score)
    rival = max((f.score for f in fits if _differs(f, best, second, tolerance_s)), default=0.0)
    chance = _by_chance(first, second, len(best.rows), tolerance_s)
    sync = _result(best, rival, min(len(first), len(second)), chance)
    return Match(sync, best.rows, best.columns)


def _comparable(first: Edges, second: Edges) -> tuple[Edges, Edges]:
    if first.is_on.all() or second.is_on.all():
        return first.only(on=True), second.only(on=True)
    return first, second


def _candidates(
    first: Edges, second: Edges, longest_s: float, tolerance_s: float, drift: float
) -> Iterator[np.ndarray]:
    """Pairs (n, 2) that vote for the same offset, the most wanted first."""
    rows, columns = np.nonzero(first.is_on[:_MOST_TIMES, None] == second.is_on[None, :_MOST_TIMES])
    offsets = first.times_s[rows] - second.times_s[columns]
    inside = np.abs(offsets) <= longest_s
    rows, columns, offsets = rows[inside], columns[inside], offsets[inside]
    order = np.argsort(offsets, kind="stable")
    rows, columns, offsets = rows[order], columns[order], offsets[order]
    width = 2 * tolerance_s + drift * float(np.ptp(second.times_s))
    ends = np.searchsorted(offsets, offsets + width, side="right")
    votes = ends - np.arange(len(offsets))
    # Many votes within a wide window may be chance; those that lie close together count more.
    for _ in range(_CANDIDATES):
        if not len(votes) or votes.max() <= 0:
            return
        k = int(np.argmax(votes))
        chosen = slice(k, ends[k])
        yield np.stack([rows[chosen], columns[chosen]], axis=1)
        near = np.abs(offsets - np.median(offsets[chosen])) <= width / 2
        votes = np.where(near, 0, votes)


@dataclass(frozen=True)
class _Line:
    offset: float
    drift: float
    error: float
    rows: np.ndarray
    columns: np.ndarray
    residuals: np.ndarray
    score: float


def _fit(
    first: Edges, second: Edges, pairs: np.ndarray, tolerance_s: float, largest: float
) -> _Line:
    """Match one to one around a line, fit it, and narrow down."""
    at, gap = second.times_s[pairs[:, 1]], first.times_s[pairs[:, 0]] - second.times_s[pairs[:, 1]]
    drift = _robust_slope(at, gap, largest)
    offset = float(np.median(gap - drift * at))
    reach = max(tolerance_s, float(np.percentile(np.abs(gap - offset - drift * at), 75)))
    error = float("inf")
    rows = columns = np.zeros(0, int)
    residuals = np.zeros(0)
    for _ in range(_FITS):
        rows, columns = _mutual(first, second, offset, drift, reach)
        if not len(rows):
            break
        at = second.times_s[columns]
        gap = first.times_s[rows] - at
        weight = 1.0 / (first.errors_s[rows] ** 2 + second.errors_s[columns] ** 2)
        offset, drift, error = _line(at, gap, weight, largest)
        residuals = gap - offset - drift * at
        spread = 1.4826 * float(np.median(np.abs(residuals)))
        reach = min(tolerance_s, max(_LEAST_RESIDUAL_S, 6.0 * spread, reach / 2))
    score = float(np.sum(1.0 - 0.5 * (residuals / tolerance_s) ** 2))
    return _Line(offset, drift, error, rows, columns, residuals, score)


def _robust_slope(at: np.ndarray, gap: np.ndarray, largest: float) -> float:
    """Median slope of distant pairs (H. Theil 1950, P. K. Sen 1968), 0 for a few."""
    if len(at) < _LEAST_FOR_DRIFT or np.ptp(at) < _LEAST_SPAN_S:
        return 0.0
    order = np.argsort(at)[:: max(1, len(at) // 200)]
    x, y = at[order], gap[order]
    apart = x[None, :] - x[:, None]
    far = apart > 0.3 * np.ptp(x)
    if not far.any():
        return 0.0
    slopes = (y[None, :] - y[:, None])[far] / apart[far]
    slopes = slopes[np.abs(slopes) <= largest]
    return float(np.median(slopes)) if len(slopes) else 0.0


def _mutual(
    first: Edges, second: Edges, offset: float, drift: float, reach: float
) -> tuple[np.ndarray, np.ndarray]:
    """Times that are each other's nearest of the same kind, and near enough."""
    moved = offset + (1 + drift) * second.times_s
    rows, columns = [], []
    for on in (True, False):
        a, b = np.flatnonzero(first.is_on == on), np.flatnonzero(second.is_on == on)
        if not (len(a) and len(b)):
            continue
        to_b = _nearest(moved[b], first.times_s[a])
        to_a = _nearest(first.times_s[a], moved[b])
        mutual = to_a[to_b] == np.arange(len(a))
        near = np.abs(moved[b[to_b]] - first.times_s[a]) <= reach
        rows.append(a[mutual & near])
        columns.append(b[to_b[mutual & near]])
    if not rows:
        return np.zeros(0, int), np.zeros(0, int)
    return np.concatenate(rows), np.concatenate(columns)


def _nearest(sorted_times: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    after = np.clip(np.searchsorted(sorted_times, wanted), 0, len(sorted_times) - 1)
    before = np.maximum(after - 1, 0)
    closer = np.abs(sorted_times[before] - wanted) <= np.abs(sorted_times[after] - wanted)
    return np.where(closer, before, after)


def _line(
    at: np.ndarray, gap: np.ndarray, weight: np.ndarray, largest: float
) -> tuple[float, float, float]:
    """Offset, drift and the drift's standard error; no drift where it does not stand out."""
    weight = weight / weight.sum()
    middle, mean = float(weight @ at), float(weight @ gap)
    if len(at) < _LEAST_FOR_DRIFT or np.ptp(at) < _LEAST_SPAN_S:
        return mean, 0.0, float("inf")
    spread = float(weight @ (at - middle) ** 2)
    drift = float(weight @ ((at - middle) * (gap - mean))) / spread
    left = gap - mean - drift * (at - middle)
    noise = float(weight @ left**2) * len(at) / (len(at) - 2)
    error = float(np.sqrt(max(noise, _LEAST_RESIDUAL_S**2 / 12) / (len(at) * spread)))
    if abs(drift) < _LEAST_ERRORS * error or abs(drift) > largest:
        return mean, 0.0, error
    return mean - drift * middle, drift, error


def _differs(other: _Line, best: _Line, second: Edges, tolerance_s: float) -> bool:
    """Whether a line is another answer and not the same one again."""
    middle = float(np.mean(second.times_s))
    gap = other.offset + other.drift * middle - best.offset - best.drift * middle
    return abs(gap) > 2 * tolerance_s


def _by_chance(first: Edges, second: Edges, matched: int, tolerance_s: float) -> float:
    """Upper bound (C. Bonferroni) of how likely some offset has so many matches by chance, 0 to 1.

    One match is free, because it sets the offset; each further one hits by chance as often as the
    other side's times, with their tolerance, fill its span.
    """
    if len(first) == len(second) == 1:
        return 0.0
    span = max(float(np.ptp(first.times_s)), 2 * tolerance_s)
    hit = min(1.0, 2 * tolerance_s * first.is_on.mean() * len(first) / span)
    return min(1.0, len(first) * len(second) * hit ** max(matched - 1, 0))


def _result(best: _Line, rival: float, possible: int, chance: float) -> Sync:
    matched = len(best.rows)
    confidence = max(best.score, 0.0) / possible * (1.0 - chance)
    confidence *= 1.0 - min(max(rival, 0.0) / max(best.score, 1e-9), 1.0) ** 2
    notes: tuple[str, ...] = ()
    if matched == 1:
        confidence = min(confidence, _ALONE)
        notes = ("Only one event agrees, so nothing confirms it.",)
    if left := possible - matched:
        notes = (*notes, f"{left} of {possible} have no counterpart.")
    rms = float(np.sqrt(np.mean(best.residuals**2)))
    return Sync(
        best.offset, best.drift * 1e6, min(confidence, 1.0), EVENTS, matched, rms * 1e3,
        best.error * 1e6, notes, rms * 1e3 / np.sqrt(matched - 1) if matched > 1 else np.inf,
    )  # fmt: skip


def with_method(sync: Sync, method: str, *notes: str) -> Sync:
    """The same result under another method's name, with notes added."""
    return replace(sync, method=method, notes=(*sync.notes, *notes))
