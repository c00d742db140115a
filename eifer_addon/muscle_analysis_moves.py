"""Movements: where they are, and when each muscle began, peaked and ended in them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage, signal

from .muscle_analysis_pairs import Paired
from .muscle_analysis_scores import agreement

#: A movement begins and ends where the curve passes this part of its height, and is at its apex
#: in the middle of the stretch above that part. Thresholds relative to the peak do not depend on
#: units; see P. W. Hodges and B. H. Bui, Electroenceph Clin Neurophysiol 101, 1996, 511-519.
EDGE_PART, APEX_PART = 0.2, 0.9
#: So much before and after an event belongs to its movement, unless a neighbour is nearer.
_MARGIN_S = 0.5
#: A muscle acts in a movement when it rises by this much activity and this part of its own range.
_LEAST_RISE, _LEAST_PART = 0.15, 0.25
#: Found in the curves: the strongest muscle peaks at this, and by so much above the valleys beside
#: it; what is below the third is rest; for so long at least.
_FOUND_FROM, _STANDS_OUT, _AT_REST, _SHORTEST_S = 0.25, 0.15, 0.08, 0.3
#: The top of a held movement wavers; its apex is read off a calmer curve.
_CALM_S = 0.15
_LONGEST_MOMENT_S = 3.0


@dataclass(frozen=True)
class Movement:
    """One movement.

    Attributes
    ----------
    name : str
    start_s, stop_s : float
    number : int
        Which one of its name, from 1.
    found : bool
        Whether it was found in the curves and not named by an event.
    """

    name: str
    start_s: float
    stop_s: float
    number: int = 1
    found: bool = False

    @property
    def label(self) -> str:
        """Name, and which one of it."""
        return self.name if self.number == 1 else f"{self.name} {self.number}"

    def holds(self, times: np.ndarray) -> np.ndarray:
        """Which times (n,) lie in it."""
        return np.asarray((times >= self.start_s) & (times < self.stop_s))


@dataclass(frozen=True)
class Course:
    """When a curve rose and fell in a movement.

    Attributes
    ----------
    onset_s, apex_s, offset_s : float
        NaN where the curve does not pass its threshold within the movement.
    peak : float
        Above the level before.
    """

    onset_s: float
    apex_s: float
    offset_s: float
    peak: float


@dataclass(frozen=True)
class MuscleInMovement:
    """What one muscle did in one movement.

    Attributes
    ----------
    muscle, movement : str
    n : int
        Frames that count.
    predicted, measured : float
        Mean activity, the predicted one with the muscle's gain; NaN where nothing was measured.
    predicted_course, measured_course : Course or None
        None where the muscle did not act.
    onset_error_ms, apex_error_ms, offset_error_ms : float
        Predicted behind measured after the common delay was taken off; NaN where one is unknown.
    mse, rms, smape, rho : float
        As in `muscle_analysis_scores.Score`, over the movement with half a second around it.
    """

    muscle: str
    movement: str
    n: int
    predicted: float
    measured: float
    predicted_course: Course | None = None
    measured_course: Course | None = None
    onset_error_ms: float = float("nan")
    apex_error_ms: float = float("nan")
    offset_error_ms: float = float("nan")
    mse: float = float("nan")
    rms: float = float("nan")
    smape: float = float("nan")
    rho: float = float("nan")


def movements_of_events(
    events: Iterable[tuple[float, str, float]], times: np.ndarray
) -> tuple[Movement, ...]:
    """Events as movements within times (n,); a moment lasts until the next one, or 3 s."""
    rows = sorted((float(o), str(n), float(d)) for o, n, d in events)
    first, last = (float(times[0]), float(times[-1])) if len(times) else (0.0, 0.0)
    found: list[Movement] = []
    counts: dict[str, int] = {}
    for k, (onset, name, length) in enumerate(rows):
        following = rows[k + 1][0] if k + 1 < len(rows) else last
        stop = onset + (length or min(following - onset, _LONGEST_MOMENT_S))
        start, stop = max(onset, first), min(stop, last)
        if stop - start < _SHORTEST_S:
            continue
        counts[name] = counts.get(name, 0) + 1
        found.append(Movement(name, start, stop, counts[name]))
    return tuple(found)


def find_in_curves(values: np.ndarray, times: np.ndarray, rate_hz: float) -> tuple[Movement, ...]:
    """Stretches in which some muscle acts, of activity (n, n_muscles); named by their order.

    Each peak of the strongest muscle that stands out of its surroundings is a movement, which
    reaches to where the curve has fallen to a fifth of it, or to the valley before the next one.
    """
    top = ndimage.gaussian_filter1d(values, _CALM_S * rate_hz, axis=0).max(axis=1)
    peaks, _ = signal.find_peaks(top, height=_FOUND_FROM, prominence=_STANDS_OUT)
    valleys = [int(a + np.argmin(top[a:b])) for a, b in itertools.pairwise(peaks)]
    found: list[Movement] = []
    for peak, low, high in zip(peaks, [0, *valleys], [*valleys, len(top)], strict=True):
        level = max(EDGE_PART * float(top[peak]), _AT_REST)
        quiet = np.flatnonzero(top[low:peak] < level)
        start = low + int(quiet[-1]) + 1 if len(quiet) else low
        quiet = np.flatnonzero(top[peak:high] < level)
        stop = peak + int(quiet[0]) if len(quiet) else high
        if stop - start >= _SHORTEST_S * rate_hz:
            end_s = float(times[stop - 1]) + 1.0 / rate_hz
            found.append(
                Movement(f"movement {len(found) + 1}", float(times[start]), end_s, found=True)
            )
    return tuple(found)


def course_of(
    curve: np.ndarray, times: np.ndarray, movement: Movement, room: tuple[float, float]
) -> Course | None:
    """When a curve (n,) rises and falls in a movement; None where it does not act.

    Parameters
    ----------
    curve, times : numpy.ndarray
        (n,); not finite where nothing is known.
    movement : Movement
    room : tuple of float
        Between which times it may begin and end.
    """
    near = (times >= room[0]) & (times <= room[1]) & np.isfinite(curve)
    own, at = curve[near], times[near]
    within = movement.holds(at)
    if within.sum() < 3:
        return None
    top = int(np.flatnonzero(within)[np.argmax(own[within])])
    before, after = float(own[: top + 1].min()), float(own[top:].min())
    rise = float(own[top]) - before
    reach = float(np.nanpercentile(curve, 99)) - float(np.nanpercentile(curve, 5))
    if rise < max(_LEAST_RISE, _LEAST_PART * reach):
        return None
    onset = _crossing(own, at, top, before + EDGE_PART * rise, -1)
    offset = _crossing(own, at, top, after + EDGE_PART * (float(own[top]) - after), 1)
    return Course(onset, _apex(own, at, within), offset, rise)


def _apex(own: np.ndarray, times: np.ndarray, within: np.ndarray) -> float:
    """The middle of the stretch near the top."""
    step_s = float(np.median(np.diff(times)))
    calm = ndimage.gaussian_filter1d(own, _CALM_S / step_s, mode="nearest")
    top = int(np.flatnonzero(within)[np.argmax(calm[within])])
    low = float(calm[: top + 1].min())
    high = low + APEX_PART * (float(calm[top]) - low)
    ends = [_crossing(calm, times, top, high, step) for step in (-1, 1)]
    return float(np.mean([end if np.isfinite(end) else times[top] for end in ends]))


def _crossing(curve: np.ndarray, times: np.ndarray, top: int, level: float, step: int) -> float:
    """Where a curve last was at `level` before its top, or first is after it; NaN for nowhere."""
    k = top
    while 0 <= k + step < len(curve):
        if curve[k + step] < level <= curve[k]:
            part = (curve[k] - level) / (curve[k] - curve[k + step])
            return float(times[k] + part * (times[k + step] - times[k]))
        k += step
    return float("nan")


def rooms(movements: Sequence[Movement]) -> list[tuple[float, float]]:
    """Between which times each movement may begin and end: half a second more, or to the middle."""
    found = []
    for k, move in enumerate(movements):
        low, high = move.start_s - _MARGIN_S, move.stop_s + _MARGIN_S
        if k and movements[k - 1].stop_s <= move.start_s:
            low = max(low, (movements[k - 1].stop_s + move.start_s) / 2)
        if k + 1 < len(movements) and movements[k + 1].start_s >= move.stop_s:
            high = min(high, (movements[k + 1].start_s + move.stop_s) / 2)
        found.append((low, high))
    return found


def muscles_in_movements(
    paired: Paired, measured: np.ndarray | None, gains: np.ndarray, movements: Sequence[Movement],
    late_s: float,
) -> tuple[MuscleInMovement, ...]:  # fmt: skip
    """What every muscle did in every movement.

    Parameters
    ----------
    paired : Paired
    measured : numpy.ndarray or None
        (n, n_muscles), shifted by the delay onto the frames.
    gains : numpy.ndarray
        (n_muscles,) for the predicted curves.
    movements : sequence of Movement
        On the clock of the frames.
    late_s : float
        The shift, which the times of the measured curve are freed from.
    """
    rows = []
    for move, room in zip(movements, rooms(movements), strict=True):
        inside = move.holds(paired.times)
        near = (paired.times >= room[0]) & (paired.times <= room[1])
        for k, muscle in enumerate(paired.muscles):
            sure = paired.usable[:, k]
            ours = np.where(sure, gains[k] * paired.predicted[:, k], np.nan)
            theirs = None if measured is None else np.where(sure, measured[:, k], np.nan)
            row = _row(paired.times, muscle, move, room, sure & inside, ours, theirs, late_s)
            if theirs is not None:
                mse, rms, smape, rho = agreement(paired, k, ours, theirs, sure & near)
                row = replace(row, mse=mse, rms=rms, smape=smape, rho=rho)
            rows.append(row)
    return tuple(rows)


def _row(
    times: np.ndarray, muscle: str, move: Movement, room: tuple[float, float], here: np.ndarray,
    ours: np.ndarray, theirs: np.ndarray | None, late_s: float,
) -> MuscleInMovement:  # fmt: skip
    nan, n = float("nan"), int(here.sum())
    mean = float(ours[here].mean()) if n else nan
    course = course_of(ours, times, move, room)
    if theirs is None:
        return MuscleInMovement(muscle, move.label, n, mean, nan, course)
    level = float(np.maximum(theirs[here], 0.0).mean()) if n else nan
    other = course_of(theirs, times, move, room)
    errors = (nan, nan, nan)
    if course is not None and other is not None:
        pairs = zip(
            (course.onset_s, course.apex_s, course.offset_s),
            (other.onset_s, other.apex_s, other.offset_s), strict=True,
        )  # fmt: skip
        errors = tuple(1e3 * (a - b) for a, b in pairs)  # type: ignore[assignment]
    if other is not None:
        other = Course(
            other.onset_s - late_s, other.apex_s - late_s, other.offset_s - late_s, other.peak
        )
    return MuscleInMovement(muscle, move.label, n, mean, level, course, other, *errors)
