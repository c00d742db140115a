"""How an activity was made, as JSON: enough to make it again from the recording's file.

`convert.to_activity` notes it in ``Activity.source["recipe"]``, `emg_to_expression` carries it into
the track's provenance, and a take that is keyed from the track keeps it; see `seals`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..files import sha256_of
from ..seals import RECIPE, opened_note, sealed

if TYPE_CHECKING:
    from .montage import Montage
    from .recording import Recording

__all__ = [
    "FORMAT_VERSION",
    "RECIPE",
    "hash_of",
    "mapping_of",
    "opened_note",
    "origin_of",
    "sealed",
]

FORMAT_VERSION = 1
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
