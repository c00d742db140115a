"""Sessions of MMM and MaM folders, and of the simulator, which writes the same layout."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from ...eifer_addon.signals.readers import mmm_folder
from .data_folders import Clip, SessionClips

_PARAMETERS, _TRUTH = "video_noelec_params", "truth"
_PARAMETER_ENDING = "_params.csv.gz"
#: Of the truth that the simulator writes, the file that is an expression track.
_TRACK = "track"
_Files = dict[str, dict[str, Path]]


def folders_with_tables(folder: Path) -> list[Path]:
    """The folder itself, or those right below it that hold a table of clips."""
    if mmm_folder.recognises(folder, b""):
        return [folder]
    below = (one for one in sorted(folder.iterdir()) if one.is_dir())
    return [one for one in below if mmm_folder.recognises(one, b"")]


def sessions_in(folder: Path) -> list[SessionClips]:
    """The sessions of a folder with a table of clips.

    Raises
    ------
    EiferError
        When the table is damaged.
    """
    listed = mmm_folder.listed_clips(folder)
    names = {name for name, _, _ in listed}
    parameters, truth, others = _indexed(folder, names)
    grouped: dict[tuple[str, str], list[Clip]] = defaultdict(list)
    for name, row, files in listed:
        own = truth.get(name, {})
        tracks = dict(parameters.get(name, {}))
        if _TRACK in own:
            tracks["truth"] = own[_TRACK]
        grouped[row["pid"], row["rec"]].append(
            Clip(
                name, row["task"], row["mode"],
                wears_electrodes=row.get("type", "sensor").strip().lower() != "normal",
                advised=row.get("use", "yes").strip().lower() != "no",
                in_step=row.get("sync_grade", "0").strip() != "-1",
                files={**others.get(name, {}), **files}, tracks=tracks, truth=own,
            )
        )  # fmt: skip
    kind = "simulated" if (folder / _TRUTH).is_dir() else "mmm"
    return [
        SessionClips(subject, session, folder, kind, tuple(clips))
        for (subject, session), clips in sorted(grouped.items())
    ]


def _indexed(folder: Path, names: set[str]) -> tuple[_Files, _Files, _Files]:
    """Parameter tables, truth and other files by clip, each found in one walk of the folder."""
    parameters: _Files = defaultdict(dict)
    truth: _Files = defaultdict(dict)
    others: _Files = defaultdict(dict)
    for top in sorted(one for one in folder.iterdir() if one.is_dir()):
        for path, clip, ending in _clip_files(top, names):
            if top.name == _PARAMETERS and path.name == clip + _PARAMETER_ENDING:
                parameters[clip].setdefault(path.relative_to(top).parts[0], path)
            elif top.name == _TRUTH:
                truth[clip][ending or path.suffix.lstrip(".")] = path
            elif not ending:
                others[clip].setdefault(top.name, path)
    return parameters, truth, others


def _clip_files(top: Path, names: set[str]) -> Iterator[tuple[Path, str, str]]:
    """Files below a folder whose name begins with a clip's, and what follows the clip's name."""
    for path in sorted(top.rglob("*")):
        if not path.is_file() or path.name.startswith("."):
            continue
        clip = path.name.split(".")[0]
        rest: list[str] = []
        while clip not in names and "_" in clip:
            clip, _, last = clip.rpartition("_")
            rest.insert(0, last)
        if clip in names:
            yield path, clip, "_".join(rest)
