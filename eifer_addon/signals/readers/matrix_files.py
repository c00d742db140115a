"""MAT files of MATLAB (SciPy) and HDF5 files, MAT 7.3 among them (h5py), opened in a child process.

The child lists what is in a file and puts the chosen array into a temporary file, which is mapped
here; so no damaged file can end or stop Blender.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from ...files import sha256_of
from ..recording import Recording
from .arrays import Entry, choose_signal, rows, to_recording
from .base import Choices, Reader, Row, check_finite, one_line
from .isolated import Worker, load_mapped, scratch_file, worker

_MAT = b"MATLAB 5.0 MAT-file"
_HDF5 = b"\x89HDF\r\n\x1a\n"
#: MAT 7.3 has a block of its own before HDF5 begins.
_OFFSETS = (0, 512, 1024, 2048)
_KINDS = {"mat": "MAT file", "hdf5": "HDF5 file"}
_HDF5_SUFFIXES = (".h5", ".hdf5", ".hdf")


def recognises_mat(path: Path, head: bytes) -> bool:
    """True for MATLAB's first words, or for the suffix, unless HDF5 lies inside."""
    named = path.suffix.lower() == ".mat"
    return (head.startswith(_MAT) or named) and not _is_hdf5(head)


def recognises_hdf5(path: Path, head: bytes) -> bool:
    """True for HDF5's mark, or for the suffixes, so that a damaged file is named as such."""
    return _is_hdf5(head) or path.suffix.lower() in _HDF5_SUFFIXES


def _is_hdf5(head: bytes) -> bool:
    return any(head[k : k + len(_HDF5)] == _HDF5 for k in _OFFSETS)


def _entries(path: Path, kind: str, child: Worker) -> list[Entry]:
    reply = child.ask(path, {"do": "list", "kind": kind}, _KINDS[kind])
    entries = []
    for found in reply["entries"]:
        values = found["values"]
        if found["kind"] == "text":
            values = tuple(one_line(text) for text in values)
        elif values is not None:
            values = np.array(values, float)
        entries.append(Entry(found["name"], tuple(found["shape"]), found["kind"], values))
    return entries


def _contents(path: Path, kind: str) -> list[Row]:
    with worker() as child:
        return rows(_entries(path, kind, child))


def _read(path: Path, choices: Choices, kind: str) -> Recording:
    with worker() as child:
        entries = _entries(path, kind, child)
        notes: list[str] = []
        chosen = choose_signal(path, entries, choices.dataset, notes)

        def load(entry: Entry) -> np.ndarray:
            with scratch_file() as scratch:
                request = {"do": "save", "name": entry.name, "out": str(scratch)}
                child.ask(path, request, _KINDS[kind])
                return load_mapped(scratch)

        recording, more = to_recording(path, chosen, entries, choices, load)
    for k, name in enumerate(recording.channels):
        if name not in choices.drop:
            check_finite(path.name, name, recording.channel(k), recording.rate_hz)
    notes += more
    source = {
        "file": str(path), "sha256": sha256_of(path), "format": kind, **recording.source,
        **({"notes": notes} if notes else {}),
    }  # fmt: skip
    return replace(recording, source=source)


MAT = Reader(
    "mat", "MAT files (.mat)", recognises_mat,
    lambda path, choices: _read(path, choices, "mat"), lambda path: _contents(path, "mat"),
)  # fmt: skip
HDF5 = Reader(
    "hdf5", "HDF5 files (.h5, .hdf5)", recognises_hdf5,
    lambda path, choices: _read(path, choices, "hdf5"), lambda path: _contents(path, "hdf5"),
)  # fmt: skip
