"""Angles of other programs as axis-angle vectors in the model's axes, and back.

The model has +x to the subject's left, +y up and +z forward. A camera's axes are x to the right
of the picture (the subject's left), y down and z away from the camera, so that a frontal face has
the model's axes turned by half a turn about x; :data:`CAMERA_TO_MODEL` does that.
"""

from __future__ import annotations

import numpy as np

CAMERA_TO_MODEL = np.array([1.0, -1.0, -1.0])


def matrices_about(order: str, angles: np.ndarray) -> np.ndarray:
    """Rotation matrices (n, 3, 3) of Euler angles (n, 3) in radians.

    Parameters
    ----------
    order : str
        Axes from left to right in the product, for example ``"xyz"`` for Rx·Ry·Rz.
    angles : numpy.ndarray
        (n, 3), one column per letter of `order`.
    """
    from scipy.spatial.transform import Rotation

    if len(angles) == 0:
        return np.zeros((0, 3, 3))
    return np.asarray(Rotation.from_euler(order.upper(), angles).as_matrix())


def angles_about(order: str, axis_angle: np.ndarray) -> np.ndarray:
    """Euler angles (n, 3) of axis-angle vectors (n, 3): the inverse of :func:`matrices_about`."""
    from scipy.spatial.transform import Rotation

    return np.asarray(Rotation.from_rotvec(axis_angle).as_euler(order.upper()))


def axis_angles(matrices: np.ndarray) -> np.ndarray:
    """Axis-angle vectors (n, 3) of rotation matrices (n, 3, 3), the nearest rotation of each."""
    from scipy.spatial.transform import Rotation

    if len(matrices) == 0:
        return np.zeros((0, 3))
    return np.asarray(Rotation.from_matrix(matrices).as_rotvec())


def to_model_axes(matrices: np.ndarray) -> np.ndarray:
    """Rotations (n, 3, 3) in camera axes as rotations in the model's axes."""
    return CAMERA_TO_MODEL[:, None] * matrices * CAMERA_TO_MODEL
