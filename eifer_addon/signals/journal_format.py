"""The journal of a live take: chunks with checksums, appended while the samples come.

A file ``.eiflog`` begins with eight fixed bytes; then come chunks, each with a marker, its kind,
the length and number, a CRC-32 of all that, and its content (docs/live.md). Nothing is ever
rewritten, so a file that was cut off gives every chunk that is whole, and one damaged chunk costs
itself alone. Numbers are little-endian.

============ ==================================================================================
kind         content
============ ==================================================================================
``HEAD``     JSON: begins the take, and again each part after the child process was restarted
``STAT``     npz: state of the pipeline before the part's first sample
``DATA``     samples as the stream sent them, their time stamps as received, and the time basis
``FRAM``     time stamps, activity and coefficients of the frames
``GAPS``     JSON: samples are missing here, and the filters begin anew
``SETT``     JSON: other conditioning from here on
``CLCK``     JSON: a measurement of the offset between the sender's clock and ours
``MARK``     JSON: an event
``BEAT``     empty: nothing came for a second
``ENDS``     JSON: the take is closed, and why
============ ==================================================================================
"""

from __future__ import annotations

import io
import json
import mmap
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import EiferError

SUFFIX = ".eiflog"
MAGIC = b"EIFLOG1\n"
FORMAT_VERSION = 1
HEAD, STAT, DATA, FRAM = b"HEAD", b"STAT", b"DATA", b"FRAM"
GAPS, SETT, CLCK, MARK, BEAT, ENDS = b"GAPS", b"SETT", b"CLCK", b"MARK", b"BEAT", b"ENDS"
#: Why a take was closed: by the user, or because the program that recorded it ended.
STOPPED, ORPHANED, RECOVERED = "stopped", "orphaned", "recovered"
_MARKER = b"\xe1FC\n"
_HEADER = struct.Struct("<4s4sIII")  # marker, kind, length, number, checksum
_DATA = struct.Struct("<qIdd")  # first sample, how many, time of the first in s, s per sample
_FRAMES = struct.Struct("<qI")  # first frame, how many
#: A second of 4096 channels in float64 at 4096 Hz stays below; more is damage.
_LONGEST = 1 << 28


def chunk(kind: bytes, number: int, *contents: bytes | memoryview) -> bytes:
    """The bytes of one chunk."""
    content = b"".join(contents)
    checksum = zlib.crc32(content, zlib.crc32(kind + struct.pack("<II", len(content), number)))
    return _HEADER.pack(_MARKER, kind, len(content), number, checksum) + content


def json_content(values: Mapping[str, Any]) -> bytes:
    """Content of the kinds that hold JSON."""
    return json.dumps(dict(values), ensure_ascii=False).encode()


def data_content(
    first: int, basis: tuple[float, float], received: np.ndarray, samples: np.ndarray
) -> bytes:
    """Content of a ``DATA`` chunk.

    Parameters
    ----------
    first : int
        Number of the first sample in the take.
    basis : tuple of float
        Time of the first sample in s of our clock, without jitter, and seconds per sample.
    received : numpy.ndarray
        float64 (n,) time stamps of the sender.
    samples : numpy.ndarray
        (n, n_channels) in the stream's own type.
    """
    own = samples.dtype.newbyteorder("<")
    return b"".join((
        _DATA.pack(first, len(samples), *basis), np.asarray(received, "<f8").tobytes(),
        np.ascontiguousarray(samples, own).tobytes(),
    ))  # fmt: skip


def frames_content(first: int, *arrays: np.ndarray) -> bytes:
    """Content of a ``FRAM`` chunk: time stamps (n,), activity and coefficients (n, k)."""
    times, activity, coefficients = arrays
    return b"".join((
        _FRAMES.pack(first, len(times)), np.asarray(times, "<f8").tobytes(),
        np.asarray(activity, "<f4").tobytes(), np.asarray(coefficients, "<f4").tobytes(),
    ))  # fmt: skip


def state_content(state: Mapping[str, np.ndarray]) -> bytes:
    """Content of a ``STAT`` chunk."""
    packed = io.BytesIO()
    np.savez(packed, **state)  # type: ignore[arg-type]
    return packed.getvalue()


@dataclass(frozen=True)
class Chunk:
    """Where one whole chunk lies."""

    kind: bytes
    start: int
    length: int


@dataclass(frozen=True)
class Samples:
    """A ``DATA`` chunk.

    Attributes
    ----------
    first, count : int
        Which samples of the take.
    time_s, period_s : float
        The time basis.
    start : int
        Where the received time stamps begin in the file; the samples follow.
    """

    first: int
    count: int
    time_s: float
    period_s: float
    start: int

    @property
    def times(self) -> np.ndarray:
        """Time of each sample in s, without jitter."""
        return self.time_s + np.arange(self.count) * self.period_s


class Journal:
    """A journal that is read; the file stays mapped, its samples are not copied.

    Parameters
    ----------
    path : path-like

    Attributes
    ----------
    path : pathlib.Path
    chunks : tuple of Chunk
        The whole ones.
    header : dict
        Of the first part.
    whole_bytes : int
        Where the last whole chunk ends.
    notes : tuple of str
        What is damaged or cut off.

    Raises
    ------
    EiferError
        When the file is no journal, or not even its header is whole.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._memory = _map(self.path)
        if self._memory[: len(MAGIC)] != MAGIC:
            raise EiferError(f"{self.path.name} is no journal of a live take.", "Choose another.")
        self.notes: tuple[str, ...] = ()
        self.whole_bytes = len(MAGIC)
        self.chunks = tuple(self._scan())
        heads = self.of_kind(HEAD)
        if not heads:
            raise EiferError(
                f"{self.path.name} was cut off before its header was written.",
                "There is nothing to recover in it.",
            )
        self.header = self.document(heads[0])
        if int(self.header.get("format_version", 0)) > FORMAT_VERSION:
            raise EiferError(f"{self.path.name} needs a newer EIFER.", "Update the add-on.")
        try:
            self.dtype = np.dtype(str(self.header["dtype"])).newbyteorder("<")
            self.n_channels = len(self.header["channels"])
            self.rate_hz = float(self.header["rate_hz"])
        except (KeyError, TypeError, ValueError) as error:
            raise EiferError(
                f"The header of {self.path.name} lacks a part: {error}.", "Copy it again."
            ) from error

    def _scan(self) -> Iterator[Chunk]:
        place, size = len(MAGIC), len(self._memory)
        while place < size:
            found = self._chunk_at(place)
            if found is None:
                following = self._memory.find(_MARKER, place + 1)
                while following >= 0 and self._chunk_at(following) is None:
                    following = self._memory.find(_MARKER, following + 1)
                if following < 0:
                    self.notes += (f"cut off: {size - place} bytes at the end are no whole chunk",)
                    return
                self.notes += (f"damaged: {following - place} bytes at {place} were left out",)
                place = following
                continue
            yield found
            place = self.whole_bytes = found.start + found.length

    def _chunk_at(self, place: int) -> Chunk | None:
        start = place + _HEADER.size
        if start > len(self._memory):
            return None
        marker, kind, length, number, checksum = _HEADER.unpack_from(self._memory, place)
        if marker != _MARKER or length > _LONGEST or start + length > len(self._memory):
            return None
        seed = zlib.crc32(kind + struct.pack("<II", length, number))
        with memoryview(self._memory) as view:
            whole = zlib.crc32(view[start : start + length], seed) == checksum
        return Chunk(kind, start, length) if whole else None

    def close(self) -> None:
        """Unmap the file; views of its samples must be gone."""
        self._memory.close()

    def of_kind(self, kind: bytes) -> tuple[Chunk, ...]:
        """The chunks of one kind, in order."""
        return tuple(found for found in self.chunks if found.kind == kind)

    def content(self, found: Chunk) -> bytes:
        """A copy of a chunk's content."""
        return self._memory[found.start : found.start + found.length]

    def document(self, found: Chunk) -> dict[str, Any]:
        """The JSON of a chunk."""
        try:
            return dict(json.loads(self.content(found)))
        except (ValueError, TypeError) as error:
            raise EiferError(f"{self.path.name} is a damaged journal.", "Copy it again.") from error

    def state(self, found: Chunk) -> dict[str, np.ndarray]:
        """The arrays of a ``STAT`` chunk."""
        try:
            with np.load(io.BytesIO(self.content(found)), allow_pickle=False) as archive:
                return {name: archive[name] for name in archive.files}
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise EiferError(f"{self.path.name} is a damaged journal.", "Copy it again.") from error

    @property
    def end(self) -> dict[str, Any] | None:
        """What the last ``ENDS`` chunk says; None when the take was never closed."""
        if not self.chunks or self.chunks[-1].kind != ENDS:
            return None
        return self.document(self.chunks[-1])

    def samples(self, found: Chunk) -> Samples:
        """What a ``DATA`` chunk holds."""
        first, count, time_s, period_s = _DATA.unpack_from(self._memory, found.start)
        row = 8 + self.n_channels * self.dtype.itemsize
        if _DATA.size + count * row != found.length:
            raise EiferError(f"{self.path.name} is a damaged journal.", "Copy it again.")
        return Samples(first, count, time_s, period_s, found.start + _DATA.size)

    def received(self, samples: Samples) -> np.ndarray:
        """The sender's time stamps, float64 (count,)."""
        return np.frombuffer(self._memory, "<f8", samples.count, samples.start)

    def raw(self, samples: Samples) -> np.ndarray:
        """The samples as they were sent, (count, n_channels), over the file itself."""
        start = samples.start + 8 * samples.count
        count = samples.count * self.n_channels
        values = np.frombuffer(self._memory, self.dtype, count, start)
        return values.reshape(samples.count, self.n_channels)

    def frames(self, found: Chunk) -> tuple[int, np.ndarray, np.ndarray, np.ndarray]:
        """First frame, time stamps, activity and coefficients of a ``FRAM`` chunk."""
        first, count = _FRAMES.unpack_from(self._memory, found.start)
        start = found.start + _FRAMES.size
        width = len(self.header["muscles"])
        times = np.frombuffer(self._memory, "<f8", count, start)
        start += times.nbytes
        activity = np.frombuffer(self._memory, "<f4", count * width, start)
        start += activity.nbytes
        left = (found.start + found.length - start) // 4
        coefficients = np.frombuffer(self._memory, "<f4", left, start)
        return first, times, activity.reshape(count, width), coefficients.reshape(count, -1)


def _map(path: Path) -> mmap.mmap:
    try:
        with path.open("rb") as stream:
            return mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    except FileNotFoundError as error:
        raise EiferError(f"{path} does not exist.", "Check the path.") from error
    except (OSError, ValueError) as error:  # ValueError: an empty file cannot be mapped
        raise EiferError(f"{path.name} is empty or cannot be read.", "Copy it again.") from error


def free_name(folder: Path, name: str) -> Path:
    """A journal's path in `folder` that no file has yet."""
    stem = re.sub(r"[^\w\-. ]+", "_", name).strip(" .") or "take"
    number, path = 1, folder / f"{stem}{SUFFIX}"
    while path.exists():
        number += 1
        path = folder / f"{stem} {number}{SUFFIX}"
    return path
