"""One function for all ways to synchronise, and the curves that stand for an activity or track."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import EiferError
from ..track import ExpressionTrack
from .activity import Activity
from .edges import Edges, trigger_edges
from .recording import Recording
from .sync import find_offset
from .sync_events import event_times, sync_by_events
from .sync_result import BY_HAND, CURVES, EVENTS, LIGHT, METHODS, START, Sync
from .sync_start import sync_by_start

_CURVE_RATE_HZ = 100.0
#: Between the frames of a film no offset is known better.
_LEAST_ERROR_S = 1e-3
#: The error of an offset is told from pieces of this length, near the offset of the whole.
_PIECE_S, _LEAST_PIECES, _MOST_PIECES, _PIECE_REACH_S = 5.0, 3, 12, 1.0
_LIMITS = ("longest_s", "tolerance_s", "largest_drift_ppm")
#: Which options each way takes.
_OPTIONS: dict[str, tuple[str, ...]] = {
    EVENTS: ("event", "other_event", "trigger", "other_trigger", *_LIMITS),
    LIGHT: ("event", "trigger", "rectangle", "exposure", *_LIMITS),
    CURVES: ("curve", "other_curve", "longest_s"),
    BY_HAND: ("seconds", "drift_ppm"),
    START: ("event", "trigger"),
}


def synchronise(first: Any, second: Any, *, method: str | None = None, **options: Any) -> Sync:
    """Find how the clock of `second` lies to that of `first`; see `jobs.synchronise`."""
    given = {name: value for name, value in options.items() if value is not None}
    chosen = method or _method_for(second, given)
    if chosen not in METHODS:
        raise EiferError(
            f"There is no way '{chosen}' to synchronise.", f"The ways are: {', '.join(METHODS)}."
        )
    for name in given:
        if name not in _OPTIONS[chosen]:
            raise EiferError(
                f"Synchronising by {chosen.removeprefix('by ')} takes no '{name}'.",
                f"It takes: {', '.join(_OPTIONS[chosen])}.",
            )
    if chosen == BY_HAND:
        if "seconds" not in given:
            raise EiferError("Synchronising by hand needs the seconds.", "Give seconds.")
        return Sync(float(given["seconds"]), float(given.get("drift_ppm", 0.0)))
    if chosen == CURVES:
        return sync_by_curves(first, second, **given)
    if chosen == START:
        own = _edges(first, given.get("event"), given.get("trigger"), "first")
        return sync_by_start(own, _frame_times(second))
    limits = {name: given[name] for name in _LIMITS if name in given}
    if chosen == LIGHT:
        return _by_light(first, second, given, limits)
    own = _edges(first, given.get("event"), given.get("trigger"), "first")
    event = given.get("other_event", given.get("event"))
    trigger = given.get("other_trigger", given.get("trigger"))
    if "other_event" in given or "other_trigger" in given:
        event, trigger = given.get("other_event"), given.get("other_trigger")
    return sync_by_events(own, _edges(second, event, trigger, "second"), **limits)


def _method_for(second: Any, given: dict[str, Any]) -> str:
    if "seconds" in given:
        return BY_HAND
    if isinstance(second, str | Path):
        return LIGHT
    named = ("event", "trigger", "other_event", "other_trigger")
    return EVENTS if any(name in given for name in named) else CURVES


def _edges(item: Any, event: str | None, trigger: str | None, side: str) -> Edges:
    if (event is None) == (trigger is None):
        raise EiferError(
            f"The {side} side needs either the name of an event or a trigger channel.",
            "Name one of them.",
        )
    if event is not None and isinstance(item, Recording | Activity):
        return event_times(item, event)
    if trigger is not None and isinstance(item, Recording):
        return trigger_edges(item, trigger)
    what = "events" if event is not None else "trigger channels"
    raise EiferError(f"The {side} side has no {what}.", "Synchronise by curves, light or by hand.")


def _frame_times(film: Any) -> np.ndarray:
    """The times of a film's frames, of its track or of the file."""
    if isinstance(film, ExpressionTrack):
        return film.timestamps
    if not isinstance(film, str | Path):
        raise EiferError("Only a film has a first frame.", "Synchronise by events or curves.")
    from ..video.brightness import Rectangle, read_brightness

    return read_brightness(film, (Rectangle(0, 0, 2, 2),)).times_s


def _by_light(first: Any, video: Any, given: dict[str, Any], limits: dict[str, Any]) -> Sync:
    from ..video.brightness import Rectangle
    from .sync_light import sync_by_light

    trigger = _edges(first, given.get("event"), given.get("trigger"), "first")
    place: Sequence[int] | None = given.get("rectangle")
    rectangle = None if place is None else Rectangle(*(int(value) for value in place))
    return sync_by_light(trigger, video, rectangle, exposure=given.get("exposure"), **limits)


def sync_by_curves(
    first: Recording | Activity | ExpressionTrack,
    second: Recording | Activity | ExpressionTrack,
    curve: str | None = None,
    other_curve: str | None = None,
    longest_s: float = 30.0,
) -> Sync:
    """Find the offset at which two curves agree best (`sync.find_offset`); no drift.

    Parameters
    ----------
    first, second : Recording, Activity or ExpressionTrack
    curve, other_curve : str, optional
        A muscle, a coefficient, or a channel that holds envelopes; None takes the mean motion, of
        a recording that of its muscles.
    longest_s : float
        Larger offsets are not considered.

    Returns
    -------
    Sync
        The offset holds the electro-mechanical delay, where one side is EMG and the other a face.
    """
    if curve is None and other_curve is None:
        first, second = _comparable(first, second)
    start_a, rate_a, a = _curve(first, curve)
    start_b, rate_b, b = _curve(second, other_curve)
    if a.ndim != b.ndim:
        a, b = (c if c.ndim == 1 else _motion(c) for c in (a, b))
    found = find_offset(a, rate_a, b, rate_b, longest_s)
    note = (
        f"Correlation {found.correlation:.2f}. The offset contains the delay between muscle and "
        "skin, if one side is EMG and the other a face."
    )
    error_ms = 1e3 * _spread((a, rate_a), (b, rate_b), found.seconds)
    return Sync(
        found.seconds + start_a - start_b, 0.0, found.confidence, CURVES, notes=(note,),
        error_ms=error_ms,
    )  # fmt: skip


def _spread(
    first: tuple[np.ndarray, float], second: tuple[np.ndarray, float], seconds: float
) -> float:
    """Standard error in s of an offset, by how far pieces of the curves differ in it."""
    (a, rate_a), (b, rate_b) = first, second
    begin = max(0.0, -seconds)
    end = min(len(b) / rate_b, len(a) / rate_a - seconds)
    count = int(np.clip((end - begin) / _PIECE_S, 0, _MOST_PIECES))
    edges = np.linspace(begin, end, count + 1) if count >= _LEAST_PIECES else np.zeros(0)
    found = []
    for start, stop in itertools.pairwise(edges.tolist()):
        one = a[round((start + seconds) * rate_a) : round((stop + seconds) * rate_a)]
        other = b[round(start * rate_b) : round(stop * rate_b)]
        try:
            found.append(find_offset(one, rate_a, other, rate_b, _PIECE_REACH_S).seconds)
        except EiferError:
            # Nothing moves in this piece.
            continue
    if len(found) < _LEAST_PIECES:
        return float("inf")
    # Robust, because a piece in which little moves may say anything.
    spread = 1.4826 * float(np.median(np.abs(np.array(found) - np.median(found))))
    return max(1.2533 * spread / float(np.sqrt(len(found))), _LEAST_ERROR_S)


def _comparable(first: Any, second: Any) -> tuple[Any, Any]:
    """Recordings as activity, and activity beside a face as what it would do to the face."""
    from .convert import to_activity

    first, second = (
        to_activity(item) if isinstance(item, Recording) else item for item in (first, second)
    )
    faces = [item for item in (first, second) if isinstance(item, ExpressionTrack)]
    if len(faces) == 1:
        from ...models.emg2exp import emg_to_expression

        first, second = (
            emg_to_expression(item) if isinstance(item, Activity) else item
            for item in (first, second)
        )
    if isinstance(first, ExpressionTrack) and isinstance(second, ExpressionTrack):
        shared = first.space.name == second.space.name
        return (first, second) if shared else (_Whole(first), _Whole(second))
    return first, second


@dataclass(frozen=True)
class _Whole:
    """A track of which only the motion of the whole face can be compared."""

    track: ExpressionTrack


def _motion(values: np.ndarray) -> np.ndarray:
    """How far all columns (n, k) together are from where they usually are, (n,)."""
    return np.asarray(np.abs(values - np.median(values, axis=0)).mean(axis=1))


def _curve(item: Any, name: str | None) -> tuple[float, float, np.ndarray]:
    """First time, rate, and values (n,), or (n, k) of a track, that grow with movement."""
    if isinstance(item, _Whole):
        start, rate, values = _curve(item.track, None)
        return start, rate, _motion(values)
    if isinstance(item, Recording):
        if name is None or name not in item.channels:
            raise EiferError(
                f"The recording has no channel '{name}'.",
                f"Name one of: {', '.join(item.channels)}; or convert it to activity first.",
            )
        return item.start_s, item.rate_hz, item.channel(item.channels.index(name))
    if isinstance(item, Activity):
        if name is not None and name not in item.muscles:
            raise EiferError(
                f"The activity has no muscle '{name}'.", f"Name one of: {', '.join(item.muscles)}."
            )
        values = item.values.mean(axis=1) if name is None else item.column(name)
        return item.start_s - item.delay_ms / 1000.0, item.rate_hz, values
    if not isinstance(item, ExpressionTrack):
        raise EiferError("A video has no curve.", "Make a track of it first, or use its light.")
    known = item.space.coefficients
    if name is not None and name not in known:
        raise EiferError(f"The track has no '{name}'.", f"Name one of: {', '.join(known)}.")
    seen = item.confidence > 0
    if seen.sum() < 2:
        raise EiferError("The track has fewer than two frames with confidence.", "Choose another.")
    times, values = item.timestamps[seen], item.coefficients[seen].astype(np.float64)
    grid = np.arange(times[0], times[-1], 1.0 / _CURVE_RATE_HZ)
    if name is not None:
        curve = np.interp(grid, times, values[:, known.index(name)])
        return float(times[0]), _CURVE_RATE_HZ, curve
    columns = [np.interp(grid, times, column) for column in values.T]
    return float(times[0]), _CURVE_RATE_HZ, np.stack(columns, axis=1)
