"""All or nothing: a failure takes back every datablock that was made on the way."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import bpy

#: The kinds of datablock that our jobs make, users before what they use.
_KINDS = (
    "objects", "collections", "meshes", "armatures", "actions", "materials", "node_groups",
    "images", "textures", "cameras", "lights", "worlds", "sounds", "movieclips",
)  # fmt: skip


def _blocks() -> dict[str, set[int]]:
    """Session ids of all datablocks by kind (names may be renamed by a clash, ids never)."""
    return {kind: {b.session_uid for b in getattr(bpy.data, kind)} for kind in _KINDS}


@contextlib.contextmanager
def all_or_nothing(context: bpy.types.Context) -> Iterator[None]:
    """Remove what the block created when it does not run to its end, and select as before.

    The caller restores what else it changed on things that were there before.
    """
    before = _blocks()
    layer = context.view_layer
    active, selected = layer.objects.active, [o for o in layer.objects if o.select_get()]
    try:
        yield
    except BaseException:
        for kind in _KINDS:
            collection = getattr(bpy.data, kind)
            new = [block for block in collection if block.session_uid not in before[kind]]
            for block in new:
                collection.remove(block)
        for obj in selected:
            obj.select_set(True)
        layer.objects.active = active
        raise
