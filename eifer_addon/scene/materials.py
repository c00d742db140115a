"""Materials of a head: skin with a little subsurface, lips, eyes, teeth, tongue, hair.

Colours come from the mesh's colour attribute where the head has one, so that Workbench, EEVEE
and Cycles show the same face; a head without colours gets one skin tone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np

from ..heads.model import HeadModel

PREFIX = "EIFER "
_SKIN = "skin"
_PAINT_ROUGHNESS = 0.4
#: Ends the name of a material that reads no colour attribute.
_PLAIN = " plain"
#: How far light travels under the skin, in m, for red, green and blue.
_SUBSURFACE_RADIUS = (1.0, 0.32, 0.16)
_SUBSURFACE_SCALE_M = 0.0045


@dataclass(frozen=True)
class Look:
    """How one material answers light.

    Attributes
    ----------
    colour : tuple of float
        Linear RGB where the mesh has no colours.
    roughness, specular, coat, subsurface : float
        Inputs of the Principled shader.
    mottled : bool
        Whether fine pores and an uneven tone are added (by texture coordinates).
    solid : tuple of float or None
        Colour in the viewport's solid mode, where faces cannot fade into each other.
    """

    colour: tuple[float, float, float]
    roughness: float
    specular: float = 0.5
    coat: float = 0.0
    subsurface: float = 0.0
    mottled: bool = False
    solid: tuple[float, float, float] | None = None


_SKIN_COLOUR = (0.55, 0.33, 0.24)
LOOKS = {
    _SKIN: Look(_SKIN_COLOUR, 0.5, 0.35, subsurface=0.14, mottled=True),
    "scalp": Look((0.2, 0.13, 0.1), 0.8, 0.1, subsurface=0.05, mottled=True, solid=_SKIN_COLOUR),
    "lips": Look((0.45, 0.17, 0.15), 0.36, 0.5, subsurface=0.14),
    "mouth": Look((0.16, 0.035, 0.03), 0.35, 0.4, subsurface=0.1),
    "sclera": Look((0.78, 0.74, 0.71), 0.12, 0.5, coat=0.8, subsurface=0.05),
    "iris": Look((0.16, 0.09, 0.04), 0.2, 0.5, coat=1.0),
    "pupil": Look((0.002, 0.002, 0.002), 0.05, 0.5, coat=1.0),
    "teeth": Look((0.72, 0.66, 0.54), 0.2, 0.5, coat=0.3, subsurface=0.08),
    "gums": Look((0.38, 0.12, 0.11), 0.3, 0.5, coat=0.2, subsurface=0.12),
    "tongue": Look((0.42, 0.13, 0.12), 0.4, 0.5, subsurface=0.15),
    "lashes": Look((0.012, 0.008, 0.006), 0.6, 0.2),
    "brows": Look((0.035, 0.019, 0.011), 0.65, 0.15),
}


def assign_materials(mesh_object: bpy.types.Object, head: HeadModel) -> None:
    """Fill the object's material slots in the order of ``head.materials``.

    A head without material data gets the skin in one slot. Materials are shared between heads by
    name, so that a change of one is a change of all.

    Parameters
    ----------
    mesh_object : bpy.types.Object
        The head's mesh object.
    head : HeadModel
    """
    mesh = mesh_object.data
    names = head.materials or (_SKIN,)
    attribute = mesh.color_attributes.active_color
    mesh.materials.clear()
    for name in names:
        mesh.materials.append(_material(name, attribute.name if attribute else ""))
    if head.polygon_material is not None and head.materials:
        indices = head.polygon_material.astype("i4")
        mesh.polygons.foreach_set("material_index", indices)
    mesh.update()


def show_colours(mesh_object: bpy.types.Object, attribute: str) -> None:
    """Give a head without colours the tones of its materials as colours, and show those.

    What is written into the attribute later is then seen in every engine. A head that has the
    attribute, or materials that are not ours, is left as it is.

    Parameters
    ----------
    mesh_object : bpy.types.Object
    attribute : str
        Name of the colour attribute.
    """
    mesh = mesh_object.data
    if attribute in mesh.color_attributes:
        return
    names = [slot.name.removeprefix(PREFIX).removesuffix(_PLAIN) if slot else _SKIN
             for slot in mesh.materials] or [_SKIN]  # fmt: skip
    tones = np.array([LOOKS.get(name, LOOKS[_SKIN]).colour for name in names])
    mesh.color_attributes.active_color = colour_by_slot(mesh, attribute, tones)
    if not mesh.materials:
        mesh.materials.append(_material(_SKIN, attribute))
    for index, slot in enumerate(mesh.materials):
        if slot is None or slot.name == f"{PREFIX}{names[index]}{_PLAIN}":
            mesh.materials[index] = _material(names[index], attribute)


def _material(name: str, attribute: str) -> bpy.types.Material:
    """The shared material of one kind, with or without a colour attribute."""
    full = f"{PREFIX}{name}" + ("" if attribute else _PLAIN)
    known = bpy.data.materials.get(full)
    if known is not None:
        return known
    look = LOOKS.get(name, LOOKS[_SKIN])
    material = bpy.data.materials.new(full)
    if material.node_tree is None:
        material.use_nodes = True
    material.diffuse_color = (*(look.solid or look.colour), 1.0)
    material.roughness = LOOKS[_SKIN].roughness if look.solid else look.roughness
    _build_nodes(material.node_tree, look, attribute)
    return material


def _build_nodes(tree: bpy.types.NodeTree, look: Look, attribute: str) -> None:
    tree.nodes.clear()
    output = tree.nodes.new("ShaderNodeOutputMaterial")
    shader = tree.nodes.new("ShaderNodeBsdfPrincipled")
    output.location, shader.location = (300, 0), (0, 0)
    tree.links.new(shader.outputs["BSDF"], output.inputs["Surface"])
    inputs = shader.inputs
    inputs["Base Color"].default_value = (*look.colour, 1.0)
    inputs["Roughness"].default_value = look.roughness
    inputs["Specular IOR Level"].default_value = look.specular
    inputs["Coat Weight"].default_value = look.coat
    inputs["Coat Roughness"].default_value = 0.03
    inputs["Subsurface Weight"].default_value = look.subsurface
    inputs["Subsurface Radius"].default_value = _SUBSURFACE_RADIUS
    inputs["Subsurface Scale"].default_value = _SUBSURFACE_SCALE_M
    colour = None
    if attribute:
        painted = tree.nodes.new("ShaderNodeAttribute")
        painted.attribute_name = attribute
        painted.location = (-600, 0)
        colour = painted.outputs["Color"]
    if look.mottled:
        colour = _mottle(tree, shader, colour, look)
    if colour is not None:
        tree.links.new(colour, inputs["Base Color"])


def _mottle(
    tree: bpy.types.NodeTree,
    shader: bpy.types.Node,
    colour: bpy.types.NodeSocket | None,
    look: Look,
) -> bpy.types.NodeSocket:
    """An uneven tone and pores that stick to the skin through its texture coordinates."""
    where = tree.nodes.new("ShaderNodeTexCoord")
    where.location = (-1000, -300)
    tone = _noise(tree, where, scale=70.0, detail=4.0)
    mix = tree.nodes.new("ShaderNodeMix")
    mix.data_type, mix.blend_type = "RGBA", "OVERLAY"
    mix.location = (-250, 0)
    mix.inputs["Factor"].default_value = 0.22
    if colour is None:
        mix.inputs[6].default_value = (*look.colour, 1.0)
    else:
        tree.links.new(colour, mix.inputs[6])
    tree.links.new(tone.outputs[0], mix.inputs[7])
    pores = _noise(tree, where, scale=900.0, detail=2.0)
    bump = tree.nodes.new("ShaderNodeBump")
    bump.location = (-250, -300)
    bump.inputs["Strength"].default_value = 0.12
    bump.inputs["Distance"].default_value = 0.0006
    tree.links.new(pores.outputs[0], bump.inputs["Height"])
    tree.links.new(bump.outputs["Normal"], shader.inputs["Normal"])
    return mix.outputs[2]


def _noise(
    tree: bpy.types.NodeTree, where: bpy.types.Node, scale: float, detail: float
) -> bpy.types.Node:
    noise = tree.nodes.new("ShaderNodeTexNoise")
    noise.location = (-700, -300)
    noise.inputs["Scale"].default_value = scale
    noise.inputs["Detail"].default_value = detail
    tree.links.new(where.outputs["UV"], noise.inputs["Vector"])
    return noise


def painted_material(name: str, attribute: str, *, lit: bool) -> Any:
    """The material of that name, which shows a colour attribute; made when it is not there.

    Parameters
    ----------
    name, attribute : str
    lit : bool
        Whether light falls on it; a legend's colours have to stay as they are.
    """
    known = bpy.data.materials.get(name)
    if known is not None:
        return known
    material = bpy.data.materials.new(name)
    if material.node_tree is None:
        material.use_nodes = True
    tree = material.node_tree
    tree.nodes.clear()
    painted = tree.nodes.new("ShaderNodeAttribute")
    painted.attribute_name = attribute
    shader = tree.nodes.new("ShaderNodeBsdfPrincipled" if lit else "ShaderNodeEmission")
    if lit:
        shader.inputs["Roughness"].default_value = _PAINT_ROUGHNESS
    output = tree.nodes.new("ShaderNodeOutputMaterial")
    tree.links.new(painted.outputs["Color"], shader.inputs["Base Color" if lit else "Color"])
    tree.links.new(shader.outputs[0], output.inputs["Surface"])
    return material


def colour_by_slot(mesh: bpy.types.Mesh, attribute: str, tones: np.ndarray) -> bpy.types.Attribute:
    """Give the vertices of a mesh the tones (n_slots, 3) of their faces' material slots.

    Returns
    -------
    bpy.types.Attribute
        The new colour attribute, named `attribute`.
    """
    chosen = np.zeros(len(mesh.polygons), np.int32)
    mesh.polygons.foreach_get("material_index", chosen)
    sizes, corners = np.zeros(len(chosen), np.int32), np.zeros(len(mesh.loops), np.int32)
    mesh.polygons.foreach_get("loop_total", sizes)
    mesh.loops.foreach_get("vertex_index", corners)
    rgba = np.ones((len(mesh.vertices), 4), np.float32)
    rgba[corners, :3] = tones[np.repeat(np.minimum(chosen, len(tones) - 1), sizes)]
    layer = mesh.color_attributes.new(attribute, "FLOAT_COLOR", "POINT")
    layer.data.foreach_set("color", rgba.ravel())
    return layer
