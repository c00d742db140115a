"""A long take: is memory flat, and is every sample there?

``python tests/bench/bench_live_soak.py [--minutes 60] [--channels 22] [--rate 4096] [--log FILE]``:
a stamped sender, a session as Blender has it that is looked at 60 times a second, and a take that
is recorded all the while; loopback only. Every ten seconds a line of JSON says what each process
holds and uses; at the end every sample of the take is counted.
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

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))  # as pytest does
from lsl_settings import use_loopback_only
from stamped_sender import COUNTED, Sending, StampedSender

from eifer.eifer_addon.live.session import LiveSession, Snapshot
from eifer.eifer_addon.live.settings import LiveSettings
from eifer.eifer_addon.live.stream_facts import StreamSelector
from eifer.eifer_addon.signals.journal_format import DATA, Journal

_TICK_S, _LINE_S, _PATIENCE_S = 1.0 / 60.0, 10.0, 60.0
#: Everything is loaded and every buffer full after so long.
_WARM_S = 60.0
#: The part of the memory that may come on top then.
_FLAT = 0.05
_PAGE, _HERTZ = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_CLK_TCK")


def held_mb(pid: int) -> float:
    """Memory of a process in MB that is its own: resident without what lies in files."""
    fields = Path(f"/proc/{pid}/statm").read_text("ascii").split()
    return (int(fields[1]) - int(fields[2])) * _PAGE / 1e6


def used_s(pid: int) -> float:
    """Processor time of a process in s."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _HERTZ


def line(
    session: LiveSession, sender: StampedSender, seen: Snapshot, since_s: float
) -> dict[str, Any]:
    """What there is to know now."""
    assert session.pid is not None
    written = seen.take.size_bytes if seen.take else 0
    return {
        "s": round(since_s, 1), "state": seen.state, "n_samples": seen.n_samples,
        "n_lost": seen.n_lost, "n_gaps": seen.n_gaps, "restarts": seen.restarts,
        "child_mb": round(held_mb(session.pid), 2), "parent_mb": round(held_mb(os.getpid()), 2),
        "sender_mb": round(held_mb(sender.pid), 2), "child_cpu_s": used_s(session.pid),
        "parent_cpu_s": used_s(os.getpid()), "age_ms": round(seen.age_ms, 2),
        "load": round(os.getloadavg()[0], 2), "journal_mb": round(written / 1e6, 1),
    }  # fmt: skip


def missing(path: Path) -> tuple[int, int]:
    """How many samples a journal holds, and how many are missing or doubled between them."""
    journal = Journal(path)
    count, wrong, last = 0, 0, None
    for chunk in journal.of_kind(DATA):
        found = journal.samples(chunk)
        values = journal.raw(found)[:, -1].astype(np.int64)
        steps = np.diff(values if last is None else np.concatenate([[last], values])) % COUNTED
        wrong += int(np.abs(steps - 1).sum())
        count, last = count + len(values), values[-1]
    return count, wrong


def soak(minutes: float, channels: int, rate_hz: float, log: Path, folder: Path) -> dict[str, Any]:
    """The whole of it; what came out."""
    sender = StampedSender(Sending("soak", channels, rate_hz, 16))
    session = LiveSession(
        LiveSettings(stream=StreamSelector(name="soak"), mains_hz=50.0, journal_folder=str(folder))
    )
    lines: list[dict[str, Any]] = []
    session.start()
    try:
        until = time.monotonic() + _PATIENCE_S
        while session.poll().n_samples == 0 and time.monotonic() < until:
            time.sleep(_TICK_S)
        path, started = session.record("soak"), time.monotonic()
        told = started
        with log.open("w", encoding="utf-8") as stream:
            while (now := time.monotonic()) < started + 60.0 * minutes:
                seen = session.poll(now)
                if now - told >= _LINE_S:
                    told = now
                    lines.append(line(session, sender, seen, now - started))
                    stream.write(json.dumps(lines[-1]) + "\n")
                    stream.flush()
                time.sleep(_TICK_S)
        last = session.poll()
        session.stop_recording()
    finally:
        session.close()
        sender.end()
    count, wrong = missing(path)
    size_mb = round(path.stat().st_size / 1e6)
    found = {"journal_samples": count, "missing": wrong, "size_mb": size_mb}
    return {**found, **summary(lines, last)}


def summary(lines: list[dict[str, Any]], last: Snapshot) -> dict[str, Any]:
    """Memory and processor time of all lines."""
    warm = [entry for entry in lines if entry["s"] >= _WARM_S] or lines
    hours = (warm[-1]["s"] - warm[0]["s"]) / 3600.0
    found: dict[str, Any] = {"lost": last.n_lost, "gaps": last.n_gaps, "restarts": last.restarts}
    for who in ("child", "parent", "sender"):
        curve = np.array([entry[f"{who}_mb"] for entry in warm])
        part = max(1, len(curve) // 10)
        grown = float(np.median(curve[-part:]) - np.median(curve[:part]))
        found[f"{who}_mb"] = [float(curve[0]), float(curve.max()), float(curve[-1])]
        found[f"{who}_grown_mb"] = round(grown, 3)
        if who != "sender" and hours > 0:
            used = warm[-1][f"{who}_cpu_s"] - warm[0][f"{who}_cpu_s"]
            found[f"{who}_cpu_percent"] = round(100.0 * used / (hours * 3600.0), 2)
    return found


def test_memory_is_flat_and_nothing_is_lost() -> None:
    """Run three minutes, in a process of its own."""
    subprocess.run([sys.executable, __file__, "--minutes", "3"], check=True, timeout=600)


def main() -> int:
    """Run, tell, and judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--channels", type=int, default=22)
    parser.add_argument("--rate", type=float, default=4096.0)
    parser.add_argument("--log", type=Path, default=Path(tempfile.gettempdir()) / "soak.jsonl")
    asked = parser.parse_args()
    use_loopback_only()
    with tempfile.TemporaryDirectory(prefix="eifer-soak-") as folder:
        found = soak(asked.minutes, asked.channels, asked.rate, asked.log, Path(folder))
    print(json.dumps(found, indent=1), flush=True)
    flat = found["child_grown_mb"] <= _FLAT * found["child_mb"][0]
    return 0 if flat and found["missing"] == found["lost"] == found["restarts"] == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
