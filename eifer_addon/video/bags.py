"""The colour stream of a ROS 1 bag, which is what Intel RealSense cameras record.

The names of topics and encodings are those that librealsense writes ("YUYV" for what ROS calls
yuv422_yuy2; "yuv422" means UYVY to both). Times are those at which the messages were recorded.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import Colorspace

from ..errors import EiferError
from .film import MOST_PIXELS, Frame, Video, VideoFacts, damaged_remedy

_IMAGE = "sensor_msgs/msg/Image"
#: What a topic of colour pictures is called, best first, and what is none.
_COLOUR, _OTHER = ("color", "colour", "rgb"), ("depth", "infrared", "fisheye", "confidence")
_NANO = 1e-9
_VARIABLE = 0.1
_Picture = Callable[[np.ndarray], np.ndarray]


def _of_yuyv(pixels: np.ndarray) -> np.ndarray:
    pixels = np.ascontiguousarray(pixels[:, : pixels.shape[1] // 2 * 2])
    frame = av.VideoFrame.from_ndarray(pixels, format="yuyv422")
    return frame.reformat(format="rgb24", src_colorspace=Colorspace.ITU601).to_ndarray()


#: Bytes of a pixel and how they become RGB, by encoding in small letters.
_ENCODINGS: dict[str, tuple[int, _Picture]] = {
    "rgb8": (3, np.ascontiguousarray),
    "bgr8": (3, lambda pixels: np.ascontiguousarray(pixels[..., ::-1])),
    "rgba8": (4, lambda pixels: np.ascontiguousarray(pixels[..., :3])),
    "bgra8": (4, lambda pixels: np.ascontiguousarray(pixels[..., 2::-1])),
    "mono8": (1, lambda pixels: np.repeat(pixels, 3, axis=2)),
    "8uc1": (1, lambda pixels: np.repeat(pixels, 3, axis=2)),
    "8uc3": (3, lambda pixels: np.ascontiguousarray(pixels[..., ::-1])),
    "yuyv": (2, _of_yuyv),
    "yuv422_yuy2": (2, _of_yuyv),
    "yuv422": (2, lambda pixels: _of_yuyv(pixels[..., ::-1])),
    "uyvy": (2, lambda pixels: _of_yuyv(pixels[..., ::-1])),
}


@dataclass(frozen=True)
class _Image:
    """A message of type sensor_msgs/Image."""

    width: int
    height: int
    encoding: str
    step: int
    data: memoryview

    @classmethod
    def of(cls, message: bytes) -> _Image:
        """Read the bytes of a message."""
        at = 12
        _, at = _text(message, at)
        height, width = struct.unpack_from("<II", message, at)
        encoding, at = _text(message, at + 8)
        _, step, length = struct.unpack_from("<BII", message, at)
        data = memoryview(message)[at + 9 : at + 9 + length]
        if len(data) < length or length < step * height:
            raise ValueError("its data are cut off")
        return cls(width, height, encoding, step, data)

    def picture(self) -> np.ndarray:
        """RGB (height, width, 3)."""
        size, convert = _ENCODINGS[self.encoding.lower()]
        if self.step < size * self.width or self.width * self.height > MOST_PIXELS:
            raise ValueError("its size makes no sense")
        rows = np.frombuffer(self.data, np.uint8, self.step * self.height)
        rows = rows.reshape(self.height, self.step)[:, : size * self.width]
        return convert(rows.reshape(self.height, self.width, size))


def _text(message: bytes, at: int) -> tuple[str, int]:
    (length,) = struct.unpack_from("<I", message, at)
    return message[at + 4 : at + 4 + length].decode("latin-1"), at + 4 + length


@contextmanager
def _reader(path: Path) -> Iterator[Any]:
    """An open bag, with what is wrong with it as a sentence."""
    from rosbags.rosbag1 import Reader, ReaderError

    damage = (
        ReaderError, OSError, ValueError, KeyError, IndexError, EOFError, RuntimeError,
        AssertionError, OverflowError, MemoryError, struct.error, zlib.error,
    )  # fmt: skip
    try:
        with Reader(path) as reader:
            yield reader
    except damage as error:
        said = str(error.args[0]) if error.args else type(error).__name__
        raise EiferError(
            f"{path.name} could not be read as a RealSense or ROS 1 bag: "
            f"{said[:1].lower()}{said[1:].rstrip('.')}.",
            "Copy it again, or repair it with: rosbag reindex.",
        ) from error


def _colour(connections: list[Any], name: str) -> Any:
    """The connection with the colour pictures."""
    pictures = [one for one in connections if one.msgtype == _IMAGE and one.msgcount]
    for word in _COLOUR:
        for one in pictures:
            if word in one.topic.lower():
                return one
    plain = [one for one in pictures if not any(word in one.topic.lower() for word in _OTHER)]
    if plain:
        return plain[0]
    topics = ", ".join(sorted({one.topic for one in connections})) or "none"
    raise EiferError(
        f"{name} holds no colour stream; its topics are: {topics[:300]}.",
        "Record the colour stream too.",
    )


class BagVideo(Video):
    """The colour stream of a bag.

    Parameters
    ----------
    path : pathlib.Path

    Raises
    ------
    EiferError
        When the file is no bag, is damaged, or holds no colour stream.
    """

    def __init__(self, path: Path) -> None:
        with _reader(path) as reader:
            connection = _colour(reader.connections, path.name)
            self._topic = str(connection.topic)
            # Two pictures of one moment: only one is a frame.
            times = np.unique([entry.time for entry in reader.indexes[connection.id]])
            image = _Image.of(next(reader.messages([connection]))[2])
        if image.encoding.lower() not in _ENCODINGS:
            raise EiferError(
                f"{path.name}: pictures in '{image.encoding}' are not known.",
                f"Record in one of {', '.join(_ENCODINGS)}.",
            )
        self._times = times.astype(np.int64)
        steps = np.diff(self._times) * _NANO
        step = float(np.median(steps)) if len(steps) else 0.0
        span = float(self._times[-1] - self._times[0]) * _NANO
        facts = VideoFacts(
            width=image.width, height=image.height, codec="rosbag", pixel_format=image.encoding,
            n_frames=len(times), rate_hz=len(steps) / span if span > 0 else 0.0,
            has_variable_rate=bool((np.abs(steps - step) > _VARIABLE * step).any()),
            duration_s=span + step,
        )  # fmt: skip
        super().__init__(path, facts)

    def _frames(self, start: int, stop: int | None, step: int, keep_going: bool) -> Iterator[Frame]:
        last = -1
        with _reader(self.path) as reader:
            wanted = [one for one in reader.connections if one.topic == self._topic]
            for _, time, message in reader.messages(wanted, int(self._times[start])):
                index = int(np.searchsorted(self._times, time))
                if stop is not None and index >= stop:
                    return
                if index == last or (index - start) % step:
                    continue
                last = index
                time_s = float(self._times[index] - self._times[0]) * _NANO
                picture = self._picture(index, time_s, message, keep_going)
                if picture is not None:
                    yield Frame(index, time_s, picture)

    def _picture(
        self, index: int, time_s: float, message: bytes, keep_going: bool
    ) -> np.ndarray | None:
        try:
            picture = _Image.of(message).picture()
            if picture.shape[:2] == (self.facts.height, self.facts.width):
                return picture
            reason = "it has another size"
        except (ValueError, KeyError, struct.error, av.error.FFmpegError) as error:
            reason = str(error)
        where = f"frame {index} ({time_s:.3f} s)"
        sentence = f"{self.path.name} is damaged at {where}: {reason}."
        if not keep_going:
            raise EiferError(sentence, damaged_remedy(index))
        self.damage.append(sentence)
        return None
