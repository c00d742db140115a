"""The child's side of a `child.VideoJob`: progress, stopping, and how it ended."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from ..errors import EiferError
from ..processes import Parent

#: Does a job: ``work(request, on_progress, should_stop)``; gives what is sent besides ``saved``.
Work = Callable[
    [Mapping[str, Any], Callable[[int, int], None], Callable[[], bool]], Mapping[str, Any]
]


def serve_job(arguments: list[str], work: Work) -> int:
    """Do the job until its end, or until the parent says stop or ends itself.

    Parameters
    ----------
    arguments : list of str
        The request as JSON.
    work : callable
    """
    parent = Parent()
    stopped = False

    def should_stop() -> bool:
        nonlocal stopped
        stopped = stopped or any(message.get("do") == "stop" for message in parent.messages())
        return stopped or parent.ended.is_set()

    def say(done: int, total: int) -> None:
        parent.send(
            {"done": done, "total": total, "at_s": time.monotonic()}, droppable=done < total
        )

    try:
        told = work(json.loads(arguments[0]), say, should_stop)
    except EiferError as error:
        parent.send({"cause": error.cause, "remedy": error.remedy})
        return 1
    parent.send({"saved": True, **told})
    return 0
