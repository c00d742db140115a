"""One track on several avatars at once: our heads, meshes with shape keys, rigs with properties."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from .. import api
from ..errors import EiferError
from ..spaces import ARKIT52
from ..track import ExpressionTrack
from .any_rig import fit_mapping
from .controls import head_of, is_head, metadata
from .keyframes import blocks_of, restored_on_failure
from .mappings import MappingTable, get_mapping
from .transaction import all_or_nothing

if TYPE_CHECKING:
    from ..signals.activity import Activity


def apply_to_several(
    context: bpy.types.Context,
    objects: Sequence[bpy.types.Object],
    track: ExpressionTrack,
    take: str,
    *,
    mapping: str | Path | None = None,
    frame_start: float | None = None,
    activity: Activity | None = None,
) -> dict[str, bpy.types.Action]:
    """Write a track on every object that can take it, each with an action of its own.

    Parameters
    ----------
    context : bpy.types.Context
    objects : sequence of bpy.types.Object
        What cannot take the track is warned of and left alone; what several objects share is
        written once.
    track : ExpressionTrack
        In any space.
    take : str
        The actions are called this and the object's name.
    mapping : str or path-like, optional
        For avatars that are not ours, as for :func:`.any_rig.fit_mapping`.
    frame_start : float, optional
        Scene frame of time 0.
    activity : Activity, optional
        What the track was made of; the takes keep it for the muscle map.

    Returns
    -------
    dict of str to bpy.types.Action
        By the object's name.

    Raises
    ------
    EiferError
        When no object can take the track; nothing is changed then.
    """
    table = None if mapping is None else get_mapping(mapping)
    found, refused = _avatars(objects, table)
    if not found:
        cause = "; ".join(refused) or "No object is chosen that could take the track."
        raise EiferError(cause, "Choose heads, or meshes with ARKit-named shape keys.")
    hub = functools.cache(lambda: api.retarget(track, ARKIT52.name))
    written: dict[str, bpy.types.Action] = {}
    blocks = [block for avatar in found for block in avatar.blocks]
    with restored_on_failure(blocks), all_or_nothing(context):
        for obj in (avatar.obj for avatar in found):
            own = is_head(obj) and track.space.basis == metadata(obj)["head"]
            written[obj.name] = api.apply_track(
                context, obj, track if own or track.space.name == ARKIT52.name else hub(),
                take=f"{take} {obj.name}", frame_start=frame_start, activity=activity,
                **({} if is_head(obj) else {"mapping": table}),
            )  # fmt: skip
    if refused:
        warnings.warn(" ".join(refused), UserWarning, stacklevel=2)
    return written


@dataclass(frozen=True)
class _Avatar:
    """An object that can take a track, and what is animated there."""

    obj: bpy.types.Object
    blocks: tuple[bpy.types.ID, ...]


def _avatars(
    objects: Sequence[bpy.types.Object], table: MappingTable | None
) -> tuple[list[_Avatar], list[str]]:
    """The avatars among the objects, each animated block once, and why others are none."""
    found: dict[int, _Avatar] = {}
    refused: list[str] = []
    # A head's armature stands for the head, whatever a mapping might find on it.
    for obj in (head_of(obj) or obj for obj in objects):
        try:
            own = is_head(obj)
            blocks = tuple(blocks_of(obj).values()) if own else (fit_mapping(obj, table).block,)
        except EiferError as error:
            refused.append(error.cause)
        else:
            found.setdefault(blocks[0].session_uid, _Avatar(obj, blocks))
    return list(found.values()), refused
