"""What a muscle map shows: the activity at a time, over a window, or over events of one name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .errors import EiferError
from .figures import is_simulated
from .heads.electrodes import sites_of
from .signals.activity import Activity

#: An event without a duration is the mean over so long.
_EVENT_S = 1.0


@dataclass(frozen=True)
class Moment:
    """What one map shows.

    Attributes
    ----------
    values : numpy.ndarray
        (n,) activity of `muscles`.
    muscles : tuple of str
        The recorded muscles that have a place on the map.
    title : str
        Which moment, or how many events.
    simulated : bool
        Whether the activity was simulated.
    sites : tuple of str
        Where each muscle stands: its own name, or the electrode or pair of its channel.
    strong : str
        What 1 is, for the legend.
    """

    values: np.ndarray
    muscles: tuple[str, ...]
    title: str
    simulated: bool = False
    sites: tuple[str, ...] = ()
    strong: str = "strong"

    def __post_init__(self) -> None:
        object.__setattr__(self, "sites", self.sites or self.muscles)


@dataclass(frozen=True)
class Placed:
    """The columns of an activity that have a place on the map."""

    columns: tuple[int, ...]
    muscles: tuple[str, ...]
    sites: tuple[str, ...]

    @classmethod
    def of(cls, activity: Activity, scheme: str | None = None) -> Placed:
        """Find them; `EiferError` when there is none."""
        found = sites_of(activity.muscles, activity.channels, scheme, activity.filters)
        if not found:
            where = " in the scheme 'kuramoto'" if scheme == "kuramoto" else ""
            raise EiferError(
                f"None of the recorded muscles has a place on the map{where} "
                f"({', '.join(activity.muscles) or 'there are none'}).",
                "Name channels by their electrodes (K1 …)." if where
                else "Map the channels to muscles with a montage.",
            )  # fmt: skip
        return cls(tuple(found), tuple(activity.muscles[k] for k in found), tuple(found.values()))

    def moment(self, activity: Activity, values: np.ndarray, title: str) -> Moment:
        """A moment of an activity's values (n_muscles,)."""
        calibrated = any(" profile" in step for step in activity.filters)
        strong = "calibrated maximum" if calibrated else "95th percentile of active frames"
        return Moment(
            values[list(self.columns)], self.muscles, title, is_simulated(activity.source),
            self.sites, strong,
        )  # fmt: skip


def moment_at(activity: Activity, seconds: float, scheme: str | None = None) -> Moment:
    """The activity at one time, linear between frames.

    Raises
    ------
    EiferError
        When the time lies outside of the recording, or no muscle has a place on the map.
    """
    placed = Placed.of(activity, scheme)
    times = activity.timestamps
    if len(times) == 0 or not times[0] <= seconds <= times[-1]:
        raise EiferError(
            f"There is no activity at {seconds:g} s: the recording holds {_span(activity)}.",
            "Choose a time within it.",
        )
    values = np.array([np.interp(seconds, times, column) for column in activity.values.T])
    return placed.moment(activity, values, f"{seconds:.2f} s")


def moment_of_window(
    activity: Activity, window: Sequence[float], scheme: str | None = None
) -> Moment:
    """The mean activity from a window's start (included) to its end (excluded), both in s.

    Raises
    ------
    EiferError
        When the window ends before it starts, or holds no frame.
    """
    placed = Placed.of(activity, scheme)
    start, end = (float(time) for time in window)
    if not start < end:
        raise EiferError(
            f"A window from {start:g} s to {end:g} s has no length.", "Give start and end in s."
        )
    inside = (activity.timestamps >= start) & (activity.timestamps < end)
    if not inside.any():
        raise EiferError(
            f"There is no activity from {start:g} s to {end:g} s: the recording holds "
            f"{_span(activity)}.",
            "Choose a window within it.",
        )
    values = activity.values[inside].mean(axis=0, dtype=np.float64)
    return placed.moment(activity, values, f"mean of {start:g}–{end:g} s")


def moment_of_event(activity: Activity, name: str, scheme: str | None = None) -> Moment:
    """The mean activity over all events of one name, each event weighing alike.

    An event without a duration counts for one second from its onset.

    Raises
    ------
    EiferError
        When no event has this name, or none lies within the recording.
    """
    placed = Placed.of(activity, scheme)
    found = [(onset, length or _EVENT_S) for onset, event, length in activity.events
             if event == name]  # fmt: skip
    if not found:
        known = ", ".join(f"'{event}'" for event in event_names(activity))
        raise EiferError(
            f"The recording has no event '{name}'.",
            f"It has {known}." if known else "It has no events at all; use a time instead.",
        )
    times = activity.timestamps
    masks = [(times >= onset) & (times < onset + length) for onset, length in found]
    means = [activity.values[mask].mean(axis=0, dtype=np.float64) for mask in masks if mask.any()]
    if not means:
        raise EiferError(
            f"The event '{name}' lies outside of the recording.", "Choose another event."
        )
    many = f", mean of {len(means)}" if len(means) > 1 else ""
    return placed.moment(activity, np.mean(means, axis=0), f"{name}{many}")


def strongest_moment(activity: Activity, scheme: str | None = None) -> Moment:
    """The frame at which the muscles together are the most active."""
    placed = Placed.of(activity, scheme)
    if len(activity) == 0:
        raise EiferError("There is no activity to draw.", "Use a longer recording.")
    frame = int(np.argmax(activity.values[:, placed.columns].sum(axis=1)))
    return moment_at(activity, float(activity.timestamps[frame]), scheme)


def moments_of(
    activity: Activity, *, at: Iterable[float] = (), window: Iterable[Sequence[float]] = (),
    event: Iterable[str] = (), titles: Sequence[str] = (), scheme: str | None = None,
) -> tuple[Moment, ...]:  # fmt: skip
    """One moment per time, then per window, then per name of events; without any, the strongest.

    Parameters
    ----------
    activity : Activity
    at : iterable of float
        Times in s.
    window : iterable of (float, float)
        Starts and ends in s.
    event : iterable of str
        Names of events.
    titles : sequence of str
        Stand instead of what the moments are called, one for each.
    scheme : str, optional
        As for :func:`.electrodes.sites_of`.

    Raises
    ------
    EiferError
        When a moment is not in the activity, or the titles are not as many.
    """
    found = [moment_at(activity, time, scheme) for time in at]
    found += [moment_of_window(activity, span, scheme) for span in window]
    found += [moment_of_event(activity, name, scheme) for name in event]
    found = found or [strongest_moment(activity, scheme)]
    if titles and len(titles) != len(found):
        raise EiferError(
            f"{len(titles)} titles were given for {len(found)} maps.", "Give one for each, or none."
        )
    named = zip(found, titles or [moment.title for moment in found], strict=True)
    return tuple(replace(moment, title=title) for moment, title in named)


def event_names(activity: Activity) -> tuple[str, ...]:
    """Names of an activity's events, each once, in the order of their first onset."""
    return tuple(dict.fromkeys(name for _, name, _ in sorted(activity.events)))


def _span(activity: Activity) -> str:
    times = activity.timestamps
    return f"{times[0]:.2f} s to {times[-1]:.2f} s" if len(times) else "nothing"
