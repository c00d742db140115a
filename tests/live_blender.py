"""A Blender without a window that does live work when it is told to, for tests of faults.

``python -P tests/live_blender.py STREAM``: tasks come as lines of JSON on standard input, each is
answered by one; between them the live step is taken 60 times a second. It ends when standard input
is closed.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy

_TICK_S, _PATIENCE_S = 1.0 / 60.0, 60.0


class Tasks:
    """What it can do; each method answers with what there is to say."""

    def __init__(self, stream: str) -> None:
        from eifer.eifer_addon.scene.live_driver import driver

        self.driver, self.stream = driver, stream

    def until(self, holds: Callable[[], bool]) -> None:
        """Take steps until something holds."""
        end = time.monotonic() + _PATIENCE_S
        while not holds():
            if time.monotonic() > end:
                raise TimeoutError(self.driver.snapshot.sentence)
            self.driver.step(time.monotonic())
            time.sleep(_TICK_S)

    def connect(self) -> dict[str, Any]:
        """Connect to the stream; journals go where the panel puts them."""
        from eifer.eifer_addon.live.settings import LiveSettings
        from eifer.eifer_addon.live.stream_facts import StreamSelector
        from eifer.eifer_addon.scene.live_settings import takes_folder

        stream = StreamSelector(name=self.stream)
        settings = LiveSettings(stream=stream, mains_hz=50.0, journal_folder=str(takes_folder()))
        self.driver.connect(bpy.context, settings)
        self.until(lambda: self.driver.snapshot.state == "connected")
        return {}

    def record(self) -> dict[str, Any]:
        """Press Record."""
        bpy.context.scene.eifer_live.countdown_s = 0
        self.driver.recorder.begin(time.monotonic())
        self.until(lambda: bool(self.driver.snapshot.take and self.driver.snapshot.take.seconds))
        return {}

    def run(self, samples: int) -> dict[str, Any]:
        """Go on for so many samples."""
        goal = self.driver.snapshot.n_samples + samples
        self.until(lambda: self.driver.snapshot.n_samples >= goal)
        assert self.driver.session is not None
        return {"child": self.driver.session.pid, "seen": samples}

    def stop(self) -> dict[str, Any]:
        """Press Record again."""
        seen = self.driver.snapshot
        self.driver.recorder.stop()
        self.until(lambda: self.driver.recorder.phase == "idle")
        (row,) = bpy.context.scene.eifer_live.takes
        return {
            "path": bpy.path.abspath(row.file), "row_lost": row.lost, "row_gaps": row.gaps,
            "lost": seen.n_lost, "gaps": seen.n_gaps, "restarts": seen.restarts,
        }  # fmt: skip

    def recover(self) -> dict[str, Any]:
        """Look for takes that were cut off, as the panel does, and recover the one."""
        from eifer.eifer_addon.scene.live_takes import recoverable

        self.until(lambda: bool(recoverable(bpy.context.scene)))
        (path,) = recoverable(bpy.context.scene)
        bpy.ops.eifer.live_recover(path=str(path))
        (row,) = bpy.context.scene.eifer_live.takes
        left = len(recoverable(bpy.context.scene))
        return {"path": str(path), "seconds": row.duration_s, "left": left}


def read_tasks(into: queue.SimpleQueue[dict[str, Any] | None]) -> None:
    """Put what standard input says into a queue, and None at its end."""
    for line in sys.stdin:
        into.put(json.loads(line))
    into.put(None)


def main() -> int:
    """Do what is asked for."""
    from eifer.operators import registration

    registration.register()
    tasks = Tasks(sys.argv[1])
    asked: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
    threading.Thread(target=read_tasks, args=(asked,), daemon=True).start()
    while True:
        tasks.driver.step(time.monotonic())
        time.sleep(_TICK_S)
        if asked.empty():
            continue
        task = asked.get()
        if task is None:
            break
        print(json.dumps(getattr(tasks, task.pop("do"))(**task)), flush=True)
    registration.unregister()
    return 0


if __name__ == "__main__":
    # Beside the tests, as pytest does it.
    sys.path.insert(0, str(Path(__file__).parent))
    code = main()
    sys.stdout.flush()
    os._exit(code)  # bpy 4.5 may hang at the end of Python
