"""Video files, decoded by FFmpeg's libraries through PyAV."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from ..errors import EiferError
from ..files import load_npz, save_npz
from .colours import (
    Deinterlacer,
    Matrix,
    RgbConverter,
    hdr_name,
    orientation,
    rotation_deg,
    square_size,
    turned,
)
from .film import MOST_PIXELS, Frame, Video, VideoFacts, damaged_remedy

#: A playlist must not make FFmpeg open other files or the network.
_OPTIONS = {"protocol_whitelist": "file", "pattern_type": "none"}
#: FFmpeg draws a terminal for any text file.
_NOT_FILM = {"tty"}
_WITHOUT_TIMES = {"avi"}
#: Blender and other renderers write EXR in linear light; FFmpeg shows it so unless told.
_DECODER_OPTIONS = {"exr": {"apply_trc": "iec61966_2_1"}}
#: From version 19 on PyAV reads titles in any encoding, and cannot be told how.
_TITLES_BY_ITSELF = int(av.__version__.partition(".")[0]) >= 19
_VARIABLE = 0.1
_INDEX = "video_index"
#: From so many frames on, jumping to a key frame is quicker than decoding all.
_WORTH_A_SEEK = 50
_NOMINAL_HZ = 25.0


@contextmanager
def opened(
    path: Path, *, threads: bool = True
) -> Iterator[tuple[av.container.InputContainer, av.VideoStream]]:
    """A file and its first moving picture stream, with FFmpeg's errors as sentences."""
    try:
        # The prefix keeps a file called "http:..." from being taken for an address.
        with _open(f"file:{path}") as container:
            stream = _picture_stream(container, path.name)
            stream.thread_type = "AUTO" if threads else "NONE"
            yield container, stream
    except (OSError, av.error.FFmpegError) as error:
        empty = path.is_file() and path.stat().st_size == 0
        reason = "it is empty" if empty else getattr(error, "strerror", None) or str(error)
        reason = reason[:1].lower() + reason[1:]
        raise EiferError(
            f"{path.name} could not be read as video: {reason}.",
            "Copy it again from where it was recorded, or choose another file.",
        ) from error


def _open(address: str) -> av.container.InputContainer:
    """Open a file whose titles and comments may be in any encoding; they do not matter."""
    if _TITLES_BY_ITSELF:
        return av.open(address, options=_OPTIONS)
    return av.open(address, options=_OPTIONS, metadata_errors="replace")


def _picture_stream(container: av.container.InputContainer, name: str) -> av.VideoStream:
    if container.format.name in _NOT_FILM:
        raise EiferError(f"{name} holds text, no video.", "Choose another file.")
    moving = [s for s in container.streams.video if not _is_cover(s)]
    if not moving:
        sound = "only sound" if container.streams.audio else "no picture"
        raise EiferError(f"{name} holds {sound}, no video.", "Choose a file with a picture.")
    stream = moving[0]
    if stream.codec_context is None:
        raise EiferError(
            f"{name} is coded in a way that cannot be read here.",
            "Convert it to H.264 in an mp4 file.",
        )
    stream.codec_context.options = _DECODER_OPTIONS.get(stream.codec_context.name, {})
    return stream


def _is_cover(stream: av.VideoStream) -> bool:
    return bool(stream.disposition & av.stream.Disposition.attached_pic)


@dataclass(frozen=True)
class Packets:
    """What a walk over the coded packets tells, without decoding: how many there are, and when.

    `ordered` is whether a frame's own time tells its number; otherwise frames are counted. `keys`
    are the numbers of the frames that need no others.
    """

    count: int
    ticks: np.ndarray | None
    ordered: bool
    time_base: Fraction
    rate_hz: float
    keys: np.ndarray

    def seconds(self, index: int) -> float:
        """A frame's time after the first one."""
        if self.ticks is None or index >= len(self.ticks):
            return index / self.rate_hz
        return float((self.ticks[index] - self.ticks[0]) * self.time_base)

    def save(self, path: Path) -> None:
        """Write it for another process, which need not walk over the file again."""
        arrays = {"keys": self.keys} | ({} if self.ticks is None else {"ticks": self.ticks})
        base = self.time_base.as_integer_ratio()
        meta = {"count": self.count, "ordered": self.ordered, "base": base, "rate": self.rate_hz}
        save_npz(path, _INDEX, 1, arrays, meta)

    @classmethod
    def load(cls, path: Path) -> Packets:
        """Read what `save` wrote."""
        arrays, meta, _ = load_npz(path, _INDEX, 1)
        return cls(
            meta["count"], arrays.get("ticks"), meta["ordered"], Fraction(*meta["base"]),
            meta["rate"], arrays["keys"],
        )  # fmt: skip


def _walk(container: av.container.InputContainer, stream: av.VideoStream) -> Packets:
    shown, decoded, keys, count, n_keys = array("q"), array("q"), array("q"), 0, 0
    try:
        for packet in container.demux(stream):
            if packet.size == 0 or packet.is_discard or packet.is_corrupt:
                continue
            count += 1
            if packet.pts is not None:
                shown.append(packet.pts)
            if packet.dts is not None:
                decoded.append(packet.dts)
            if packet.is_keyframe:
                n_keys += 1
                if packet.pts is not None:
                    keys.append(packet.pts)
    except av.error.FFmpegError:
        pass  # what follows is unreadable, and is named when decoding arrives there
    rate = float(stream.guessed_rate or stream.average_rate or _NOMINAL_HZ)
    # AVI stores the order of decoding only, from which FFmpeg guesses the times of display; where
    # every frame stands for itself, the two are the same.
    guessed = container.format.name in _WITHOUT_TIMES and n_keys < count
    ordered = 0 < len(shown) == count and not guessed
    ticks = np.unique(shown if ordered else decoded)
    known = ticks if ordered or 0 < len(decoded) == count else None
    starts = np.searchsorted(ticks, np.unique(keys)) if ordered else np.zeros(1, np.int64)
    tick = stream.time_base or Fraction(1, 90_000)
    # PyAV 19 has a kind of fraction of its own, which does not compute.
    tick = Fraction(tick.numerator, tick.denominator)
    return Packets(count, known, ordered, tick, rate, starts)


class ContainerVideo(Video):
    """A video in a file.

    Parameters
    ----------
    path : pathlib.Path
    packets : Packets, optional
        From another reading of the same file.
    threads : bool
        Whether the decoder may use several cores.

    Raises
    ------
    EiferError
        When the file holds no video that can be read.
    """

    def __init__(self, path: Path, packets: Packets | None = None, *, threads: bool = True) -> None:
        self._threads = threads
        if packets is None:
            with opened(path) as (container, stream):
                packets = _walk(container, stream)
        self._packets = packets
        with opened(path, threads=threads) as (container, stream):
            frame = self._first(path, container, stream)
            self._size = square_size(frame, _aspect(stream))
            self._matrix, self._rotation = orientation(frame), frame.rotation
            if self._size[0] * self._size[1] > MOST_PIXELS:
                raise EiferError(
                    f"{path.name} claims {frame.width} x {frame.height} pixels, too many to read.",
                    "Scale it down.",
                )
            facts = self._facts(container, stream, frame)
        super().__init__(path, facts)

    @property
    def entries(self) -> np.ndarray:
        """Numbers of frames at which decoding can begin, int64, increasing."""
        return self._packets.keys

    def save_index(self, path: Path) -> None:
        """Keep what is known of the file's frames for `decode.open_video` in another process."""
        self._packets.save(path)

    @staticmethod
    def _first(
        path: Path, container: av.container.InputContainer, stream: av.VideoStream
    ) -> av.VideoFrame:
        for packet in container.demux(stream):
            try:
                for frame in packet.decode():
                    return frame
            except av.error.FFmpegError:
                continue
        raise EiferError(f"{path.name} holds no frame that can be decoded.", "Copy it again.")

    def _facts(
        self, container: av.container.InputContainer, stream: av.VideoStream, frame: av.VideoFrame
    ) -> VideoFacts:
        p, matrix = self._packets, self._matrix
        width, height = self._size if matrix[0] else self._size[::-1]
        times = np.array([]) if p.ticks is None else (p.ticks - p.ticks[0]) * float(p.time_base)
        steps = np.diff(times)
        step = float(np.median(steps)) if len(steps) else 1 / p.rate_hz
        span = float(times[-1]) if len(times) else (p.count - 1) / p.rate_hz
        # A step may differ by a tick, because clocks of files are coarse.
        uneven = np.abs(steps - step) > max(_VARIABLE * step, 1.01 * float(p.time_base))
        return VideoFacts(
            width=width,
            height=height,
            codec=stream.codec_context.name,
            pixel_format=frame.format.name,
            n_frames=p.count if p.ticks is None else len(p.ticks),
            rate_hz=(p.count - 1) / span if span > 0 else 0.0,
            rotation_deg=rotation_deg(matrix),
            has_variable_rate=bool(uneven.any()),
            has_times=p.ticks is not None,
            duration_s=span + step,
            start_s=0.0 if p.ticks is None else float(p.ticks[0] * p.time_base),
            has_sound=bool(container.streams.audio),
            is_interlaced=bool(frame.interlaced_frame),
            hdr=hdr_name(frame),
        )

    def _frames(self, start: int, stop: int | None, step: int, keep_going: bool) -> Iterator[Frame]:
        convert = RgbConverter(self._size)
        last = -1
        for index, time_s, frame, matrix in self._whole(start, keep_going):
            # A frame that is shown twice tells nothing new.
            if index > last and index >= start and (index - start) % step == 0:
                last = index
                picture = convert(frame, matrix)
                if picture.shape[:2] != (self.facts.height, self.facts.width):
                    picture = turned(picture, (0, 1, -1, 0))
                yield Frame(index, time_s, picture)
            # Ended here and not at the next frame, which may be damaged.
            if stop is not None and index + 1 >= stop:
                return

    def _whole(
        self, start: int, keep_going: bool
    ) -> Iterator[tuple[int, float, av.VideoFrame, Matrix]]:
        """Numbered, timed, deinterlaced frames from `start` or somewhat earlier."""
        ticks = self._packets.ticks
        if start >= _WORTH_A_SEEK and ticks is not None and self._packets.ordered:
            frames = self._numbered(int(ticks[start]), keep_going)
            first = next(frames, None)
            # A container without a good index may land too late; then all is decoded.
            if first is not None and first[0] <= start:
                yield first
                yield from frames
                return
        yield from self._numbered(None, keep_going)

    def _numbered(
        self, seek: int | None, keep_going: bool
    ) -> Iterator[tuple[int, float, av.VideoFrame, Matrix]]:
        waiting: deque[tuple[int, float, Matrix]] = deque()
        filtered = Deinterlacer()
        for count, frame in enumerate(self._decoded(seek, keep_going)):
            index = self._index(frame, count)
            waiting.append((index, self._packets.seconds(index), self._turn(frame)))
            for whole in filtered.push(frame):
                number, time_s, matrix = waiting.popleft()
                yield number, time_s, whole, matrix
        for whole in filtered.flush():
            number, time_s, matrix = waiting.popleft()
            yield number, time_s, whole, matrix

    def _turn(self, frame: av.VideoFrame) -> Matrix:
        # Side data and frame hold each other in PyAV, which keeps the pixels until Python looks
        # for such circles; the plain angle does not.
        return self._matrix if frame.rotation == self._rotation else orientation(frame)

    def _index(self, frame: av.VideoFrame, count: int) -> int:
        ticks = self._packets.ticks
        if ticks is None or frame.pts is None or not self._packets.ordered:
            return count
        return min(int(np.searchsorted(ticks, frame.pts)), len(ticks) - 1)

    def _decoded(self, seek: int | None, keep_going: bool) -> Iterator[av.VideoFrame]:
        """Frames as they are stored; a damaged place ends them or is left out."""
        last = -1
        with opened(self.path, threads=self._threads) as (container, stream):
            if seek is not None:
                container.seek(seek, stream=stream)
            packets = container.demux(stream)
            while True:
                reason = ""
                frames: Sequence[av.VideoFrame] = ()
                try:
                    packet = next(packets, None)
                    if packet is None:
                        return
                    if packet.is_corrupt:
                        reason = "a part of the file is missing"
                    else:
                        frames = packet.decode()
                except av.error.FFmpegError as error:
                    reason = str(error.strerror).lower()
                if reason and not keep_going:
                    frames = _held_back(stream)
                for frame in frames:
                    last = self._index(frame, last + 1)
                    yield frame
                if reason:
                    self._damaged(last + 1, reason, keep_going)

    def _damaged(self, index: int, reason: str, keep_going: bool) -> None:
        where = f"frame {index} ({self._packets.seconds(index):.3f} s)"
        sentence = f"{self.path.name} is damaged at {where}: {reason}."
        if not keep_going:
            raise EiferError(sentence, damaged_remedy(index))
        self.damage.append(sentence)


def _held_back(stream: av.VideoStream) -> Sequence[av.VideoFrame]:
    """Whole frames that the decoder has read and not given out yet."""
    try:
        return stream.codec_context.decode(None)
    except av.error.FFmpegError:
        return ()


def _aspect(stream: av.VideoStream) -> float:
    """How much wider than high a stored pixel is shown."""
    ratio = float(stream.sample_aspect_ratio or 1)
    return ratio if 0.1 < ratio < 10 else 1.0
