"""What an import did to the scene, and avatars of other makers, for tests in Blender."""

from __future__ import annotations

from typing import Any

import bpy

from eifer.eifer_addon.scene.controls import is_head


def state() -> tuple[Any, ...]:
    """What must not change when an operator is cancelled or fails."""
    scene, layer = bpy.context.scene, bpy.context.view_layer
    blocks = sorted(f"{block.id_type} {block.name}" for block in bpy.data.user_map())
    return (
        blocks, sorted(o.name for o in layer.objects if o.select_get()), layer.objects.active,
        scene.frame_start, scene.frame_end,
    )  # fmt: skip


def head() -> bpy.types.Object:
    """The head in the scene."""
    return next(obj for obj in bpy.context.scene.objects if is_head(obj))


def make_mesh(names: tuple[str, ...], title: str = "Avatar") -> bpy.types.Object:
    """A mesh of another maker with shape keys of these names."""
    mesh = bpy.data.meshes.new(title)
    mesh.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
    obj = bpy.data.objects.new(title, mesh)
    bpy.context.collection.objects.link(obj)
    for name in ("Basis", *names):
        obj.shape_key_add(name=name, from_mix=False).value = 0.0
    return obj
