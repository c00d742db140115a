"""The finer skin of a head as a hidden object, whose mesh the muscle map's node group takes."""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np

from ..heads.muscle_map import MuscleWeights
from ..heads.refine import Patch
from .axes import to_blender
from .muscle_discs import set_attribute
from .muscle_nodes import COLOUR, COVERED, REFINED, WEIGHT


@dataclass(frozen=True)
class Triangles:
    """The triangles that Blender draws a mesh's polygons with.

    Attributes
    ----------
    vertices, loops : numpy.ndarray
        int32 (f, 3).
    polygons : numpy.ndarray
        int32 (f,): the polygon of each.
    """

    vertices: np.ndarray
    loops: np.ndarray
    polygons: np.ndarray

    @classmethod
    def of(cls, mesh: bpy.types.Mesh) -> Triangles:
        """Ask the mesh."""
        mesh.calc_loop_triangles()
        n = len(mesh.loop_triangles)
        vertices, loops, polygons = (np.empty(k * n, np.int32) for k in (3, 3, 1))
        mesh.loop_triangles.foreach_get("vertices", vertices)
        mesh.loop_triangles.foreach_get("loops", loops)
        mesh.loop_triangles.foreach_get("polygon_index", polygons)
        return cls(vertices.reshape(-1, 3), loops.reshape(-1, 3), polygons)


def add_patch(
    obj: bpy.types.Object, triangles: Triangles, patch: Patch, weights: MuscleWeights
) -> bpy.types.Object:
    """Make the finer mesh, and mark the faces of the head that it stands for.

    Parameters
    ----------
    obj : bpy.types.Object
        The head.
    triangles : Triangles
        Of its mesh; the patch's parents are among them, polygons as a whole.
    patch : Patch
    weights : MuscleWeights
        At the patch's vertices.

    Returns
    -------
    bpy.types.Object
        In no collection: it is only seen in the head's place.
    """
    mesh = bpy.data.meshes.new(f"{obj.name} fine skin")
    mesh.from_pydata(to_blender(patch.vertices).tolist(), [], patch.triangles.tolist())
    for corner in range(3):
        set_attribute(mesh, f"skin_{corner}", "INT", patch.corners[:, corner])
    set_attribute(mesh, "skin_weights", "FLOAT_VECTOR", patch.shares)
    set_attribute(mesh, COVERED, "FLOAT", weights.covered)
    for muscle, column in zip(weights.muscles, weights.values.T, strict=True):
        set_attribute(mesh, WEIGHT + muscle, "FLOAT", column)
    set_attribute(mesh, COLOUR, "FLOAT_COLOR", np.ones((len(patch.vertices), 4)))
    owners = triangles.polygons[patch.parents]
    _copy_looks(obj.data, mesh, owners)
    inside = patch.within_parents(triangles.vertices)
    for layer in obj.data.uv_layers:
        _copy_uv(layer, mesh, triangles.loops[patch.parents], inside)
    mark = obj.data.attributes.get(REFINED)
    mark = mark or obj.data.attributes.new(REFINED, "BOOLEAN", "FACE")
    mark.data.foreach_set("value", np.isin(np.arange(len(obj.data.polygons)), owners))
    fine = bpy.data.objects.new(mesh.name, mesh)
    fine.hide_render = fine.hide_viewport = True
    return fine


def _copy_looks(source: bpy.types.Mesh, mesh: bpy.types.Mesh, owners: np.ndarray) -> None:
    """Materials and smoothness of the polygons that the triangles lie in."""
    for material in source.materials:
        mesh.materials.append(material)
    chosen = np.zeros(len(source.polygons), np.int32)
    source.polygons.foreach_get("material_index", chosen)
    mesh.polygons.foreach_set("material_index", chosen[owners])
    mesh.polygons.foreach_set("use_smooth", np.ones(len(owners), bool))


def _copy_uv(
    layer: bpy.types.MeshUVLoopLayer, mesh: bpy.types.Mesh, loops: np.ndarray, inside: np.ndarray
) -> None:
    """Texture coordinates at the triangles' corners, (f, 3, 3) `inside` those of `loops`."""
    known = np.empty(2 * len(layer.uv), np.float32)
    layer.uv.foreach_get("vector", known)
    found = np.einsum("fcs,fsx->fcx", inside, known.reshape(-1, 2)[loops])
    copy = mesh.uv_layers.new(name=layer.name)
    copy.uv.foreach_set("vector", np.ascontiguousarray(found, np.float32).ravel())
