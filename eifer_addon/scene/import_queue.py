"""Several recordings on their way to takes: all of them are ready before the first is written."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import bpy

from ..errors import Cancelled, EiferError
from .controls import head_of
from .imports import Choices, RecordingImport, check_target
from .keyframes import blocks_of, restored_on_failure
from .transaction import all_or_nothing


class ImportQueue:
    """Files to be imported one after the other, a portion per call.

    The scene is touched in the last portion only, whole or not at all. A file among several that
    cannot be imported is left out with a warning.

    Parameters
    ----------
    context : bpy.types.Context
        Used by the last portion.
    choices : sequence of Choices
        One per file.
    """

    def __init__(self, context: bpy.types.Context, choices: Sequence[Choices]) -> None:
        self._context = context
        self._jobs = [RecordingImport(chosen) for chosen in choices]
        self._at = 0
        self._refused: list[EiferError] = []
        #: Names of the takes, once written.
        self.takes: tuple[str, ...] = ()

    @property
    def finished(self) -> bool:
        """Whether the takes are written."""
        return bool(self.takes)

    @property
    def progress(self) -> float:
        """Share of the work that is done, 0 to 1."""
        if self.finished:
            return 1.0
        done = sum(job.progress for job in self._jobs[: self._at + 1])
        refused = len(self._refused)
        whole = len(self._jobs) + refused
        return min(1.0, (refused + done) / whole) if whole else 0.0

    def status(self) -> str:
        """The step at hand, of which file, and the time that is probably left."""
        if self.finished:
            return f"Wrote {self.what}"
        job = self._jobs[min(self._at, len(self._jobs) - 1)]
        text, left = job.status, job.left_s()
        if len(self._jobs) > 1:
            text = f"{job.choices.path.name} ({self._at + 1} of {len(self._jobs)}): {text.lower()}"
            # What the files still to come will take is not known.
            left = None if self._at < len(self._jobs) - 1 else left
        return text if left is None else f"{text}, about {max(1, round(left))} s left"

    @property
    def what(self) -> str:
        """The takes in words."""
        listed = ", ".join(f"'{name}'" for name in self.takes)
        return f"the take {listed}" if len(self.takes) == 1 else f"the takes {listed}"

    def step(self, now: float) -> bool:
        """Do the next portion; True when that was the last.

        Parameters
        ----------
        now : float
            A monotonic clock in s, for the estimate.

        Raises
        ------
        EiferError
            When none of the files can be imported; the scene is unchanged then.
        """
        check_target(self._context)
        if self._at < len(self._jobs):
            self._portion(now)
        else:
            self._write()
        return self.finished

    def _portion(self, now: float) -> None:
        job = self._jobs[self._at]
        try:
            self._at += job.step(now)
        except Cancelled:
            raise
        except EiferError as error:
            self._refused.append(error)
            self._jobs.remove(job)
            if not self._jobs:
                raise self._all_refused() from error

    def _all_refused(self) -> EiferError:
        if len(self._refused) == 1:
            return self._refused[0]
        return EiferError(" ".join(str(error) for error in self._refused))

    def _write(self) -> None:
        context = self._context
        chosen = head_of(context.object)
        blocks = [] if chosen is None else list(blocks_of(chosen).values())
        with restored_on_failure(blocks), all_or_nothing(context):
            written = tuple(job.write(context).name for job in self._jobs)
        for error in self._refused:
            warnings.warn(str(error), UserWarning, stacklevel=2)
        self.takes = written

    def cancel(self) -> Cancelled:
        """Give all of it up; what to tell the user who stopped it."""
        for job in self._jobs:
            job.stop()
        if len(self._jobs) == 1:
            return Cancelled(f"The import of {self._jobs[0].choices.path.name}")
        return Cancelled(f"The import of {len(self._jobs)} recordings")
