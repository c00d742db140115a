"""Child processes of this package: the parent's side, which never blocks, and the child's.

A child is started with the interpreter that runs now and with its packages. Both sides talk in
lines of JSON over the child's standard input and output. A child ends when its standard input is
closed, which happens by itself when the parent ends, however it ends.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, cast

_ENTRY = Path(__file__).with_name("entry.py")
#: One thread per library: the work is small, and Blender wants the cores.
_ONE_THREAD = dict.fromkeys(
    ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)
_BLOCK, _LAST_WORDS = 1 << 16, 2000
#: Messages that wait for a parent which does not listen, before droppable ones are dropped.
_MOST_WAITING = 100
_FLUSHING_S, _NAP_S = 1.0, 0.005


class Lines:
    """The complete lines that wait in a pipe; asking for them never blocks.

    Parameters
    ----------
    stream : binary file
        The reading end of a pipe.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._rest = b""
        self.at_end = False
        if os.name != "nt":  # pipes of Windows are looked at before they are read
            os.set_blocking(stream.fileno(), False)

    def read(self) -> list[str]:
        """Lines that came since the last call, without their ends."""
        while (block := self._block()) is not None:
            self._rest += block
        *lines, self._rest = self._rest.split(b"\n")
        return [line.decode("utf-8", "replace").rstrip("\r") for line in lines]

    def _block(self) -> bytes | None:
        """Some bytes; None when there are none now."""
        if self.at_end or self._stream.closed:
            return None
        try:
            if waiting_bytes(self._stream) == 0:
                return None
            block = os.read(self._stream.fileno(), _BLOCK)
        except BlockingIOError:
            return None
        except OSError:  # Windows says so when the other end is closed
            block = b""
        self.at_end = not block
        return block or None


def waiting_bytes(stream: IO[bytes]) -> int | None:
    """How many bytes a read would give on Windows; None elsewhere, where reads do not block."""
    if os.name != "nt":
        return None
    winapi, msvcrt = importlib.import_module("_winapi"), importlib.import_module("msvcrt")
    return int(winapi.PeekNamedPipe(msvcrt.get_osfhandle(stream.fileno()), 0)[0])


class Child:
    """The parent's side of a child process.

    Parameters
    ----------
    module : str
        Name of a module with ``main(arguments: list[str]) -> int``, counted from this folder, as
        in ``"live.child"``.
    *arguments : str
    environment : mapping, optional
        Added to the child's environment.
    interpreter : str, optional
        Another Python, which has packages of its own; by default the one that runs now.
    """

    def __init__(
        self,
        module: str,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        interpreter: str | None = None,
    ) -> None:
        # The child's errors: a pipe that nobody reads would block it when it is full.
        self._complaints: Any = tempfile.TemporaryFile()  # noqa: SIM115  # closed in `close`
        own = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        given = {**os.environ, **own} if interpreter is None else _without_python(os.environ)
        # A group of its own, so that Ctrl-C in a terminal reaches the parent alone.
        alone: dict[str, Any] = (
            {"creationflags": getattr(subprocess, "CREATE_NO_WINDOW", 0)}
            if os.name == "nt"
            else {"process_group": 0}
        )
        self._process = subprocess.Popen(
            [interpreter or sys.executable, "-P", str(_ENTRY), module, *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._complaints, bufsize=0,
            env={**given, **_ONE_THREAD, **(environment or {})}, **alone,
        )  # fmt: skip
        self._input = cast("IO[bytes]", self._process.stdin)
        self._output = cast("IO[bytes]", self._process.stdout)
        self._lines = Lines(self._output)
        if os.name != "nt":
            os.set_blocking(self._input.fileno(), False)

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether the child runs."""
        return self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative for a signal."""
        return self._process.poll()

    def messages(self) -> list[dict[str, Any]]:
        """What the child said since the last call, oldest first."""
        found = []
        for line in self._lines.read():
            with contextlib.suppress(ValueError):  # a library may print to standard output
                said = json.loads(line)
                if isinstance(said, dict):
                    found.append(said)
        return found

    def send(self, message: Mapping[str, Any]) -> bool:
        """Say something to the child; False when it is gone or does not listen."""
        try:
            return self._input.write(json.dumps(message).encode() + b"\n") is not None
        except (OSError, ValueError):  # ValueError: `end` has closed the pipe
            return False

    def end(self) -> None:
        """Ask the child to end, without waiting."""
        with contextlib.suppress(OSError):
            self._input.close()

    def close(self, patience_s: float = 2.0) -> None:
        """Ask the child to end, wait, and kill it when it does not."""
        self.end()
        try:
            self._process.wait(timeout=patience_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._output.close()
        self._complaints.close()

    def last_words(self) -> str:
        """The last line that the child wrote to standard error."""
        if self._complaints.closed:
            return ""
        size = self._complaints.seek(0, os.SEEK_END)
        self._complaints.seek(max(0, size - _LAST_WORDS))
        lines = self._complaints.read().decode("utf-8", "replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _without_python(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment without what tells this Python, but no other one, where its packages are."""
    return {k: v for k, v in environment.items() if k not in {"PYTHONPATH", "PYTHONHOME"}}


class Parent:
    """The child's side: what the parent asks for, and whether it is still there."""

    def __init__(self) -> None:
        self.ended = threading.Event()
        self._asked: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._unsaid: queue.Queue[bytes] = queue.Queue()
        self._speaker = threading.Thread(target=self._speak, name="to parent", daemon=True)
        self._speaker.start()
        threading.Thread(target=self._listen, name="from parent", daemon=True).start()
        atexit.register(self.flush)

    def _listen(self) -> None:
        # Not through `sys.stdin`, whose lock a waiting thread would hold when Python ends.
        handle, rest = sys.stdin.fileno(), b""
        while block := os.read(handle, _BLOCK):
            *lines, rest = (rest + block).split(b"\n")
            for line in lines:
                with contextlib.suppress(ValueError):
                    said = json.loads(line)
                    if isinstance(said, dict):
                        self._asked.put(said)
        self.ended.set()

    def messages(self) -> list[dict[str, Any]]:
        """What the parent said since the last call, oldest first."""
        found = []
        with contextlib.suppress(queue.Empty):
            while True:
                found.append(self._asked.get_nowait())
        return found

    def send(self, message: Mapping[str, Any], *, droppable: bool = False) -> None:
        """Say something to the parent, without waiting for it to listen.

        Parameters
        ----------
        message : mapping
            JSON-serialisable.
        droppable : bool
            Whether it may be left out while the parent does not listen, as Blender does not
            during a long render.
        """
        if not droppable or self._unsaid.qsize() < _MOST_WAITING:
            self._unsaid.put(json.dumps(message).encode() + b"\n")

    def _speak(self) -> None:
        handle = sys.stdout.fileno()
        while True:
            rest = self._unsaid.get()
            try:
                while rest:
                    rest = rest[os.write(handle, rest) :]
            except OSError:
                self.ended.set()
                return
            self._unsaid.task_done()

    def flush(self) -> None:
        """Let the parent get what was said; gives up after a second. Python calls it at its end."""
        end_s = time.monotonic() + _FLUSHING_S
        while self._unsaid.unfinished_tasks and self._speaker.is_alive():
            if time.monotonic() > end_s:
                return
            time.sleep(_NAP_S)
