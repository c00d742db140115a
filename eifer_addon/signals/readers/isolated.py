"""A child process for libraries that crash or hang on damaged files; see `array_worker`."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import EiferError
from .base import damaged

_SCRIPT = Path(__file__).with_name("array_worker.py")
#: A whole file is read this fast on any disk; what takes longer hangs.
_SLOWEST_BYTES_PER_S, _PATIENCE_S = 20e6, 15.0
_open = threading.local()


class Worker:
    """One child process, started when first asked and again after it crashed."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
            environment |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
            self._process = subprocess.Popen(
                [sys.executable, "-P", str(_SCRIPT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL, text=True, encoding="utf-8", env=environment,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),  # of Windows only
            )  # fmt: skip
        return self._process

    def ask(self, path: Path, request: dict[str, Any], kind: str) -> dict[str, Any]:
        """The answer to one request about a file; `EiferError` when there is none."""
        process = self._running()
        answers: queue.Queue[str] = queue.Queue()
        sending, receiving = process.stdin, process.stdout
        if sending is None or receiving is None:
            raise damaged(path, kind, "its reader could not be started")
        with contextlib.suppress(OSError):  # then the child is gone, and no answer comes
            sending.write(json.dumps({**request, "path": str(path.absolute())}) + "\n")
            sending.flush()
        threading.Thread(target=lambda: answers.put(receiving.readline()), daemon=True).start()
        patience = _PATIENCE_S + path.stat().st_size / _SLOWEST_BYTES_PER_S
        try:
            line = answers.get(timeout=patience)
        except queue.Empty:
            self.close()
            raise damaged(path, kind, "reading it takes for ever") from None
        if not line:
            self.close()
            raise damaged(path, kind, "reading it crashed the library that reads it")
        reply: dict[str, Any] = json.loads(line)
        if "refused" in reply:
            raise EiferError(
                f"{path.name} is too large: {reply['refused']}, far more than its size allows.",
                "Save it again with less compression, or in parts.",
            )
        if "error" in reply:
            raise damaged(path, kind, reply["error"][:300])
        return reply

    def close(self) -> None:
        """End the child."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()
        self._process = None


@contextlib.contextmanager
def worker() -> Iterator[Worker]:
    """A worker for the length of a block; blocks inside it, of the same thread, share it."""
    outer: Worker | None = getattr(_open, "worker", None)
    if outer is not None:
        yield outer
        return
    _open.worker = Worker()
    try:
        yield _open.worker
    finally:
        _open.worker.close()
        _open.worker = None


@contextlib.contextmanager
def scratch_file() -> Iterator[Path]:
    """The name of a file that is gone after the block; what maps it by then keeps its content."""
    handle, name = tempfile.mkstemp(suffix=".npy", prefix="eifer-")
    os.close(handle)
    try:
        yield Path(name)
    finally:
        with contextlib.suppress(OSError):
            Path(name).unlink()


def load_mapped(path: Path) -> np.ndarray:
    """The array in a ``.npy`` file: mapped where a mapped file may be deleted, else in memory."""
    return np.load(path, mmap_mode=None if os.name == "nt" else "r", allow_pickle=False)
