"""Progress on standard error: a bar with the time that is left."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TextIO

#: ``on_progress(done, total)`` is how every long job reports; it may raise `Cancelled`.
OnProgress = Callable[[int, int], None]
_WIDTH = 28
_MIN_INTERVAL_S = 0.1
#: Part of the work after which the time that is left is told.
_TOLD_FROM = 0.02


class ProgressBar:
    """A bar with ETA on a terminal, a line per tenth of the work elsewhere.

    Parameters
    ----------
    title : str
        What is being done.
    stream : file, optional
        Standard error by default.
    """

    def __init__(self, title: str, stream: TextIO | None = None) -> None:
        self._title = title
        self._stream = sys.stderr if stream is None else stream
        self._started = time.monotonic()
        self._shown_at = 0.0
        self._shown_tenth = -1

    def __call__(self, done: int, total: int) -> None:
        """Show that `done` of `total` steps are done."""
        now, last = time.monotonic(), done >= total
        fraction = done / total if total else 1.0
        spent = now - self._started
        # What the first steps take, which set everything up, says nothing of the others.
        told = fraction >= _TOLD_FROM
        left = (
            f"{spent:.1f} s" if last else f"{spent / fraction - spent:.0f} s left" if told else ""
        )
        if self._stream.isatty():
            if last or now - self._shown_at >= _MIN_INTERVAL_S:
                self._shown_at = now
                bar = ("#" * int(fraction * _WIDTH)).ljust(_WIDTH, ".")
                end = "\n" if last else ""
                text = f"\r{self._title:<28} [{bar}] {fraction:4.0%}  {left:<14}"
                print(text, end=end, file=self._stream, flush=True)
        elif int(fraction * 10) > self._shown_tenth:
            self._shown_tenth = int(fraction * 10)
            print(f"{self._title}: {fraction:.0%}  {left}", file=self._stream, flush=True)
