"""The node groups of the muscle map: Blender evaluates them without Python.

The map is written into the colours of the mesh, which Workbench shows as they are and the head's
materials read in Cycles and EEVEE. The source numbers are driven by the head's properties.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import bpy
import numpy as np

from .materials import painted_material
from .muscle_activity import property_of
from .muscle_materials import AMOUNT, HEAT, heated_material

#: The head's colour attribute, which is written; what is read besides.
COLOUR, COVERED, WEIGHT = "Colour", "muscle_covered", "muscle_weight."
#: On or off, 1 or 0, or between for a fade.
SWITCH = "muscle_map"
#: A place at rest shows so much of the map's lowest colour over the skin, an active one so much.
_OPACITY = ((0.0, 0.3), (0.35, 0.94))
#: How the coarse mesh was shaded, which is written, and which faces a finer mesh stands for.
NORMAL, REFINED = "muscle_normal", "muscle_refined"
#: What ties the finer mesh to the head.
_TIES = ("skin_0", "skin_1", "skin_2", "skin_weights")
_BARE_MATERIAL = "EIFER bare skin"
#: In a camera's frame: the legend's height, width and margin at most, in parts of the frame, and
#: its distance in parts of the nearest that is seen.
_LEGEND_TALL, _LEGEND_WIDE, _LEGEND_MARGIN, _BEHIND_CLIP = 0.3, 0.25, 0.03, 2.0


class Nodes:
    """A geometry node group under construction: makes and links nodes.

    Parameters
    ----------
    name : str
        Of the new group; it takes and gives one geometry.
    """

    def __init__(self, name: str) -> None:
        self.tree = bpy.data.node_groups.new(name, "GeometryNodeTree")
        for way in ("INPUT", "OUTPUT"):
            self.tree.interface.new_socket("Geometry", in_out=way, socket_type="NodeSocketGeometry")
        self.geometry = self.tree.nodes.new("NodeGroupInput").outputs[0]
        self._output = self.tree.nodes.new("NodeGroupOutput")

    def add(self, kind: str, *inputs: Any, **settings: Any) -> Any:
        """A node with settings; each input is a socket to link, a value, or None to leave."""
        node = self.tree.nodes.new(kind)
        node.location = (200 * (len(self.tree.nodes) % 12), -160 * (len(self.tree.nodes) // 12))
        for name, value in settings.items():
            setattr(node, name, value)
        usable = [socket for socket in node.inputs if socket.enabled]
        for socket, value in zip(usable, inputs, strict=False):
            if isinstance(value, bpy.types.NodeSocket):
                self.tree.links.new(value, socket)
            elif value is not None:
                socket.default_value = value
        return node

    def out(self, kind: str, *inputs: Any, **settings: Any) -> Any:
        """The first enabled output of a new node."""
        node = self.add(kind, *inputs, **settings)
        return next(socket for socket in node.outputs if socket.enabled)

    def attribute(self, name: str, data_type: str = "FLOAT") -> Any:
        """A named attribute of the mesh."""
        return self.out("GeometryNodeInputNamedAttribute", name, data_type=data_type)

    def math(self, operation: str, *inputs: Any) -> Any:
        """One step of arithmetic."""
        return self.out("ShaderNodeMath", *inputs, operation=operation)

    def vector(self, operation: str, *inputs: Any) -> Any:
        """One step of arithmetic with vectors."""
        return self.out("ShaderNodeVectorMath", *inputs, operation=operation)

    def scaled(self, vector: Any, factor: Any) -> Any:
        """A vector times a number."""
        node = self.add("ShaderNodeVectorMath", vector, operation="SCALE")
        self.tree.links.new(factor, node.inputs["Scale"])
        return node.outputs[0]

    def scaled_to(self, vector: Any, length: Any) -> Any:
        """A vector brought to a length; a zero vector stays zero."""
        return self.scaled(self.vector("NORMALIZE", vector), length)

    def mixed(self, factor: Any, first: Any, second: Any) -> Any:
        """A mixture of two colours."""
        return self.out("ShaderNodeMix", factor, first, second, data_type="RGBA", clamp_factor=True)

    def driven(self, obj: bpy.types.Object, name: str) -> Any:
        """A number that follows a custom property of `obj`."""
        node = self.add("ShaderNodeValue")
        node.name = node.label = name
        driver = self.tree.driver_add(f'nodes["{name}"].outputs[0].default_value').driver
        driver.type = "SUM"
        variable = driver.variables.new()
        variable.type = "SINGLE_PROP"
        target = variable.targets[0]
        target.id_type, target.id, target.data_path = "OBJECT", obj, f'["{name}"]'
        return node.outputs[0]

    def coloured(self, geometry: Any, colour: Any) -> Any:
        """The geometry with its colours replaced."""
        return self.stored(geometry, COLOUR, colour, "FLOAT_COLOR")

    def stored(self, geometry: Any, name: str, value: Any, data_type: str) -> Any:
        """The geometry with an attribute of its points."""
        return self.out(
            "GeometryNodeStoreNamedAttribute", geometry, None, name, value,
            data_type=data_type, domain="POINT",
        )  # fmt: skip

    def without(self, geometry: Any, name: str) -> Any:
        """The geometry without an attribute."""
        node = self.add("GeometryNodeRemoveAttribute", geometry)
        node.inputs["Name"].default_value = name
        return node.outputs[0]

    def parts(self, vector: Any) -> tuple[Any, Any, Any]:
        """X, y and z of a vector."""
        x, y, z = self.add("ShaderNodeSeparateXYZ", vector).outputs
        return x, y, z

    def transformed(self, geometry: Any, place: Any, turn: Any, scale: Any) -> Any:
        """The geometry scaled, turned (Euler angles or a socket) and moved."""
        node = self.add("GeometryNodeTransform", geometry)
        for name, value in (("Translation", place), ("Rotation", turn), ("Scale", scale)):
            if isinstance(value, bpy.types.NodeSocket):
                self.tree.links.new(value, node.inputs[name])
            else:
                node.inputs[name].default_value = value
        return node.outputs[0]

    def chosen(self, value: Any, above: float, geometry: Any, otherwise: Any = None) -> Any:
        """One geometry where a value is above a threshold, else another or none."""
        on = self.out(
            "FunctionNodeCompare", value, above, data_type="FLOAT", operation="GREATER_THAN"
        )
        return self.out("GeometryNodeSwitch", on, otherwise, geometry, input_type="GEOMETRY")

    def finish(self, geometry: Any) -> bpy.types.NodeTree:
        """Give this geometry out."""
        self.tree.links.new(geometry, self._output.inputs[0])
        return self.tree


def map_group(
    obj: bpy.types.Object, muscles: Sequence[str], stops: np.ndarray, patch: bpy.types.Object | None
) -> Any:
    """The group on the head: its skin takes the colours of its muscles' activity.

    Parameters
    ----------
    obj : bpy.types.Object
        The head.
    muscles : sequence of str
        Each with an attribute of weights, on the patch or, without one, on the head.
    stops : numpy.ndarray
        (n, 3) linear RGB of the colour map from 0 to 1.
    patch : bpy.types.Object or None
        A finer mesh of the covered skin, in whose place the faces of the head with the attribute
        ``muscle_refined`` go; its vertices come after the head's.
    """
    nodes = Nodes(f"{obj.name} muscle map")
    strength = nodes.driven(obj, SWITCH)
    if patch is None:
        shown = _painted(nodes, obj, muscles, stops, strength, nodes.geometry)
        shown = _in_materials(nodes, obj, shown)
    else:
        shown = _with_patch(nodes, obj, muscles, stops, strength, patch)
    # Blender works out only the branch that is taken.
    return nodes.finish(nodes.chosen(strength, 0.0, shown, nodes.geometry))


def _painted(
    nodes: Nodes, obj: bpy.types.Object, muscles: Sequence[str], stops: np.ndarray,
    strength: Any, geometry: Any, skin: Any = None,
) -> Any:  # fmt: skip
    """A geometry with weights, in the map's colours over the skin's."""
    value: Any = 0.0
    for muscle in muscles:
        activity = nodes.driven(obj, property_of(muscle))
        weight = nodes.attribute(WEIGHT + muscle)
        value = nodes.math("MULTIPLY_ADD", weight, activity, value)
    value = nodes.out("ShaderNodeClamp", value, 0.0, 1.0)
    ramp = nodes.add("ShaderNodeValToRGB", value)
    fill_ramp(ramp.color_ramp, stops)
    (low, rest), (high, strong) = _OPACITY
    opacity = nodes.out("ShaderNodeMapRange", value, low, high, rest, strong)
    # The rim of what is covered fades; within, even a weak cover counts in full.
    covered = nodes.out("ShaderNodeMapRange", nodes.attribute(COVERED), 0.0, 0.5, 0.0, 1.0)
    factor = nodes.math("MULTIPLY", nodes.math("MULTIPLY", opacity, covered), strength)
    below = nodes.attribute(COLOUR, "FLOAT_COLOR") if skin is None else skin
    colour = nodes.mixed(factor, below, ramp.outputs["Color"])
    if skin is None:
        geometry = nodes.stored(geometry, HEAT, ramp.outputs["Color"], "FLOAT_COLOR")
        geometry = nodes.stored(geometry, AMOUNT, factor, "FLOAT")
    return nodes.coloured(geometry, colour)


def _with_patch(
    nodes: Nodes, obj: bpy.types.Object, muscles: Sequence[str], stops: np.ndarray,
    strength: Any, patch: bpy.types.Object,
) -> Any:  # fmt: skip
    """The head with the finer mesh in the place of its coarse faces, shaded as they were."""
    normal = nodes.out("GeometryNodeInputNormal")
    head = nodes.stored(nodes.geometry, NORMAL, normal, "FLOAT_VECTOR")
    fine = nodes.add("GeometryNodeObjectInfo", patch, False).outputs["Geometry"]
    place = _sampled(nodes, head, "skin", nodes.out("GeometryNodeInputPosition"))
    fine = nodes.out("GeometryNodeSetPosition", fine, None, place)
    turned = _sampled(nodes, head, "skin", nodes.attribute(NORMAL, "FLOAT_VECTOR"))
    fine = nodes.stored(fine, NORMAL, nodes.vector("NORMALIZE", turned), "FLOAT_VECTOR")
    skin = _sampled(nodes, head, "skin", nodes.attribute(COLOUR, "FLOAT_COLOR"), "FLOAT_COLOR")
    fine = _painted(nodes, obj, muscles, stops, strength, fine, skin)
    # What is joined is copied, attribute by attribute.
    for name in (*(WEIGHT + muscle for muscle in muscles), COVERED, *_TIES):
        fine = nodes.without(fine, name)
    replaced = nodes.attribute(REFINED, "BOOLEAN")
    rest = nodes.out("GeometryNodeDeleteGeometry", head, replaced, mode="EDGE_FACE", domain="FACE")
    # What is linked last comes first: the head's own vertices keep their numbers. Their edges go,
    # which a viewport would draw over the face of a chosen head.
    joined = nodes.out("GeometryNodeJoinGeometry", fine)
    nodes.tree.links.new(rest, joined.node.inputs[0])
    shading = nodes.tree.nodes.new("GeometryNodeSetMeshNormal")
    shading.mode = "FREE"
    nodes.tree.links.new(joined, shading.inputs[0])
    nodes.tree.links.new(nodes.attribute(NORMAL, "FLOAT_VECTOR"), shading.inputs["Custom Normal"])
    return shading.outputs[0]


def _in_materials(nodes: Nodes, obj: bpy.types.Object, geometry: Any) -> Any:
    """The geometry with those materials replaced that do not show the colours themselves."""
    materials = dict.fromkeys(slot.material for slot in obj.material_slots if slot.material)
    if not materials:
        bare = painted_material(_BARE_MATERIAL, COLOUR, lit=True)
        return nodes.out("GeometryNodeSetMaterial", geometry, None, bare)
    for material in materials:
        heated = heated_material(material, COLOUR)
        if heated is not None:
            geometry = nodes.out("GeometryNodeReplaceMaterial", geometry, material, heated)
    return geometry


def can_refine() -> bool:
    """Whether this Blender can shade a finer mesh as the coarse one; 4.5 and later can."""
    return hasattr(bpy.types, "GeometryNodeSetMeshNormal")


def fill_ramp(ramp: bpy.types.ColorRamp, stops: np.ndarray) -> None:
    """Set the stops of a colour ramp to at most 32 of linear RGB (n, 3), evenly from 0 to 1."""
    while len(ramp.elements) < len(stops):
        ramp.elements.new(1.0)
    for index, (element, colour) in enumerate(zip(ramp.elements, stops, strict=True)):
        element.position = index / (len(stops) - 1)
        element.color = (*colour, 1.0)


def disc_group(head: bpy.types.Object, rim: tuple[float, float, float], *, on_patch: bool) -> Any:
    """The group on the electrodes: each vertex stands on its own place of the moving skin.

    The mesh has, per vertex, the numbers of three vertices of the head (``skin_0`` to ``skin_2``)
    and their weights (``skin_weights``), the same of its disc's middle (``hub_…``), how far from
    the middle it stays (``reach``), because electrodes do not stretch, how far it is lifted
    (``lift``), and whether it is rim (``rim``) or shows the colour of the skin below. On a patch
    the numbers count on after the head's own vertices.
    """
    nodes = Nodes(f"{head.name} electrodes")
    info = nodes.add("GeometryNodeObjectInfo", head, False, transform_space="RELATIVE")
    skin = info.outputs["Geometry"]
    position = nodes.out("GeometryNodeInputPosition")
    hub = _sampled(nodes, skin, "hub", position)
    outwards = nodes.vector("SUBTRACT", _sampled(nodes, skin, "skin", position), hub)
    normal = nodes.out("GeometryNodeInputNormal")
    if on_patch:
        normal = nodes.attribute(NORMAL, "FLOAT_VECTOR")
    normal = _sampled(nodes, skin, "skin", normal)
    place = nodes.vector("ADD", hub, nodes.scaled_to(outwards, nodes.attribute("reach")))
    place = nodes.vector("ADD", place, nodes.scaled_to(normal, nodes.attribute("lift")))
    moved = nodes.out("GeometryNodeSetPosition", nodes.geometry, None, place)
    below = _sampled(nodes, skin, "skin", nodes.attribute(COLOUR, "FLOAT_COLOR"), "FLOAT_COLOR")
    colour = nodes.mixed(nodes.attribute("rim"), below, (*rim, 1.0))
    return nodes.finish(_shown(nodes, head, nodes.coloured(moved, colour)))


def _sampled(
    nodes: Nodes, skin: Any, where: str, source: Any, data_type: str = "FLOAT_VECTOR"
) -> Any:
    """A field of the skin at the places that the attributes ``where_…`` name."""
    weights = nodes.add(
        "ShaderNodeSeparateXYZ", nodes.attribute(f"{where}_weights", "FLOAT_VECTOR")
    )
    total: Any = None
    for corner in range(3):
        found = nodes.out(
            "GeometryNodeSampleIndex", skin, source, nodes.attribute(f"{where}_{corner}", "INT"),
            data_type=data_type, domain="POINT",
        )  # fmt: skip
        part = nodes.scaled(found, weights.outputs[corner])
        total = part if total is None else nodes.vector("ADD", total, part)
    return total


def shown_group(head: bpy.types.Object, low: np.ndarray, high: np.ndarray) -> Any:
    """The group on the legend, which is there while the map is on.

    In the viewport it stands where it was made; in a render it stands in the lower right corner
    of the active camera's frame, whatever the lens and the shape of the picture.

    Parameters
    ----------
    head : bpy.types.Object
    low, high : numpy.ndarray
        (3,) corners of the legend's box.
    """
    nodes = Nodes(f"{head.name} legend")
    geometry = nodes.geometry
    if hasattr(bpy.types, "GeometryNodeCameraInfo"):
        in_frame = _in_frame(nodes, geometry, low, high)
        editing = nodes.out("GeometryNodeIsViewport")
        geometry = nodes.out(
            "GeometryNodeSwitch", editing, in_frame, nodes.geometry, input_type="GEOMETRY"
        )
    return nodes.finish(_shown(nodes, head, geometry))


def _in_frame(nodes: Nodes, geometry: Any, low: np.ndarray, high: np.ndarray) -> Any:
    """A geometry that faces -y, in a corner of the active camera's frame."""
    camera = nodes.out("GeometryNodeInputActiveCamera")
    about = nodes.add("GeometryNodeCameraInfo", camera).outputs
    projection = about["Projection Matrix"]
    back = nodes.out("FunctionNodeInvertMatrix", projection)
    depth = nodes.math("MULTIPLY", about["Clip Start"], -_BEHIND_CLIP)
    ahead = nodes.out("ShaderNodeCombineXYZ", 0.0, 0.0, depth)
    flat = nodes.parts(nodes.out("FunctionNodeProjectPoint", ahead, projection))[2]

    def at(u: float, v: float) -> Any:
        point = nodes.out("ShaderNodeCombineXYZ", u, v, flat)
        return nodes.out("FunctionNodeProjectPoint", point, back)

    right, bottom, _ = nodes.parts(at(1.0, -1.0))
    wide, tall, _ = nodes.parts(nodes.vector("SUBTRACT", at(1.0, 1.0), at(-1.0, -1.0)))
    size = high - low
    scale = nodes.math(
        "MINIMUM", nodes.math("MULTIPLY", tall, _LEGEND_TALL / float(size[2])),
        nodes.math("MULTIPLY", wide, _LEGEND_WIDE / float(size[0])),
    )  # fmt: skip
    margin = nodes.math("MULTIPLY", nodes.math("MINIMUM", wide, tall), _LEGEND_MARGIN)
    x = nodes.math("SUBTRACT", right, margin)
    x = nodes.math("MULTIPLY_ADD", scale, -float(high[0]), x)
    y = nodes.math("ADD", bottom, margin)
    y = nodes.math("MULTIPLY_ADD", scale, -float(low[2]), y)
    z = nodes.math("MULTIPLY_ADD", scale, float(low[1]), depth)
    standing = nodes.transformed(
        geometry, nodes.out("ShaderNodeCombineXYZ", x, y, z), (-math.pi / 2, 0.0, 0.0),
        nodes.out("ShaderNodeCombineXYZ", scale, scale, scale),
    )  # fmt: skip
    seen = nodes.add("GeometryNodeObjectInfo", camera, False, transform_space="RELATIVE").outputs
    return nodes.transformed(standing, seen["Location"], seen["Rotation"], seen["Scale"])


def _shown(nodes: Nodes, head: bpy.types.Object, geometry: Any) -> Any:
    return nodes.chosen(nodes.driven(head, SWITCH), 0.49, geometry)
