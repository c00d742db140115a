"""The newest values in shared memory, under a sequence lock: reading never waits.

A plain file that both processes map. It holds two kinds of messages: *values*, of fixed layout
and written hundreds of times a second, and *status*, a JSON text that changes now and then. Each
has several slots that are filled in turn, and a number that tells the newest whole one. A reader
copies that slot and takes the copy only when its number was the same before and after and the
checksum inside fits; so a torn read cannot pass, on processors that reorder writes neither. The
file lies where files live in memory, if there is such a place.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import struct
import tempfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import EiferError
from ..files import write_error

MOST_CHANNELS, MOST_MUSCLES, MOST_COEFFICIENTS = 512, 64, 512
#: Everything that changes with the samples; times in seconds of `time.monotonic`.
VALUES = np.dtype([
    ("written_s", "<f8"), ("newest_s", "<f8"), ("timestamp_s", "<f8"), ("rate_hz", "<f8"),
    ("chunk_ms", "<f8"), ("progress", "<f8"), ("journal_bytes", "<f8"), ("journal_s", "<f8"),
    ("n_samples", "<i8"), ("n_lost", "<i8"), ("n_gaps", "<i8"), ("n_frames", "<i8"),
    ("coefficients", "<f4", (MOST_COEFFICIENTS,)), ("activity", "<f4", (MOST_MUSCLES,)),
    ("quality", "u1", (MOST_CHANNELS,)),
])  # fmt: skip
STATUS_BYTES = 1 << 18
_SLOTS = 4
_MAGIC = b"EIFLIVE2"
_NUMBER = struct.Struct("<Q")
_FRAME = struct.Struct("<QII")  # number, length, checksum
_TRIES = 4


class Mailbox:
    """One kind of message in a part of a mapped file.

    Parameters
    ----------
    memory : mmap.mmap
    offset : int
        Where the part begins.
    size : int
        The longest message in bytes.
    """

    def __init__(self, memory: mmap.mmap, offset: int, size: int) -> None:
        self._memory, self._offset, self._size = memory, offset, size
        self._stride = _FRAME.size + size
        self._number = self.newest

    @staticmethod
    def bytes_for(size: int) -> int:
        """How long the part is for messages of up to `size` bytes."""
        return _NUMBER.size + _SLOTS * (_FRAME.size + size)

    @property
    def newest(self) -> int:
        """Number of the newest message, 0 before the first."""
        return int(_NUMBER.unpack_from(self._memory, self._offset)[0])

    def write(self, content: bytes | memoryview) -> None:
        """Put a message; only one process may write."""
        number = self._number = self._number + 1
        place = self._place(number)
        start = place + _FRAME.size
        # 0 marks the slot as being written, for a reader that is a whole round late.
        _NUMBER.pack_into(self._memory, place, 0)
        self._memory[start : start + len(content)] = bytes(content)
        _FRAME.pack_into(self._memory, place, number, len(content), _checksum(number, content))
        _NUMBER.pack_into(self._memory, self._offset, number)

    def read(self) -> tuple[int, bytes] | None:
        """Number and content of the newest whole message; None before the first."""
        for _ in range(_TRIES):
            number = self.newest
            if number == 0:
                return None
            place = self._place(number)
            copy = self._memory[place : place + self._stride]
            found, length, checksum = _FRAME.unpack_from(copy)
            content = copy[_FRAME.size : _FRAME.size + length]
            if found == number and checksum == _checksum(number, content):
                return number, content
        return None

    def _place(self, number: int) -> int:
        return self._offset + _NUMBER.size + (number % _SLOTS) * self._stride


def _checksum(number: int, content: bytes | memoryview) -> int:
    return zlib.crc32(content, number & 0xFFFFFFFF)


class SharedState:
    """Both mailboxes over one file.

    Parameters
    ----------
    path : path-like
        A file that :meth:`create` made.

    Attributes
    ----------
    path : pathlib.Path
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        try:
            with self.path.open("r+b") as stream:
                self._memory = mmap.mmap(stream.fileno(), 0)
        except (OSError, ValueError) as error:
            raise EiferError(f"{path} is no shared memory of a live session.") from error
        if len(self._memory) != _total() or self._memory[: len(_MAGIC)] != _MAGIC:
            self._memory.close()
            raise EiferError(f"{path} is no shared memory of a live session.")
        self._values = Mailbox(self._memory, len(_MAGIC), VALUES.itemsize)
        after = len(_MAGIC) + Mailbox.bytes_for(VALUES.itemsize)
        self._status = Mailbox(self._memory, after, STATUS_BYTES)
        self._last_values = np.zeros((), VALUES)
        self._last_status: dict[str, Any] = {}
        self._seen_values = self._seen_status = 0

    @classmethod
    def create(cls, folder: str | Path) -> SharedState:
        """Make the file in `folder` and map it."""
        path = Path(folder) / "live.shared"
        try:
            with path.open("wb") as stream:
                stream.truncate(_total())
                stream.write(_MAGIC)
        except OSError as error:
            raise write_error(path, error) from error
        return cls(path)

    @property
    def has_news(self) -> bool:
        """Whether there is something that was not read here yet."""
        values, status = self._values.newest, self._status.newest
        return values != self._seen_values or status != self._seen_status

    def write_values(self, values: np.ndarray) -> None:
        """Publish a scalar of the type `VALUES`."""
        self._values.write(values.tobytes())

    def write_status(self, status: Mapping[str, Any]) -> None:
        """Publish a JSON-serialisable mapping."""
        content = json.dumps(status).encode()
        if len(content) > STATUS_BYTES:
            raise EiferError("The state of the live session is too long.", "Use fewer channels.")
        self._status.write(content)

    def read_values(self) -> np.ndarray:
        """The newest values, a scalar of the type `VALUES`; all 0 before the first."""
        if self._values.newest != self._seen_values and (found := self._values.read()):
            self._seen_values, content = found
            self._last_values = np.frombuffer(content, VALUES)[0]
        return self._last_values

    def read_status(self) -> tuple[int, dict[str, Any]]:
        """Number and content of the newest status; 0 and empty before the first."""
        if self._status.newest != self._seen_status and (found := self._status.read()):
            self._seen_status = found[0]
            self._last_status = json.loads(found[1])
        return self._seen_status, self._last_status

    def close(self, *, remove: bool = False) -> None:
        """Unmap the file, and delete it."""
        self._memory.close()
        if remove:
            with contextlib.suppress(OSError):
                self.path.unlink()


def _total() -> int:
    return len(_MAGIC) + Mailbox.bytes_for(VALUES.itemsize) + Mailbox.bytes_for(STATUS_BYTES)


def memory_folder() -> Path:
    """A new private folder for a session, in memory where the system has such a place."""
    memory = Path("/dev/shm")  # a private folder is made in it
    usable = memory.is_dir() and os.access(memory, os.W_OK)
    try:
        return Path(tempfile.mkdtemp(prefix="eifer-live-", dir=memory if usable else None))
    except OSError as error:
        raise write_error(memory if usable else Path(tempfile.gettempdir()), error) from error
