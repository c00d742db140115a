"""Readers of recordings: one small module per format, one registry, one entry.

A path flows in, a `Recording` flows out, sliced lazily where the format allows it. A reader
states rate, units, channel names and events or asks for them with an `EiferError`; what it
had to decide itself stands in ``recording.source["notes"]``. A format whose library can crash
or hang over a damaged file (SciPy's MAT, HDF5) is opened in a child process. May import the
format's library (edfio), NumPy, and `signals.recording`, `signals.montage`, `errors`, `files`.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...errors import EiferError
from ..recording import Recording
from . import (
    bdf,
    bids,
    brainvision,
    delsys,
    edf,
    eiflog,
    fmov,
    matrix_files,
    mmm,
    mmm_folder,
    otb,
    poly5,
    saved,
    table,
    vendors,
    xdf,
)
from .base import Choices, Reader, Row, check_readable, finish, unreadable

#: Asked in this order; the specific text formats come before the general table.
READERS: tuple[Reader, ...] = (
    edf.READER,
    bdf.READER,
    xdf.READER,
    eiflog.READER,
    saved.READER,
    brainvision.READER,
    matrix_files.MAT,
    matrix_files.HDF5,
    poly5.READER,
    otb.READER,
    fmov.READER,
    mmm.READER,
    delsys.READER,
    vendors.READER,
    table.READER,
    mmm_folder.READER,
    bids.READER,
)
_HEAD_BYTES = 65536


def read_recording(path: str | Path, **choices: Any) -> Recording:
    """Read a recording of facial EMG.

    Parameters
    ----------
    path : path-like
        A recording in one of the formats of `READERS`; see docs/formats.md.
    **choices
        What the file does not say: `rate_hz` (sampling rate; in an EDF file with several
        rates, the one to take), `units` (one text, or one per channel), `names` (one per
        channel), `format` (a reader's name instead of recognition), `envelope` (True when the
        channels are envelopes already), `drop` (channels to leave out), `partial` (True reads
        what is there of a truncated file), `stream` (name, type or number of a stream in XDF),
        `segment` (which stretch of a recording with a gap, from 0), `dataset` and `axis` (the
        array and its time axis in MAT and HDF5), `recording` (one of a BIDS folder), `clip`
        (one of an MMM folder).

    Returns
    -------
    Recording

    Raises
    ------
    EiferError
        One sentence: what is wrong in which file, channel and frame, and what to do.
    """
    chosen = Choices.parse(choices)
    source = Path(path).expanduser()
    check_readable(source)
    try:
        reader = _choose(source, chosen)
        recording = reader.read(source, chosen)
    except OSError as error:
        raise unreadable(source, error) from error
    opened = {
        "path": str(source.absolute()),
        "choices": json.loads(json.dumps(choices, default=str)),
    }
    return replace(finish(recording, chosen), opened=opened)


def list_contents(path: str | Path) -> list[Row]:
    """What is in a recording file, as rows of a table, also where reading it would be refused.

    Returns
    -------
    list of dict
        One row per channel, stream, data set or clip, all with the same keys; empty where the
        format has nothing to add to what `read_recording` says.

    Raises
    ------
    EiferError
        When not even that much can be read.
    """
    source = Path(path).expanduser()
    check_readable(source)
    try:
        reader = _choose(source, Choices())
        return [] if reader.contents is None else reader.contents(source)
    except OSError as error:
        raise unreadable(source, error) from error


def _choose(path: Path, choices: Choices) -> Reader:
    if choices.format is not None:
        for reader in READERS:
            if reader.name == choices.format.lower():
                return reader
        names = ", ".join(reader.name for reader in READERS)
        raise EiferError(f"There is no format '{choices.format}'.", f"Choose one of: {names}.")
    folder = path.is_dir()
    head = b"" if folder else _head(path)
    for reader in READERS:
        if reader.takes_folder == folder and reader.recognises(path, head):
            return reader
    if folder:
        kinds = "; ".join(reader.what for reader in READERS if reader.takes_folder)
        raise EiferError(
            f"{path} is a folder, not a recording.",
            f"Choose a file in it; folders that are read: {kinds or 'none'}.",
        )
    kinds = "; ".join(reader.what for reader in READERS)
    raise EiferError(f"{path.name} is not a recording that EIFER can read.", f"It reads: {kinds}.")


def _head(path: Path) -> bytes:
    with path.open("rb") as stream:
        return stream.read(_HEAD_BYTES)
