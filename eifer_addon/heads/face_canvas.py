"""The flat face of the electrode schemes: its outline and features, in the schemes' coordinates.

The lines are those of MediaPipe's canonical face, carried back through the warp that ties the
canvas to it, so that electrodes and features share one coordinate system.
"""

from __future__ import annotations

from functools import cache
from types import MappingProxyType
from typing import Any

import numpy as np
from scipy.interpolate import LinearNDInterpolator

from ..errors import EiferError
from .canonical import canonical_face
from .electrodes import canonical_positions

#: MediaPipe's landmarks along the lines of a face; closed lines end where they begin.
_OUTLINE = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152,
    148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109, 10,
)  # fmt: skip
_FEATURES = {
    "eye.right": (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246, 33),
    "brow.right": (46, 53, 52, 65, 55, 107, 66, 105, 63, 70, 46),
    "eye.left": (
        263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466, 263,
    ),
    "brow.left": (276, 283, 282, 295, 285, 336, 296, 334, 293, 300, 276),
    "lips": (
        61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185,
        61,
    ),
    "mouth": (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308),
    "nose": (48, 64, 98, 97, 2, 326, 327, 294, 278),
}  # fmt: skip
#: The canvas is searched so far, in steps of so much, for the way back through the warp.
_REACH, _STEP = 170.0, 2.0


@cache
def _way_back() -> Any:
    """From the canonical face's x and y in cm to the canvas, linear between the warp's values."""
    axis = np.arange(-_REACH, _REACH + _STEP, _STEP)
    canvas = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    return LinearNDInterpolator(canonical_positions(canvas), canvas)


def canvas_positions(flat: np.ndarray) -> np.ndarray:
    """Canvas positions (n, 2) of x and y in cm on the canonical face (n, 2).

    The inverse of :func:`.electrodes.canonical_positions`.

    Raises
    ------
    EiferError
        For a place that lies off the canvas.
    """
    found = np.asarray(_way_back()(np.asarray(flat, np.float64)))
    if np.isnan(found).any():
        raise EiferError("A position lies off the canvas of the face.", "Keep to the face.")
    return found


@cache
def face_outline() -> np.ndarray:
    """The closed outline of the face on the canvas, (n, 2), read-only."""
    return _line(_OUTLINE)


@cache
def face_features() -> MappingProxyType[str, np.ndarray]:
    """Eyes, brows, lips, mouth and nose as lines (n, 2) on the canvas."""
    return MappingProxyType({name: _line(numbers) for name, numbers in _FEATURES.items()})


def _line(numbers: tuple[int, ...]) -> np.ndarray:
    vertices, _ = canonical_face()
    line = canvas_positions(vertices[list(numbers), :2])
    line.setflags(write=False)
    return line
