"""Electrodes off many films at once: which are left to do, on cores or on a cluster."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..models.translator import load_translator
from .errors import EiferError
from .files import make_folder
from .video.batch_plan import Clip, clips_of, find_films, source_of, what_is_left
from .video.remove_job import Reading, remove_electrodes
from .video_batch import ATTEMPTS, BatchResult, OnNews, arrived, work_off, write_summary
from .video_clip import Request

#: Beside the films: what was done with which choices, a folder for each film.
_KEPT = ".eifer"
SUMMARY = "clean.csv"
_COLUMNS = (
    "name", "state", "frames", "face_frames", "covered_frames", "covered", "sound",
    "frames_per_s", "seconds", "host", "path", "sentence", "note",
)  # fmt: skip
_NOTHING = "no electrodes were found"


def clean_batch(
    files: Iterable[str | Path] | str | Path,
    out: str | Path,
    *,
    model: str | Path | None = None,
    scheduler: str | None = None,
    workers: int | None = None,
    overwrite: bool = False,
    on_news: OnNews | None = None,
    **choices: Any,
) -> BatchResult:
    """Remove the electrodes from many films.

    A film becomes ``out/NAME.mp4``. What is done already is skipped, what was interrupted goes on,
    and a film that fails is a sentence in the result.

    Parameters
    ----------
    files : path-like or iterable of path-like
        Videos, folders of them, image sequences, patterns with ``*``.
    out : path-like
        The folder for the films.
    model : path-like, optional
        A translator of the user's.
    scheduler : str, optional
        Address of a Dask scheduler whose workers see the same files; None uses this machine.
    workers : int, optional
        Processes on this machine; None is one for each core.
    overwrite : bool
        Make again what is done already.
    on_news : callable, optional
        Called with "workers", "progress" or "report" and a dict.
    **choices
        Of :func:`remove_electrodes`: ``who``, ``start``, ``stop``, ``step``, ``rate_hz``,
        ``keep_going``.

    Returns
    -------
    BatchResult
        With a report for each film, in the order of `files`.

    Raises
    ------
    EiferError
        When there is nothing to do, a choice makes no sense, or the cluster does not answer.
    """
    Reading.of({name: value for name, value in choices.items() if name != "who"})
    translator = load_translator(model)
    place = Path(out).absolute()
    given = [files] if isinstance(files, str | Path) else files
    clips = [
        replace(clip, folder=place / _KEPT / clip.name)
        for clip in clips_of(find_films(given), place)
    ]
    news = on_news or (lambda _kind, _values: None)
    key = {"translator": translator.sha256, "options": choices}
    about = None if model is None else str(Path(model).absolute())
    run = secrets.token_hex(4)
    reports: dict[str, dict[str, Any]] = {}
    jobs: list[Request] = []
    make_folder(place)
    for clip in clips:
        report, job = _plan(clip, place, about, choices, key, run, overwrite=overwrite)
        if job is not None:
            jobs.append(job)
        else:
            reports[clip.name] = report
            news("report", report)
    folders = {clip.name: clip.folder for clip in clips}
    for report in work_off(jobs, scheduler, workers, news):
        found = arrived(report, folders[report["name"]])
        reports[report["name"]] = {"path": report["source"]["path"], **found}
        news("report", reports[report["name"]])
    ordered = tuple(reports[clip.name] for clip in clips)
    return BatchResult(place, ordered, write_summary(place / SUMMARY, ordered, _COLUMNS))


def _plan(
    clip: Clip, place: Path, model: str | None, choices: dict[str, Any], key: dict[str, Any],
    run: str, *, overwrite: bool,
) -> tuple[dict[str, Any], Request | None]:  # fmt: skip
    """A report of what needs no work, or the job."""
    about = {"name": clip.name, "path": str(clip.path)}
    try:
        source = source_of(clip.path)
        what, job = what_is_left(clip, source, key, overwrite=overwrite)
    except EiferError as error:
        return about | {"state": "failed", "sentence": str(error)}, None
    if what == "done":
        return {**job, **about, "state": "skipped"}, None
    options = {"model": model, "overwrite": overwrite, "choices": choices}
    return about, Request(
        path=str(clip.path), folder=str(clip.folder), name=clip.name, run=run, attempts=ATTEMPTS,
        backend="translator", head=None, options={**options, "workers": 1}, key=key,
        clean=str(place / f"{clip.name}.mp4"),
    )  # fmt: skip


def make_clean(request: Request, on_progress: Callable[[int, int], None] | None) -> dict[str, Any]:
    """Do the job of one film in whatever process; what a report tells of it."""
    began = time.monotonic()
    options, target = request.options, Path(str(request.clean))
    done = remove_electrodes(
        request.path, target, options["model"], on_progress, workers=options["workers"],
        overwrite=options["overwrite"], **options["choices"],
    )  # fmt: skip
    facts = source_of(Path(request.path))
    return {
        "files": {"clean": str(Path("..") / ".." / target.name)}, "source": facts,
        "frames": done.frames, "face_frames": done.face_frames,
        "covered_frames": done.covered_frames, "covered": done.covered, "sound": done.sound,
        "translator": done.translator, "translator_sha256": done.translator_sha256,
        "frames_per_s": round(done.frames / max(time.monotonic() - began, 1e-9), 2),
        "damage": list(done.damage), "note": "" if done.has_electrodes else _NOTHING,
    }  # fmt: skip
