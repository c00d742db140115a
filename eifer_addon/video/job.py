"""From a video file to an expression track: the one function behind button, command and script."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import EiferError
from ..files import sha256_of
from ..progress import OnProgress
from ..spaces import get_space
from ..track import ExpressionTrack
from ..version import software_version
from .decode import PICTURES_HZ, open_video
from .face_tracks import FaceTrack, FaceTracks, FrameFaces, follow_faces
from .film import Video
from .options import VideoOptions

if TYPE_CHECKING:
    from ..heads.model import HeadModel


def video_to_expression(
    path: str | Path,
    backend: str = "mediapipe",
    head: HeadModel | str | Path | None = None,
    on_progress: OnProgress | None = None,
    *,
    should_stop: Callable[[], bool] | None = None,
    **choices: Any,
) -> ExpressionTrack:
    """Turn a video of a face into an expression track.

    Parameters
    ----------
    path : path-like
        Whatever `decode.open_video` reads.
    backend : str
        "mediapipe", which comes with the add-on, or an imported reconstructor.
    head : HeadModel or path-like, optional
        The head that is fitted; None is the open head.
    on_progress : callable, optional
        Called with the number of frames done and of all; it may raise `Cancelled`.
    should_stop : callable, optional
        Asked after each frame; when it says True, what is done by then is the result.
    **choices
        See `options.VideoOptions`: ``space``, ``start``, ``stop``, ``step``, ``who``,
        ``max_faces``, ``fit``, ``smoothing``, ``electrodes``, ``fov_deg``, ``workers``,
        ``state``, ``rate_hz``, ``keep_going``.

    Returns
    -------
    ExpressionTrack
        At the file's own timestamps, with head pose, identity, camera and confidence; frames
        without the face are gaps (confidence 0).

    Raises
    ------
    EiferError
        When the file is no video, is damaged, or never shows a face.
    """
    options = VideoOptions.of(choices)
    video = open_video(path, rate_hz=options.rate_hz or PICTURES_HZ)
    faces = _faces(video, options, on_progress, should_stop)
    if faces.is_gap.all():
        raise EiferError(
            f"No face was found in {video.path.name}.",
            "Choose a film in which a face is seen from the front, larger than a twentieth of "
            "the picture's height.",
        )
    track = _raw(faces)
    head = _head(head) if options.fit else None
    return replace(track, provenance=_provenance(video, options, backend, track))


def _head(head: HeadModel | str | Path | None) -> HeadModel:
    """The head that is fitted."""
    from ..heads.flame_file import load_flame
    from ..heads.open_head import load_open_head

    if head is None:
        return load_open_head()
    return load_flame(head) if isinstance(head, str | Path) else head


def _faces(
    video: Video,
    options: VideoOptions,
    on_progress: OnProgress | None,
    should_stop: Callable[[], bool] | None,
) -> FaceTrack:
    """The chosen person's face in every frame."""
    end = video.facts.n_frames if options.stop is None else options.stop
    total = len(range(options.start, min(end, video.facts.n_frames), options.step))
    frames: list[FrameFaces] = []
    for found in follow_faces(
        video, start=options.start, stop=options.stop, step=options.step,
        max_faces=options.max_faces, keep_going=options.keep_going,
    ):  # fmt: skip
        frames.append(found)
        if on_progress is not None:
            on_progress(len(frames), max(total, len(frames)))
        if should_stop is not None and should_stop():
            break
    size = video.facts.width, video.facts.height
    return FaceTracks(tuple(frames), size, video.path.name).choose(options.who)


def _raw(faces: FaceTrack) -> ExpressionTrack:
    """The network's own scores, without a fit."""
    there = ~faces.is_gap
    scores = np.where(there[:, None], faces.blendshapes, 0).astype(np.float32)
    return ExpressionTrack(get_space("arkit52"), scores, faces.timestamps_s, faces.presence)


def _provenance(
    video: Video, options: VideoOptions, backend: str, track: ExpressionTrack
) -> dict[str, Any]:
    path = video.path
    return {
        **track.provenance,
        "source": path.name,
        "source_sha256": sha256_of(path) if path.is_file() else "",
        "backend": backend,
        "software_version": software_version(),
        "options": options.to_document(),
        "frames": len(track),
        "gaps": int(np.sum(track.confidence <= 0)),
        "rate_hz": video.facts.rate_hz,
        "step": options.step,
    }
