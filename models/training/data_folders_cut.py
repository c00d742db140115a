"""One long recording with its film, cut into clips that can be held out as a whole.

A session of one's own is often one recording. Its marked movements are its clips; without marks it
is cut where the face is calmest, so that no movement lies on two sides of a split.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...eifer_addon.errors import EiferError
from ...eifer_addon.signals.activity import Activity
from ...eifer_addon.track import ExpressionTrack

#: Fewer clips than this cannot be split.
FEWEST = 4
#: A clip lasts at least so long, and about so long without marks.
_SHORTEST_S, _USUAL_S = 1.0, 8.0
#: A movement is cut with this much of the rest around it.
_MARGIN_S = 0.5


@dataclass(frozen=True)
class Cut:
    """Clips of a session by name, and the movement of each.

    Attributes
    ----------
    clips : dict of str to tuple
        Activity and track, on one clock.
    movements : dict of str to str
    """

    clips: dict[str, tuple[Activity, ExpressionTrack]]
    movements: dict[str, str]


def cut_session(activity: Activity, track: ExpressionTrack) -> Cut:
    """Cut a session into clips.

    Parameters
    ----------
    activity : Activity
    track : ExpressionTrack
        On the activity's clock.

    Raises
    ------
    EiferError
        When both have less than a few seconds in common.
    """
    start = max(activity.start_s, float(track.timestamps[0]) if len(track) else np.inf)
    stop = min(float(activity.timestamps[-1]) if len(activity) else -np.inf,
               float(track.timestamps[-1]) if len(track) else -np.inf)  # fmt: skip
    if stop - start < FEWEST * _SHORTEST_S:
        raise EiferError(
            f"The EMG and the film have only {max(0.0, stop - start):.1f} s in common.",
            "Lay the EMG onto the film first ('Find the offset'), or record more.",
        )
    spans = _marked(activity, start, stop)
    if len(spans) < FEWEST:
        spans = _calm_spans(activity, start, stop)
    counts: Counter[str] = Counter()
    clips, movements = {}, {}
    for movement, low, high in spans:
        one, seen = between(activity, low, high), _seen(track, low, high)
        if len(one) < 2 or len(seen) < 2:
            continue
        counts[movement] += 1
        word = re.sub(r"[^\w\-]+", "-", movement).strip("-") or "clip"
        name = f"{word}_{counts[movement]:02d}"
        clips[name], movements[name] = (one, seen), movement
    return Cut(clips, movements)


def between(activity: Activity, low: float, high: float) -> Activity:
    """The frames of an activity in a span of its clock, in s."""
    times = activity.timestamps
    first, last = (int(k) for k in np.searchsorted(times, (low, high)))
    bare = activity.unclamped[first:last] if activity.unclamped is not None else None
    return replace(
        activity, values=activity.values[first:last], unclamped=bare,
        start_s=activity.start_s + first / activity.rate_hz,
        events=tuple(event for event in activity.events if low <= event[0] < high),
    )  # fmt: skip


def _seen(track: ExpressionTrack, low: float, high: float) -> ExpressionTrack:
    chosen = (track.timestamps >= low) & (track.timestamps < high)
    pose = track.head_pose[chosen] if track.head_pose is not None else None
    return replace(
        track, coefficients=track.coefficients[chosen], timestamps=track.timestamps[chosen],
        confidence=track.confidence[chosen], head_pose=pose,
        visibility={name: values[chosen] for name, values in track.visibility.items()},
    )  # fmt: skip


def _marked(activity: Activity, start: float, stop: float) -> list[tuple[str, float, float]]:
    """The marked movements, each with some of the rest around it, none over another."""
    events = sorted(e for e in activity.events if e[2] >= _SHORTEST_S)
    spans: list[tuple[str, float, float]] = []
    for onset, name, duration in events:
        low = max(onset - _MARGIN_S, start, spans[-1][2] if spans else start)
        high = min(onset + duration + _MARGIN_S, stop)
        if high - low >= _SHORTEST_S:
            spans.append((name, low, high))
    return spans


def _calm_spans(activity: Activity, start: float, stop: float) -> list[tuple[str, float, float]]:
    """Stretches of about eight seconds, cut at the calmest moment near each border."""
    count = max(FEWEST, round((stop - start) / _USUAL_S))
    length = (stop - start) / count
    effort, times = activity.values.sum(axis=1), activity.timestamps
    borders: list[float] = [start]
    for k in range(1, count):
        middle = start + k * length
        near = np.abs(times - middle) <= length / 4
        calm = times[near][int(np.argmin(effort[near]))] if near.any() else middle
        borders.append(float(calm))
    return _named([*borders, stop])


def _named(borders: Sequence[float]) -> list[tuple[str, float, float]]:
    return [("stretch", low, high) for low, high in zip(borders, borders[1:], strict=False)]
