"""Where in a recording the calibration movements are: by window, by event, or by the activity."""

from __future__ import annotations

import csv
import functools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import EiferError
from .montage import plain_words
from .normalise import rest_level
from .recognise import name_stretches
from .recording import Recording

REST = "face_at_rest"
_TABLE = Path(__file__).with_name("data") / "movements.json"
#: A moment without a duration lasts until the next one, but not longer.
_LONGEST_MOMENT_S = 5.0
#: Found in the activity: when the strongest muscle is this far (in spreads at rest, and in parts
#: of its own range) above rest, for so long, with pauses no longer than so.
_ACTIVE_SPREADS, _ACTIVE_PART = 12.0, 0.2
_SHORTEST_S, _LONGEST_PAUSE_S = 0.4, 0.5
#: The strength of a stretch is this percentile of it.
_STRONG = 75.0
#: Fewer events than this are no calibration script.
_LEAST_MOVEMENTS = 3
Windows = dict[str, tuple[float, float]]


@functools.cache
def _table() -> dict[str, Any]:
    return dict(json.loads(_TABLE.read_text("utf-8"))["movements"])


def movement_names() -> tuple[str, ...]:
    """The eleven movements in order, rest first."""
    return tuple(_table())


def find_movements(
    recording: Recording,
    envelopes: np.ndarray,
    rate_hz: float,
    windows: Mapping[str, tuple[float, float]] | None = None,
    muscles: Sequence[str] = (),
) -> Windows:
    """Seconds ``(start, stop)`` of each movement.

    Parameters
    ----------
    recording : Recording
        Whose events are read when no windows are given.
    envelopes : numpy.ndarray
        (n_frames, n_muscles), searched when no event has a known name.
    rate_hz : float
        Frames per second.
    windows : mapping, optional
        The user's own, checked and given back.
    muscles : sequence of str, optional
        The columns of `envelopes`; by them, what is found in the activity is recognised.

    Raises
    ------
    EiferError
        When a window lies outside of the recording or nothing moves.
    """
    if windows is not None:
        found = {name: (float(start), float(stop)) for name, (start, stop) in windows.items()}
    else:
        found = _from_events(recording) or _from_activity(envelopes, rate_hz, muscles)
    for name, (start, stop) in found.items():
        if not 0 <= start < stop <= recording.duration_s + 1 / rate_hz:
            raise EiferError(
                f"The window of '{name}' ({start:g} to {stop:g} s) does not lie within the "
                f"recording of {recording.duration_s:.2f} s.",
                "Give start and stop in seconds after the first sample.",
            )
    if not any(name.split(" ")[0] != REST for name in found):
        raise EiferError(
            "There is no movement to calibrate by.",
            "Give windows or events, or record stronger movements.",
        )
    return found


def read_windows(path: str | Path) -> Windows:
    """Windows from a table as in BIDS: ``onset``, ``duration`` and ``trial_type`` or ``name``.

    Parameters
    ----------
    path : path-like
        Tab- or comma-separated, with a header; onset and duration in seconds.
    """
    name = Path(path).name
    try:
        lines = Path(path).read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise EiferError(f"{path} could not be read as text.", "Check the path.") from error
    tab = "\t" if lines and "\t" in lines[0] else ","
    rows = list(csv.DictReader(lines, delimiter=tab))
    column = next((c for c in ("trial_type", "name", "movement") if rows and c in rows[0]), None)
    if column is None:
        raise EiferError(
            f"{name} is no table of events.",
            "It needs a header with onset, duration and trial_type or name, and at least one row.",
        )
    known = {alias: key for key, aliases in _table().items() for alias in aliases}
    found: Windows = {}
    for number, row in enumerate(rows, 2):
        try:
            start, length = float(row["onset"]), float(row["duration"])
        except (KeyError, TypeError, ValueError) as error:
            raise EiferError(
                f"Line {number} of {name} has no onset and duration in seconds.", "Correct it."
            ) from error
        _add(found, known.get(plain_words(row[column]), row[column]), start, start + length)
    return found


def _add(found: Windows, name: str, start: float, stop: float) -> None:
    """Add a window; repeats are numbered."""
    repeats = sum(key.split(" ")[0] == name for key in found)
    found[f"{name} {repeats + 1}" if repeats else name] = (start, stop)


def _from_events(recording: Recording) -> Windows:
    """Events whose names are those of the movements, else those that last; repeats are numbered.

    A few of either are no script: an event called "rest" may mean anything.
    """
    events = sorted(recording.events, key=lambda event: event.onset_s)
    known = {alias: name for name, aliases in _table().items() for alias in aliases}
    found: Windows = {}
    lasting: Windows = {}
    for k, event in enumerate(events):
        if event.duration_s >= _SHORTEST_S:
            own = known.get(plain_words(event.name), event.name)
            end = min(event.onset_s + event.duration_s, recording.duration_s)
            _add(lasting, own, event.onset_s, end)
        name = known.get(plain_words(event.name))
        if name is None:
            continue
        following = events[k + 1].onset_s if k + 1 < len(events) else recording.duration_s
        end = min(following, event.onset_s + _LONGEST_MOMENT_S)
        stop = event.onset_s + event.duration_s if event.duration_s > 0 else end
        if stop > event.onset_s:
            _add(found, name, event.onset_s, min(stop, recording.duration_s))
    for windows in (found, lasting):
        if sum(name.split(" ")[0] != REST for name in windows) >= _LEAST_MOVEMENTS:
            return windows
    return {}


def _from_activity(envelopes: np.ndarray, rate_hz: float, muscles: Sequence[str]) -> Windows:
    """Stretches in which some muscle acts, named by their muscles or, if ten, by their order."""
    rest = np.array([rest_level(column, rate_hz) for column in envelopes.T])
    above = envelopes - rest[:, 0]
    full = np.percentile(above, 99.0, axis=0)
    active = (above > np.maximum(_ACTIVE_SPREADS * rest[:, 1], _ACTIVE_PART * full)).any(axis=1)
    edges = np.flatnonzero(np.diff(np.concatenate([[0], active.view(np.int8), [0]])))
    merged: list[tuple[int, int]] = []
    for start, stop in edges.reshape(-1, 2):
        if merged and start - merged[-1][1] < _LONGEST_PAUSE_S * rate_hz:
            merged[-1] = (merged[-1][0], int(stop))
        else:
            merged.append((int(start), int(stop)))
    long = [(a, b) for a, b in merged if b - a >= _SHORTEST_S * rate_hz]
    found: Windows = {}
    for k, (name, (a, b)) in enumerate(zip(_names(above, long, muscles), long, strict=True)):
        _add(found, name or f"movement {k + 1}", a / rate_hz, b / rate_hz)
    return found


def _names(
    above: np.ndarray, stretches: list[tuple[int, int]], muscles: Sequence[str]
) -> Sequence[str | None]:
    """A movement per stretch, or None."""
    strength = np.array([np.percentile(above[a:b], _STRONG, axis=0) for a, b in stretches])
    if len(stretches):
        strength = np.maximum(strength, 0.0)
        strength = strength / np.maximum(strength.max(axis=0), 1e-12)
    names = name_stretches(strength, muscles) if len(muscles) else [None] * len(stretches)
    script = movement_names()[1:]
    if not any(names) and len(stretches) == len(script):
        return script
    return names
