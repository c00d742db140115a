"""When picture and sound of a file begin, without decoding either."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .container import opened
from .pictures import SUFFIXES, is_pattern


@dataclass(frozen=True)
class FilmClock:
    """The beginnings of a film's streams.

    Attributes
    ----------
    picture_s : float
        The first picture's time on the file's clock.
    sound_s : float or None
        The first sound's time on the same clock; None where the film is silent.
    """

    picture_s: float = 0.0
    sound_s: float | None = None

    @property
    def sound_after_s(self) -> float:
        """How much later than the picture the sound begins; below 0 where it begins earlier."""
        return 0.0 if self.sound_s is None else self.sound_s - self.picture_s


def film_clock(path: str | Path) -> FilmClock:
    """When picture and sound of a video begin.

    Parameters
    ----------
    path : path-like
        A video file; pictures have no clock and no sound.

    Raises
    ------
    EiferError
        When the file cannot be read as video.
    """
    path = Path(path)
    if path.is_dir() or is_pattern(path) or path.suffix.lower() in {*SUFFIXES, ".bag"}:
        return FilmClock()
    with opened(path) as (container, picture):
        sounds = [stream for stream in container.streams.audio if stream.codec_context is not None]
        sound_s = _start_s(sounds[0]) if sounds else None
        return FilmClock(_start_s(picture), sound_s)


def _start_s(stream: object) -> float:
    start, base = getattr(stream, "start_time", None), getattr(stream, "time_base", None)
    return 0.0 if start is None or base is None else float(start * base)
