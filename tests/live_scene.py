"""Live work without a window: a replayed recording, and the steps that a timer would take."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy

from eifer.eifer_addon.live.settings import LiveSettings
from eifer.eifer_addon.scene import live_driver, live_timer
from eifer.eifer_addon.signals.edf_writer import write_edf
from eifer.models.synthetic.physiology import simulate_recording

PATIENCE_S = 60.0
_STEP_S = 0.005


def write_recording(path: Path, duration_s: float = 30.0) -> Path:
    """A simulated recording of the Fridlund scheme."""
    write_edf(simulate_recording(duration_s=duration_s, rate_hz=1024.0)[0], path)
    return path


def connect(recording: Path, journals: Path, **changes: Any) -> live_driver.LiveDriver:
    """Replay a recording as if it were live, and wait until the first frames are there."""
    given = {"recording": str(recording), "loop": True, "journal_folder": str(journals)} | changes
    driver = live_driver.driver
    driver.connect(bpy.context, LiveSettings(**given))
    live_timer.ensure_timer()
    run_until(lambda: driver.snapshot.n_frames > 0)
    return driver


def run_until(holds: Callable[[], bool]) -> None:
    """Take steps until something holds."""
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end, f"waited in vain; {said()}"
        live_timer.tick()
        time.sleep(_STEP_S)


def run_frames(count: int) -> None:
    """Take steps until so many more frames have come."""
    driver = live_driver.driver
    goal = driver.snapshot.n_frames + count
    run_until(lambda: driver.snapshot.n_frames >= goal)


def has_process(pid: int) -> bool:
    """Whether a process still runs; one that only waits to be buried does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] not in "ZX"


def said() -> str:
    """What the panel would say."""
    driver = live_driver.driver
    lines = (driver.message, driver.snapshot.sentence, driver.playing.sentence, driver.watch_error)
    return "; ".join(line for line in lines if line)
