"""The model's axes and Blender's.

A head model has +y up and +z forward, Blender has +z up and looks at a face from -y. Points
are baked as (x, -z, y). A bone that points to +z with roll 0 has local axes x, z, -y of
Blender, which are the model's x, y, z: rotations need no conversion at all.
"""

from __future__ import annotations

import numpy as np


def to_blender(points: np.ndarray) -> np.ndarray:
    """Points or displacements (..., 3) in model axes as (x, -z, y), float32, contiguous."""
    x, y, z = np.moveaxis(np.asarray(points), -1, 0)
    return np.ascontiguousarray(np.stack([x, -z, y], axis=-1), np.float32)


def from_blender(points: np.ndarray) -> np.ndarray:
    """The inverse of :func:`to_blender`, float64."""
    x, y, z = np.moveaxis(np.asarray(points, np.float64), -1, 0)
    return np.stack([x, z, -y], axis=-1)


def quaternions(axis_angle: np.ndarray) -> np.ndarray:
    """Unit quaternions (..., 4), w first, of axis-angle vectors (..., 3) in radians."""
    vectors = np.asarray(axis_angle, np.float64)
    angle = np.linalg.norm(vectors, axis=-1, keepdims=True)
    safe = np.where(angle < 1e-12, 1.0, angle)
    factor = np.where(angle < 1e-12, 0.5, np.sin(safe / 2) / safe)
    return np.concatenate([np.cos(angle / 2), factor * vectors], axis=-1)


def continuous(rotations: np.ndarray) -> np.ndarray:
    """Quaternions (n, 4) with signs chosen so that neighbours are close.

    q and -q are the same rotation; interpolating between keys of opposite sign is not.
    """
    flips = np.where(np.sum(rotations[1:] * rotations[:-1], axis=1) < 0, -1.0, 1.0)
    signs = np.concatenate([[1.0], np.cumprod(flips)]) if len(rotations) else np.ones(0)
    return rotations * signs[:, None]
