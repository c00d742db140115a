"""What a clean film keeps of the original: its clock, the coding of its colours, its sound."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av

from .clock import FilmClock, film_clock
from .colours import hdr_name
from .container import opened
from .film import Video
from .pictures import SUFFIXES
from .remove_pieces import Colours

#: Kinds of sound that an mp4 takes as they are.
_KEPT = frozenset({"aac", "mp3", "ac3", "eac3", "alac", "flac", "opus"})
_BT709 = 1
_PICTURES_TICK = Fraction(1, 90_000)
_BIT_RATE, _LAYOUTS = 192_000, {1: "mono", 2: "stereo"}


@dataclass(frozen=True)
class Original:
    """Facts of a film that its frames do not tell.

    Attributes
    ----------
    path : pathlib.Path
    tick : Fraction
        Seconds of the unit in which its times are exact.
    clock : FilmClock
        When picture and sound begin.
    colours : Colours
    is_film : bool
        False for pictures and bags, which have neither clock nor sound.
    """

    path: Path
    tick: Fraction
    clock: FilmClock
    colours: Colours
    is_film: bool

    @classmethod
    def of(cls, video: Video) -> Original:
        """Look at a film that was opened.

        Raises
        ------
        EiferError
            When the file cannot be read.
        """
        path = video.path
        if not path.is_file() or path.suffix.lower() in {*SUFFIXES, ".bag"}:
            return cls(path, _PICTURES_TICK, FilmClock(), Colours(), is_film=False)
        with opened(path) as (container, stream):
            tick = stream.time_base or _PICTURES_TICK
            colours = _colours(container, stream)
        return cls(
            path, Fraction(tick.numerator, tick.denominator), film_clock(path), colours,
            is_film=True,
        )  # fmt: skip


def _colours(container: av.container.InputContainer, stream: av.VideoStream) -> Colours:
    for packet in container.demux(stream):
        try:
            frames = packet.decode()
        except av.error.FFmpegError:
            continue
        for frame in frames:
            # Film of high dynamic range is read as standard range, which is BT.709.
            if hdr_name(frame):
                return Colours(_BT709, _BT709, _BT709)
            numbers = frame.color_primaries, frame.color_trc, frame.colorspace
            return Colours(*(int(number) for number in numbers))
    return Colours()


class Sound:
    """The sound of a film, packet by packet, for another container.

    Parameters
    ----------
    original : Original
    output : av.container.OutputContainer
        Gets a stream for each one of the original's.
    begin_s, end_s : float
        What is taken, on the original's clock.
    offset_s : float
        What is taken from all times.

    Attributes
    ----------
    how : str
        "copied", "encoded again", or "none".
    """

    def __init__(
        self, original: Original, output: Any, begin_s: float, end_s: float, offset_s: float
    ) -> None:
        self._stack, self.how = ExitStack(), "none"
        self._begin_s, self._end_s, self._offset_s = begin_s, end_s, offset_s
        self._streams: dict[int, Any] = {}
        self._packets: Iterator[tuple[float, Any]] = iter(())
        self._waiting: tuple[float, Any] | None = None
        if not original.is_film or original.clock.sound_s is None:
            return
        container, _ = self._stack.enter_context(opened(original.path))
        sounds = [one for one in container.streams.audio if one.codec_context is not None]
        for stream in sounds:
            self._streams[stream.index] = self._output_for(output, stream)
        self._packets = self._read(container, sounds)

    def _output_for(self, output: Any, stream: Any) -> Any:
        if stream.codec_context.name in _KEPT:
            self.how = "copied" if self.how == "none" else self.how
            return output.add_stream_from_template(stream)
        self.how = "encoded again"
        coded = stream.codec_context
        encoder = output.add_stream("aac", rate=coded.sample_rate)
        # Old files say how many channels there are, but not which.
        layout = _LAYOUTS.get(coded.layout.nb_channels, coded.layout.name)
        encoder.bit_rate, encoder.layout, encoder.format = _BIT_RATE, layout, "fltp"
        return encoder

    def until(self, time_s: float) -> Iterator[Any]:
        """The packets that are heard up to a time of the new film."""
        while True:
            if self._waiting is None:
                self._waiting = next(self._packets, None)
            if self._waiting is None or self._waiting[0] > time_s:
                return
            packet, self._waiting = self._waiting[1], None
            yield packet

    def _read(self, container: Any, sounds: list[Any]) -> Iterator[tuple[float, Any]]:
        try:
            for packet in container.demux(sounds):
                if packet.pts is None or packet.size == 0:
                    continue
                heard_s = float(packet.pts * packet.time_base)
                length_s = float((packet.duration or 0) * packet.time_base)
                if heard_s + length_s > self._begin_s and heard_s < self._end_s:
                    yield from self._given(packet, heard_s - self._offset_s)
        except av.error.FFmpegError:
            pass  # what follows is unreadable; the pictures say so
        for encoder in self._streams.values():
            if getattr(encoder.codec_context, "is_encoder", False):
                yield from ((self._end_s, packet) for packet in encoder.encode(None))

    def _given(self, packet: Any, heard_s: float) -> Iterator[tuple[float, Any]]:
        """A packet for the new film; of a kind that an mp4 does not take, its sound encoded."""
        output = self._streams[packet.stream.index]
        if packet.stream.codec_context.name in _KEPT:
            packet.pts -= round(self._offset_s / packet.time_base)
            packet.dts = packet.pts
            packet.stream = output
            yield heard_s, packet
            return
        for frame in packet.decode():
            if frame.pts is not None:
                frame.pts -= round(self._offset_s / frame.time_base)
            for encoded in output.encode(frame):
                yield heard_s, encoded

    def close(self) -> None:
        """Close the original."""
        self._stack.close()
