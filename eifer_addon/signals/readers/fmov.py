"""FMOV text files: integrated EMG of people who watched faces, 100 Hz.

Data and layout by G. Nilsonne and others, "Data-and-analysis-code-Oxazepam-and-emotion-2"
(CC0). Eight columns are SCR, raw zygomaticus, raw corrugator, zygomaticus, corrugator, and the
markers angry, happy, neutral; ten columns have time first and an ECG before the corrugator.
The raw columns were sampled at 100 Hz without an anti-aliasing filter, so only the integrated
ones are taken. A marker falls by 5 at an onset.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...errors import EiferError
from ...files import sha256_of
from ..recording import Event, Recording
from .base import Choices, Reader, Row, check_finite

RATE_HZ = 100.0
#: Column of the integrated zygomaticus and corrugator, by number of columns.
_COLUMNS = {8: (3, 4), 10: (4, 6)}
_NAMES = {8: ("SCR", "raw zygomaticus", "raw corrugator", "zygomaticus", "corrugator", "angry",
              "happy", "neutral"),
          10: ("time", "SCR", "raw zygomaticus", "raw corrugator", "zygomaticus", "ECG",
               "corrugator", "angry", "happy", "neutral")}  # fmt: skip
_ROLES = {"zygomaticus": "envelope", "corrugator": "envelope", "angry": "markers",
          "happy": "markers", "neutral": "markers"}  # fmt: skip
_MARKERS = ("angry", "happy", "neutral")
_MARKER_LEVEL = 5.0
_LINES_LOOKED_AT = 50


def recognises(path: Path, head: bytes) -> bool:
    """True for headless tab-separated lines of 8 or 10 numbers that end in three markers."""
    del path
    lines = head.split(b"\n")[:-1][:_LINES_LOOKED_AT]
    return bool(lines) and all(_is_row(line) for line in lines)


def _is_row(line: bytes) -> bool:
    cells = line.rstrip(b"\r\n").rstrip(b"\t").split(b"\t")
    if len(cells) not in _COLUMNS:
        return False
    try:
        values = [float(cell) for cell in cells]
    except ValueError:
        return False
    integrated = [values[k] for k in _COLUMNS[len(cells)]]
    return all(v in (0.0, _MARKER_LEVEL) for v in values[-3:]) and min(integrated) >= 0


def read(path: Path, choices: Choices) -> Recording:
    """Read an FMOV file; channels "zygomaticus" and "corrugator", which name no side."""
    rows = _rows(path)
    rate = choices.rate_hz or RATE_HZ
    columns = _COLUMNS[rows.shape[1]]
    channels = ("zygomaticus", "corrugator")
    samples = rows[:, columns].T
    for name, values in zip(channels, samples, strict=True):
        if name not in choices.drop:
            check_finite(path.name, name, values, rate)
    return Recording.from_array(
        samples,
        rate,
        channels,
        events=_events(rows[:, -3:], rate),
        holds_envelope=True,
        source={
            "file": str(path),
            "sha256": sha256_of(path),
            "format": "fmov",
            "notes": [
                f"FMOV text file with {rows.shape[1]} columns: the channels are integrated EMG "
                f"(envelopes) at {rate:g} Hz.",
                "The raw columns are aliased and were left out.",
            ],
        },
    )


def contents(path: Path) -> list[Row]:
    """One row per column, under the names that the data set's description gives."""
    width = 0
    with path.open(encoding="latin-1") as stream:
        for count, line in enumerate(stream, start=1):
            width = width or len(line.strip().split("\t"))
            rows = count
    return [
        {"column": name, "rate_hz": RATE_HZ, "rows": rows, "read as": _ROLES.get(name, "left out")}
        for name in _NAMES.get(width, ())
    ]


def _rows(path: Path) -> np.ndarray:
    rows: list[list[float]] = []
    with path.open(encoding="latin-1") as stream:
        for number, line in enumerate(stream, start=1):
            cells = line.strip().split("\t")
            try:
                rows.append([float(cell) for cell in cells])
            except ValueError as error:
                raise EiferError(
                    f"Line {number} of {path.name} holds something other than numbers.",
                    "Repair or remove the line.",
                ) from error
            if len(cells) not in _COLUMNS or len(cells) != len(rows[0]):
                raise EiferError(
                    f"Line {number} of {path.name} has {len(cells)} columns; an FMOV file has 8 "
                    "or 10 in every line.",
                    "Copy the file again.",
                )
    return np.array(rows)


def _events(markers: np.ndarray, rate_hz: float) -> tuple[Event, ...]:
    events = [
        Event((frame + 1) / rate_hz, name)
        for name, column in zip(_MARKERS, markers.T, strict=True)
        for frame in np.flatnonzero(np.diff(column) <= -_MARKER_LEVEL)
    ]
    return tuple(sorted(events, key=lambda event: event.onset_s))


READER = Reader("fmov", "FMOV text files of integrated EMG (.txt)", recognises, read, contents)
