"""Which head a back end needs for its work, and which one takes the result."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import bpy

from ..files import sha256_of
from ..spaces import ARKIT52, get_space
from .controls import head_of, is_head, metadata
from .video_imports import VideoChoices

if TYPE_CHECKING:
    from ..heads.model import HeadModel

#: The back end that fits a head to landmarks, whichever head it is.
FITTED = "mediapipe"
_OPEN = "open"


def with_heads(
    context: bpy.types.Context, chosen: VideoChoices, preferred: str, *, own: bool = False
) -> VideoChoices:
    """The choices with the head files that the work needs.

    Parameters
    ----------
    context : bpy.types.Context
        Its chosen head takes the film, unless a new one is wanted.
    chosen : VideoChoices
    preferred : str
        The FLAME file of the preferences, empty for none.
    own : bool
        Whether the take shall have the coefficients of the fitted head instead of ARKit values.
    """
    flame = Path(preferred) if preferred and Path(preferred).is_file() else None
    target = None if chosen.new_head else _target(context)
    if chosen.backend == FITTED:
        source = chosen.head_file if target is None else _file_of(target, flame)
        space = {"space": "own"} if own and source is not None else {}
        return replace(chosen, source_file=source, options={**chosen.options, **space})
    basis = _basis(chosen.backend)
    if target is None and chosen.head_file is None and basis.startswith("flame"):
        # A network's identity is of its own basis, and so must the new head be.
        chosen = replace(chosen, head_file=flame)
    takes_it = chosen.head_file is not None if target is None else metadata(target)["head"] == basis
    space = {} if takes_it else {"space": ARKIT52.name}
    source = chosen.head_file or flame
    return replace(chosen, source_file=source, options={**chosen.options, **space})


def is_basis_of(backend: str, head: HeadModel) -> bool:
    """Whether a back end's identity coefficients are those of a head."""
    return backend == FITTED or _basis(backend) == head.name


def _basis(backend: str) -> str:
    from ...models.reconstructors.registry import get_backend

    return get_space(get_backend(backend).space).basis


def _target(context: bpy.types.Context) -> bpy.types.Object | None:
    """The head that takes a film; None where a new open head will be added."""
    chosen = head_of(context.object)
    if chosen is not None:
        return chosen
    return next((obj for obj in context.scene.objects if is_head(obj)), None)


def _file_of(target: bpy.types.Object, flame: Path | None) -> Path | None:
    """The file of a FLAME head in the scene, where it is the one of the preferences."""
    if flame is None or metadata(target)["head"] == _OPEN:
        return None
    known = metadata(target)["sha256"]
    return flame if known and sha256_of(flame) == known else None
