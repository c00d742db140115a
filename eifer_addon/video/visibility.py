"""How far a film shows each part of the face, from how far its landmarks can be believed."""

from __future__ import annotations

import numpy as np

#: MediaPipe's landmarks by part of the face; chin and lower outline stand for the jaw.
_LANDMARKS: dict[str, tuple[int, ...]] = {
    "brow": (46, 52, 53, 55, 63, 65, 66, 70, 105, 107, 276, 282, 283, 285, 293, 295, 296, 300,
             334, 336),
    "eyelids": (33, 133, 144, 145, 153, 158, 159, 160, 263, 362, 373, 374, 380, 385, 386, 387),
    "gaze": tuple(range(468, 478)),
    "nose": (1, 2, 4, 5, 6, 48, 64, 98, 168, 195, 197, 278, 294, 327),
    "cheek": (36, 50, 101, 117, 118, 187, 205, 207, 266, 280, 330, 346, 347, 411, 425, 427),
    "mouth": (0, 13, 14, 17, 37, 39, 61, 78, 84, 91, 146, 181, 267, 269, 291, 308, 314, 321, 375,
              405),
    "jaw": (148, 149, 150, 152, 175, 176, 199, 200, 377, 378, 379, 400),
}  # fmt: skip
#: A part is as visible as the worse of its landmarks: this share of them may be covered.
_WORSE = 0.3


def visibility_of(landmark_confidence: np.ndarray) -> dict[str, np.ndarray]:
    """Visibility by part of the face, for `ExpressionTrack.visibility`.

    Parameters
    ----------
    landmark_confidence : numpy.ndarray
        (n_frames, 478) in [0, 1], as `FaceFit.landmark_confidence`; what is not finite counts 0.

    Returns
    -------
    dict of str to numpy.ndarray
        float32 (n_frames,).
    """
    known = np.clip(np.nan_to_num(landmark_confidence), 0.0, 1.0)
    return {
        region: np.quantile(known[:, list(columns)], _WORSE, axis=1).astype(np.float32)
        for region, columns in _LANDMARKS.items()
    }
