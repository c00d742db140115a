"""A clean film on its way, for the modal operator: `step` asks the child how far it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import Cancelled
from ..video.child import Progress
from ..video.remove_child import CleanJob


@dataclass(frozen=True)
class _AtHand:
    progress: Progress


class CleanExport:
    """One film that is written again without electrodes.

    Parameters
    ----------
    film : pathlib.Path
    out : pathlib.Path
    options : mapping
        Of `remove_job.remove_electrodes`.

    Attributes
    ----------
    out : pathlib.Path
    report : mapping
        What became of the film, once it is written.
    """

    def __init__(self, film: Path, out: Path, options: Mapping[str, Any]) -> None:
        self._film, self.out = film, out
        self._job: CleanJob | None = CleanJob.begin(film, out, options)
        self._progress = self._job.poll()
        self._is_stopped = False
        self.report: Mapping[str, Any] = {}

    @property
    def finished(self) -> bool:
        """Whether the film is written."""
        return bool(self.report)

    @property
    def progress(self) -> float:
        """Share of the work that is done, 0 to 1."""
        told = self._progress
        return 1.0 if self.finished else told.done / told.total if told.total else 0.0

    @property
    def at_hand(self) -> _AtHand:
        """How fast it is."""
        return _AtHand(self._progress)

    @property
    def what(self) -> str:
        """The film in words."""
        return f"{self.out.name}: {self.report.get('said', '')}"

    def status(self) -> str:
        """How far it is."""
        told = self._progress
        if self._is_stopped:
            return f"{self._film.name}: stopping"
        if not told.total:
            return f"{self._film.name}: opening the film"
        return f"{self._film.name}: cleaning frame {told.done} of {told.total}"

    def step(self, _now: float) -> bool:
        """See how far the work is; True when the film is written.

        Raises
        ------
        EiferError
            When it cannot be made.
        Cancelled
            When it was stopped; what is done by then is kept for the next time.
        """
        if self._job is None:
            return True
        self._progress = self._job.poll()
        if self._progress.state == "running":
            return False
        try:
            if self._progress.state == "stopped":
                raise Cancelled(f"The cleaning of {self._film.name}")
            self.report = self._job.report
        finally:
            self.close()
        return True

    def stop(self) -> None:
        """Let the work end soon."""
        self._is_stopped = True
        if self._job is not None:
            self._job.stop()

    def close(self) -> None:
        """End the child at once."""
        if self._job is not None:
            self._job.close()
            self._job = None
