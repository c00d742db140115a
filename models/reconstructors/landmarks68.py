"""The 68 landmarks of iBUG, and the five of a face's middle, out of MediaPipe's 478.

DECA, EMOCA, Deep3DFace and FOCUS were trained on crops around the 68 points (Sagonas et al., "300
faces in-the-wild challenge", ICCV Workshops 2013). Each answers to the landmark of MediaPipe that
lies nearest to it when MediaPipe's canonical face is laid onto Deep3DFaceRecon's standard face,
the contour on the ring of the face oval: inner points within 2 to 6 mm, the contour within 10 mm.
"""

from __future__ import annotations

import numpy as np

#: MediaPipe's index for each of the 68, the subject's right side first.
OF_MEDIAPIPE: tuple[int, ...] = (
    127, 93, 132, 58, 172, 136, 150, 176, 152, 400, 379, 365, 397, 288, 361, 323, 356,  # contour
    70, 63, 105, 66, 107, 336, 296, 334, 293, 300,  # brows
    6, 197, 5, 1, 98, 97, 2, 326, 327,  # nose: bridge, tip, base
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,  # eyes
    61, 40, 37, 0, 267, 270, 291, 321, 314, 17, 84, 91,  # lips outside
    78, 81, 13, 311, 308, 402, 14, 178,  # lips inside
)  # fmt: skip
#: Of the 68: right eye's corners, left eye's corners, tip of the nose, corners of the mouth.
_FIVE = ((36, 39), (42, 45), (30,), (48,), (54,))


def to_68(landmarks: np.ndarray) -> np.ndarray:
    """The 68 points (68, 2) of landmarks (478, 2 or 3) in pixels."""
    return landmarks[list(OF_MEDIAPIPE), :2].astype(np.float64)


def to_five(points: np.ndarray) -> np.ndarray:
    """Right eye, left eye, nose, right and left corner of the mouth (5, 2) of 68 points.

    An eye is the middle between its corners. Right and left are the subject's.
    """
    return np.stack([points[list(few)].mean(axis=0) for few in _FIVE])
