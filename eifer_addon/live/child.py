"""The child process of a live session: ``python -P entry.py live.child FOLDER``.

The folder holds ``settings.json`` and the shared memory. Commands come as lines of JSON on
standard input; when that is closed without ``{"do": "stop"}``, the parent is gone, and the
journal is closed as one that has lost its owner.
"""

from __future__ import annotations

import contextlib
import gc
import signal
import threading
import time
from pathlib import Path
from typing import Any

from ..errors import EiferError
from ..processes import Parent
from .engine import Engine
from .promptness import ask_for_short_turns
from .settings import LiveSettings
from .shared import SharedState

_POLL_S = 0.001


def main(arguments: list[str]) -> int:
    """Run a session until the parent ends it or ends itself."""
    ask_for_short_turns()  # before threads are started, which do as this one
    folder = Path(arguments[0])
    shared = SharedState(folder / "live.shared")
    parent = Parent()
    terminated = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: terminated.set())
    settings = LiveSettings.from_document((folder / "settings.json").read_text("utf-8"))
    engine = Engine(settings, shared)
    engine.tell()
    # What was imported stays; collecting it again and again would take milliseconds.
    gc.collect()
    gc.freeze()
    stopped = False
    while not (stopped or parent.ended.is_set() or terminated.is_set()):
        for message in parent.messages():
            stopped = stopped or message.get("do") == "stop"
            _obey(engine, message)
        engine.tick(time.monotonic())
        time.sleep(_POLL_S)
    for message in parent.messages():
        stopped = stopped or message.get("do") == "stop"
    engine.close(orphaned=not stopped)
    shared.close(remove=parent.ended.is_set())
    if parent.ended.is_set():  # nobody else is left to take the folder away
        with contextlib.suppress(OSError):
            (folder / "settings.json").unlink()
            folder.rmdir()
    return 0


def _obey(engine: Engine, message: dict[str, Any]) -> None:
    try:
        engine.command(message)
    except EiferError as error:
        engine.sentence = str(error)
