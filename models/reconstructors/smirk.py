"""SMIRK (Retsinas et al., "3D facial expressions through analysis-by-neural-synthesis", CVPR 2024).

Three MobileNetV3 encoders look at one crop: pose and camera, shape, and expression with jaw and
eyelids. Crop, order and limits are those of the authors' published code.
"""

from __future__ import annotations

import numpy as np

from .base import Decoded, Reconstructor, box_to_square, numbered, seen_weakly, square_to_crop
from .warp import warp

#: The crop is so much wider than the box around all landmarks.
_CROP_SCALE = 1.4
_JAW_SIDEWAYS = 0.2
GROUPS = {"shape": 300, "exp": 50, "eyelid": 2, "jaw": 3, "pose": 3, "cam": 3}


def crop(landmarks: np.ndarray) -> np.ndarray:
    """The similarity (2, 3) to the crop: 1.4 times the box around all landmarks."""
    points = landmarks[:, :2].astype(np.float64)
    return square_to_crop(box_to_square(points.min(axis=0), points.max(axis=0), _CROP_SCALE))


def cut(image: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    """The crop in whole grey levels, cut off below the point as the authors' code does."""
    return np.floor(warp(image, matrix, size))


def decode(rows: np.ndarray) -> Decoded:
    """Shape, expression, eyelids, jaw, pose and camera out of rows (n, 361)."""
    ends = np.cumsum(list(GROUPS.values()))[:-1]
    shape, expression, eyelids, jaw, pose, camera = np.split(rows.astype(np.float64), ends, axis=1)
    opened = np.maximum(jaw[:, :1], 0)
    sideways = np.clip(jaw[:, 1:], -_JAW_SIDEWAYS, _JAW_SIDEWAYS)
    eyelids = np.clip(eyelids, 0, 1)
    scale, origin = seen_weakly(camera)
    coefficients = np.concatenate([expression, opened, sideways, eyelids], axis=1)
    return Decoded(coefficients, shape, pose, scale, origin)


BACKEND = Reconstructor(
    name="smirk",
    title="SMIRK",
    space="flame2020:e50j3l2",
    licence="MIT for the authors' code; the weights need FLAME, whose licence is the user's",
    citation="Retsinas et al., 3D facial expressions through analysis-by-neural-synthesis, 2024",
    checkpoint="SMIRK_em1.pt",
    source="the authors' repository georgeretsi/smirk, whose readme links it",
    outputs=numbered(**GROUPS),
    crop=crop,
    cut=cut,
    decode=decode,
    signs=("smirk_encoder.", "smirk_generator."),
)
