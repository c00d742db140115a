"""The face of any avatar's mesh as a head model, for the muscle map."""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np

from ..errors import EiferError
from ..heads.landmarks import find_landmarks
from ..heads.model import JOINT_NAMES, N_CORRECTIVES, HeadModel
from .axes import from_blender
from .materials import colour_by_slot

#: Faces are looked for in heads of about this height; what is smaller or larger is scaled.
_HEAD_M, _USUAL_M = 0.26, (0.15, 0.6)
#: Of a whole body, so much around what the shape keys move is kept, in parts of its height.
_AROUND = 0.8
#: What moves less than this part of the mesh's size does not move.
_MOVES = 1e-4


@dataclass(frozen=True)
class AvatarFace:
    """A part of a mesh that shows a face.

    Attributes
    ----------
    head : HeadModel
        In metres and the model's axes, with landmarks.
    vertices : numpy.ndarray
        int (n,): the mesh's vertices behind those of the head.
    local_per_m : float
        Length of a metre of the head in the mesh's own units.
    low, high : numpy.ndarray
        (3,) corners of its box in the world.
    """

    head: HeadModel
    vertices: np.ndarray
    local_per_m: float
    low: np.ndarray
    high: np.ndarray


def face_of(obj: bpy.types.Object) -> AvatarFace:
    """Find the face on a mesh that stands upright and looks along -Y, or along +Y.

    Parameters
    ----------
    obj : bpy.types.Object
        A mesh object; of a body, shape keys tell where the face is.

    Raises
    ------
    EiferError
        When it is no mesh with faces, or no face is recognised on it.
    """
    if obj.type != "MESH" or not obj.data.polygons:
        raise EiferError(
            f"'{obj.name}' is no mesh with faces, so no face can be recognised on it.",
            "Choose the mesh of the avatar's face.",
        )
    world, moved = _points(obj)
    triangles = _face_triangles(obj, world, moved)
    used, local = np.unique(triangles, return_inverse=True)
    points = world[used]
    low, high = points.min(axis=0), points.max(axis=0)
    tall = float(high[2] - low[2])
    scale = 1.0 if _USUAL_M[0] <= tall <= _USUAL_M[1] else _HEAD_M / max(tall, 1e-9)
    middle = (low + high) / 2
    for turn in (1.0, -1.0):
        turned = (points - middle) * (turn, turn, 1.0) * scale
        head = _model(obj.name, from_blender(turned).astype(np.float32), local.reshape(-1, 3))
        try:
            head = head.replace(landmarks=find_landmarks(head))
        except EiferError:
            continue
        size = float(np.mean(obj.matrix_world.to_scale()))
        return AvatarFace(head, used, 1.0 / (scale * size), low, high)
    raise EiferError(
        f"No face was recognised on '{obj.name}', so the muscle map has no place on it.",
        "Choose the mesh of the face, upright and looking along -Y, in its rest pose.",
    )


def _points(obj: bpy.types.Object) -> tuple[np.ndarray, np.ndarray]:
    """Neutral places in the world (n, 3), and which vertices any shape key moves (n,)."""
    mesh = obj.data
    neutral = np.empty(3 * len(mesh.vertices), np.float32)
    keys = mesh.shape_keys
    source = keys.reference_key.data if keys is not None else mesh.vertices
    source.foreach_get("co", neutral)
    farthest, other = np.zeros(len(mesh.vertices)), np.empty_like(neutral)
    for block in keys.key_blocks if keys is not None else ():
        block.data.foreach_get("co", other)
        farthest = np.maximum(farthest, np.abs(other - neutral).reshape(-1, 3).max(axis=1))
    moved = farthest > _MOVES * float(np.ptp(neutral))
    matrix = np.array(obj.matrix_world)
    return neutral.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3], moved


def _face_triangles(obj: bpy.types.Object, world: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """Triangles (f, 3) of the mesh, of a whole body those around what moves."""
    mesh = obj.data
    mesh.calc_loop_triangles()
    triangles = np.empty(3 * len(mesh.loop_triangles), np.int32)
    mesh.loop_triangles.foreach_get("vertices", triangles)
    found = triangles.reshape(-1, 3)
    if not moved.any():
        return found
    low, high = world[moved].min(axis=0), world[moved].max(axis=0)
    room = _AROUND * float(high[2] - low[2])
    near = ((world > low - room) & (world < high + room)).all(axis=1)
    return found[near[found].all(axis=1)]


def _model(name: str, template: np.ndarray, triangles: np.ndarray) -> HeadModel:
    """A head of a shape alone."""
    n = len(template)
    nothing, root = np.zeros((n, 3, 0), np.float32), np.zeros((n, len(JOINT_NAMES)), np.float32)
    root[:, 0] = 1.0
    return HeadModel(
        name, template, triangles.astype(np.int32), nothing, nothing,
        np.zeros((len(JOINT_NAMES), n), np.float32), root,
        np.zeros((n, 3, N_CORRECTIVES), np.float32),
    )  # fmt: skip


def tone_colours(obj: bpy.types.Object, attribute: str) -> None:
    """Give a mesh the viewport tones of its materials as colours, and let Workbench show them."""
    mesh = obj.data
    if attribute not in mesh.color_attributes:
        tones = np.array(
            [slot.material.diffuse_color[:3] if slot.material else (0.55, 0.33, 0.24)
             for slot in obj.material_slots] or [(0.55, 0.33, 0.24)]
        )  # fmt: skip
        colour_by_slot(mesh, attribute, tones)
    mesh.color_attributes.active_color = mesh.color_attributes[attribute]
