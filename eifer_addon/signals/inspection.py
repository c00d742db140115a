"""What is in a recording, also in one that is not read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import EiferError

if TYPE_CHECKING:
    from .readers.base import Row
    from .recording import Recording


def inspect(path: str | Path, **choices: Any) -> dict[str, Any]:
    """What is in a recording, as `eifer inspect FILE --json` says it.

    Parameters
    ----------
    path : path-like
        A recording in one of the formats of docs/formats.md.
    **choices
        As for `api.read_recording`.

    Returns
    -------
    dict
        ``contents``: a dict per channel, column, stream, data set or clip; for a recording that is
        read, also ``channels``, ``units``, ``rate_hz``, ``duration_s``, ``envelopes``, ``events``
        (onset and duration in s around the name) and ``source``; for one that is not,
        ``refused``: the reason and what to do.

    Raises
    ------
    EiferError
        When nothing can be told of the file.
    """
    from .readers import list_contents, read_recording

    try:
        recording = read_recording(path, **choices)
    except EiferError as error:
        return what_is_refused(Path(path), error)
    return what_is_read(recording, list_contents(path))


def what_is_read(recording: Recording, contents: list[Row]) -> dict[str, Any]:
    """A recording in words and numbers that JSON can hold."""
    return {
        "kind": "recording",
        "channels": list(recording.channels),
        "units": list(recording.units),
        "rate_hz": recording.rate_hz,
        "duration_s": recording.duration_s,
        "envelopes": recording.holds_envelope,
        "events": [[e.onset_s, e.name, e.duration_s] for e in recording.events],
        "source": dict(recording.source),
        "contents": contents,
    }


def what_is_refused(path: Path, error: EiferError) -> dict[str, Any]:
    """What can be told of a file that is not read; `error` itself when that is nothing."""
    from .readers import list_contents

    try:
        rows = list_contents(path)
    except EiferError:
        rows = []
    if not rows:
        raise error
    return {"kind": "recording", "refused": str(error), "contents": rows}
