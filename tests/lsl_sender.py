"""A sender of a stream in a process of its own: plain pylsl, nothing of this package's player.

Started by the fixture `lsl_outlet` of ``tests/live/conftest.py`` with one JSON argument; prints
``ready`` when the outlet is there and ends when standard input closes.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from typing import Any

import numpy as np


def outlet_of(lsl: Any, request: dict[str, Any], n_channels: int) -> Any:
    """The outlet with a description after XDF's conventions."""
    info = lsl.StreamInfo(
        request["name"], request.get("type", "EMG"), n_channels,
        request.get("nominal_rate_hz", request["rate_hz"]), request.get("format", "float32"),
        request.get("source_id", request["name"]),
    )  # fmt: skip
    if request.get("channels"):
        channels = info.desc().append_child("channels")
        units = request.get("units") or [""] * n_channels
        for label, unit in zip(request["channels"], units, strict=True):
            channel = channels.append_child("channel")
            channel.append_child_value("label", label)
            channel.append_child_value("unit", unit)
            channel.append_child_value("type", "EMG")
    return lsl.StreamOutlet(info, 0, 60)


def main() -> None:
    """Send the array, chunk by chunk, each at its time and with the times of its samples."""
    from eifer.eifer_addon.live.lsl import load_lsl

    request = json.loads(sys.argv[1])
    samples = np.load(request["path"], allow_pickle=False).T
    if request.get("format", "float32") == "string":
        samples = samples.astype(str)
    lsl = load_lsl()
    outlet = outlet_of(lsl, request, samples.shape[1])
    print("ready", flush=True)
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    if request.get("wait_for_consumer"):
        outlet.wait_for_consumers(30.0)
    rate, chunk = float(request["rate_hz"]), int(request.get("chunk", 1))
    late = np.random.default_rng(request.get("seed", 0))
    jitter_s = float(request.get("jitter_ms", 0.0)) / 1000
    start_s, sent = lsl.local_clock(), 0
    while not ended.is_set() and (request.get("loop", True) or sent < len(samples)):
        rows = np.arange(sent, sent + chunk) % len(samples)
        due_s = start_s + (sent + chunk) / rate + jitter_s * late.random()
        ended.wait(max(0.0, due_s - lsl.local_clock()))
        if ended.is_set():
            return
        block = samples[rows] if request.get("loop", True) else samples[sent : sent + chunk]
        sent += len(block)
        # The time of a chunk is that of its last sample.
        outlet.push_chunk(
            block.tolist() if block.dtype.kind == "U" else block, start_s + sent / rate
        )
    while not ended.is_set():
        time.sleep(0.05)


if __name__ == "__main__":
    main()
