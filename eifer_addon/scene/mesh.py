"""The display mesh of a head: polygons, UVs, material slots, colours, vertex groups."""

from __future__ import annotations

import bpy
import numpy as np

from ..errors import EiferError
from ..heads.model import JOINT_NAMES, HeadModel
from .axes import to_blender

#: Bones that deform are told from those that a person poses by this prefix.
DEFORM_PREFIX = "DEF-"
_COLOUR_ATTRIBUTE = "Colour"


def build_mesh(head: HeadModel, name: str, vertices: np.ndarray) -> bpy.types.Mesh:
    """A mesh datablock of `head` with `vertices` (V, 3) in model axes."""
    polygons = head.triangles if head.polygons is None else head.polygons
    mesh = bpy.data.meshes.new(name)
    corners = _set_topology(mesh, polygons, vertices)
    if head.uv is not None and head.polygon_uv is not None:
        layer = mesh.uv_layers.new(name="UVMap", do_init=False)
        chosen = head.polygon_uv[:, : polygons.shape[1]][corners]
        layer.uv.foreach_set("vector", np.ascontiguousarray(head.uv[chosen], np.float32).ravel())
    if head.colours is not None:
        _set_colours(mesh, head.colours)
    mesh.shade_smooth()
    if mesh.validate():
        raise EiferError(
            f"The polygons of the head '{head.name}' are damaged: some repeat or have no area.",
            "Choose another copy of the file.",
        )
    return mesh


def _set_topology(mesh: bpy.types.Mesh, polygons: np.ndarray, vertices: np.ndarray) -> np.ndarray:
    """Fill vertices and polygons; gives the mask (P, k) of corners in use."""
    corners = np.asarray(polygons) >= 0
    sizes = corners.sum(axis=1)
    mesh.vertices.add(len(vertices))
    mesh.vertices.foreach_set("co", to_blender(vertices).ravel())
    mesh.loops.add(int(sizes.sum()))
    mesh.loops.foreach_set("vertex_index", polygons[corners].astype(np.int32))
    mesh.polygons.add(len(polygons))
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int32)
    mesh.polygons.foreach_set("loop_start", starts)
    mesh.update(calc_edges=True)
    return corners


def _set_colours(mesh: bpy.types.Mesh, colours: np.ndarray) -> None:
    rgba = np.ones((len(colours), 4), np.float32)
    rgba[:, :3] = colours
    attribute = mesh.color_attributes.new(_COLOUR_ATTRIBUTE, "FLOAT_COLOR", "POINT")
    attribute.data.foreach_set("color", rgba.ravel())


def add_vertex_groups(obj: bpy.types.Object, weights: np.ndarray) -> None:
    """One vertex group per joint from `weights` (V, 5), named after the deforming bones."""
    for joint, name in enumerate(JOINT_NAMES):
        group = obj.vertex_groups.new(name=DEFORM_PREFIX + name)
        column = np.asarray(weights[:, joint], np.float32)
        values, inverse = np.unique(column, return_inverse=True)
        order = np.argsort(inverse, kind="stable")
        ends = np.cumsum(np.bincount(inverse, minlength=len(values)))
        # One call per distinct weight: whole regions of weight 1 go in one.
        for value, members in zip(values, np.split(order, ends[:-1]), strict=True):
            if value > 0:
                group.add(members.tolist(), float(value), "REPLACE")
