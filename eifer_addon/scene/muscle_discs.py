"""Electrodes of the muscle map: small discs, every vertex of which keeps its place on the skin."""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np

from ..heads.model import HeadModel, SurfacePoints
from ..heads.muscle_map import disc_points
from .axes import to_blender
from .materials import painted_material
from .muscle_nodes import COLOUR, disc_group

_MATERIAL = "EIFER electrode"
_RIM = (0.86, 0.86, 0.84)
#: Rings of a disc from its middle: radius and height over the skin in m, 1 where it is rim.
_RINGS = ((0.0021, 0.0005, 0.0), (0.0023, 0.0006, 1.0), (0.0031, 0.0005, 1.0), (0.0034, 0.0, 1.0))
_AROUND = 20


@dataclass(frozen=True)
class Ground:
    """What the discs stand on.

    Attributes
    ----------
    head : HeadModel
        The surface, in m.
    first : int
        Number of its first vertex in the evaluated mesh of the avatar.
    local_per_m : float
        Length of a metre in the avatar's own units.
    vertices : numpy.ndarray or None
        The avatar's vertices behind the surface's; None where they are numbered on from `first`.
    """

    head: HeadModel
    first: int
    local_per_m: float
    vertices: np.ndarray | None


def add_discs(obj: bpy.types.Object, ground: Ground, points: SurfacePoints) -> bpy.types.Object:
    """One object with a disc per electrode; in no collection yet."""
    n, head, unit = len(points.names), ground.head, ground.local_per_m
    triangles, shares = [points.triangles], [points.barycentric]
    lift, rim, hub = [np.full(n, _RINGS[0][1])], [np.zeros(n)], [np.arange(n)]
    reach = [np.zeros(n)]
    for radius, height, is_rim in _RINGS:
        _, ring = disc_points(head, points, radius, _AROUND)
        triangles.append(ring.triangles)
        shares.append(ring.barycentric)
        lift.append(np.full(n * _AROUND, height))
        rim.append(np.full(n * _AROUND, is_rim))
        hub.append(np.repeat(np.arange(n), _AROUND))
        reach.append(np.full(n * _AROUND, radius))
    corners = head.triangles[np.concatenate(triangles)]
    share = np.concatenate(shares)
    places = to_blender(np.einsum("nkc,nk->nc", head.template[corners], share))
    mesh = bpy.data.meshes.new(f"{obj.name} electrodes")
    mesh.from_pydata((places * unit).tolist(), [], _faces(n))
    carried = corners if ground.vertices is None else ground.vertices[corners]
    for name, rows in (("skin", slice(None)), ("hub", np.concatenate(hub))):
        for corner in range(3):
            set_attribute(mesh, f"{name}_{corner}", "INT", ground.first + carried[rows, corner])
        set_attribute(mesh, f"{name}_weights", "FLOAT_VECTOR", share[rows])
    set_attribute(mesh, "reach", "FLOAT", np.concatenate(reach) * unit)
    set_attribute(mesh, "lift", "FLOAT", np.concatenate(lift) * unit)
    set_attribute(mesh, "rim", "FLOAT", np.concatenate(rim))
    set_attribute(mesh, COLOUR, "FLOAT_COLOR", np.tile((*_RIM, 1.0), (len(places), 1)))
    mesh.color_attributes.active_color = mesh.color_attributes[COLOUR]
    mesh.materials.append(painted_material(_MATERIAL, COLOUR, lit=True))
    discs = bpy.data.objects.new(mesh.name, mesh)
    group = disc_group(obj, _RIM, on_patch=ground.vertices is None)
    discs.modifiers.new("Muscle map", "NODES").node_group = group
    return discs


def set_attribute(mesh: bpy.types.Mesh, name: str, kind: str, values: np.ndarray) -> None:
    """Fill an attribute of the vertices, made when it is not there."""
    attribute = mesh.attributes.get(name) or mesh.attributes.new(name, kind, "POINT")
    field = {"FLOAT_VECTOR": "vector", "FLOAT_COLOR": "color"}.get(kind, "value")
    dtype = np.int32 if kind == "INT" else np.float32
    attribute.data.foreach_set(field, np.ascontiguousarray(values, dtype).ravel())


def _faces(n: int) -> list[tuple[int, ...]]:
    """Faces of n discs: middles first, then ring by ring, disc by disc."""
    faces: list[tuple[int, ...]] = []
    for disc in range(n):
        starts = [n + (ring * n + disc) * _AROUND for ring in range(len(_RINGS))]
        for k in range(_AROUND):
            after = (k + 1) % _AROUND
            faces.append((disc, starts[0] + k, starts[0] + after))
            faces += [
                (inner + k, outer + k, outer + after, inner + after)
                for inner, outer in zip(starts[:-1], starts[1:], strict=True)
            ]
    return faces
