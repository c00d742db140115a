"""A second head beside the first, alike but for the take that it plays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import bpy

from .actions import play
from .controls import armature_of, is_head
from .transaction import all_or_nothing

#: On the copy's mesh object: the name of the head that it stands beside.
BESIDE = "eifer_beside"
#: Distance as a part of the head's width.
_APART = 1.4


def head_beside(context: bpy.types.Context, obj: bpy.types.Object) -> bpy.types.Object:
    """The head beside `obj`; a copy is made when there is none yet.

    Parameters
    ----------
    context : bpy.types.Context
    obj : bpy.types.Object
        A head's mesh object.

    Returns
    -------
    bpy.types.Object
        The mesh object of the copy, which plays nothing yet and stands to the picture's right.
    """
    known = beside_of(context.scene, obj)
    if known is not None:
        return known
    with all_or_nothing(context):
        copies = _copied(obj)
        _point_to_copies(copies)
        new = copies[obj]
        new[BESIDE] = obj.name
        rig = armature_of(new)
        rig.location.x += _APART * max(obj.dimensions.x, 0.1)
    return new


def beside_of(scene: bpy.types.Scene, obj: bpy.types.Object) -> bpy.types.Object | None:
    """The head that was put beside `obj`, if any."""
    heads = (other for other in scene.objects if is_head(other))
    return next((other for other in heads if other.get(BESIDE) == obj.name), None)


def show_beside(obj: bpy.types.Object, *, shown: bool) -> None:
    """Show or hide a head with all that belongs to it, also in renders."""
    rig = armature_of(obj)
    for one in (rig, *rig.children):
        one.hide_viewport = one.hide_render = not shown


def _copied(obj: bpy.types.Object) -> dict[Any, Any]:
    """Copies of a head, its armature and what else hangs there, by what they are copies of."""
    rig = armature_of(obj)
    copies: dict[Any, Any] = {}
    for one in (rig, *rig.children):
        copy = one.copy()
        copy.name = f"{one.name} beside"
        copies[one] = copy
        if one.type == "MESH":
            # Shape keys belong to the mesh, and each head has its own values there.
            copy.data = one.data.copy()
            if one.data.shape_keys is not None:
                copies[one.data.shape_keys] = copy.data.shape_keys
        for collection in one.users_collection:
            collection.objects.link(copy)
    return copies


def _point_to_copies(copies: dict[Any, Any]) -> None:
    """Let parents, modifiers, constraints and drivers of the copies mean the copies."""
    for old, new in copies.items():
        play(new, None, None)
        if isinstance(new, bpy.types.Object):
            new.parent = copies.get(old.parent, old.parent)
            for owner in _pointing(new):
                for name in ("object", "target"):
                    if getattr(owner, name, None) in copies:
                        setattr(owner, name, copies[getattr(owner, name)])
        data = new.animation_data
        for curve in data.drivers if data is not None else ():
            for variable in curve.driver.variables:
                for target in variable.targets:
                    if target.id in copies:
                        target.id = copies[target.id]


def _pointing(obj: bpy.types.Object) -> Iterator[Any]:
    """Modifiers and constraints of an object and of its bones."""
    yield from obj.modifiers
    yield from obj.constraints
    for bone in obj.pose.bones if obj.pose is not None else ():
        yield from bone.constraints
