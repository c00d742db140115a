"""The fit: from 478 landmarks and 52 scores per frame to an expression track of a head.

The person is estimated once (`fit_person`), then every frame's pose and expression are solved
(`fit_solve`), each held to its neighbours in time, and smoothed without lag (`fit_smooth`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation

from ..heads.canonical import N_FACE, canonical_face
from ..heads.model import HeadModel
from ..heads.open_head import load_open_head
from ..heads.retarget import retarget, with_arkit_units
from ..spaces import ARKIT52, ARKIT_NAMES
from ..track import ExpressionTrack
from .face_tracks import FaceTrack
from .fit_grid import N_POINTS
from .fit_model import landmark_model
from .fit_person import Person, estimate_person
from .fit_prior import usual_costs, usual_noise
from .fit_smooth import DEFAULT_S, smooth
from .fit_solve import N_UNITS, FrameSolver, Measured, Solution

#: Frames fitted at once, and frames to both sides that a chunk looks at besides.
CHUNK, _HALO = 256, 12
_PULL = 20.0
_TONGUE = ARKIT_NAMES.index("tongueOut")
#: Millimetres of residual, and degrees off the front, at which a frame is believed half.
_HALF_ERROR_M, _HALF_ANGLE = 0.006, np.radians(60)


@dataclass(frozen=True)
class FitRows:
    """What is fitted to some frames; gaps have zeros and a confidence of 0.

    Attributes
    ----------
    units : numpy.ndarray
        float32 (n, 52) ARKit coefficients.
    head_pose : numpy.ndarray
        float32 (n, 6) as in `ExpressionTrack`.
    confidence : numpy.ndarray
        float32 (n,).
    landmark_confidence : numpy.ndarray
        float32 (n, 478).
    error_px : numpy.ndarray
        float32 (n,): root mean square distance of landmarks from the fitted head's, in pixels.
    """

    units: np.ndarray
    head_pose: np.ndarray
    confidence: np.ndarray
    landmark_confidence: np.ndarray
    error_px: np.ndarray


@dataclass(frozen=True)
class FaceFit:
    """A fitted face.

    Attributes
    ----------
    track : ExpressionTrack
        In `arkit52`, with head pose, identity, camera and confidence; 0 marks a gap.
    own : ExpressionTrack or None
        The same in the head's own space; None for a head that has none.
    landmark_confidence : numpy.ndarray
        float32 (n, 478) in [0, 1]: low under an electrode, a hand, or on the far side.
    error_px : numpy.ndarray
        float32 (n,) reprojection error in pixels, NaN in gaps.
    """

    track: ExpressionTrack
    own: ExpressionTrack | None
    landmark_confidence: np.ndarray
    error_px: np.ndarray


class FaceFitter:
    """Fits frames of one person.

    Parameters
    ----------
    person : Person
    head : HeadModel
        The one that the person was estimated with.
    smoothing : float
        Standard deviation in s of the window that couples neighbouring frames; 0 for none.
    """

    def __init__(self, person: Person, head: HeadModel, *, smoothing: float = DEFAULT_S) -> None:
        self._person, self._smoothing = person, smoothing
        self._model = landmark_model(head)
        self._solver = FrameSolver(
            person.neutral, self._model.units, person.scores, usual_noise(person.doubt),
            person.trust, person.lens, usual_costs(person.doubt, _PULL),
        )  # fmt: skip
        self._normals = _normals(person.neutral)

    def fit(self, chunk: FaceTrack) -> FitRows:
        """Pose, expression and confidence of a stretch of frames.

        Frames are coupled with their neighbours in the chunk, not over cuts and gaps.
        """
        n, seen = len(chunk.indices), np.flatnonzero(~chunk.is_gap)
        rows = FitRows(
            np.zeros((n, N_UNITS), np.float32), np.zeros((n, 6), np.float32),
            np.zeros(n, np.float32), np.zeros((n, N_POINTS), np.float32),
            np.full(n, np.nan, np.float32),
        )  # fmt: skip
        if len(seen) == 0:
            return rows
        measured = Measured(chunk.landmarks[seen], chunk.blendshapes[seen].astype(np.float64))
        found = self._solver.solve(measured)
        if self._smoothing > 0 and len(seen) > 2:
            apart = apart_rows(chunk)[seen]
            weights = chunk.presence[seen].astype(np.float64)
            goal = smooth(
                found.units, chunk.timestamps_s[seen], apart, weights, self._smoothing, 0.005
            )
            found = self._solver.solve(measured, found, goal, rounds=1)
        return self._rows(rows, seen, chunk, found, measured)

    def _rows(
        self, rows: FitRows, seen: np.ndarray, chunk: FaceTrack, found: Solution, measured: Measured
    ) -> FitRows:
        units = found.units.copy()
        units[:, _TONGUE] = 0
        rows.units[seen] = units
        rows.head_pose[seen] = self._head_pose(found, units)
        believed = self._landmark_confidence(found)
        rows.landmark_confidence[seen] = believed
        placed = found.poses.place(self._solver.points(units))
        away = self._person.lens.project(placed) - measured.landmarks[..., :2]
        rows.error_px[seen] = np.sqrt(np.mean(np.sum(away**2, axis=2), axis=1))
        angle = np.arccos(np.clip(found.poses.seen()[:, 2, 2], -1, 1))
        error = np.sqrt(np.mean(np.sum(found.rest**2, axis=1), axis=1))
        confidence = chunk.presence[seen] / (1 + (error / _HALF_ERROR_M) ** 2)
        confidence = confidence / (1 + (angle / _HALF_ANGLE) ** 6)
        covered = believed.mean(axis=1)
        rows.confidence[seen] = np.clip(confidence * (0.4 + 0.6 * covered), 0.01, 1.0)
        return rows

    def _head_pose(self, found: Solution, units: np.ndarray) -> np.ndarray:
        """Rotation about the root joint and translation (n, 6), as `ExpressionTrack` has them."""
        rotation, person = found.poses.rotation, self._person
        root = self._model.root(person.identity, units)
        turned = np.einsum("nab,nb->na", rotation, root - person.neutral.mean(axis=0))
        translation = found.poses.centre + turned - root - np.asarray(person.camera.place)
        return np.concatenate([Rotation.from_matrix(rotation).as_rotvec(), translation], axis=1)

    def _landmark_confidence(self, found: Solution) -> np.ndarray:
        """(n, 478): trust in the landmark, how far it is off, and whether it faces the camera."""
        facing = found.poses.seen()[:, 2] @ self._normals.T
        visible = np.clip((facing + 0.2) / 0.5, 0.1, 1.0)
        sigma = self._solver.sigma
        off = np.sum((found.rest / (3 * sigma)) ** 2, axis=1)
        return np.asarray(self._person.trust * visible / (1 + off) ** 2)


def fit_faces(
    faces: FaceTrack,
    head: HeadModel | None = None,
    *,
    space: str | None = None,
    smoothing: float | None = None,
    electrodes: str | None = None,
    fov_deg: float | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> FaceFit:
    """Fit a head to one person's landmarks over a whole video.

    Parameters
    ----------
    faces : FaceTrack
        As `FaceTracks.choose` gives it.
    head : HeadModel, optional
        By default the open head.
    space : str, optional
        Name of the head's own space for `FaceFit.own`; by default all its coefficients.
    smoothing : float, optional
        Standard deviation in s of the window in time, which causes no lag; 0 for none.
    electrodes : str, optional
        "fridlund" or "kuramoto" when the person wears electrodes.
    fov_deg : float, optional
        Angle across the picture's width; estimated when absent.
    on_progress : callable, optional
        Called with the number of frames done and of all.

    Returns
    -------
    FaceFit
        Frames without a face have a confidence of 0 and zeros.

    Raises
    ------
    EiferError
        When no frame shows the face.
    """
    head = head or load_open_head()
    window = DEFAULT_S if smoothing is None else smoothing
    person = estimate_person(faces, head, fov_deg=fov_deg, electrodes=electrodes)
    fitter = FaceFitter(person, head, smoothing=window)
    n, parts = len(faces.indices), []
    for start in range(0, n, CHUNK):
        stop = min(start + CHUNK, n)
        low, high = max(0, start - _HALO), min(n, stop + _HALO)
        part = fitter.fit(part_of(faces, low, high))
        parts.append(_cut(part, start - low, stop - low))
        if on_progress is not None:
            on_progress(stop, n)
    rows = _joined(parts)
    rows = smooth_rows(rows, faces, window)
    track = track_of(rows, faces, person)
    return FaceFit(track, _own(track, head, space), rows.landmark_confidence, rows.error_px)


def _own(track: ExpressionTrack, head: HeadModel, space: str | None) -> ExpressionTrack | None:
    """The track in the head's own space, None for the open head and heads without a basis."""
    if head.n_expression == 0 or head.name == "open":
        return None
    with_arkit_units(head)
    own = retarget(track, space or head)
    return replace(own, identity=track.identity)


def track_of(rows: FitRows, faces: FaceTrack, person: Person) -> ExpressionTrack:
    """The track of fitted rows."""
    return ExpressionTrack(
        ARKIT52, rows.units, faces.timestamps_s.astype(np.float64), rows.confidence,
        rows.head_pose, person.identity.astype(np.float32),
        {"backend": "mediapipe", "fit": "landmarks"}, person.camera,
    )  # fmt: skip


def smooth_rows(rows: FitRows, faces: FaceTrack, smoothing_s: float) -> FitRows:
    """Coefficients and head pose smoothed without lag, within stretches between cuts and gaps."""
    seen = np.flatnonzero(rows.confidence > 0)
    if smoothing_s <= 0 or len(seen) < 3:
        return rows
    apart, times = apart_rows(faces)[seen], faces.timestamps_s[seen]
    weights = rows.confidence[seen].astype(np.float64)
    units, pose = rows.units.copy(), rows.head_pose.copy()
    units[seen] = smooth(units[seen], times, apart, weights, smoothing_s, 0.003)
    pose[seen] = smooth(pose[seen], times, apart, weights, smoothing_s)
    return replace(rows, units=units, head_pose=pose)


def part_of(faces: FaceTrack, start: int, stop: int) -> FaceTrack:
    """Some rows of a face track."""
    part = slice(start, stop)
    return replace(
        faces, indices=faces.indices[part], timestamps_s=faces.timestamps_s[part],
        landmarks=faces.landmarks[part], blendshapes=faces.blendshapes[part],
        presence=faces.presence[part], boxes=faces.boxes[part], is_cut=faces.is_cut[part],
    )  # fmt: skip


def apart_rows(faces: FaceTrack) -> np.ndarray:
    """Whether each row (n,) does not follow the one before: after a cut or a gap."""
    gap = faces.is_gap
    after = np.concatenate([[True], gap[:-1]])
    return np.asarray(faces.is_cut | after | gap)


def _cut(rows: FitRows, start: int, stop: int) -> FitRows:
    return FitRows(*(getattr(rows, name)[start:stop] for name in FitRows.__dataclass_fields__))


def _joined(parts: list[FitRows]) -> FitRows:
    return FitRows(*(
        np.concatenate([getattr(part, name) for part in parts])
        for name in FitRows.__dataclass_fields__
    ))  # fmt: skip


def _normals(points: np.ndarray) -> np.ndarray:
    """Unit normals (478, 3) of the landmarks' own mesh; those of the irises look ahead."""
    _, triangles = canonical_face()
    corners = points[triangles]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros((N_POINTS, 3))
    for corner in range(3):
        np.add.at(normals, triangles[:, corner], across)
    normals[N_FACE:] = (0, 0, 1)
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return np.asarray(normals / np.maximum(length, 1e-12))
