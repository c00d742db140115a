"""The faces of a piece of film on disk: nothing that grows with the film stays in memory.

A file of chunks: four letters, the length and the CRC-32 of what follows. ``HEAD`` says of what
film and by which choices, ``FACE`` holds a frame, ``ENDS`` the people and whether the piece is
complete. A piece is written beside its final name and renamed when it is complete, so that a file
under the final name is whole; its sums tell whether the disk kept it so.
"""

from __future__ import annotations

import contextlib
import json
import os
import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import numpy as np

from ..errors import EiferError
from ..files import write_error
from ..spaces import ARKIT_NAMES
from .face_tracks import FrameFaces
from .faces import LOOK_SIZE, Look, TrackedFace
from .landmarker import N_LANDMARKS, Face

MAGIC = b"EIFERVJ1"
SUFFIX, PART = ".faces", ".part"
_CHUNK, _FRAME = struct.Struct("<4sII"), struct.Struct("<qdBH")
_HEAD, _FACE, _ENDS = b"HEAD", b"FACE", b"ENDS"
_FACES = np.dtype(
    [
        ("id", "<i4"), ("presence", "<f4"), ("blendshapes", "<f4", (len(ARKIT_NAMES),)),
        ("landmarks", "<f4", (N_LANDMARKS, 3)),
    ]
)  # fmt: skip
#: No chunk is longer; a longer one is damage.
_LONGEST = 1 << 26


@dataclass(frozen=True)
class End:
    """What stands at the end of a piece.

    Attributes
    ----------
    complete : bool
        Whether the piece was followed to its end.
    damage : tuple of str
        A sentence for each place of the film that was left out.
    looks : tuple of Look
        The people of the piece.
    """

    complete: bool = False
    damage: tuple[str, ...] = ()
    looks: tuple[Look, ...] = ()


class JournalWriter:
    """Write the faces of a piece; a context manager.

    Parameters
    ----------
    path : pathlib.Path
        The final name, taken when the piece is complete.
    head : mapping
        JSON-serialisable: of what film, by which choices.

    Raises
    ------
    EiferError
        When the disk refuses.
    """

    def __init__(self, path: Path, head: Mapping[str, Any]) -> None:
        self._path, self._part = path, path.with_suffix(PART)
        try:
            self._file: IO[bytes] = self._part.open("wb")
        except OSError as error:
            raise write_error(self._part, error) from error
        self._write(MAGIC)
        self._chunk(_HEAD, json.dumps(dict(head)).encode())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with contextlib.suppress(OSError):  # the disk was full, which was said already
            self._file.close()

    def add(self, frame: FrameFaces) -> None:
        """Write a frame."""
        faces = np.zeros(len(frame.faces), _FACES)
        for row, one in enumerate(frame.faces):
            faces[row] = one.id, one.face.presence, one.face.blendshapes, one.face.landmarks
        fixed = _FRAME.pack(frame.index, frame.timestamp_s, frame.is_cut, len(faces))
        self._chunk(_FACE, fixed + faces.tobytes())

    def end(self, end: End) -> None:
        """Write the end and, when the piece is complete, give the file its final name."""
        said = {
            "complete": end.complete, "damage": list(end.damage),
            "ids": [look.id for look in end.looks],
        }  # fmt: skip
        vectors = np.array([look.vector for look in end.looks], "<f8")
        text = json.dumps(said).encode()
        self._chunk(_ENDS, struct.pack("<I", len(text)) + text + vectors.tobytes())
        try:
            self._file.flush()
            if end.complete:
                os.fsync(self._file.fileno())
                self._file.close()
                self._part.replace(self._path)
        except OSError as error:
            raise write_error(self._path, error) from error

    def _chunk(self, tag: bytes, content: bytes) -> None:
        self._write(_CHUNK.pack(tag, len(content), zlib.crc32(content)) + content)

    def _write(self, content: bytes) -> None:
        try:
            self._file.write(content)
        except OSError as error:
            raise write_error(self._path, error) from error


def read_frames(path: Path) -> Iterator[FrameFaces]:
    """The whole frames of a piece, in order."""
    for tag, content in _chunks(path):
        if tag == _FACE:
            index, time_s, is_cut, count = _FRAME.unpack_from(content)
            faces = np.frombuffer(content, _FACES, count, _FRAME.size)
            found = tuple(
                TrackedFace(
                    int(one["id"]),
                    Face(one["landmarks"], one["blendshapes"], float(one["presence"])),
                )
                for one in faces
            )
            yield FrameFaces(index, time_s, found, bool(is_cut))


def read_end(path: Path) -> End:
    """What stands at the end of a piece; an incomplete one where nothing does."""
    for tag, content in _chunks(path):
        if tag == _ENDS:
            (length,) = struct.unpack_from("<I", content)
            said = json.loads(content[4 : 4 + length])
            vectors = np.frombuffer(content, "<f8", -1, 4 + length).reshape(-1, LOOK_SIZE)
            looks = tuple(
                Look(one, vector) for one, vector in zip(said["ids"], vectors, strict=True)
            )
            return End(said["complete"], tuple(said["damage"]), looks)
    return End()


def is_complete(path: Path, head: Mapping[str, Any]) -> bool:
    """Whether a piece under its final name is whole, complete, and of this film and choices."""
    if not path.is_file():
        return False
    first = next(_chunks(path), (b"", b""))
    if first != (_HEAD, json.dumps(dict(head)).encode()):
        return False
    return read_end(path).complete


def _chunks(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """The chunks of a file up to its end or the first damaged one."""
    try:
        with path.open("rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                return
            while len(start := file.read(_CHUNK.size)) == _CHUNK.size:
                tag, length, total = _CHUNK.unpack(start)
                content = file.read(length) if length <= _LONGEST else b""
                if len(content) < length or zlib.crc32(content) != total or not content:
                    return
                yield tag, content
    except OSError as error:
        raise EiferError(
            f"{path} could not be read: {error.strerror}.", "Start the work again."
        ) from error


def usable(paths: Sequence[Path]) -> list[Path]:
    """The complete pieces from the first one on, and after them one that was stopped."""
    found = []
    for path in paths:
        if path.is_file():
            found.append(path)
            continue
        part = path.with_suffix(PART)
        return [*found, part] if part.is_file() else found
    return found
