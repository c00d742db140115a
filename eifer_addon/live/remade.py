"""Muscle activity of a take's samples by the offline chain, also where samples are missing.

Each stretch without a gap goes through the filters by itself, so that nothing is filtered across
samples that never came. In a gap, muscles rest; which frames that are stands in the activity.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import EiferError
from ..signals.convert import to_activity
from ..signals.journal_format import Journal
from ..signals.readers import read_recording
from ..signals.readers.eiflog import stretches

if TYPE_CHECKING:
    from ..signals.activity import Activity
    from ..track import ExpressionTrack

#: In ``source``: pairs of first frame and the frame behind the last.
GAPS = "gap_frames"
#: Filters cannot settle in a stretch that is shorter.
_SHORTEST_S = 0.5
#: Frames per second before they are read off at the scene's.
_FINE_HZ = 100.0


def activity_of_stretches(path: Path, **conversion: Any) -> Activity:
    """Muscle activity of a journal with gaps.

    Parameters
    ----------
    path : pathlib.Path
        The journal of a take.
    **conversion
        Options of `signals.convert.to_activity`; a profile, so that all stretches have one rest.

    Returns
    -------
    Activity
        From the first sample to the last; ``source["gap_frames"]`` names the frames without any.

    Raises
    ------
    EiferError
        When no stretch is long enough to be filtered.
    """
    found = stretches(Journal(path))
    wanted = float(conversion.pop("rate_hz", None) or _FINE_HZ)
    parts: list[tuple[float, Activity]] = []
    for k, stretch in enumerate(found):
        if stretch.stop_s - stretch.start_s >= _SHORTEST_S:
            recording = read_recording(path, format="eiflog", segment=k)
            made = to_activity(recording, rate_hz=max(wanted, _FINE_HZ), **conversion)
            parts.append((stretch.start_s - found[0].start_s, made))
    if not parts:
        raise EiferError(
            f"{path.name} has no half second without a gap.", "Choose another take."
        )  # fmt: skip
    length_s = found[-1].stop_s - found[0].start_s
    return _joined(parts, np.arange(int(length_s * wanted + 1e-6) + 1) / wanted, wanted)


def _joined(parts: list[tuple[float, Activity]], times: np.ndarray, rate_hz: float) -> Activity:
    """The stretches' activity read off at `times`, with rest between them."""
    first = parts[0][1]
    values = np.zeros((len(times), len(first.muscles)), np.float32)
    below, is_known = values.copy(), np.zeros(len(times), bool)
    for start_s, part in parts:
        own = start_s + part.timestamps
        inside = (times >= own[0] - 1e-9) & (times <= own[-1] + 1e-9)
        unclamped = part.values if part.unclamped is None else part.unclamped
        for target, columns in ((values, part.values), (below, unclamped)):
            for k, column in enumerate(columns.T):
                target[inside, k] = np.interp(times[inside], own, column)
        is_known |= inside
    edges = np.flatnonzero(np.diff(np.concatenate([[0], ~is_known, [0]])))
    gaps = [[int(a), int(b)] for a, b in edges.reshape(-1, 2)]
    events = [(on + start_s, name, length) for start_s, p in parts for on, name, length in p.events]
    note = f"{int((~is_known).sum())} frames lie in gaps: muscles rest there, no keys are set."
    return replace(
        first, values=values, unclamped=below, rate_hz=rate_hz, events=tuple(sorted(events)),
        filters=(*first.filters, note), source={**first.source, GAPS: gaps},
    )  # fmt: skip


def without_gaps(track: ExpressionTrack, activity: Activity) -> ExpressionTrack:
    """The activity's track with confidence 0 in its gaps, as a live take has it."""
    gaps = activity.source.get(GAPS, ())
    if not gaps:
        return track
    confidence = np.array(track.confidence, np.float32)
    for start, stop in gaps:
        confidence[start:stop] = 0.0
    return replace(track, confidence=confidence)
