"""The muscle map on a rigged head: activity as colours of the skin, electrodes, a legend.

Everything is attributes, node groups and drivers of a kind that Blender evaluates without Python,
so that a saved .blend plays and renders the map where the extension is absent.
"""

from __future__ import annotations

import bpy
import numpy as np

from .. import api
from ..errors import EiferError
from ..heads.model import JOINT_NAMES, N_CORRECTIVES, HeadModel
from ..heads.muscle_map import (
    MuscleWeights,
    colour_stops,
    disc_points,
    muscle_weights,
)
from .axes import from_blender, to_blender
from .controls import armature_of, metadata
from .materials import painted_material, show_colours
from .muscle_activity import add_activity
from .muscle_legend import add_legend
from .muscle_nodes import COLOUR, COVERED, SWITCH, WEIGHT, disc_group, map_group
from .transaction import all_or_nothing

MODIFIER = "Muscle map"
_DISC_MATERIAL = "EIFER electrode"
_RIM = (0.86, 0.86, 0.84)
#: Rings of a disc from its middle: radius and height over the skin in m, 1 where it is rim.
_RINGS = ((0.0021, 0.0005, 0.0), (0.0023, 0.0006, 1.0), (0.0031, 0.0005, 1.0), (0.0034, 0.0, 1.0))
_AROUND = 20


def has_map(obj: bpy.types.Object) -> bool:
    """Whether a head has a muscle map, shown or not."""
    return MODIFIER in obj.modifiers and SWITCH in obj


def is_shown(obj: bpy.types.Object) -> bool:
    """Whether a head shows its muscle map."""
    return has_map(obj) and float(obj[SWITCH]) >= 0.5


def show_map(context: bpy.types.Context, obj: bpy.types.Object, *, show: bool = True) -> None:
    """Show the muscle map on a head, or hide it.

    The first time it is made, all or nothing; afterwards the head's custom property
    ``muscle_map`` switches it, by this function, by hand or by keys. The activity is the custom
    properties ``activity_…``, which a take of a recording keys.

    Parameters
    ----------
    context : bpy.types.Context
        In object mode when the map is made.
    obj : bpy.types.Object
        A head's mesh object.
    show : bool

    Raises
    ------
    EiferError
        When the object is no head of ours, its polygons were changed, or no face is recognised on
        it; the scene is then as it was.
    """
    metadata(obj)
    if show and not has_map(obj):
        if context.mode != "OBJECT":
            raise EiferError(
                "The muscle map can only be made in object mode.", "Leave the present mode first."
            )
        head = model_of(obj)
        weights = muscle_weights(head)
        with all_or_nothing(context):
            _make(obj, head, weights)
    if has_map(obj):
        obj[SWITCH] = 1.0 if show else 0.0
        obj.update_tag()


def model_of(obj: bpy.types.Object) -> HeadModel:
    """Shape and polygons of a rig as a head model, which has no bases.

    Raises
    ------
    EiferError
        When the mesh is not what the head came with.
    """
    mesh, noted = obj.data, metadata(obj)
    basis = mesh.shape_keys.key_blocks[0].data
    points = np.empty(3 * len(mesh.vertices), np.float32)
    basis.foreach_get("co", points)
    template = from_blender(points.reshape(-1, 3)).astype(np.float32)
    if noted["head"] == "open":
        head = api.load_head()
        if head.n_vertices == len(template):
            return head.replace(template=template)
    mesh.calc_loop_triangles()
    triangles = np.empty(3 * len(mesh.loop_triangles), np.int32)
    mesh.loop_triangles.foreach_get("vertices", triangles)
    n = len(template)
    nothing, root = np.zeros((n, 3, 0), np.float32), np.zeros((n, len(JOINT_NAMES)), np.float32)
    root[:, 0] = 1.0
    return HeadModel(
        noted["head"], template, triangles.reshape(-1, 3), nothing, nothing,
        np.zeros((len(JOINT_NAMES), n), np.float32), root,
        np.zeros((n, 3, N_CORRECTIVES), np.float32),
    )  # fmt: skip


def _make(obj: bpy.types.Object, head: HeadModel, weights: MuscleWeights) -> None:
    """Attributes, properties, node groups, electrodes and legend."""
    show_colours(obj, COLOUR)
    _set_attribute(obj.data, COVERED, "FLOAT", weights.covered)
    for muscle, column in zip(weights.muscles, weights.values.T, strict=True):
        _set_attribute(obj.data, WEIGHT + muscle, "FLOAT", column)
    add_activity(obj)
    _add_switch(obj)
    group = map_group(obj, weights.muscles, colour_stops())
    modifier = obj.modifiers.new(MODIFIER, "NODES")
    modifier.node_group = group
    discs = _add_discs(obj, head, weights)
    legend = add_legend(obj)
    for child in (discs, legend):
        child.parent = armature_of(obj)
        for collection in obj.users_collection:
            collection.objects.link(child)


def _add_switch(obj: bpy.types.Object) -> None:
    obj[SWITCH] = 1.0
    obj.id_properties_ui(SWITCH).update(
        min=0.0, max=1.0, soft_min=0.0, soft_max=1.0, default=1.0, precision=2,
        description="Shows the muscle map: 0 off, 1 on, between for a fade",
    )  # fmt: skip
    obj.property_overridable_library_set(f'["{SWITCH}"]', True)


def _set_attribute(mesh: bpy.types.Mesh, name: str, kind: str, values: np.ndarray) -> None:
    """Fill an attribute of the vertices, made when it is not there."""
    attribute = mesh.attributes.get(name) or mesh.attributes.new(name, kind, "POINT")
    field = {"FLOAT_VECTOR": "vector", "FLOAT_COLOR": "color"}.get(kind, "value")
    dtype = np.int32 if kind == "INT" else np.float32
    attribute.data.foreach_set(field, np.ascontiguousarray(values, dtype).ravel())


def _add_discs(obj: bpy.types.Object, head: HeadModel, weights: MuscleWeights) -> bpy.types.Object:
    """One object with a disc per electrode, every vertex of which keeps its place on the skin."""
    points = weights.electrodes
    n = len(points.names)
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
    mesh.from_pydata(places.tolist(), [], _disc_faces(n))
    middle = np.concatenate(hub)
    for name, rows in (("skin", slice(None)), ("hub", middle)):
        for corner in range(3):
            _set_attribute(mesh, f"{name}_{corner}", "INT", corners[rows, corner])
        _set_attribute(mesh, f"{name}_weights", "FLOAT_VECTOR", share[rows])
    _set_attribute(mesh, "reach", "FLOAT", np.concatenate(reach))
    _set_attribute(mesh, "lift", "FLOAT", np.concatenate(lift))
    _set_attribute(mesh, "rim", "FLOAT", np.concatenate(rim))
    white = np.tile((*_RIM, 1.0), (len(places), 1))
    _set_attribute(mesh, COLOUR, "FLOAT_COLOR", white)
    mesh.color_attributes.active_color = mesh.color_attributes[COLOUR]
    mesh.materials.append(painted_material(_DISC_MATERIAL, COLOUR, lit=True))
    discs = bpy.data.objects.new(mesh.name, mesh)
    discs.modifiers.new(MODIFIER, "NODES").node_group = disc_group(obj, _RIM)
    return discs


def _disc_faces(n: int) -> list[tuple[int, ...]]:
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
