"""Many films at once: what is left to do, the engine that does it, and the table at the end."""

from __future__ import annotations

import csv
import json
import os
import secrets
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .errors import EiferError
from .files import atomic_path, cache_folder, make_folder, sha256_of
from .processes import Child
from .version import software_version
from .video.batch_plan import Clip, clips_of, find_films, source_of, what_is_left
from .video.options import VideoOptions
from .video_clip import Request, run

_ROOT = Path(__file__).resolve().parents[1]
#: A film's job begins at most so often in a batch; it begins again when its worker died.
ATTEMPTS = 3
SUMMARY = "summary.csv"
_LOOK_EVERY_S = 0.1
_PATIENCE_S = 10.0
_COLUMNS = (
    "name", "state", "frames", "face_frames", "gaps", "mean_confidence", "frames_per_s",
    "seconds", "host", "path", "sentence", "note",
)  # fmt: skip
#: ``on_news(kind, values)``: "report" as a film is done, "progress" with its frames, "workers".
OnNews = Callable[[str, dict[str, Any]], None]


@dataclass(frozen=True)
class BatchResult:
    """What became of a batch.

    Attributes
    ----------
    out : pathlib.Path
    reports : tuple of dict
        One for each film, in the order in which they were named: "name", "path", "state" ("done",
        "skipped" because it was done before, or "failed"), "sentence", "frames", "face_frames",
        "gaps", "mean_confidence", "frames_per_s", "files" …
    """

    out: Path
    reports: tuple[dict[str, Any], ...]
    table: Path | None = field(default=None)

    @property
    def failed(self) -> tuple[dict[str, Any], ...]:
        """The reports of films that failed."""
        return tuple(one for one in self.reports if one["state"] == "failed")


@dataclass(frozen=True)
class _Choices:
    """What is the same for all films of a batch."""

    backend: str
    head: str | None
    options: dict[str, Any]
    render: dict[str, Any] | None
    attempts: int
    overwrite: bool
    run: str = field(default_factory=lambda: secrets.token_hex(4))

    @property
    def key(self) -> dict[str, Any]:
        """What results depend on besides the film."""
        head = None if self.head is None else sha256_of(self.head)
        render = None
        if self.render is not None:
            render = {k: v for k, v in self.render.items() if k != "blender"}
        return {"backend": self.backend, "head": head, "options": self.options, "render": render}


def video_batch(
    files: Iterable[str | Path] | str | Path,
    out: str | Path,
    *,
    backend: str = "mediapipe",
    head: str | Path | None = None,
    render: Mapping[str, Any] | bool | None = None,
    scheduler: str | None = None,
    workers: int | None = None,
    attempts: int = ATTEMPTS,
    overwrite: bool = False,
    on_news: OnNews | None = None,
    **choices: Any,
) -> BatchResult:
    """Turn many videos into tracks, tables and, if wanted, renders.

    A video's results lie in ``out/NAME/``: ``track.npz`` (`arkit52`), ``track.csv`` (the
    researchers' table), ``track_SPACE.npz`` where the head has a space of its own, ``job.json``,
    and with `render` ``NAME.blend`` and ``NAME.mp4``. What is done there already is skipped, what
    was interrupted goes on, and a video that fails is a sentence in the result.

    Parameters
    ----------
    files : path-like or iterable of path-like
        Videos, folders of them, image sequences, patterns with ``*``.
    out : path-like
        The folder for the results.
    backend : str
        As for :func:`video_to_expression`.
    head : path-like, optional
        A FLAME file; None is the open head.
    render : bool or mapping, optional
        ``style`` ("beside", "over" or "avatar"), ``size`` (longer side in pixels), ``engine``.
    scheduler : str, optional
        Address of a Dask scheduler whose workers see the same files; None uses this machine.
    workers : int, optional
        Processes on this machine; None is one for each core.
    attempts : int
        How often a video is begun again after its process died.
    overwrite : bool
        Make again what is done already.
    on_news : callable, optional
        Called with "workers", "progress" or "report" and a dict.
    **choices
        Of :func:`video_to_expression`: ``who``, ``start``, ``stop``, ``step``, ``smoothing`` ….

    Returns
    -------
    BatchResult
        With a report for each video, in the order of `files`.

    Raises
    ------
    EiferError
        When there is nothing to do, a choice makes no sense, or the cluster does not answer.
    """
    chosen = _choices(backend, head, render, attempts, overwrite, choices)
    given = [files] if isinstance(files, str | Path) else files
    clips = clips_of(find_films(given), Path(out))
    news = on_news or (lambda _kind, _values: None)
    reports: dict[str, dict[str, Any]] = {}
    jobs: list[Request] = []
    for clip in clips:
        report, job = _plan(clip, chosen)
        if job is not None:
            jobs.append(job)
        else:
            reports[clip.name] = report
            news("report", report)
    make_folder(Path(out))
    if jobs:
        _check_head(chosen.head)
    folders = {clip.name: clip.folder for clip in clips}
    for report in work_off(jobs, scheduler, workers, news):
        found = arrived(report, folders[report["name"]])
        reports[report["name"]] = {"path": report["source"]["path"], **found}
        news("report", reports[report["name"]])
    ordered = tuple(reports[clip.name] for clip in clips)
    return BatchResult(Path(out), ordered, write_summary(Path(out) / SUMMARY, ordered, _COLUMNS))


def _check_head(path: str | None) -> None:
    """Read the head once, so that a wrong one is found now and what is fitted to it is kept.

    Raises
    ------
    EiferError
        When it is no head, or no face is recognised on it.
    """
    if path is None:
        return
    from . import api
    from .heads.retarget import with_arkit_units

    with_arkit_units(api.load_head(path))


def _choices(
    backend: str, head: str | Path | None, render: Mapping[str, Any] | bool | None, attempts: int,
    overwrite: bool, choices: Mapping[str, Any],
) -> _Choices:  # fmt: skip
    """The options, checked before any work is done."""
    for name in ("workers", "state"):
        if name in choices:
            raise EiferError(f"'{name}' is not an option of a film in a batch.", "Leave it out.")
    options = VideoOptions.of(choices).to_document()
    path = None if head is None else Path(head).absolute()
    if path is not None and not path.is_file():
        raise EiferError(f"{path} does not exist.", "Check the path of the head.")
    if attempts < 1:
        raise EiferError(f"{attempts} attempts do no work.", "Give at least 1.")
    wanted = None
    if render is not None and render is not False:
        from .video_render import render_choices

        wanted = render_choices({} if render is True else render)
    head_name = None if path is None else str(path)
    return _Choices(backend, head_name, options, wanted, attempts, overwrite)


def _plan(clip: Clip, chosen: _Choices) -> tuple[dict[str, Any], Request | None]:
    """A report of what needs no work, or the job."""
    about = {"name": clip.name, "path": str(clip.path)}
    try:
        source = source_of(clip.path)
        what, job = what_is_left(clip, source, chosen.key, overwrite=chosen.overwrite)
    except EiferError as error:
        return about | {"state": "failed", "sentence": str(error)}, None
    if what == "done":
        return {**job, **about, "state": "skipped"}, None
    return about, Request(
        path=str(clip.path), folder=str(clip.folder), name=clip.name, run=chosen.run,
        attempts=chosen.attempts, backend=chosen.backend, head=chosen.head,
        options=chosen.options | {"workers": 1}, key=chosen.key, render=chosen.render,
        has_track=what == "render",
    )  # fmt: skip


def arrived(report: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The report, a failure when the files that it names did not come here."""
    lacking = [name for name in report.get("files", {}).values() if not (folder / name).is_file()]
    if report["state"] != "done" or not lacking:
        return report
    sentence = (
        f"The process on {report.get('host', 'another machine')} wrote {lacking[0]}, but it is not "
        f"in {folder}. Results must lie where all workers see them, under the same path."
    )
    return report | {"state": "failed", "sentence": sentence}


def work_off(
    jobs: list[Request], scheduler: str | None, workers: int | None, news: OnNews
) -> Iterator[dict[str, Any]]:
    """Do jobs here or on a cluster; their reports as they come.

    Parameters
    ----------
    jobs : list of Request
    scheduler : str or None
        Address of a Dask scheduler.
    workers : int or None
        Processes on this machine.
    news : callable
        See `OnNews`.

    Raises
    ------
    EiferError
        When the cluster does not answer, or the batch ends early.
    """
    if not jobs:
        return
    wanted = workers or os.cpu_count() or 1
    if workers is not None and workers < 1:
        raise EiferError(f"{workers} processes do no work.", "Give at least 1.")
    if len(jobs) == 1 and scheduler is None:
        # One film has the whole machine: its own work is spread over the cores.
        job = jobs[0]
        alone = Request(**{**asdict(job), "options": {**job.options, "workers": wanted}})
        yield run(alone, lambda done, total: news("progress", _frames(job.name, done, total)))
        return
    yield from ask_engine([asdict(job) for job in jobs], scheduler, min(wanted, len(jobs)), news)


def _frames(name: str, done: int, total: int) -> dict[str, Any]:
    return {"name": name, "done": done, "total": total}


def ask_engine(
    jobs: Sequence[Mapping[str, Any]], scheduler: str | None, workers: int, news: OnNews
) -> Iterator[dict[str, Any]]:
    """The engine's reports; every job gets one.

    Parameters
    ----------
    jobs : sequence of mapping
        JSON-serialisable, each with a ``name`` of its own, the batch's ``run``, a ``path`` for
        sentences, and, where a film is not what is worked on, the ``module`` whose ``run_json``
        does it.
    scheduler, news
        As for :func:`work_off`.
    workers : int
        Processes on this machine.
    """
    left = {job["name"]: job for job in jobs}
    order = {
        "jobs": list(jobs), "scheduler": scheduler, "workers": workers,
        "root": str(_ROOT), "version": software_version(),
    }  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="eifer-batch-") as folder:
        path = Path(folder) / "order.json"
        path.write_text(json.dumps(order), encoding="utf-8")
        engine = Child(
            "video.batch_engine", str(path), environment={"EIFER_CACHE": str(cache_folder())}
        )
        try:
            for kind, said in _hear(engine):
                if kind == "report":
                    left.pop(said["name"], None)
                    yield said
                else:
                    news(kind, said)
            if left:
                raise EiferError(
                    f"The batch ended with {len(left)} jobs left: {engine.last_words()}",
                    "Start the same command again: what is done stays done.",
                )
        finally:
            engine.close(_PATIENCE_S)


def _hear(engine: Child) -> Iterator[tuple[str, dict[str, Any]]]:
    """What the engine says, until it ends.

    Raises
    ------
    EiferError
        What it could not do at all.
    """
    while True:
        is_alive = engine.is_alive  # before the messages, so that the last ones are heard
        for said in engine.messages():
            if "cause" in said:
                raise EiferError(said["cause"], said.get("remedy", ""))
            for kind in ("report", "progress"):
                if kind in said:
                    yield kind, said[kind]
            if "workers" in said:
                yield "workers", said
        if not is_alive:
            return
        time.sleep(_LOOK_EVERY_S)


def write_summary(path: Path, reports: Iterable[Mapping[str, Any]], columns: Sequence[str]) -> Path:
    """A table of reports as CSV, for whoever looks through a study."""
    with (
        atomic_path(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as stream,
    ):
        table = csv.DictWriter(stream, columns, extrasaction="ignore", restval="")
        table.writeheader()
        table.writerows(reports)
    return path
