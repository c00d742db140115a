"""The calibration wizard over a live session: record, show the movements, make a profile."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import bpy
import numpy as np

from ..errors import EiferError
from ..live.wizard import CalibrationWizard, Stage, Timing, profile_of_take
from .live_settings import live_of, profile_path

if TYPE_CHECKING:
    from .live_driver import LiveDriver

_NAME = "calibration"


class Calibration:
    """A calibration that is under way.

    Parameters
    ----------
    driver : LiveDriver
        Connected.
    now : float
        `time.monotonic`.
    timing : Timing, optional

    Raises
    ------
    EiferError
        When nothing is connected or a take is being recorded.
    """

    def __init__(self, driver: LiveDriver, now: float, timing: Timing | None = None) -> None:
        if driver.session is None or driver.snapshot.state != "connected":
            raise EiferError("Nothing is connected that could be calibrated.", "Connect first.")
        if driver.recorder.phase != "idle":
            raise EiferError("A take is being recorded.", "Stop it first.")
        self._driver, self._session = driver, driver.session
        driver.say("")
        self._path = self._session.record(_NAME)
        self.wizard = CalibrationWizard(self._session.mark, now, timing)
        self.stage = self.wizard.step(now)
        self._left, self._runs = False, False

    @property
    def is_over(self) -> bool:
        """Whether there is nothing more to do."""
        return self._left

    def target(self, now: float) -> np.ndarray:
        """What the avatars show, (52,) in `arkit52`."""
        if not self._runs:
            return self.stage.target()
        return self.wizard.step(now).target() if not self._left else Stage("done").target()

    def step(self, now: float) -> None:
        """Go on; at the end the profile is made, and the session begins anew with it."""
        if not self._runs:
            self._wait_for_the_take(now)
        self.stage = self.wizard.step(now)
        if self.stage.phase == "done":
            self._finish()
        elif self.stage.is_over:
            self._leave()
            self._driver.say("The calibration was stopped; nothing was changed.")

    def abort(self) -> None:
        """Give up."""
        self.wizard.abort()

    def _wait_for_the_take(self, now: float) -> None:
        """Hold the first countdown until the journal is open: a mark before it would be lost."""
        take = self._driver.snapshot.take
        if take is not None and self._path in (take.path, *take.parts):
            # One that failed goes on too: the end tells it, in the words of who reads the take.
            self._runs = take.state != "waiting"
        if not self._runs:
            self.wizard.repeat(now)

    def _leave(self) -> Path:
        self._left = True
        path = self._path
        with contextlib.suppress(EiferError):
            path = self._session.stop_recording()
        return path

    def _finish(self) -> None:
        driver = self._driver
        scene = driver.scene()
        live = live_of(scene)
        path = self._leave()
        settings = self._session.settings
        try:
            profile = profile_of_take(
                path, montage=settings.montage, preset=settings.preset, subject=live.subject
            )
            goal = profile.save(profile_path(live.subject))
        except EiferError as error:
            driver.say(str(error), alarm=True)
            return
        live.profile = _stored(goal)
        low = [m for m, entry in profile.muscles.items() if entry.origin == "others"]
        driver.reconnect(profile=str(goal))
        rest = f"; not moved: {', '.join(low)}" if low else ""
        driver.say(f"Profile of {len(profile.muscles)} muscles, used from now on{rest}.")


def _stored(path: Path) -> str:
    return bpy.path.relpath(str(path)) if bpy.data.filepath else str(path)
