"""The engine of a batch: a process that gives films to the workers of a Dask cluster.

It is a child of its own (``entry.py video.batch_engine ORDER.json``), because a local cluster
starts its workers by importing the main module again: that of Blender cannot be, and that of a
user's script would do its work twice. Nothing is scheduled here; Dask does that.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import EiferError
from ..processes import Parent
from . import batch_task

if TYPE_CHECKING:
    from distributed import Client, Future

_TOPIC = "eifer-progress"
#: Between two words about the frames of a film, and between two looks at the parent.
_TELL_EVERY_S, _LOOK_EVERY_S = 0.5, 0.2
_ANSWER_WITHIN = "15s"
#: A job counts its own attempts, so that one which kills its worker is not taken for another that
#: was given to the same one; Dask's own count is only the last resort.
_DASK_DEATHS = 100
#: How often films whose worker died before they began are given out again.
_ROUNDS = 3
_SETTINGS = {
    "distributed.scheduler.allowed-failures": _DASK_DEATHS,
    "distributed.scheduler.worker-saturation": 1.0,
    # No pages about the work on any port.
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
    "distributed.worker.multiprocessing-method": "spawn",
    "distributed.comm.timeouts.connect": "30s",
}


def tell_progress(name: str) -> Callable[[int, int], None]:
    """An ``on_progress`` for a job in a worker, heard by whoever watches the cluster."""
    from distributed import get_worker

    worker, told = get_worker(), [0.0]

    def tell(done: int, total: int) -> None:
        now = time.monotonic()
        if done >= total or now - told[0] > _TELL_EVERY_S:
            told[0] = now
            about = {"name": name, "done": done, "total": total, "pid": os.getpid()}
            worker.log_event(_TOPIC, about)

    return tell


def main(arguments: list[str]) -> int:
    """Do the order whose file is named, telling the parent of every film that is done."""
    parent = Parent()
    order = json.loads(Path(arguments[0]).read_text("utf-8"))
    try:
        with _cluster(order) as client:
            parent.send({"workers": len(client.scheduler_info(n_workers=-1)["workers"])})
            client.subscribe_topic(_TOPIC, lambda event: _hear(parent, event))
            _Batch(client, order, parent).work()
    except EiferError as error:
        parent.send({"cause": error.cause, "remedy": error.remedy})
        return 1
    return 0


def _hear(parent: Parent, event: Any) -> None:
    """Give a worker's word about its frames on."""
    said = event[1] if isinstance(event, tuple) else event
    if isinstance(said, dict) and "name" in said:
        parent.send({"progress": said}, droppable=True)


@contextlib.contextmanager
def _cluster(order: dict[str, Any]) -> Iterator[Client]:
    """The lab's cluster, or one on this machine that ends with the batch."""
    try:
        import dask
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise EiferError(
            f"The package {error.name} is missing, so films cannot be given to several processes.",
            "Install it (python -m pip install distributed).",
        ) from error
    if order["scheduler"]:
        with _answered(order["scheduler"]) as client:
            yield client
        return
    with (
        dask.config.set(_SETTINGS),
        LocalCluster(
            n_workers=order["workers"], threads_per_worker=1, processes=True, host="127.0.0.1",
            dashboard_address="127.0.0.1:0", worker_dashboard_address="127.0.0.1:0",
            memory_limit=0, silence_logs=50,
        ) as cluster,
        Client(cluster) as client,
    ):  # fmt: skip
        yield client


@contextlib.contextmanager
def _answered(address: str) -> Iterator[Client]:
    """A client of a scheduler that runs somewhere."""
    from distributed import Client

    try:
        client = Client(address, timeout=_ANSWER_WITHIN)
    except (OSError, TimeoutError, ValueError) as error:
        raise EiferError(
            f"No Dask scheduler answers at {address}.",
            "Start one with 'dask scheduler', and give its address as tcp://HOST:8786.",
        ) from error
    with client:
        if not client.scheduler_info(n_workers=-1)["workers"]:
            with contextlib.suppress(TimeoutError):
                client.wait_for_workers(1, timeout=_ANSWER_WITHIN)
        yield client


class _Batch:
    """The films of an order, on their way."""

    def __init__(self, client: Client, order: dict[str, Any], parent: Parent) -> None:
        import cloudpickle

        cloudpickle.register_pickle_by_value(batch_task)
        work = batch_task.run_clip
        # Only what has no name to be imported by is sent by value.
        self._call = lambda root, version, job, own: work(root, version, job, own_machine=own)
        self._client, self._order, self._parent = client, order, parent
        self._futures: dict[Future, dict[str, Any]] = {}
        self._rounds: dict[str, int] = {}

    def work(self) -> None:
        """Give all films out and report each as it is done; end early when the parent does."""
        from distributed import as_completed

        arriving = as_completed([self._submit(job) for job in self._order["jobs"]])
        while self._futures and not self._parent.ended.is_set():
            self._check_connection()
            for future in arriving.next_batch(block=False):
                job = self._futures.pop(future)
                if again := self._finished(future, job):
                    arriving.add(again)
            self._parent.ended.wait(_LOOK_EVERY_S)
        self._client.cancel(list(self._futures), force=True)
        self._parent.flush()

    def _check_connection(self) -> None:
        if self._client.status not in {"running", "connecting", "newly-created"}:
            raise EiferError(
                "The connection to the Dask scheduler was lost.",
                "Start the same command again: what is done stays done.",
            )

    def _submit(self, job: dict[str, Any]) -> Future:
        number = self._rounds[job["name"]] = self._rounds.get(job["name"], 0) + 1
        future = self._client.submit(
            self._call, self._order["root"], self._order["version"], json.dumps(job),
            not self._order["scheduler"], pure=False,
            key=f"eifer-{job['run']}-{number}-{job['name']}",
        )  # fmt: skip
        self._futures[future] = job
        return future

    def _finished(self, future: Future, job: dict[str, Any]) -> Future | None:
        """Report a film, or give it out again when only its worker was at fault."""
        if future.status == "finished":
            self._parent.send({"report": json.loads(future.result())})
            return None
        error = future.exception() if future.status == "error" else None
        died = error is None or type(error).__name__ in {"KilledWorker", "FutureCancelledError"}
        if died and self._rounds[job["name"]] < _ROUNDS:
            return self._submit(job)
        sentence = (
            f"The workers that were given {job['name']} ended without a word."
            if died
            else f"{job['name']} could not be done: {error}"
        )
        report = {"name": job["name"], "state": "failed", "sentence": sentence}
        self._parent.send({"report": report | {"source": {"path": job["path"]}}})
        return None
