"""Whole studies of made-up people: what is left to do, who does it, and the tables at the end."""

from __future__ import annotations

import csv
import io
import json
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ...eifer_addon.errors import EiferError
from ...eifer_addon.files import atomic_path, make_folder
from ...eifer_addon.version import software_version
from ...eifer_addon.video_batch import ask_engine
from .mmm_writer import Wanted, completion_path, planned_files, stale_files
from .movements import MODES, REPETITIONS, Clip, session_clips, tasks
from .session import NORMAL, SENSOR, SIMULATOR_VERSION, clip_name, has_sensors
from .simulate_job import SimulateRequest
from .subject import Subject, draw_subject

TABLE, ABOUT, SUBJECTS = "MMM.csv", "simulation.json", "truth/subjects.json"
_COLUMNS = (
    "source", "index", "pid", "rec", "mode", "task", "type", "sync_grade", "use", "video",
    "video_no-cut", "emg", "video_noelec",
)  # fmt: skip
#: Clips of one job: few enough to be spread, enough for what is set up per session.
_CLIPS_PER_JOB = 6
_SIZES = (64, 2048)
#: ``on_news(kind, values)``: "planned" and "clips" (done, total, skipped), "workers", "failed".
OnNews = Callable[[str, dict[str, Any]], None]


@dataclass(frozen=True)
class Study:
    """What is simulated.

    Attributes
    ----------
    subjects, sessions : int
        How many people, and how many donnings of electrodes each.
    seed : int
    wanted : Wanted
        Which electrodes are worn, and what of a clip is written.
    reference : bool
        Also film each session once more without electrodes (sessions ``1N``, ``2N`` …).
    free : int
        Clips of free mimicry, and of speech-like movement, in each session.
    repetitions : int
        Of each of the six emotions.
    tasks : tuple of str
        Only these (``"Smile-Open"``, ``"happy"``, ``"Speech"`` …); empty for all.
    """

    subjects: int = 1
    sessions: int = 1
    seed: int = 0
    wanted: Wanted = field(default_factory=Wanted)
    reference: bool = True
    free: int = 1
    repetitions: int = REPETITIONS
    tasks: tuple[str, ...] = ()

    @property
    def key(self) -> dict[str, Any]:
        """What clips depend on besides their names."""
        return {
            "simulator": SIMULATOR_VERSION, "seed": self.seed, "scheme": self.wanted.scheme,
            "size": self.wanted.size, "repetitions": self.repetitions,
        }  # fmt: skip

    @property
    def recs(self) -> tuple[str, ...]:
        """Names of the sessions."""
        kinds = (SENSOR, NORMAL) if self.reference else (SENSOR,)
        return tuple(f"{k}{kind}" for k in range(1, self.sessions + 1) for kind in kinds)

    def check(self) -> None:
        """See that it can be simulated; `EiferError` otherwise."""
        if self.wanted.scheme not in ("both", "fridlund", "kuramoto"):
            raise EiferError(
                f"The simulator has no electrode scheme '{self.wanted.scheme}'.",
                "Use both, fridlund or kuramoto.",
            )
        for value, low, most, words in (
            (self.seed, 0, 2**32 - 1, "is no seed"),
            (self.subjects, 1, 100_000, "subjects cannot be simulated"),
            (self.sessions, 1, 1000, "sessions cannot be simulated"),
            (self.free, 0, 100, "clips of free mimicry are not possible"),
            (self.repetitions, 1, 100, "repetitions are not possible"),
        ):
            if not low <= value <= most:
                raise EiferError(f"{value} {words}.", f"Ask for {low} to {most}.")
        low, most = _SIZES
        if not low <= self.wanted.size <= most or self.wanted.size % 2:
            raise EiferError(
                f"Films of {self.wanted.size} pixels are not possible.",
                f"Ask for an even number from {low} to {most}.",
            )
        known = [task for mode in MODES for task in tasks(mode)]
        for task in self.tasks:
            if task not in known:
                raise EiferError(f"There is no task '{task}'.", f"Use {', '.join(known)}.")


@dataclass(frozen=True)
class SimulationResult:
    """What became of a simulation.

    Attributes
    ----------
    out : pathlib.Path
    clips, made, skipped : int
        Of the study; made now; made before.
    failed : tuple of str
        A sentence for each job that failed.
    simulated_s : float
        Seconds of film or signal made now.
    """

    out: Path
    clips: int
    made: int
    skipped: int
    failed: tuple[str, ...]
    simulated_s: float


@dataclass(frozen=True)
class _Planned:
    """A clip of the study."""

    subject: Subject
    rec: str
    clip: Clip
    files: dict[str, str]
    wanted: Wanted

    @property
    def name(self) -> str:
        return clip_name(self.subject, self.rec, self.clip)

    @property
    def session(self) -> str:
        return f"{self.subject.pid}_{self.rec}"


def simulate(
    out: str | Path,
    study: Study | None = None,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    on_news: OnNews | None = None,
) -> SimulationResult:
    """Simulate sessions of made-up people in MMM's folder layout, with their truth.

    What is complete in the folder already is not made again, and what was interrupted is: the same
    call goes on where an earlier one stopped. The same seed gives the same bytes, on however many
    processes or machines.

    Parameters
    ----------
    out : path-like
        The folder; made when absent.
    study : Study, optional
        One person and one session when absent.
    workers : int, optional
        Processes on this machine; None is one for each core.
    scheduler : str, optional
        Address of a Dask scheduler whose workers see the same folder.
    on_news : callable, optional
        See `OnNews`.

    Raises
    ------
    EiferError
        For numbers out of range, a folder that holds something else, or a cluster that does not
        answer.
    """
    study = study or Study()
    study.check()
    if workers is not None and workers < 1:
        raise EiferError(f"{workers} processes do no work.", "Give at least 1.")
    root, news, key = Path(out).absolute(), on_news or (lambda _kind, _values: None), study.key
    _begin(root, key)
    people = [draw_subject(study.seed, k) for k in range(study.subjects)]
    planned = [one for person in people for rec in study.recs for one in _plan(person, rec, study)]
    for session in {one.session for one in planned}:
        for path in stale_files(root, session):
            path.unlink(missing_ok=True)
    left = [one for one in planned if not _is_done(root, one, key)]
    _write_about(root, study, people)
    skipped = len(planned) - len(left)
    news("planned", {"done": skipped, "total": len(planned), "skipped": skipped})
    failed: list[str] = []
    seconds = 0.0
    try:
        for report in _work(list(_jobs(root, left, key)), scheduler, workers, skipped, news):
            seconds += float(report.get("simulated_s", 0.0))
            if report["state"] != "done":
                failed.append(report["sentence"])
                news("failed", report)
    finally:
        made = _write_table(root, planned, key)
    return SimulationResult(root, len(planned), made - skipped, skipped, tuple(failed), seconds)


def _begin(root: Path, key: Mapping[str, Any]) -> None:
    """Make the folder, or see that it holds nothing but this simulation.

    Raises
    ------
    EiferError
        When it holds another one, or data that is none.
    """
    make_folder(root)
    about = root / ABOUT
    if not about.is_file():
        if (root / TABLE).exists() or (root / "emg").exists():
            raise EiferError(
                f"{root} holds a data set that is not simulated.", "Choose an empty folder."
            )
        return
    try:
        found = dict(json.loads(about.read_text("utf-8"))["key"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EiferError(f"{about} is damaged: {error}.", "Choose another folder.") from error
    for name, value in key.items():
        if found.get(name) != value:
            raise EiferError(
                f"{root} holds another simulation: its {name} is {found.get(name)}, not {value}.",
                "Choose another folder, or ask for the same.",
            )


def _plan(subject: Subject, rec: str, study: Study) -> Iterator[_Planned]:
    session, wanted = f"{subject.pid}_{rec}", study.wanted
    for clip in session_clips(subject, rec, free=study.free, repetitions=study.repetitions):
        if study.tasks and clip.task not in study.tasks:
            continue
        name = clip_name(subject, rec, clip)
        files = planned_files(session, name, wears_electrodes=has_sensors(rec), wanted=wanted)
        yield _Planned(subject, rec, clip, files, wanted)


def _is_done(root: Path, one: _Planned, key: Mapping[str, Any]) -> bool:
    """Whether a clip is complete: its last file is there and every other one that is wanted."""
    try:
        done = json.loads(completion_path(root, one.session, one.name).read_text("utf-8"))
    except (OSError, ValueError):
        return False
    if not isinstance(done, dict) or done.get("key") != dict(key):
        return False
    noted = done.get("files", {})
    return all(noted.get(k) == path and (root / path).is_file() for k, path in one.files.items())


def _jobs(root: Path, left: list[_Planned], key: Mapping[str, Any]) -> Iterator[SimulateRequest]:
    """The clips that are left, a few of one session together."""
    run, grouped = secrets.token_hex(4), dict[str, list[_Planned]]()
    for one in left:
        grouped.setdefault(one.session, []).append(one)
    for session, clips in grouped.items():
        for number, start in enumerate(range(0, len(clips), _CLIPS_PER_JOB), 1):
            some = clips[start : start + _CLIPS_PER_JOB]
            first = some[0]
            yield SimulateRequest(
                f"{session}-{number}", run, str(root), first.subject.seed, first.subject.index,
                first.rec, [[c.clip.mode, c.clip.task, c.clip.seq] for c in some],
                asdict(first.wanted), dict(key),
            )  # fmt: skip


def _work(
    jobs: list[SimulateRequest],
    scheduler: str | None,
    workers: int | None,
    skipped: int,
    news: OnNews,
) -> Iterator[dict[str, Any]]:
    """Reports of the jobs, with the clips that are done counted over all of them."""
    if not jobs:
        return
    done: dict[str, int] = {}
    sizes = {job.name: len(job.clips) for job in jobs}
    total = skipped + sum(sizes.values())

    def hear(kind: str, values: dict[str, Any]) -> None:
        if kind != "progress":
            news(kind, values)
            return
        done[values["name"]] = max(done.get(values["name"], 0), values["done"])
        news("clips", {"done": skipped + sum(done.values()), "total": total, "skipped": skipped})

    wanted = min(workers or os.cpu_count() or 1, len(jobs))
    for report in ask_engine([job.as_job() for job in jobs], scheduler, wanted, hear):
        if report["state"] == "done":
            hear("progress", {"name": report["name"], "done": sizes[report["name"]]})
        yield report


def _write_about(root: Path, study: Study, people: list[Subject]) -> None:
    """What was simulated and with which software, and everything true about the people."""
    about = {
        "format_version": 1, "simulated": True, "software": f"eifer {software_version()}",
        "key": study.key, "study": asdict(study), "sessions": study.recs,
        "layout": "MMM (Zenodo 16636409), with truth/",
    }  # fmt: skip
    make_folder(root / "truth")
    for name, document in (
        (ABOUT, about),
        (SUBJECTS, {"format_version": 1, "subjects": [_subject_row(one) for one in people]}),
    ):
        with atomic_path(root / name) as temporary:
            temporary.write_text(json.dumps(document, indent=1), encoding="utf-8")


def _subject_row(subject: Subject) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for name, value in vars(subject).items():
        if isinstance(value, np.ndarray):
            row[name] = [round(float(x), 6) for x in value]
        else:
            row[name] = round(value, 6) if isinstance(value, float) else value
    return row


def _write_table(root: Path, planned: list[_Planned], key: Mapping[str, Any]) -> int:
    """MMM's table with the clips that are complete; how many these are."""
    stream = io.StringIO()
    table = csv.writer(stream, lineterminator="\n")
    table.writerow(_COLUMNS)
    done = [one for one in planned if _is_done(root, one, key)]
    for one in done:
        files = one.files
        table.writerow([
            "simulated", one.clip.seq, one.subject.pid, one.rec, one.clip.mode, one.clip.task,
            "sensor" if has_sensors(one.rec) else "normal", 0, "yes",
            *(files.get(kind, "") for kind in ("video", "video_no-cut", "emg", "video_noelec")),
        ])  # fmt: skip
    with atomic_path(root / TABLE) as temporary:
        temporary.write_text(stream.getvalue(), encoding="utf-8")
    return len(done)
