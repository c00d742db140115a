"""A muscle analysis in a child process: nothing blocks, and the page is drawn afterwards."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .errors import EiferError
from .files import cache_folder, make_folder, models_folder
from .muscle_analysis_files import NAMES
from .processes import Child
from .signals.activity import Activity
from .track import ExpressionTrack

_RESULTS = "out"
_LOOK_S = 0.05
_RUNNING, _DRAWING, _DONE, _FAILED = "running", "drawing", "done", "failed"


@dataclass(frozen=True)
class MuscleRequest:
    """What is asked for besides the track.

    Attributes
    ----------
    name : str
        Of the film.
    scheme, model : str
        An empty model is the scheme's default.
    recording : str
        File of the recording; empty for none.
    reading, conversion : dict
        For the recording's reader and filters.
    sync : str, float or dict
        As for :func:`.muscle_analysis_clocks.find_clock`.
    """

    name: str
    scheme: str = "fridlund"
    model: str = ""
    recording: str = ""
    reading: dict[str, Any] = field(default_factory=dict)
    conversion: dict[str, Any] = field(default_factory=dict)
    sync: Any = "auto"


class MuscleProcess:
    """An analysis under way.

    Parameters
    ----------
    track : ExpressionTrack
    request : MuscleRequest
    measured : Activity, optional
        Instead of a recording's file.

    Attributes
    ----------
    state : str
        "running", then "drawing" (the numbers are there, the page is not), "done" or "failed".
    part : float
        How much is done, 0 to 1.
    """

    def __init__(
        self, track: ExpressionTrack, request: MuscleRequest, measured: Activity | None = None
    ) -> None:
        self.state, self.part = _RUNNING, 0.0
        self._failure: EiferError | None = None
        self._folder = Path(tempfile.mkdtemp(prefix="eifer-muscles-"))
        track.save(self._folder / "track.npz")
        if measured is not None:
            measured.save(self._folder / "measured.npz")
        asked = asdict(request) | {"activity": measured is not None}
        (self._folder / "request.json").write_text(json.dumps(asked), encoding="utf-8")
        self._child: Child | None = Child(
            "muscle_analysis_child", str(self._folder),
            environment={"EIFER_MODELS": str(models_folder()), "EIFER_CACHE": str(cache_folder())},
        )  # fmt: skip

    def poll(self) -> str:
        """Look at the child; gives the state."""
        if self._child is None or self.state in (_DONE, _FAILED):
            return self.state
        is_alive = self._child.is_alive  # before the messages, so that the last ones are read
        for message in self._child.messages():
            self.part = float(message.get("part", self.part))
            if "analysed" in message:
                self.state = _DRAWING
            if "reported" in message:
                self.state = _DONE
            if "cause" in message:
                self._failure = EiferError(message["cause"], message.get("remedy", ""))
                self.state = _FAILED
        if not is_alive and self.state not in (_DONE, _FAILED):
            reason = self._child.last_words() or f"exit code {self._child.exit_code}"
            self._failure = EiferError(
                f"The muscle analysis ended early: {reason[:200].rstrip('.')}.",
                "Look at the system console, and try again.",
            )
            self.state = _FAILED
        if self.state in (_DONE, _FAILED):
            self._child.close(patience_s=5.0)
        return self.state

    def check(self) -> None:
        """Raise what the analysis failed with."""
        if self._failure is not None:
            raise self._failure

    def activity(self) -> Activity:
        """The predicted activity on the film's own clock."""
        return Activity.load(self._folder / "film_activity.npz")

    def numbers(self) -> dict[str, Any]:
        """All numbers; see `muscle_analysis_files.to_document`."""
        text = (self._folder / _RESULTS / NAMES["numbers"]).read_text("utf-8")
        return dict(json.loads(text))

    def wait(self, seconds: float = 120.0) -> None:
        """Wait until all files are there, for scripts."""
        ends = time.monotonic() + seconds
        while self.poll() not in (_DONE, _FAILED) and time.monotonic() < ends:
            time.sleep(_LOOK_S)

    def copy(self, key: str, goal: str | Path, *, overwrite: bool = False) -> Path:
        """Copy one of the files (`muscle_analysis_files.NAMES`) to where it is wanted.

        Raises
        ------
        EiferError
            When it is not there yet, or the goal exists.
        """
        self.poll()
        source, target = self._folder / _RESULTS / NAMES[key], Path(goal)
        if not source.is_file():
            self.check()
            raise EiferError("The report is still being drawn.", "Try again in a few seconds.")
        if target.exists() and not overwrite:
            raise EiferError(f"{target} exists already.", "Choose another name.")
        make_folder(target.parent)
        shutil.copyfile(source, target)
        return target

    def close(self) -> None:
        """End the child and forget the files."""
        if self._child is not None and self.state in (_RUNNING, _DRAWING):
            self._child.close(patience_s=0.0)
        self._child = None
        shutil.rmtree(self._folder, ignore_errors=True)
