"""A process that watches a live session from outside, for benchmarks.

``python -P tests/latency_observer.py``: commands come as lines of JSON on standard input, each is
answered by a line when it is done.

- ``{"do": "loopback", "name": …, "seconds": …, "out": FILE}``: a plain pylsl inlet, nothing else.
  Rows of the stamp of a sample that has just come, and now.
- ``{"do": "watch", "path": SHARED MEMORY, "out": FILE, "column": n}`` … ``{"do": "stop"}``: rows
  of now, the time stamp of the newest frame, and coefficient `column`, whenever there is a new one.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

_PATIENCE_S, _NAP_S = 30.0, 0.0002


class Observer:
    """The observer in a process of its own; see the module."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", __file__],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
        )  # fmt: skip

    def tell(self, task: str, **values: Any) -> None:
        """Ask for something."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": task, **values}) + "\n")

    def wait(self) -> None:
        """Until the last thing that was asked for is done."""
        assert self._process.stdout is not None
        if self._process.stdout.readline() != "done\n":
            raise RuntimeError("the observer failed")

    def end(self) -> None:
        """End the process."""
        self._process.communicate(timeout=_PATIENCE_S)


def loopback(lsl: Any, name: str, seconds: float) -> np.ndarray:
    """Stamps and arrivals at an inlet that waits for each sample."""
    found = lsl.resolve_byprop("name", name, timeout=_PATIENCE_S)
    inlet = lsl.StreamInlet(found[0], recover=False, processing_flags=0)
    inlet.open_stream(_PATIENCE_S)
    rows, until = [], lsl.local_clock() + seconds
    while lsl.local_clock() < until:
        _, stamp = inlet.pull_sample(timeout=0.2)
        now = lsl.local_clock()
        if stamp is not None:
            rows.append((stamp, now))
            inlet.pull_chunk(0.0, 8192)
    inlet.close_stream()
    return np.array(rows)


def watch(lsl: Any, path: str, column: int, ended: Callable[[], bool]) -> np.ndarray:
    """What shared memory holds, as soon as it does."""
    from eifer.eifer_addon.live.shared import SharedState

    shared, rows, seen = SharedState(path), [], 0
    while not ended():
        values = shared.read_values()
        if values["n_frames"] != seen:
            seen = int(values["n_frames"])
            value = float(values["coefficients"][column])
            rows.append((lsl.local_clock(), float(values["timestamp_s"]), value))
        time.sleep(_NAP_S)
    shared.close()
    return np.array(rows)


def main() -> None:
    """Do what standard input says until it is closed."""
    from eifer.eifer_addon.live.lsl import load_lsl

    lsl = load_lsl()
    for line in sys.stdin:
        asked = json.loads(line)
        if asked["do"] == "loopback":
            rows = loopback(lsl, asked["name"], asked["seconds"])
        else:
            stopped = threading.Event()
            threading.Thread(
                target=lambda to_stop: (sys.stdin.readline(), to_stop.set()),
                args=(stopped,), daemon=True,
            ).start()  # fmt: skip
            rows = watch(lsl, asked["path"], asked["column"], stopped.is_set)
        np.save(asked["out"], rows)
        print("done", flush=True)


if __name__ == "__main__":
    # Beside the tests, as pytest does it.
    sys.path.insert(0, str(Path(__file__).parent))
    main()
