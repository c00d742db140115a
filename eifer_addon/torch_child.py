"""Work in a Python of the user's, which has torch; Blender's has not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .errors import EiferError
from .files import cache_folder, models_folder
from .processes import Child


class TorchWork:
    """Work in a child process in a Python that has torch; nothing here blocks.

    Parameters
    ----------
    module : str
        What runs there; it sends ``made`` or ``cause`` and ``remedy`` at last.
    asked : mapping
        Handed to it as JSON.
    python : str
        The Python's file; empty for the one that runs now.

    Attributes
    ----------
    state : str
        "running", "done" or "failed".
    made : dict
        What came of it, once it is done.

    Raises
    ------
    EiferError
        When that Python cannot be started.
    """

    #: What a Python could not do that ended without a word, and what to do about it.
    crashed = ("could not do the work", "Choose another Python.")

    def __init__(self, module: str, asked: Mapping[str, Any], python: str) -> None:
        self.state = "running"
        self.made: dict[str, Any] = {}
        self._failure: EiferError | None = None
        self._python = python
        folders = {"EIFER_MODELS": str(models_folder()), "EIFER_CACHE": str(cache_folder())}
        try:
            self._child = Child(
                module, json.dumps(asked), interpreter=python or None, environment=folders
            )
        except OSError as error:
            raise EiferError(
                f"The Python {python} cannot be started: {error.strerror or error}.",
                "Choose the 'python' file of an installation that has torch.",
            ) from error

    def poll(self) -> str:
        """Look at the child; gives the state."""
        if self.state != "running":
            return self.state
        is_alive = self._child.is_alive  # before the messages, so that the last ones are read
        for message in self._child.messages():
            self._hear(message)
        if not is_alive:
            if not self.made and self._failure is None:
                self._failure = self._crash()
            self.state = "done" if self.made else "failed"
            self._child.close(patience_s=0.0)
        return self.state

    def _hear(self, message: Mapping[str, Any]) -> None:
        if "made" in message:
            self.made = dict(message["made"])
        if "cause" in message:
            self._failure = EiferError(message["cause"], message.get("remedy", ""))

    def check(self) -> None:
        """Raise what the work failed with.

        Raises
        ------
        EiferError
            When it failed.
        """
        if self._failure is not None:
            raise self._failure

    def _crash(self) -> EiferError:
        what, remedy = self.crashed
        reason = self._child.last_words() or f"exit code {self._child.exit_code}"
        name = Path(self._python).name or "Blender's Python"
        return EiferError(f"{name} {what}: {reason[:200].rstrip('.')}.", remedy)
