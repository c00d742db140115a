"""Angles about three axes, as the networks of the Basel Face Model give them, to one rotation."""

from __future__ import annotations

import numpy as np


def turn_zyx(angles: np.ndarray) -> np.ndarray:
    """Axis-angle (n, 3) of Rz·Ry·Rx for angles (n, 3) about x, y and z in radians."""
    return _turn("ZYX", angles[:, ::-1])


def turn_xyz(angles: np.ndarray) -> np.ndarray:
    """Axis-angle (n, 3) of Rx·Ry·Rz for angles (n, 3) about x, y and z in radians."""
    return _turn("XYZ", angles)


def turned(rotation: np.ndarray, point: tuple[float, float, float]) -> np.ndarray:
    """A point (3,) turned by each axis-angle (n, 3), (n, 3)."""
    from scipy.spatial.transform import Rotation

    if len(rotation) == 0:
        return np.zeros((0, 3))
    return np.asarray(Rotation.from_rotvec(rotation).apply(point))


def _turn(order: str, angles: np.ndarray) -> np.ndarray:
    from scipy.spatial.transform import Rotation

    if len(angles) == 0:
        return np.zeros((0, 3))
    return np.asarray(Rotation.from_euler(order, angles).as_rotvec())
