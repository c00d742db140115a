"""Sessions of one's own: folders in which EMG, track and film of a clip have one name."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path

from ...eifer_addon.errors import EiferError
from ...eifer_addon.exchange import is_activity, is_track
from ...eifer_addon.files import atomic_path, make_folder
from ...eifer_addon.signals.activity import Activity
from ...eifer_addon.signals.suffixes import all_suffixes
from ...eifer_addon.track import ExpressionTrack
from .data_folders import Clip, SessionClips

#: What a folder of one session may say about itself.
NOTE = "session.json"
FORMAT_VERSION = 1
_VIDEOS = (".mp4", ".mov", ".avi", ".mkv", ".webm")
_TABLES = (".npz", ".csv", ".tsv", ".txt", ".gz")
#: Endings of a stem that say what a file is, not which clip.
_ENDINGS = re.compile(r"[_.\- ](track|activity|emg|video|params|arkit52)$", re.IGNORECASE)
_NUMBER = re.compile(r"[_\- ]*\d+$")
_DEPTH = 3


def sessions_in(folder: Path) -> list[SessionClips]:
    """Sessions of a folder ``SUBJECT/SESSION/``, of one of them, or of the files of one session.

    Only clips with at least EMG or a film besides their track are given.
    """
    found = []
    for leaf in [folder, *sorted(one for one in folder.rglob("*") if one.is_dir())]:
        depth = len(leaf.relative_to(folder).parts)
        if depth >= _DEPTH or any(part.startswith(".") for part in leaf.relative_to(folder).parts):
            continue
        clips = _clips_in(leaf)
        if clips:
            subject, session, movements = _who(folder, leaf)
            named = tuple(
                Clip(c.name, movements.get(c.name, c.movement), files=c.files, tracks=c.tracks)
                for c in clips
            )
            found.append(SessionClips(subject, session, folder, "takes", named))
    return found


def save_session(
    folder: Path,
    subject: str,
    session: str,
    clips: dict[str, tuple[Activity, ExpressionTrack]],
    movements: dict[str, str] | None = None,
) -> Path:
    """Write a session of one's own so that it can be trained on, here and on other machines.

    Parameters
    ----------
    folder : Path
        Made when it is not there; the files of a session of the same clips are replaced.
    subject, session : str
    clips : dict of str to tuple
        Activity and track by the clip's name, on one clock.
    movements : dict of str to str, optional
        By the clip's name.

    Returns
    -------
    Path
        The folder.
    """
    make_folder(folder)
    for name, (activity, track) in clips.items():
        activity.save(folder / f"{name}_activity.npz")
        track.save(folder / f"{name}_track.npz")
    note = {
        "format_version": FORMAT_VERSION, "kind": "session", "subject": subject,
        "session": session, "movements": movements or {},
    }  # fmt: skip
    with atomic_path(folder / NOTE) as temporary:
        temporary.write_text(json.dumps(note, indent=2) + "\n", "utf-8")
    return folder


def _who(root: Path, leaf: Path) -> tuple[str, str, dict[str, str]]:
    """Subject and session, by the note in the folder, else by the names of the folders."""
    path = leaf / NOTE
    if path.is_file():
        try:
            note = json.loads(path.read_text("utf-8"))
            movements = {str(k): str(v) for k, v in dict(note.get("movements", {})).items()}
            return str(note["subject"]), str(note["session"]), movements
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise EiferError(
                f"{path} does not say whose session it is.",
                'It holds {"subject": "…", "session": "…"}; mend or delete it.',
            ) from error
    parts = leaf.relative_to(root).parts
    if not parts:
        return root.name, "1", {}
    return parts[0], parts[1] if len(parts) > 1 else "1", {}


def _clips_in(leaf: Path) -> list[Clip]:
    grouped: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(leaf.iterdir()):
        if path.is_file() and not path.name.startswith("."):
            grouped[_stem(path)].append(path)
    found = []
    for name, paths in grouped.items():
        files: dict[str, Path] = {}
        tracks: dict[str, Path] = {}
        for path in paths:
            kind = _kind(path)
            if kind == "track":
                tracks.setdefault("own", path)
            elif kind:
                files.setdefault(kind, path)
        if (tracks and files) or {"emg", "video"} <= set(files):
            found.append(Clip(name, _NUMBER.sub("", name), files=files, tracks=tracks))
    return found


def _stem(path: Path) -> str:
    stem = path.name.removesuffix(".gz")
    stem = stem[: -len(Path(stem).suffix)] if Path(stem).suffix else stem
    return _ENDINGS.sub("", stem)


def _kind(path: Path) -> str:
    """What a file is, by its ending and, where that leaves it open, by its content."""
    suffix = path.suffix.lower()
    if suffix in _VIDEOS:
        return "video"
    if suffix in _TABLES:
        if is_track(path):
            return "track"
        if is_activity(path):
            return "emg"
    return "emg" if suffix in all_suffixes() else ""
