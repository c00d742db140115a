"""LiteRT's greeting, which no setting of it turns off, kept from standard error.

The library writes with C's own functions, past Python. So the file behind standard error is
another one for the moment in which the first network is made; what stands there afterwards,
besides the greeting, is passed on.
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

_STDERR = 2
_GREETING = b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU."


class Greeting:
    """Lets what says its greeting once in a process say it to nobody."""

    def __init__(self, line: bytes = _GREETING) -> None:
        self._line, self._lock, self._is_over = line, threading.Lock(), False

    @contextmanager
    def unheard(self) -> Iterator[None]:
        """Keep the line from standard error; all others are passed on, late, errors or not.

        Only the first time does something: the greeting comes once.
        """
        with self._lock:
            opened = None if self._is_over else _opened()
            if opened is None:
                yield
                return
            kept, file = opened
            with file as aside:
                os.dup2(aside.fileno(), _STDERR)
                try:
                    yield
                    self._is_over = True
                finally:
                    os.dup2(kept, _STDERR)
                    os.close(kept)
                    aside.seek(0)
                    self._pass_on(aside.read())

    def _pass_on(self, said: bytes) -> None:
        rest = b"".join(
            line for line in said.splitlines(keepends=True) if line.rstrip() != self._line
        )
        while rest:
            rest = rest[os.write(_STDERR, rest) :]


def _opened() -> tuple[int, IO[bytes]] | None:
    """Standard error's copy and what stands in for it.

    None where there is none, as in Blender without a console, or no room for the other.
    """
    try:
        kept = os.dup(_STDERR)
    except OSError:
        return None
    try:
        return kept, tempfile.TemporaryFile()
    except OSError:
        os.close(kept)
        return None


#: LiteRT's, of this process.
LITERT = Greeting()
