"""The offset between a sender's clock and ours, measured beside the data path."""

from __future__ import annotations

import threading
from typing import Any

from .lsl import load_lsl

#: How often the sender's clock is measured, and how soon again after that failed.
_MEASURE_S, _AGAIN_S = 5.0, 1.0


class ClockOffset:
    """Measures the offset of the sender's clock in a thread; the first time takes 0.6 s.

    Parameters
    ----------
    inlet : pylsl.StreamInlet
    """

    def __init__(self, inlet: Any) -> None:
        self._inlet = inlet
        self._lock = threading.Lock()
        self._notes: list[dict[str, float]] = []
        self._wake, self._ended = threading.Event(), False
        self.offset_s: float | None = None
        threading.Thread(target=self._measure, name="clock", daemon=True).start()

    def _measure(self) -> None:
        lsl = load_lsl()
        while not self._ended:
            pause = _MEASURE_S
            try:
                offset = float(self._inlet.time_correction(timeout=2.0))
            except RuntimeError:  # pylsl's own errors: lost, or no answer in time
                pause = _AGAIN_S
            else:
                with self._lock:
                    self.offset_s = offset
                    measured = float(lsl.local_clock())
                    self._notes.append({"offset_s": offset, "measured_s": measured})
            self._wake.wait(pause)
            self._wake.clear()

    def forget(self) -> None:
        """Measure anew at once: the clock was set."""
        with self._lock:
            self.offset_s = None
        self._wake.set()

    def drain(self) -> list[dict[str, float]]:
        """Measurements since the last call."""
        with self._lock:
            notes, self._notes = self._notes, []
        return notes

    def close(self) -> None:
        """Measure no more."""
        self._ended = True
        self._wake.set()
