"""Deep3DFaceRecon (Deng et al., "Accurate 3D face reconstruction with weakly-supervised learning").

One ResNet50 with seven linear heads looks at a crop in which the face is as large as a standard
face. Crop, order and camera are those of the authors' PyTorch code. Its basis is the Basel Face
Model of 2009 with the expressions of Guo et al.; the mouth opens by the expression.
"""

from __future__ import annotations

import numpy as np

from .base import Decoded, Reconstructor, numbered
from .euler import turn_zyx, turned
from .standard_face import IMAGE_SIZE, bicubic, standard_crop

GROUPS = {"id": 80, "exp": 64, "tex": 80, "angle": 3, "gamma": 27, "trans": 3}
#: The camera's focal length in pixels of the crop, and its distance from the origin in dm.
_FOCAL_PX, _DISTANCE_DM = 1015.0, 10.0
_DM_PER_M = 10.0
_NEAREST_DM = 1.0
#: The mean of MediaPipe's landmarks from the model's mean vertex in dm: the mean of the standard
#: face's five points, and from there on as on the open head.
_FACE_DM = (0.0, -0.008, 0.189)


def crop(landmarks: np.ndarray) -> np.ndarray:
    """The similarity (2, 3) to the crop, by five points of the face."""
    return standard_crop(landmarks, first_row=1.0)


def decode(rows: np.ndarray) -> Decoded:
    """Identity, expression, angles and translation out of rows (n, 257).

    The head is turned by Rz·Ry·Rx about the model's mean vertex, moved by the translation, and
    seen in perspective from 10 dm in front. Scale and origin are of the middle of the face.
    """
    ends = np.cumsum(list(GROUPS.values()))[:-1]
    identity, expression, _, angle, _, moved = np.split(rows.astype(np.float64), ends, axis=1)
    rotation = turn_zyx(angle)
    face = turned(rotation, _FACE_DM) + moved
    scale = _FOCAL_PX / np.maximum(_DISTANCE_DM - face[:, 2], _NEAREST_DM)
    middle = np.array([IMAGE_SIZE / 2, IMAGE_SIZE - 1 - IMAGE_SIZE / 2])
    origin = middle + scale[:, None] * face[:, :2] * (1, -1)
    return Decoded(expression, identity, rotation, scale * _DM_PER_M, origin)


BACKEND = Reconstructor(
    name="deep3dface",
    title="Deep3DFace",
    space="bfm09:e64",
    licence="MIT for the authors' code; the Basel Face Model's licence is the user's",
    citation="Deng et al., Accurate 3D face reconstruction with weakly-supervised learning, 2019",
    checkpoint="epoch_20.pth",
    source="the authors' repository sicxu/Deep3DFaceRecon_pytorch, section Test with custom images",
    outputs=numbered(**GROUPS),
    crop=crop,
    decode=decode,
    signs=("net_recon.",),
    cut=bicubic,
    turns_about_root=False,
)
