"""The child process that streams for Blender's Play Simulated Subject; `player` is its parent."""

from __future__ import annotations

import json
from dataclasses import asdict

from ..errors import EiferError
from ..processes import Parent
from .outlet import PlayReport, play
from .play_settings import PlaySettings


def main(arguments: list[str]) -> int:
    """Stream until the recording's end or the parent's."""
    parent = Parent()

    def say(report: PlayReport) -> None:
        parent.send({"report": asdict(report)}, droppable=True)

    try:
        settings = PlaySettings.from_document(json.loads(arguments[0]))
        report = play(settings.open_recording(), settings, parent.ended, say)
        parent.send({"report": asdict(report)})
    except EiferError as error:
        parent.send({"cause": error.cause, "remedy": error.remedy})
        return 1
    return 0
