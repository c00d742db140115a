"""Many films with their recordings: an analysis of each, a row per clip and muscle, and the sum.

What to analyse is an MMM or MaM folder, or a table with a film or track and a recording in each
row. Films become tracks first, by the batch of films (on all cores or on a Dask cluster, and what
is done stays done); the analysis of a track takes a second or two and is kept as well.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .errors import EiferError
from .files import atomic_path, make_folder
from .muscle_analysis import MuscleAnalysis, analyse_muscles
from .muscle_analysis_files import NAMES, plain, save_analysis, score_rows, write_rows
from .muscle_analysis_inputs import is_film
from .signals.clips import holds_clips
from .video.batch_plan import clips_of

TABLE, SUMMARY, TRACKS = "clips.csv", "summary.csv", "tracks"
#: Which films of a clip are taken, the first that is there: with the electrodes taken off, if so.
_FILMS = ("video_noelec", "video", "video_no_cut")
_FILM_COLUMNS, _RECORDING = ("film", "video", "track"), "recording"
#: What is averaged over clips.
_AVERAGED = ("rho", "smape", "rms", "rms_unit", "mse", "delay_ms")
_SUFFIXES = (".csv", ".tsv", ".txt")
#: ``on_news(kind, values)``, as for the batch of films, and ``"analysed"`` with a clip's report.
OnNews = Callable[[str, dict[str, Any]], None]


@dataclass(frozen=True)
class Pairing:
    """A film or track and its recording.

    Attributes
    ----------
    name : str
    source : pathlib.Path
        Film or track.
    recording : pathlib.Path or None
    reading : mapping
        For the recording's reader.
    problem : str
        Why it cannot be analysed; empty where it can.
    """

    name: str
    source: Path
    recording: Path | None
    reading: Mapping[str, Any] = field(default_factory=dict)
    problem: str = ""


@dataclass(frozen=True)
class MuscleBatch:
    """What became of a batch.

    Attributes
    ----------
    out : pathlib.Path
    reports : tuple of dict
        One for each clip: ``name``, ``state`` ("done", "skipped" because it was done before, or
        "failed"), ``sentence``, ``folder`` and ``rows``, one for each muscle.
    table, summary : pathlib.Path
        A row per clip and muscle; mean and standard deviation over the clips by muscle.
    """

    out: Path
    reports: tuple[dict[str, Any], ...]
    table: Path
    summary: Path

    @property
    def failed(self) -> tuple[dict[str, Any], ...]:
        """The reports of clips that failed."""
        return tuple(one for one in self.reports if one["state"] == "failed")


def is_batch(path: str | Path) -> bool:
    """Whether a path names many clips: an MMM folder, or a table of films and recordings."""
    source = Path(path)
    if source.is_dir():
        return holds_clips(source)
    if source.suffix.lower() not in _SUFFIXES or not source.is_file():
        return False
    heads = {name.strip().lower() for name in _read_table(source)[0]}
    return _RECORDING in heads and bool(heads & set(_FILM_COLUMNS))


def find_pairings(path: str | Path, method: str | None = None) -> tuple[Pairing, ...]:
    """The clips of an MMM folder or of a table.

    Parameters
    ----------
    path : path-like
    method : str, optional
        Take this method's parameter tables of an MMM folder instead of its films.

    Raises
    ------
    EiferError
        When there is nothing to analyse.
    """
    source = Path(path)
    found = _of_folder(source, method) if source.is_dir() else _of_table(source)
    if not found:
        raise EiferError(
            f"{source.name} holds no clip with EMG and a film or parameters.",
            "Copy the folders emg and video of the data set, or choose another --method.",
        )
    return tuple(found)


def _of_folder(folder: Path, method: str | None) -> list[Pairing]:
    from . import api
    from .signals.readers import list_contents

    found = []
    for row in list_contents(folder):
        if not row["emg"] or str(row.get("use", "yes")).lower() == "no":
            continue
        name = str(row["clip"])
        source = api.read_recording(folder, clip=name).source
        if method is None:
            films = [source[kind] for kind in _FILMS if source.get(kind)]
            film, lacks = (films[0], "") if films else ("", "It has no film.")
        else:
            film = dict(source.get("parameters", {})).get(method, "")
            lacks = "" if film else f"It has no parameters of {method}."
        found.append(Pairing(name, Path(str(film)), folder, {"clip": name}, lacks))
    return found


def _read_table(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        return [], []
    tab = "\t" if lines and "\t" in lines[0] else ","
    reader = csv.DictReader(lines, delimiter=tab)
    rows = [{str(k).strip().lower(): (v or "").strip() for k, v in row.items()} for row in reader]
    return [str(name) for name in reader.fieldnames or ()], rows


def _of_table(path: Path) -> list[Pairing]:
    """Rows of a table; paths in it are counted from its own folder."""
    found = []
    for number, row in enumerate(_read_table(path)[1], 2):
        film = next((row[name] for name in _FILM_COLUMNS if row.get(name)), "")
        source, recording = path.parent / film, row.get(_RECORDING, "")
        name = row.get("name") or source.stem or f"row {number}"
        missing = next(
            (f"Line {number} of {path.name} names {there}, which does not exist."
             for there in (film, recording) if there and not (path.parent / there).exists()), "",
        )  # fmt: skip
        if not film:
            missing = f"Line {number} of {path.name} names no film and no track."
        beside = path.parent / recording if recording else None
        reading = {"clip": row["clip"]} if row.get("clip") else {}
        found.append(Pairing(name, source, beside, reading, missing))
    names = [pairing.name for pairing in found]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise EiferError(f"{path.name} names '{twice}' more than once.", "Give each row a name.")
    return found


def analyse_many(
    path: str | Path,
    out: str | Path,
    model: str | Path | None = None,
    *,
    scheme: str = "fridlund",
    backend: str = "mediapipe",
    method: str | None = None,
    overwrite: bool = False,
    report: bool = False,
    on_news: OnNews | None = None,
    **options: Any,
) -> MuscleBatch:
    """Analyse the clips of a folder or table; see :func:`.muscle_analysis.analyse_muscles`.

    Parameters
    ----------
    path : path-like
        An MMM or MaM folder, or a table (CSV or TSV) with the columns ``film`` (or ``video`` or
        ``track``) and ``recording``, and if wanted ``name`` and ``clip``.
    out : path-like
        A folder; each clip gets one of its own in it.
    model, scheme, backend : optional
        As for one film.
    method : str, optional
        Take this method's parameter tables of an MMM folder instead of its films.
    overwrite : bool
        Whether what is done is done again.
    report : bool
        Whether every clip gets a report page.
    on_news : callable, optional
    **options
        ``sync``, ``delay``, ``keep_bad``, ``conversion``, ``draws``, ``seed`` as for one film;
        ``workers``, ``scheduler``, ``head`` and the options of films as for
        :func:`eifer.api.video_batch`.

    Returns
    -------
    MuscleBatch

    Raises
    ------
    EiferError
        When nothing can be found, or the folder holds other results.
    """
    goal, news = Path(out), on_news or (lambda _kind, _values: None)
    pairings = find_pairings(path, method)
    own = ("sync", "delay", "keep_bad", "conversion", "draws", "seed")
    analysis = {name: options.pop(name) for name in own if name in options}
    make_folder(goal)
    tracks = _tracks(pairings, goal, backend, news, overwrite=overwrite, options=options)
    reports = []
    for pairing in pairings:
        source = tracks.get(pairing.name, pairing.source)
        job = {"model": model, "scheme": scheme, **analysis}
        one = _one(pairing, source, goal / _plain(pairing.name), job, overwrite=overwrite,
                   report=report)  # fmt: skip
        reports.append(one)
        news("analysed", one)
    rows = [{"clip": one["name"], **row} for one in reports for row in one["rows"]]
    table = write_rows(goal / TABLE, rows)
    return MuscleBatch(goal, tuple(reports), table, write_rows(goal / SUMMARY, summary_rows(rows)))


def _tracks(
    pairings: Sequence[Pairing], goal: Path, backend: str, news: OnNews, *, overwrite: bool,
    options: Mapping[str, Any],
) -> dict[str, Path | str]:  # fmt: skip
    """The track of each film by its clip, or the sentence why there is none."""
    from . import api

    films = {p.name: p.source.absolute() for p in pairings if not p.problem and is_film(p.source)}
    if not films:
        return {}
    wanted = list(dict.fromkeys(films.values()))
    made = api.video_batch(
        wanted, goal / TRACKS, backend=backend, overwrite=overwrite, on_news=news, **dict(options)
    )
    folders = {clip.path: clip.folder for clip in clips_of(wanted, goal / TRACKS)}
    failed = {Path(one["path"]): str(one["sentence"]) for one in made.failed}
    return {name: failed.get(film) or folders[film] / "track.npz" for name, film in films.items()}


def _one(
    pairing: Pairing, source: Path | str, folder: Path, job: dict[str, Any], *, overwrite: bool,
    report: bool,
) -> dict[str, Any]:  # fmt: skip
    """The report of one clip."""
    about: dict[str, Any] = {
        "name": pairing.name, "state": "failed", "sentence": pairing.problem,
        "folder": str(folder), "rows": [],
    }  # fmt: skip
    if pairing.problem or isinstance(source, str):
        return about | {"sentence": pairing.problem or source}
    mark = _mark(pairing, source, job)
    known = None if overwrite else _known(folder, mark, report=report)
    if known is not None:
        return about | {"state": "skipped", "rows": known}
    try:
        found = analyse_muscles(
            source, pairing.recording, reading=dict(pairing.reading), **_given(job)
        )
        save_analysis(found, folder, overwrite=True, report=report)
    except EiferError as error:
        return about | {"sentence": str(error)}
    rows = _rows_of(found)
    with atomic_path(folder / "done.json") as temporary:
        temporary.write_text(json.dumps({"mark": mark, "rows": rows}), encoding="utf-8")
    return about | {"state": "done", "rows": rows, "sentence": ""}


def _given(job: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in job.items() if value is not None}


def _mark(pairing: Pairing, source: Path, job: Mapping[str, Any]) -> str:
    """What the result depends on: the files as they are, and what was asked for."""
    files = [source, *([pairing.recording] if pairing.recording is not None else [])]
    stats = [(str(f), f.stat().st_size, f.stat().st_mtime_ns) for f in files if f.exists()]
    text = json.dumps(plain([stats, dict(pairing.reading), dict(job)]), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _known(folder: Path, mark: str, *, report: bool) -> list[dict[str, Any]] | None:
    """The rows of an analysis that is there already; None where it is to be done."""
    try:
        done = json.loads((folder / "done.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    wanted = [folder / NAMES["numbers"], *([folder / NAMES["report"]] if report else [])]
    if not isinstance(done, dict) or done.get("mark") != mark:
        return None
    return list(done["rows"]) if all(path.is_file() for path in wanted) else None


def _rows_of(found: MuscleAnalysis) -> list[dict[str, Any]]:
    names = [move.name for move in found.comparison.movements if not move.found]
    task = names[0] if len(set(names)) == 1 else ""
    return [plain({"movement": task, **row}) for row in score_rows(found)]


def summary_rows(rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Mean and standard deviation over clips by muscle and side, of clips in which it acted."""
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        if row.get("acted", True):
            groups.setdefault((row["muscle"], row["side"]), []).append(row)
            groups.setdefault(("all", ""), []).append(row)
    found = []
    for (muscle, side), members in groups.items():
        line: dict[str, Any] = {
            "muscle": muscle, "side": side, "clips": len({row.get("clip") for row in members}),
        }  # fmt: skip
        for name in _AVERAGED:
            told = name != "delay_ms"
            values = np.array([
                row[name] for row in members
                if row.get(name) is not None and (told or row.get("delay_reliable"))
            ], np.float64)  # fmt: skip
            line[f"{name}_mean"] = float(values.mean()) if len(values) else None
            line[f"{name}_sd"] = float(values.std(ddof=1)) if len(values) > 1 else None
        found.append(line)
    return sorted(found, key=lambda line: line["muscle"] != "all")


def _plain(name: str) -> str:
    """A clip's name as that of a folder."""
    kept = "".join("_" if c in '<>:"/\\|?*%#' or ord(c) < 32 else c for c in name)
    return kept.strip(". ") or "clip"
