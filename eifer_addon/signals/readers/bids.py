"""A BIDS-EMG folder: a recording with its channels, electrodes, events and coordinate system.

Layout: the Brain Imaging Data Structure with its EMG extension (BEP 042). The signal is read by
the reader of its own format; the sidecars say what that format cannot.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import EiferError
from ..recording import Event, Recording
from . import bdf, brainvision, edf
from .base import Choices, Reader, Row, plain_unit
from .sidecar import is_known, read_json, read_rows

_DESCRIPTION = "dataset_description.json"
_READERS = {".edf": edf.READER, ".bdf": bdf.READER, ".vhdr": brainvision.READER}
_PATTERNS = ("*_emg.*", "emg/*_emg.*", "ses-*/emg/*_emg.*", "sub-*/emg/*_emg.*",
             "sub-*/ses-*/emg/*_emg.*")  # fmt: skip
_DEPTH = 4
_SAME_RATE = 1e-3
_MOST_LISTED = 30


@dataclass(frozen=True)
class _Found:
    """A recording in the folder: its name without the suffix, and its file."""

    name: str
    path: Path
    root: Path

    def sidecar(self, kind: str) -> Path | None:
        """The nearest table or JSON of this kind that applies, by the inheritance principle."""
        fitting = self.sidecars(kind)
        return max(fitting, key=lambda p: (len(_entities(p, kind)), p.name)) if fitting else None

    def sidecars(self, kind: str) -> list[Path]:
        """All of this kind that apply in the nearest folder; ``space-`` may differ between them."""
        own = set(self.name.split("_"))
        folder = self.path.parent
        while True:
            fitting = [
                path
                for path in sorted(folder.glob(f"*{kind}"))
                if path.name == kind
                or (path.name.endswith(f"_{kind}") and _entities(path, kind) - _spaces(path) <= own)
            ]
            if fitting or folder in (self.root, folder.parent):
                return fitting
            folder = folder.parent


def recognises(path: Path, head: bytes) -> bool:
    """True for a folder of a BIDS data set in which EMG recordings lie."""
    del head
    return _root(path) is not None and bool(_recordings(path))


def contents(path: Path) -> list[Row]:
    """One row per recording of the folder."""
    rows: list[Row] = []
    for found in _recordings(path):
        channels, about = found.sidecar("channels.tsv"), found.sidecar("emg.json")
        details = read_json(about) if about else {}
        rows.append({
            "recording": found.name, "format": found.path.suffix[1:],
            "channels": len(read_rows(channels, "\t")) if channels else None,
            "rate_hz": details.get("SamplingFrequency"), "task": details.get("TaskName"),
            "events": found.sidecar("events.tsv") is not None,
            "electrodes": found.sidecar("electrodes.tsv") is not None,
        })  # fmt: skip
    return rows


def read(path: Path, choices: Choices) -> Recording:
    """Read one recording of a BIDS folder; see `readers.read_recording`."""
    found = _choose(path, choices.recording)
    recording = _READERS[found.path.suffix.lower()].read(found.path, choices)
    notes = list(recording.source.get("notes", ()))
    about = found.sidecar("emg.json")
    details = read_json(about) if about else {}
    _compare_rate(recording, details, notes)
    channels, kept = _channels(found, recording, notes)
    if len(kept) < len(recording.channels):
        recording = recording.select(kept)
    units = _units(recording, channels, notes)
    source: dict[str, Any] = {
        **recording.source, "format": "bids", "recording": found.name, "channels": channels,
    }  # fmt: skip
    source |= _electrodes(found)
    for name in ("EMGReference", "PowerLineFrequency", "SoftwareFilters", "EMGPlacementScheme"):
        if is_known(str(details.get(name, ""))):
            source[name] = details[name]
    if notes:
        source["notes"] = notes
    events = _events(found)
    return replace(
        recording, units=units, source=source, events=recording.events if events is None else events
    )


def _root(path: Path) -> Path | None:
    """The folder with the data set's description, `path` itself or above it."""
    folder = path.absolute()
    for _ in range(_DEPTH):
        if (folder / _DESCRIPTION).is_file():
            return folder
        folder = folder.parent
    return None


def _recordings(path: Path) -> list[_Found]:
    root = _root(path) or path
    files = {file for pattern in _PATTERNS for file in path.absolute().glob(pattern)}
    return [
        _Found(file.stem.removesuffix("_emg"), file, root)
        for file in sorted(files)
        if file.suffix.lower() in _READERS and file.is_file()
    ]


def _entities(path: Path, kind: str) -> set[str]:
    return set(path.name.removesuffix(kind).strip("_").split("_")) - {""}


def _spaces(path: Path) -> set[str]:
    """The ``space-`` part of a sidecar's name, which the recording's name does not have."""
    return {part for part in path.name.split("_") if part.startswith("space-")}


def _choose(path: Path, wanted: str | None) -> _Found:
    found = _recordings(path)
    if wanted is not None:
        found = [f for f in found if wanted in (f.name, f.path.name, f.path.stem)]
    if len(found) == 1:
        return found[0]
    names = [f.name for f in _recordings(path)]
    listed = ", ".join(names[:_MOST_LISTED]) + (", …" if len(names) > _MOST_LISTED else "")
    cause = (
        f"{path.name} holds {len(names)} recordings."
        if wanted is None
        else f"{path.name} has no recording '{wanted}'."
    )
    raise EiferError(cause, f"Choose one with recording=; there are {listed}.")


def _compare_rate(recording: Recording, details: dict[str, Any], notes: list[str]) -> None:
    stated = details.get("SamplingFrequency")
    if isinstance(stated, int | float) and not np.isclose(
        stated, recording.rate_hz, rtol=_SAME_RATE
    ):
        notes.append(
            f"emg.json says {stated:g} Hz, the recording itself {recording.rate_hz:g} Hz, which "
            "was taken."
        )


def _channels(
    found: _Found, recording: Recording, notes: list[str]
) -> tuple[dict[str, dict[str, str]], list[int]]:
    """What channels.tsv says about each channel, and the indices of those that are EMG."""
    everything = list(range(len(recording.channels)))
    path = found.sidecar("channels.tsv")
    if path is None:
        notes.append("There is no channels.tsv, so every channel was taken as EMG.")
        return {}, everything
    rows = read_rows(path, "\t")
    by_name = {row.get("name", ""): row for row in rows}
    table = {name: by_name[name] for name in recording.channels if name in by_name}
    if not table:
        if len(rows) != len(recording.channels):
            raise EiferError(
                f"{path.name} describes {len(rows)} channels, none of them of {found.path.name}.",
                "Give the channels the same names in both files.",
            )
        table = dict(zip(recording.channels, rows, strict=True))
        notes.append("The names in channels.tsv differ, so its rows were taken in order.")
    kinds = {name: row.get("type", "EMG").upper() for name, row in table.items()}
    kept = [k for k in everything if kinds.get(recording.channels[k]) == "EMG"]
    if not kept:
        raise EiferError(f"{path.name} names no channel of type EMG.", "Choose another recording.")
    left = [name for k, name in enumerate(recording.channels) if k not in kept]
    if left:
        notes.append(f"Channels that are not EMG were left out: {', '.join(left)}.")
    bad = [name for name, row in table.items() if row.get("status", "").lower() == "bad"]
    if bad:
        notes.append(f"channels.tsv marks as bad: {', '.join(bad)}.")
    details = {
        recording.channels[k]: {
            key: cell for key, cell in table[recording.channels[k]].items() if is_known(cell)
        }
        for k in kept
    }
    return details, kept


def _units(
    recording: Recording, channels: dict[str, dict[str, str]], notes: list[str]
) -> tuple[str, ...]:
    """The signal file's units, else those of channels.tsv; a contradiction is said."""
    units, differing = [], []
    for name, own in zip(recording.channels, recording.units, strict=True):
        stated = plain_unit(channels.get(name, {}).get("units", ""))
        units.append(stated if own == "?" else own)
        if "?" not in (own, stated) and own.lower() != stated.lower():
            differing.append(f"{name} ({stated} against {own})")
    if differing:
        notes.append(
            "channels.tsv and the recording name different units; those of the recording were "
            f"taken, units= decides otherwise: {', '.join(differing)}."
        )
    return tuple(units)


def _electrodes(found: _Found) -> dict[str, Any]:
    """Places of the electrodes and the coordinate systems they are given in."""
    result: dict[str, Any] = {}
    path = found.sidecar("electrodes.tsv")
    if path is not None:
        rows = read_rows(path, "\t")
        counts = Counter(row.get("name", "") for row in rows)
        result["electrodes"] = {
            # Grids number their electrodes alike; which of them is meant, the name does not tell.
            row.get("name", str(k)): {
                axis: _number(row.get(axis)) if counts[row.get("name", "")] == 1 else None
                for axis in "xyz"
            }
            | {
                key: row[key]
                for key in ("coordinate_system", "group")
                if is_known(row.get(key, ""))
            }
            for k, row in enumerate(rows)
        }
    systems = found.sidecars("coordsystem.json")
    if systems and path is not None and _spaces(path):
        systems = [system for system in systems if _spaces(system) == _spaces(path)] or systems
    by_space = {
        next(iter(_spaces(file)), "").removeprefix("space-"): _kept(read_json(file))
        for file in systems
    }
    if len(by_space) == 1:
        result["coordinate_system"] = next(iter(by_space.values()))
    elif by_space:
        alone = by_space.pop("", {})
        result["coordinate_system"] = {**alone, **by_space}
    return result


def _kept(value: Any, depth: int = 0) -> Any:
    """A coordinate system's texts, numbers and landmarks, as far as they are of sane size."""
    if isinstance(value, dict) and depth < 3:
        kept = {str(key): _kept(own, depth + 1) for key, own in list(value.items())[:_MOST_LISTED]}
        return {key: own for key, own in kept.items() if own is not None}
    if isinstance(value, list) and len(value) <= 3 and all(_is_number(own) for own in value):
        return [float(own) for own in value]
    return value if isinstance(value, str) or _is_number(value) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _events(found: _Found) -> tuple[Event, ...] | None:
    path = found.sidecar("events.tsv")
    if path is None:
        return None
    events = []
    for row in read_rows(path, "\t"):
        onset = _number(row.get("onset"))
        if onset is None:
            raise EiferError(
                f"{path.name} has an event without an onset.", "Repair the row, or remove it."
            )
        names = (row.get(key) for key in ("trial_type", "value", "event_type"))
        name = next((name for name in names if name and is_known(name)), "event")
        events.append(Event(onset, name, _number(row.get("duration")) or 0.0))
    return tuple(sorted(events, key=lambda event: event.onset_s))


def _number(cell: str | None) -> float | None:
    try:
        value = float(cell or "")
    except ValueError:
        return None
    return value if np.isfinite(value) else None


READER = Reader("bids", "BIDS-EMG folders", recognises, read, contents, takes_folder=True)
