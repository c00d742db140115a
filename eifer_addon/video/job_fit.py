"""The fit of a film's face."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import EiferError
from ..progress import OnProgress
from ..track import ExpressionTrack
from .face_tracks import FaceTrack
from .options import VideoOptions
from .visibility import visibility_of

if TYPE_CHECKING:
    from ..heads.model import HeadModel


def fitted(
    faces: FaceTrack,
    head: HeadModel | str | Path | None,
    options: VideoOptions,
    on_progress: OnProgress | None,
) -> ExpressionTrack:
    """The track of a face, in the space that the options name."""
    from .fit import fit_faces

    fit = fit_faces(
        faces, _head(head), space=None, smoothing=options.smoothing,
        electrodes=options.electrodes, fov_deg=options.fov_deg, on_progress=on_progress,
    )  # fmt: skip
    track = fit.track if options.space in {None, "arkit52"} else fit.own
    if track is None:
        raise EiferError("This head has no expression space of its own.", "Use arkit52.")
    return replace(track, visibility=visibility_of(fit.landmark_confidence))


def _head(head: HeadModel | str | Path | None) -> HeadModel:
    from ..heads.flame_file import load_flame
    from ..heads.open_head import load_open_head

    if head is None:
        return load_open_head()
    return load_flame(head) if isinstance(head, str | Path) else head
