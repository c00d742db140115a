"""Pose and expression of many frames at once: Gauss-Newton with the landmark network's noise.

Each frame has six unknowns of pose and 52 ARKit coefficients in [0, 1]. Landmarks are linear in
the coefficients up to the head's turn, so that what one frame contributes to the normal equations
is a sum of a few matrices that depend on the person alone, weighed by the entries of the frame's
rotation (`_Person`). A frame then costs a product with 1,008 measurements and little more.

The measurements' errors go together in modes (`fit_noise`), which the precision matrix knows.
Outliers are pulled in by redescending weights (Geman and McClure 1987) on modified residuals
(Huber 1981, section 7.8), which leaves the matrices as they are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..spaces import ARKIT_NAMES
from .fit_noise import LandmarkNoise
from .fit_view import Lens, Poses, first_poses, offsets, pose_features

N_POINTS, N_UNITS = 478, len(ARKIT_NAMES)
_ROWS = 2 * N_POINTS + N_UNITS
_X, _Y, _S = slice(0, N_POINTS), slice(N_POINTS, 2 * N_POINTS), slice(2 * N_POINTS, _ROWS)
#: Blocks of columns that carry the units: x by the rotation's first row, y by its second, scores.
_BLOCKS = 7
#: Residuals of so many standard deviations count half.
_OUTLIER = 3.0
_SWEEPS = 12


@dataclass(frozen=True)
class Costs:
    """What coefficients cost, against measurements in standard deviations.

    Attributes
    ----------
    first : numpy.ndarray
        (52,) cost of a coefficient of 1 that grows linearly: keeps what is not seen at 0.
    second : numpy.ndarray
        (52,) the same, growing with the square.
    pull : float
        Precision of the coefficients that neighbouring frames suggest.
    """

    first: np.ndarray
    second: np.ndarray
    pull: float = 0.0


@dataclass(frozen=True)
class Measured:
    """What was read in n frames: landmarks (n, 478, 3) in pixels and scores (n, 52)."""

    landmarks: np.ndarray
    scores: np.ndarray

    def __len__(self) -> int:
        return len(self.landmarks)

    def __getitem__(self, rows: np.ndarray | slice) -> Measured:
        return Measured(self.landmarks[rows], self.scores[rows])


@dataclass(frozen=True)
class Solution:
    """Poses, coefficients (n, 52) and what is left (n, 2, 478) in m, in n frames."""

    poses: Poses
    units: np.ndarray
    rest: np.ndarray


class FrameSolver:
    """Solves frames of one person.

    Parameters
    ----------
    neutral : numpy.ndarray
        (478, 3) the person's neutral landmarks in m, as they are read.
    units : numpy.ndarray
        (478, 3, 52) of the head.
    scores : numpy.ndarray
        (52,) what the network says of the person's neutral face, beside its usual bias.
    noise : LandmarkNoise
    trust : numpy.ndarray
        (478,) in (0, 1]: weight of each landmark.
    lens : Lens
    costs : Costs
    """

    def __init__(
        self, neutral: np.ndarray, units: np.ndarray, scores: np.ndarray, noise: LandmarkNoise,
        trust: np.ndarray, lens: Lens, costs: Costs,
    ) -> None:  # fmt: skip
        self.middle = neutral.mean(axis=0)
        self.shape = neutral - self.middle
        self.units = units + noise.response
        self.scores, self.noise, self.lens, self.costs = scores, noise, lens, costs
        total = np.sqrt(noise.spread**2 + np.sum(noise.modes**2, axis=0))
        self.sigma = total[None]
        basis = self._basis()
        weighted = self._whiten(basis, trust)
        self._project = weighted.astype(np.float32)
        grid = (basis.T @ weighted).astype(np.float32)
        width = _BLOCKS * N_UNITS
        self._units_grid = grid[:width, :width].reshape(_BLOCKS, N_UNITS, _BLOCKS, N_UNITS)
        self._units_grid = self._units_grid.transpose(0, 2, 1, 3).reshape(_BLOCKS**2, -1)
        self._cross = grid[width:, :width].reshape(8, _BLOCKS, N_UNITS)
        self._pose_grid = grid[width:, width:].astype(np.float64)

    def _basis(self) -> np.ndarray:
        """(1008, 372): what measurements do with units (by block) and with parts of the pose."""
        basis = np.zeros((_ROWS, _BLOCKS * N_UNITS + 8))
        for axis in range(3):
            for row, first in ((_X, 0), (_Y, 3)):
                start = (first + axis) * N_UNITS
                basis[row, start : start + N_UNITS] = self.units[:, axis]
        start = (_BLOCKS - 1) * N_UNITS
        basis[_S, start : start + N_UNITS] = self.noise.scores_response
        basis[_X, -8:-5], basis[_Y, -5:-2] = self.shape, self.shape
        basis[_X, -2], basis[_Y, -1] = 1, 1
        return basis

    def _whiten(self, basis: np.ndarray, trust: np.ndarray) -> np.ndarray:
        """The precision matrix times the basis: independent spread, then the modes (Woodbury)."""
        noise = self.noise
        spread = (noise.spread**2 / trust).reshape(-1)
        precision = 1 / np.concatenate([spread, noise.scores_spread**2])
        modes = np.concatenate(
            [noise.modes.reshape(len(noise.modes), -1), np.zeros((len(noise.modes), N_UNITS))], 1
        )
        plain = precision[:, None] * basis
        scaled = precision[:, None] * modes.T
        inner = np.eye(len(modes)) + modes @ scaled
        return np.asarray(plain - scaled @ np.linalg.solve(inner, scaled.T @ basis))

    def start(self, measured: Measured, units: np.ndarray | None = None) -> Solution:
        """A first guess from the network's depth and scores."""
        if units is None:
            units = np.clip(measured.scores - self.scores, 0, 1) * 0.5
        poses = first_poses(self.points(units), measured.landmarks.astype(np.float64), self.lens)
        return Solution(poses, units, np.zeros((len(units), 2, N_POINTS)))

    def _flat(self) -> np.ndarray:
        return np.moveaxis(self.units, 2, 0).reshape(N_UNITS, -1)

    def points(self, units: np.ndarray) -> np.ndarray:
        """Landmarks (n, 478, 3) of coefficients (n, 52), relative to the middle of the face."""
        return np.asarray(self.shape + (units @ self._flat()).reshape(-1, N_POINTS, 3))

    def rest(self, solution: Solution, measured: Measured) -> tuple[np.ndarray, np.ndarray]:
        """What measurements are beside the solution: (n, 2, 478) in m, and scores (n, 52)."""
        rays = self.lens.rays(measured.landmarks[..., :2].astype(np.float64))
        gap = offsets(solution.poses, self.points(solution.units), rays)
        features = pose_features(solution.poses.seen())
        gap = gap - np.einsum("nf,fak->nak", features, self.noise.bias)
        expected = self.scores + features @ self.noise.scores_bias
        expected = expected + solution.units @ self.noise.scores_response.T
        return gap, measured.scores - expected

    def solve(
        self, measured: Measured, guess: Solution | None = None, goal: np.ndarray | None = None,
        rounds: int = 4,
    ) -> Solution:  # fmt: skip
        """Poses and coefficients of some frames.

        Parameters
        ----------
        measured : Measured
            Without gaps.
        guess : Solution, optional
            Where to begin.
        goal : numpy.ndarray, optional
            (n, 52) what the neighbouring frames say, which `Costs.pull` holds the units to.
        rounds : int
            Gauss-Newton steps.
        """
        found = self.start(measured) if guess is None else guess
        for _ in range(rounds):
            gap, scores = self.rest(found, measured)
            found = self._step(found, gap, scores, goal)
        return replace(found, rest=self.rest(found, measured)[0])

    def _step(
        self, found: Solution, gap: np.ndarray, scores: np.ndarray, goal: np.ndarray | None
    ) -> Solution:
        """One step from residuals in m (n, 2, 478) and of scores (n, 52)."""
        n, seen = len(found.units), found.poses.seen()
        gap = gap / (1 + np.sum((gap / (_OUTLIER * self.sigma)) ** 2, axis=1, keepdims=True)) ** 2
        shrunk = scores / (1 + (scores / (_OUTLIER * self.noise.scores_spread)) ** 2) ** 2
        rows = np.concatenate([gap.reshape(n, -1), shrunk], axis=1).astype(np.float32)
        right = rows @ self._project
        mix = np.concatenate([seen[:, 0], seen[:, 1], np.ones((n, 1))], axis=1).astype(np.float32)
        turn = _pose_columns(seen)
        pairs = (mix[:, :, None] * mix[:, None]).reshape(n, -1)
        normal = (pairs @ self._units_grid).reshape(n, N_UNITS, N_UNITS).astype(np.float64)
        by_unit = np.einsum("nb,nbk->nk", mix, right[:, :-8].reshape(n, _BLOCKS, N_UNITS))
        cross = np.einsum("nb,cbk->nck", mix, self._cross)
        cross = np.swapaxes(turn, 1, 2) @ cross
        pose = np.swapaxes(turn, 1, 2) @ self._pose_grid @ turn
        pose = pose + np.eye(6) * 1e-6 * np.trace(pose, axis1=1, axis2=2)[:, None, None] / 6
        by_pose = np.einsum("ncp,nc->np", turn, right[:, -8:])
        # The pose is eliminated, the units are found within their bounds, then the pose follows.
        inner = np.linalg.solve(pose, np.concatenate([cross, by_pose[..., None]], axis=2))
        normal -= np.swapaxes(cross, 1, 2) @ inner[..., :-1]
        wanted = by_unit - np.einsum("npk,np->nk", cross, inner[..., -1])
        wanted += np.einsum("nkl,nl->nk", normal, found.units)
        units = self._bounded(normal, wanted, found.units, goal)
        change = units - found.units
        step = inner[..., -1] - np.einsum("npk,nk->np", inner[..., :-1], change)
        return Solution(found.poses.moved(step), units, gap)

    def _bounded(
        self, normal: np.ndarray, wanted: np.ndarray, start: np.ndarray, goal: np.ndarray | None
    ) -> np.ndarray:
        """Coefficients (n, 52) in [0, 1] by coordinate descent over all frames at once."""
        index = np.arange(N_UNITS)
        normal[:, index, index] += self.costs.second
        wanted = wanted - self.costs.first
        if goal is not None:
            normal[:, index, index] += self.costs.pull
            wanted = wanted + self.costs.pull * goal
        grid = np.ascontiguousarray(normal.transpose(1, 2, 0))
        diagonal = grid[index, index]
        units = np.ascontiguousarray(start.T)
        slope = wanted.T - np.einsum("kln,ln->kn", grid, units)
        for _ in range(_SWEEPS):
            for k in range(N_UNITS):
                new = np.clip(units[k] + slope[k] / diagonal[k], 0.0, 1.0)
                change = new - units[k]
                slope -= grid[k] * change
                units[k] = new
        return np.asarray(units.T)


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
