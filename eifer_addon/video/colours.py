"""Decoded frames as plain RGB: interlacing, dynamic range, pixel shape and rotation undone."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.video.reformatter import Colorspace

from .dynamic_range import write_cube

#: ITU-T H.273 numbers of the transfer functions of high dynamic range.
_HDR = {16: "PQ", 18: "HLG"}
_UNKNOWN_MATRIX = 2
_HD_LINES = 720
_FULL_RANGE = 2
_TICK = Fraction(1, 90_000)

Matrix = tuple[int, int, int, int]
UPRIGHT: Matrix = (1, 0, 0, 1)
#: Matrices of counterclockwise turns by 0, 90, 180 and 270 degrees.
_TURNS: tuple[Matrix, ...] = (UPRIGHT, (0, -1, 1, 0), (-1, 0, 0, -1), (0, 1, -1, 0))


def hdr_name(frame: av.VideoFrame) -> str:
    """Which high dynamic range a frame has: "PQ", "HLG", or empty for none."""
    return _HDR.get(int(frame.color_trc), "")


def orientation(frame: av.VideoFrame) -> Matrix:
    """The frame's display matrix in steps of 90 degrees.

    Returns
    -------
    tuple of int
        a, b, c, d of ``x' = a x + c y, y' = b x + d y`` with y downwards, each -1, 0 or 1.
    """
    try:
        data = frame.side_data.get("DISPLAYMATRIX")
    except ValueError:  # PyAV knows no name for some other side data of the frame
        return _TURNS[round(frame.rotation / 90) % 4]
    if data is None:
        return UPRIGHT
    # PyAV's side data has the buffer protocol, which its types do not say.
    a, b, _, c, d = np.frombuffer(memoryview(cast(bytes, data)), np.int32)[:5].astype(int)
    if abs(a) >= abs(b):
        return (-1 if a < 0 else 1), 0, 0, (-1 if d < 0 else 1)
    return 0, (-1 if b < 0 else 1), (-1 if c < 0 else 1), 0


def rotation_deg(matrix: Matrix) -> int:
    """Clockwise degrees of a display matrix, a mirroring left aside."""
    return round(float(np.degrees(np.arctan2(matrix[1], matrix[0])))) % 360


def turned(picture: np.ndarray, matrix: Matrix) -> np.ndarray:
    """A picture (H, W, 3) as its display matrix wants it shown."""
    a, b, c, d = matrix
    if a == 0:
        picture = picture.transpose(1, 0, 2)
    picture = picture[:: -1 if b + d < 0 else 1, :: -1 if a + c < 0 else 1]
    return np.ascontiguousarray(picture)


def square_size(frame: av.VideoFrame, aspect: float) -> tuple[int, int]:
    """Width and height before turning, with square pixels."""
    return max(round(frame.width * aspect), 1), frame.height


class RgbConverter:
    """Frames to RGB arrays of one size, whatever the frames are.

    Parameters
    ----------
    size : tuple of int
        Width and height before turning.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        self._size = size
        self._key: tuple[object, ...] = ()
        self._graph: av.filter.Graph | None = None

    def __call__(self, frame: av.VideoFrame, matrix: Matrix | None = None) -> np.ndarray:
        """A frame as uint8 (height, width, 3); the matrix is the frame's own by default."""
        matrix = orientation(frame) if matrix is None else matrix
        if hdr_name(frame):
            frame = self._mapped(frame)
        width, height = self._size
        unknown = int(frame.colorspace) == _UNKNOWN_MATRIX
        # Untagged video follows the habit of players: the matrix of its resolution's standard.
        guess = Colorspace.ITU709 if frame.height >= _HD_LINES else Colorspace.ITU601
        rgb = frame.reformat(
            width, height, format="rgb24", src_colorspace=guess if unknown else None
        )
        return turned(rgb.to_ndarray(), matrix)

    def _mapped(self, frame: av.VideoFrame) -> av.VideoFrame:
        """High dynamic range as standard range, by a table that FFmpeg looks up."""
        key = frame.width, frame.height, frame.format.name, frame.color_trc, frame.color_range
        if self._graph is None or key != self._key:
            self._key, self._graph = key, _hdr_graph(frame)
        frame.pts = 0
        self._graph.vpush(frame)
        return self._graph.vpull()


def _hdr_graph(frame: av.VideoFrame) -> av.filter.Graph:
    scope = "full" if int(frame.color_range) == _FULL_RANGE else "limited"
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=_TICK
    )
    with tempfile.TemporaryDirectory() as folder:
        cube = Path(folder) / "hdr.cube"
        write_cube(cube, hdr_name(frame))
        # The table is read here; as an option of its own its path needs no quoting.
        table = graph.add("lut3d", file=str(cube))
    graph.link_nodes(
        source,
        graph.add("scale", f"in_color_matrix=bt2020:in_range={scope}:out_range=full"),
        graph.add("format", "gbrp12le"),
        table,
        graph.add("format", "rgb24"),
        graph.add("buffersink"),
    ).configure()
    return graph


class Deinterlacer:
    """Whole pictures from frames whose two fields show two moments; others pass unchanged.

    The filter (bwdif) looks one frame ahead; `flush` gives the last one. Frames keep their order
    and their number, so the caller's own record of times stays valid.
    """

    def __init__(self) -> None:
        self._key: tuple[object, ...] = ()
        self._graph: av.filter.Graph | None = None

    def push(self, frame: av.VideoFrame) -> Iterator[av.VideoFrame]:
        """Frames that are ready after one more."""
        if self._graph is None and not frame.interlaced_frame:
            yield frame
            return
        key = frame.width, frame.height, frame.format.name
        if self._graph is None or key != self._key:
            yield from self.flush()
            self._key, self._graph = key, self._build(frame)
        self._graph.vpush(frame)
        yield from self._ready()

    def flush(self) -> Iterator[av.VideoFrame]:
        """What is still held back."""
        if self._graph is not None:
            self._graph.vpush(None)
            yield from self._ready()
            self._graph = None

    def _ready(self) -> Iterator[av.VideoFrame]:
        while self._graph is not None:
            try:
                yield self._graph.vpull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return

    @staticmethod
    def _build(frame: av.VideoFrame) -> av.filter.Graph:
        graph = av.filter.Graph()
        graph.link_nodes(
            graph.add_buffer(
                width=frame.width, height=frame.height, format=frame.format, time_base=_TICK
            ),
            graph.add("bwdif", "mode=send_frame:deint=interlaced"),
            graph.add("buffersink"),
        ).configure()
        return graph
