"""Several processes that follow the pieces of one film, the first pieces first."""

from __future__ import annotations

import json
import os
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..errors import EiferError
from ..processes import Child
from .segments import Segment

_NAP_S = 0.02
#: A process that was told to stop gets so long to close its journal.
_PATIENCE_S = 20.0
#: glibc would give the memory of each picture back to the system and take it again.
_ENVIRONMENT = {
    "MALLOC_MMAP_THRESHOLD_": str(1 << 28), "MALLOC_TRIM_THRESHOLD_": str(1 << 30),
    "PILLOW_BLOCKS_MAX": "8",
}  # fmt: skip


class _Worker:
    """A process and what it does."""

    def __init__(self, module: str, request: str) -> None:
        self.child = Child(module, request, environment=_ENVIRONMENT)
        self.segment: Segment | None = None
        self.is_told_to_stop = False

    def give(self, segment: Segment, path: Path) -> None:
        self.segment = segment
        self.child.send({"segment": asdict(segment), "path": str(path)})

    def stop(self) -> None:
        if not self.is_told_to_stop:
            self.is_told_to_stop = True
            self.child.send({"do": "stop"})


class Pool:
    """Works off the pieces of a film.

    Parameters
    ----------
    name : str
        The film's file name, for messages.
    request : mapping
        What `job_worker.main` takes.
    count : int
        Processes.
    on_counts : callable
        Called with the number of frames that are done, by piece.
    should_stop : callable
        Asked all the time; the processes close their journals when it says True.
    module : str
        Whose ``main`` the processes run.
    """

    def __init__(
        self,
        name: str,
        request: Mapping[str, Any],
        count: int,
        on_counts: Callable[[Mapping[int, int]], None],
        should_stop: Callable[[], bool],
        *,
        module: str = "video.job_worker",
    ) -> None:
        self._module = module
        self._name, self._request, self._count = name, json.dumps(dict(request)), count
        self._on_counts, self._should_stop = on_counts, should_stop
        self._workers: list[_Worker] = []
        self._todo: deque[tuple[Segment, Path]] = deque()
        self._paths: dict[int, Path] = {}
        self._counts: dict[int, int] = {}
        self._told: dict[int, int] = {}
        self._errors: dict[int, EiferError] = {}
        self._crashed: set[int] = set()

    def run(
        self,
        segments: Sequence[Segment],
        paths: Sequence[Path],
        meanwhile: Callable[[], None] = lambda: None,
    ) -> None:
        """Work until all pieces are done or the work was stopped; `meanwhile` is called once.

        Raises
        ------
        EiferError
            The one of the earliest piece that fails; those before it are complete then.
        """
        self._todo = deque(zip(segments, paths, strict=True))
        self._paths = {segment.number: path for segment, path in self._todo}
        try:
            self._employ()
            meanwhile()
            while self._turn():
                time.sleep(_NAP_S)
        finally:
            for worker in self._workers:
                worker.child.close(patience_s=0.0)
        if self._errors:
            raise self._errors[min(self._errors)]

    def _turn(self) -> bool:
        """Look after everything once; False when there is nothing left."""
        stopping = self._should_stop()
        for worker in list(self._workers):
            is_alive = worker.child.is_alive  # before the messages, so that the last ones are read
            for message in worker.child.messages():
                self._hear(worker, message)
            if not is_alive:
                self._bury(worker)
        if self._errors:
            first = min(self._errors)
            self._todo = deque(item for item in self._todo if item[0].number < first)
        for worker in self._workers:
            late = worker.segment is not None and worker.segment.number > min(
                self._errors, default=worker.segment.number
            )
            if stopping or late:
                worker.stop()
        if self._counts != self._told:
            self._told = dict(self._counts)
            self._on_counts(self._told)
        if stopping:
            return self._stopped()
        self._employ()
        return bool(self._todo) or any(
            worker.segment is not None and not worker.is_told_to_stop for worker in self._workers
        )

    def _employ(self) -> None:
        for worker in self._workers:
            if self._todo and worker.segment is None and not worker.is_told_to_stop:
                worker.give(*self._todo.popleft())
        busy = sum(not worker.is_told_to_stop for worker in self._workers)
        while self._todo and busy < self._count:
            busy += 1
            try:
                self._workers.append(_Worker(self._module, self._request))
            except OSError as error:
                reason = os.strerror(error.errno or 0)
                raise EiferError(
                    f"No process could be started for {self._name}: {reason}.",
                    "Close some programs.",
                ) from error
            self._workers[-1].give(*self._todo.popleft())

    def _stopped(self) -> bool:
        """Whether somebody still closes a journal."""
        self._todo.clear()
        end_s = time.monotonic() + _PATIENCE_S
        while any(worker.child.is_alive for worker in self._workers):
            if time.monotonic() > end_s:
                break
            time.sleep(_NAP_S)
        return False

    def _hear(self, worker: _Worker, message: Mapping[str, Any]) -> None:
        if "count" in message:
            self._counts[message["segment"]] = int(message["count"])
        elif "finished" in message:
            if worker.segment is not None:
                self._counts[message["finished"]] = -1
            worker.segment = None
        elif "failed" in message:
            number = worker.segment.number if worker.segment is not None else 0
            self._errors[number] = EiferError(message["cause"], message["remedy"])
            worker.segment = None

    def _bury(self, worker: _Worker) -> None:
        """A process that ended; the piece that it worked on is tried once more."""
        self._workers.remove(worker)
        segment, code, words = worker.segment, worker.child.exit_code, worker.child.last_words()
        worker.child.close(patience_s=0.0)
        if segment is None or worker.is_told_to_stop:
            return
        self._counts.pop(segment.number, None)
        if segment.number not in self._crashed:
            self._crashed.add(segment.number)
            self._todo.appendleft((segment, self._paths[segment.number]))
            return
        self._errors[segment.number] = crash(self._name, code, words)


def crash(name: str, code: int | None, words: str) -> EiferError:
    """What to say of a process that ended without a word of its own.

    Parameters
    ----------
    name : str
        The film's.
    code : int or None
        Negative for a signal.
    words : str
        The last line of its standard error.
    """
    if code is not None and code < 0:
        return EiferError(
            f"The process that read {name} crashed (signal {-code}): the file is damaged, or "
            "memory ran out.",
            "Convert it to H.264 in an mp4 file.",
        )
    reason = (words or "no reason was given").rstrip(".")
    return EiferError(f"The work on {name} ended (exit code {code}): {reason}.", "Start it again.")
