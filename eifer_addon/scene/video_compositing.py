"""Renders over the film: the avatar in front, the film behind it, without Python at render time."""

from __future__ import annotations

from typing import Any

import bpy

from ..errors import EiferError
from ..track import Camera
from .video_camera import fills
from .video_timing import FilmTiming, time_pictures

TREE = "EIFER film"
#: From 5.0 the compositor's nodes are a node group of their own.
_IS_GROUP = bpy.app.version >= (5, 0, 0)


def render_over_film(
    scene: bpy.types.Scene, image: bpy.types.Image, timing: FilmTiming, seen: Camera
) -> None:
    """Let renders of a scene show the avatar over the film.

    The background becomes transparent, and colours are shown as they are (view transform
    Standard), because a film has been graded already.

    Parameters
    ----------
    scene : bpy.types.Scene
    image : bpy.types.Image
    timing : FilmTiming
    seen : Camera
        Of the track; tells the film's shape.

    Raises
    ------
    EiferError
        When the scene's compositor is in use; nothing is changed then.
    """
    tree = _empty_tree(scene)
    nodes, links = tree.nodes, tree.links
    output = nodes.new("NodeGroupOutput" if _IS_GROUP else "CompositorNodeComposite")
    layers = nodes.new("CompositorNodeRLayers")
    film = nodes.new("CompositorNodeImage")
    film.name = film.label = "Film"
    film.image = image
    scale = nodes.new("CompositorNodeScale")
    _fit_render_size(scale, stretches=fills(seen, scene))
    over = nodes.new("CompositorNodeAlphaOver")
    # Both pictures are called Image up to 4.5: the film is the first, the avatar the second.
    behind, front = (s for s in over.inputs if s.type == "RGBA")
    for k, node in enumerate((film, scale, layers, over, output)):
        node.location = (220.0 * k - 500.0, 300.0 if node is layers else 0.0)
    links.new(film.outputs["Image"], scale.inputs["Image"])
    links.new(scale.outputs["Image"], behind)
    links.new(layers.outputs["Image"], front)
    links.new(over.outputs["Image"], output.inputs[0])
    time_pictures(tree, f'nodes["{film.name}"]', film, timing)
    scene.render.film_transparent = True
    scene.render.use_compositing = True
    scene.view_settings.view_transform = "Standard"


def _empty_tree(scene: bpy.types.Scene) -> Any:
    present = scene.compositing_node_group if _IS_GROUP else scene.node_tree
    used = present is not None and present.get(TREE) is None and len(present.nodes) > 0
    if used and (_IS_GROUP or scene.use_nodes):
        raise EiferError(
            f"The compositor of the scene '{scene.name}' is in use.",
            "Put the film behind the render there by hand, or render without it.",
        )
    tree: Any = present
    if not _IS_GROUP:
        scene.use_nodes = True
        tree = scene.node_tree
    elif present is None:
        tree = bpy.data.node_groups.new(TREE, "CompositorNodeTree")
        tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
        scene.compositing_node_group = tree
    tree.nodes.clear()
    tree[TREE] = True
    return tree


def _fit_render_size(scale: Any, *, stretches: bool) -> None:
    """Let a scale node bring pictures to the size of the render, whole."""
    if _IS_GROUP:
        scale.inputs["Type"].default_value = "Render Size"
        scale.inputs["Frame Type"].default_value = "Stretch" if stretches else "Fit"
    else:
        scale.space = "RENDER_SIZE"
        scale.frame_method = "STRETCH" if stretches else "FIT"
