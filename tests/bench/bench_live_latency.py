"""How late live values are: sample, coefficient in shared memory, value on the mesh.

``python tests/bench/bench_live_latency.py [--seconds 5] [--only 64x4096] [--out FILE]
[--picture FILE]``: a stamped sender, the live child process, Blender (bpy, with the open head)
whose one live step is called 60 times a second as its timer does, and an observer of shared memory,
each a process of its own; loopback only. Blender is first free, then blocked for 60 % of the time
by busy Python.

How the declared delays are left out: every frame of coefficients is known to the sample, by the
journal of the take that is recorded meanwhile. A frame's latency begins when the sender hands its
last sample to LSL, so what filters and smoothing see of the past does not count, nor does the time
that samples wait in the sender for their chunk to fill. *sample* also counts how long each sample
waits for the frame that it belongs to. *step* begins at the frame in which the same samples,
run through the pipeline offline, cross a threshold, and ends when the mesh's value does.
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
from bench_live_soak import missing, used_s
from latency_figures import (
    CONTROL,
    Phase,
    latencies,
    loopback_of,
    markdown,
    percentiles,
    picture,
    read_take,
    table,
)
from latency_observer import Observer
from lsl_settings import use_loopback_only
from stamped_sender import Sending, StampedSender, channel_names

from eifer.eifer_addon import api
from eifer.eifer_addon.live.lsl import load_lsl
from eifer.eifer_addon.live.settings import LiveSettings
from eifer.eifer_addon.live.stream_facts import StreamSelector
from eifer.eifer_addon.scene.live_driver import LiveDriver
from eifer.eifer_addon.signals.montage import map_channels
from eifer.eifer_addon.spaces import ARKIT52
from eifer.operators import registration

CHANNELS, RATES_HZ, CHUNKS = (22, 64, 128), (1024.0, 2048.0, 4096.0), (1, 32, 128)
#: Budgets at 64 x 4096 Hz, in ms (p95) and percent of a core.
BUDGETS = {"shared": 3.0, "mesh": 20.0, "cpu": 25.0}
_TICK_S, _CYCLE_S, _BLOCKED_PART = 1.0 / 60.0, 0.25, 0.6
_PATIENCE_S, _WARM_S = 60.0, 1.0


def settings_for(name: str, n_channels: int, folder: Path) -> LiveSettings:
    """Rest and full effort are known, so the face moves from the first frame on."""
    muscles = map_channels(tuple(channel_names(n_channels)), None).muscles
    entry = {"baseline": 3.0, "scale": 27.0, "unit": "uV"}
    profile = {"format_version": 2, "muscles": dict.fromkeys(muscles, entry)}
    return LiveSettings(
        stream=StreamSelector(name=name), mains_hz=50.0, journal_folder=str(folder),
        profile=profile,
    )  # fmt: skip


def run_phase(driver: LiveDriver, avatar: Any, seconds: float, *, blocked: bool) -> Phase:
    """Let the steps come, and block between them if so."""
    clock = load_lsl().local_clock
    assert driver.session is not None
    pid = driver.session.pid
    assert pid is not None
    phase, used = Phase(blocked, clock()), used_s(pid)
    following = cycle = phase.begun_s
    while (now := clock()) < phase.begun_s + seconds:
        if now < following:
            time.sleep(following - now)
        begun = clock()
        driver.step(time.monotonic())
        done = clock()
        stamp_s = driver.snapshot.timestamp_s
        phase.ticks.append((done, stamp_s, float(avatar[CONTROL]), done - begun))
        following = begun + _TICK_S
        if blocked and done - cycle >= (1.0 - _BLOCKED_PART) * _CYCLE_S:
            while clock() - cycle < _CYCLE_S:
                pass  # the main thread is at work
            cycle = clock()
    phase.ended_s = clock()
    phase.cpu_percent = 100.0 * (used_s(pid) - used) / (phase.ended_s - phase.begun_s)
    return phase


def mesh_moves(avatar: Any) -> bool:
    """Whether the evaluated mesh follows the control."""
    shapes = []
    for value in (0.0, 1.0):
        avatar[CONTROL] = value
        avatar.update_tag()
        evaluated = avatar.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
        points = np.empty(3 * len(evaluated.vertices), np.float32)
        evaluated.vertices.foreach_get("co", points)
        shapes.append(points)
    return bool(np.abs(shapes[1] - shapes[0]).max() > 1e-4)


def measure(sending: Sending, avatar: Any, seconds: float, folder: Path) -> dict[str, Any]:
    """One case: loopback, then free, then blocked."""
    sender, observer, driver = StampedSender(sending), Observer(), LiveDriver()
    plain, seen = folder / "loopback.npy", folder / "observed.npy"
    observer.tell("loopback", name=sending.name, seconds=0.25 * seconds, out=str(plain))
    observer.wait()
    driver.connect(bpy.context, settings_for(sending.name, sending.n_channels, folder))
    session = driver.session
    assert session is not None
    until = time.monotonic() + _PATIENCE_S
    while driver.snapshot.n_frames == 0 and time.monotonic() < until:
        driver.step(time.monotonic())
        time.sleep(_TICK_S)
    assert session._shared is not None
    column = ARKIT52.coefficients.index(CONTROL)
    observer.tell("watch", path=str(session._shared.path), out=str(seen), column=column)
    session.record(sending.name)
    run_phase(driver, avatar, _WARM_S, blocked=False)
    phases = [run_phase(driver, avatar, seconds, blocked=blocked) for blocked in (False, True)]
    last = session.poll()
    observer.tell("stop")
    observer.wait()
    path = session.stop_recording()
    driver.disconnect()
    observer.end()
    sender.end()
    return gather(sending, phases, path, plain, np.load(seen), last.n_lost, sender.pushes())


def gather(
    sending: Sending, phases: list[Phase], path: Path, plain: Path, observed: np.ndarray,
    n_lost: int, pushes: np.ndarray,
) -> dict[str, Any]:  # fmt: skip
    """All figures of one case."""
    taken, (count, wrong) = read_take(path), missing(path)
    path.unlink()
    late = 1e3 * (pushes[:, 2] - pushes[:, 1])
    result: dict[str, Any] = {
        "channels": sending.n_channels, "rate_hz": sending.rate_hz, "chunk": sending.chunk,
        "samples": count, "missing": wrong + n_lost, "load": round(os.getloadavg()[0], 2),
        "sender_late": percentiles(late),
    }  # fmt: skip
    values = {"lsl": loopback_of(np.load(plain), pushes, sending.rate_hz)}
    result["lsl"] = percentiles(values["lsl"])
    for phase in phases:
        name = "blocked" if phase.blocked else "free"
        found = latencies(phase, observed, taken, pushes, sending.chunk)
        values |= {f"{name} {kind}": ms for kind, ms in found.items()}
        result[name] = {kind: percentiles(ms) for kind, ms in found.items()}
        result[name] |= {"cpu_percent": round(phase.cpu_percent, 1), "steps": len(found["step"])}
    result["values"] = values
    return result


def within_budget(case: dict[str, Any]) -> list[str]:
    """What a case misses, in words."""
    limits = {
        "shared memory": (case["free"]["shared"][1], BUDGETS["shared"]),
        "shared memory, Blender blocked": (case["blocked"]["shared"][1], BUDGETS["shared"]),
        "mesh": (case["free"]["mesh"][1], BUDGETS["mesh"]),
        "processor": (case["free"]["cpu_percent"], BUDGETS["cpu"]),
        "missing samples": (case["missing"], 0),
    }
    return [f"{what}: {is_} > {limit}" for what, (is_, limit) in limits.items() if not is_ <= limit]


def test_live_values_are_in_time() -> None:
    """Run the case that has budgets, in a process of its own."""
    subprocess.run([sys.executable, __file__, "--only", "64x4096"], check=True, timeout=600)


def main() -> int:
    """All cases, a table, a picture and a file with the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a second and a half per phase")
    parser.add_argument("--seconds", type=float, default=5.0, help="per phase")
    parser.add_argument("--only", default="", help="such as 64x4096 or 64x4096x1")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--picture", type=Path)
    asked = parser.parse_args()
    use_loopback_only()
    seconds = 1.5 if asked.quick else asked.seconds
    registration.register()
    avatar = api.add_head(bpy.context, api.load_head())
    print(f"Blender {bpy.app.version_string}, the mesh moves: {mesh_moves(avatar)}", flush=True)
    results = []
    with tempfile.TemporaryDirectory(prefix="eifer-latency-") as folder:
        for channels, rate, chunk in [
            (n, r, c) for n in CHANNELS for r in RATES_HZ for c in CHUNKS
        ]:
            name = f"{channels}x{rate:g}x{chunk}"
            if f"{name}x".startswith(f"{asked.only}x" if asked.only else ""):
                log = str(Path(folder) / "pushes.npy")
                sending = Sending(name, channels, rate, chunk, log)
                results.append(measure(sending, avatar, seconds, Path(folder)))
                print(
                    table(results[-1:]).split("\n", 0 if len(results) == 1 else 1)[-1], flush=True
                )
    return finish(results, asked.out, asked.picture)


def finish(results: list[dict[str, Any]], out: Path | None, image: Path | None) -> int:
    """Write the files, and judge the case that has budgets."""
    judged = [case for case in results if (case["channels"], case["rate_hz"]) == (64, 4096.0)]
    if image is not None and judged:
        picture(judged, image)
    if out is not None:
        plain = [{k: v for k, v in case.items() if k != "values"} for case in results]
        out.write_text(json.dumps(plain, indent=1), encoding="utf-8")
        out.with_suffix(".md").write_text(markdown(results) + "\n", encoding="utf-8")
    misses = [(case["chunk"], miss) for case in judged for miss in within_budget(case)]
    for chunk, miss in misses:
        print(f"over budget at chunk {chunk}: {miss}")
    return 1 if misses else 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # bpy 4.5 may hang at the end of Python
