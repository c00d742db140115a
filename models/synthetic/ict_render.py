"""ICT FaceKit's head (MIT, USC Institute for Creative Technologies) as somebody to film.

The file is read where the user has it; nothing of it is part of the project. It is an unseen head
with shapes of its own: networks that know the open head only are tested on it.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from ...eifer_addon.errors import EiferError
from ...eifer_addon.heads.landmarks import find_landmarks
from ...eifer_addon.heads.model import HeadModel
from ...eifer_addon.spaces import ARKIT_NAMES

#: The order of its vertices after ICT FaceKit's README: face, head and neck, mouth, eye sockets,
#: gums, teeth, two eyeballs; from the shells on (tears, blends, cards of lashes) all are made for
#: transparent textures, and left out.
_SKIN, _MOUTH, _GUMS, _TEETH = (0, 11248), (11248, 13294), (14062, 17039), (17039, 21451)
_EYES, _SHELLS = ((21451, 23021), (23021, 24591)), 24591
_MATERIALS = ("skin", "mouth", "gums", "teeth", "sclera", "iris", "pupil")
_COLOURS = np.array([
    (0.62, 0.40, 0.31), (0.16, 0.035, 0.03), (0.38, 0.12, 0.11), (0.75, 0.72, 0.64),
    (0.72, 0.70, 0.68), (0.13, 0.20, 0.24), (0.002, 0.002, 0.002),
])  # fmt: skip
#: Degrees from an eye's axis to the rims of iris and pupil.
_IRIS_DEG, _PUPIL_DEG = 29.0, 11.0
#: Identities of the file that are used; the first explain the most.
_IDENTITIES = 40
FILE = "ict_facekit_float16.npz"


@lru_cache(maxsize=2)
def load_ict_head(path: Path) -> HeadModel:
    """ICT FaceKit's neutral head with identities, ARKit units, landmarks and colours.

    Parameters
    ----------
    path : pathlib.Path
        The packed file, `ict_facekit_float16.npz`, with `neutral`, `faces`, `identity`, `expr` and
        `names`, in cm.

    Raises
    ------
    EiferError
        When the file is not there or is another one.
    """
    try:
        with np.load(path, allow_pickle=False) as data:
            template = data["neutral"].astype(np.float32) / 100
            quads = data["faces"].astype(np.int32)
            identity = data["identity"][:_IDENTITIES].astype(np.float32) / 100
            names, shapes = list(data["names"]), data["expr"].astype(np.float32) / 100
    except (OSError, KeyError, ValueError) as error:
        raise EiferError(
            f"{path} is no packed ICT FaceKit head: {error}.", f"Name the folder that holds {FILE}."
        ) from error
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    triangles = triangles[(triangles >= 0).all(axis=1) & (triangles[:, 0] < _SHELLS)]
    count, kind = len(template), _kinds(template)
    weights = np.zeros((count, 5), np.float32)
    weights[:, 0] = 1
    corner = triangles.max(axis=1)
    head = HeadModel(
        name="ict", template=template, triangles=triangles,
        identity_basis=np.moveaxis(identity, 0, 2),
        expression_basis=np.zeros((count, 3, 0), np.float32),
        joint_regressor=np.full((5, count), 1 / count, np.float32), weights=weights,
        pose_correctives=np.zeros((count, 3, 36), np.float32), units=_units(names, shapes),
        polygons=np.column_stack([triangles, np.full(len(triangles), -1)]).astype(np.int32),
        materials=_MATERIALS, polygon_material=kind[corner],
        colours=_COLOURS[kind].astype(np.float32),
        info={"licence": "MIT", "source": "ICT-VGL/ICT-FaceKit", "skin_vertices": _SKIN[1]},
    )  # fmt: skip
    return head.replace(landmarks=find_landmarks(head))


def _kinds(template: np.ndarray) -> np.ndarray:
    """Int32 (V,), index into the materials."""
    kind = np.zeros(len(template), np.int32)
    for number, (first, last) in ((1, _MOUTH), (2, _GUMS), (3, _TEETH)):
        kind[first:last] = number
    for first, last in _EYES:
        ball = template[first:last].astype(np.float64)
        ray = ball - (ball.min(axis=0) + ball.max(axis=0)) / 2
        angle = np.degrees(np.arccos(ray[:, 2] / np.linalg.norm(ray, axis=1)))
        kind[first:last] = np.where(angle < _PUPIL_DEG, 6, np.where(angle < _IRIS_DEG, 5, 4))
    return kind


def _units(names: list[str], shapes: np.ndarray) -> np.ndarray:
    """ICT's shapes (52, V, 3) in ARKit's order; the two that it splits into sides are summed."""
    found = {
        name.replace("_L", "Left").replace("_R", "Right"): shape
        for name, shape in zip(names, shapes, strict=True)
    }
    for name in ("browInnerUp", "cheekPuff"):
        found[name] = found[f"{name}Left"] + found[f"{name}Right"]
    zero = np.zeros_like(shapes[0])
    return np.stack([found.get(name, zero) for name in ARKIT_NAMES])
