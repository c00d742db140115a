"""FOCUS (Li et al., "Robust model-based face reconstruction …", CVPR 2023).

One torchvision ResNet50 with its 1000 outputs, of which the first 531 are used, looks at the same
crop as Deep3DFace's network. Order, factors and camera are those of the authors' code. Its basis is
the Basel Face Model of 2017; the mouth opens by the expression.
"""

from __future__ import annotations

import numpy as np

from .base import Decoded, Reconstructor, numbered
from .euler import turn_xyz, turned
from .standard_face import IMAGE_SIZE, bicubic, standard_crop

GROUPS = {"shape": 199, "exp": 100, "color": 199, "cam": 6, "sh": 27}
#: What of identity and expression the authors' decoder uses; the rest it sets to 0.
_SHAPES_USED, _EXPRESSIONS_USED = 80, 64
_RADIANS_PER_OUTPUT, _MM_PER_DEPTH = 0.3, 0.005
#: Focal length in pixels of the crop, distance of the origin in mm.
_FOCAL_PX, _DISTANCE_MM = 9.06 * IMAGE_SIZE / 2, 1000.0
_MM_PER_M = 1000.0
_NEAREST_MM = 100.0
#: The mean of MediaPipe's landmarks from the origin in mm: the mean of the model's published eye
#: corners, nose tip and corners of the mouth, and from there on as on the open head.
_FACE_MM = (0.0, 3.5, -4.8)


def crop(landmarks: np.ndarray) -> np.ndarray:
    """The similarity (2, 3) to the crop, by five points of the face."""
    return standard_crop(landmarks, first_row=0.0)


def decode(rows: np.ndarray) -> Decoded:
    """Identity, expression, angles and translation out of rows (n, 531).

    The head is turned by Rx·Ry·Rz about the point 100 mm before the model's own origin, and seen
    in perspective from 1 m in front; the translation is in mm, y down. Scale and origin are of
    the middle of the face.
    """
    ends = np.cumsum(list(GROUPS.values()))[:-1]
    identity, expression, _, camera, _ = np.split(rows.astype(np.float64), ends, axis=1)
    expression = np.where(np.arange(expression.shape[1]) < _EXPRESSIONS_USED, expression, 0.0)
    rotation = turn_xyz(camera[:, :3] * _RADIANS_PER_OUTPUT)
    # In the camera's axes: y down, z away from it.
    face = turned(rotation, _FACE_MM) * (1, -1, -1)
    depth = np.maximum(_DISTANCE_MM + camera[:, 5] * _MM_PER_DEPTH + face[:, 2], _NEAREST_MM)
    scale = _FOCAL_PX / depth
    origin = (IMAGE_SIZE - 1) / 2 + scale[:, None] * (camera[:, 3:5] + face[:, :2])
    return Decoded(expression, identity[:, :_SHAPES_USED], rotation, scale * _MM_PER_M, origin)


BACKEND = Reconstructor(
    name="focus",
    title="FOCUS",
    space="bfm17:e100",
    licence="the authors' own; the Basel Face Model's licence is the user's",
    citation="Li et al., Robust model-based face reconstruction through weakly-supervised outlier "
    "segmentation, 2023",
    checkpoint="enc_net_….model",
    source="the authors' repository unibas-gravis/Occlusion-Robust-MoFA and its Docker image",
    outputs=numbered(**GROUPS),
    crop=crop,
    decode=decode,
    signs=("vgg.",),
    cut=bicubic,
    turns_about_root=False,
)
