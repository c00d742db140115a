"""Our own encoder: a face under electrodes, read as if it were bare.

A student of the clean pipeline: it sees the crop with electrodes and answers what the landmark and
blendshape networks (Kartynnik et al. 2019, Grishchenko et al. 2022) say of the same face without.
It gives the 52 ARKit scores and the 478 landmarks; the head's pose is that which takes the
canonical face to the landmarks that no expression moves.
"""

from __future__ import annotations

import numpy as np

from ...eifer_addon.heads.canonical import canonical_face
from ...eifer_addon.spaces import ARKIT_NAMES
from .base import Decoded, Reconstructor, numbered
from .warp import warp

NAME = "encoder"
N_SCORES, N_LANDMARKS = len(ARKIT_NAMES), 478
#: Side of the crop in pixels, and how much wider it is than the box around the landmarks.
IMAGE_SIZE, CROP_SCALE = 256, 1.5
EYE_CORNERS = (33, 263)
#: Landmarks that no expression moves much: bridge of the nose, inner and outer corners of the
#: eyes, temples, before the ears, below the cheekbones' ends, the top of the forehead.
RIGID = (
    6, 168, 197, 195, 133, 362, 33, 263, 127, 356, 234, 454, 162, 389, 21, 251, 54, 284,
    10, 109, 338, 67, 297, 9, 151,
)  # fmt: skip
_M_PER_CM = 0.01
OUTPUTS = (*ARKIT_NAMES, *numbered(landmark=3 * N_LANDMARKS))


def crop(landmarks: np.ndarray) -> np.ndarray:
    """The similarity (2, 3) to the crop: 1.5 times the landmarks' box, the eyes level."""
    points = landmarks[:, :2].astype(np.float64)
    low, high = points.min(axis=0), points.max(axis=0)
    dx, dy = points[EYE_CORNERS[1]] - points[EYE_CORNERS[0]]
    length = max(float(np.hypot(dx, dy)), 1e-6)
    scale = IMAGE_SIZE / max(CROP_SCALE * float((high - low).max()), 1e-6)
    turn = np.array([[dx, dy], [-dy, dx]]) / length * scale
    # Landmarks count the first pixel's centre as 0.5, similarities as 0.
    middle = (IMAGE_SIZE - 1) / 2
    return np.column_stack([turn, middle - turn @ ((low + high) / 2 - 0.5)])


def landmarks_in(rows: np.ndarray) -> np.ndarray:
    """Landmarks (n, 478, 3) in pixels of the crop, the first pixel's centre at 0.5."""
    return rows[:, N_SCORES:].reshape(-1, N_LANDMARKS, 3)


def landmarks_back(rows: np.ndarray, crops: np.ndarray) -> np.ndarray:
    """Landmarks (n, 478, 3) in pixels of the picture, of rows and the crops' similarities."""
    points = landmarks_in(rows).astype(np.float64)
    linear, shift = crops[:, :, :2], crops[:, :, 2]
    flat = np.linalg.solve(linear, (points[..., :2] - 0.5 - shift[:, None]).transpose(0, 2, 1))
    scale = np.sqrt(np.abs(np.linalg.det(linear)))[:, None, None]
    return np.concatenate([flat.transpose(0, 2, 1) + 0.5, points[..., 2:] / scale], axis=2)


def decode(rows: np.ndarray) -> Decoded:
    """Scores, and the head's pose from the landmarks, out of rows (n, 52 + 3 * 478)."""
    from scipy.spatial.transform import Rotation

    points = landmarks_in(rows).astype(np.float64)
    seen = points[:, list(RIGID)] * (1, -1, -1)
    model = canonical_face()[0][list(RIGID)] * _M_PER_CM
    seen = seen - seen.mean(axis=1, keepdims=True)
    model = model - model.mean(axis=0)
    # Umeyama, "Least-squares estimation of transformation parameters", 1991.
    left, sizes, right = np.linalg.svd(np.einsum("nki,kj->nij", seen, model))
    sign = np.ones((len(rows), 3))
    sign[:, 2] = np.sign(np.linalg.det(left @ right))
    rotation = (left * sign[:, None, :]) @ right
    scale = (sizes * sign).sum(axis=1) / (model**2).sum()
    return Decoded(
        rows[:, :N_SCORES].astype(np.float64),
        np.zeros((len(rows), 0)),
        Rotation.from_matrix(rotation).as_rotvec(),
        np.maximum(scale, 1e-6),
        points[..., :2].mean(axis=1) - 0.5,
    )


BACKEND = Reconstructor(
    name=NAME,
    title="EIFER encoder for faces under electrodes",
    space="arkit52",
    licence="Apache-2.0 where it starts from MediaPipe's landmark network, CC0 otherwise",
    citation="Büchner et al., EIFER, 2025; Grishchenko et al., Attention Mesh, 2020",
    checkpoint="a network of 'eifer train encoder'",
    source="the add-on, which brings one",
    outputs=OUTPUTS,
    crop=crop,
    decode=decode,
    signs=(),
    cut=warp,
    image_size=IMAGE_SIZE,
    turns_about_root=False,
)
