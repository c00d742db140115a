"""The crop that Deep3DFace and FOCUS share: the face as large as their standard face.

Five points of the face are laid onto five points of a standard face; the crop is as wide as 224
pixels when the standard face's unit, a decimetre, is 102 of them. The picture is scaled
bicubically to a whole number of pixels, as Pillow does it, and cut at whole pixels.
"""

from __future__ import annotations

import numpy as np

from .landmarks68 import to_68, to_five

#: Right eye, left eye, nose, right and left corner of the mouth of the standard face, in dm: x the
#: subject's left, y up, z forward. From BFM/similarity_Lm3D_all.mat of Deep3DFaceRecon_pytorch
#: (Deng et al., "Accurate 3D face reconstruction with weakly-supervised learning", CVPR Workshops
#: 2019; MIT, Sicheng Xu).
FIVE_POINTS = np.array([
    [-0.31148657, 0.29036078, 0.13377953], [0.30979887, 0.28972036, 0.13179526],
    [0.0032535, -0.04617932, 0.55244243],
    [-0.25216928, -0.38133916, 0.22405732], [0.2484662, -0.38128236, 0.22235769],
])  # fmt: skip
_PIXELS_PER_UNIT = 102.0
IMAGE_SIZE = 224


def standard_crop(landmarks: np.ndarray, first_row: float) -> np.ndarray:
    """The similarity (2, 3) to the crop of 224 pixels: a scale and a shift, no rotation.

    Parameters
    ----------
    landmarks : numpy.ndarray
        (478, 2 or 3) in pixels.
    first_row : float
        What the code adds to rows when it turns them from down to up and back: 1 in
        Deep3DFaceRecon, 0 in FOCUS.
    """
    five = to_five(to_68(landmarks))
    middle, size = _place(five * (1, -1))
    scale = _PIXELS_PER_UNIT / size
    half = IMAGE_SIZE / 2
    across, down = middle[0], first_row - middle[1]
    return np.array([[scale, 0, half - scale * across], [0, scale, half - scale * down]])


def _place(points: np.ndarray) -> tuple[np.ndarray, float]:
    """Where the standard face's origin is seen, (2,), and how many pixels its unit is long.

    Each coordinate of the points (5, 2), y up, is an affine function of the standard face's
    points, found by least squares; the unit is the mean length of the two gradients.
    """
    system = np.column_stack([FIVE_POINTS, np.ones(len(FIVE_POINTS))])
    found, *_ = np.linalg.lstsq(system, points, rcond=None)
    return found[3], float(np.linalg.norm(found[:3], axis=0).mean())


def bicubic(image: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    """The crop as Pillow's bicubic filter gives it, black beyond the picture's edge.

    Parameters
    ----------
    image : numpy.ndarray
        uint8 (H, W, 3).
    matrix : numpy.ndarray
        (2, 3) of :func:`standard_crop`.
    size : int
        Edge of the crop in pixels.

    Returns
    -------
    numpy.ndarray
        float32 (size, size, 3), whole numbers from 0 to 255.
    """
    from PIL import Image

    high, wide = image.shape[:2]
    scale, half = float(matrix[0, 0]), size / 2
    across, down = (half - matrix[:, 2]) / scale
    # The whole picture would have this many pixels; the crop begins at `left` and `top` of them.
    width, height = max(int(wide * scale), 1), max(int(high * scale), 1)
    left = int(width / 2 - half + (across - wide / 2) * scale)
    top = int(height / 2 - half + (down - high / 2) * scale)
    columns = max(left, 0), min(left + size, width)
    rows = max(top, 0), min(top + size, height)
    result = np.zeros((size, size, 3), np.float32)
    if columns[0] >= columns[1] or rows[0] >= rows[1]:
        return result
    box = (
        columns[0] * wide / width, rows[0] * high / height,
        columns[1] * wide / width, rows[1] * high / height,
    )  # fmt: skip
    part = Image.fromarray(image).resize(
        (columns[1] - columns[0], rows[1] - rows[0]), Image.Resampling.BICUBIC, box=box
    )
    result[rows[0] - top : rows[1] - top, columns[0] - left : columns[1] - left] = np.asarray(part)
    return result
