"""The formats by name: which one a file is, and the two functions that everybody calls."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import EiferError
from ..signals.activity import Activity
from ..spaces import ARKIT52
from ..track import ExpressionTrack
from . import bids, flame_npz, livelink, mmm, openface, own, pyfeat, researchers, tracker_npz
from .archive import names_of
from .base import Choices, Format
from .frame_files import first_frame_file
from .provenance import describe, sidecar_path, write_json
from .table import open_table

_ARRAYS: tuple[Format, ...] = (
    own.NPZ, tracker_npz.VHAP, tracker_npz.HEAD_TRACKER, flame_npz.FORMAT,
)  # fmt: skip
_TABLES: tuple[Format, ...] = (
    own.CSV, researchers.FORMAT, livelink.FORMAT, openface.FORMAT, pyfeat.FORMAT, mmm.FORMAT,
)  # fmt: skip
#: Those that come as one file per frame too.
_FRAMES = (tracker_npz.VHAP, tracker_npz.HEAD_TRACKER)
#: Formats that :func:`read_track` reads, by name.
READ_FORMATS: dict[str, Format] = {form.name: form for form in (*_ARRAYS, *_TABLES)}
#: Formats that :func:`write` writes, with words for a person.
WRITE_FORMATS: dict[str, str] = {
    "csv": "CSV with units and provenance in comment lines",
    "npz": "EIFER's own npz",
    "researchers": "CSV with OpenFace's columns, action units and ARKit (tracks only)",
    "livelink": "Live Link Face CSV (tracks only)",
    "bids": "BIDS-style derivative: a folder with tsv.gz and JSON",
}
_KNOWN = (
    "a track of EIFER, Live Link Face, OpenFace, py-feat, SMIRK, DECA, EMOCA, VHAP, "
    "flame-head-tracker or MMM"
)


def format_of(path: str | Path) -> Format:
    """The format of a track file, or of a folder with a file per frame, by its content.

    Raises
    ------
    EiferError
        When the file is missing, damaged, or of no format that is known.
    """
    source = _file_of(Path(path))
    is_archive = source.is_file() and zipfile.is_zipfile(source)
    if is_archive or source.suffix.lower() == ".npz":
        names, formats = names_of(source), _ARRAYS
    else:
        names, formats = open_table(source).lowered, _TABLES
    for form in formats:
        if form.recognise(names):
            return form
    raise EiferError(f"{source.name} is not {_KNOWN}.", "Choose another file, or name its format.")


def _file_of(path: Path) -> Path:
    """The path, or of a folder with one file per frame the first of them."""
    if not path.is_dir():
        return path
    found = first_frame_file(path, lambda file: any(f.recognise(names_of(file)) for f in _FRAMES))
    if found is None:
        raise EiferError(f"{path} is a folder.", "Choose a file in it.")
    return found


def is_track(path: str | Path) -> bool:
    """Whether a file is a track of a format that is known, as far as its head tells."""
    try:
        format_of(path)
    except EiferError:
        return False
    return True


def read_track(path: str | Path, **choices: Any) -> ExpressionTrack:
    """Read a track of any known format.

    Parameters
    ----------
    path : path-like
        A file, or the folder in which VHAP or flame-head-tracker left one file per frame.
    **choices
        What the file leaves open: ``format`` (see `READ_FORMATS`), ``rate_hz``, ``face``,
        ``angles`` (``"radians"``, ``"degrees"``, ``"half_turns"``), ``basis``.

    Returns
    -------
    ExpressionTrack
        In the format's own space; `api.retarget` carries it to another.

    Raises
    ------
    EiferError
        One sentence naming the file, and row, column or frame where that is known.
    """
    source, chosen = Path(path), Choices.of(choices)
    if chosen.format is None:
        form = format_of(source)
    elif chosen.format in READ_FORMATS:
        form = READ_FORMATS[chosen.format]
    else:
        raise EiferError(
            f"'{chosen.format}' is no format of tracks.", f"Use one of {', '.join(READ_FORMATS)}."
        )
    return form.read(_file_of(source), chosen)


def is_activity(path: str | Path) -> bool:
    """Whether a file is muscle activity that EIFER saved or exported, as far as its head tells."""
    source = Path(path)
    try:
        if source.suffix.lower() == ".npz":
            return {"meta", "values", "baseline", "scale"} <= names_of(source)
        if source.name.endswith(("_physio.tsv.gz", "_physio.json")):
            return "_recording-activity" in source.name
        comments = open_table(source).comments
    except EiferError:
        return False
    return any(line.startswith("eifer: activity") for line in comments)


def read_activity(path: str | Path) -> Activity:
    """Read muscle activity that EIFER saved or exported.

    Parameters
    ----------
    path : path-like
        The npz, the CSV, or the table (``…_physio.tsv.gz``) of a BIDS-style derivative.

    Returns
    -------
    Activity
        As it was written; of CSV and BIDS without what lay below rest.

    Raises
    ------
    EiferError
        One sentence naming the file, and row or frame where that is known.
    """
    source = Path(path)
    if not source.exists():
        raise EiferError(f"{source} does not exist.", "Check the path.")
    if is_track(source):
        raise EiferError(
            f"{source.name} is a track, and its muscle activity is not in it.",
            "Choose the activity or the recording instead.",
        )
    if source.suffix.lower() == ".npz":
        return own.read_activity_npz(source)
    if source.name.endswith(("_physio.tsv.gz", "_physio.json")):
        return bids.read_activity(source)
    return own.read_activity_csv(source)


def write(
    item: ExpressionTrack | Activity, path: str | Path, *, overwrite: bool = False,
    **choices: Any,
) -> tuple[Path, ...]:  # fmt: skip
    """Write a track or an activity in a format that other programs read.

    Parameters
    ----------
    item : ExpressionTrack or Activity
    path : path-like
        The file, or the folder for ``"bids"``.
    overwrite : bool
        Whether existing files may be replaced.
    **choices
        ``format``: one of `WRITE_FORMATS`; without it the suffix tells, and a path without one is
        a BIDS folder. ``rate_hz`` of a Live Link Face timecode (default 60); ``subject``,
        ``task`` and ``session`` of a BIDS derivative.

    Returns
    -------
    tuple of pathlib.Path
        The files that were written.

    Raises
    ------
    EiferError
        When a file exists, or the format cannot hold what is to be written.
    """
    goal = Path(path)
    form = choices.pop("format", None)
    name = form or {".csv": "csv", ".npz": "npz", "": "bids"}.get(goal.suffix.lower(), "")
    if name not in _WRITERS:
        raise EiferError(
            f"'{form or goal.name}' names no format to write.",
            f"Choose one of {', '.join(WRITE_FORMATS)}.",
        )
    return _WRITERS[name](item, goal, overwrite, dict(choices))


def _only(choices: dict[str, Any], name: str, *known: str) -> None:
    for choice in choices:
        if choice not in known:
            raise EiferError(
                f"'{choice}' is no choice of the format '{name}'.",
                f"Choose among {', '.join(known)}." if known else "Leave it out.",
            )


def _csv(
    item: ExpressionTrack | Activity, path: Path, overwrite: bool, choices: dict[str, Any]
) -> tuple[Path, ...]:
    _only(choices, "csv")
    return (own.write_csv(item, path, overwrite=overwrite),)


def _npz(
    item: ExpressionTrack | Activity, path: Path, overwrite: bool, choices: dict[str, Any]
) -> tuple[Path, ...]:
    _only(choices, "npz")
    return (own.write_npz(item, path, overwrite=overwrite),)


def _researchers(
    item: ExpressionTrack | Activity, path: Path, overwrite: bool, choices: dict[str, Any]
) -> tuple[Path, ...]:
    """The table, and a JSON beside it, because its readers know no comment lines."""
    _only(choices, "researchers")
    if not isinstance(item, ExpressionTrack):
        raise EiferError(
            "The researchers' table holds expressions, not muscle activity.",
            "Turn the activity into a track first, or choose another format.",
        )
    return researchers.write(item, path, overwrite=overwrite)


def _livelink(
    item: ExpressionTrack | Activity, path: Path, overwrite: bool, choices: dict[str, Any]
) -> tuple[Path, ...]:
    """The CSV, and a JSON beside it, because the dialect has no place for a provenance."""
    _only(choices, "livelink", "rate_hz")
    if not isinstance(item, ExpressionTrack):
        raise EiferError(
            "Live Link Face holds expressions, not muscle activity.",
            "Turn the activity into a track first, or choose another format.",
        )
    beside = sidecar_path(path)
    if beside == path:
        raise EiferError(f"{path.name} is no name for a CSV.", "Let it end in .csv.")
    if beside.exists() and not overwrite:
        raise EiferError(f"{beside} exists already.", "Choose another name or allow overwriting.")
    if item.space.name != ARKIT52.name:
        from ..heads.retarget import retarget

        item = retarget(item, ARKIT52.name)
    rate = Choices.of({"rate_hz": choices.get("rate_hz", 60.0)}).rate_hz or 60.0
    written = livelink.write(item, path, rate_hz=rate, overwrite=overwrite)
    return written, write_json(beside, describe(item), overwrite=overwrite)


def _bids(
    item: ExpressionTrack | Activity, path: Path, overwrite: bool, choices: dict[str, Any]
) -> tuple[Path, ...]:
    _only(choices, "bids", "subject", "task", "session")
    for name in ("subject", "task"):
        if not choices.get(name):
            raise EiferError(f"A BIDS derivative needs the label of the {name}.", f"Give {name}=….")
    return bids.write(item, path, overwrite=overwrite, **choices)


_Writer = Callable[[ExpressionTrack | Activity, Path, bool, dict[str, Any]], tuple[Path, ...]]
_WRITERS: dict[str, _Writer] = {
    "csv": _csv, "npz": _npz, "researchers": _researchers, "livelink": _livelink, "bids": _bids,
}  # fmt: skip
