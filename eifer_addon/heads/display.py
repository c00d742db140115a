"""What a FLAME file does not hold: which faces are skin, and which are eyeball, iris and pupil."""

from __future__ import annotations

import numpy as np

from .model import JOINT_NAMES, HeadModel

_MATERIALS = ("skin", "sclera", "iris", "pupil")
#: An eyeball follows its joint alone, lids follow it a little at most.
_EYEBALL_WEIGHT = 0.9
#: Seen from the centre of a 24 mm eyeball, an iris of 11.7 mm and a pupil of 4 mm.
_IRIS_DEG, _PUPIL_DEG = 29.0, 9.6


def with_eye_materials(head: HeadModel) -> HeadModel:
    """Give a head without material data a skin and eyes that look somewhere.

    Parameters
    ----------
    head : HeadModel
        Any FLAME-layout head; one that has materials is returned as it is.

    Returns
    -------
    HeadModel
        With `materials` and `polygon_material` by triangle: eyeballs are what the eye joints
        carry, iris and pupil the parts of it that look along +z.
    """
    if head.materials or head.polygons is not None:
        return head
    chosen = np.zeros(len(head.triangles), np.int32)
    centres = head.template[head.triangles].mean(axis=1)
    joints = head.forward()[1]
    for joint in (JOINT_NAMES.index("left_eye"), JOINT_NAMES.index("right_eye")):
        inside = (head.weights[head.triangles, joint] > _EYEBALL_WEIGHT).all(axis=1)
        ray = centres[inside] - joints[joint]
        length = np.maximum(np.linalg.norm(ray, axis=1), 1e-12)
        angle = np.degrees(np.arccos(np.clip(ray[:, 2] / length, -1.0, 1.0)))
        chosen[inside] = np.where(angle < _PUPIL_DEG, 3, np.where(angle < _IRIS_DEG, 2, 1))
    return head.replace(materials=_MATERIALS, polygon_material=chosen)
