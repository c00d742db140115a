"""The untouched track that a take keeps, so that its keys can be made anew in another way."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

import bpy

from ..errors import EiferError
from ..track import ExpressionTrack
from .controls import is_head
from .keyframes import is_take
from .recipes import has_recipe
from .takes import current_take, track_from_object

#: Custom property of a take's action, an npz as bytes; without our prefix, so that it is no note.
SOURCE = "eifer.source"
_KEPT = 8
_tracks: dict[str, ExpressionTrack] = {}


def keep_source(action: bpy.types.Action, track: ExpressionTrack) -> None:
    """Keep a track on the take that was made of it; a minute of 52 coefficients is 0.3 MB."""
    with tempfile.TemporaryDirectory() as folder:
        packed = track.save(Path(folder) / "source.npz").read_bytes()
    if SOURCE in action:
        # Bytes that replace others are cut off at their first zero.
        del action[SOURCE]
    action[SOURCE] = packed
    _remember(packed, track)


def has_source(action: bpy.types.Action | None) -> bool:
    """Whether a take keeps the track that it was made of."""
    return action is not None and SOURCE in action


def source_of(context: bpy.types.Context, obj: bpy.types.Object) -> ExpressionTrack:
    """The untouched track of the take that an avatar plays; it is kept from now on.

    Parameters
    ----------
    context : bpy.types.Context
    obj : bpy.types.Object
        A head, or another avatar whose take keeps its track.

    Raises
    ------
    EiferError
        When the avatar plays no take, the take is made from a recording, which it remembers
        instead, or its track is not known any more.
    """
    action = current_take(obj)
    if not is_take(action):
        raise EiferError(f"'{obj.name}' plays no take.", "Import a film or a track first.")
    assert action is not None
    if has_recipe(action):
        raise EiferError(
            f"The take '{action.name}' is made from an EMG recording.",
            "Change it under Recordings, in 'Edit the take'.",
        )
    if not has_source(action):
        if not is_head(obj):
            raise EiferError(
                f"The take '{action.name}' does not keep its track.", "Import it again."
            )
        # A take of an earlier version; its keys are all that is known of it.
        keep_source(action, track_from_object(context, obj))
    packed = bytes(action[SOURCE])
    digest = hashlib.sha256(packed).hexdigest()
    if digest not in _tracks:
        _remember(packed, _unpacked(packed, action.name))
    return _tracks[digest]


def _unpacked(packed: bytes, name: str) -> ExpressionTrack:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "source.npz"
        path.write_bytes(packed)
        try:
            return ExpressionTrack.load(path)
        except EiferError as error:
            raise EiferError(
                f"The track that the take '{name}' keeps is damaged.", "Import it again."
            ) from error


def _remember(packed: bytes, track: ExpressionTrack) -> None:
    while len(_tracks) >= _KEPT:
        _tracks.pop(next(iter(_tracks)))
    _tracks[hashlib.sha256(packed).hexdigest()] = track
