"""The child process that lists the streams on the network; `source_watch` is its parent."""

from __future__ import annotations

from ..errors import EiferError
from ..processes import Parent
from .lsl import WatchedStreams

_EVERY_S = 0.2


def main(_arguments: list[str]) -> int:
    """Send the list whenever it changes, until the parent ends."""
    parent = Parent()
    try:
        watched = WatchedStreams()
    except EiferError as error:
        parent.send({"cause": error.cause, "remedy": error.remedy})
        return 1
    sent = None
    while not parent.ended.wait(_EVERY_S):
        streams = watched.poll()
        if streams != sent:
            parent.send({"streams": [facts.to_document() for facts in streams]})
            sent = streams
    watched.close()
    return 0
