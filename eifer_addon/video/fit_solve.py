"""Pose and expression of many frames at once: Gauss-Newton with the landmark network's noise.

Each frame has six unknowns of pose and 52 ARKit coefficients in [0, 1]. Landmarks are linear in
the coefficients up to the head's turn, so that what one frame contributes to the normal equations
is a sum of a few matrices that depend on the person alone, weighed by the entries of the frame's
rotation (`fit_grid`). A frame then costs a product with 1,008 measurements and little more.

The measurements' errors go together in modes (`fit_noise`), which the precision matrix knows.
Outliers are pulled in by redescending weights (Geman and McClure 1987) on modified residuals
(Huber 1981, section 7.8), which leaves the matrices as they are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..spaces import ARKIT_NAMES
from .fit_grid import N_POINTS, Grid, Precision
from .fit_noise import LandmarkNoise
from .fit_view import Gaps, Lens, Poses, first_poses, gaps, pose_features

N_UNITS = len(ARKIT_NAMES)
#: Residuals of so many standard deviations count half.
_OUTLIER = 3.0
#: First steps in which nothing counts as an outlier, because the expression is not found yet.
_FREE_ROUNDS = 2
_SWEEPS = 12


@dataclass(frozen=True)
class Costs:
    """What coefficients cost, against measurements in standard deviations.

    Attributes
    ----------
    first : numpy.ndarray
        (52,) cost of a coefficient of 1 that grows linearly: keeps what is not seen at 0.
    second : numpy.ndarray
        (52, 52) quadratic form: the same, growing with the square, and what differences cost
        between coefficients that usually go together.
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
        self.sigma = np.sqrt(noise.spread**2 + np.sum(noise.modes**2, axis=0))[None]
        modes = noise.modes.reshape(len(noise.modes), -1)
        modes = np.concatenate([modes, np.zeros((len(modes), N_UNITS))], axis=1)
        spread = np.concatenate([(noise.spread / np.sqrt(trust)).ravel(), noise.scores_spread])
        self._precision = Precision(spread, modes)
        self._grid = Grid(self.units, noise.scores_response, self.shape, self._precision)

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

    def rest(self, solution: Solution, measured: Measured) -> tuple[Gaps, np.ndarray]:
        """What measurements are beside the solution: in m (n, 2, 478), and of scores (n, 52)."""
        rays = self.lens.rays(measured.landmarks[..., :2].astype(np.float64))
        found = gaps(solution.poses, self.points(solution.units), rays)
        features = pose_features(solution.poses.seen())
        biased = (features @ self.noise.bias.reshape(len(self.noise.bias), -1)).reshape(
            -1, 2, N_POINTS
        )
        expected = self.scores + features @ self.noise.scores_bias
        expected = expected + solution.units @ self.noise.scores_response.T
        return replace(found, offsets=found.offsets - biased), measured.scores - expected

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
        for number in range(rounds):
            found = self._step(found, measured, goal, guess is not None or number >= _FREE_ROUNDS)
        return replace(found, rest=self.rest(found, measured)[0].offsets)

    def _step(
        self, found: Solution, measured: Measured, goal: np.ndarray | None, robust: bool
    ) -> Solution:
        """One step of Gauss and Newton: the pose eliminated, the units within their bounds."""
        gap, scores = self.rest(found, measured)
        rows = np.concatenate([gap.offsets.reshape(len(scores), -1), scores], 1).astype(np.float32)
        if robust:
            rows = self._precision.tamed(rows, _OUTLIER)
        said = self._grid.equations(found.poses, gap.placed, gap.slopes, rows)
        inner = np.linalg.solve(said.pose, np.concatenate([said.cross, said.by_pose[..., None]], 2))
        normal = self._grid.normal(said.mix) - np.swapaxes(said.cross, 1, 2) @ inner[..., :-1]
        wanted = said.by_unit - np.einsum("npk,np->nk", said.cross, inner[..., -1])
        wanted += np.einsum("nkl,nl->nk", normal, found.units)
        units = self._bounded(normal, wanted, found.units, goal)
        step = inner[..., -1] - np.einsum("npk,nk->np", inner[..., :-1], units - found.units)
        return Solution(found.poses.moved(step), units, gap.offsets)

    def _bounded(
        self, normal: np.ndarray, wanted: np.ndarray, start: np.ndarray, goal: np.ndarray | None
    ) -> np.ndarray:
        """Coefficients (n, 52) in [0, 1] by coordinate descent over all frames at once."""
        index = np.arange(N_UNITS)
        normal = normal + self.costs.second
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
                new = np.minimum(np.maximum(units[k] + slope[k] / diagonal[k], 0.0), 1.0)
                change = new - units[k]
                slope -= grid[k] * change
                units[k] = new
        return np.asarray(units.T)
