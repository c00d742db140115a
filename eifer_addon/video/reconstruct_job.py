"""A reconstructor as one of the back ends of `job.video_to_expression`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ...models.reconstructors import encoder
from ...models.reconstructors.base import Reconstructor
from ...models.reconstructors.installed import load_reconstructor
from ...models.reconstructors.registry import get_backend
from ...models.sessions import Model
from ..heads.head_file import load_head_file
from ..heads.model import HeadModel
from ..heads.retarget import retarget
from ..heads.units import basis_name
from ..progress import OnProgress
from ..spaces import get_space
from ..track import ExpressionTrack
from .bridge import bridged, is_there
from .face_tracks import FaceTrack
from .film import Video
from .fit import part_of
from .fit_smooth import smooth
from .job_fit import fitted
from .options import VideoOptions
from .reconstruct import Rows, answers, provenance, reconstruct_faces

#: The search for faces takes about one in so many parts of the time.
_PARTS = 4


@dataclass(frozen=True)
class Reconstruction:
    """A back end that is ready before the film is opened, so that a missing model is told at once.

    Attributes
    ----------
    rules : Reconstructor
    network : Model
    options : VideoOptions
    head : HeadModel or None
        The person's head where it is of the reconstructor's basis.
    given : HeadModel, path-like or None
        The head that was asked for, which our own encoder's landmarks are fitted with.
    """

    rules: Reconstructor
    network: Model
    options: VideoOptions
    head: HeadModel | None = None
    given: HeadModel | str | Path | None = None

    @classmethod
    def of(
        cls, backend: str, options: VideoOptions, head: HeadModel | str | Path | None = None
    ) -> Reconstruction | None:
        """The reconstructor of that name, None for the back end that comes with the add-on.

        Raises
        ------
        EiferError
            For an unknown name, when its model is missing or does not fit, or when the space of
            the options needs a head that is not at hand.
        """
        if options.model is None and not isinstance(get_backend(backend), Reconstructor):
            return None
        rules, network = load_reconstructor(backend, options.model)
        found = cls(rules, network, options, head_of(get_space(rules.space).basis, head), head)
        found.carried(_still(rules.space))
        return found

    @staticmethod
    def first_part(on_progress: OnProgress | None) -> OnProgress | None:
        """Progress of the search for faces, which the network's follows."""
        if on_progress is None:
            return None
        return lambda done, total: on_progress(done // _PARTS, total)

    def __call__(
        self,
        video: Video,
        faces: FaceTrack,
        on_progress: OnProgress | None = None,
        should_stop: Callable[[], bool] | None = None,
    ) -> ExpressionTrack:
        """The track of one person's face, in the space that the options name.

        Raises
        ------
        EiferError
            When the network fails or a frame is damaged.
        """
        rest = None if on_progress is None else _rest(on_progress)
        if self.rules.name == encoder.NAME and self.options.fit:
            return self._fitted(video, faces, rest, should_stop)
        track = reconstruct_faces(
            video, faces, self.rules, self.network, head=self.head, fov_deg=self.options.fov_deg,
            workers=self.options.workers, keep_going=self.options.keep_going,
            on_progress=rest, should_stop=should_stop,
        )  # fmt: skip
        if self.options.smoothing:
            track = smoothed(track, faces.is_cut[: len(track)], self.options.smoothing)
        return self.carried(track)

    def _fitted(
        self,
        video: Video,
        faces: FaceTrack,
        on_progress: OnProgress | None,
        should_stop: Callable[[], bool] | None,
    ) -> ExpressionTrack:
        """The encoder's landmarks and scores in place of the first ones, and the fit on them."""
        sought = bridged(faces)
        answered, n_done = answers(
            video, sought, self.rules, self.network, self.options.workers,
            self.options.keep_going, on_progress, should_stop,
        )  # fmt: skip
        read = read_anew(part_of(faces, 0, n_done), answered, part_of(sought, 0, n_done))
        track = fitted(read, self.given, self.options, None)
        about = provenance(self.rules, self.network) | dict(track.provenance)
        return replace(track, provenance=about)

    def carried(self, track: ExpressionTrack) -> ExpressionTrack:
        """A track of the reconstructor in the space that the options name."""
        if self.options.space in {None, "own", track.space.name}:
            return track
        return retarget(track, str(self.options.space), source_head=self.head)


def read_anew(faces: FaceTrack, answered: Rows, sought: FaceTrack | None = None) -> FaceTrack:
    """A face with landmarks and scores of our own encoder, where it gave some.

    `sought` has places for frames in which the face was not seen at first; those stay gaps in which
    the encoder sees none there either.
    """
    sought = faces if sought is None else sought
    points = encoder.landmarks_back(answered.outputs, answered.crops).astype(np.float32)
    kept = ~faces.is_gap[answered.rows] | is_there(sought.landmarks[answered.rows], points)
    rows, points = answered.rows[kept], points[kept]
    landmarks, scores = np.array(faces.landmarks), np.array(faces.blendshapes)
    boxes, presence = np.array(faces.boxes), np.array(faces.presence)
    landmarks[rows], scores[rows] = points, answered.outputs[kept, : encoder.N_SCORES]
    flat = points[..., :2]
    boxes[rows] = np.concatenate([flat.min(axis=1), flat.max(axis=1)], axis=1)
    presence[rows] = sought.presence[rows]
    return replace(faces, landmarks=landmarks, blendshapes=scores, boxes=boxes, presence=presence)


def smoothed(track: ExpressionTrack, is_cut: np.ndarray, seconds: float) -> ExpressionTrack:
    """Coefficients and head pose smoothed without lag, not over gaps and cuts; see `fit_smooth`.

    Parameters
    ----------
    track : ExpressionTrack
    is_cut : numpy.ndarray
        bool (n,), whether a cut lies before the frame.
    seconds : float
        Standard deviation of the window in time.
    """
    gap = track.confidence <= 0
    seen = np.flatnonzero(~gap)
    apart = (is_cut | np.concatenate([[True], gap[:-1]]))[seen]
    times, weights = track.timestamps[seen], track.confidence[seen].astype(np.float64)

    def calm(values: np.ndarray) -> np.ndarray:
        result = values.copy()
        result[seen] = smooth(values[seen], times, apart, weights, seconds)
        return result

    pose = None if track.head_pose is None else calm(track.head_pose)
    return replace(track, coefficients=calm(track.coefficients), head_pose=pose)


def head_of(basis: str, head: HeadModel | str | Path | None) -> HeadModel | None:
    """The head that was given, where it is of the basis; None for another one, or for none."""
    given = load_head_file(head) if isinstance(head, str | Path) else head
    if given is None:
        return None
    # Not every FLAME file's name tells its year; the person says with it that it is the basis.
    name = basis_name(given)
    return given if name == basis or (name == "flame" and basis.startswith(name)) else None


def _still(space: str) -> ExpressionTrack:
    """A frame of nothing, by which it is known before the work whether a track can be carried."""
    wanted = get_space(space)
    return ExpressionTrack(
        wanted, np.zeros((1, len(wanted)), np.float32), np.zeros(1), np.ones(1, np.float32)
    )


def _rest(on_progress: OnProgress) -> OnProgress:
    return lambda done, total: on_progress((total + (_PARTS - 1) * done) // _PARTS, total)
