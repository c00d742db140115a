"""An amplifier that misbehaves when it is told to: plain pylsl in a process of its own.

The last channel counts samples. Faults come as lines of JSON on standard input and hold until
they are told otherwise:

- ``{"clock_s": -100}``: stamps by a clock that was set by so much,
- ``{"late_part": 0.3, "late_s": 0.08}``: this part of the chunks is sent and stamped late,
- ``{"hold_s": 1}``: nothing for so long, then everything at once,
- ``{"lost": [0, 1]}``: these channels give no numbers.
"""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

COUNTED = 1 << 20
_PATIENCE_S, _NAP_S = 30.0, 0.001
_STRENGTH_UV = 3.0


@dataclass(frozen=True)
class Amplifier:
    """What it sends while nothing is wrong."""

    name: str
    channels: tuple[str, ...]
    rate_hz: float = 1000.0
    chunk: int = 10
    source_id: str = ""


class FaultySender:
    """The sender in a process of its own; see the module.

    Parameters
    ----------
    amplifier : Amplifier
    """

    def __init__(self, amplifier: Amplifier) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", __file__, json.dumps(asdict(amplifier))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
        )  # fmt: skip
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def fault(self, **values: Any) -> None:
        """From now on this is wrong."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(values) + "\n")

    def kill(self) -> None:
        """End it without a goodbye."""
        self._process.kill()
        self._process.communicate(timeout=_PATIENCE_S)


@dataclass
class _Faults:
    clock_s: float = 0.0
    late_part: float = 0.0
    late_s: float = 0.0
    hold_s: float = 0.0
    lost: tuple[int, ...] = ()


def open_outlet(lsl: Any, amplifier: Amplifier) -> Any:
    """The outlet with names and units."""
    info = lsl.StreamInfo(
        amplifier.name, "EMG", len(amplifier.channels), amplifier.rate_hz, "float32",
        amplifier.source_id or amplifier.name,
    )  # fmt: skip
    channels = info.desc().append_child("channels")
    for label in amplifier.channels:
        channel = channels.append_child("channel")
        channel.append_child_value("label", label)
        channel.append_child_value("unit", "microvolts")
    return lsl.StreamOutlet(info, 0, 60)


def read_faults(into: queue.SimpleQueue[dict[str, Any] | None]) -> None:
    """Put what standard input says into a queue, and None at its end."""
    for line in sys.stdin:
        into.put(json.loads(line))
    into.put(None)


def main() -> None:
    """Send until standard input is closed."""
    from eifer.eifer_addon.live.lsl import load_lsl

    given = json.loads(sys.argv[1])
    amplifier = Amplifier(**{**given, "channels": tuple(given["channels"])})
    lsl, rng = load_lsl(), np.random.default_rng(0)
    outlet, faults = open_outlet(lsl, amplifier), _Faults()
    told: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
    threading.Thread(target=read_faults, args=(told,), daemon=True).start()
    print("ready", flush=True)
    start_s, sent, n = lsl.local_clock(), 0, len(amplifier.channels)
    while True:
        while not told.empty():
            values = told.get()
            if values is None:
                return
            for name, value in values.items():
                setattr(faults, name, value)
        hold_s, faults.hold_s = faults.hold_s, 0.0
        time.sleep(hold_s)
        due_s = start_s + (sent + amplifier.chunk) / amplifier.rate_hz
        late_s = faults.late_s * rng.random() if rng.random() < faults.late_part else 0.0
        while lsl.local_clock() < due_s + late_s:
            time.sleep(_NAP_S)
        block = rng.normal(size=(amplifier.chunk, n)) * _STRENGTH_UV
        block[:, list(faults.lost)] = np.nan
        block[:, -1] = np.arange(sent, sent + amplifier.chunk) % COUNTED
        sent += amplifier.chunk
        outlet.push_chunk(block, due_s + late_s + faults.clock_s)


if __name__ == "__main__":
    # Beside the tests, as pytest does it.
    sys.path.insert(0, str(Path(__file__).parent))
    main()
