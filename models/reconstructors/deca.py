"""DECA (Feng et al., "Learning an animatable detailed 3D face model", SIGGRAPH 2021).

One ResNet50 with two linear layers looks at a crop around the 68 landmarks. Crop, order and camera
are those of the authors' published code.
"""

from __future__ import annotations

import numpy as np

from ...eifer_addon.spaces import get_space
from .base import Decoded, Reconstructor, box_to_square, numbered, seen_weakly, square_to_crop
from .landmarks68 import to_68

#: A box around 68 landmarks is a tenth too small for a face; the crop is wider than the face.
_BOX_SCALE, _CROP_SCALE = 1.1, 1.25
GROUPS = {"shape": 100, "tex": 50, "exp": 50, "pose": 6, "cam": 3, "light": 27}
_SPACE = "flame2020:e50j3"


def crop(landmarks: np.ndarray) -> np.ndarray:
    """The similarity (2, 3) to the crop: 1.1 x 1.25 times the box around the 68 landmarks."""
    points = to_68(landmarks)
    scale = _BOX_SCALE * _CROP_SCALE
    return square_to_crop(box_to_square(points.min(axis=0), points.max(axis=0), scale))


def decode(rows: np.ndarray) -> Decoded:
    """Shape, expression, jaw, pose and camera out of rows (n, 236).

    The jaw is kept within the space's bounds: closed, it goes no further, and it swings to a side
    by 0.2 at most. DECA itself sets no bounds.
    """
    ends = np.cumsum(list(GROUPS.values()))[:-1]
    shape, _, expression, pose, camera, _ = np.split(rows.astype(np.float64), ends, axis=1)
    scale, origin = seen_weakly(camera)
    coefficients = np.concatenate([expression, pose[:, 3:]], axis=1)
    return Decoded(get_space(_SPACE).clip(coefficients), shape, pose[:, :3], scale, origin)


BACKEND = Reconstructor(
    name="deca",
    title="DECA",
    space=_SPACE,
    licence="the authors' own, not for commercial use; FLAME's licence is the user's as well",
    citation="Feng et al., Learning an animatable detailed 3D face model, 2021",
    checkpoint="deca_model.tar",
    source="the authors' repository yfeng95/DECA, section Getting Started",
    outputs=numbered(**GROUPS),
    crop=crop,
    decode=decode,
    signs=("E_flame.", "E_detail.", "D_detail."),
)
