"""Several films on their way to takes, one after the other; the scene is touched at the end."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace

import bpy

from ..errors import Cancelled, EiferError
from .controls import head_of
from .imports import check_target
from .keyframes import blocks_of, restored_on_failure
from .takes import current_take
from .transaction import all_or_nothing
from .video_imports import VideoChoices, VideoImport, choices_of_take
from .video_scene import restored_scene
from .video_takes import replace_video_take, write_video_take


class VideoQueue:
    """Films to be imported; `step` is called again and again and never blocks for long.

    A film among several that cannot be imported is left out with a warning.

    Parameters
    ----------
    context : bpy.types.Context
        Used by the last step.
    choices : sequence of VideoChoices
        One per film.
    resumed : str
        Name of the take that goes on, with the one film of `choices`; empty for new takes.

    Attributes
    ----------
    takes : tuple of str
        Names of the takes, once written.
    """

    def __init__(
        self, context: bpy.types.Context, choices: Sequence[VideoChoices], resumed: str = ""
    ) -> None:
        self._context = context
        self._jobs = [VideoImport(chosen) for chosen in choices]
        self._count = len(self._jobs)
        self._name = choices[0].path.name if len(choices) == 1 else f"{len(choices)} films"
        self._at = 0
        self._refused: list[EiferError] = []
        self._resumed = resumed
        self._is_stopped = False
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
        done = sum(job.share for job in self._jobs) + len(self._refused)
        return min(1.0, done / self._count)

    @property
    def at_hand(self) -> VideoImport | None:
        """The film that is worked on."""
        return self._jobs[self._at] if self._at < len(self._jobs) else None

    def status(self) -> str:
        """Which film, and how far it is."""
        if self.finished:
            return f"Wrote {self.what}"
        job = self.at_hand
        if job is None:
            return "Writing the keys"
        name, progress = job.choices.path.name, job.progress
        name = name if self._count == 1 else f"{name} ({self._number()} of {self._count})"
        if self._is_stopped:
            return f"{name}: keeping what is done"
        if not progress.total:
            return f"{name}: opening the film"
        return f"{name}: frame {progress.done} of {progress.total}"

    def _number(self) -> int:
        return self._at + len(self._refused) + 1

    @property
    def what(self) -> str:
        """The takes in words."""
        listed = ", ".join(f"'{name}'" for name in self.takes)
        return f"the take {listed}" if len(self.takes) == 1 else f"the takes {listed}"

    def step(self, _now: float) -> bool:
        """See how far the work is; True when the takes are written.

        Raises
        ------
        EiferError
            When none of the films can be imported; the scene is unchanged then.
        Cancelled
            When it was stopped before anything was done.
        """
        if not self._jobs:
            raise Cancelled(f"The import of {self._name}")
        if self._resumed == "" and not self._jobs[0].choices.new_head:
            check_target(self._context)
        job = self.at_hand
        if job is not None:
            self._look(job)
        else:
            self._write()
        return self.finished

    def _look(self, job: VideoImport) -> None:
        try:
            self._at += job.step()
        except EiferError as error:
            self._jobs.remove(job)
            if not self._is_stopped:
                self._refused.append(error)
            if not self._jobs:
                raise self._nothing() from error

    def _nothing(self) -> EiferError:
        """What to say when no film has become a track."""
        if self._is_stopped:
            return Cancelled(f"The import of {self._name}")
        if len(self._refused) == 1:
            return self._refused[0]
        return EiferError(" ".join(str(error) for error in self._refused))

    def stop(self) -> None:
        """End early: the film at hand is kept as far as it is, those to come are left out."""
        self._is_stopped = True
        if self.at_hand is None:
            return
        self._jobs = self._jobs[: self._at + 1]
        if self._jobs[self._at].is_running:
            self._jobs[self._at].stop()
        else:
            self._jobs.pop()

    def _write(self) -> None:
        context = self._context
        chosen = head_of(context.object)
        blocks = [] if chosen is None else list(blocks_of(chosen).values())
        with restored_scene(context.scene), restored_on_failure(blocks), all_or_nothing(context):
            if self._resumed:
                written = (self._go_on(self._jobs[0]),)
            else:
                written = tuple(self._take(job, k) for k, job in enumerate(self._jobs))
        for error in self._refused:
            warnings.warn(str(error), UserWarning, stacklevel=2)
        self.takes = written

    def _take(self, job: VideoImport, index: int) -> str:
        # One rate and one size for all: the first film's.
        first = index == 0
        choices = job.choices
        matched = replace(
            choices,
            match_rate=choices.match_rate and first,
            match_size=choices.match_size and first,
        )
        return write_video_take(self._context, job.track, matched).name

    def _go_on(self, job: VideoImport) -> str:
        action = bpy.data.actions.get(self._resumed)
        playing = (o for o in self._context.scene.objects if o.type == "MESH")
        obj = next((o for o in playing if current_take(o) == action), None)
        if action is None or obj is None or choices_of_take(action) is None:
            raise EiferError(
                f"No head plays the take '{self._resumed}' any more.",
                "Undo, or import the film again; the work that was done is kept.",
            )
        replace_video_take(self._context, obj, action, job.track, job.choices)
        return action.name

    def close(self) -> None:
        """End all work at once and write nothing."""
        for job in self._jobs:
            job.close()
