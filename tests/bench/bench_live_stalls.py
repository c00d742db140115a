"""Minutes of a take while Blender is blocked for two seconds in every ten: is anything lost?

``python tests/bench/bench_live_stalls.py [--minutes 10] [--channels 64] [--rate 4096]``:
a stamped sender, and Blender (bpy, with the open head) whose live step is called 60 times a second,
except while busy Python holds its main thread; loopback only. At the end every sample of the take
is counted.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import bpy
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1]))  # as pytest does
from bench_live_latency import settings_for
from bench_live_soak import missing, used_s
from lsl_settings import use_loopback_only
from stamped_sender import Sending, StampedSender

from eifer.eifer_addon import api
from eifer.eifer_addon.scene.live_driver import LiveDriver
from eifer.operators import registration

_TICK_S, _CYCLE_S, _BLOCKED_S, _PATIENCE_S = 1.0 / 60.0, 10.0, 2.0, 60.0


def stall(driver: LiveDriver, seconds: float) -> np.ndarray:
    """Steps with stalls; how old the newest sample was at each step, in ms."""
    begun = time.monotonic()
    ages, cycle = [], begun
    while (now := time.monotonic()) < begun + seconds:
        driver.step(now)
        ages.append(driver.snapshot.age_ms)
        if now - cycle >= _CYCLE_S - _BLOCKED_S:
            while time.monotonic() < cycle + _CYCLE_S:
                pass  # the main thread is at work
            cycle += _CYCLE_S
        time.sleep(_TICK_S)
    return np.array(ages)


def measure(sending: Sending, minutes: float, folder: Path) -> dict[str, Any]:
    """The whole of it; what came out."""
    registration.register()
    api.add_head(bpy.context, api.load_head())
    sender, driver = StampedSender(sending), LiveDriver()
    driver.connect(bpy.context, settings_for(sending.name, sending.n_channels, folder))
    until = time.monotonic() + _PATIENCE_S
    while driver.snapshot.n_frames == 0 and time.monotonic() < until:
        driver.step(time.monotonic())
        time.sleep(_TICK_S)
    session = driver.session
    assert session is not None
    pid = session.pid
    assert pid is not None
    session.record("stalls")
    used, begun = used_s(pid), time.monotonic()
    ages = stall(driver, 60.0 * minutes)
    cpu = 100.0 * (used_s(pid) - used) / (time.monotonic() - begun)
    last = session.poll()
    path = session.stop_recording()
    driver.disconnect()
    sent = sender.end()["samples"]
    count, wrong = missing(path)
    return {
        "sent": sent, "journal_samples": count, "missing": wrong, "lost": last.n_lost,
        "gaps": last.n_gaps, "restarts": last.restarts, "cpu_percent": round(cpu, 1),
        "age_ms": [round(float(p), 1) for p in np.percentile(ages, (50, 95, 99, 100))],
        "load": round(os.getloadavg()[0], 2),
    }  # fmt: skip


def test_a_blocked_blender_loses_nothing() -> None:
    """Run a minute, in a process of its own."""
    subprocess.run([sys.executable, __file__, "--minutes", "1"], check=True, timeout=600)


def main() -> int:
    """Run, tell, and judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--channels", type=int, default=64)
    parser.add_argument("--rate", type=float, default=4096.0)
    parser.add_argument("--chunk", type=int, default=1)
    asked = parser.parse_args()
    use_loopback_only()
    with tempfile.TemporaryDirectory(prefix="eifer-stalls-") as folder:
        sending = Sending("stalls", asked.channels, asked.rate, asked.chunk)
        found = measure(sending, asked.minutes, Path(folder))
    print(json.dumps(found), flush=True)
    return 0 if found["missing"] == found["lost"] == found["gaps"] == found["restarts"] == 0 else 1


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # bpy 4.5 may hang at the end of Python
