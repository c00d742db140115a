"""From a video file to an expression track: the one function behind button, command and script."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import EiferError
from ..files import cache_folder, write_error
from ..progress import OnProgress
from ..spaces import get_space
from ..track import ExpressionTrack
from ..version import software_version
from .decode import PICTURES_HZ, open_video
from .face_tracks import FaceTrack
from .film import Video
from .job_faces import FilmFaces, folder_name, model_sha256, source_of
from .job_fit import fitted, prepared
from .options import VideoOptions
from .remove_target import check_target

if TYPE_CHECKING:
    from ..heads.model import HeadModel
    from .reconstruct_job import Reconstruction

#: The part of the time in which faces are looked for; the fit takes the rest.
_FACES_PART = 0.8
#: Work of a process that was killed is taken away after two days.
_LEFT_S = 2 * 86400.0


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
        ``state``, ``model``, ``rate_hz``, ``keep_going``, ``remove_electrodes``,
        ``translator``, ``clean_film``.

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
    reconstructor = _reconstruction(backend, options, head)
    video = _opened(path, options)
    source = source_of(video)
    with _work_folder(options, folder_name(video, options, source)) as work:
        film = FilmFaces(video, options, work.folder, source)
        first, rest = _shared(on_progress, film.total, reconstructor, options)
        with_fit = options.fit and reconstructor is None
        models: list[HeadModel] = []
        # While the others work; a head that cannot be read is told at once.
        meanwhile = (lambda: models.append(prepared(head))) if with_fit else _nothing
        faces = film.follow(first, should_stop or _never, meanwhile)
        work.is_unfinished = len(faces.indices) < film.total - len(film.damage)
        _check(faces, video)
        if reconstructor is not None:
            track = reconstructor(film.shown, faces, on_progress, should_stop)
        elif with_fit:
            track = fitted(faces, models[0], options, rest)
        else:
            track = _raw(faces)
        removal = film.removal
        if options.clean_film and film.write_clean(Path(options.clean_film)):
            removal["clean_film"] = Path(options.clean_film).name
    about = removal | _provenance(video, options, backend, track, source["sha256"])
    about |= {"complete": len(track) >= film.total - len(film.damage)}
    about |= {"damage": list(film.damage)} if film.damage else {}
    # The first frame begins the film and cuts nothing.
    cuts = [round(float(t), 6) for t in faces.timestamps_s[1:][faces.is_cut[1:]]]
    about |= {"cuts": cuts} if cuts else {}
    return replace(track, provenance={**track.provenance, **about})


def _opened(path: str | Path, options: VideoOptions) -> Video:
    video = open_video(path, rate_hz=options.rate_hz or PICTURES_HZ)
    if options.clean_film:
        check_target(video, Path(options.clean_film), overwrite=True)
    return video


def _check(faces: FaceTrack, video: Video) -> None:
    if faces.is_gap.all():
        raise EiferError(
            f"No face was found in {video.path.name}.",
            "Choose a film in which a face is seen from the front, larger than a twentieth of "
            "the picture's height.",
        )


def _never() -> bool:
    return False


def _nothing() -> None:
    pass


def _shared(
    on_progress: OnProgress | None,
    total: int,
    reconstructor: Reconstruction | None,
    options: VideoOptions,
) -> tuple[Callable[[int], None], Callable[[int, int], None]]:
    """Progress of the search for faces, and of the fit, as parts of one."""
    if on_progress is None:
        return (lambda _: None), (lambda _, __: None)
    if reconstructor is not None:
        part = reconstructor.first_part(on_progress) or on_progress
        return (lambda done: part(done, total)), on_progress
    if not options.fit:
        return (lambda done: on_progress(done, total)), on_progress
    faces = _FACES_PART

    def rest(done: int, n: int) -> None:
        on_progress(round(n * faces + (1 - faces) * done), total)

    return (lambda done: on_progress(int(faces * done), total)), rest


@dataclass
class _Work:
    """Where the journals of a film are, and whether there is something to go on with."""

    folder: Path
    is_unfinished: bool = False


@contextmanager
def _work_folder(options: VideoOptions, name: str) -> Iterator[_Work]:
    """A folder for the journals, kept after a stop or a failure where the user named one."""
    base = Path(options.state) if options.state else cache_folder() / "video"
    _sweep(cache_folder() / "video")
    folder = base / (name if options.state else f"{name}-{os.getpid()}-{time.monotonic_ns()}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(folder, error) from error
    work = _Work(folder)
    try:
        yield work
    except BaseException:
        work.is_unfinished = True
        raise
    finally:
        if not (work.is_unfinished and options.state):
            shutil.rmtree(folder, ignore_errors=True)


def _sweep(folder: Path) -> None:
    """Take away what processes that were killed have left."""
    for left in folder.glob("*") if folder.is_dir() else ():
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > _LEFT_S:
                shutil.rmtree(left, ignore_errors=True)


def _reconstruction(
    backend: str, options: VideoOptions, head: HeadModel | str | Path | None
) -> Reconstruction | None:
    """The user's reconstructor, None for the back end that comes with the add-on."""
    if backend == "mediapipe" and options.model is None:
        return None
    from .reconstruct_job import Reconstruction

    return Reconstruction.of(backend, options, head)


def _raw(faces: FaceTrack) -> ExpressionTrack:
    """The network's own scores, without a fit."""
    there = ~faces.is_gap
    scores = np.where(there[:, None], faces.blendshapes, 0).astype(np.float32)
    return ExpressionTrack(get_space("arkit52"), scores, faces.timestamps_s, faces.presence)


def _provenance(
    video: Video, options: VideoOptions, backend: str, track: ExpressionTrack, sha256: str
) -> dict[str, Any]:
    about: dict[str, Any] = {"model": "face_landmarker", "model_sha256": model_sha256()}
    return {
        **({} if "model" in track.provenance else about),
        "source": video.path.name,
        "source_sha256": sha256,
        "backend": backend,
        "software_version": software_version(),
        "options": options.to_provenance(),
        "frames": len(track),
        "gaps": int(np.sum(track.confidence <= 0)),
        "rate_hz": video.facts.rate_hz,
        "step": options.step,
    }
