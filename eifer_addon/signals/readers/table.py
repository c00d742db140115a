"""CSV, TSV and other text tables: dialect sniffed, rate from a time column, a comment or the user.

Reads plain exports, German ones with decimal commas, OpenBCI's ``%`` header and BioSPPy's
``#`` header. A text column such as "Label" becomes events.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import EiferError
from ...files import sha256_of
from ..recording import Event, Recording
from .base import Choices, Reader
from .text import Columns, Layout, column_rows, layout_of, load_columns, load_texts, sniff

_RATE_KEY = re.compile(r"(sampl\w*\s*(rate|freq\w*)|sfreq|^fs$|abtastrate|^rate)", re.IGNORECASE)
_NUMBER = re.compile(r"[-+]?\d+(?:[.,]\d+)?(?:[eE][-+]?\d+)?")
_UNIT = re.compile(r"[\[(]\s*(V|mV|uV|µV|μV|nV|s|sec|ms|us|µs|%|a\.?u\.?)\s*[\])]\s*$")
_TIME_NAME = re.compile(
    r"^(time|timestamp|t|zeit|seconds?|secs?|ms|x\s*\[s\])(_(s|sec|ms|us))?\b", re.IGNORECASE
)
#: The unit in names such as "time_ms".
_TIME_UNIT = re.compile(r"_(s|sec|ms|us)$", re.IGNORECASE)
#: A comment on units that is longer is a sentence about all columns and no unit.
_LONGEST_UNIT = 16
#: Read as a recording, exported activity loses its own 0 and 1.
_NORMALISED = (
    "This is activity that EIFER exported; as a recording it is normalised again. Read it with "
    "api.read_activity, or turn it into a track with 'eifer export --what track'."
)
_INDEX_NAME = re.compile(r"^(|unnamed: 0|index|idx|frame|sample( (index|number|no\.?))?|#)$")
_EVENT_NAME = re.compile(
    r"^(label|event|marker|annotation|trigger|stimulus|phase|task|condition)s?$", re.IGNORECASE
)
#: Columns of numbers that are codes of events, such as OpenBCI's "Marker Channel".
_CODE_NAME = re.compile(r"^(event|marker|trigger|stim(ulus)?)s?( channel)?$", re.IGNORECASE)
#: Boards that log other sensors beside the electrodes name the electrodes so.
_BIOSIGNAL_NAME = re.compile(r"^(EXG|EMG|EEG)\s*channel", re.IGNORECASE)
_PER_SECOND = {"s": 1.0, "sec": 1.0, "ms": 1e3, "us": 1e6, "µs": 1e6}
#: A time column whose rate would be below this in seconds is in milli- or microseconds.
_SLOWEST_RATE_HZ = 5.0
#: A gap of more sample intervals than this is a break, not jitter.
_LONGEST_GAP = 4.5


@dataclass(frozen=True)
class _Roles:
    """Column indices by what they are for."""

    channels: list[int]
    time: int | None
    events: list[int]
    codes: list[int]
    notes: list[str]


def recognises(path: Path, head: bytes) -> bool:
    """True when the first bytes are a table with at least one column of numbers."""
    return sniff(path.name, head) is not None


def read(path: Path, choices: Choices) -> Recording:
    """Read a text table; see `readers.read_recording`."""
    layout = layout_of(path)
    roles = _roles(path, layout)
    extra = [] if roles.time is None else [roles.time]
    table = load_columns(path, [*roles.channels, *roles.codes, *extra], layout)
    time = table.values[:, -1] if extra else None
    rate, notes = _rate(path, layout, time, roles, choices)
    channels = Columns(
        table.values[:, : len(roles.channels)], table.names[: len(roles.channels)], table.notes
    )
    channels.check_finite(path.name, rate, but=choices.drop)
    source: dict[str, Any] = {"file": str(path), "sha256": sha256_of(path), "format": "table"}
    if any(_says_simulated(key, value) for key, value in layout.metadata.items()):
        source["simulated"] = True
    all_notes = [*roles.notes, *notes, *table.notes]
    if layout.metadata.get("eifer", "").startswith("activity"):
        all_notes.append(_NORMALISED)
    if all_notes:
        source["notes"] = all_notes
    recording = Recording.from_array(
        np.ascontiguousarray(channels.values.T),
        rate,
        channels.names,
        units=_units(layout, roles.channels),
        source=source,
    )
    says_envelope = any("envelope" in f"{k} {v}".lower() for k, v in layout.metadata.items())
    events = _events(path, layout, roles.events, rate)
    for k in range(len(roles.codes)):
        events += _coded(table.values[:, len(roles.channels) + k], rate)
    events = sorted(events, key=lambda event: event.onset_s)
    return replace(recording, events=tuple(events), holds_envelope=says_envelope)


def _says_simulated(key: str, value: str) -> bool:
    """Whether a comment calls the signal simulated; a provenance in JSON is left alone."""
    if "simulated" in key.lower():
        return value.strip().lower() not in ("false", "no", "0")
    return "simulated" in value.lower() and not value.lstrip().startswith(("{", "["))


def _roles(path: Path, layout: Layout) -> _Roles:
    names = [_UNIT.sub("", name).strip() for name in layout.names]
    if len(names) != len(layout.numeric):
        raise EiferError(
            f"The header of {path.name} names {len(names)} columns, but its rows have "
            f"{len(layout.numeric)}.",
            "Repair the header, or export the table again.",
        )
    numeric = [k for k, is_number in enumerate(layout.numeric) if is_number]
    time = next((k for k in numeric if _TIME_NAME.match(names[k])), None)
    codes = [k for k in numeric if _CODE_NAME.match(names[k])]
    channels = [
        k
        for k in numeric
        if k not in codes
        and not _TIME_NAME.match(names[k])
        and not _INDEX_NAME.match(names[k].lower())
    ]
    notes = []
    if codes:
        listed = ", ".join(layout.names[k] for k in codes)
        notes.append(f"Changes of {listed} to a number other than 0 were read as events.")
    electrodes = [k for k in channels if _BIOSIGNAL_NAME.match(names[k])]
    if electrodes and len(electrodes) < len(channels):
        left = ", ".join(layout.names[k] for k in channels if k not in electrodes)
        notes.append(f"Columns that are not electrodes were left out: {left}.")
        channels = electrodes
    if not channels:
        raise EiferError(
            f"{path.name} has no column of numbers besides its time or index.",
            "Export the channels as columns.",
        )
    events = [
        k
        for k, is_number in enumerate(layout.numeric)
        if not is_number and _EVENT_NAME.match(names[k])
    ]
    return _Roles(channels, time, events, codes, notes)


def _rate(
    path: Path, layout: Layout, time: np.ndarray | None, roles: _Roles, choices: Choices
) -> tuple[float, list[str]]:
    """The sampling rate: the user's, else the comment's, else the time column's."""
    if choices.rate_hz is not None:
        return choices.rate_hz, []
    stated = _stated_rate(layout.metadata)
    if stated is not None:
        return stated, []
    if time is None or roles.time is None:
        raise EiferError(
            f"{path.name} says no sampling rate and has no time column.",
            "Give the rate with rate_hz=, for example rate_hz=1000.",
        )
    return rate_of_times(path, layout.skip, time, layout.names[roles.time])


def _stated_rate(metadata: Mapping[str, str]) -> float | None:
    for key, value in metadata.items():
        number = _NUMBER.search(value)
        if _RATE_KEY.search(key) and number:
            rate = float(number[0].replace(",", "."))
            return rate * 1000 if re.search(r"khz", f"{key} {value}", re.IGNORECASE) else rate
    return None


def rate_of_times(path: Path, skip: int, time: np.ndarray, name: str) -> tuple[float, list[str]]:
    """The rate in Hz that a column of times (n,) tells, and notes on how it was understood.

    `skip` lines stand above the first of them.
    """
    steps = np.diff(time)
    if len(time) < 2 or not np.all(np.isfinite(time)) or np.median(steps) <= 0:
        raise EiferError(
            f"The time column '{name}' of {path.name} does not increase.",
            "Give the rate with rate_hz= to take the rows as evenly spaced.",
        )
    usual = float(np.median(steps))
    widest = int(np.argmax(np.abs(steps - usual)))
    if steps[widest] > _LONGEST_GAP * usual or steps[widest] < -usual:
        line = skip + widest + 2
        raise EiferError(
            f"The time column '{name}' of {path.name} jumps by {steps[widest]:g} at line {line}, "
            f"where {usual:g} is usual.",
            "Cut the recording there, or give rate_hz= to take the rows as evenly spaced.",
        )
    interval = float((time[-1] - time[0]) / (len(time) - 1))
    unit = _UNIT.search(name) or _TIME_UNIT.search(name)
    if unit and unit[1] in _PER_SECOND:
        return _tidy(_PER_SECOND[unit[1]] / interval), []
    for word, per_second in (("s", 1.0), ("ms", 1e3), ("us", 1e6)):
        rate = per_second / interval
        if rate >= _SLOWEST_RATE_HZ:
            note = f"The time column '{name}' names no unit; taken as {word}: {rate:.6g} Hz."
            return _tidy(rate), [note]
    raise EiferError(
        f"The time column '{name}' of {path.name} has no plausible unit.",
        "Give the rate with rate_hz=.",
    )


def _tidy(rate: float) -> float:
    """A rate without the dust of printed times."""
    nearest = round(rate)
    return float(nearest) if nearest and abs(rate - nearest) < 1e-4 * nearest else rate


def _units(layout: Layout, channels: list[int]) -> tuple[str, ...]:
    units = []
    stated = layout.metadata.get("units", layout.metadata.get("unit", ""))
    stated = stated if len(stated) <= _LONGEST_UNIT else ""
    if not stated and any("openbci" in key for key in layout.metadata):
        stated = "uV"  # OpenBCI's text files are in microvolts by their documentation
    for k in channels:
        named = _UNIT.search(layout.names[k])
        unit = named[1] if named else (layout.units[k] if k < len(layout.units) else "")
        unit = unit.strip("[]() ") or stated
        units.append(unit.replace("µ", "u").replace("μ", "u") or "?")
    return tuple(units)


def _coded(values: np.ndarray, rate: float) -> list[Event]:
    """An event where the code (n,) changes to something other than 0; no number counts as 0."""
    codes = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    starts = np.flatnonzero(np.diff(codes, prepend=0.0) != 0)
    ends = np.append(starts[1:], len(codes))
    return [
        Event(int(start) / rate, f"{codes[start]:g}", int(end - start) / rate)
        for start, end in zip(starts, ends, strict=True)
        if codes[start] != 0
    ]


def _events(path: Path, layout: Layout, columns: list[int], rate: float) -> list[Event]:
    """Runs of the same text become events."""
    events = []
    for column in columns:
        texts = load_texts(path, column, layout)
        starts = [k for k in range(len(texts)) if k == 0 or texts[k] != texts[k - 1]]
        for start, stop in zip(starts, [*starts[1:], len(texts)], strict=True):
            if texts[start]:
                events.append(Event(start / rate, texts[start], (stop - start) / rate))
    return events


READER = Reader("table", "tables in text (.csv, .tsv, .txt)", recognises, read, column_rows)
