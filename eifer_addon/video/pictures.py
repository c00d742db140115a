"""Image sequences and single pictures as videos."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

import av
import numpy as np

from ..errors import EiferError
from .colours import UPRIGHT, Matrix, RgbConverter, orientation, rotation_deg
from .container import opened
from .film import MOST_PIXELS, Frame, Video, VideoFacts

SUFFIXES = frozenset(
    (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".exr", ".dpx", ".ppm", ".pgm")
    + (".tga", ".jp2", ".hdr", ".sgi", ".avif")
)
_NUMBER = re.compile(r"%0?\d*d|#+")
#: An Exif header lies at the begin of a file.
_EXIF_WITHIN, _ORIENTATION_TAG = 1 << 17, 0x0112
_BYTE_ORDERS = {b"II": "<", b"MM": ">"}
_EXIF: dict[int, Matrix] = {
    1: UPRIGHT,
    2: (-1, 0, 0, 1),
    3: (-1, 0, 0, -1),
    4: (1, 0, 0, -1),
    5: (0, 1, 1, 0),
    6: (0, 1, -1, 0),
    7: (0, -1, -1, 0),
    8: (0, -1, 1, 0),
}


def is_pattern(path: Path) -> bool:
    """Whether a path names many pictures by ``%04d`` or ``####``."""
    return bool(_NUMBER.search(path.name)) and not path.exists()


def open_pictures(path: Path, rate_hz: float) -> Video:
    """A folder, a pattern or a single picture.

    Parameters
    ----------
    path : pathlib.Path
        A folder, a picture, or a name with ``%04d`` or ``####`` where the number stands.
    rate_hz : float
        Frames per second of a sequence.

    Raises
    ------
    EiferError
        When there is no picture, or the rate is not above 0.
    """
    if not rate_hz > 0:
        raise EiferError(f"A rate of {rate_hz} frames/s is not above 0.", "Give frames per second.")
    if path.is_dir():
        files = [f for f in path.iterdir() if f.suffix.lower() in SUFFIXES and f.name[0] != "."]
        files.sort(key=_natural)
    elif path.is_file():
        files = [path]
    else:
        match = _NUMBER.search(path.name)
        before, after = (path.name, "") if match is None else _NUMBER.split(path.name, maxsplit=1)
        name = re.compile(re.escape(before) + r"\d+" + re.escape(after))
        folder = path.parent if path.parent.is_dir() else None
        files = [f for f in folder.iterdir() if name.fullmatch(f.name)] if folder else []
        files.sort(key=_natural)
    if not files:
        raise EiferError(f"{path} names no picture.", f"Known are {', '.join(sorted(SUFFIXES))}.")
    return PictureVideo(path, files, rate_hz)


def _natural(path: Path) -> list[tuple[int, str]]:
    """Numbers in a name by their value: 9 before 10."""
    return [(int(p), "") if p.isdigit() else (0, p) for p in re.split(r"(\d+)", path.name.lower())]


def _numbers(files: Sequence[Path]) -> np.ndarray:
    """How many frame times after the first each picture was taken.

    When the names differ by one number only, a missing number is a dropped frame and takes its
    time; otherwise the pictures follow each other.
    """
    parts = [re.split(r"(\d+)", f.name) for f in files]
    if len({len(p) for p in parts}) == 1:
        differ = [k for k in range(len(parts[0])) if len({p[k] for p in parts}) > 1]
        if len(differ) == 1 and differ[0] % 2:
            numbers = np.array([int(p[differ[0]]) for p in parts], np.int64)
            if len(np.unique(numbers)) == len(numbers):
                return numbers - numbers[0]
    return np.arange(len(files))


class PictureVideo(Video):
    """Pictures in files of their own.

    Parameters
    ----------
    path : pathlib.Path
        What the user named.
    files : sequence of pathlib.Path
        The pictures in order.
    rate_hz : float
    """

    def __init__(self, path: Path, files: Sequence[Path], rate_hz: float) -> None:
        self._files = tuple(files)
        self._numbers = _numbers(files)
        self._rate_hz = rate_hz
        picture, frame, codec = read_picture(files[0])
        last, single = int(self._numbers[-1]), len(files) == 1
        facts = VideoFacts(
            width=picture.shape[1],
            height=picture.shape[0],
            codec=codec,
            pixel_format=frame.format.name,
            n_frames=len(files),
            rate_hz=0.0 if single else (len(files) - 1) * rate_hz / last,
            rotation_deg=rotation_deg(orientation(frame)),
            has_variable_rate=last >= len(files),
            has_times=False,
            duration_s=(last + 1) / rate_hz,
        )
        super().__init__(path, facts)

    @property
    def files(self) -> tuple[Path, ...]:
        """The pictures in order."""
        return self._files

    def _frames(self, start: int, stop: int | None, step: int, keep_going: bool) -> Iterator[Frame]:
        for index in range(len(self._files))[start:stop:step]:
            try:
                picture = self._picture(index)
            except EiferError as error:
                if not keep_going:
                    raise
                self.damage.append(error.cause)
                continue
            yield Frame(index, float(self._numbers[index] / self._rate_hz), picture)

    def _picture(self, index: int) -> np.ndarray:
        file = self._files[index]
        try:
            picture = read_picture(file)[0]
        except EiferError as error:
            raise EiferError(f"Frame {index}: {error.cause}", error.remedy) from error
        height, width = picture.shape[:2]
        if (width, height) != (self.facts.width, self.facts.height):
            raise EiferError(
                f"Frame {index} ({file.name}) is {width} x {height}, the first one is "
                f"{self.facts.width} x {self.facts.height}.",
                "Keep pictures of one size in the sequence.",
            )
        return picture


def exif_matrix(path: Path) -> Matrix | None:
    """The display matrix that a photograph's Exif orientation asks for, None without one.

    FFmpeg passes it on too, but PyAV gives its angle only, which is the same for a mirroring.
    """
    with path.open("rb") as file:
        head = file.read(_EXIF_WITHIN)
    start = head.find(b"Exif\0\0") + 6
    if start < 6 or head[start : start + 2] not in _BYTE_ORDERS:
        return None
    order = _BYTE_ORDERS[head[start : start + 2]]
    try:
        (offset,) = struct.unpack_from(order + "I", head, start + 4)
        (count,) = struct.unpack_from(order + "H", head, start + offset)
        for entry in range(count):
            at = start + offset + 2 + 12 * entry
            tag, _, _, value = struct.unpack_from(order + "HHIH", head, at)
            if tag == _ORIENTATION_TAG:
                return _EXIF.get(value)
    except struct.error:  # a damaged header turns nothing
        return None
    return None


def read_picture(path: Path) -> tuple[np.ndarray, av.VideoFrame, str]:
    """The first picture of a file: RGB upright, the decoded frame, and its codec's name."""
    with opened(path) as (container, stream):
        frame = next(container.decode(stream), None)
        if frame is None:
            raise EiferError(f"{path.name} holds no picture.", "Choose another file.")
        if frame.width * frame.height > MOST_PIXELS:
            raise EiferError(
                f"{path.name} claims {frame.width} x {frame.height} pixels, too many to read.",
                "Scale it down.",
            )
        matrix = exif_matrix(path) or orientation(frame)
        picture = RgbConverter((frame.width, frame.height))(frame, matrix)
        return picture, frame, stream.codec_context.name
