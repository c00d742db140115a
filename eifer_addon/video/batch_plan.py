"""What a batch is going to do: which films, under which names, and what is done already.

A film's results lie in a folder of its own, ``OUT/NAME/``, beside a ``job.json`` that says which
film they come from and what was asked for; that is how a batch that is started again knows what
is left to do.
"""

from __future__ import annotations

import glob
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import EiferError
from ..files import atomic_path, sha256_of
from .pictures import SUFFIXES as PICTURES
from .pictures import is_pattern

#: What is taken out of a folder.
FILMS = frozenset(
    (".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".mts", ".m2ts", ".ts")
    + (".wmv", ".flv", ".3gp", ".mxf", ".ogv", ".bag")
)
JOB = "job.json"
_FORMAT = 1


@dataclass(frozen=True)
class Clip:
    """A film and where its results go.

    Attributes
    ----------
    path : pathlib.Path
        Absolute.
    name : str
        Of its folder.
    folder : pathlib.Path
        Absolute.
    """

    path: Path
    name: str
    folder: Path


def find_films(files: Iterable[str | Path]) -> list[Path]:
    """Films that files, folders and patterns with ``*`` or ``?`` name, each once, in order.

    A folder stands for the films in it or, where it holds pictures alone, for one image sequence.
    A file that is named and does not exist is kept, so that it is reported with the others.

    Raises
    ------
    EiferError
        When a pattern or a folder holds nothing, or nothing is named.
    """
    found: list[Path] = []
    for item in map(str, files):
        path = Path(item)
        if path.is_dir():
            found += _in_folder(path)
        elif not path.exists() and glob.has_magic(item) and not is_pattern(path):
            matches = sorted(map(Path, glob.glob(item, recursive=True)))  # noqa: PTH207  # may be absolute
            if not matches:
                raise EiferError(f"No file matches '{item}'.", "Check the pattern.")
            for match in matches:
                found += _in_folder(match) if match.is_dir() else [match]
        else:
            found.append(path)
    if not found:
        raise EiferError("No film was named.", "Name video files, folders or patterns.")
    return list(dict.fromkeys(path.absolute() for path in found))


def _in_folder(folder: Path) -> list[Path]:
    inside = sorted(path for path in folder.iterdir() if path.name[0] != ".")
    films = [path for path in inside if path.is_file() and path.suffix.lower() in FILMS]
    if not films and any(path.suffix.lower() in PICTURES for path in inside):
        return [folder]
    if not films:
        raise EiferError(
            f"There is no film in {folder}.", "Choose another folder, or name the files."
        )
    return films


def clips_of(films: Sequence[Path], out: Path) -> list[Clip]:
    """Films with the names of their folders in `out`: the file's name without its suffix.

    Where several files have that name it is kept with the suffix, and where even that is not
    enough, with the name of the folder before it. A film has the same name in every batch that
    holds the same films.
    """
    ways = (
        lambda path: path.stem if path.suffix.lower() in FILMS | PICTURES else path.name,
        lambda path: path.name,
        lambda path: f"{path.parent.name}_{path.name}",
        lambda path: f"{path.name}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}",
    )
    names: dict[Path, str] = {}
    left = list(films)
    for way in ways:
        called = {path: _plain(way(path)) for path in left}
        # Names that differ in case alone are one folder on some systems.
        count = Counter(name.lower() for name in [*called.values(), *names.values()])
        names |= {path: name for path, name in called.items() if count[name.lower()] == 1}
        left = [path for path in left if path not in names]
    return [Clip(path, names[path], out.absolute() / names[path]) for path in films]


def _plain(name: str) -> str:
    """A name that every file system takes."""
    kept = "".join("_" if c in '<>:"/\\|?*%#' or ord(c) < 32 else c for c in name)
    return kept.strip(". ") or "film"


def source_of(path: Path) -> dict[str, Any]:
    """What tells a film from another: name, size and time of its file, or of its pictures.

    Raises
    ------
    EiferError
        When there is no such file.
    """
    if path.is_file():
        facts = path.stat()
        return {"path": str(path), "bytes": facts.st_size, "modified_ns": facts.st_mtime_ns}
    if path.is_dir() or is_pattern(path):
        folder = path if path.is_dir() else path.parent
        listing = sorted(
            (p.name, p.stat().st_size, p.stat().st_mtime_ns)
            for p in (folder.iterdir() if folder.is_dir() else ())
            if p.suffix.lower() in PICTURES
        )
        if listing:
            digest = hashlib.sha256(json.dumps(listing).encode()).hexdigest()
            return {"path": str(path), "bytes": sum(size for _, size, _ in listing), "list": digest}
    raise EiferError(f"{path} does not exist.", "Check the path.")


def is_same_film(path: Path, now: Mapping[str, Any], then: Mapping[str, Any]) -> bool:
    """Whether two sources are one film: by size and time, else by what the file holds."""
    if now.get("bytes") != then.get("bytes"):
        return False
    marks = ("list",) if "list" in now else ("path", "modified_ns")
    if all(now.get(mark) == then.get(mark) for mark in marks):
        return True
    digest = then.get("sha256")
    return bool(digest) and path.is_file() and sha256_of(path) == digest


def read_job(folder: Path) -> dict[str, Any] | None:
    """The ``job.json`` of a folder of results; None where there is none that can be read."""
    try:
        job = json.loads((folder / JOB).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return job if isinstance(job, dict) and job.get("format") == _FORMAT else None


def write_job(folder: Path, job: Mapping[str, Any]) -> Path:
    """Write a folder's ``job.json``, whole or not at all."""
    text = json.dumps({"format": _FORMAT, **job}, indent=2, ensure_ascii=False, default=str)
    with atomic_path(folder / JOB) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")
    return folder / JOB


def what_is_left(
    clip: Clip, source: Mapping[str, Any], request: Mapping[str, Any], *, overwrite: bool
) -> tuple[str, dict[str, Any]]:
    """What is to be done about a film: "all", "render" (the track is there), or nothing: "done".

    Returns
    -------
    what : str
    job : dict
        The earlier job's, empty where there is none that matters.

    Raises
    ------
    EiferError
        When the folder holds results of another film, or of other options.
    """
    job = read_job(clip.folder)
    if overwrite:
        return "all", {}
    if job is None:
        if (clip.folder / "track.npz").exists():
            raise _refused(f"{clip.folder} holds a track that no batch has made.")
        return "all", {}
    if job.get("track_state") != "done" or not _files_are_there(clip.folder, job):
        return "all", {}
    if not is_same_film(clip.path, source, job.get("source", {})):
        other = job.get("source", {}).get("path")
        raise _refused(f"{clip.folder} holds the result of another film, {other}.")
    before, wanted = dict(job.get("request", {})), dict(request)
    rendered, render = before.pop("render", None), wanted.pop("render", None)
    names = before.keys() | wanted.keys()
    if different := sorted(name for name in names if before.get(name) != wanted.get(name)):
        raise _refused(f"{clip.folder} was made with another choice of {', '.join(different)}.")
    if render is None or (job.get("state") == "done" and rendered == render):
        return "done", job
    return "render", job


def _refused(cause: str) -> EiferError:
    return EiferError(cause, "Choose another --out, or add --overwrite.")


def _files_are_there(folder: Path, job: Mapping[str, Any]) -> bool:
    files = job.get("files", {})
    return bool(files) and all((folder / str(name)).is_file() for name in files.values())
