"""A simulated person goes through the eleven functional movements, never quite as instructed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from eifer.eifer_addon.signals import movements
from eifer.eifer_addon.signals.activity import Activity
from eifer.eifer_addon.signals.recording import Event, Recording
from eifer.models.baseline import read_table
from eifer.models.synthetic.interference import interference
from eifer.models.synthetic.physiology import crosstalk_matrix
from eifer.models.synthetic.script import SIDES, Movement, read_expressions

RATE_HZ, FRAMES_HZ = 1024.0, 100.0
REST_S, HOLD_S, PAUSE_S = 6.0, 2.0, 1.5
MUSCLES = tuple(f"{muscle}.{side}" for muscle in read_expressions()["sites"] for side in SIDES)
_SUFFIX = {"left": "li", "right": "re"}
CHANNELS = tuple(
    f"{site['label']} {_SUFFIX[side]}"
    for site in read_expressions()["sites"].values()
    for side in SIDES
)
_POSES = Path(movements.__file__).parent / "data" / "poses.json"


@dataclass(frozen=True)
class Person:
    """How one person differs from the instructions.

    Attributes
    ----------
    seed : int
    spread : float
        Of the muscles' levels in each movement, as standard deviation of their logarithm.
    gains : mapping
        Factor on each electrode's signal, for electrodes put on again.
    """

    seed: int = 0
    spread: float = 0.3
    gains: Mapping[str, float] = field(default_factory=dict)

    def levels(self, name: str) -> dict[str, float]:
        """Level of each muscle in a movement; small parts in what the instructions do not name."""
        rng = np.random.default_rng([self.seed, sum(map(ord, name))])
        asked = json.loads(_POSES.read_text("utf-8"))["muscles"][name]
        found = {}
        for muscle in read_expressions()["sites"]:
            size = asked.get(muscle, 0.0) * np.exp(self.spread * rng.standard_normal())
            size += 0.1 * self.spread * rng.exponential()
            for side in SIDES:
                found[f"{muscle}.{side}"] = min(size * rng.uniform(0.9, 1.1), 1.2)
        return found


def posed_session(
    person: Person,
    *,
    snr: float = 30.0,
    names: tuple[str, ...] = movements.movement_names()[1:],
    effort: float = 1.0,
    events: bool = True,
    seed: int = 0,
) -> tuple[Recording, Activity]:
    """A recording of rest and the named movements, with the true activity.

    Parameters
    ----------
    person : Person
    snr : float
        Amplitude at full effort over the amplifier's and the resting muscles' noise.
    names : tuple of str
    effort : float
        Factor on all levels.
    events : bool
        Whether the movements stand in the recording as events.
    seed : int
        Of the noise.
    """
    moves, onset = [], REST_S
    for name in names:
        levels = {muscle: effort * level for muscle, level in person.levels(name).items()}
        moves.append(Movement(name, onset, 0.35, HOLD_S - 0.7, 0.35, levels))
        onset += HOLD_S + PAUSE_S
    marks = (Event(0.5, "face at rest", REST_S - 1.0),) + tuple(
        Event(move.onset_s, move.name.replace("_", " "), HOLD_S) for move in moves
    )
    return session_of_moves(person, moves, onset + 1.0, snr, marks if events else (), seed)


def session_of_moves(
    person: Person,
    moves: list[Movement],
    duration_s: float,
    snr: float,
    events: tuple[Event, ...],
    seed: int,
) -> tuple[Recording, Activity]:
    """Raw EMG of any movements, as 22 channels with cross-talk and noise."""
    rng = np.random.default_rng([person.seed, seed, 1])
    frames_s = np.arange(round(duration_s * FRAMES_HZ)) / FRAMES_HZ
    values = np.zeros((len(frames_s), len(MUSCLES)))
    for move in moves:
        shape = move.envelope(frames_s - move.onset_s)
        levels = np.array([move.levels.get(muscle, 0.0) for muscle in MUSCLES])
        wobble = 1 + 0.05 * np.sin(2 * np.pi * (rng.uniform(0.7, 1.6) * frames_s + rng.uniform()))
        values = np.maximum(values, shape[:, None] * levels * wobble[:, None])
    n = round(duration_s * RATE_HZ)
    times_s = np.arange(n) / RATE_HZ
    sites = read_expressions()["sites"]
    full = np.array([site["amplitude_uv"] for site in sites.values() for _ in SIDES])
    sources = np.stack([
        full[k] * np.interp(times_s, frames_s, values[:, k]) * interference(n, RATE_HZ, rng)
        for k in range(len(MUSCLES))
    ])  # fmt: skip
    samples = crosstalk_matrix(sites) @ sources
    samples += full[:, None] / snr * rng.standard_normal(samples.shape)
    samples *= np.array([person.gains.get(muscle, 1.0) for muscle in MUSCLES])[:, None]
    recording = Recording.from_array(
        samples, RATE_HZ, CHANNELS, units=("uV",) * len(CHANNELS), events=events,
        source={"file": "posed.edf", "sha256": "0", "simulated": True},
    )  # fmt: skip
    one = np.ones(len(MUSCLES))
    truth = Activity(values.astype(np.float32), FRAMES_HZ, MUSCLES, 0 * one, one, CHANNELS)
    return recording, truth


def personal_table(seed: int, spread: float = 0.35) -> dict[str, object]:
    """The baseline's table with other gains: a face whose skin follows its muscles differently."""
    rng = np.random.default_rng([seed, 7])
    table = read_table()
    for rules in table["coefficients"].values():
        for gains in rules.values():
            for unit in gains:
                gains[unit] *= float(np.exp(spread * rng.standard_normal()))
    for rule in table["units"].values():
        for muscle in rule["muscles"]:
            rule["muscles"][muscle] *= float(np.exp(spread * rng.standard_normal()))
        if "threshold" in rule:
            rule["threshold"] *= float(np.exp(0.5 * spread * rng.standard_normal()))
    return table
