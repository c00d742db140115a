"""An MMM or MaM folder: the table of clips is the authority, a clip brings its EMG.

Layout of the data sets (Zenodo 16636409, with Büchner and others, CVPR 2025): ``MMM.csv`` lists the
clips; a file of a clip is ``{folder}/{pid}_{rec}/{id}.{suffix}``, and the parameters that a method
found in its video ``video_noelec_params/{method}/…/{id}_params.csv.gz``.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...errors import EiferError
from ..recording import Event, Recording
from . import mmm
from .base import Choices, Reader, Row
from .sidecar import is_known, read_rows

_TABLES = ("mmm.csv", "mam.csv")
_NEEDED = frozenset({"pid", "rec", "mode", "task", "emg"})
_KINDS = {"emg": (".csv", ".csv.gz"), "video": (".mp4", ".avi", ".mov", ".mkv"),
          "video_no-cut": (".mp4", ".avi", ".mov", ".mkv"),
          "video_noelec": (".mp4", ".avi", ".mov", ".mkv")}  # fmt: skip
_PARAMETERS = "video_noelec_params"
_MOST_LISTED = 12


@dataclass(frozen=True)
class _Clip:
    """One row of the table with the files that are there."""

    name: str
    row: dict[str, str]
    files: dict[str, Path]


def recognises(path: Path, head: bytes) -> bool:
    """True for a folder with a table of clips."""
    del head
    return _table(path) is not None


def contents(path: Path) -> list[Row]:
    """One row per clip."""
    return [
        {"clip": clip.name, "mode": clip.row["mode"], "task": clip.row["task"],
         "type": clip.row.get("type"), "sync": clip.row.get("sync_grade"),
         "use": clip.row.get("use"), "emg": "emg" in clip.files, "video": "video" in clip.files}
        for clip in _clips(path)
    ]  # fmt: skip


def read(path: Path, choices: Choices) -> Recording:
    """Read the envelopes of one clip; its other files stand in ``recording.source``."""
    clip = _choose(path, choices.clip)
    if "emg" not in clip.files:
        raise EiferError(
            f"Clip '{clip.name}' of {path.name} has no EMG.",
            "Choose a clip of type 'sensor' with clip=, or copy the folder emg/ of the data set.",
        )
    recording = mmm.READER.read(clip.files["emg"], choices)
    notes = list(recording.source.get("notes", ()))
    if clip.row.get("use", "yes").lower() == "no":
        notes.append("The table of clips advises against using this clip.")
    if clip.row.get("sync_grade", "0").strip() == "-1":
        notes.append("The table of clips says that EMG and video of this clip are not in step.")
    source: dict[str, Any] = {
        **recording.source, "format": "mmm-folder", "clip": clip.name, "notes": notes
    }  # fmt: skip
    source |= {key: clip.row[key] for key in ("pid", "rec", "mode", "task")}
    source |= {
        kind.replace("-", "_"): str(file) for kind, file in clip.files.items() if kind != "emg"
    }
    source["parameters"] = {m: str(file) for m, file in _parameters(path, clip).items()}
    event = Event(0.0, clip.row["task"], recording.duration_s)
    return replace(recording, source=source, events=(event,))


def listed_clips(path: Path) -> list[tuple[str, dict[str, str], dict[str, Path]]]:
    """Name, row of the table and files by kind of every clip, for those who take many at once.

    Raises
    ------
    EiferError
        When the folder has no table of clips, or the table is damaged.
    """
    return [(clip.name, clip.row, clip.files) for clip in _clips(path)]


def _table(path: Path) -> Path | None:
    found = [file for file in path.glob("*.csv") if file.name.lower() in _TABLES]
    return min(found) if found else None


def _clips(path: Path) -> list[_Clip]:
    table = _table(path)
    if table is None:
        raise EiferError(f"{path.name} has no table of clips (MMM.csv).", "Copy it again.")
    rows = read_rows(table, ",")
    missing = _NEEDED - set(rows[0]) if rows else _NEEDED
    if missing:
        raise EiferError(
            f"{table.name} lacks the columns {', '.join(sorted(missing))}, or has no row.",
            "Copy the table of the data set again.",
        )
    clips = [_clip(path, row) for row in rows]
    repeated = [name for name, count in Counter(clip.name for clip in clips).items() if count > 1]
    if repeated:
        raise EiferError(
            f"{table.name} lists the clip '{min(repeated)}' more than once.",
            "Copy the table of the data set again.",
        )
    return clips


def _clip(root: Path, row: dict[str, str]) -> _Clip:
    """A clip with its files: where the table's cell points to, else where the layout puts them."""
    name = _name(row)
    session = f"{row['pid']}_{row['rec']}"
    files = {}
    for kind, suffixes in _KINDS.items():
        cell = row.get(kind, "")
        places = [root / kind / session / f"{name}{suffix}" for suffix in suffixes]
        if is_known(cell) and _is_inside(cell):
            places = [root / cell, root / kind / cell, root / kind / session / cell, *places]
        there = next((place for place in places if place.is_file()), None)
        if there is not None:
            files[kind] = there
    return _Clip(name, row, files)


def _name(row: dict[str, str]) -> str:
    """The clip's id: the stem of a file the table names, else put together from its columns."""
    start = f"{row['pid']}_{row['rec']}_{row['mode']}_"
    for kind in _KINDS:
        stem = re.split(r"[\\/]", row.get(kind, ""))[-1].split(".")[0]
        if stem.startswith(start):
            return stem
    return f"{start}{row.get('index', '')}_{row['task']}"


def _is_inside(cell: str) -> bool:
    """True for a relative path that stays in the folder."""
    return ".." not in cell and not Path(cell).is_absolute() and ":" not in cell


def _choose(path: Path, wanted: str | None) -> _Clip:
    clips = _clips(path)
    if wanted is not None:
        found = [clip for clip in clips if clip.name.lower() == wanted.strip().lower()]
        if found:
            return found[0]
    with_emg = [clip.name for clip in clips if "emg" in clip.files]
    if wanted is None and len(with_emg) == 1:
        return next(clip for clip in clips if clip.name == with_emg[0])
    listed = ", ".join(with_emg[:_MOST_LISTED]) + (", …" if len(with_emg) > _MOST_LISTED else "")
    cause = (
        f"{path.name} holds {len(clips)} clips, {len(with_emg)} with EMG."
        if wanted is None
        else f"{path.name} has no clip '{wanted}'."
    )
    raise EiferError(cause, f"Choose one with clip=; with EMG there are {listed or 'none'}.")


def _parameters(root: Path, clip: _Clip) -> dict[str, Path]:
    """The parameter tables of a clip by method."""
    folder = root / _PARAMETERS
    methods = sorted(p for p in folder.iterdir() if p.is_dir()) if folder.is_dir() else []
    found = {}
    for method in methods:
        files = sorted(
            file for file in method.rglob("*_params.csv.gz")
            if file.name == f"{clip.name}_params.csv.gz"
        )  # fmt: skip
        if files:
            found[method.name] = files[0]
    return found


READER = Reader("mmm-folder", "MMM and MaM folders", recognises, read, contents, takes_folder=True)
