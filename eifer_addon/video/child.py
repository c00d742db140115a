"""A video job in a child process, for Blender: started, asked, stopped, never waited for.

The child decodes, so that a decoder that crashes takes nothing with it but itself.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import EiferError
from ..files import cache_folder
from ..processes import Child
from ..track import ExpressionTrack
from .job_pool import crash
from .options import VideoOptions

#: Speed is told over the latest seconds, because the beginning is slower.
_SPEED_OVER_S = 10.0
RESULT = "track.npz"


@dataclass(frozen=True)
class Progress:
    """How far a job is.

    Attributes
    ----------
    state : str
        "running", "done", "stopped" (by `VideoJob.stop`; there may be a partial result) or
        "failed".
    done, total : int
        Frames.
    frames_per_s : float
        Over the latest seconds, 0 while it is not known.
    eta_s : float or None
        Seconds that are left, None while it is not known.
    message : str
        One sentence for a person.
    """

    state: str
    done: int = 0
    total: int = 0
    frames_per_s: float = 0.0
    eta_s: float | None = None
    message: str = ""


def start_child(module: str, request: Mapping[str, Any], folder: Path) -> Child:
    """Start the process of a job; `folder` is taken away when it cannot be started.

    Raises
    ------
    EiferError
        When no process can be started.
    """
    try:
        return Child(module, json.dumps(request), environment={"EIFER_CACHE": str(cache_folder())})
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise EiferError(
            f"The work on {Path(request['path']).name} could not be started: {error.strerror}.",
            "Close some programs.",
        ) from error


class VideoJob:
    """The parent's side of a job; nothing here blocks. Start one with `VideoJob.start`.

    Attributes
    ----------
    path : pathlib.Path
    """

    def __init__(self, path: Path, child: Child, folder: Path) -> None:
        self.path = path
        self._child: Child | None = child
        self._folder = folder
        self._state, self._error = "running", ""
        self._failure: EiferError | None = None
        self._asked_to_stop = False
        self._counts = (0, 0)
        self._seen: deque[tuple[float, int]] = deque()
        self._saved = False

    @classmethod
    def start(cls, path: str | Path, options: Mapping[str, Any] | None = None) -> VideoJob:
        """Start a job.

        Parameters
        ----------
        path : path-like
        options : mapping, optional
            Those of `job.video_to_expression`, also ``backend`` and ``head`` (a path).

        Raises
        ------
        EiferError
            When an option makes no sense, or no process can be started.
        """
        choices = dict(options or {})
        backend, head = choices.pop("backend", "mediapipe"), choices.pop("head", None)
        wanted = VideoOptions.of(choices)
        folder = Path(tempfile.mkdtemp(prefix="eifer-video-"))
        request = {
            "path": str(path), "backend": backend, "head": None if head is None else str(head),
            "options": wanted.to_document(), "folder": str(folder),
        }  # fmt: skip
        return cls(Path(path), start_child("video.job_child", request, folder), folder)

    @property
    def pid(self) -> int | None:
        """The child's process id while it runs."""
        return None if self._child is None else self._child.pid

    def poll(self) -> Progress:
        """How far the job is; costs microseconds."""
        child = self._child
        if child is not None:
            is_alive = child.is_alive  # before the messages, so that the last ones are read
            for message in child.messages():
                self._hear(message)
            if not is_alive:
                self._bury(child)
        return self._progress()

    def stop(self) -> None:
        """Ask the job to end soon and to keep what is done."""
        self._asked_to_stop = True
        if self._child is not None:
            self._child.send({"do": "stop"})

    def result(self) -> ExpressionTrack:
        """The track, a part of it after `stop`.

        Raises
        ------
        EiferError
            When the job failed, has not ended, or was stopped before anything was done.
        """
        self.poll()
        if self._failure is not None:
            raise self._failure
        if self._state == "running":
            raise EiferError(f"The work on {self.path.name} has not ended.", "Wait for it.")
        return ExpressionTrack.load(self._folder / RESULT)

    def close(self) -> None:
        """End the child at once and take its files away; the result is gone then."""
        if self._child is not None:
            self._child.close(patience_s=0.0)
            self._child = None
            self._state = "stopped" if self._state == "running" else self._state
        shutil.rmtree(self._folder, ignore_errors=True)

    def _hear(self, message: Mapping[str, Any]) -> None:
        if "done" in message:
            self._counts = int(message["done"]), int(message["total"])
            now = float(message["at_s"])  # the child's own clock: messages may arrive in a heap
            self._seen.append((now, self._counts[0]))
            while len(self._seen) > 2 and now - self._seen[0][0] > _SPEED_OVER_S:
                self._seen.popleft()
        if "cause" in message:
            self._failure = EiferError(message["cause"], message.get("remedy", ""))
        if "saved" in message:
            self._saved = True

    def _bury(self, child: Child) -> None:
        if not self._saved and self._failure is None:
            self._failure = crash(self.path.name, child.exit_code, child.last_words())
        child.close(patience_s=0.0)
        self._child = None
        failed = self._failure is not None
        self._state = "stopped" if self._asked_to_stop else "failed" if failed else "done"

    def _progress(self) -> Progress:
        done, total = self._counts
        speed, left = 0.0, None
        if len(self._seen) > 1:
            (first_s, first), (last_s, last) = self._seen[0], self._seen[-1]
            speed = (last - first) / (last_s - first_s) if last_s > first_s else 0.0
            left = (total - done) / speed if speed > 0 else None
        if self._state != "running":
            left = 0.0
        return Progress(self._state, done, total, speed, left, self._message(speed, left))

    def _message(self, speed: float, left: float | None) -> str:
        name, (done, total) = self.path.name, self._counts
        if self._failure is not None:
            return str(self._failure)
        if self._state == "done":
            return f"{name}: {done} frames are done."
        if self._state == "stopped":
            return f"{name}: stopped after {done} of {total} frames."
        if not total:
            return f"{name} is being opened."
        rest = "" if left is None else f", {speed:.0f} frames/s, {_clock(left)} left"
        return f"{name}: frame {done} of {total}{rest}."


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
