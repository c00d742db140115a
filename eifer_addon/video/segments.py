"""A film in pieces that are worked on at the same time and give the same result in any order.

Where a piece begins depends on the film and on the wanted frames alone, never on how many
processes work, so that the result does not depend on them either. A piece begins where decoding
can begin. It is followed some frames into the next one, in which faces are already followed for
long; by these frames the pieces are joined.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np

from .film import Video

#: So many frames of the next piece are followed too.
OVERLAP = 8
#: Frames of a piece: a sixth of what is left, within these limits, so that the last pieces are
#: short and no process has to wait for long.
_SHARE, _SHORTEST, _LONGEST = 6, 180, 480
#: Bytes that a process needs, and those for each pixel of a frame: the decoder's reference
#: frames, converted pictures and those in which newcomers are looked for.
_OF_A_PROCESS, _OF_A_PIXEL = 200 << 20, 60
_USUAL_MEMORY = 8 << 30


@dataclass(frozen=True)
class Segment:
    """A piece of a film.

    Attributes
    ----------
    number : int
    start, stop : int
        Its first frame and the one after its last.
    tail : int or None
        The frame after the last one that is followed, some frames into the next piece; None to
        where the file ends, which may be damaged there.
    """

    number: int
    start: int
    stop: int
    tail: int | None

    def count(self, step: int) -> int:
        """How many frames are taken from it, with every `step`-th frame of the film."""
        return len(range(self.start, self.stop, step))


def plan(video: Video, start: int, stop: int | None, step: int) -> tuple[Segment, ...]:
    """Cut the wanted frames into pieces.

    Parameters
    ----------
    video : Video
    start, stop, step : int
        As for `Video.frames`.

    Returns
    -------
    tuple of Segment
        At least one.
    """
    end = video.facts.n_frames if stop is None else min(stop, video.facts.n_frames)
    first_after = start + -(-(video.entries - start) // step) * step
    starts = [start]
    for entry in first_after.tolist():
        left = len(range(starts[-1], end, step))
        length = int(np.clip(left // _SHARE, _SHORTEST, _LONGEST)) * step
        # The last piece is not to be a short rest.
        if entry - starts[-1] >= length and end - entry >= length // 2:
            starts.append(entry)
    stops = [*starts[1:], max(end, start + 1)]
    tails = [min(last + OVERLAP * step, stops[-1]) for last in stops[:-1]]
    rows = zip(starts, stops, [*tails, stop], strict=True)
    return tuple(Segment(number, *row) for number, row in enumerate(rows))


def processes(wanted: int | None, n_segments: int, pixels: int) -> int:
    """How many processes are to work.

    Parameters
    ----------
    wanted : int or None
        None is one for each core, as far as the machine's memory allows.
    n_segments : int
        Pieces that are left to do.
    pixels : int
        Of a frame.
    """
    if wanted is None:
        fitting = _memory() // 2 // (_OF_A_PROCESS + _OF_A_PIXEL * pixels)
        wanted = max(min(cores(), int(fitting)), 1)
    return max(min(wanted, n_segments), 1)


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _memory() -> int:
    """Bytes of the machine."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows does not say
        return _USUAL_MEMORY
