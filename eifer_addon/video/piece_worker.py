"""The child's side of `job_pool`: a process that works on one piece of a film after the other."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..errors import EiferError
from ..processes import Parent
from .decode import open_video
from .film import Video
from .segments import Segment

_NAP_S = 0.002
#: Works on a piece into a file: ``work(segment, path, on_count, should_stop)``.
Work = Callable[[Segment, Path, Callable[[int], None], Callable[[], bool]], None]


def serve_pieces(
    arguments: list[str],
    begin: Callable[[Video, Mapping[str, Any]], Work],
    *,
    tell_every: int,
) -> int:
    """Do piece after piece, as the parent asks, until it ends.

    Parameters
    ----------
    arguments : list of str
        The request as JSON: ``path``, ``rate_hz`` and ``index`` of the film, and ``how``.
    begin : callable
        Makes what works on pieces of the film, out of ``how``.
    tell_every : int
        Frames between two reports.
    """
    parent = Parent()
    request = json.loads(arguments[0])
    try:
        video = open_video(
            request["path"], rate_hz=request["rate_hz"], index=Path(request["index"]), threads=False
        )
        work = begin(video, request["how"])
    except EiferError as error:
        parent.send({"failed": -1, "cause": error.cause, "remedy": error.remedy})
        return 1
    parent.send({"ready": True})
    stopped = False

    def should_stop() -> bool:
        nonlocal stopped
        stopped = stopped or parent.ended.is_set() or bool(parent.messages())
        return stopped

    while not stopped and not parent.ended.is_set():
        for message in parent.messages():
            stopped = stopped or "segment" not in message
            if not stopped:
                segment, path = Segment(**message["segment"]), Path(message["path"])
                _do(parent, work, segment, path, should_stop, tell_every)
        time.sleep(_NAP_S)
    return 0


def _do(
    parent: Parent, work: Work, segment: Segment, path: Path, should_stop: Callable[[], bool],
    tell_every: int,
) -> None:  # fmt: skip
    def tell(count: int) -> None:
        if count % tell_every == 0:
            parent.send({"segment": segment.number, "count": count}, droppable=True)

    try:
        work(segment, path, tell, should_stop)
        if not should_stop():
            parent.send({"finished": segment.number})
    except EiferError as error:
        parent.send({"failed": segment.number, "cause": error.cause, "remedy": error.remedy})
