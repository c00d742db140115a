"""Following the faces of a piece of film: the work itself, and the process that does it.

As a process: ``python -P entry.py video.job_worker REQUEST``; `job_pool` is its parent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from .face_tracks import follow_faces
from .faces import FaceTracker
from .film import Video
from .journal import End, JournalWriter
from .landmarker import FaceLandmarker
from .piece_worker import Work, serve_pieces
from .remove_follow import shown
from .segments import Segment

#: Frames between two reports.
_TELL_EVERY = 4


@dataclass(frozen=True)
class Following:
    """How faces are followed.

    Attributes
    ----------
    step, max_faces : int
    keep_going : bool
        As for `face_tracks.follow_faces`.
    head : mapping
        What every journal begins with.
    removal : mapping or None
        How electrodes are removed before; see `remove_follow.removal_of`.
    """

    step: int
    max_faces: int
    keep_going: bool
    head: Mapping[str, Any]
    removal: Mapping[str, Any] | None = None

    def head_of(self, segment: Segment) -> dict[str, Any]:
        """What the journal of a piece begins with."""
        return {**self.head, "segment": [segment.start, segment.stop, segment.tail]}


def follow_segment(
    video: Video,
    landmarker: FaceLandmarker,
    how: Following,
    segment: Segment,
    path: Path,
    on_count: Callable[[int], None],
    should_stop: Callable[[], bool],
) -> None:
    """Follow the faces of a piece into its journal.

    Parameters
    ----------
    video : Video
    landmarker : FaceLandmarker
    how : Following
    segment : Segment
    path : pathlib.Path
        The journal; it gets this name when the piece is complete.
    on_count : callable
        Called with the number of the piece's own frames that are done.
    should_stop : callable
        Asked after each frame.
    """
    tracker = FaceTracker(landmarker, how.max_faces)
    done, head = 0, how.head_of(segment)
    with (
        JournalWriter(path, head) as journal,
        shown(video, landmarker, how.removal, segment, path, head) as (film, end),
    ):
        stopped = False
        for frame in follow_faces(
            film, landmarker, start=segment.start, stop=segment.tail, step=how.step,
            max_faces=how.max_faces, keep_going=how.keep_going, tracker=tracker,
        ):  # fmt: skip
            journal.add(frame)
            if frame.index < segment.stop:
                done += 1
                on_count(done)
            stopped = should_stop()
            if stopped:
                break
        if not stopped:
            end()
        journal.end(End(not stopped, tuple(film.damage), tracker.looks))


def main(arguments: list[str]) -> int:
    """Follow piece after piece, as the parent asks, until it ends."""
    return serve_pieces(arguments, _begin, tell_every=_TELL_EVERY)


def _begin(video: Video, given: Mapping[str, Any]) -> Work:
    return partial(follow_segment, video, FaceLandmarker(), Following(**given))
