"""One clip of one session, with everything that is true about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...eifer_addon.errors import EiferError
from ...eifer_addon.signals.activity import Activity
from ...eifer_addon.signals.recording import Event, Recording
from ...eifer_addon.spaces import ARKIT52
from ...eifer_addon.track import ExpressionTrack
from .movements import FRAME_HZ, MARGIN_S, STEP_HZ, Clip, Performance, perform
from .muscle_emg import raw_recordings
from .muscle_face import add_gaze, displacement, head_motion
from .subject import Subject

#: Changes when the same seed gives other data.
SIMULATOR_VERSION = 2
#: Rate of the true effort.
DRIVE_HZ = 100.0
#: What sessions end in: with sensors, and the normal ones without, which are the reference.
SENSOR, NORMAL = "S", "N"
#: Frames that the camera ran before and after a clip.
LEAD = 18


@dataclass(frozen=True)
class SimulatedClip:
    """A clip and its truth.

    Attributes
    ----------
    name : str
        As MMM names it: ``{pid}_{rec}_{mode}_{seq}_{task}``.
    rec, mode, task, seq : str, str, str, int
        What the name is made of.
    raw : mapping of str to Recording
        By scheme, 4096 Hz; empty for a session without sensors and where it was not asked for.
    drive : Activity
        Effort of every muscle at 100 Hz, the 22 of Fridlund's scheme first, then those that no
        electrode is put over. 1 is full effort.
    track : ExpressionTrack
        The face in `arkit52` at 30 Hz, with head pose and the open head's identity.
    uncut : ExpressionTrack
        The same face from `LEAD` frames before the clip to as many after it, on the clip's clock.
    events : tuple of Event
        When effort for the movement and for blinks begins and ends, on the drive's clock.
    subject : Subject
    """

    name: str
    rec: str
    mode: str
    task: str
    seq: int
    raw: Mapping[str, Recording]
    drive: Activity
    track: ExpressionTrack
    uncut: ExpressionTrack
    events: tuple[Event, ...]
    subject: Subject

    def __len__(self) -> int:
        return len(self.track)


def has_sensors(rec: str) -> bool:
    """Whether electrodes are worn in a session, by its name; `EiferError` for another name."""
    number, kind = rec[:-1], rec[-1:]
    if not (number.isdigit() and kind in (SENSOR, NORMAL)):
        raise EiferError(
            f"'{rec}' is no session's name.",
            "Use a number and S (sensors) or N (normal), as in 1S.",
        )
    return kind == SENSOR


def clip_name(subject: Subject, rec: str, clip: Clip) -> str:
    """The clip's identifier, as in MMM: ``99_2S_emotion_12_happy``."""
    return f"{subject.pid}_{rec}_{clip.mode}_{clip.seq}_{clip.task}"


def simulate_clip(
    subject: Subject,
    rec: str,
    mode: str,
    task: str,
    seq: int,
    *,
    raw: bool = True,
    bipolar: bool = False,
) -> SimulatedClip:
    """Simulate one clip.

    A clip depends on its arguments alone, not on what was simulated before.

    Parameters
    ----------
    subject : Subject
        From `draw_subject`.
    rec : str
        The session: a number and ``S`` (with sensors) or ``N`` (normal), as in ``"1S"``.
    mode, task : str
        ``"schaede"`` (``"Smile-Open"`` …), ``"emotion"`` (``"happy"`` …) or ``"free"``
        (``"Mimicry"``, ``"Speech"``); see `movements.tasks`.
    seq : int
        The clip's number in its mode, from 1.
    raw : bool
        Whether to make raw EMG, which takes nearly all of the time.
    bipolar : bool
        Fridlund's scheme as 22 pairs and not as 44 single electrodes.

    Returns
    -------
    SimulatedClip

    Raises
    ------
    EiferError
        For a session, mode or task that does not exist.
    """
    wearing = has_sensors(rec)
    clip = Clip(mode, task, seq)
    performance = perform(subject, rec, clip)
    uncut = _uncut(subject, rec, clip, performance)
    track = _cut(uncut)
    recordings: dict[str, Recording] = {}
    if raw and wearing:
        rng = subject.rng("raw", rec, mode, task, seq)
        recordings = raw_recordings(
            subject, rec, performance, track.coefficients, rng, bipolar=bipolar
        )
    name = clip_name(subject, rec, clip)
    drive = _drive(subject, name, performance)
    return SimulatedClip(
        name, rec, mode, task, seq, recordings, drive, track, uncut, performance.events, subject
    )


def _source(subject: Subject, name: str) -> dict[str, Any]:
    return {
        "file": "", "format": "simulated", "simulated": True, "clip": name, "seed": subject.seed,
        "simulator": "eifer.models.synthetic.session",
    }  # fmt: skip


def _uncut(subject: Subject, rec: str, clip: Clip, performance: Performance) -> ExpressionTrack:
    """The true face, from before the clip to after it."""
    rng = subject.rng("face", rec, clip.mode, clip.task, clip.seq)
    times = np.arange(-LEAD, performance.n_frames + LEAD) / FRAME_HZ
    dense = displacement(subject, performance.drive)
    at = np.round((times + MARGIN_S) * STEP_HZ).astype(int)
    coefficients = dense[at]
    add_gaze(coefficients, times, rng)
    going = performance.strength[at]
    name = clip_name(subject, rec, clip)
    return ExpressionTrack(
        ARKIT52, coefficients.astype(np.float32), times, np.ones(len(times), np.float32),
        head_motion(going, rng).astype(np.float32), subject.identity.astype(np.float32),
        {"source": _source(subject, name), "simulated": True, "truth": True},
    )  # fmt: skip


def _cut(track: ExpressionTrack) -> ExpressionTrack:
    """The frames of the clip itself."""
    inside = slice(LEAD, len(track) - LEAD)
    assert track.head_pose is not None
    return replace(
        track, coefficients=track.coefficients[inside], timestamps=track.timestamps[inside],
        confidence=track.confidence[inside], head_pose=track.head_pose[inside],
    )  # fmt: skip


def _drive(subject: Subject, name: str, performance: Performance) -> Activity:
    """Effort as an activity."""
    n = round(performance.n_frames / FRAME_HZ * DRIVE_HZ)
    first, step = round(MARGIN_S * STEP_HZ), round(STEP_HZ / DRIVE_HZ)
    values = performance.drive[first : first + n * step : step].astype(np.float32)
    count = len(subject.muscles)
    return Activity(
        values, DRIVE_HZ, subject.muscles, np.zeros(count), np.ones(count),
        channels=subject.muscles, filters=("none: the simulator's own effort",),
        source=_source(subject, name),
        events=tuple((e.onset_s, e.name, e.duration_s) for e in performance.events),
    )  # fmt: skip
