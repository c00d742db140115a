"""Play Simulated Subject: a stream from a child process, started and stopped with a button."""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import dataclass

from ..errors import EiferError
from ..processes import Child
from .outlet import PlayReport
from .play_settings import PlaySettings

#: The pipe is looked into this seldom, however often the panel is drawn.
_LOOK_EVERY_S = 0.1


@dataclass(frozen=True)
class PlayerState:
    """What the player does.

    Attributes
    ----------
    state : str
        ``"stopped"``, ``"starting"``, ``"playing"``, ``"ended"`` or ``"failed"``.
    sentence : str
        The same for a person.
    report : PlayReport
    """

    state: str
    sentence: str
    report: PlayReport


class Player:
    """The parent's side of a child process that streams.

    Nothing blocks, and `close` takes some milliseconds. The child ends with its parent.

    Parameters
    ----------
    settings : PlaySettings, optional
        By default the simulated subject.
    """

    def __init__(self, settings: PlaySettings | None = None) -> None:
        self.settings = settings or PlaySettings()
        self._child: Child | None = None
        self._report = PlayReport()
        self._error: EiferError | None = None
        self._ended = False
        self._looked_s = -_LOOK_EVERY_S

    @property
    def is_running(self) -> bool:
        """Whether the child runs."""
        return self._child is not None

    def start(self) -> None:
        """Start to stream; does nothing when it streams already.

        Raises
        ------
        EiferError
            When no process can be started.
        """
        if self._child is not None:
            return
        self._report, self._error, self._ended = PlayReport(), None, False
        try:
            self._child = Child("live.player_child", json.dumps(self.settings.to_document()))
        except OSError as error:
            raise EiferError(
                f"The player could not be started: {error.strerror}.", "Close some programs."
            ) from error

    def poll(self) -> PlayerState:
        """What the player does now; costs microseconds."""
        child, now_s = self._child, time.monotonic()
        if child is not None and now_s - self._looked_s >= _LOOK_EVERY_S:
            self._looked_s = now_s
            is_alive = child.is_alive  # before the messages, so that the last ones are read
            for message in child.messages():
                if "cause" in message:
                    self._error = EiferError(message["cause"], message.get("remedy", ""))
                with contextlib.suppress(KeyError, TypeError):
                    self._report = PlayReport(**message["report"])
            if not is_alive:
                self._bury(child)
        return self._state()

    def _bury(self, child: Child) -> None:
        if child.exit_code and self._error is None:
            reason = child.last_words() or "no reason was given"
            self._error = EiferError(
                f"The player ended (exit code {child.exit_code}): {reason}", "Start it again."
            )
        child.close()
        self._child, self._ended = None, True

    def _state(self) -> PlayerState:
        name, report = self.settings.stream_name, self._report
        if self._error is not None:
            return PlayerState("failed", str(self._error), report)
        if self._child is None:
            ended = f"'{name}' ended after {report.sent_s:.0f} s."
            return (
                PlayerState("ended", ended, report)
                if self._ended
                else PlayerState("stopped", "Nothing is played.", report)
            )
        if not report.n_samples:
            return PlayerState("starting", f"'{name}' is being started.", report)
        heard = "somebody listens" if report.is_heard else "nobody listens yet"
        return PlayerState(
            "playing", f"'{name}' is on the network for {report.sent_s:.0f} s; {heard}.", report
        )

    def close(self) -> None:
        """Stop."""
        if self._child is not None:
            self._child.close(patience_s=0)  # who listens notices at once
        self._child, self._ended = None, False
