"""What a simulated person does in a clip: effort per muscle, with the timing of a real face.

A clip shows one of the eleven functional movements, one of six posed emotions, or free mimicry.
Effort is the neural drive, 0 at rest and 1 at full effort; nothing here knows of electrodes.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...eifer_addon.errors import EiferError
from ...eifer_addon.signals.recording import Event
from .interference import shaped_noise
from .script import SIDES
from .subject import Subject

#: Frames a second of films, and steps a second in which drive and movement are computed.
FRAME_HZ, STEP_HZ = 30.0, 600.0
#: Simulated before and after a clip, so that delays and filters have a past and a future.
MARGIN_S = 0.8
REPETITIONS = 4
MODES = ("schaede", "emotion", "free")
_TABLE = Path(__file__).with_name("clip_movements.json")
#: Variation: of a subject's habit per movement and muscle (log), between repetitions (log), of the
#: sides per repetition (log), of onsets per muscle in s, of times (log), and of what is held.
_HABIT, _REPEAT, _SIDES, _ONSET_S, _TIME, _WAVER = 0.22, 0.12, 0.06, 0.03, 0.16, 0.07


@dataclass(frozen=True)
class Clip:
    """Which clip of a session it is.

    Attributes
    ----------
    mode : str
        ``"schaede"``, ``"emotion"`` or ``"free"``.
    task : str
        ``"Smile-Open"``, ``"happy"`` …
    seq : int
        Its number among those of its mode, from 1.
    """

    mode: str
    task: str
    seq: int


@dataclass(frozen=True)
class Performance:
    """What the muscles do in a clip.

    Attributes
    ----------
    drive : numpy.ndarray
        (n_steps, n_muscles) at `STEP_HZ`, from `MARGIN_S` before the clip to as long after it.
    n_frames : int
        Of the clip, at `FRAME_HZ`.
    events : tuple of Event
        Movements by when effort begins and ends; blinks.
    strength : numpy.ndarray
        (n_steps,) how far the movement has come, 0 to 1.
    """

    drive: np.ndarray
    n_frames: int
    events: tuple[Event, ...]
    strength: np.ndarray

    @property
    def times_s(self) -> np.ndarray:
        """Seconds of the steps (n_steps,) on the clip's clock."""
        return np.arange(len(self.drive)) / STEP_HZ - MARGIN_S


@functools.cache
def read_clip_movements() -> dict[str, Any]:
    """The table of movements beside this file."""
    table: dict[str, Any] = json.loads(_TABLE.read_text("utf-8"))
    return table


def tasks(mode: str) -> tuple[str, ...]:
    """Names of the tasks of a mode; `EiferError` for an unknown one."""
    if mode not in MODES:
        raise EiferError(f"There is no mode '{mode}'.", "Use schaede, emotion or free.")
    return tuple(read_clip_movements()[mode])


def session_clips(
    subject: Subject, rec: str, *, free: int = 0, repetitions: int = REPETITIONS
) -> tuple[Clip, ...]:
    """The clips of a session: eleven movements in order, emotions shuffled, free mimicry.

    Parameters
    ----------
    subject : Subject
    rec : str
        The session, as in ``"1S"``.
    free : int
        How many clips of free mimicry, and as many of speech-like movement.
    repetitions : int
        Of each of the six emotions.
    """
    clips = [Clip("schaede", task, k) for k, task in enumerate(tasks("schaede"), 1)]
    emotions = np.repeat(tasks("emotion"), repetitions)
    order = subject.rng("order", rec).permutation(len(emotions))
    clips += [Clip("emotion", str(emotions[k]), n) for n, k in enumerate(order, 1)]
    wanted = [task for _ in range(free) for task in tasks("free")]
    return (*clips, *(Clip("free", task, n) for n, task in enumerate(wanted, 1)))


def perform(subject: Subject, rec: str, clip: Clip) -> Performance:
    """What the muscles do in one clip; depends on nothing but its arguments."""
    if clip.task not in tasks(clip.mode):
        raise EiferError(
            f"There is no task '{clip.task}' in the mode '{clip.mode}'.",
            f"Use one of {', '.join(tasks(clip.mode))}.",
        )
    rng = subject.rng("clip", rec, clip.mode, clip.task, clip.seq)
    if clip.mode == "free":
        from .mimicry import freely

        return freely(subject, clip.task, rng)
    times = _times(clip, rng)
    n_frames = round(sum(times.values()) * FRAME_HZ)
    time_s = steps(n_frames)
    onset = times["wait"]
    shape = course(time_s - onset, times["rise"], times["hold"], times["fall"])
    drive = resting(subject, time_s, rng)
    for name, level in _levels(subject, clip, rng).items():
        late = onset + rng.normal(0, _ONSET_S)
        own = course(time_s - late, times["rise"] * np.exp(rng.normal(0, 0.1)), times["hold"],
                     times["fall"] * np.exp(rng.normal(0, 0.1)))  # fmt: skip
        column = subject.muscles.index(name)
        held = level * waver(time_s, rng) * own
        drive[:, column] = np.maximum(drive[:, column], held)
    end = onset + times["rise"] + times["hold"] + times["fall"]
    quiet = shape if clip.task.startswith("Eye-") else np.zeros_like(shape)
    events = (Event(onset, clip.task, end - onset), *blink(subject, drive, time_s, rng, quiet))
    return Performance(np.clip(drive, 0, 1), n_frames, tuple(events), shape)


def steps(n_frames: int) -> np.ndarray:
    """Times in s of the steps of a clip with so many frames, with its margins."""
    n = round((n_frames / FRAME_HZ + 2 * MARGIN_S) * STEP_HZ)
    return np.arange(n) / STEP_HZ - MARGIN_S


def _times(clip: Clip, rng: np.random.Generator) -> dict[str, float]:
    table = read_clip_movements()["timing"]
    medians = table[clip.mode] | table.get(clip.task, {})
    return {name: float(value * np.exp(rng.normal(0, _TIME))) for name, value in medians.items()}


def _levels(subject: Subject, clip: Clip, rng: np.random.Generator) -> dict[str, float]:
    """Effort per muscle with side: the movement's, the subject's habit, and this repetition's."""
    row = read_clip_movements()[clip.mode][clip.task]
    habit = subject.rng("habit", clip.mode, clip.task)
    wanted = {name: level * np.exp(habit.normal(0, _HABIT)) for name, level in
              row["levels"].items()}  # fmt: skip
    for name, (level, chance) in row.get("sometimes", {}).items():
        if habit.uniform() < chance:
            wanted[name] = max(wanted.get(name, 0), level * np.exp(habit.normal(0, _HABIT)))
    effort = subject.expressiveness * np.exp(rng.normal(0, _REPEAT))
    return sided(wanted, effort, rng)


def sided(levels: Mapping[str, float], effort: float, rng: np.random.Generator) -> dict[str, float]:
    """Effort per muscle with side, with the variation of one repetition; at most 1."""
    found = {}
    for name, level in levels.items():
        repeat = effort * np.exp(rng.normal(0, _REPEAT))
        for side in SIDES:
            size = level * repeat * np.exp(rng.normal(0, _SIDES))
            found[f"{name}.{side}"] = float(min(size, 1.0))
    return found


def course(time_s: np.ndarray, rise_s: float, hold_s: float, fall_s: float) -> np.ndarray:
    """Onset, apex and offset of a movement, 0 to 1; the offset ends slower than it begins."""
    rise = _minimum_jerk(time_s / rise_s)
    fall = _minimum_jerk(np.sqrt(np.clip((time_s - rise_s - hold_s) / fall_s, 0, 1)) ** 1.3)
    return rise * (1 - fall)


def _minimum_jerk(x: np.ndarray) -> np.ndarray:
    """Smooth step of T. Flash and N. Hogan (1985), J Neurosci 5:1688-1703."""
    x = np.clip(x, 0, 1)
    return np.asarray(x**3 * (10 - 15 * x + 6 * x**2))


def waver(time_s: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """What a face holds is not still: noise under 4 Hz about 1."""
    noise = shaped_noise(
        len(time_s), STEP_HZ, lambda f: np.where((f > 0.2) & (f < 4), 1 / (f + 0.3), 0.0), rng
    )
    return np.asarray(1 + _WAVER * noise)


def resting(subject: Subject, time_s: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Resting tone of every muscle, (n, n_muscles), which hardly fires a motor unit."""
    tone = subject.tone * np.exp(np.clip(rng.normal(0, 0.15, len(subject.muscles)), -0.4, 0.4))
    return np.repeat(tone[None], len(time_s), axis=0)


def blink(
    subject: Subject,
    drive: np.ndarray,
    time_s: np.ndarray,
    rng: np.random.Generator,
    closed: np.ndarray,
) -> list[Event]:
    """Add spontaneous blinks to the drive where the eyes are not closed anyway."""
    row = read_clip_movements()["blinks"]
    rate = row["per_minute"] / 60 * np.exp(subject.rng("blinks").normal(0, 0.4))
    events, now = [], float(time_s[0] + rng.exponential(1 / rate))
    while now < time_s[-1]:
        step = min(int(np.searchsorted(time_s, now)), len(time_s) - 1)
        if closed[step] < 0.1:
            size = np.exp(rng.normal(0, 0.08))
            shape = size * course(time_s - now, row["rise"], row["hold"], row["fall"])
            for name, level in row["levels"].items():
                for side in SIDES:
                    column = subject.muscles.index(f"{name}.{side}")
                    drive[:, column] = np.maximum(drive[:, column], level * shape)
            if 0 <= now < time_s[-1] - MARGIN_S:
                events.append(Event(now, "blink", row["rise"] + row["hold"] + row["fall"]))
        now += float(0.35 + rng.exponential(1 / rate))
    return events
