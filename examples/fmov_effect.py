"""Does the avatar smile more at happy faces? The effect in six real recordings.

Six people watched happy, angry and neutral faces (FMOV, G. Nilsonne and others, CC0). Every
recording goes all the way to an expression track, and the response to each face is measured at
three stages:

* response to a face: the mean of 0.5 to 4 s after its onset against the mean of the 2 s before;
* a person's effect: mean response to happy less mean response to angry faces for the smile, the
  reverse for the brow;
* effect size d: mean over people divided by their standard deviation, with a 95 % interval from
  10,000 resamples of people.

In the recording the response is a ratio, averaged over faces, then its logarithm (the yardstick,
free of each amplifier's gain). Activity and coefficients are normalised and may be 0 before an
onset, so there the response is a difference. Run it with::

    python examples/fmov_effect.py ../shared/data/emg/nilsonne_FMOV_CC0
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from eifer import api

BEFORE_S, AFTER_S = (-2.0, 0.0), (0.5, 4.0)
STAGES = ("recording, log ratio", "activity, difference", "track, difference")
RESAMPLES = 10_000
#: What is measured, its muscle, its coefficient, and which faces should raise it over which.
MEASURES = (
    ("smile", "zygomaticus", "mouthSmile", "happy", "angry"),
    ("brow down", "corrugator", "browDown", "angry", "happy"),
)


class Effect(NamedTuple):
    """One measure at one stage over all people."""

    people: np.ndarray
    d: float
    interval: tuple[float, float]


def windows(values: np.ndarray, times: np.ndarray, onset_s: float) -> tuple[float, float]:
    """Mean of `values` (n,) before and after an onset."""
    before, after = (
        float(values[(times >= onset_s + start) & (times < onset_s + stop)].mean())
        for start, stop in (BEFORE_S, AFTER_S)
    )
    return before, after


def log_mean_ratio(pairs: Iterable[tuple[float, float]]) -> float:
    """Logarithm of the mean of after over before."""
    return float(np.log(np.mean([after / before for before, after in pairs])))


def mean_difference(pairs: Iterable[tuple[float, float]]) -> float:
    """Mean of after less before."""
    return float(np.mean([after - before for before, after in pairs]))


def person_effects(path: Path) -> dict[tuple[str, str], float]:
    """Effect of one person by measure and stage."""
    recording = api.read_recording(path)
    activity = api.to_activity(recording)
    track = api.emg_to_expression(activity)
    sample_times = np.arange(recording.n_samples) / recording.rate_hz
    raw = dict(zip(recording.channels, recording.data(), strict=True))
    effects = {}
    for measure, muscle, coefficient, more, less in MEASURES:
        sides = [track.column(coefficient + side) for side in ("Left", "Right")]
        both = [activity.column(f"{muscle}.{side}") for side in ("left", "right")]
        signals: tuple[tuple[np.ndarray, np.ndarray, Callable[..., float]], ...] = (
            (raw[muscle], sample_times, log_mean_ratio),
            (np.mean(both, axis=0), activity.timestamps, mean_difference),
            (np.mean(sides, axis=0), track.timestamps, mean_difference),
        )
        for stage, (values, times, combine) in zip(STAGES, signals, strict=True):
            response = {
                face: combine(
                    [windows(values, times, e.onset_s) for e in recording.events if e.name == face]
                )
                for face in (more, less)
            }
            effects[measure, stage] = response[more] - response[less]
    return effects


def effect_size(people: np.ndarray) -> Effect:
    """Cohen's d of paired values (n_people,) with a bootstrap interval over people."""
    samples = np.random.default_rng(0).choice(people, (RESAMPLES, len(people)))
    spread = samples.std(axis=1, ddof=1)
    kept = spread > 1e-12  # one person drawn every time has no spread
    low, high = np.percentile(samples[kept].mean(axis=1) / spread[kept], [2.5, 97.5])
    d = people.mean() / people.std(ddof=1)
    return Effect(people, float(d), (float(low), float(high)))


def measure(folder: Path) -> dict[tuple[str, str], Effect]:
    """Effects over all recordings of the folder, by measure and stage."""
    files = sorted(folder.glob("*_FMOV_preprocessed.txt"))
    if len(files) < 2:
        raise SystemExit(f"{folder} holds no FMOV recordings (*_FMOV_preprocessed.txt).")
    people = [person_effects(path) for path in files]
    return {key: effect_size(np.array([p[key] for p in people])) for key in people[0]}


def table(effects: dict[tuple[str, str], Effect]) -> str:
    """The effects as a Markdown table."""
    n = len(next(iter(effects.values())).people)
    lines = [
        "| measure | stage | d | 95 % interval | people as expected | mean | each person |",
        "|---|---|---|---|---|---|---|",
    ]
    for (name, stage), effect in effects.items():
        low, high = effect.interval
        each = ", ".join(f"{value:+.3f}" for value in effect.people)
        lines.append(
            f"| {name} | {stage} | {effect.d:.2f} | {low:.2f} to {high:.2f} | "
            f"{(effect.people > 0).sum()} of {n} | {effect.people.mean():+.4f} | {each} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    print(table(measure(Path(sys.argv[1]))))
