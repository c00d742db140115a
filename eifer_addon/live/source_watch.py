"""The list of streams on the network for Blender, where liblsl must not be loaded."""

from __future__ import annotations

import contextlib
import time

from ..errors import EiferError
from ..processes import Child
from .stream_facts import StreamFacts

#: A child that ended by itself is started again, but not at once.
_RESTART_AFTER_S = 3.0
#: The pipe is looked into this seldom, however often the panel is drawn.
_LOOK_EVERY_S = 0.1


class SourceWatch:
    """A list of streams that refreshes by itself, kept by a child process.

    `poll` costs microseconds. Nothing blocks, and `close` takes some milliseconds.

    Attributes
    ----------
    error : EiferError or None
        Why there is no list.
    """

    def __init__(self) -> None:
        self.error: EiferError | None = None
        self._child: Child | None = None
        self._streams: tuple[StreamFacts, ...] = ()
        self._restart_at_s: float | None = None
        self._looked_s = -_LOOK_EVERY_S

    @property
    def is_running(self) -> bool:
        """Whether it was started and not closed."""
        return self._child is not None or self._restart_at_s is not None

    def start(self) -> None:
        """Start listing; does nothing when it runs already."""
        if self._child is None:
            self._restart_at_s = None
            self.error = None
            try:
                self._child = Child("live.lister")
            except OSError as error:
                self._restart_at_s = time.monotonic() + _RESTART_AFTER_S
                self.error = EiferError(
                    f"The list of streams could not be started: {error.strerror}.",
                    "Close some programs, or start Blender again.",
                )

    def poll(self) -> tuple[StreamFacts, ...]:
        """The streams that are there now; empty until the first ones are found."""
        now_s = time.monotonic()
        if now_s - self._looked_s < _LOOK_EVERY_S:
            return self._streams
        self._looked_s = now_s
        if self._restart_at_s is not None and now_s >= self._restart_at_s:
            self.start()
        child = self._child
        if child is None:
            return self._streams
        for message in child.messages():
            if "streams" in message:
                with contextlib.suppress(TypeError):
                    self._streams = tuple(map(StreamFacts.from_document, message["streams"]))
                self.error = None
            elif "cause" in message:
                self.error = EiferError(message["cause"], message.get("remedy", ""))
        if not child.is_alive:
            self._bury(child)
        return self._streams

    def _bury(self, child: Child) -> None:
        if self.error is None:
            self.error = EiferError(
                f"The list of streams ended (exit code {child.exit_code}): "
                f"{child.last_words() or 'no reason was given'}",
                "It is started again.",
            )
        child.close()
        self._child, self._streams = None, ()
        self._restart_at_s = time.monotonic() + _RESTART_AFTER_S

    def refresh(self) -> None:
        """Begin anew, which also finds network interfaces that were switched on later."""
        self.close()
        self.start()

    def close(self) -> None:
        """Stop listing."""
        if self._child is not None:
            self._child.close(patience_s=0)  # it holds nothing that could be lost
        self._child, self._streams, self._restart_at_s = None, (), None
