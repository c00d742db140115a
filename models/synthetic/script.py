"""What the simulated face does: expressions over time, as neural activity per muscle."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...eifer_addon.signals.recording import Event

SIDES = ("left", "right")
REST_TONE = 0.01
#: Natural variation: of the strength per expression and side, of the onset per muscle in s, and
#: of the held level.
ASYMMETRY, ONSET_JITTER_S, UNSTEADINESS = 0.07, 0.025, 0.05


@functools.cache
def read_expressions() -> dict[str, Any]:
    """The table of sites and expressions beside this file."""
    path = Path(__file__).with_name("expressions.json")
    table: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return table


@dataclass(frozen=True)
class Movement:
    """One expression: when, how fast, which muscles (with side) how strongly."""

    name: str
    onset_s: float
    rise_s: float
    hold_s: float
    fall_s: float
    levels: Mapping[str, float]

    @property
    def duration_s(self) -> float:
        """From the first change to rest."""
        return self.rise_s + self.hold_s + self.fall_s

    def envelope(self, time_s: np.ndarray) -> np.ndarray:
        """Strength from 0 to 1 at times (n,) after the movement's onset, minimum jerk."""
        rise = _minimum_jerk(time_s / self.rise_s)
        fall = _minimum_jerk((time_s - self.rise_s - self.hold_s) / self.fall_s)
        return rise - fall


def _minimum_jerk(x: np.ndarray) -> np.ndarray:
    """Smooth step of T. Flash and N. Hogan (1985), J Neurosci 5:1688-1703."""
    x = np.clip(x, 0, 1)
    return np.asarray(x**3 * (10 - 15 * x + 6 * x**2))


def movements(duration_s: float, muscles: tuple[str, ...]) -> Iterator[Movement]:
    """All movements of a recording of `duration_s`; the script repeats every ``cycle_s``."""
    table = read_expressions()
    blinks = table["blinks"]
    entries = table["script"] + [
        {"name": "blink", **blinks, "onset_s": onset} for onset in blinks["onsets_s"]
    ]
    for cycle in range(int(np.ceil(duration_s / table["cycle_s"]))):
        for entry in entries:
            onset = entry["onset_s"] + cycle * table["cycle_s"]
            levels = {
                muscle: level
                for name, level in entry["muscles"].items()
                for muscle in ([name] if "." in name else [f"{name}.{s}" for s in SIDES])
                if muscle in muscles
            }
            if onset < duration_s:
                yield Movement(
                    entry["name"], onset, entry["rise_s"], entry["hold_s"], entry["fall_s"], levels
                )


def activity_of_script(
    duration_s: float, rate_hz: float, muscles: tuple[str, ...], rng: np.random.Generator
) -> tuple[np.ndarray, tuple[Event, ...]]:
    """Neural activity (n_frames, n_muscles) and the movements as events.

    Strength differs a little between the sides, onsets between muscles, and what is held wavers.
    """
    n_frames = round(duration_s * rate_hz)
    time_s = np.arange(n_frames) / rate_hz
    values = np.full((n_frames, len(muscles)), REST_TONE)
    events = []
    for move in movements(duration_s, muscles):
        if move.name != "blink":
            end = min(move.onset_s + move.duration_s, duration_s)
            events.append(Event(move.onset_s, move.name, end - move.onset_s))
        for muscle, level in move.levels.items():
            column = muscles.index(muscle)
            onset = move.onset_s + rng.normal(0, ONSET_JITTER_S)
            size = level * (1 + ASYMMETRY * np.clip(rng.standard_normal(), -2, 2))
            wavering = 1 + UNSTEADINESS * np.sin(
                2 * np.pi * (rng.uniform(0.7, 1.6) * time_s + rng.uniform())
            )
            shape = size * wavering * move.envelope(time_s - onset)
            values[:, column] = np.maximum(values[:, column], shape)
    return values, tuple(sorted(events, key=lambda event: event.onset_s))
