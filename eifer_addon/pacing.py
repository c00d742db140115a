"""A long job in portions: it goes on when it is told to and rests wherever it reports progress.

The job runs in a thread of its own, but never at the same time as its caller, who waits for each
portion. So a window can redraw and hear the escape key between two portions, and Blender, which
must not be run beside Python threads, never is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from .errors import Cancelled

Result = TypeVar("Result")


class Paced(Generic[Result]):
    """A job in portions.

    Parameters
    ----------
    job : callable
        ``job(on_progress)``; it calls ``on_progress(share)`` between its portions, in one thread.

    Attributes
    ----------
    share : float
        What the job last reported, 0 to 1.
    """

    def __init__(self, job: Callable[[Callable[[float], None]], Result]) -> None:
        self._job = job
        self._go, self._rest = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._stopped = self._finished = False
        self._result: list[Result] = []
        self._error: BaseException | None = None
        self.share = 0.0

    def step(self) -> bool:
        """Let the job do one portion; True when it is done.

        Raises
        ------
        Exception
            Whatever the job raised.
        """
        if self._finished:
            return True
        if not self._thread.ident:
            self._thread.start()
        else:
            self._go.release()
        self._rest.acquire()
        return self._ended()

    def _ended(self) -> bool:
        """Whether the job has ended by now; raises what it raised."""
        if not self._finished:
            return False
        self._thread.join()
        if self._error is not None:
            raise self._error
        return True

    @property
    def result(self) -> Result:
        """What the job gave, once it is done."""
        return self._result[0]

    def stop(self) -> None:
        """End the job at its next report; nothing of it goes on afterwards."""
        if self._thread.ident and not self._finished:
            self._stopped = True
            self._go.release()
            self._thread.join()

    def _run(self) -> None:
        try:
            self._result.append(self._job(self._report))
        except BaseException as error:  # noqa: BLE001  # raised again in the caller's thread
            self._error = error
        self._finished = True
        self._rest.release()

    def _report(self, share: float) -> None:
        self.share = share
        self._rest.release()
        self._go.acquire()
        if self._stopped:
            raise Cancelled
