"""The fit of a film's face, a stretch at a time, so that only coefficients grow with the film."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..progress import OnProgress
from ..spaces import ARKIT52
from ..track import ExpressionTrack
from .face_tracks import FaceTrack
from .job_faces import landmarks_of
from .options import VideoOptions
from .visibility import visibility_of

if TYPE_CHECKING:
    from ..heads.model import HeadModel
    from .fit import FitRows

#: Frames beside a stretch that are fitted with it, to couple it with its neighbours.
_HALO = 12


@dataclass(frozen=True)
class _Part:
    """A fitted stretch, without what is known of every single landmark."""

    rows: FitRows
    visibility: Mapping[str, np.ndarray]


def prepared(head: HeadModel | str | Path | None) -> HeadModel:
    """The head that is to be fitted, with all that takes its time found already.

    Raises
    ------
    EiferError
        When the head cannot be read, or no face is recognised on it.
    """
    from .fit_model import landmark_model

    model = _head(head)
    landmark_model(model)
    return model


def fitted(
    faces: FaceTrack,
    head: HeadModel | str | Path | None,
    options: VideoOptions,
    on_progress: OnProgress | None,
) -> ExpressionTrack:
    """The track of a face in the space that the options name.

    Parameters
    ----------
    faces : FaceTrack
        The landmarks may lie on disk.
    head : HeadModel or path-like, optional
        None is the open head.
    options : VideoOptions
    on_progress : callable, optional
        Called with the number of frames done and of all.

    Returns
    -------
    ExpressionTrack
        As `fit.fit_faces` gives it, with the visibility of the parts of the face and with the
        median distance between landmarks and the fitted head in its provenance.

    Raises
    ------
    EiferError
        When the head, the electrodes or the space are not known.
    """
    from .fit import CHUNK, FaceFitter, smooth_rows, track_of
    from .fit_person import estimate_person
    from .fit_smooth import DEFAULT_S

    model = _head(head)
    window = DEFAULT_S if options.smoothing is None else options.smoothing
    person = estimate_person(
        faces, model, fov_deg=options.fov_deg, electrodes=options.electrodes
    )  # fmt: skip
    fitter = FaceFitter(person, model, smoothing=window)
    n, parts = len(faces.indices), []
    for start in range(0, n, CHUNK):
        stop = min(start + CHUNK, n)
        parts.append(_stretch(fitter, faces, start, stop))
        if on_progress is not None:
            on_progress(stop, n)
    rows = smooth_rows(_joined([part.rows for part in parts]), faces, window)
    track = track_of(rows, faces, person)
    error_px = float(np.nanmedian(rows.error_px))
    track = replace(
        track,
        visibility={
            region: np.concatenate([part.visibility[region] for part in parts])
            for region in parts[0].visibility
        },
        provenance={**track.provenance, "reprojection_error_px": round(error_px, 3)},
    )
    return _carried(track, model, options.space)


def _stretch(fitter: Any, faces: FaceTrack, start: int, stop: int) -> _Part:
    from .fit import part_of

    low, high = max(0, start - _HALO), min(len(faces.indices), stop + _HALO)
    if isinstance(faces.landmarks, np.memmap) and faces.landmarks.filename is not None:
        # A map of its own for each stretch: what one map has shown stays in memory with it.
        landmarks = landmarks_of(Path(faces.landmarks.filename), len(faces.indices))
        faces = replace(faces, landmarks=landmarks)
    rows = fitter.fit(part_of(faces, low, high))
    own = slice(start - low, stop - low)
    cut = {name: getattr(rows, name)[own] for name in vars(rows)}
    visibility = visibility_of(cut["landmark_confidence"])
    cut["landmark_confidence"] = np.zeros((stop - start, 0), np.float32)
    return _Part(type(rows)(**cut), visibility)


def _joined(parts: list[FitRows]) -> FitRows:
    names = vars(parts[0])
    return type(parts[0])(
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    )


def _carried(track: ExpressionTrack, head: HeadModel, space: str | None) -> ExpressionTrack:
    """The track in a space; identity stays where the head is the same."""
    if space in {None, ARKIT52.name}:
        return track
    from ..heads.retarget import retarget, with_arkit_units

    if space != "own":
        return retarget(track, str(space), source_head=head)
    if head.n_expression == 0 or head.name == "open":
        return track
    with_arkit_units(head)
    return replace(retarget(track, head), identity=track.identity)


def _head(head: HeadModel | str | Path | None) -> HeadModel:
    from ..heads.flame_file import load_flame
    from ..heads.open_head import load_open_head

    if head is None:
        return load_open_head()
    return load_flame(head) if isinstance(head, str | Path) else head
