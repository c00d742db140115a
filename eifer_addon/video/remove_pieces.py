"""Pieces of a clean film on disk: H.264 without a container's times, and a note beside each.

A piece is whole or absent, so that work that was interrupted goes on with those that are there.
Its frames lie one packet each, in order; when they are shown is written when the pieces are joined.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace

from ..errors import EiferError
from ..files import atomic_path
from .encode import SAME_BYTES
from .film import Frame
from .remove_cleaner import CleanFrame
from .remove_video import Counts

SUFFIX = ".mp4"
#: x264's constant rate factor: nobody tells the film from the original by its pixels.
_QUALITY, _PRESET = "14", "veryfast"
#: A key frame at least so often, so that one can go through the film frame by frame.
_KEY_EVERY = 48
_HD_LINES = 720
#: ITU-T H.273 numbers: BT.709 and, for small pictures, SMPTE 170M; 2 is unknown.
_BT709, _SMPTE170M, _UNKNOWN, _LIMITED = 1, 6, 2, 1


@dataclass(frozen=True)
class Colours:
    """How a film's colours are coded, in numbers of ITU-T H.273.

    Attributes
    ----------
    primaries, transfer, matrix : int
    """

    primaries: int = _UNKNOWN
    transfer: int = _UNKNOWN
    matrix: int = _UNKNOWN

    def known(self, height: int) -> Colours:
        """With the usual matrix for a height where the film does not say which one it has."""
        usual = _BT709 if height >= _HD_LINES else _SMPTE170M
        return Colours(
            self.primaries, self.transfer, usual if self.matrix in {0, _UNKNOWN} else self.matrix
        )


@dataclass(frozen=True)
class Note:
    """What is known of a piece.

    Attributes
    ----------
    head : dict
        What it was made of and how; another one makes it useless.
    indices : list of int
        Numbers of its frames in the film.
    times_s : list of float
        When they are shown, after the film's first frame.
    counts : Counts
    damage : list of str
        Places of the film that were left out.
    """

    head: dict[str, Any]
    indices: list[int]
    times_s: list[float]
    counts: Counts
    damage: list[str]


class PieceWriter:
    """Writes a piece frame by frame; `end` makes it count.

    Parameters
    ----------
    path : pathlib.Path
    head : mapping
        See `Note`.
    colours : Colours
    threads : int
        Of the encoder.
    """

    def __init__(
        self, path: Path, head: Mapping[str, Any], colours: Colours, threads: int = 1
    ) -> None:
        self._path, self._head, self._threads = path, dict(head), threads
        self._colours = colours
        self._temporary = path.with_name(f".{path.name}.part")
        self._container: Any = None
        self._stream: Any = None
        self._indices: list[int] = []
        self._times_s: list[float] = []
        self.counts = Counts()

    def __enter__(self) -> Self:
        return self

    def add(self, frame: Frame, found: CleanFrame) -> None:
        """Encode one more frame."""
        height, width = frame.image.shape[:2]
        if self._stream is None:
            self._open(width, height)
        # H.264's colour planes have half the size; a picture with an odd side keeps them whole.
        pixels = "yuv420p" if width % 2 == 0 and height % 2 == 0 else "yuv444p"
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame.image), format="rgb24")
        coded = self._colours.known(height)
        matrix = Colorspace.ITU709 if coded.matrix == _BT709 else Colorspace.ITU601
        picture = picture.reformat(
            format=pixels, dst_colorspace=matrix, src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.MPEG,
        )  # fmt: skip
        picture.pts, picture.time_base = len(self._indices), Fraction(1, 25)
        self._indices.append(frame.index)
        self._times_s.append(frame.timestamp_s)
        self.counts.add(found)
        self._send(picture)

    def _open(self, width: int, height: int) -> None:
        try:
            self._container = av.open(str(self._temporary), "w", format="mp4")
        except OSError as error:
            raise self._failed(error) from error
        stream = self._container.add_stream("libx264", rate=25)
        stream.width, stream.height = width, height
        stream.pix_fmt = "yuv420p" if width % 2 == 0 and height % 2 == 0 else "yuv444p"
        context, coded = stream.codec_context, self._colours.known(height)
        context.thread_count, context.gop_size, context.max_b_frames = self._threads, _KEY_EVERY, 0
        context.color_range = _LIMITED
        context.color_primaries, context.color_trc = coded.primaries, coded.transfer
        context.colorspace = _BT709 if coded.matrix == _BT709 else _SMPTE170M
        stream.options = {"crf": _QUALITY, "preset": _PRESET, "bf": "0", **SAME_BYTES}
        self._stream = stream

    def _send(self, picture: av.VideoFrame | None) -> None:
        try:
            self._container.mux(self._stream.encode(picture))
        except av.error.FFmpegError as error:
            raise self._failed(error) from error

    def _failed(self, error: Exception) -> EiferError:
        reason = str(getattr(error, "strerror", None) or error).lower()
        return EiferError(
            f"The clean film could not be written to {self._path.parent}: {reason}.",
            "Check the free space there.",
        )

    def end(self, damage: list[str]) -> None:
        """Finish the piece and give it its name."""
        if self._stream is not None:
            self._send(None)
        self._close()
        note = Note(self._head, self._indices, self._times_s, self.counts, damage)
        if self._temporary.exists():
            self._temporary.replace(self._path)
        with atomic_path(note_path(self._path)) as temporary:
            temporary.write_text(json.dumps(asdict(note)), encoding="utf-8")

    def _close(self) -> None:
        container, self._container = self._container, None
        if container is not None:
            try:
                container.close()
            except av.error.FFmpegError as error:
                raise self._failed(error) from error

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._close()
        except EiferError:
            if kind is None:
                raise
        self._temporary.unlink(missing_ok=True)


def note_path(path: Path) -> Path:
    """Where the note of a piece lies."""
    return path.with_suffix(".json")


def read_note(path: Path) -> Note | None:
    """The note of a piece; None where the piece is not whole."""
    try:
        values = json.loads(note_path(path).read_text("utf-8"))
        values["counts"] = Counts(**values["counts"])
        note = Note(**values)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return note if path.is_file() or not note.indices else None


def is_whole(path: Path, head: Mapping[str, Any]) -> bool:
    """Whether a piece is there that was made in this way."""
    note = read_note(path)
    return note is not None and note.head == json.loads(json.dumps(dict(head)))
