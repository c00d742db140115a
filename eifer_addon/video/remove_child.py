"""A clean film made by a child process, for Blender; also the child's side of it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

from ..errors import EiferError
from ..processes import Child
from .child import VideoJob, start_child
from .job_side import serve_job


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
        return cls(Path(path), start_child("video.remove_child", request, folder), folder)

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
    """Clean the film that the request names."""
    return serve_job(arguments, _clean)


def _clean(
    request: Mapping[str, Any], say: Callable[[int, int], None], should_stop: Callable[[], bool]
) -> Mapping[str, Any]:
    from .remove_job import remove_electrodes

    done = remove_electrodes(
        request["path"], request["out"], on_progress=say, overwrite=True,
        should_stop=should_stop, **request["options"],
    )  # fmt: skip
    return {"film": {**asdict(done), "path": str(done.path), "said": done.describe()}}
