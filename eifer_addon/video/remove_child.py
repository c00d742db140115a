"""A clean film made by a child process, for Blender; also the child's side of it."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

from ..errors import EiferError
from ..files import cache_folder
from ..processes import Child, Parent
from .child import VideoJob


class CleanJob(VideoJob):
    """The parent's side; nothing here blocks. Start one with `CleanJob.begin`."""

    def __init__(self, path: Path, child: Child, folder: Path) -> None:
        super().__init__(path, child, folder)
        self._report: dict[str, Any] = {}

    @classmethod
    def begin(cls, path: str | Path, out: Path, options: Mapping[str, Any]) -> Self:
        """Start a job.

        Parameters
        ----------
        path : path-like
        out : pathlib.Path
            The new film; one that is there is replaced.
        options : mapping
            Of `remove_job.remove_electrodes`, also ``model``.

        Raises
        ------
        EiferError
            When no process can be started.
        """
        folder = Path(tempfile.mkdtemp(prefix="eifer-clean-"))
        request = {"path": str(path), "out": str(out), "options": dict(options)}
        try:
            child = Child(
                "video.remove_child", json.dumps(request),
                environment={"EIFER_CACHE": str(cache_folder())},
            )  # fmt: skip
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise EiferError(
                f"The work on {Path(path).name} could not be started: {error.strerror}.",
                "Close some programs.",
            ) from error
        return cls(Path(path), child, folder)

    @property
    def report(self) -> Mapping[str, Any]:
        """What became of the film; see `remove_job.CleanFilm`.

        Raises
        ------
        EiferError
            When the job failed or has not ended.
        """
        self.poll()
        if self._failure is not None:
            raise self._failure
        if not self._report:
            raise EiferError(f"The work on {self.path.name} has not ended.", "Wait for it.")
        return self._report

    def _hear(self, message: Mapping[str, Any]) -> None:
        super()._hear(message)
        if "film" in message:
            self._report = dict(message["film"])


def main(arguments: list[str]) -> int:
    """Do the job until its end, or until the parent says stop or ends itself."""
    from .remove_job import remove_electrodes

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
        done = remove_electrodes(
            request["path"], request["out"], on_progress=say, overwrite=True,
            should_stop=should_stop, **request["options"],
        )  # fmt: skip
    except EiferError as error:
        parent.send({"cause": error.cause, "remedy": error.remedy})
        return 1
    about = {**asdict(done), "path": str(done.path), "said": done.describe()}
    parent.send({"saved": True, "film": about})
    return 0
