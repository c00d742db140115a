"""What fusing film and EMG gains, how well the clocks are found, and how long clean-up takes.

``python tests/bench/bench_fusion.py``: simulated sessions (`fused_session`), every number in
docs/clean-up.md.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from fused_session import DELAY_S, Session, make_session

from eifer import api
from eifer.eifer_addon.regions import region_of
from eifer.eifer_addon.video.track_edits import TrackEdits

SEEDS = range(5)
CLOCK_SEEDS = range(8)
_REPEATS = 7
EVERYTHING = TrackEdits(
    "calm", mirror=True, symmetry=0.3, gain={"mouth": 1.2}, eyelids=1.0, gaze=1.0,
    smoothing_hz=3.0, eyelid_smoothing_hz=8.0, head_smoothing_hz=2.0, level_head=True,
)  # fmt: skip


def alone(session: Session) -> tuple[np.ndarray, np.ndarray]:
    """The film with straight lines over bad frames, and the EMG with the true clock and delay."""
    times, space = session.truth.timestamps, session.truth.space
    film = []
    for name, column in zip(space.coefficients, session.video.coefficients.T, strict=True):
        hidden = session.occlusion.get(region_of(name), np.zeros(len(times)))
        good = (session.video.confidence > 0) & (hidden == 0)
        film.append(np.interp(times, times[good], column[good]))
    at = times + session.offset_s - DELAY_S
    emg = [np.interp(at, session.emg.timestamps, column) for column in session.emg.coefficients.T]
    return np.stack(film, axis=1), np.stack(emg, axis=1)


def errors() -> None:
    """Root mean square errors, a row per session."""
    print("session       film     EMG   fused   (covered or gone, mouth: film EMG fused)   untold")
    for seed in SEEDS:
        session = make_session(seed)
        truth = session.truth.coefficients
        moving = truth.std(axis=0) > 0.01
        bad = (session.video.confidence <= 0) | (session.occlusion["mouth"] > 0)
        mouth = moving & [
            region_of(n) in ("mouth", "cheek") for n in session.truth.space.coefficients
        ]
        told = api.fuse(
            session.video, session.emg, offset_s=session.offset_s, occlusion=session.occlusion
        )
        untold = api.fuse(session.video, session.emg, offset_s=session.offset_s)
        tracks = (*alone(session), told.coefficients)
        whole = [_rms((t - truth)[:, moving]) for t in tracks]
        part = [_rms((t - truth)[bad][:, mouth]) for t in tracks]
        rest = _rms((untold.coefficients - truth)[:, moving])
        numbers = "  ".join(f"{value:.4f}" for value in (*whole, *part, rest))
        print(f"{seed}           {numbers}   delay {told.provenance['fusion']['delay_ms']} ms")


def clocks() -> None:
    """Offsets by movement: how far they are off, and what they say of themselves."""
    for seed in CLOCK_SEEDS:
        session = make_session(seed)
        sync = api.synchronise(session.activity, session.video)
        away = 1000 * (sync.seconds - session.offset_s + DELAY_S)
        print(f"{seed}: {away:+.1f} ms off, standard error {sync.error_ms:.1f} ms, "
              f"confidence {sync.confidence:.2f}")  # fmt: skip


def speed() -> None:
    """A minute at 30 frames/s."""
    session = make_session(0, duration_s=64.2)
    print(f"{len(session.video)} frames")
    for name, job in (
        ("clean up, everything on", lambda: api.clean_up(session.video, EVERYTHING)),
        ("clean up, smoothing", lambda: api.clean_up(session.video, {"smoothing_hz": 6.0})),
        ("fuse", lambda: api.fuse(session.video, session.emg, offset_s=session.offset_s)),
        ("offset by movement", lambda: api.synchronise(session.emg, session.video)),
    ):
        print(f"{name}: {1000 * _best(job):.0f} ms")


def _best(job: Callable[[], object]) -> float:
    """Processor time of the shortest of several runs in s; other programs do not count."""
    times = []
    for _ in range(_REPEATS):
        start = time.process_time()
        job()
        times.append(time.process_time() - start)
    return min(times)


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))


if __name__ == "__main__":
    speed()
    errors()
    clocks()
