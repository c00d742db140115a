"""The child process of a `child.VideoJob`: ``python -P entry.py video.job_child REQUEST``."""

from __future__ import annotations

import json
import time
from pathlib import Path

from ..errors import EiferError
from ..processes import Parent
from .child import RESULT
from .job import video_to_expression


def main(arguments: list[str]) -> int:
    """Do the job until its end, or until the parent says stop or ends itself."""
    parent = Parent()
    request = json.loads(arguments[0])
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
        track = video_to_expression(
            request["path"], request["backend"], request["head"], say,
            should_stop=should_stop, **request["options"],
        )  # fmt: skip
        track.save(Path(request["folder"]) / RESULT)
        parent.send({"saved": True})
    except EiferError as error:
        parent.send({"cause": error.cause, "remedy": error.remedy})
        return 1
    return 0
