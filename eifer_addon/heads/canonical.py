"""MediaPipe's canonical face: the 468 landmarks in one neutral face, and which mirror which.

The table is derived from MediaPipe (Apache-2.0, The MediaPipe Authors); the file names its source.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np

#: The iris points follow the face: centre, inner/outer, top, outer/inner, bottom of each eye.
_IRIS_MIRROR = (473, 476, 475, 474, 477, 468, 471, 470, 469, 472)
N_FACE = 468
_DATA = Path(__file__).parent / "data" / "canonical_face.json"


@cache
def canonical_face() -> tuple[np.ndarray, np.ndarray]:
    """Vertices (468, 3) in cm (x the subject's left, y up, z forward) and triangles (898, 3)."""
    table = json.loads(_DATA.read_text("utf-8"))
    return np.array(table["vertices"]), np.array(table["triangles"], np.int32)


@cache
def mirrored_landmarks() -> np.ndarray:
    """Int (478,): for each landmark the one on the other side of the face."""
    vertices, _ = canonical_face()
    flipped = vertices * (-1, 1, 1)
    gap = np.linalg.norm(flipped[:, None] - vertices[None], axis=2)
    return np.concatenate([np.argmin(gap, axis=1), _IRIS_MIRROR])
