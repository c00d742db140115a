"""Sessions to train on, wherever they lie: MMM and MaM folders, the simulator's, one's own takes.

    sessions = find_sessions(["/data/MMM", "/data/mine"])
    chosen = usable(sessions, needs=("emg", "track"))
    parts = split(chosen.sessions, by="subject", seed=0)
    for session in parts.train:
        for clip in session.clips:
            activity_like, track = clip.read_emg(), clip.read_track()

A session is one person with one donning of electrodes; a clip is one performance of one movement,
and is never cut: it lies as a whole on one side of a split. No torch is needed here.

Own takes are folders ``SUBJECT/SESSION/`` (or one folder with the files of one session) in which
the EMG and the track of a clip have one name: ``happy.edf`` or ``happy_activity.npz``, and
``happy_track.npz`` or a table of a known tracker, and, if it is there, the film ``happy.mp4``. What
Blender saves when it trains a subject's model is such a folder.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ...eifer_addon.errors import EiferError
from ...eifer_addon.exchange import is_activity, read_activity, read_track
from ...eifer_addon.signals.activity import Activity
from ...eifer_addon.signals.readers import read_recording
from ...eifer_addon.signals.recording import Recording
from ...eifer_addon.track import ExpressionTrack

#: Tracks that are taken when no method is named, the first that is there.
PREFERRED_TRACKS = ("truth", "own", "EIFER", "SMIRK", "MediaPipe")
_NAMED = 3
_HASHED_BYTES = 1 << 16
_NEEDS = {"emg": "EMG", "track": "expression track", "video": "video"}


@dataclass(frozen=True)
class Clip:
    """One performance of one movement.

    Attributes
    ----------
    name : str
    movement : str
        As the folder calls it (``"happy"``, ``"Smile-Closed"``); empty when nothing says it.
    mode : str
        ``"schaede"``, ``"emotion"`` or empty.
    wears_electrodes : bool
        False for the reference that is filmed without them.
    advised : bool
        False when the table of clips advises against it.
    in_step : bool
        False when EMG and video are known not to be synchronous.
    files : mapping of str to Path
        ``"emg"`` (a recording or an activity), ``"video"``, ``"video_noelec"``, and what else the
        data set has of the clip, by folder.
    tracks : mapping of str to Path
        Expression tracks by method (``"SMIRK"``, ``"own"``, ``"truth"``).
    truth : mapping of str to Path
        Of a simulated clip, what was simulated, by the ending of the file's name.
    """

    name: str
    movement: str = ""
    mode: str = ""
    wears_electrodes: bool = True
    advised: bool = True
    in_step: bool = True
    files: Mapping[str, Path] = field(default_factory=dict)
    tracks: Mapping[str, Path] = field(default_factory=dict)
    truth: Mapping[str, Path] = field(default_factory=dict)

    def has(self, need: str) -> bool:
        """Whether the clip has its ``"emg"``, ``"track"`` or ``"video"``."""
        return bool(self.tracks) if need == "track" else need in self.files

    def read_emg(self) -> Recording | Activity:
        """The recording, or the activity that was saved in its place.

        Raises
        ------
        EiferError
            When the clip has none, or its file is damaged.
        """
        path = self._file("emg")
        return read_activity(path) if is_activity(path) else read_recording(path)

    def read_track(self, method: str | None = None) -> ExpressionTrack:
        """The expression track of a method, or of the first of `PREFERRED_TRACKS`.

        Raises
        ------
        EiferError
            When there is none, or its file is damaged.
        """
        order = [method] if method else [*PREFERRED_TRACKS, *self.tracks]
        known = {name.lower(): path for name, path in self.tracks.items()}
        path = next((known[name.lower()] for name in order if name.lower() in known), None)
        if path is None:
            has = ", ".join(self.tracks) or "none"
            raise EiferError(
                f"The clip {self.name} has no track{f' of {method}' if method else ''}.",
                f"It has tracks of: {has}.",
            )
        return read_track(path)

    def _file(self, kind: str) -> Path:
        if kind not in self.files:
            raise EiferError(f"The clip {self.name} has no {kind}.", "Leave it out.")
        return self.files[kind]


@dataclass(frozen=True)
class SessionClips:
    """What one person did with one donning of electrodes.

    Attributes
    ----------
    subject, session : str
    folder : Path
        The folder that was given.
    kind : str
        ``"mmm"``, ``"simulated"`` or ``"takes"``.
    clips : tuple of Clip
    """

    subject: str
    session: str
    folder: Path
    kind: str
    clips: tuple[Clip, ...]

    @property
    def name(self) -> str:
        """Subject and session in one word."""
        return f"{self.subject}_{self.session}"


@dataclass(frozen=True)
class Chosen:
    """Sessions whose clips have what is needed, and what was left out, in sentences."""

    sessions: list[SessionClips]
    notes: list[str]


def find_sessions(folders: str | Path | Sequence[str | Path]) -> list[SessionClips]:
    """Every session below one or more folders, in order of their names.

    Raises
    ------
    EiferError
        When a folder does not exist, or holds neither a table of clips nor pairs of EMG or video
        and track.
    """
    from . import data_folders_mmm, data_folders_takes

    many = [folders] if isinstance(folders, str | Path) else list(folders)
    if not many:
        raise EiferError(
            "No folder with sessions was named.", "Name one with --data, or under data.folders."
        )
    found: list[SessionClips] = []
    for one in many:
        folder = Path(one).expanduser()
        _check_folder(folder)
        tables = data_folders_mmm.folders_with_tables(folder)
        here = [session for at in tables for session in data_folders_mmm.sessions_in(at)]
        here = here or data_folders_takes.sessions_in(folder)
        if not here:
            raise EiferError(
                f"{folder} holds no sessions: neither a table of clips (MMM.csv, MaM.csv) nor "
                "EMG and tracks of the same names.",
                "Name the folder of the data set, or of your takes as docs/training.md says.",
            )
        found += here
    return _once(found)


def usable(
    sessions: Sequence[SessionClips],
    needs: Iterable[str] = ("emg", "track"),
    *,
    reference: bool = False,
    wanted: Callable[[Clip], bool] | None = None,
) -> Chosen:
    """Leave out clips that lack what is needed; say how many, and name some.

    Parameters
    ----------
    sessions : sequence of SessionClips
    needs : iterable of str
        Of ``"emg"``, ``"track"``, ``"video"``. Where both EMG and a picture are needed, they must
        be in step.
    reference : bool
        Whether each subject needs videos with and without electrodes, as unpaired training does.
    wanted : callable, optional
        ``wanted(clip)``, a further condition of the caller's; those that fail it are not counted.

    Raises
    ------
    EiferError
        When no clip is left, or there is no reference.
    """
    needed = list(needs)
    paired = "emg" in needed and len(needed) > 1
    lacking: dict[str, list[str]] = {}
    kept = []
    total = 0
    for session in sessions:
        clips = []
        for clip in session.clips:
            if wanted is not None and not wanted(clip):
                continue
            total += 1
            reason = _reason(clip, needed, paired)
            if reason:
                lacking.setdefault(reason, []).append(clip.name)
            else:
                clips.append(clip)
        if clips:
            kept.append(replace(session, clips=tuple(clips)))
    notes = [
        f"{len(names)} of {total} clips {reason} ({_some(names)}) and are left out."
        for reason, names in lacking.items()
    ]
    if not kept:
        raise EiferError(
            f"None of the {total} clips can be used. {' '.join(notes)}".strip(),
            "Copy the missing files of the data set, or name another folder.",
        )
    if reference:
        notes += _check_reference(kept)
    return Chosen(kept, notes)


def check_frames(n_frames: int, minimum: int, of: str = "The sessions") -> None:
    """Refuse fewer frames than a network can be trained with.

    Raises
    ------
    EiferError
        Naming both numbers.
    """
    if n_frames < minimum:
        raise EiferError(
            f"{of} have {n_frames} frames that can be used; at least {minimum} are needed.",
            "Record more, add folders with --data, or set data.minimum_frames.",
        )


def files_of(sessions: Iterable[SessionClips]) -> Iterator[tuple[str, Path]]:
    """Every file that may be read, with a name that does not depend on where the folder lies."""
    for session in sessions:
        for clip in session.clips:
            for kinds in (clip.files, clip.tracks, clip.truth):
                for kind, path in sorted(kinds.items()):
                    yield f"{session.name}/{clip.name}/{kind}{path.suffix}", path


def data_hash(sessions: Iterable[SessionClips]) -> str:
    """SHA-256 over names, sizes, first and last 64 kB of all files: the same data, the same hash.

    Videos are gigabytes; reading all of them before every training would take longer than some.
    """
    digest = hashlib.sha256()
    for name, path in sorted(files_of(sessions)):
        with path.open("rb") as stream:
            size = path.stat().st_size
            digest.update(f"{name} {size}\n".encode())
            digest.update(stream.read(_HASHED_BYTES))
            if size > 2 * _HASHED_BYTES:
                stream.seek(-_HASHED_BYTES, 2)
                digest.update(stream.read(_HASHED_BYTES))
    return digest.hexdigest()


def describe(sessions: Sequence[SessionClips]) -> str:
    """A sentence for the card: how many subjects, sessions and clips, and of what kind."""
    kinds = {"mmm": "MMM or MaM", "simulated": "simulated", "takes": "own takes"}
    named = " and ".join(sorted({kinds.get(s.kind, s.kind) for s in sessions}))
    subjects, clips = len({s.subject for s in sessions}), sum(len(s.clips) for s in sessions)
    return (
        f"{_count(subjects, 'subject')}, {_count(len(sessions), 'session')}, "
        f"{_count(clips, 'clip')} ({named})"
    )


def card_facts(sessions: Sequence[SessionClips], split_by: str) -> dict[str, Any]:
    """What a task's ``data_facts`` gives for sessions from folders."""
    return {"data": describe(sessions), "sha256": data_hash(sessions), "split": split_by}


def _count(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"


def _check_folder(folder: Path) -> None:
    if folder.suffix.lower() == ".blend" and folder.is_file():
        raise EiferError(
            f"{folder.name} can be read by Blender only.",
            "Open it and press 'Train this subject's model', which also saves the session as a "
            "folder that can be named here.",
        )
    if not folder.is_dir():
        raise EiferError(f"The folder {folder} does not exist.", "Check the path.")


def _once(sessions: list[SessionClips]) -> list[SessionClips]:
    """Sessions of one name from several folders get the folder's name, so that none is mixed."""
    names = [session.name for session in sessions]
    found = [
        replace(one, session=f"{one.folder.name}-{one.session}") if names.count(one.name) > 1
        else one
        for one in sessions
    ]  # fmt: skip
    return sorted(found, key=lambda one: (one.name, str(one.folder)))


def _reason(clip: Clip, needed: Sequence[str], paired: bool) -> str:
    if not clip.advised:
        return "are advised against by the table of clips"
    missing = [_NEEDS[need] for need in needed if not clip.has(need)]
    if missing:
        return f"have no {' and no '.join(missing)}"
    if paired and not clip.in_step:
        return "are not in step with their EMG"
    return ""


def _check_reference(sessions: Sequence[SessionClips]) -> list[str]:
    sides: dict[str, set[bool]] = {}
    for session in sessions:
        for clip in session.clips:
            sides.setdefault(session.subject, set()).add(clip.wears_electrodes)
    whole = [subject for subject, worn in sides.items() if len(worn) == 2]
    lacking = sorted(set(sides) - set(whole))
    if whole:
        return [f"No video without electrodes of {_some(lacking)}."] if lacking else []
    worn = any(True in found for found in sides.values())
    raise EiferError(
        f"There is no video {'without' if worn else 'with'} electrodes, which unpaired training "
        "needs as its reference.",
        "Film the person without electrodes once (type 'normal' in the table of clips)."
        if worn else "Add the folder of a session with electrodes (type 'sensor').",
    )  # fmt: skip


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMED])
    return f"{shown} and {len(names) - _NAMED} more" if len(names) > _NAMED else shown
