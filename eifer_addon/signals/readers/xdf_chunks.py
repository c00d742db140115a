"""The chunks of an XDF file, walked and checked without reading the samples.

Layout: the XDF 1.0 specification (C. Kothe, sccn/xdf). A chunk is its length (one byte that says
how many bytes the number has, then the number), a tag of two bytes and its content.
"""

from __future__ import annotations

import math
import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np

from ...errors import EiferError
from .base import damaged, one_line

MAGIC = b"XDF:"
_HEADER, _SAMPLES, _CLOCK, _FOOTER = 2, 3, 4, 6
_OF_A_STREAM = frozenset({_HEADER, _SAMPLES, _CLOCK, _FOOTER})
_LENGTHS = {1: "<B", 4: "<I", 8: "<Q"}
_FORMATS = {"float32": "<f4", "double64": "<f8", "string": "O", "int8": "i1", "int16": "<i2",
            "int32": "<i4", "int64": "<i8"}  # fmt: skip
_MAX_CHANNELS = 65536
_MAX_XML = 1 << 24
_KIND = "XDF file"
#: Bytes of a time.
STAMP = 8
Buffer = mmap.mmap | bytes


@dataclass(frozen=True)
class Chunk:
    """Where samples lie: their first byte, their end, and which of them have a time of their own.

    `stamp_bytes` is 8 when all have, 0 when none has, and -1 when it differs.
    """

    position: int
    end: int
    count: int
    stamp_bytes: int


@dataclass(frozen=True)
class StreamInfo:
    """What the header of a stream says, and how many samples were counted."""

    number: int
    name: str
    type: str
    n_channels: int
    format: str
    rate_hz: float
    labels: tuple[str, ...]
    units: tuple[str, ...]
    chunks: tuple[Chunk, ...] = ()
    offsets: tuple[tuple[float, float], ...] = ()

    @property
    def n_samples(self) -> int:
        """Samples in all chunks."""
        return sum(chunk.count for chunk in self.chunks)

    @property
    def dtype(self) -> np.dtype[Any]:
        """NumPy's type of the numbers."""
        return np.dtype(_FORMATS[self.format])

    @property
    def holds_markers(self) -> bool:
        """True for texts, and for numbers without a rate that call themselves markers."""
        kind = self.type.lower()
        named = any(word in kind for word in ("marker", "event", "trigger"))
        return self.n_samples > 0 and (self.format == "string" or (self.rate_hz == 0 and named))

    @property
    def holds_signal(self) -> bool:
        """True for numbers at a rate."""
        return self.format != "string" and self.rate_hz > 0 and self.n_samples > 0


@dataclass
class _Walk:
    streams: dict[int, StreamInfo] = field(default_factory=dict)
    chunks: dict[int, list[Chunk]] = field(default_factory=dict)
    offsets: dict[int, list[tuple[float, float]]] = field(default_factory=dict)


class _TruncatedError(Exception):
    """The file ends inside a chunk."""


def scan(path: Path, *, partial: bool = False) -> tuple[list[StreamInfo], list[str]]:
    """Walk all chunks of a file.

    Returns
    -------
    streams : list of StreamInfo
    notes : list of str

    Raises
    ------
    EiferError
        For a file that is no XDF, is damaged, or is truncated and `partial` is False.
    """
    if path.stat().st_size < len(MAGIC):
        raise damaged(path, _KIND, "it is too short")
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if data[:4] != MAGIC:
            raise EiferError(
                f"{path.name} is not an XDF file: it does not begin with 'XDF:'.",
                "Choose an XDF file, or unpack it first if it is compressed (.xdfz).",
            )
        walk, position = _Walk(), len(MAGIC)
        notes = []
        try:
            for chunk in _chunks(path, data):
                _take(path, data, walk, *chunk)
                position = chunk[2]
        except _TruncatedError:
            sentence = f"{path.name} is truncated: it ends inside the chunk at byte {position}."
            if not partial:
                raise EiferError(
                    sentence, "Copy the file again, or read what is there with partial=True."
                ) from None
            notes = [sentence]
    if not walk.streams:
        raise EiferError(f"{path.name} holds no stream.", "Copy the file again.")
    found = [
        replace(s, chunks=tuple(walk.chunks.get(k, ())), offsets=tuple(walk.offsets.get(k, ())))
        for k, s in walk.streams.items()
    ]
    return found, notes


def _chunks(path: Path, data: Buffer) -> Iterator[tuple[int, int, int]]:
    """Tag, begin and end of the content of every chunk."""
    position = len(MAGIC)
    while position < len(data):
        length, begin = _length(path, data, position, len(data))
        if length < 2:
            raise damaged(path, _KIND, f"the chunk at byte {position} has no tag")
        if begin + length > len(data):
            raise _TruncatedError
        tag = struct.unpack_from("<H", data, begin)[0]
        yield tag, begin + 2, begin + length
        position = begin + length


def _length(path: Path, data: Buffer, position: int, end: int) -> tuple[int, int]:
    """A number of variable length and the position behind it."""
    size = data[position]
    if size not in _LENGTHS:
        raise damaged(path, _KIND, f"no length is written at byte {position}")
    if position + 1 + size > end:
        raise _TruncatedError
    return struct.unpack_from(_LENGTHS[size], data, position + 1)[0], position + 1 + size


def _take(path: Path, data: Buffer, walk: _Walk, tag: int, begin: int, end: int) -> None:
    if tag not in _OF_A_STREAM:
        if tag == 1 and not _is_xml(data[begin : min(end, begin + _MAX_XML)]):
            raise damaged(path, _KIND, "its file header is not XML")
        return
    if end - begin < 4:
        raise damaged(path, _KIND, f"the chunk at byte {begin} names no stream")
    number = struct.unpack_from("<I", data, begin)[0]
    begin += 4
    if tag == _HEADER:
        if number in walk.streams or end - begin > _MAX_XML:
            raise damaged(path, _KIND, f"the header of stream {number} is repeated or too long")
        walk.streams[number] = _stream_info(path, number, data[begin:end])
    elif number not in walk.streams:
        raise damaged(path, _KIND, f"stream {number} has content but no header")
    elif tag == _CLOCK:
        values = struct.unpack_from("<2d", data, begin) if end - begin == 16 else ()
        if len(values) != 2 or not all(math.isfinite(v) for v in values):
            raise damaged(path, _KIND, f"the clock offset at byte {begin} is not two numbers")
        walk.offsets.setdefault(number, []).append((values[0], values[1]))
    elif tag == _SAMPLES:
        chunk = _samples(path, data, walk.streams[number], begin, end)
        walk.chunks.setdefault(number, []).append(chunk)


def _is_xml(text: bytes) -> bool:
    try:
        ET.fromstring(text)
    except (ET.ParseError, ValueError):
        return False
    return True


def _stream_info(path: Path, number: int, xml: bytes) -> StreamInfo:
    try:
        root = ET.fromstring(xml.decode("utf-8", "replace"))
    except (ET.ParseError, ValueError) as error:
        raise damaged(path, _KIND, f"the header of stream {number} is not XML") from error
    texts = {child.tag: one_line(child.text or "") for child in root}
    missing = {"name", "type", "channel_count", "channel_format", "nominal_srate"} - set(texts)
    if missing or root.tag != "info":
        listed = ", ".join(sorted(missing)) or "info"
        raise damaged(path, _KIND, f"the header of stream {number} lacks {listed}")
    try:
        count, rate = int(texts["channel_count"]), float(texts["nominal_srate"])
    except ValueError as error:
        raise damaged(path, _KIND, f"channels or rate of stream {number} are no numbers") from error
    kind = texts["channel_format"]
    if kind not in _FORMATS or not 0 < count <= _MAX_CHANNELS or not 0 <= rate < math.inf:
        raise damaged(
            path, _KIND, f"stream {number} announces {count} channels of {kind[:20]} at {rate:g} Hz"
        )
    labels, units = _channels(root, count)
    name, role = texts["name"] or f"stream {number}", texts["type"] or "?"
    return StreamInfo(number, name, role, count, kind, rate, labels, units)


def _channels(root: ET.Element, count: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Labels and units of the channels, where the header describes each of them."""
    described = root.findall("./desc/channels/channel")
    numbered = tuple(f"channel {k + 1}" for k in range(count))
    if len(described) != count:
        return numbered, ("?",) * count
    labels = [(c.findtext("label") or c.findtext("name") or "").strip() for c in described]
    units = tuple((c.findtext("unit") or "?").strip() for c in described)
    return tuple(a or b for a, b in zip(labels, numbered, strict=True)), units


def _samples(path: Path, data: Buffer, stream: StreamInfo, begin: int, end: int) -> Chunk:
    """A chunk of samples, when its bytes are exactly what its count needs."""
    try:
        count, first = _length(path, data, begin, end) if begin < end else (0, end + 1)
        if first <= end and count <= end - first:
            if stream.format == "string":
                position, stamps = _skip_texts(path, data, stream, first, end, count), -1
            else:
                position, stamps = _skip_numbers(data, stream, first, end, count)
            if position == end:
                return Chunk(first, end, count, stamps)
    except (_TruncatedError, IndexError):  # inside a chunk this is damage, not a missing end
        pass
    raise damaged(
        path,
        _KIND,
        f"the samples of stream '{stream.name}' at byte {begin} do not fill their chunk",
    )


def _skip_numbers(
    data: Buffer, stream: StreamInfo, position: int, end: int, count: int
) -> tuple[int, int]:
    width = stream.n_channels * stream.dtype.itemsize
    for stamped in (STAMP, 0):  # the usual cases: each sample has a time of its own, or none has
        stride = 1 + stamped + width
        if count * stride == end - position:
            flags = np.frombuffer(data, np.uint8, end - position, position)[::stride]
            same = bool(np.all((flags != 0) == bool(stamped)))
            del flags  # a view keeps the map open
            if same:
                return end, stamped
    for _ in range(count):
        position += 1 + width + (STAMP if data[position] else 0)
        if position > end:
            break
    return position, -1


def _skip_texts(
    path: Path, data: Buffer, stream: StreamInfo, position: int, end: int, count: int
) -> int:
    for _ in range(count):
        position += 1 + (STAMP if data[position] else 0)
        for _ in range(stream.n_channels):
            length, position = _length(path, data, position, end)
            position += length
            if position > end:
                return position
    return position


def texts_of(data: Buffer, stream: StreamInfo) -> tuple[np.ndarray, list[str]]:
    """Times (n,), NaN where a sample has none, and the texts of a stream of texts."""
    times, words = [], []
    for chunk in stream.chunks:
        position = chunk.position
        for _ in range(chunk.count):
            stamped = data[position] != 0
            times.append(struct.unpack_from("<d", data, position + 1)[0] if stamped else math.nan)
            position += 1 + (STAMP if stamped else 0)
            parts = []
            for _ in range(stream.n_channels):
                size = data[position]
                length = struct.unpack_from(_LENGTHS[size], data, position + 1)[0]
                position += 1 + size
                parts.append(data[position : position + length].decode("utf-8", "replace"))
                position += length
            words.append(one_line(" ".join(parts)))
    return np.array(times, float), words


def numbers_of(
    data: Buffer, stream: StreamInfo, chunk: Chunk, columns: slice = slice(None)
) -> tuple[np.ndarray, np.ndarray]:
    """Times (n,), NaN where a sample has none, and numbers (n, k) of some columns of a chunk."""
    size = stream.dtype.itemsize
    first, stop, _ = columns.indices(stream.n_channels)
    if chunk.stamp_bytes < 0:
        times, numbers = _mixed_numbers(data, stream, chunk, stream.n_channels * size)
        return times, numbers[:, first:stop].copy()
    raw = np.frombuffer(data, np.uint8, chunk.end - chunk.position, chunk.position)
    rows = raw.reshape(chunk.count, 1 + chunk.stamp_bytes + stream.n_channels * size)
    times = np.full(chunk.count, math.nan)
    if chunk.stamp_bytes:
        times = np.ascontiguousarray(rows[:, 1 : 1 + STAMP]).view("<f8")[:, 0]
    begin = 1 + chunk.stamp_bytes
    values = np.ascontiguousarray(rows[:, begin + first * size : begin + stop * size])
    return times, values.view(stream.dtype).reshape(chunk.count, stop - first)


def _mixed_numbers(
    data: Buffer, stream: StreamInfo, chunk: Chunk, width: int
) -> tuple[np.ndarray, np.ndarray]:
    times = np.full(chunk.count, math.nan)
    values = np.empty((chunk.count, stream.n_channels), stream.dtype)
    position = chunk.position
    for k in range(chunk.count):
        if data[position]:
            times[k] = struct.unpack_from("<d", data, position + 1)[0]
            position += STAMP
        position += 1
        values[k] = np.frombuffer(data[position : position + width], stream.dtype)
        position += width
    return times, values
