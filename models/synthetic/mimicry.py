"""Free mimicry: expressions that nobody asked for, one into the other, and speech-like movement."""

from __future__ import annotations

import numpy as np

from ...eifer_addon.signals.recording import Event
from .face_muscles import face_muscles
from .movements import (
    FRAME_HZ,
    Performance,
    blink,
    course,
    read_clip_movements,
    resting,
    sided,
    steps,
    waver,
)
from .script import SIDES
from .subject import Subject

#: How often something new begins, in s on average, and how strong it mostly is.
_EVERY_S, _USUAL_EFFORT = 1.1, 0.5
#: The chance that it is a muscle or two by themselves and not part of an expression, and that it
#: is on one side alone.
_SINGLE, _ONE_SIDED = 0.45, 0.15


def freely(subject: Subject, task: str, rng: np.random.Generator) -> Performance:
    """A clip of ``"Mimicry"`` or ``"Speech"``."""
    row = read_clip_movements()["free"][task]
    n_frames = round(row["duration"] * np.exp(rng.normal(0, 0.05)) * FRAME_HZ)
    time_s = steps(n_frames)
    drive = resting(subject, time_s, rng)
    events, moving = _mimicry(subject, drive, time_s, rng)
    if task == "Speech":
        _speech(subject, drive, time_s, rng)
    events += blink(subject, drive, time_s, rng, np.zeros(len(time_s)))
    ordered = tuple(sorted(events, key=lambda event: event.onset_s))
    return Performance(np.clip(drive, 0, 1), n_frames, ordered, moving)


def _mimicry(
    subject: Subject, drive: np.ndarray, time_s: np.ndarray, rng: np.random.Generator
) -> tuple[list[Event], np.ndarray]:
    """Add parts of expressions and single muscles, at random times and strengths."""
    events, moving = [], np.zeros(len(time_s))
    now = float(time_s[0] + rng.exponential(_EVERY_S))
    while now < time_s[-1]:
        name, levels = _something(rng)
        effort = float(np.clip(rng.gamma(3.0, _USUAL_EFFORT / 3), 0.05, 1.3))
        rise, hold, fall = (median * np.exp(rng.normal(0, 0.4)) for median in (0.35, 0.7, 0.5))
        shape = waver(time_s, rng) * course(time_s - now, rise, hold, fall)
        both = sided(levels, effort, rng)
        only = rng.choice(SIDES) if rng.uniform() < _ONE_SIDED else None
        for muscle, level in both.items():
            if only is None or muscle.endswith(only):
                column = subject.muscles.index(muscle)
                drive[:, column] = np.maximum(drive[:, column], level * shape)
        moving = np.maximum(moving, effort * shape)
        if 0 <= now < time_s[-1] - 1.0:
            events.append(Event(now, name, rise + hold + fall))
        now += float(rng.exponential(_EVERY_S))
    return events, np.clip(moving, 0, 1)


def _something(rng: np.random.Generator) -> tuple[str, dict[str, float]]:
    """A name and effort per muscle: one or two muscles, or some of an expression's."""
    table = read_clip_movements()
    if rng.uniform() < _SINGLE:
        names = sorted({muscle.name.split(".")[0] for muscle in face_muscles()})
        chosen = rng.choice(names, rng.integers(1, 3), replace=False)
        return "+".join(chosen), {str(name): 0.9 for name in chosen}
    mode = str(rng.choice(["emotion", "schaede"]))
    task = str(rng.choice([name for name, row in table[mode].items() if row["levels"]]))
    levels = table[mode][task]["levels"]
    kept = {name: level for name, level in levels.items() if rng.uniform() < 0.8}
    return task, kept or dict(levels)


def _speech(
    subject: Subject, drive: np.ndarray, time_s: np.ndarray, rng: np.random.Generator
) -> None:
    """Add syllables: the jaw and lower lip open, then the lips close or round, both sides alike."""
    row = read_clip_movements()["free"]["Speech"]
    now = 0.4
    while now < time_s[-1] - 1.2:
        length = 1 / row["syllables_per_s"] * np.exp(rng.normal(0, 0.25))
        for name, start in ((rng.choice(row["vowel"]), 0.0), (rng.choice(row["consonant"]), 0.5)):
            shape = course(time_s - now - start * length, 0.45 * length, 0.1 * length, 0.5 * length)
            level = rng.uniform(0.1, 0.45)
            for side in SIDES:
                column = subject.muscles.index(f"{name}.{side}")
                drive[:, column] = np.maximum(drive[:, column], level * shape)
        pause = rng.exponential(0.8) if rng.uniform() < 0.08 else 0.0
        now += length + pause
