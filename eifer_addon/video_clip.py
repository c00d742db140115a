"""One film's job in a batch: from the file to its folder of results, in whatever process.

A job is a pure function of a file and of a request that is plain JSON, so that it can run here, in
a worker on this machine or on another one that sees the same files, and again after a worker died.
"""

from __future__ import annotations

import json
import shutil
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .errors import EiferError
from .files import sha256_of, write_error
from .spaces import ARKIT52
from .track import ExpressionTrack
from .video.batch_plan import JOB, source_of, write_job

TRACK, TABLE, ATTEMPTS, STATE = "track.npz", "track.csv", ".attempts", ".state"
#: A coefficient that stays below this all the time shows nothing on a head.
_MOVEMENT = 0.1
_STILL = "hardly any movement: what lasts for the whole film counts as the face at rest"
#: ``on_progress(done, total)`` in frames.
OnProgress = Callable[[int, int], None]


@dataclass(frozen=True)
class Request:
    """What is asked for, as it travels.

    Attributes
    ----------
    path, folder : str
        The film and its folder of results, absolute.
    name : str
        Of the clip.
    run : str
        Which batch asks, so that its attempts can be told from earlier ones.
    attempts : int
        How often the job may begin in one batch: it begins again when its worker died.
    backend : str
    head : str or None
        A FLAME file.
    options : dict
        Of `VideoOptions`, without ``state``.
    key : dict
        What the results depend on besides the film, kept in ``job.json``.
    render : dict or None
        Size and engine of the film that is rendered, and ``blender``, the program that does it.
    has_track : bool
        Whether the track is there already and only the render is missing.
    clean : str or None
        For a job that removes electrodes instead of making a track: where the film goes.
    """

    path: str
    folder: str
    name: str
    run: str
    attempts: int
    backend: str
    head: str | None
    options: dict[str, Any]
    key: dict[str, Any]
    render: dict[str, Any] | None = None
    has_track: bool = False
    clean: str | None = None


def run_json(request: str) -> str:
    """:func:`run` for a worker: JSON in, JSON out, frames told to whoever watches the cluster."""
    from .video.batch_engine import tell_progress

    asked = Request(**json.loads(request))
    return json.dumps(run(asked, tell_progress(asked.name)))


def run(request: Request, on_progress: OnProgress | None = None) -> dict[str, Any]:
    """Do the job and write what came of it into ``job.json``.

    Parameters
    ----------
    request : Request
    on_progress : callable, optional
        Called with the number of frames done and of all.

    Returns
    -------
    dict
        The report: "state" ("done" or "failed"), "sentence" where it failed, "frames",
        "face_frames", "gaps", "mean_confidence", "frames_per_s", "note" (what whoever reads the
        numbers should know, mostly nothing), "files" …
    """
    began = time.monotonic()
    report: dict[str, Any] = {
        "name": request.name, "host": socket.gethostname(), "state": "failed", "sentence": "",
        "source": {"path": request.path}, "request": request.key, "files": {},
    }  # fmt: skip
    folder = Path(request.folder)
    try:
        report["source"] = _seen(Path(request.path))
        hosts = _begun(request, folder)
        report["attempts"] = min(len(hosts) + 1, request.attempts)
        _begin(request, folder, hosts)
        if request.clean is not None:
            from .clean_batch import make_clean

            report |= make_clean(request, on_progress)
        elif request.has_track:
            report |= _known(folder)
        else:
            report |= _make_track(request, folder, on_progress)
        report["track_state"] = "done"
        if request.render is not None:
            from .video_render import render_clip

            report["files"] |= render_clip(Path(request.path), folder, request)
        report["state"] = "done"
    except EiferError as error:
        report["sentence"] = str(error)
    except OSError as error:
        report["sentence"] = str(write_error(folder, error))
    report["seconds"] = round(time.monotonic() - began, 3)
    _end(folder, report)
    return report


def _seen(path: Path) -> dict[str, Any]:
    """What tells the film from another; whoever sent the job saw it."""
    try:
        return source_of(path)
    except EiferError as error:
        raise EiferError(
            f"The process on {socket.gethostname()} does not see {path}.",
            "Films and results must lie where all workers see them, under the same path.",
        ) from error


def _begun(request: Request, folder: Path) -> list[str]:
    """Where this batch has begun the job so far; the folder is made for the first time."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / ATTEMPTS
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    return [line.split(" ", 1)[1] for line in lines if line.startswith(f"{request.run} ")]


def _begin(request: Request, folder: Path, hosts: list[str]) -> None:
    """Note that the job begins.

    Raises
    ------
    EiferError
        When it began too often: it takes its process with it.
    """
    if len(hosts) >= request.attempts:
        raise EiferError(
            f"The process that worked on {Path(request.path).name} ended without a word, "
            f"{len(hosts)} times (on {', '.join(dict.fromkeys(hosts))}).",
            "The file may crash its decoder, or need more memory than there is: convert it, or "
            "give fewer --workers.",
        )
    with (folder / ATTEMPTS).open("a", encoding="utf-8") as stream:
        stream.write(f"{request.run} {socket.gethostname()}\n")


def _end(folder: Path, report: dict[str, Any]) -> None:
    """Write ``job.json``; of a track that is done, the state of the work is thrown away."""
    if not folder.is_dir():
        return
    try:
        if report["state"] == "done" or report.get("track_state") == "done":
            shutil.rmtree(folder / STATE, ignore_errors=True)
        (folder / ATTEMPTS).unlink(missing_ok=True)
        write_job(folder, report)
    except (EiferError, OSError) as error:
        report["state"] = "failed"
        report["sentence"] = report["sentence"] or str(error)
    if report["state"] == "failed" and not report["files"]:
        with suppress(OSError):
            # A folder of nothing but a failure keeps its job.json; an empty one goes.
            if not (folder / JOB).exists():
                folder.rmdir()


def _known(folder: Path) -> dict[str, Any]:
    """What the earlier job said of the track that is there."""
    from .video.batch_plan import read_job

    job = read_job(folder) or {}
    kept = (
        "files", "frames", "face_frames", "gaps", "mean_confidence", "frames_per_s", "duration_s",
        "spaces", "provenance", "source", "note",
    )  # fmt: skip
    return {name: job[name] for name in kept if name in job}


def _make_track(request: Request, folder: Path, on_progress: OnProgress | None) -> dict[str, Any]:
    """Reconstruct, and write the tracks and the table."""
    began = time.monotonic()
    tracks = _tracks(request, folder, on_progress)
    seconds = time.monotonic() - began
    files: dict[str, str] = {}
    for label, track in tracks.items():
        name = TRACK if label == ARKIT52.name else f"track_{label.replace(':', '-')}.npz"
        track.save(folder / name)
        files["track" if label == ARKIT52.name else "own_track"] = name
    main = tracks.get(ARKIT52.name) or next(iter(tracks.values()))
    if ARKIT52.name in tracks:
        from .exchange.researchers import write

        write(main, folder / TABLE)
        files["table"] = TABLE
    source = dict(source_of(Path(request.path)))
    if digest := main.provenance.get("source_sha256"):
        source["sha256"] = digest
    elif Path(request.path).is_file():
        source["sha256"] = sha256_of(request.path)
    return facts_of(main, seconds) | {
        "files": files, "source": source, "spaces": list(tracks),
        "provenance": json.loads(json.dumps(dict(main.provenance), default=str)),
    }  # fmt: skip


def _tracks(
    request: Request, folder: Path, on_progress: OnProgress | None
) -> dict[str, ExpressionTrack]:
    """The film's track in `arkit52` and, where there is another one, in the head's own space."""
    from . import api
    from .heads.retarget import retarget

    state = folder / STATE
    head = None
    if request.head is not None:
        from .heads.head_file import load_head_file

        head = load_head_file(request.head)
    track = api.video_to_expression(
        request.path, request.backend, head, on_progress,
        **{**request.options, "state": str(state)},
    )  # fmt: skip
    found = {track.space.name: track}
    if track.space.name != ARKIT52.name:
        with suppress(EiferError):  # for want of the head's units it stays in its own space
            found[ARKIT52.name] = retarget(track, ARKIT52.name, source_head=head)
    elif head is not None:
        own = replace(retarget(track, head), identity=track.identity)
        found[own.space.name] = own
    return found


def facts_of(track: ExpressionTrack, seconds: float) -> dict[str, Any]:
    """What a summary says of a track that took some seconds to make."""
    seen = track.confidence > 0
    mean = float(track.confidence[seen].mean()) if seen.any() else 0.0
    return {
        "frames": len(track),
        "face_frames": int(seen.sum()),
        "gaps": int((~seen).sum()),
        "mean_confidence": round(mean, 4),
        "frames_per_s": round(len(track) / seconds, 2) if seconds > 0 else 0.0,
        "duration_s": round(track.duration_s, 4),
        "note": _STILL if seen.any() and _is_still(track) else "",
    }


def _is_still(track: ExpressionTrack) -> bool:
    """Whether the face keeps one expression, which the fit takes for its rest."""
    is_fitted = track.provenance.get("fit") == "landmarks" and track.space.name == ARKIT52.name
    return is_fitted and float(track.coefficients.max()) < _MOVEMENT
