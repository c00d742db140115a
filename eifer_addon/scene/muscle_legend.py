"""The colour legend beside a head: a bar with its scale, as one mesh with colours."""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np

from ..heads.muscle_map import colour_stops
from .materials import painted_material
from .muscle_nodes import COLOUR, shown_group

_MATERIAL = "EIFER legend"
_INK, _GROUND = (0.8, 0.8, 0.8), (0.012, 0.012, 0.014)
#: Measures in parts of the head's height: distance from the head, width and height of the bar,
#: size of the letters.
_GAP, _WIDTH, _HEIGHT, _TEXT = 0.05, 0.026, 0.34, 0.036
#: Of the dark ground: room around the rest, and how far it stands behind.
_ROOM, _BEHIND = 0.014, 0.003
_TICKS = (0.0, 0.5, 1.0)
_TITLE = "activity"


def add_legend(head: bpy.types.Object, low: np.ndarray, high: np.ndarray) -> bpy.types.Object:
    """A legend at the subject's left of a head, facing as the face does; in no collection yet.

    In renders it stands in the frame of the camera, see :func:`.muscle_nodes.shown_group`.

    Parameters
    ----------
    head : bpy.types.Object
    low, high : numpy.ndarray
        (3,) corners of the head's box.
    """
    tall = high[2] - low[2]
    corner = np.array([high[0] + _GAP * tall, (low[1] + high[1]) / 2, low[2] + 0.33 * tall])
    points, faces, colours = _bar(corner, tall)
    parts = [(points, faces, colours)]
    for tick in _TICKS:
        where = corner + ((_WIDTH + 0.014) * tall, 0, tick * _HEIGHT * tall)
        parts.append(_letters(f"{tick:g}", where, _TEXT * tall, "LEFT"))
    above = corner + (0, 0, (_HEIGHT + 0.045) * tall)
    parts.append(_letters(_TITLE, above, _TEXT * tall, "LEFT"))
    parts.insert(0, _plate(np.concatenate([points for points, _, _ in parts]), tall))
    mesh = _joined(f"{head.name} legend", parts)
    legend = bpy.data.objects.new(mesh.name, mesh)
    box = parts[0][0]
    group = shown_group(head, box.min(axis=0), box.max(axis=0))
    legend.modifiers.new("Muscle map", "NODES").node_group = group
    # It lights nothing and casts no shadow on the face.
    for ray in ("diffuse", "glossy", "transmission", "volume_scatter", "shadow"):
        setattr(legend, f"visible_{ray}", False)
    return legend


def _plate(points: np.ndarray, tall: float) -> tuple[np.ndarray, list[tuple[int, ...]], np.ndarray]:
    """A dark ground behind everything, so that it can be read on any backdrop."""
    low, high = points.min(axis=0) - _ROOM * tall, points.max(axis=0) + _ROOM * tall
    y = points[:, 1].max() + _BEHIND * tall
    corners = [(low[0], low[2]), (high[0], low[2]), (high[0], high[2]), (low[0], high[2])]
    ground = np.array([(x, y, z) for x, z in corners])
    return ground, [(0, 1, 2, 3)], np.tile(_GROUND, (4, 1))


def _bar(corner: np.ndarray, tall: float) -> tuple[np.ndarray, list[tuple[int, ...]], np.ndarray]:
    """Points, faces and colours of the bar, from its lower corner upwards."""
    stops = colour_stops()
    height = np.linspace(0, _HEIGHT * tall, len(stops))
    points = np.zeros((len(stops), 2, 3))
    points[:, 1, 0] = _WIDTH * tall
    points[..., 2] = height[:, None]
    faces: list[tuple[int, ...]] = [
        (2 * k, 2 * k + 1, 2 * k + 3, 2 * k + 2) for k in range(len(stops) - 1)
    ]
    return points.reshape(-1, 3) + corner, faces, np.repeat(stops, 2, axis=0)


def _letters(
    text: str, where: np.ndarray, size: float, align: str
) -> tuple[np.ndarray, list[tuple[int, ...]], np.ndarray]:
    """Points, faces and colours of a line of text, at half its height beside `where`."""
    curve = bpy.data.curves.new("legend", "FONT")
    curve.body, curve.size = text, size
    curve.align_x, curve.align_y = align, "CENTER"
    curve.resolution_u = 3
    obj = bpy.data.objects.new("legend", curve)
    try:
        mesh = obj.to_mesh()
        flat = np.empty(3 * len(mesh.vertices), np.float32)
        mesh.vertices.foreach_get("co", flat)
        faces = [tuple(polygon.vertices) for polygon in mesh.polygons]
        obj.to_mesh_clear()
    finally:
        bpy.data.objects.remove(obj)
        bpy.data.curves.remove(curve)
    # Text lies in x and y; it is stood up to face -y.
    points = flat.reshape(-1, 3)[:, [0, 2, 1]].astype(np.float64)
    return points + where, faces, np.tile(_INK, (len(points), 1))


def _joined(name: str, parts: list[Any]) -> bpy.types.Mesh:
    points, faces, colours, first = [], [], [], 0
    for place, polygons, colour in parts:
        faces += [tuple(first + corner for corner in polygon) for polygon in polygons]
        points.append(place)
        colours.append(colour)
        first += len(place)
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(np.concatenate(points).tolist(), [], faces)
    rgba = np.ones((first, 4), np.float32)
    rgba[:, :3] = np.concatenate(colours)
    attribute = mesh.color_attributes.new(COLOUR, "FLOAT_COLOR", "POINT")
    attribute.data.foreach_set("color", rgba.ravel())
    mesh.color_attributes.active_color = attribute
    mesh.materials.append(painted_material(_MATERIAL, COLOUR, lit=False))
    return mesh
