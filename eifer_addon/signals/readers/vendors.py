"""Text exports of Noraxon and emteqPRO that a general table reader would misread.

Noraxon (myoRESEARCH 3 and 4): two lines about the recording, then time, activity, markers and
channels. emteqPRO: ``#`` lines, also between the rows, and columns such as
``Emg/Raw[LeftZygomaticus]`` or ``Emg/Raw[3]`` among those of other sensors. Written after public
readers of these exports and the head of an export of myoRESEARCH 4.2.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from ...errors import EiferError
from ...files import sha256_of
from ..recording import Event, Recording
from .base import Choices, Reader, Row, check_finite, one_line, plain_unit, unique_names
from .table import rate_of_times
from .text import Layout, column_rows, load_columns, load_texts, sniff

_HEAD_BYTES = 1 << 16
_MOST_PREAMBLE = 200
_UNIT = re.compile(r"\s*(?:[\[(]\s*([^\])]{1,6})\s*[\])]|,\s*([munµμ]?V))\s*$")
_EMTEQ = re.compile(r"^Emg/(Raw|Filtered|Amplitude)\[(\w+)\]$", re.IGNORECASE)
_NORAXON_EXTRA = ("time", "activity", "marker", "frame", "index", "sync")
_SIDES = {"LT": "left", "RT": "right"}
#: A printed rate is taken when the times agree with it that far.
_SAME_RATE = 1e-3
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?")


@dataclass(frozen=True)
class _Export:
    """The maker, the layout of the numbers and the lines above them."""

    maker: str
    layout: Layout
    preamble: str


def recognises(path: Path, head: bytes) -> bool:
    """True for an export of one of the two makers."""
    return _find(path, head) is not None


def read(path: Path, choices: Choices) -> Recording:
    """Read an export; see `readers.read_recording`."""
    with path.open("rb") as stream:
        export = _find(path, stream.read(_HEAD_BYTES))
    if export is None:
        raise EiferError(
            f"{path.name} is no export of Noraxon or emteqPRO.",
            "Leave format= out, so that the format is recognised.",
        )
    recording, notes = _MAKERS[export.maker](path, export, choices)
    for name, samples in zip(recording.channels, recording.data(), strict=True):
        if name not in choices.drop:
            check_finite(path.name, name, samples, recording.rate_hz)
    source = {"file": str(path), "sha256": sha256_of(path), "format": export.maker}
    return replace(recording, source={**source, **({"notes": notes} if notes else {})})


def contents(path: Path) -> list[Row]:
    """One row per column."""
    with path.open("rb") as stream:
        export = _find(path, stream.read(_HEAD_BYTES))
    return column_rows(path, None if export is None else export.layout)


def _find(path: Path, head: bytes) -> _Export | None:
    """The export in the first bytes of a file, None when it is another table or none."""
    if b"\0" in head[:1024] and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return None
    if b"Emg/" not in head and b"arker" not in head:
        return None
    lines = head.splitlines(keepends=True)
    for start in range(min(len(lines), _MOST_PREAMBLE)):
        cells = re.split(rb"[,;\t]", lines[start])
        if len(cells) < 2 or lines[start].startswith((b"#", b"%")):
            continue
        names = [cell.strip().strip(b'"').decode("utf-8-sig", "replace") for cell in cells]
        maker = _maker(names)
        if maker is None:
            continue
        rows = [line for line in lines[start:] if not re.match(rb"#[A-Za-z]", line)]
        layout = sniff(path.name, b"".join(rows))
        # The layout has a damaged header as a row of its own: then it is no table of this maker.
        if layout is None or len(layout.names) != len(layout.numeric):
            return None
        if _maker(list(layout.names)) != maker:
            return None
        preamble = b"".join(lines[:start]).decode("utf-8-sig", "replace")
        layout = replace(layout, skip=layout.skip + start, comments=maker == "emteq")
        return _Export(maker, layout, preamble)
    return None


def _maker(names: list[str]) -> str | None:
    if any(_EMTEQ.match(name) for name in names):
        return "emteq"
    plain = [name.lower() for name in names]
    if "time" in plain[0] and "activity" in plain and any("marker" in name for name in plain):
        return "noraxon"
    return None


def _split_unit(name: str) -> tuple[str, str]:
    match = _UNIT.search(name)
    if match is None:
        return name.strip(), "?"
    return name[: match.start()].strip(), plain_unit(match[1] or match[2])


def _noraxon(path: Path, export: _Export, choices: Choices) -> tuple[Recording, list[str]]:
    layout = export.layout
    names = layout.names[: len(layout.numeric)]
    plain = [name.strip().lower() for name in names]
    channels = [
        k
        for k, name in enumerate(plain)
        if k and name and layout.numeric[k] and not name.startswith(_NORAXON_EXTRA)
    ]
    if not channels:
        raise EiferError(f"{path.name} has no channel beside time and markers.", "Export it again.")
    values = load_columns(path, [0, *channels], layout).values
    notes: list[str] = []
    if choices.rate_hz is not None:
        rate = choices.rate_hz
    else:
        rate, notes = rate_of_times(path, layout.skip, values[:, 0], f"{names[0]} [s]")
        printed = _printed_rate(export.preamble)
        if printed and abs(printed / rate - 1) <= _SAME_RATE:
            rate = printed
    split = [_split_unit(names[k]) for k in channels]
    labels, repeats = unique_names(_spelled_side(name) for name, _ in split)
    marker = next(k for k, name in enumerate(plain) if "marker" in name)
    events = _markers(load_texts(path, marker, layout), rate)
    events += _activities(load_texts(path, plain.index("activity"), layout), rate)
    recording = Recording.from_array(
        np.ascontiguousarray(values[:, 1:].T), rate, labels,
        units=tuple(unit for _, unit in split),
        events=tuple(sorted(events, key=lambda event: event.onset_s)),
    )  # fmt: skip
    return recording, notes + repeats


def _markers(texts: list[str], rate: float) -> list[Event]:
    return [
        Event(k / rate, text)
        for k, text in enumerate(texts)
        if text not in ("", "0", "0.0") and (k == 0 or texts[k - 1] != text)
    ]


def _activities(texts: list[str], rate: float) -> list[Event]:
    """Parts of the recording; a name stands where its part begins, and empty cells continue it."""
    named = [(k, text) for k, text in enumerate(texts) if text]
    starts = [(k, text) for n, (k, text) in enumerate(named) if n == 0 or named[n - 1][1] != text]
    return [
        Event(k / rate, text, (end - k) / rate)
        for (k, text), (end, _) in zip(starts, [*starts[1:], (len(texts), "")], strict=True)
        # "Activity" is what the program calls a recording that was not parted.
        if text not in ("0", "0.0") and text.lower() != "activity"
    ]


def _printed_rate(preamble: str) -> float | None:
    """What stands under ``frequency`` in the two lines about the recording."""
    lines = [line for line in preamble.splitlines() if line.strip()]
    for names, values in pairwise(lines):
        delimiter = max(";\t,", key=names.count)
        head = next(csv.reader([names], delimiter=delimiter), [])
        if "frequency" not in head:
            continue
        row = next(csv.reader([values], delimiter=delimiter), [])
        at = head.index("frequency")
        number = _NUMBER.fullmatch(row[at].strip().replace(",", ".")) if at < len(row) else None
        value = float(number[0]) if number else 0.0
        return value if np.isfinite(value) and value > 0 else None
    return None


def _spelled_side(name: str) -> str:
    """Noraxon's LT and RT, before or behind the muscle, in words in front of it."""
    words = name.split()
    for at in (0, -1):
        if len(words) > 1 and words[at].upper() in _SIDES:
            side = _SIDES[words.pop(at).upper()]
            return " ".join([side, *words])
    return name


def _emteq(path: Path, export: _Export, choices: Choices) -> tuple[Recording, list[str]]:
    """The raw channels, else the filtered ones, else the amplitudes, which are envelopes."""
    layout = export.layout
    names = layout.names[: len(layout.numeric)]
    by_kind: dict[str, list[tuple[int, str]]] = {"raw": [], "filtered": [], "amplitude": []}
    for k, name in enumerate(names):
        match = _EMTEQ.match(name)
        if match:
            by_kind[match[1].lower()].append((k, match[2]))
    kinds = [kind for kind, columns in by_kind.items() if columns]
    kind = kinds[-1] if choices.envelope else kinds[0]
    time = next((k for k, name in enumerate(names) if name.lower().startswith("time")), None)
    columns = [k for k, _ in by_kind[kind]]
    values = load_columns(path, columns if time is None else [*columns, time], layout).values
    notes: list[str] = []
    if choices.rate_hz is not None:
        rate = choices.rate_hz
    elif time is not None:
        rate, notes = rate_of_times(path, layout.skip, values[:, -1], names[time])
    else:
        raise EiferError(f"{path.name} has no column of times.", "Give the rate with rate_hz=.")
    notes = [*notes, f"The columns Emg/{kind.capitalize()}[…] were read."]
    divisor = _divisor(export.preamble)
    samples = np.ascontiguousarray(values[:, : len(columns)].T)
    unit = "?"
    if divisor is not None:  # it holds for all three kinds of columns
        samples, unit = samples / divisor, "V"
    ids = _ids(export.preamble)
    labels, repeats = unique_names(_words(name, ids) for _, name in by_kind[kind])
    recording = Recording.from_array(samples, rate, labels, units=(unit,) * len(labels))
    return replace(recording, holds_envelope=kind == "amplitude"), notes + repeats


def _words(name: str, ids: list[str]) -> str:
    """``LeftZygomaticus`` as two words; a number counts in the list of names."""
    if name.isdecimal() and int(name) < len(ids):
        name = ids[int(name)]
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)


def _ids(preamble: str) -> list[str]:
    """The names of the electrodes in the order of their numbers, where a line lists them."""
    for line in preamble.splitlines():
        if line.startswith("#Emg/Properties.ids[]"):
            return [one_line(cell) for cell in line.split(",")[1:]]
    return []


def _divisor(preamble: str) -> float | None:
    """What turns raw counts into volts, where the lines above the table say it."""
    for line in preamble.splitlines():
        if "rawtovoltagedivisor" in line.lower():
            number = _NUMBER.search(re.split(r"divisor", line, flags=re.IGNORECASE)[1])
            value = float(number[0]) if number else 0.0
            return value if np.isfinite(value) and value > 0 else None
    return None


_MAKERS = {"noraxon": _noraxon, "emteq": _emteq}

READER = Reader(
    "vendor", "text exports of Noraxon and emteqPRO (.csv, .txt)", recognises, read, contents
)
