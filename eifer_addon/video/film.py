"""What a video is to the rest of the add-on: facts, and frames one at a time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import EiferError

#: More pixels than 16K film has are a damaged header, and would not fit into memory.
MOST_PIXELS = 1 << 27


@dataclass(frozen=True)
class Frame:
    """One picture of a video.

    Attributes
    ----------
    index : int
        Its number in the file, from 0, in the order of display.
    timestamp_s : float
        Seconds after the file's first frame, by the file's own timestamps.
    image : numpy.ndarray
        uint8 (height, width, 3), RGB of standard dynamic range, upright, with square pixels.
    """

    index: int
    timestamp_s: float
    image: np.ndarray


@dataclass(frozen=True)
class VideoFacts:
    """What is known of a video before its frames are decoded.

    Attributes
    ----------
    width, height : int
        Of the frames as they are given out: upright, with square pixels.
    rotation_deg : int
        By how much the stored pictures are turned clockwise to be upright: 0, 90, 180 or 270.
    codec, pixel_format : str
        FFmpeg's names.
    n_frames : int
        Pictures in the file, counted, not taken from its header.
    rate_hz : float
        Frames per second on average; 0 for a single picture.
    has_variable_rate : bool
        Whether some frame is shown more than a tenth longer or shorter than the median one.
    has_times : bool
        False where the file has no timestamps and they are made up from the nominal rate.
    duration_s : float
        From the first frame's begin to the last frame's end.
    start_s : float
        The first frame's time on the clock of the file, on which its sound lies too.
    has_sound : bool
    is_interlaced : bool
        Judged by the first frame.
    hdr : str
        "PQ", "HLG", or empty for standard dynamic range.
    """

    width: int
    height: int
    codec: str
    pixel_format: str
    n_frames: int
    rate_hz: float
    rotation_deg: int = 0
    has_variable_rate: bool = False
    has_times: bool = True
    duration_s: float = 0.0
    start_s: float = 0.0
    has_sound: bool = False
    is_interlaced: bool = False
    hdr: str = ""

    def describe(self) -> str:
        """One line for a person."""
        rate = f"{self.rate_hz:.4g} frames/s{' on average' if self.has_variable_rate else ''}"
        words = [f"{self.width} x {self.height}", rate, f"{self.n_frames} frames"]
        words += [f"{self.duration_s:.2f} s", f"{self.codec} {self.pixel_format}"]
        words += [self.hdr] if self.hdr else []
        words += ["interlaced"] if self.is_interlaced else []
        words += [f"turned by {self.rotation_deg} degrees"] if self.rotation_deg else []
        return ", ".join([*words, "with sound" if self.has_sound else "silent"])


class Video(ABC):
    """A video, an image sequence or a single picture; see `decode.open_video`.

    Attributes
    ----------
    path : pathlib.Path
    facts : VideoFacts
    damage : list of str
        A sentence for each place that the latest `frames` had to leave out.
    """

    def __init__(self, path: Path, facts: VideoFacts) -> None:
        self.path, self.facts = path, facts
        self.damage: list[str] = []

    @property
    def files(self) -> tuple[Path, ...]:
        """All files that the video consists of."""
        return (self.path,)

    @property
    def entries(self) -> np.ndarray:
        """Numbers of frames at which decoding can begin, int64, increasing."""
        return np.arange(self.facts.n_frames)

    def save_index(self, path: Path) -> None:  # noqa: B027  # most have nothing to keep
        """Keep what is known of the file's frames for `decode.open_video` in another process."""

    def frames(
        self, start: int = 0, stop: int | None = None, step: int = 1, *, keep_going: bool = False
    ) -> Iterator[Frame]:
        """Decode frame by frame; only what the decoder needs is kept in memory.

        Parameters
        ----------
        start, stop : int
            Numbers of the first frame and of the one after the last; None is the end.
        step : int
            Give every `step`-th frame, counted from `start`.
        keep_going : bool
            Leave damaged places out, and name them in `damage`, instead of stopping there.

        Raises
        ------
        EiferError
            When the range is empty or a frame cannot be decoded; names the frame and its time.
        """
        if start < 0 or step < 1 or (stop is not None and stop <= start):
            raise EiferError(
                f"Frames {start} to {stop} in steps of {step} are no range of {self.path.name}.",
                "Give a first frame from 0, a later last frame and a step of at least 1.",
            )
        if start >= self.facts.n_frames:
            raise EiferError(
                f"{self.path.name} has {self.facts.n_frames} frames, none with number {start}.",
                "Begin at an earlier frame.",
            )
        self.damage = []
        return self._frames(start, stop, step, keep_going)

    @abstractmethod
    def _frames(
        self, start: int, stop: int | None, step: int, keep_going: bool
    ) -> Iterator[Frame]: ...


def damaged_remedy(index: int) -> str:
    """What to do about a film that is damaged at a frame, in the words of both user interfaces."""
    box = "Leave damaged places out"
    ways = f'Copy it again, leave the place out (--keep-going; in Blender "{box}")'
    if index < 2:  # nothing worth a range lies before it, and 0 is the end in Blender
        return f"{ways}."
    return f'{ways}, or end before it (--stop {index}; in Blender "To frame" {index - 1}).'
