"""Asking the system to be woken soon when there is something to do.

Blender's threads may keep every core busy, and by default a process that wakes up waits until the
one that runs has had a few milliseconds. Since Linux 6.12 a process may ask for short turns: its
share of the processor stays the same, and it gets it sooner, in small pieces. No rights are needed.
Where that is unknown nothing changes.
"""

from __future__ import annotations

import ctypes
import os
import platform
import sys

#: The shortest turn that Linux gives.
_TURN_NS = 100_000
_SCHED_OTHER = 0
#: Number of ``sched_setattr``, which the C library has no function for.
_SYSTEM_CALLS = {"x86_64": 314, "aarch64": 274}


class _Attributes(ctypes.Structure):
    """``struct sched_attr`` of ``sched_setattr(2)``."""

    _fields_ = [
        ("size", ctypes.c_uint32), ("policy", ctypes.c_uint32), ("flags", ctypes.c_uint64),
        ("nice", ctypes.c_int32), ("priority", ctypes.c_uint32), ("runtime", ctypes.c_uint64),
        ("deadline", ctypes.c_uint64), ("period", ctypes.c_uint64),
    ]  # fmt: skip


def ask_for_short_turns() -> bool:
    """Let this thread, and those that it starts, have short turns; whether the system agreed."""
    number = _SYSTEM_CALLS.get(platform.machine())
    if not sys.platform.startswith("linux") or number is None:
        return False
    nice = os.getpriority(os.PRIO_PROCESS, 0)
    wanted = _Attributes(
        ctypes.sizeof(_Attributes), _SCHED_OTHER, 0, nice, 0, _TURN_NS, 0, 0
    )  # fmt: skip
    this_thread, no_flags = 0, 0
    library = ctypes.CDLL(None, use_errno=True)
    return int(library.syscall(number, this_thread, ctypes.byref(wanted), no_flags)) == 0
