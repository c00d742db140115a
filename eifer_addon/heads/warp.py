"""Bending one head onto another: a similarity, then a smooth warp through pairs of points."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import RBFInterpolator

_STEP = 1e-4
_CHUNK = 4096


@dataclass(frozen=True)
class Similarity:
    """x -> scale * rotation @ x + shift."""

    scale: float
    rotation: np.ndarray
    shift: np.ndarray

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Moved points (..., 3)."""
        return np.asarray(self.scale * points @ self.rotation.T + self.shift)


def fit_similarity(source: np.ndarray, target: np.ndarray, *, scaled: bool = True) -> Similarity:
    """The similarity that takes points (n, 3) closest to others in the least-squares sense.

    Umeyama, "Least-squares estimation of transformation parameters between two point patterns",
    IEEE PAMI 13 (1991). With `scaled` False the scale stays 1.
    """
    middle, goal = source.mean(axis=0), target.mean(axis=0)
    left, right = source - middle, target - goal
    u, singular, vt = np.linalg.svd(right.T @ left)
    sign = np.array([1, 1, np.sign(np.linalg.det(u @ vt))])
    rotation = (u * sign) @ vt
    spread = float(np.sum(left**2))
    scale = float(np.sum(singular * sign) / spread) if scaled and spread > 0 else 1.0
    return Similarity(scale, rotation, goal - scale * rotation @ middle)


class Warp:
    """A similarity with a smooth correction through control points.

    The correction is biharmonic in space (kernel r, the thin plate of three dimensions) and goes
    to a constant far away, so that the back of a head is not thrown about by the face.

    Parameters
    ----------
    source, target : numpy.ndarray
        Control points (n, 3) in m.
    smoothing : float or numpy.ndarray
        In m, for all or for each (n,): larger lets the warp pass a control point by.
    base : Similarity, optional
        Default: fitted to the control points.
    """

    def __init__(
        self,
        source: np.ndarray,
        target: np.ndarray,
        smoothing: float | np.ndarray = 1e-3,
        base: Similarity | None = None,
    ) -> None:
        self.base = base or fit_similarity(source, target)
        self._correction = RBFInterpolator(
            source, target - self.base(source), kernel="linear", degree=0, smoothing=smoothing
        )

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Warped points (n, 3)."""
        parts = [
            self._correction(points[start : start + _CHUNK])
            for start in range(0, len(points), _CHUNK)
        ]
        return np.asarray(self.base(points) + np.concatenate(parts))

    def jacobian(self, points: np.ndarray) -> np.ndarray:
        """(n, 3, 3): how small displacements at points (n, 3) are turned and stretched."""
        columns = [
            (self(points + step) - self(points - step)) / (2 * _STEP) for step in np.eye(3) * _STEP
        ]
        return np.stack(columns, axis=2)
