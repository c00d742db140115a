"""How near the delay of the face comes to the truth, and what an analysis costs.

``python tests/bench/bench_muscles.py [people]``: simulated people, the numbers in docs/muscles.md.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from muscle_films import seen_in_a_film, simulated

from eifer import api
from eifer.eifer_addon.muscle_analysis_blocks import Blocks
from eifer.eifer_addon.muscle_analysis_clocks import ONE_CLOCK, find_clock
from eifer.eifer_addon.muscle_analysis_compare import compare_activities
from eifer.eifer_addon.muscle_analysis_delay import find_delays
from eifer.eifer_addon.muscle_analysis_face import face_activity
from eifer.eifer_addon.muscle_analysis_pairs import pair
from eifer.models.synthetic.emg_sessions import joined, joined_tracks
from eifer.models.synthetic.movements import session_clips
from eifer.models.synthetic.session import simulate_clip
from eifer.models.synthetic.subject import draw_subject

SEED, CLIPS, SCHEME = 900, 20, "fridlund"


def delay_of_people(people: int) -> None:
    """Common delay found and true, and how often single intervals hold the truth."""
    print("person  found ms  true ms  interval ms  muscles  intervals that hold the truth")
    for index in range(people):
        subject = draw_subject(SEED, index)
        clips = [
            simulate_clip(subject, "1S", c.mode, c.task, c.seq, bipolar=True)
            for c in session_clips(subject, "1S")[:CLIPS]
        ]
        recording, starts = joined([c.raw[SCHEME] for c in clips], [c.task for c in clips])
        track = joined_tracks([c.track for c in clips], starts)
        measured = api.to_activity(recording)
        clock = find_clock(measured, measured, ONE_CLOCK)
        shown = face_activity(track, measured, clock)
        assert shown is not None
        paired = pair(shown[0], measured, seen=shown[1])
        found = find_delays(paired, Blocks.of(paired.times))
        true = dict(zip(subject.muscles, 1e3 * subject.delay_s, strict=True))
        told = [d for d in found.muscles if d.reliable]
        held = [d.interval_ms[0] <= true[d.muscle] <= d.interval_ms[1] for d in told
                if d.interval_ms]  # fmt: skip
        low, high = found.interval_ms or (float("nan"), float("nan"))
        wanted = np.mean([true[d.muscle] for d in told])
        common = found.common_ms or float("nan")
        print(f"{index:6d}  {common:8.0f}  {wanted:7.0f}  {low:5.0f}–{high:3.0f}"
              f"  {len(told):7d}  {np.mean(held):.0%}")  # fmt: skip


def delay_of_films() -> None:
    """Films that are late by a delay that is the same for all muscles."""
    print("seconds  late ms  found ms  processor s")
    for seed, late_s in enumerate((0.045, 0.075, 0.115, 0.14)):
        for seconds in (20.0, 60.0):
            recording, truth = simulated(seed, seconds)
            measured = api.to_activity(recording)
            film = seen_in_a_film(truth, late_s, seed=seed)
            began = time.process_time()
            found = compare_activities(film, measured)
            spent = time.process_time() - began
            common = (found.delays.common_ms if found.delays else None) or float("nan")
            print(f"{seconds:7.0f}  {1e3 * late_s:7.0f}  {common:8.1f}  {spent:.2f}")


if __name__ == "__main__":
    delay_of_films()
    delay_of_people(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
