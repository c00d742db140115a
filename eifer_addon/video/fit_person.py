"""Who is in front of which camera: one identity, one lens, one set of habits of the network.

The person's face is found over chosen frames by alternating between the frames' poses and
expressions and what is common to all of them: identity coefficients, focal length, and the
constant error that the landmark network makes on this face and on what sticks to it. That error
is held to what is usual between persons, so that an expression which is there all the time is not
taken for the person's face.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ..errors import EiferError
from ..heads.electrodes import electrode_scheme
from ..heads.model import HeadModel
from ..track import Camera
from .face_tracks import FaceTrack
from .fit_model import LandmarkModel, landmark_model
from .fit_noise import LandmarkNoise, landmark_noise
from .fit_solve import N_POINTS, N_UNITS, Costs, FrameSolver, Measured, Solution
from .fit_view import USUAL_FOCAL, Lens, first_poses, offsets, pose_features

_MOST_FRAMES, _CANDIDATES = 32, 256
_ROUNDS = 5
#: Natural logarithm of the focal length: standard deviation of what cameras have.
_FOCAL_SPREAD = 0.35
#: Error of the head model itself, in m, beside that of the network.
_MODEL_ERROR = 0.0025
#: A landmark whose constant error is so many times the usual one weighs half.
_STUCK = 2.5
#: What is known to lie under an electrode weighs so much, and may be off by so many times more.
_UNDER_ELECTRODE, _ELECTRODE_REACH = 0.25, 0.012
COSTS = Costs(np.full(N_UNITS, 2.0), np.full(N_UNITS, 4.0))


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
    """

    identity: np.ndarray
    camera: Camera
    neutral: np.ndarray
    scores: np.ndarray
    trust: np.ndarray

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
        if guess is not None:
            guess = replace(guess, poses=guess.poses)
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
    return Person(state.identity, camera, neutral, state.scores, state.trust)


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
        return FrameSolver(neutral, model.units, self.scores, noise, self.trust, self.lens, COSTS)


def usual_noise() -> LandmarkNoise:
    """The network's noise, with the head model's own error."""
    noise = landmark_noise()
    return replace(
        noise, spread=np.hypot(noise.spread, _MODEL_ERROR),
        scores_spread=np.hypot(noise.scores_spread, 0.1),
    )  # fmt: skip


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
    # In every range of poses the calmest come first; a round takes one of each.
    busy = np.sum(np.maximum(faces.blendshapes[rows] - np.median(faces.blendshapes[rows], 0), 0), 1)
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
    n, seen = len(measured), found.poses.seen()
    gap, _ = solver.rest(found, measured)
    shape = np.concatenate([model.identity], axis=2)
    shape = shape - shape.mean(axis=0)
    columns = np.einsum("nab,kbi->naki", seen[:, :2], shape)
    focal = _focal_column(solver, found, measured)
    pose = np.concatenate(
        [_pose_slopes(seen, solver.shape), columns, focal[..., None]], axis=3
    ).reshape(n, 2 * N_POINTS, -1)
    precision = _person_precision(noise, state.trust, n)
    weighted = precision(pose)
    normal = np.swapaxes(pose, 1, 2) @ weighted / n
    right = np.einsum("nrp,nr->np", weighted, gap.reshape(n, -1)) / n
    inner = np.linalg.solve(
        normal[:, :6, :6], np.concatenate([normal[:, :6, 6:], right[:, :6, None]], axis=2)
    )
    common = np.sum(normal[:, 6:, 6:] - normal[:, 6:, :6] @ inner[..., :-1], axis=0)
    wanted = np.sum(right[:, 6:] - (normal[:, 6:, :6] @ inner[..., -1:])[..., 0], axis=0)
    prior = np.append(np.ones(model.n_identity), 1 / _FOCAL_SPREAD**2 if free_focal else 1e12)
    usual = np.log(state.lens.focal_px / (USUAL_FOCAL * max(measured_size(state.lens))))
    wanted -= prior * np.append(state.identity, usual if free_focal else 0.0)
    step = np.linalg.solve(common + np.diag(prior), wanted)
    identity = np.clip(state.identity + step[:-1], -4, 4)
    longer = float(np.exp(np.clip(step[-1], -0.3, 0.3))) if free_focal else 1.0
    lens = replace(state.lens, focal_px=state.lens.focal_px * longer)
    poses = replace(found.poses, centre=found.poses.centre * [1, 1, longer])
    return replace(state, identity=identity, lens=lens), replace(found, poses=poses)


def measured_size(lens: Lens) -> tuple[int, int]:
    """Width and height of a lens's picture."""
    return lens.width, lens.height


def _focal_column(solver: FrameSolver, found: Solution, measured: Measured) -> np.ndarray:
    """What residuals (n, 2, 478) do with the logarithm of the focal length, the face as large."""
    step = 0.02
    lens = replace(solver.lens, focal_px=solver.lens.focal_px * np.exp(step))
    poses = replace(found.poses, centre=found.poses.centre * [1, 1, np.exp(step)])
    points = solver.points(found.units)
    pixels = measured.landmarks[..., :2].astype(np.float64)
    before = offsets(found.poses, points, solver.lens.rays(pixels))
    after = offsets(poses, points, lens.rays(pixels))
    return (before - after) / step


def _pose_slopes(seen: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """(n, 2, 478, 6): what the points do when the head comes nearer, moves and turns."""
    x, y, z = np.moveaxis(np.swapaxes(seen @ shape.T, 1, 2), 2, 0)
    one, none = np.ones_like(x), np.zeros_like(x)
    return np.stack(
        [np.stack([x, one, none, none, z, -y], -1), np.stack([y, none, one, -z, none, x], -1)], 1
    )


def _person_precision(
    noise: LandmarkNoise, trust: np.ndarray, n: int
) -> Callable[[np.ndarray], np.ndarray]:
    """A function that multiplies columns (n, 956, k) by the precision of a person's mean error."""
    modes = np.concatenate([noise.person_modes, noise.modes / np.sqrt(n)]).reshape(-1, 2 * N_POINTS)
    spread = (noise.person_rest**2 + _MODEL_ERROR**2) / trust
    inverse = 1 / spread.reshape(-1)
    scaled = inverse[:, None] * modes.T
    inner = np.linalg.inv(np.eye(len(modes)) + modes @ scaled)

    def apply(columns: np.ndarray) -> np.ndarray:
        return inverse[:, None] * columns - scaled @ (inner @ (scaled.T @ columns))

    return apply


def _habits(
    state: _State, model: LandmarkModel, noise: LandmarkNoise, found: Solution,
    measured: Measured, under: np.ndarray,
) -> _State:  # fmt: skip
    """The constant error of landmarks and scores, and the trust in landmarks, from what is left."""
    solver = state.solver(model, noise)
    gap, scores = solver.rest(found, measured)
    seen, n = found.poses.seen()[:, :2], len(measured)
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
