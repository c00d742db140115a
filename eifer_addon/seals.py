"""Notes that are sealed with a hash of the numbers they belong to.

How an activity or a track was made is only true of the very numbers that were made. A note of it
travels with them and is believed as long as they are the same, so that values which somebody
changed by hand do not pass for those of the recording.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

#: Where the note stands in an activity's source and in a track's provenance.
RECIPE = "recipe"
_SEAL = "of"


def sealed(note: Mapping[str, Any] | None, values: np.ndarray) -> dict[str, Any] | None:
    """The note with the hash of the numbers that it belongs to; None without a note."""
    return None if note is None else {**note, _SEAL: _digest(values)}


def opened_note(note: Any, values: np.ndarray) -> dict[str, Any] | None:
    """The note without its seal, None where there is none or the numbers are others."""
    if not isinstance(note, Mapping) or note.get(_SEAL) != _digest(values):
        return None
    return {key: value for key, value in note.items() if key != _SEAL}


def note_of_track(provenance: Mapping[str, Any], coefficients: np.ndarray) -> str | None:
    """The note in a track's provenance as JSON text, unless the track was changed since.

    A retargeted track has other numbers by right. A text is what a take already remembers.
    """
    note = provenance.get(RECIPE)
    if isinstance(note, str) or note is None:
        return note
    if "retargeted" in provenance:
        return json.dumps({key: value for key, value in note.items() if key != _SEAL})
    kept = opened_note(note, coefficients)
    return None if kept is None else json.dumps(kept)


def _digest(values: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(values, np.float32).tobytes()).hexdigest()
