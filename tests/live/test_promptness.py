"""Short turns for the live child, where the system knows them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

_SCRIPT = """
import os, threading
from eifer.eifer_addon.live.promptness import ask_for_short_turns

def turn_ns(thread):
    # The kernel tells the length of a thread's turns since it can be chosen.
    for line in open(f"/proc/self/task/{thread}/sched"):
        if line.startswith("se.slice"):
            return int(line.split()[-1])

before = os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, 0)
agreed = ask_for_short_turns()
assert (os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, 0)) == before
turns = [turn_ns(threading.get_native_id())]
thread = threading.Thread(target=lambda: turns.append(turn_ns(threading.get_native_id())))
thread.start(); thread.join()
print(agreed, *turns)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="short turns are Linux's")
@pytest.mark.parametrize("nice", [0, 5])
def test_turns_are_short_and_the_share_stays(nice: int) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-c", _SCRIPT], capture_output=True, text=True, check=True,
        timeout=60, preexec_fn=lambda: os.nice(nice),
    )  # fmt: skip
    agreed, *turns = done.stdout.split()
    if agreed == "False" or "None" in turns:
        pytest.skip("this kernel does not know short turns or does not tell of them")
    assert turns == ["100000", "100000"]
