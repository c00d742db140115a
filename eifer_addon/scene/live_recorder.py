"""Recording takes: countdown, the take itself, a retake over a range, and what becomes of it."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from ..errors import EiferError
from .live_punch import Punch, punch_in
from .live_settings import live_of
from .live_takes import BEGIN, add_take, keep_take, load_take

if TYPE_CHECKING:
    from .live_driver import LiveDriver

#: A retake is recorded from so long before its range to so long behind it.
PREROLL_S, TAIL_S = 1.0, 0.25


@dataclass
class _Job:
    """A take on its way."""

    phase: str  # "countdown", "recording" or "writing"
    since: float
    punch: Punch | None = None
    frame_start: float = 0.0
    path: Path | None = None
    marked: bool = False
    sync: str = ""


class Recorder:
    """What the Record button does.

    Parameters
    ----------
    driver : LiveDriver
    """

    def __init__(self, driver: LiveDriver) -> None:
        self._driver = driver
        self._job: _Job | None = None
        self._now = 0.0

    @property
    def phase(self) -> str:
        """``idle``, ``countdown``, ``recording`` or ``writing``."""
        return "idle" if self._job is None else self._job.phase

    @property
    def is_retake(self) -> bool:
        """Whether a range is recorded anew."""
        return self._job is not None and self._job.punch is not None

    @property
    def countdown(self) -> int:
        """Whole seconds until the take begins."""
        if self._job is None or self._job.phase != "countdown":
            return 0
        return max(1, math.ceil(self._length_s - (self._now - self._job.since)))

    @property
    def seconds(self) -> float:
        """How long the take is."""
        return 0.0 if self.phase != "recording" else self._now - self._since

    @property
    def _since(self) -> float:
        return 0.0 if self._job is None else self._job.since

    @property
    def _length_s(self) -> float:
        return float(live_of(self._driver.scene()).countdown_s)

    def begin(self, now: float, punch: Punch | None = None) -> None:
        """Start the countdown.

        Parameters
        ----------
        now : float
            `time.monotonic`.
        punch : Punch, optional
            A range that is recorded anew.

        Raises
        ------
        EiferError
            When nothing is connected, or a take is on its way.
        """
        driver = self._driver
        if driver.session is None or driver.snapshot.state != "connected":
            raise EiferError("Nothing is connected that could be recorded.", "Connect first.")
        if self._job is not None or driver.calibration is not None:
            raise EiferError("A take is being recorded already.", "Stop it first.")
        driver.audition = None
        self._now = now
        self._job = _Job("countdown", now, punch)
        if not self._length_s:
            self._start(self._job, now)

    def stop(self) -> None:
        """End the take; the keys are written with the next step. A countdown is given up."""
        if self._job is None:
            return
        if self._job.phase == "countdown":
            self._job = None
        elif self._job.phase == "recording":
            self._job.phase = "writing"

    def drop(self) -> None:
        """Forget the take; its journal is cut off, and offered for recovery."""
        job, self._job = self._job, None
        if job is not None:
            self._still(job)

    def step(self, now: float) -> None:
        """Go on when it is time."""
        self._now = now
        job = self._job
        if job is None:
            return
        if job.phase == "countdown" and now - job.since >= self._length_s:
            self._start(job, now)
        elif job.phase == "recording":
            self._watch(job, now)
        # In the middle of somebody's grab or stroke no undo step can be made.
        if job.phase == "writing" and not _modal_at_work():
            self.finish()

    def _start(self, job: _Job, now: float) -> None:
        driver, scene = self._driver, self._driver.scene()
        session = driver.session
        assert session is not None
        live = live_of(scene)
        job.phase, job.since = "recording", now
        plays = live.plays or job.punch is not None
        if job.punch is not None:
            fps = scene.render.fps / scene.render.fps_base
            scene.frame_current = max(0, round(job.punch.first - PREROLL_S * fps))
        job.frame_start = float(scene.frame_current)
        try:
            job.path = session.record(live.take_name)
        except EiferError as error:
            self._job = None
            driver.say(str(error), alarm=True)
            return
        session.mark(BEGIN)
        if plays:
            job.sync = scene.sync_mode
            # The picture may leave frames out; time goes on.
            scene.sync_mode = "FRAME_DROP"
            _play_timeline(scene, on=True)

    def _watch(self, job: _Job, now: float) -> None:
        """Look whether the take has come to its end."""
        driver, scene = self._driver, self._driver.scene()
        take = driver.snapshot.take
        if take is not None and take.state == "failed":
            driver.say(take.sentence, alarm=True)
            job.phase = "writing"
        elif take is not None and take.state == "stopped":
            job.phase = "writing"
        elif job.punch is not None:
            fps = scene.render.fps / scene.render.fps_base
            last = job.punch.last + TAIL_S * fps
            if job.frame_start + (now - job.since) * fps >= last:
                job.phase = "writing"

    def finish(self) -> None:
        """Close the journal, put the take on the list and write its keys."""
        job, self._job = self._job, None
        driver = self._driver
        if job is None or job.path is None or driver.session is None:
            return
        self._still(job)
        try:
            path = driver.session.stop_recording()
        except EiferError as error:
            driver.say(str(error), alarm=True)
            return
        with in_window(driver.scene()):
            # The avatars as they were before: this is what an undone take gives back.
            driver.faces.release()
            try:
                self._store(job, path)
            except EiferError as error:
                driver.say(f"{error} The journal is {path}.", alarm=True)
            push_undo("Record take")

    def _store(self, job: _Job, path: Path) -> None:
        driver, context = self._driver, bpy.context
        scene = driver.scene()
        row = add_take(scene, path, job.frame_start)
        objects = [obj for obj in (a.find() for a in driver.faces.avatars) if obj is not None]
        if job.punch is not None:
            made = punch_in(context, row, job.punch, load_take(path))
            what = f"Retake of frames {job.punch.first} to {job.punch.last}: '{made.name}'"
        elif live_of(scene).keys and objects:
            keep_take(context, row, objects)
            what = f"Take '{row.name}': {row.duration_s:.1f} s, keyed on {len(objects)}"
        else:
            what = f"Take '{row.name}': {row.duration_s:.1f} s"
        if not driver.is_alarm or job.phase == "writing":
            driver.say(f"{what}, {row.lost} samples lost.", alarm=bool(row.lost))

    def _still(self, job: _Job) -> None:
        """Stop the timeline that the take had started."""
        if job.sync:
            scene = self._driver.scene()
            _play_timeline(scene, on=False)
            scene.sync_mode = job.sync
            job.sync = ""


def _modal_at_work() -> bool:
    return any(window.modal_operators for window in bpy.context.window_manager.windows)


def _play_timeline(scene: bpy.types.Scene, *, on: bool) -> None:
    """Start or stop the timeline in the first window that shows the scene."""
    if bpy.app.background:
        return
    for window in bpy.context.window_manager.windows:
        if window.scene == scene:
            if window.screen.is_animation_playing != on:
                with bpy.context.temp_override(window=window):
                    bpy.ops.screen.animation_play()
            return


@contextlib.contextmanager
def in_window(scene: bpy.types.Scene) -> Iterator[None]:
    """A context with a window, which a timer's lacks."""
    windows = bpy.context.window_manager.windows
    fitting = [w for w in windows if w.scene == scene] or list(windows)
    if not fitting:
        yield
        return
    with bpy.context.temp_override(window=fitting[0]):
        yield


def push_undo(message: str) -> None:
    """One undo step, where Blender keeps any."""
    with contextlib.suppress(RuntimeError):  # its poll fails where there is no undo
        bpy.ops.ed.undo_push(message=message)
