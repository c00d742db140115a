"""The child process of a `child.VideoJob`: ``python -P entry.py video.job_child REQUEST``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .child import RESULT
from .job import video_to_expression
from .job_side import serve_job


def main(arguments: list[str]) -> int:
    """Reconstruct the film that the request names."""
    return serve_job(arguments, _reconstruct)


def _reconstruct(
    request: Mapping[str, Any], say: Callable[[int, int], None], should_stop: Callable[[], bool]
) -> Mapping[str, Any]:
    track = video_to_expression(
        request["path"], request["backend"], request["head"], say, should_stop=should_stop,
        **request["options"],
    )  # fmt: skip
    track.save(Path(request["folder"]) / RESULT)
    return {}
