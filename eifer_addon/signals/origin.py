"""How an activity was made, as JSON: enough to make it again from the recording's file.

`convert.to_activity` notes it in ``Activity.source["recipe"]``, `emg_to_expression` carries it into
the track's provenance, and a take that is keyed from the track keeps it. Each note is sealed with a
hash of the numbers it belongs to, so that values changed by hand do not pass for those of the file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..files import sha256_of

if TYPE_CHECKING:
    from .montage import Montage
    from .recording import Recording

FORMAT_VERSION = 1
#: Where the note stands in an activity's source and in a track's provenance.
RECIPE = "recipe"
_SEAL = "of"
#: Headers are smaller than this many bytes.
_SMALL = 1 << 20


def hash_of(recording: Recording, path: Path) -> str:
    """Hash of the samples' file, joined by that of a small file beside them that was chosen."""
    known = str(recording.source.get("sha256", ""))
    if not path.is_file() or (known and path.stat().st_size > _SMALL):
        return known
    own = sha256_of(path)
    return own if known in ("", own) else f"{known}+{own}"


def mapping_of(montage: Montage) -> dict[str, str | None]:
    """Channel to muscle with its side, as JSON and `montage.map_channels` take it."""
    return {
        m.channel: m.muscle if m.side == "both" or m.muscle is None else f"{m.muscle}.{m.side}"
        for m in montage.matches
    }


def origin_of(recording: Recording, montage: Montage, **choices: Any) -> dict[str, Any] | None:
    """What `to_activity` was told; None for a recording that comes from no file.

    Parameters
    ----------
    recording : Recording
    montage : Montage
        As it was understood, before any repair.
    **choices
        ``preset``, ``rate_hz``, ``profile`` (a document), ``repair`` and ``unmix``.
    """
    if not recording.opened:
        return None
    path = Path(str(recording.opened["path"]))
    return {
        "format_version": FORMAT_VERSION, "file": str(path),
        "sha256": hash_of(recording, path), "reader": dict(recording.opened["choices"]),
        "montage": mapping_of(montage), **json.loads(json.dumps(choices, default=float)),
    }  # fmt: skip


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
