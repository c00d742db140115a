"""A film seen without electrodes: what reads films reads it like any other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .film import Frame, Video
from .landmarker import FaceLandmarker
from .remove_cleaner import NOTICED, CleanFrame, FrameCleaner, Translator, Whose

#: Frames before a wanted one that are cleaned, too, so that faces are followed there already.
WARM_UP = 6

#: Called with each frame and what is known of its cleaning.
OnFrame = Callable[[Frame, CleanFrame], None]


@dataclass
class Counts:
    """What was met while cleaning.

    Attributes
    ----------
    frames, face_frames, covered_frames : int
        Frames; those with a face; those on whose face something is glued.
    covered : float
        Sum over the frames of the share of the face's square that was replaced.
    """

    frames: int = 0
    face_frames: int = 0
    covered_frames: int = 0
    covered: float = 0.0

    def add(self, found: CleanFrame) -> None:
        """Count a frame."""
        self.frames += 1
        self.face_frames += found.faces > 0
        self.covered_frames += found.covered > NOTICED
        self.covered += found.covered

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.frames + other.frames, self.face_frames + other.face_frames,
            self.covered_frames + other.covered_frames, self.covered + other.covered,
        )  # fmt: skip


class CleanedVideo(Video):
    """A film without electrodes.

    Parameters
    ----------
    video : Video
        The film as it was filmed.
    translator : Translator
    whose : Whose, optional
        By default everybody, because whose face is wanted may only be known later.
    landmarker : FaceLandmarker, optional
    smooth : bool
        Whether patches are steadied from frame to frame.
    on_frame : callable, optional
        Called with each wanted frame, cleaned, before it is given out.
    """

    def __init__(
        self,
        video: Video,
        translator: Translator,
        *,
        whose: Whose | None = None,
        landmarker: FaceLandmarker | None = None,
        smooth: bool = True,
        on_frame: OnFrame | None = None,
    ) -> None:
        super().__init__(video.path, video.facts)
        self._video, self._translator = video, translator
        self._whose, self._smooth = whose or Whose("all"), smooth
        self._landmarker, self._on_frame = landmarker, on_frame

    @property
    def files(self) -> tuple[Path, ...]:
        """All files that the video consists of."""
        return self._video.files

    @property
    def entries(self) -> np.ndarray:
        """Numbers of frames at which decoding can begin."""
        return self._video.entries

    def save_index(self, path: Path) -> None:
        """As the film's own."""
        self._video.save_index(path)

    def _frames(self, start: int, stop: int | None, step: int, keep_going: bool) -> Iterator[Frame]:
        self._landmarker = self._landmarker or FaceLandmarker()
        cleaner = FrameCleaner(
            self._translator, self._landmarker, whose=self._whose, smooth=self._smooth
        )
        first = max(start - WARM_UP * step, start % step)
        # The list of the film itself is given on, which grows while frames are decoded.
        frames = self._video.frames(first, stop, step, keep_going=keep_going)
        self.damage = self._video.damage
        for frame in frames:
            found = cleaner(frame.image)
            if frame.index < start:
                continue
            clean = Frame(frame.index, frame.timestamp_s, found.image)
            if self._on_frame is not None:
                self._on_frame(clean, found)
            yield clean
