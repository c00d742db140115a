"""Readers of recordings: one small module per format, one registry, one entry.

A path flows in, a `Recording` flows out, sliced lazily where the format allows it. A reader
states rate, units, channel names and events or asks for them with an `EiferError`; what it
had to decide itself stands in ``recording.source["notes"]``. May import the format's library
(edfio), NumPy, and `signals.recording`, `signals.montage`, `errors` and `files`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...errors import EiferError
from ..recording import Recording
from . import edf, fmov, mmm, table
from .base import Choices, Reader, check_readable, finish, unreadable

#: Asked in this order; the specific text formats come before the general table.
READERS: tuple[Reader, ...] = (edf.READER, fmov.READER, mmm.READER, table.READER)
_HEAD_BYTES = 65536


def read_recording(path: str | Path, **choices: Any) -> Recording:
    """Read a recording of facial EMG.

    Parameters
    ----------
    path : path-like
        EDF or EDF+, a CSV/TSV/text table, an FMOV text file or MMM envelopes.
    **choices
        What the file does not say: `rate_hz` (sampling rate; in an EDF file with several
        rates, the one to take), `units` (one text, or one per channel), `format` (a reader's
        name instead of recognition), `envelope` (True when the channels are envelopes
        already), `drop` (channels to leave out), `partial` (True reads the whole records of
        a truncated EDF file).

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
    return finish(recording, chosen)


def _choose(path: Path, choices: Choices) -> Reader:
    if choices.format is not None:
        for reader in READERS:
            if reader.name == choices.format.lower():
                return reader
        names = ", ".join(reader.name for reader in READERS)
        raise EiferError(f"There is no format '{choices.format}'.", f"Choose one of: {names}.")
    with path.open("rb") as stream:
        head = stream.read(_HEAD_BYTES)
    for reader in READERS:
        if reader.recognises(path, head):
            return reader
    kinds = "; ".join(reader.what for reader in READERS)
    raise EiferError(f"{path.name} is not a recording that EIFER can read.", f"It reads: {kinds}.")
