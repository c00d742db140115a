"""Cleaning a piece of a film: the work itself, and the process that does it.

As a process: ``python -P entry.py video.remove_work REQUEST``; `job_pool` is its parent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ...models.translator import load_translator
from .film import Video
from .landmarker import FaceLandmarker
from .piece_worker import Work, serve_pieces
from .remove_cleaner import Translator, Whose
from .remove_pieces import Colours, PieceWriter
from .remove_video import CleanedVideo
from .segments import Segment

_TELL_EVERY = 2


@dataclass(frozen=True)
class Cleaning:
    """How a film is cleaned, as it travels to processes.

    Attributes
    ----------
    step : int
    keep_going : bool
        As for `Video.frames`.
    rule : str
        See `remove_cleaner.Whose`.
    look : list of float or None
    colours : Colours
    model : str or None
        The translator's file.
    head : mapping
        What is noted with every piece.
    """

    step: int
    keep_going: bool
    rule: str
    look: list[float] | None
    colours: Colours
    model: str | None
    head: Mapping[str, Any]

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Cleaning:
        """As it comes out of JSON."""
        return cls(**{**values, "colours": Colours(**values["colours"])})

    @property
    def whose(self) -> Whose:
        """Whose face is cleaned."""
        return Whose(self.rule, None if self.look is None else np.array(self.look))

    def head_of(self, segment: Segment) -> dict[str, Any]:
        """What is noted with a piece."""
        return {**self.head, "segment": [segment.start, segment.stop]}


def clean_piece(
    video: Video,
    tools: tuple[Translator, FaceLandmarker],
    how: Cleaning,
    segment: Segment,
    path: Path,
    on_count: Callable[[int], None],
    should_stop: Callable[[], bool],
) -> None:
    """Clean a piece of a film into a file; one that was stopped leaves nothing.

    Parameters
    ----------
    video : Video
    tools : tuple
        Translator and landmarker.
    how : Cleaning
    segment : Segment
    path : pathlib.Path
    on_count : callable
        Called with the number of the piece's frames that are done.
    should_stop : callable
        Asked after each frame.
    """
    translator, landmarker = tools
    with PieceWriter(path, how.head_of(segment), how.colours) as piece:
        clean = CleanedVideo(
            video, translator, whose=how.whose, landmarker=landmarker, on_frame=piece.add
        )
        frames = clean.frames(segment.start, segment.tail, how.step, keep_going=how.keep_going)
        for done, _ in enumerate(frames, start=1):
            on_count(done)
            if should_stop():
                return
        piece.end(list(clean.damage))


def main(arguments: list[str]) -> int:
    """Clean piece after piece, as the parent asks, until it ends."""
    return serve_pieces(arguments, _begin, tell_every=_TELL_EVERY)


def _begin(video: Video, given: Mapping[str, Any]) -> Work:
    how = Cleaning.of(given)
    return partial(clean_piece, video, (load_translator(how.model), FaceLandmarker()), how)


def pieces_of(video: Video, start: int, stop: int | None, step: int) -> tuple[Segment, ...]:
    """Cut the wanted frames into pieces of a few seconds, the same for any number of processes."""
    end = video.facts.n_frames if stop is None else min(stop, video.facts.n_frames)
    total = max(len(range(start, end, step)), 1)
    count = max(round(total / _PIECE), 2 if total >= _PIECE // 2 else 1)
    edges = [start + step * (k * total // count) for k in range(count)] + [max(end, start + 1)]
    pieces = [
        Segment(k, first, last, last)
        for k, (first, last) in enumerate(zip(edges[:-1], edges[1:], strict=True))
    ]
    # To where the file ends, which may be later than its packets say.
    return (*pieces[:-1], replace(pieces[-1], tail=stop))


_PIECE = 120
