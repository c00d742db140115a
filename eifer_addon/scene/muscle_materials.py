"""Other people's materials with the muscle map over them; the originals stay untouched."""

from __future__ import annotations

from typing import Any

import bpy

#: Attributes that the map's node group writes: its own colour, and how much of it is seen.
HEAT, AMOUNT = "muscle_heat", "muscle_amount"
_SUFFIX = " with muscle map"
_ROUGHNESS = 0.5


def heated_material(material: bpy.types.Material, colour: str) -> bpy.types.Material | None:
    """A copy of a material that shows the map over what the material shows.

    Parameters
    ----------
    material : bpy.types.Material
    colour : str
        Name of the attribute of all colours; a material that reads it needs no copy.

    Returns
    -------
    bpy.types.Material or None
        None when the material shows the map as it is.
    """
    nodes = material.node_tree.nodes if material.node_tree is not None else ()
    if any(getattr(node, "attribute_name", "") == colour for node in nodes):
        return None
    name = material.name + _SUFFIX
    known = bpy.data.materials.get(name)
    if known is not None:
        return known
    heated = material.copy()
    heated.name = name
    if heated.node_tree is None:
        heated.use_nodes = True
    _add_heat(heated.node_tree)
    return heated


def _add_heat(tree: Any) -> None:
    """Mix the map's colour over whatever reaches the output."""
    output = tree.get_output_node("ALL") or tree.nodes.new("ShaderNodeOutputMaterial")
    surface = output.inputs["Surface"]
    before = surface.links[0].from_socket if surface.links else None
    heat, amount = (tree.nodes.new("ShaderNodeAttribute") for _ in range(2))
    heat.attribute_name, amount.attribute_name = HEAT, AMOUNT
    skin = tree.nodes.new("ShaderNodeBsdfPrincipled")
    skin.inputs["Roughness"].default_value = _ROUGHNESS
    mix = tree.nodes.new("ShaderNodeMixShader")
    for number, node in enumerate((heat, amount, skin, mix)):
        node.location = (output.location.x + 220 * (number // 2), output.location.y - 220)
    tree.links.new(heat.outputs["Color"], skin.inputs["Base Color"])
    tree.links.new(amount.outputs["Fac"], mix.inputs[0])
    if before is not None:
        tree.links.new(before, mix.inputs[1])
    tree.links.new(skin.outputs[0], mix.inputs[2])
    tree.links.new(mix.outputs[0], surface)
