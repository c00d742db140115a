"""Simulated sessions as a laboratory would use them: calibrated activity with the true expression.

A session of a subject is made of clips (`session`): rest and the eleven movements, then
posed emotions and free mimicry. The raw EMG of each half is one recording; the first one calibrates
(`signals.calibration`), both become activity by the add-on's own chain, zero-phase and causal. The
truth lies beside it on the same clock. Training and evaluation read the same sessions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from ...eifer_addon.errors import EiferError
from ...eifer_addon.signals.activity import Activity
from ...eifer_addon.signals.calibration import Profile, calibrate
from ...eifer_addon.signals.convert import to_activity
from ...eifer_addon.signals.normalise import normalise
from ...eifer_addon.signals.recording import Event, Recording
from ...eifer_addon.track import ExpressionTrack
from .session import SIMULATOR_VERSION, SimulatedClip, simulate_clip

SCHEMES = ("fridlund", "kuramoto")
#: The zero-phase chain, and the causal one of a live view.
PRESETS = ("clinical", "live")
RATE_HZ = 100.0
#: Calibration movements, and what is done afterwards.
MOVEMENTS, EMOTIONS = "movements", "emotions"
#: Ends of clips are faded in and out over this long before they are joined.
_FADE_S = 0.02
#: The session with sensors that is simulated.
_REC = "1S"
#: Written last, with the simulator's version: what another one made is made again.
_DONE = "done"


@dataclass(frozen=True)
class Part:
    """One half of a session.

    Attributes
    ----------
    activities : mapping of str to Activity
        By preset, normalised by the calibration.
    track : ExpressionTrack
        The true expression on the same clock.
    """

    activities: Mapping[str, Activity]
    track: ExpressionTrack


@dataclass(frozen=True)
class EmgSession:
    """One subject with one scheme.

    Attributes
    ----------
    subject, scheme : str
    profiles : mapping of str to Profile
        The calibration, by preset.
    parts : mapping of str to Part
        `MOVEMENTS` and `EMOTIONS`.
    """

    subject: str
    scheme: str
    profiles: Mapping[str, Profile]
    parts: Mapping[str, Part]

    def save(self, folder: Path) -> None:
        """Write the session as files of the add-on's own nouns."""
        folder.mkdir(parents=True, exist_ok=True)
        for preset, profile in self.profiles.items():
            profile.save(folder / f"profile_{preset}.json")
        for name, part in self.parts.items():
            for preset, activity in part.activities.items():
                activity.save(folder / f"{name}_{preset}.npz")
            part.track.save(folder / f"{name}_track.npz")

    @classmethod
    def load(cls, folder: Path, subject: str, scheme: str) -> EmgSession:
        """Read what :meth:`save` wrote."""
        parts = {}
        for name in (MOVEMENTS, EMOTIONS):
            track = ExpressionTrack.load(folder / f"{name}_track.npz")
            activities = {p: Activity.load(folder / f"{name}_{p}.npz") for p in PRESETS}
            parts[name] = Part(activities, track)
        profiles = {p: Profile.load(folder / f"profile_{p}.json") for p in PRESETS}
        return cls(subject, scheme, profiles, parts)


def joined(recordings: Sequence[Recording], names: Sequence[str]) -> tuple[Recording, np.ndarray]:
    """Recordings one after the other, with an event over each, and where each begins in s.

    Parameters
    ----------
    recordings : sequence of Recording
        Of the same channels and rate.
    names : sequence of str
        Of the events.
    """
    first = recordings[0]
    rate = first.rate_hz
    parts, starts, at = [], [], 0
    for recording in recordings:
        if recording.channels != first.channels or recording.rate_hz != rate:
            raise EiferError("Clips of different channels or rates cannot be joined.")
        parts.append(_faded(recording))
        starts.append(at / rate)
        at += recording.n_samples
    events = tuple(
        Event(start, name, r.duration_s)
        for start, name, r in zip(starts, names, recordings, strict=True)
    )
    whole = Recording.from_array(
        np.concatenate(parts, axis=1), rate, first.channels, units=first.units, events=events,
        source=dict(first.source), holds_envelope=first.holds_envelope,
    )  # fmt: skip
    return whole, np.array(starts)


def _faded(recording: Recording) -> np.ndarray:
    """Samples that can follow others: raw ones without their mean, faded at both ends."""
    samples = np.asarray(recording.data(), np.float64)
    if recording.holds_envelope:
        return samples.astype(np.float32)
    samples = samples - samples.mean(axis=1, keepdims=True)
    ramp = np.minimum(1.0, np.arange(samples.shape[1]) / (_FADE_S * recording.rate_hz))
    return np.asarray(samples * ramp * ramp[::-1], np.float32)


def joined_tracks(tracks: Sequence[ExpressionTrack], starts: np.ndarray) -> ExpressionTrack:
    """Tracks laid after each other at `starts` in s."""
    times = np.concatenate([t.timestamps + s for t, s in zip(tracks, starts, strict=True)])
    values = np.concatenate([track.coefficients for track in tracks])
    keep = np.concatenate([[True], np.diff(np.maximum.accumulate(times)) > 0])
    return ExpressionTrack(
        tracks[0].space, values[keep], times[keep], np.ones(int(keep.sum()), np.float32),
        provenance={"simulated": True},
    )  # fmt: skip


def session_of_clips(
    subject: str,
    scheme: str,
    clips: Mapping[str, Sequence[SimulatedClip]],
    tasks: Mapping[str, Sequence[str]],
) -> EmgSession:
    """A session from simulated clips.

    Parameters
    ----------
    subject, scheme : str
    clips : mapping of str to sequence of SimulatedClip
        For `MOVEMENTS` (rest and the eleven movements) and `EMOTIONS` (everything else).
    tasks : mapping of str to sequence of str
        What was done in each.
    """
    wholes = {
        half: joined([c.raw[scheme] for c in made], tasks[half]) for half, made in clips.items()
    }
    profiles = {p: calibrate(wholes[MOVEMENTS][0], preset=p) for p in PRESETS}
    parts = {}
    for half, (whole, starts) in wholes.items():
        activities = {
            p: _bare(to_activity(whole, preset=p, rate_hz=RATE_HZ, profile=profiles[p]))
            for p in PRESETS
        }
        parts[half] = Part(activities, joined_tracks([c.track for c in clips[half]], starts))
    return EmgSession(subject, scheme, profiles, parts)


def _bare(activity: Activity) -> Activity:
    """Without what only says how to make it again from a file that does not exist."""
    keep = ("format", "simulated", "scheme", "preset", "montage")
    source = {key: activity.source[key] for key in keep if key in activity.source}
    return replace(activity, source=source)


def own_normalisation(session: EmgSession, preset: str) -> tuple[np.ndarray, np.ndarray]:
    """Factor and offset (n_muscles,) that turn calibrated activity into that without a profile.

    Without a profile, rest and scale come from the recording itself; here from both halves.
    """
    parts = [session.parts[name].activities[preset] for name in (MOVEMENTS, EMOTIONS)]
    scale, baseline = parts[0].scale, parts[0].baseline
    levels = np.concatenate([_level(part) for part in parts]) * scale + baseline
    own = normalise(np.maximum(levels, 0.0), RATE_HZ, parts[0].muscles)
    return scale / own.scale, (baseline - own.baseline) / own.scale


def _level(activity: Activity) -> np.ndarray:
    return activity.values if activity.unclamped is None else activity.unclamped


def sessions(
    folder: Path,
    scheme: str,
    indices: Sequence[int],
    seed: int,
    *,
    processes: int = 1,
    on_progress: Callable[[float], None] | None = None,
) -> Iterator[EmgSession]:
    """Sessions of simulated subjects, made once and kept in a folder.

    Parameters
    ----------
    folder : pathlib.Path
        Where they are kept; one sub-folder for each seed, subject and scheme.
    scheme : {"fridlund", "kuramoto"}
    indices : sequence of int
        Which subjects of the seed.
    seed : int
    processes : int
        That simulate at the same time.
    on_progress : callable, optional
        Called with the share that is made.
    """
    missing = [k for k in indices if not _is_made(_place(folder, seed, k, scheme))]
    jobs = [(str(folder), seed, k) for k in missing]
    if processes > 1 and len(jobs) > 1:
        with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
            for done, _ in enumerate(pool.map(_make, jobs), 1):
                _tell(on_progress, done / len(jobs))
    else:
        for done, job in enumerate(jobs, 1):
            _make(job)
            _tell(on_progress, done / len(jobs))
    for index in indices:
        yield EmgSession.load(_place(folder, seed, index, scheme), f"{seed}-{index}", scheme)


def _tell(on_progress: Callable[[float], None] | None, share: float) -> None:
    if on_progress is not None:
        on_progress(share)


def _place(folder: Path, seed: int, index: int, scheme: str) -> Path:
    return Path(folder) / f"{seed}-{index}" / scheme


def _is_made(place: Path) -> bool:
    done = place / _DONE
    return done.is_file() and done.read_text("utf-8") == str(SIMULATOR_VERSION)


def _make(job: tuple[str, int, int]) -> None:
    folder, seed, index = job
    for scheme, session in simulate_session(seed, index).items():
        place = _place(Path(folder), seed, index, scheme)
        session.save(place)
        (place / _DONE).write_text(str(SIMULATOR_VERSION), "utf-8")


def simulate_session(seed: int, index: int, *, poses: int = 2) -> dict[str, EmgSession]:
    """Simulate one subject's session for both schemes.

    Parameters
    ----------
    seed, index : int
        The subject (`subject.draw_subject`).
    poses : int
        How often each of the six emotions is posed.
    """
    from .movements import tasks
    from .subject import draw_subject

    subject = draw_subject(seed, index)
    emotions = [task for _ in range(poses) for task in tasks("emotion")]
    listed = {
        MOVEMENTS: [("schaede", task) for task in tasks("schaede")],
        EMOTIONS: [("emotion", task) for task in emotions] + [("free", t) for t in tasks("free")],
    }
    made = {
        name: [
            simulate_clip(subject, _REC, mode, task, seq, bipolar=True)
            for seq, (mode, task) in enumerate(clips, 1)
        ]
        for name, clips in listed.items()
    }
    names = {half: [task for _, task in clips] for half, clips in listed.items()}
    return {s: session_of_clips(f"{seed}-{index}", s, made, names) for s in SCHEMES}
