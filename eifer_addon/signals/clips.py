"""The functional movements of an MMM or MaM session, which are one clip each, as one recording."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import EiferError
from .readers import list_contents, read_recording
from .recording import Event, Recording

#: The mode of the eleven functional movements in the table of clips.
_MODE = "schaede"


def holds_clips(path: str | Path) -> bool:
    """Whether a path is a folder with a table of clips."""
    folder = Path(path)
    if not folder.is_dir():
        return False
    rows = _rows(folder)
    return bool(rows) and {"clip", "mode", "task"} <= set(rows[0])


def _rows(folder: Path) -> Sequence[Mapping[str, Any]]:
    try:
        return list_contents(folder)
    except EiferError:
        return ()


def session_of_clips(path: str | Path, session: str | None = None) -> Recording:
    """Join a session's clips of the functional movements, each with its task as an event.

    Parameters
    ----------
    path : path-like
        An MMM or MaM folder.
    session : str, optional
        ``"99_2S"``: person and recording; None where the folder holds one.

    Returns
    -------
    Recording
        Envelopes, clip after clip, for `calibration.calibrate`; clips that the table advises
        against are left out.

    Raises
    ------
    EiferError
        When there are several sessions or none, or the clips do not fit together.
    """
    folder = Path(path)
    rows = [
        row for row in _rows(folder)
        if str(row["mode"]).lower() == _MODE and row["emg"] and str(row["use"]).lower() != "no"
    ]  # fmt: skip
    sessions = list(dict.fromkeys(_session(row) for row in rows))
    if not rows:
        raise EiferError(
            f"{folder.name} holds no functional movements with EMG.",
            "Copy the folder emg/ of the data set, or choose one clip with clip=.",
        )
    chosen = session if session is not None else sessions[0]
    if chosen not in sessions or (session is None and len(sessions) > 1):
        what = "several sessions" if session is None else f"no session '{session}'"
        raise EiferError(f"{folder.name} holds {what}.", f"Choose one of: {', '.join(sessions)}.")
    clips = [
        (str(row["task"]), read_recording(folder, clip=str(row["clip"])))
        for row in rows
        if _session(row) == chosen
    ]
    return _joined(folder, chosen, clips)


def _session(row: Mapping[str, Any]) -> str:
    """``{pid}_{rec}`` of a clip ``{pid}_{rec}_{mode}_…``."""
    return str(row["clip"]).split(f"_{row['mode']}_")[0]


def _joined(folder: Path, session: str, clips: list[tuple[str, Recording]]) -> Recording:
    first = clips[0][1]
    parts, events, at = [], [], 0
    for task, clip in clips:
        if clip.channels != first.channels or clip.rate_hz != first.rate_hz:
            raise EiferError(
                f"The clip '{task}' of session {session} has other channels or another rate.",
                "Choose single clips with clip=.",
            )
        parts.append(clip.data())
        events.append(Event(at / first.rate_hz, task, clip.duration_s))
        at += clip.n_samples
    source = {
        "file": str(folder), "format": "mmm-folder", "session": session,
        "clips": [str(clip.source["clip"]) for _, clip in clips],
        "sha256": ",".join(str(clip.source.get("sha256", "")) for _, clip in clips),
    }  # fmt: skip
    return Recording.from_array(
        np.concatenate(parts, axis=1), first.rate_hz, first.channels, units=first.units,
        events=tuple(events), source=source, holds_envelope=first.holds_envelope,
    )  # fmt: skip
