"""A sender for benchmarks: plain pylsl, exact time stamps, a counter, and a log of every push.

``python -P tests/stamped_sender.py REQUEST`` with the fields of `Sending` as JSON. The channels
are muscles by name, then channels that belong to no muscle; the last one counts the samples. Each
second begins with half a second in which all
muscles are ten times as strong, so the onsets are known to the sample.

It prints a line of JSON when the outlet is there, sends until standard input is closed, writes
when each chunk was pushed to the log, and prints how many samples there were.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

#: The counter begins again after so many samples; every float32 below is exact.
COUNTED = 1 << 22
_PATIENCE_S = 60.0
_REST_UV, _EFFORT = 3.0, 10.0
_NAP_S = 0.0002
#: A sender that was held up sends at most so much at once, as drivers of devices do.
_MOST_CHUNKS = 64


@dataclass(frozen=True)
class Sending:
    """What is sent.

    Attributes
    ----------
    name : str
    n_channels : int
        With the counter; at least 2.
    rate_hz : float
    chunk : int
        Samples that are pushed at once.
    log : str
        File for the times of the pushes (``.npy``: rows of last sample, stamp, time); may be "".
    """

    name: str
    n_channels: int = 64
    rate_hz: float = 4096.0
    chunk: int = 1
    log: str = ""


class StampedSender:
    """The sender in a process of its own; see the module.

    Parameters
    ----------
    sending : Sending
    """

    def __init__(self, sending: Sending) -> None:
        self.sending = sending
        self._process = subprocess.Popen(
            [sys.executable, "-P", __file__, json.dumps(asdict(sending))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        self._said = self._process.stdout
        if self._said.readline() != "ready\n":
            raise RuntimeError("the sender did not start")

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def end(self) -> dict[str, Any]:
        """Stop sending; ``samples`` says how many there were, ``start_s`` when."""
        said, _ = self._process.communicate(timeout=_PATIENCE_S)
        return dict(json.loads(said))

    def pushes(self) -> np.ndarray:
        """After the end: number and stamp of each chunk's last sample, and when it was pushed."""
        return np.asarray(np.load(self.sending.log, allow_pickle=False))


def channel_names(n_channels: int) -> list[str]:
    """Names of the channels."""
    from eifer.eifer_addon.signals.montage import muscle_names

    muscles = [f"{muscle} {side}" for muscle in muscle_names() for side in ("left", "right")]
    others = [f"AUX{k}" for k in range(1, n_channels - len(muscles) + 1)]
    return [*(muscles + others)[: n_channels - 1], "COUNTER"]


def signal(n_channels: int, rate_hz: float) -> np.ndarray:
    """One second, float32 (n, n_channels)."""
    n = round(rate_hz)
    samples = np.random.default_rng(1).normal(size=(n, n_channels)) * _REST_UV
    samples[: n // 2] *= _EFFORT
    return samples.astype(np.float32)


def open_outlet(lsl: Any, sending: Sending) -> Any:
    """The outlet with names and units."""
    info = lsl.StreamInfo(
        sending.name, "EMG", sending.n_channels, sending.rate_hz, "float32", sending.name
    )
    channels = info.desc().append_child("channels")
    for label in channel_names(sending.n_channels):
        channel = channels.append_child("channel")
        channel.append_child_value("label", label)
        channel.append_child_value("unit", "microvolts")
    return lsl.StreamOutlet(info, 0, 360)


def main() -> None:
    """Send until standard input is closed."""
    from eifer.eifer_addon.live.lsl import load_lsl

    sending = Sending(**json.loads(sys.argv[1]))
    lsl = load_lsl()
    second = signal(sending.n_channels, sending.rate_hz)
    outlet = open_outlet(lsl, sending)
    print("ready", flush=True)
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    start_s, sent, log = float(lsl.local_clock()), 0, []
    rate, chunk = sending.rate_hz, sending.chunk
    while not ended.is_set():
        due = int((lsl.local_clock() - start_s) * rate)
        for _ in range(min(_MOST_CHUNKS, (due - sent) // chunk)):
            block = second[np.arange(sent, sent + chunk) % len(second)]
            block[:, -1] = np.arange(sent, sent + chunk) % COUNTED
            sent += chunk
            # The last sample of a chunk is sample `sent - 1`, and ends at this time.
            stamp_s = start_s + sent / rate
            if sending.log:
                log.append((sent - 1, stamp_s, lsl.local_clock()))
            outlet.push_chunk(block, stamp_s)
        time.sleep(_NAP_S)
    if sending.log:
        np.save(sending.log, np.array(log))
    print(json.dumps({"samples": sent, "start_s": start_s}), flush=True)
    time.sleep(1.0)  # what was pushed last is still on its way


if __name__ == "__main__":
    # Beside the tests, as pytest does it.
    sys.path.insert(0, str(Path(__file__).parent))
    main()
