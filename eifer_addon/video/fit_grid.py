"""Normal equations of columns that turn with the head, for many frames in few products.

A landmark's displacement per unit of a coefficient is fixed in the head's axes. Across the line of
sight it is the rotation's first two rows times that displacement, so that a frame's normal matrix
is a sum of matrices of the person alone, weighed by products of the rotation's entries. Depth
changes a landmark's place as well, by the slope of its ray: the gradient has this exactly, the
normal matrix leaves it out, which only makes steps a little longer or shorter.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .fit_view import Poses

N_POINTS = 478
_X, _Y = slice(0, N_POINTS), slice(N_POINTS, 2 * N_POINTS)


class Precision:
    """The inverse of a covariance: independent spread beside modes that go together (Woodbury).

    Parameters
    ----------
    spread : numpy.ndarray
        (rows,) standard deviations.
    modes : numpy.ndarray
        (k, rows), each with a standard deviation of 1.
    """

    def __init__(self, spread: np.ndarray, modes: np.ndarray) -> None:
        self.spread, self._modes = spread.astype(np.float32), modes.astype(np.float32)
        self._inverse = (1 / spread**2).astype(np.float32)
        scaled = modes / spread**2
        self._inner = np.linalg.inv(np.eye(len(modes)) + scaled @ modes.T).astype(np.float32)
        self._scaled = scaled.astype(np.float32)

    def __call__(self, rows: np.ndarray) -> np.ndarray:
        """Rows (n, rows) times the precision matrix."""
        return np.asarray(rows * self._inverse - (self.explained(rows) @ self._scaled))

    def explained(self, rows: np.ndarray) -> np.ndarray:
        """How much (n, k) of each mode is in some rows (n, rows)."""
        return np.asarray((rows @ self._scaled.T) @ self._inner)

    def tamed(self, rows: np.ndarray, outlier: float) -> np.ndarray:
        """Rows whose part that no mode explains is pulled in where it is large.

        Half the weight at `outlier` standard deviations and none far out (Geman and McClure).
        """
        common = self.explained(rows) @ self._modes
        own = rows - common
        weight = 1 / (1 + (own / (outlier * self.spread)) ** 2)
        return np.asarray(common + own * weight**2)


@dataclass(frozen=True)
class Equations:
    """What n frames say of k coefficients and the six parameters of the pose.

    Attributes
    ----------
    cross : numpy.ndarray
        (n, 6, k).
    pose : numpy.ndarray
        (n, 6, 6).
    by_unit, by_pose : numpy.ndarray
        (n, k) and (n, 6): the gradients.
    mix : numpy.ndarray
        (n, blocks): with what entries of the rotation the grid is mixed.
    """

    cross: np.ndarray
    pose: np.ndarray
    by_unit: np.ndarray
    by_pose: np.ndarray
    mix: np.ndarray


class Grid:
    """The matrices of one person from which every frame's normal equations are mixed.

    Parameters
    ----------
    columns : numpy.ndarray
        (478, 3, k) displacement in m per unit of each coefficient.
    extra : numpy.ndarray
        (m, k) what a coefficient does to further measurements, which do not turn.
    shape : numpy.ndarray
        (478, 3) the neutral landmarks around their middle.
    precision : Precision
        Of 2 * 478 + m measurements.
    """

    def __init__(
        self, columns: np.ndarray, extra: np.ndarray, shape: np.ndarray, precision: Precision
    ) -> None:
        size = columns.shape[2]
        self.size, self._precision = size, precision
        self._blocks = 7 if len(extra) else 6
        basis = np.zeros((2 * N_POINTS + len(extra), self._blocks * size + 8), np.float32)
        for axis in range(3):
            basis[_X, axis * size : (axis + 1) * size] = columns[:, axis]
            basis[_Y, (3 + axis) * size : (4 + axis) * size] = columns[:, axis]
        if len(extra):
            basis[2 * N_POINTS :, 6 * size : 7 * size] = extra
        basis[_X, -8:-5], basis[_Y, -5:-2] = shape, shape
        basis[_X, -2], basis[_Y, -1] = 1, 1
        grid = precision(basis.T) @ basis
        width = self._blocks * size
        blocks = grid[:width, :width].reshape(self._blocks, size, self._blocks, size)
        self._normal = blocks.transpose(0, 2, 1, 3).reshape(self._blocks**2, -1).copy()
        self._cross = grid[width:, :width].reshape(8, self._blocks, size).copy()
        self._pose = grid[width:, width:].astype(np.float64)
        self._columns = columns.astype(np.float32).reshape(N_POINTS, 3 * size)
        self._extra = extra.astype(np.float32)

    def equations(
        self, poses: Poses, placed: np.ndarray, slopes: np.ndarray, rows: np.ndarray
    ) -> Equations:
        """Gradients and the matrices around the pose.

        Parameters
        ----------
        poses : Poses
        placed : numpy.ndarray
            (n, 478, 3) landmarks around the middle of the face, in axes of sight.
        slopes : numpy.ndarray
            (n, 2, 478) of the rays on which landmarks are seen.
        rows : numpy.ndarray
            (n, 956 + m) what is left of the measurements.
        """
        n, seen = len(poses), poses.seen()
        weighted = self._precision(rows.astype(np.float32))
        force = np.empty((n, 3, N_POINTS), np.float32)
        force[:, 0], force[:, 1] = weighted[:, _X], weighted[:, _Y]
        force[:, 2] = -(slopes[:, 0] * force[:, 0] + slopes[:, 1] * force[:, 1])
        moved = (force.reshape(3 * n, N_POINTS) @ self._columns).reshape(n, 3, 3, self.size)
        by_unit = np.einsum("nab,nabk->nk", seen, moved)
        if len(self._extra):
            by_unit += weighted[:, 2 * N_POINTS :] @ self._extra
        mix = np.concatenate([seen[:, 0], seen[:, 1], np.ones((n, 1))], axis=1)[:, : self._blocks]
        turn = _pose_columns(seen)
        cross = mix.astype(np.float32) @ self._cross.transpose(1, 0, 2).reshape(self._blocks, -1)
        cross = np.swapaxes(turn, 1, 2) @ cross.reshape(n, 8, self.size)
        pose = np.swapaxes(turn, 1, 2) @ self._pose @ turn
        pose = pose + np.eye(6) * 1e-6 * np.trace(pose, axis1=1, axis2=2)[:, None, None] / 6
        by_pose = _pose_gradient(poses, placed, force)
        return Equations(cross, pose, by_unit, by_pose, mix)

    def normal(self, mix: np.ndarray) -> np.ndarray:
        """The normal matrices (n, k, k) of frames with mixes (n, blocks)."""
        pairs = (mix[:, :, None] * mix[:, None]).reshape(len(mix), -1).astype(np.float32)
        found = (pairs @ self._normal).reshape(len(mix), self.size, self.size)
        return found.astype(np.float64)

    def summed(self, mix: np.ndarray) -> np.ndarray:
        """The sum (k, k) of the normal matrices of frames with mixes (n, blocks)."""
        pairs = (mix.T @ mix).reshape(-1).astype(np.float32)
        return (pairs @ self._normal).reshape(self.size, self.size).astype(np.float64)


def _pose_columns(seen: np.ndarray) -> np.ndarray:
    """(n, 8, 6): what nearer, right, up and a turn do, by the last columns of the basis."""
    columns = np.zeros((len(seen), 8, 6))
    first, second, third = seen[:, 0], seen[:, 1], seen[:, 2]
    columns[:, 0:3, 0], columns[:, 3:6, 0] = first, second
    columns[:, 6, 1], columns[:, 7, 2] = 1, 1
    columns[:, 3:6, 3] = -third
    columns[:, 0:3, 4] = third
    columns[:, 0:3, 5], columns[:, 3:6, 5] = -second, first
    return columns


def _pose_gradient(poses: Poses, placed: np.ndarray, force: np.ndarray) -> np.ndarray:
    """(n, 6) by nearer, right, up and turns: forces (n, 3, 478) and their torque."""
    pull = force.sum(axis=2, dtype=np.float64)
    arm = np.einsum("nak,nkb->nab", force, placed)
    torque = np.stack(
        [
            arm[:, 2, 1] - arm[:, 1, 2],
            arm[:, 0, 2] - arm[:, 2, 0],
            arm[:, 1, 0] - arm[:, 0, 1],
        ],
        axis=1,
    )
    distance = np.linalg.norm(poses.centre, axis=1)
    nearer = pull[:, 2] * distance
    return np.concatenate([nearer[:, None], pull[:, :2], torque], axis=1)
