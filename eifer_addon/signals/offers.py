"""What a dialog can offer about a file before it is read: what it holds, and what it has to ask.

A file that lies in a BIDS-EMG or MMM folder is offered with the folder's tables. A refusal of the
readers names the choice that it lacks (``segment=``), and so does an `Offer`.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import EiferError
from .montage import map_channels
from .readers import bids, list_contents, mmm_folder, read_recording
from .readers.base import Row

#: Choices that a dialog asks for, in its order.
ASKED = (
    "recording", "clip", "stream", "segment", "dataset", "axis", "drop", "rate_hz", "envelope",
    "partial",
)  # fmt: skip
#: Larger files are listed, but not read before they are imported.
_MOST_BYTES = 24_000_000
_DEPTH = 4
#: Choices by the column of the contents that names what could be chosen.
_PARTS = {"stream": "stream", "data set": "dataset", "recording": "recording", "clip": "clip"}
_NAMED = re.compile(r"\b([a-z_]+)=")
_LISTED = re.compile(r"there are (.*?)\.?$")


@dataclass(frozen=True)
class Offer:
    """What a file holds.

    Attributes
    ----------
    path : pathlib.Path
        What is to be read: the file, or the folder that it is a part of.
    implied : mapping of str to str
        Choices that follow from the file's place in its folder.
    values : mapping of str to tuple
        By choice, ``(value, words)`` of everything that could be chosen.
    asks : tuple of str
        Choices without which the file is not read.
    refusal : str
        Why it is not read as things stand; empty when it is.
    words : str
        The recording in one line; empty when it was not read.
    """

    path: Path
    implied: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    asks: tuple[str, ...] = ()
    refusal: str = ""
    words: str = ""

    @property
    def shown(self) -> tuple[str, ...]:
        """Choices that a dialog should show for this file."""
        return tuple(name for name in ASKED if name in self.asks or name in self.values)


def look_into(path: Path, choices: Mapping[str, Any], *, folder: bool = True) -> Offer:
    """Find out what a file holds and what has to be chosen; quick when asked again.

    Parameters
    ----------
    path : pathlib.Path
        A file or a folder.
    choices : mapping
        What was chosen already, as `read_recording` takes it.
    folder : bool
        Whether a file in a BIDS-EMG or MMM folder is read with the folder's tables.
    """
    try:
        stamp = path.stat()
    except OSError:
        return Offer(path, refusal=f"{path} does not exist.")
    seen = json.dumps(dict(choices), sort_keys=True, default=str)
    return _look(path, folder, seen, (stamp.st_mtime_ns, stamp.st_size))


@functools.lru_cache(maxsize=16)
def _look(path: Path, folder: bool, chosen: str, _stamp: tuple[int, int]) -> Offer:
    choices = json.loads(chosen)
    whole, implied = part_of(path) if folder else (path, {})
    choices = implied | choices
    values = _values(whole)
    if whole.is_file() and whole.stat().st_size > _MOST_BYTES:
        return Offer(whole, implied, values)
    try:
        recording = read_recording(whole, **choices)
    except EiferError as error:
        text = str(error)
        asks = asks_of(text)
        values |= {name: found for name in asks if name not in values and (found := _told(text))}
        return Offer(whole, implied, values, asks, text)
    kind = "envelopes" if recording.holds_envelope else "raw EMG"
    words = (
        f"{len(recording.channels)} channels of {kind}, {recording.rate_hz:g} Hz, "
        f"{recording.duration_s:.1f} s; {_mapped(recording.channels)}"
    )
    return Offer(whole, implied, values, words=words)


def asks_of(refusal: str) -> tuple[str, ...]:
    """The choices that a refusal asks for: ``segment=`` gives ``segment``."""
    named = _NAMED.findall(refusal)
    return tuple(name for name in ASKED if name in named)


def _mapped(channels: tuple[str, ...]) -> str:
    try:
        montage = map_channels(channels)
    except EiferError:
        return "no name stands for a muscle"
    return f"{len(channels) - len(montage.unmapped)} names stand for muscles"


def part_of(path: Path) -> tuple[Path, dict[str, str]]:
    """The folder whose tables describe a file, and which part of it the file is.

    Returns
    -------
    path : pathlib.Path
        `path` itself where it belongs to no such folder.
    choices : dict
        ``recording`` or ``clip``; empty for `path` itself and for a folder's own table.
    """
    if path.is_dir():
        return path, {}
    for folder in path.parents[:_DEPTH]:
        if (folder / "dataset_description.json").is_file() and path.stem.endswith("_emg"):
            name = path.stem.removesuffix("_emg")
            if any(row["recording"] == name for row in _rows(folder)):
                return folder, {"recording": name}
        if mmm_folder.recognises(folder, b""):
            rows = _rows(folder)
            clip = next((str(row["clip"]) for row in rows if _is_of(path, str(row["clip"]))), "")
            if clip or path.parent == folder:
                return folder, {"clip": clip} if clip else {}
    return path, {}


def _is_of(path: Path, clip: str) -> bool:
    return path.name.partition(".")[0].removesuffix("_params") == clip


def _rows(path: Path) -> list[Row]:
    try:
        if path.is_dir() and not (bids.recognises(path, b"") or mmm_folder.recognises(path, b"")):
            return []
        return list_contents(path)
    except EiferError:
        return []


def _values(path: Path) -> dict[str, tuple[tuple[str, str], ...]]:
    """What could be chosen of streams, data sets, recordings or clips, where there are several."""
    found: dict[str, list[tuple[str, str]]] = {}
    for row in _rows(path):
        key = next((key for key in _PARTS if key in row), None)
        if key is None or _is_no_signal(row):
            continue
        others = (f"{other} {value}" for other, value in row.items() if other != key and value)
        found.setdefault(_PARTS[key], []).append((str(row[key]), ", ".join(others)))
    return {name: tuple(values) for name, values in found.items() if len(values) > 1}


def _is_no_signal(row: Row) -> bool:
    """Markers, single numbers, and clips without EMG."""
    return (
        row.get("numbers") == "string" or row.get("shape") == "one value" or row.get("emg") is False
    )


def _told(text: str) -> tuple[tuple[str, str], ...]:
    """What a refusal lists: ``there are 0: 12876 samples from …, 1: …``."""
    listed = _LISTED.search(text)
    if listed is None:
        return ()
    pairs = (part.partition(": ") for part in listed[1].split(", "))
    return tuple((value.strip("' "), words) for value, _, words in pairs)
