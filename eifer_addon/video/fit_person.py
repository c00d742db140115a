"""Who is in front of which camera: one identity, one lens, one set of habits of the network.

The person's face is found over chosen frames by alternating between the frames' poses and
expressions and what is common to all of them: identity coefficients, focal length, and the
constant error that the landmark network makes on this face and on what sticks to it. That error
is held to what is usual between persons, so that an expression which is there all the time is not
taken for the person's face.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..errors import EiferError
from ..heads.electrodes import electrode_scheme
from ..heads.model import HeadModel
from ..spaces import ARKIT_NAMES
from ..track import Camera
from .face_tracks import FaceTrack
from .fit_grid import N_POINTS, Equations, Grid, Precision
from .fit_model import LandmarkModel, landmark_model
from .fit_noise import LandmarkNoise
from .fit_prior import model_error, usual_costs, usual_noise
from .fit_solve import N_UNITS, FrameSolver, Measured, Solution
from .fit_view import USUAL_FOCAL, Lens, first_poses, gaps, pose_features

#: Doubt by the mean square of constant errors, in what is usual between persons.
_DOUBT_FROM, _DOUBT_BY, _MOST_DOUBT = 0.35, 0.9, 2.4
_MOST_FRAMES, _CANDIDATES = 32, 256
#: What a score is at rest (quantile over the film); the share of the frames that are taken for
#: calm, and the sum of scores above rest up to which a frame is calm in any case.
_LEAST, _CALM_SHARE, _CALM = 0.1, 0.4, 0.5
#: Scores that tell of the face; a gaze is no expression.
_EXPRESSIVE = [k for k, name in enumerate(ARKIT_NAMES) if not name.startswith("eyeLook")]
_ROUNDS = 4
#: Natural logarithm of the focal length: standard deviation of what cameras have.
_FOCAL_SPREAD = 0.35
#: A landmark whose constant error is so many times the usual one weighs half.
_STUCK = 2.5
#: What is known to lie under an electrode weighs so much, and may be off by so many times more.
_UNDER_ELECTRODE, _ELECTRODE_REACH = 0.25, 0.012


@dataclass(frozen=True)
class Person:
    """What is common to all frames of a face.

    Attributes
    ----------
    identity : numpy.ndarray
        (n_identity,) coefficients of the head.
    camera : Camera
        Lens and rest place, as tracks keep it.
    neutral : numpy.ndarray
        (478, 3) in m: where landmarks are read on the neutral face.
    scores : numpy.ndarray
        (52,) what the blendshape network says of the neutral face beside its usual bias.
    trust : numpy.ndarray
        (478,) in (0, 1]: low for landmarks that something holds off the skin.
    doubt : float
        How much more than usual the network errs on this face, from 1 on: electrodes, a beard.
    """

    identity: np.ndarray
    camera: Camera
    neutral: np.ndarray
    scores: np.ndarray
    trust: np.ndarray
    doubt: float = 1.0

    @property
    def lens(self) -> Lens:
        """The camera without its place."""
        return Lens(self.camera.width, self.camera.height, self.camera.focal_px)


def estimate_person(
    faces: FaceTrack,
    head: HeadModel,
    *,
    fov_deg: float | None = None,
    electrodes: str | None = None,
) -> Person:
    """Identity, camera and the network's habits on one person's face.

    Parameters
    ----------
    faces : FaceTrack
        With at least one frame that is no gap.
    head : HeadModel
        Landmarks and units are found where it has none.
    fov_deg : float, optional
        Angle across the width of the picture. Without it the focal length is estimated, held
        near that of usual cameras. A very small angle is a weak perspective.
    electrodes : str, optional
        "fridlund" or "kuramoto": landmarks near its electrodes are trusted less.

    Returns
    -------
    Person

    Raises
    ------
    EiferError
        When there is no frame with a face, or the angle or the scheme does not exist.
    """
    model, noise = landmark_model(head), usual_noise()
    rows = choose_frames(faces, model)
    measured = Measured(faces.landmarks[rows], faces.blendshapes[rows].astype(np.float64))
    state = _State(
        np.zeros(model.n_identity), first_lens(faces.size, fov_deg), np.zeros((N_POINTS, 3)),
        np.zeros(N_UNITS), np.ones(N_POINTS),
    )  # fmt: skip
    under = _under_electrodes(electrodes, model)
    state = replace(state, trust=np.where(under, _UNDER_ELECTRODE, 1.0))
    guess: Solution | None = None
    for number in range(_ROUNDS):
        solver = state.solver(model, noise)
        guess = solver.solve(measured, guess, rounds=4 if number == 0 else 2)
        state, guess = _improved(state, model, noise, solver, guess, measured, fov_deg is None)
        if number >= 1:
            state = _habits(state, model, noise, guess, measured, under)
    solver = state.solver(model, noise)
    guess = solver.solve(measured, guess, rounds=3)
    neutral = model.neutral(state.identity) + state.offset
    root = model.root(state.identity, np.zeros((1, N_UNITS)))[0]
    rotation = guess.poses.rotation
    # In camera axes a point of the head is R p + t; turned about the root it is R (p - J) + J + t'.
    moved = guess.poses.centre - rotation @ neutral.mean(axis=0) + rotation @ root - root
    place = np.median(moved, axis=0)
    camera = Camera(
        state.lens.width, state.lens.height, float(state.lens.focal_px),
        (float(place[0]), float(place[1]), float(place[2])),
    )  # fmt: skip
    strange = float(np.mean((state.offset / noise.person) ** 2))
    doubt = float(np.clip(_DOUBT_FROM + strange * _DOUBT_BY, 1.0, _MOST_DOUBT))
    return Person(state.identity, camera, neutral, state.scores, state.trust, doubt)


@dataclass(frozen=True)
class _State:
    """What is common to the chosen frames, while it is being found."""

    identity: np.ndarray
    lens: Lens
    offset: np.ndarray
    scores: np.ndarray
    trust: np.ndarray

    def solver(self, model: LandmarkModel, noise: LandmarkNoise) -> FrameSolver:
        neutral = model.neutral(self.identity) + self.offset
        return FrameSolver(
            neutral, model.units, self.scores, noise, self.trust, self.lens, usual_costs()
        )


def first_lens(size: tuple[int, int], fov_deg: float | None) -> Lens:
    """The lens of a given angle, or the usual one."""
    if fov_deg is None:
        return Lens(*size, USUAL_FOCAL * max(size))
    if not 0.1 <= fov_deg <= 170:
        raise EiferError(
            f"A field of view of {fov_deg:g} degrees is no camera's.", "Give 0.1 to 170 degrees."
        )
    return Lens(*size, size[0] / 2 / float(np.tan(np.radians(fov_deg) / 2)))


def choose_frames(faces: FaceTrack, model: LandmarkModel) -> np.ndarray:
    """Rows of frames that show the person from different sides and with little expression."""
    seen = np.flatnonzero(~faces.is_gap)
    if len(seen) == 0:
        raise EiferError("No face was found, so there is none to fit.", "Choose another video.")
    rows = seen[np.unique(np.linspace(0, len(seen) - 1, _CANDIDATES).astype(int))]
    lens = first_lens(faces.size, None)
    poses = first_poses(model.template, faces.landmarks[rows].astype(np.float64), lens)
    features = pose_features(poses.seen())
    cell = np.round(np.degrees(features[:, 1:3]) / 12).astype(int)
    # Against the least of each score, not the middle: a smile may last for most of a film.
    scores = faces.blendshapes[rows][:, _EXPRESSIVE]
    busy = np.sum(np.maximum(scores - np.quantile(scores, _LEAST, axis=0), 0), axis=1)
    calm = np.flatnonzero(busy <= max(np.quantile(busy, _CALM_SHARE), _CALM))
    rows, cell, busy = rows[calm], cell[calm], busy[calm]
    # In every range of poses the calmest come first; a round takes one of each.
    order = np.argsort(busy, kind="stable")
    turn = np.zeros(len(rows), int)
    count: dict[tuple[int, ...], int] = {}
    for k in order:
        key = tuple(cell[k])
        turn[k] = count[key] = count.get(key, -1) + 1
    best = np.lexsort((busy, turn))[:_MOST_FRAMES]
    return np.sort(rows[best])


def _under_electrodes(scheme: str | None, model: LandmarkModel) -> np.ndarray:
    """Which landmarks (478,) lie near electrodes of a scheme."""
    if scheme is None:
        return np.zeros(N_POINTS, bool)
    centres = model.template[[electrode.landmark for electrode in electrode_scheme(scheme)]]
    gap = np.linalg.norm(model.template[:, None] - centres, axis=2).min(axis=1)
    return np.asarray(gap < _ELECTRODE_REACH)


def _improved(
    state: _State, model: LandmarkModel, noise: LandmarkNoise, solver: FrameSolver,
    found: Solution, measured: Measured, free_focal: bool,
) -> tuple[_State, Solution]:  # fmt: skip
    """Identity (and focal length) after one Gauss-Newton step, the poses eliminated."""
    n = len(measured)
    gap, _ = solver.rest(found, measured)
    precision = _person_precision(noise, state.trust, n)
    grid = Grid(model.identity, np.zeros((0, model.n_identity)), solver.shape, precision)
    said = grid.equations(found.poses, gap.placed, gap.slopes, gap.offsets.reshape(n, -1))
    inner = np.linalg.solve(said.pose, np.concatenate([said.cross, said.by_pose[..., None]], 2))
    common = grid.summed(said.mix) - np.sum(np.swapaxes(said.cross, 1, 2) @ inner[..., :-1], axis=0)
    wanted = np.sum(said.by_unit - np.einsum("npk,np->nk", said.cross, inner[..., -1]), axis=0)
    step = np.linalg.solve(common / n + np.eye(model.n_identity), wanted / n - state.identity)
    identity = np.clip(state.identity + step, -4, 4)
    lens, poses = state.lens, found.poses
    if free_focal:
        slope = _focal_slope(solver, found, measured)
        left = gap.offsets.reshape(n, -1)
        longer = _longer(slope, said, _pose_slopes(gap.placed), precision, lens, left)
        lens = replace(lens, focal_px=lens.focal_px * longer)
        poses = replace(poses, centre=poses.centre * [1, 1, longer])
    return replace(state, identity=identity, lens=lens), replace(found, poses=poses)


def _longer(
    slope: np.ndarray, said: Equations, pose: np.ndarray, precision: Precision, lens: Lens,
    gap: np.ndarray,
) -> float:  # fmt: skip
    """By what the focal length is to be multiplied, from residuals (n, 956), poses eliminated."""
    weighted = precision(slope.astype(np.float32)).astype(np.float64)
    along = np.einsum("nr,nrp->np", weighted, pose)
    inner = np.linalg.solve(said.pose, np.stack([along, said.by_pose], axis=2))
    steep = np.sum(weighted * slope) - np.sum(along * inner[..., 0])
    wanted = np.sum(weighted * gap) - np.sum(along * inner[..., 1])
    usual = np.log(USUAL_FOCAL * max(lens.width, lens.height) / lens.focal_px)
    step = (wanted / len(slope) + usual / _FOCAL_SPREAD**2) / (
        steep / len(slope) + 1 / _FOCAL_SPREAD**2
    )
    return float(np.exp(np.clip(step, -0.3, 0.3)))


def _focal_slope(solver: FrameSolver, found: Solution, measured: Measured) -> np.ndarray:
    """What landmarks (n, 956) do with the logarithm of the focal length, the face as large."""
    step = 0.02
    lens = replace(solver.lens, focal_px=solver.lens.focal_px * float(np.exp(step)))
    poses = replace(found.poses, centre=found.poses.centre * [1, 1, np.exp(step)])
    points = solver.points(found.units)
    pixels = measured.landmarks[..., :2].astype(np.float64)
    before = gaps(found.poses, points, solver.lens.rays(pixels)).offsets
    after = gaps(poses, points, lens.rays(pixels)).offsets
    return ((before - after) / step).reshape(len(before), -1)


def _pose_slopes(placed: np.ndarray) -> np.ndarray:
    """(n, 956, 6): what the points do when the head comes nearer, moves and turns."""
    x, y, z = np.moveaxis(placed, 2, 0)
    one, none = np.ones_like(x), np.zeros_like(x)
    across = np.stack([x, one, none, none, z, -y], axis=-1)
    up = np.stack([y, none, one, -z, none, x], axis=-1)
    return np.concatenate([across, up], axis=1)


def _person_precision(noise: LandmarkNoise, trust: np.ndarray, n: int) -> Precision:
    """The precision of a person's mean error over n frames."""
    modes = np.concatenate([noise.person_modes, noise.modes / np.sqrt(n)]).reshape(-1, 2 * N_POINTS)
    spread = np.sqrt((noise.person_rest**2 + model_error() ** 2) / trust)
    return Precision(spread.ravel(), modes)


def _habits(
    state: _State, model: LandmarkModel, noise: LandmarkNoise, found: Solution,
    measured: Measured, under: np.ndarray,
) -> _State:  # fmt: skip
    """The constant error of landmarks and scores, and the trust in landmarks, from what is left."""
    solver = state.solver(model, noise)
    left, scores = solver.rest(found, measured)
    gap, seen, n = left.offsets, found.poses.seen()[:, :2], len(measured)
    spread = noise.spread**2 + np.sum(noise.modes**2, axis=0)
    weight = 1 / (1 + np.sum(gap**2 / (9 * spread), axis=1))
    # What persons differ by is learned; an electrode may shift a landmark by more.
    usual = noise.person * np.where(under, 3.0, 1.0)[:, None]
    information = np.einsum("nai,naj,nk,ak->kij", seen, seen, weight, 1 / spread)
    information += np.einsum("kij,ki->kij", np.eye(3)[None], 1 / usual**2)
    now = np.einsum("naj,kj->nak", seen, state.offset)
    pulled = np.einsum("nai,nak,nk,ak->ki", seen, gap + now, weight, 1 / spread)
    offset = np.linalg.solve(information, pulled[..., None])[..., 0]
    strange = np.sum((offset / noise.person) ** 2, axis=1) / 3
    trust = np.where(under, _UNDER_ELECTRODE, 1.0) / (1 + strange / _STUCK**2)
    share = noise.scores_person**2 / (noise.scores_person**2 + noise.scores_spread**2 / n)
    habit = share * (np.median(scores, axis=0) + state.scores)
    return replace(state, offset=offset - offset.mean(axis=0), scores=habit, trust=trust)
