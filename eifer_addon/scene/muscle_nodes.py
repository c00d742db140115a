"""The node groups of the muscle map: Blender evaluates them without Python.

The map is written into the colours of the mesh, which Workbench shows as they are and the head's
materials read in Cycles and EEVEE. The source numbers are driven by the head's properties.
"""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np

from .muscle_activity import property_of

#: The head's colour attribute, which is written; what is read besides.
COLOUR, COVERED, WEIGHT = "Colour", "muscle_covered", "muscle_weight."
#: On or off, 1 or 0, or between for a fade.
SWITCH = "muscle_map"
#: A place at rest shows so much of the map's lowest colour over the skin, an active one so much.
_OPACITY = ((0.0, 0.3), (0.35, 0.94))


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
        return self.out(
            "GeometryNodeStoreNamedAttribute", geometry, None, COLOUR, colour,
            data_type="FLOAT_COLOR", domain="POINT",
        )  # fmt: skip

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


def map_group(obj: bpy.types.Object, muscles: tuple[str, ...], stops: np.ndarray) -> Any:
    """The group on the head: its skin takes the colours of its muscles' activity.

    Parameters
    ----------
    obj : bpy.types.Object
        The head; its mesh has the attributes.
    muscles : tuple of str
        Each with an attribute of weights.
    stops : numpy.ndarray
        (n, 3) linear RGB of the colour map from 0 to 1.
    """
    nodes = Nodes(f"{obj.name} muscle map")
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
    factor = nodes.math("MULTIPLY", opacity, covered)
    strength = nodes.driven(obj, SWITCH)
    factor = nodes.math("MULTIPLY", factor, strength)
    skin = nodes.attribute(COLOUR, "FLOAT_COLOR")
    colour = nodes.mixed(factor, skin, ramp.outputs["Color"])
    coloured = nodes.coloured(nodes.geometry, colour)
    # Blender works out only the branch that is taken: a map that is off costs next to nothing.
    return nodes.finish(nodes.chosen(strength, 0.0, coloured, nodes.geometry))


def fill_ramp(ramp: bpy.types.ColorRamp, stops: np.ndarray) -> None:
    """Set the stops of a colour ramp to at most 32 of linear RGB (n, 3), evenly from 0 to 1."""
    while len(ramp.elements) < len(stops):
        ramp.elements.new(1.0)
    for index, (element, colour) in enumerate(zip(ramp.elements, stops, strict=True)):
        element.position = index / (len(stops) - 1)
        element.color = (*colour, 1.0)


def disc_group(head: bpy.types.Object, rim: tuple[float, float, float]) -> Any:
    """The group on the electrodes: each vertex stands on its own place of the moving skin.

    The mesh has, per vertex, the numbers of three vertices of the head (``skin_0`` to ``skin_2``)
    and their weights (``skin_weights``), the same of its disc's middle (``hub_…``), how far from
    the middle it stays (``reach``), because electrodes do not stretch, how far it is lifted
    (``lift``), and whether it is rim (``rim``) or shows the colour of the skin below.
    """
    nodes = Nodes(f"{head.name} electrodes")
    info = nodes.add("GeometryNodeObjectInfo", head, False, transform_space="RELATIVE")
    skin = info.outputs["Geometry"]
    position = nodes.out("GeometryNodeInputPosition")
    hub = _sampled(nodes, skin, "hub", position)
    outwards = nodes.vector("SUBTRACT", _sampled(nodes, skin, "skin", position), hub)
    normal = _sampled(nodes, skin, "skin", nodes.out("GeometryNodeInputNormal"))
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


def shown_group(head: bpy.types.Object) -> Any:
    """The group on the legend: it is there while the map is on."""
    nodes = Nodes(f"{head.name} legend")
    return nodes.finish(_shown(nodes, head, nodes.geometry))


def _shown(nodes: Nodes, head: bpy.types.Object, geometry: Any) -> Any:
    return nodes.chosen(nodes.driven(head, SWITCH), 0.49, geometry)
