"""Text exports of Delsys: EMGworks and Trigno Discover.

EMGworks writes a column of times, ``X[s]``, beside every channel. Trigno Discover writes lines
about the recording, then a line of sensors, of modes, of channels and of rates, then columns with
or without times, and in some versions a table of markers to their right. Channels of slower
sensors end before the others. Written after public readers of these exports (among them P.
Namburi's `delsys`) and the heads of exports of EMGworks and of Discover 1.4.2 to 1.7.0.
"""

from __future__ import annotations

import csv
import re
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ...errors import EiferError
from ...files import sha256_of
from ..recording import Event, Recording
from .base import Choices, Reader, Row, check_finite, one_line, plain_unit, unique_names
from .table import rate_of_times
from .text import encoding_of

_HEAD_BYTES = 1 << 18
_MOST_PREAMBLE = 200
_DISCOVER = b"Trigno Discover"
_SENSORS_LINE, _CHANNELS_LINE, _MOST_LINES = 3, 5, 12
_TIME = re.compile(r"^X\s*[\[(]s[\])]$|\bTime Series \(s\)$")
_UNIT = re.compile(r"\s*[\[(]\s*([^\])]{1,12}?)\s*[\])]\s*$")
_RATE = re.compile(r"(\d+(?:[.,]\d+)?)\s*Hz", re.IGNORECASE)
_EMG = re.compile(r"\s*d?EMG", re.IGNORECASE)
_SERIAL = re.compile(r"\s*\(\d+\)\s*$")
#: The base takes whole numbers of samples per frame of 13.5 ms; printed rates are rounded.
_FRAME_S, _ROUNDED = 0.0135, 5e-4
_SAME_RATE = 1e-3


@dataclass(frozen=True)
class _Column:
    """One channel: where its values and its times stand, and the rate where it is printed."""

    name: str
    unit: str
    place: int
    time: int | None
    rate_hz: float | None
    is_emg: bool


@dataclass(frozen=True)
class _Sheet:
    """What the lines above the numbers say."""

    columns: tuple[_Column, ...]
    skip: int
    delimiter: str
    encoding: str
    markers: int | None = None


def recognises(path: Path, head: bytes) -> bool:
    """True for an export of EMGworks or Trigno Discover."""
    del path
    return _sheet(head) is not None


def read(path: Path, choices: Choices) -> Recording:
    """Read the EMG channels of one rate; see `readers.read_recording`."""
    sheet = _of_file(path)
    columns, notes = _emg(sheet.columns) if choices.rate_hz is None else (list(sheet.columns), [])
    numbers, events = _load(path, sheet, columns)
    rates = [_rate(path, sheet, column, numbers) for column in columns]
    rate = _chosen_rate(path, rates, choices.rate_hz)
    kept, more = _emg(tuple(c for c, own in zip(columns, rates, strict=True) if own == rate))
    notes += more
    left = [f"{c.name} ({r:g} Hz)" for c, r in zip(columns, rates, strict=True) if r != rate]
    if left:
        notes.append(
            f"Channels at other rates than {rate:g} Hz were left out (rate_hz= chooses): "
            f"{', '.join(left)}."
        )
    lengths = [len(numbers[c.place]) for c in kept]
    n_samples = min(lengths)
    if n_samples == 0:
        raise EiferError(f"{path.name} has no values under its header.", "Export it again.")
    if max(lengths) != n_samples:
        notes.append(f"Channels of different length were cut to {n_samples} samples.")
    names, repeats = unique_names(c.name for c in kept)
    samples = np.stack([numbers[c.place][:n_samples] for c in kept])
    for name, values in zip(names, samples, strict=True):
        if name not in choices.drop:
            check_finite(path.name, name, values, rate)
    notes += repeats
    recording = Recording.from_array(
        samples, rate, names, units=tuple(c.unit for c in kept), events=events
    )
    source = {"file": str(path), "sha256": sha256_of(path), "format": "delsys"}
    return replace(recording, source={**source, **({"notes": notes} if notes else {})})


def contents(path: Path) -> list[Row]:
    """One row per channel."""
    return [
        {"channel": c.name, "unit": c.unit, "rate_hz": c.rate_hz,
         "times": "of its own" if c.time is not None else "by the rate"}
        for c in _of_file(path).columns
    ]  # fmt: skip


def _of_file(path: Path) -> _Sheet:
    with path.open("rb") as stream:
        sheet = _sheet(stream.read(_HEAD_BYTES))
    if sheet is None:
        raise EiferError(
            f"{path.name} is no export of EMGworks or Trigno Discover.",
            "Leave format= out, so that the format is recognised.",
        )
    return sheet


def _sheet(head: bytes) -> _Sheet | None:
    """The layout of an export, None for any other file."""
    discover = _DISCOVER in head[:256]
    if not discover and not re.search(rb"X ?[\[(]s[\])]", head):
        return None
    encoding = encoding_of(head)
    if encoding is None:
        return None
    lines = head.decode(encoding, "replace").splitlines()
    if discover:
        return _discover(lines, encoding)
    for number, line in enumerate(lines[:_MOST_PREAMBLE]):
        delimiter = _delimiter(line)
        cells = _cells(line, delimiter)
        if len(cells) > 1 and any(_TIME.search(cell) for cell in cells):
            columns = _columns(cells, [""] * len(cells), [""] * len(cells))
            return _Sheet(columns, number + 1, delimiter, encoding) if columns else None
    return None


def _discover(lines: list[str], encoding: str) -> _Sheet | None:
    if len(lines) <= _CHANNELS_LINE + 1:
        return None
    delimiter = _delimiter(lines[_CHANNELS_LINE])
    top = [_cells(line, delimiter) for line in lines[: _CHANNELS_LINE + _MOST_LINES]]
    names = top[_CHANNELS_LINE]
    sensors: list[str] = []
    for k in range(len(names)):
        cell = top[_SENSORS_LINE][k] if k < len(top[_SENSORS_LINE]) else ""
        sensors.append(cell or (sensors[-1] if sensors else ""))
    first = next((k for k, name in enumerate(names) if _is_emg(name)), 0)
    skip, rates, markers = _CHANNELS_LINE + 1, [""] * len(names), None
    for cells in top[skip:]:
        if first < len(cells) and _is_number(cells[first], delimiter):
            break
        skip += 1
        if any(_RATE.search(cell) for cell in cells):
            rates = [*cells, *[""] * len(names)][: len(names)]
        markers = cells.index("Type") if "Type" in cells else markers
    columns = _columns(names, sensors, rates)
    return _Sheet(columns, skip, delimiter, encoding, markers) if columns else None


def _columns(names: list[str], sensors: list[str], rates: list[str]) -> tuple[_Column, ...]:
    """Channels with the time column to the left of each, where there is one."""
    found, time = [], None
    signals = Counter(s for s, name in zip(sensors, names, strict=True) if _is_emg(name))
    for k, name in enumerate(names):
        if _TIME.search(name):
            time = k
        elif name:
            unit, printed = _UNIT.search(name), _RATE.search(rates[k]) or _RATE.search(name)
            label = one_line(name[: unit.start()] if unit else name)
            sensor = one_line(_SERIAL.sub("", sensors[k]))
            if sensor:  # the only signal of a sensor is called as the sensor is
                alone = _is_emg(name) and signals[sensors[k]] == 1
                label = sensor if alone else f"{sensor}: {label}"
            word = plain_unit(unit[1]) if unit and not _RATE.search(unit[1]) else "?"
            rate = float(printed[1].replace(",", ".")) if printed else None
            found.append(_Column(label, word, k, time, rate, _is_emg(name)))
    return tuple(found)


def _is_emg(name: str) -> bool:
    """True for ``EMG 1 (mV)`` and ``sensor: EMG.A 1[V]``, whatever the sensor is called."""
    return bool(_EMG.match(name.rpartition(": ")[2])) and not _TIME.search(name)


def _emg(columns: tuple[_Column, ...]) -> tuple[list[_Column], list[str]]:
    """The channels that call themselves EMG, else all, and a note on those left out."""
    own = [c for c in columns if c.is_emg]
    if not own or len(own) == len(columns):
        return list(columns), []
    left = ", ".join(c.name for c in columns if not c.is_emg)
    return own, [f"Channels that are not EMG were left out: {left}."]


def _delimiter(line: str) -> str:
    return max(("\t", ";", ","), key=line.count)


def _cells(line: str, delimiter: str) -> list[str]:
    return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), [])]


def _is_number(cell: str, delimiter: str) -> bool:
    try:
        float(cell if delimiter == "," else cell.replace(",", "."))
    except ValueError:
        return False
    return True


def _load(
    path: Path, sheet: _Sheet, columns: list[_Column]
) -> tuple[dict[int, np.ndarray], tuple[Event, ...]]:
    """Values by column, each as long as its sensor recorded, and the markers.

    Times are read only where no rate is printed: it takes as long as reading the values.
    """
    timed = {c.time for c in columns if c.time is not None and c.rate_hz is None}
    wanted = sorted({c.place for c in columns} | timed)
    values = {k: array("d") for k in wanted}
    ended: dict[int, int] = {}
    events = []
    for number, cells in _rows(path, sheet):
        for k in wanted:
            text = cells[k].strip() if k < len(cells) else ""
            if not text:
                ended.setdefault(k, number)
                continue
            if k in ended:
                raise EiferError(
                    f"Line {ended[k]} of {path.name} has no value in column {k + 1}, though line "
                    f"{number} has one.",
                    "Export it again.",
                )
            try:
                values[k].append(float(text))
            except ValueError as error:
                raise EiferError(
                    f"Line {number} of {path.name} holds '{one_line(text)[:40]}' in column "
                    f"{k + 1}, not a number.",
                    "Repair the line, or export it again.",
                ) from error
        if sheet.markers is not None:
            events += _marker(cells[sheet.markers :])
    found = {k: np.frombuffer(values[k], np.float64) for k in wanted}
    return found, tuple(sorted(events, key=lambda event: event.onset_s))


def _rows(path: Path, sheet: _Sheet) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells of every line of numbers."""
    with path.open(encoding=sheet.encoding, errors="replace") as stream:
        for number, line in enumerate(stream, start=1):
            if number <= sheet.skip or not line.strip():
                continue
            plain = line if sheet.delimiter == "," else line.replace(",", ".")
            yield number, plain.rstrip("\r\n").replace('"', "").split(sheet.delimiter)


def _marker(cells: list[str]) -> list[Event]:
    """The event in the cells type, name, label and time of one line, if there is one."""
    texts = [one_line(cell) for cell in cells[:4]]
    if len(texts) < 4 or not texts[0] or not _is_number(texts[3], ","):
        return []
    onset = float(texts[3])
    return [Event(onset, texts[2] or texts[1] or texts[0])] if np.isfinite(onset) else []


def _rate(path: Path, sheet: _Sheet, column: _Column, numbers: dict[int, np.ndarray]) -> float:
    """The printed rate, on the grid of the base where it is rounded, else that of the times."""
    if column.rate_hz is not None:
        exact = round(column.rate_hz * _FRAME_S) / _FRAME_S
        close = abs(exact - column.rate_hz) <= _ROUNDED * column.rate_hz
        return exact if close else column.rate_hz
    if column.time is None:
        raise EiferError(
            f"Channel '{column.name}' of {path.name} has neither a rate nor times.",
            "Export it with its times (Time Series).",
        )
    times = numbers[column.time][: len(numbers[column.place])]
    return round(rate_of_times(path, sheet.skip, times, "X [s]")[0], 3)


def _chosen_rate(path: Path, rates: list[float], wanted: float | None) -> float:
    """The wanted rate, else the one of the most channels, the fastest of equals."""
    counts = Counter(rates)
    if wanted is None:
        return max(counts, key=lambda rate: (counts[rate], rate))
    rate = min(counts, key=lambda rate: abs(rate - wanted))
    if abs(rate - wanted) > _SAME_RATE * wanted:
        listed = ", ".join(f"{r:g}" for r in sorted(counts, reverse=True))
        raise EiferError(
            f"{path.name} has no channel at {wanted:g} Hz.",
            f"Its rates are {listed} Hz; a Delsys export states its own.",
        )
    return rate


READER = Reader(
    "delsys", "text exports of Delsys: EMGworks, Trigno Discover (.csv, .txt)",
    recognises, read, contents,
)  # fmt: skip
