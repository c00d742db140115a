"""From effort to expression: force, units, antagonists, and the skin's own sluggishness.

Force saturates with effort and comes late; forces add up to action units, units hinder their
antagonists, some shapes only appear when several units act at once, and every coefficient nears
the range of motion of its face. So the way from muscles to coefficients is neither linear nor
separable, and it differs between people.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.signal import lfilter

from ...eifer_addon.spaces import ARKIT_NAMES
from .face_muscles import read_face_muscles
from .interference import shaped_noise
from .movements import FRAME_HZ, STEP_HZ
from .script import SIDES
from .subject import Subject, personal_gains

#: Steepness of the last curve: a sum of 1 reaches 0.86 of the range of motion.
_STEEPNESS = 2.0
#: Antagonists also stiffen what they hinder: movement is divided by 1 + this times their force.
_STIFFENING = 0.35
#: How much of the other side's movement the skin of the mouth passes on; the halves of the brow,
#: lids and cheeks move by themselves.
_ACROSS = 0.10
_MOUTH = ("mouth", "noseSneer")
#: Head pose: spread in rad and m of slow swaying, and of what goes with a movement.
_SWAY_RAD, _SWAY_M, _NOD_RAD = (0.035, 0.045, 0.02), 0.004, 0.05
_GAZE = 0.12
#: Effort of so many times the resting tone does not show yet.
_TONES = 1.5

Units = Mapping[str, np.ndarray]


def displacement(subject: Subject, drive: np.ndarray) -> np.ndarray:
    """Coefficients of `arkit52` over the steps of a drive.

    Parameters
    ----------
    subject : Subject
    drive : numpy.ndarray
        (n_steps, n_muscles), effort at `movements.STEP_HZ`.

    Returns
    -------
    numpy.ndarray
        (n_steps, 52) float64 in [0, 1], delayed and smoothed as the skin is.
    """
    late = _delayed(subject, force(subject, drive))
    return pose_of(subject, late)


def force(subject: Subject, drive: np.ndarray) -> np.ndarray:
    """Force (n, n_muscles) of effort: ``(1 - exp(-k e)) / (1 - exp(-k))`` times the strength.

    Strength counts by its root: strong muscles pull on a face that is as much stiffer.
    """
    k = subject.saturation
    return np.asarray(np.sqrt(subject.strength) * (1 - np.exp(-k * drive)) / (1 - np.exp(-k)))


def _delayed(subject: Subject, pull: np.ndarray) -> np.ndarray:
    """Force after the electro-mechanical delay: a plain delay, then two equal first-order lags.

    At low frequencies their delays add up to ``subject.delay_s``.
    """
    at_rest = pull[0]
    time = np.arange(len(pull)) / STEP_HZ
    out = np.empty_like(pull)
    for k, (delay, lag) in enumerate(zip(subject.delay_s, subject.lag_s, strict=True)):
        keep = float(np.exp(-1 / (lag * STEP_HZ)))
        # The discrete lag delays by keep / (1 - keep) steps, a little less than `lag`.
        plain = delay - 2 * keep / (1 - keep) / STEP_HZ
        moved = np.interp(time - plain, time, pull[:, k] - at_rest[k])
        for _ in range(2):
            moved = lfilter([1 - keep], [1, -keep], moved)
        out[:, k] = at_rest[k] + moved
    return out


def pose_of(subject: Subject, pull: np.ndarray) -> np.ndarray:
    """Coefficients (n, 52) of forces (n, n_muscles) that act at this moment."""
    table = read_face_muscles()
    sides = {side: _units(subject, table, pull, side) for side in SIDES}
    net = {side: _hindered(table, units) for side, units in sides.items()}
    out = np.zeros((len(pull), len(ARKIT_NAMES)))
    rules = table["coefficients"]
    for name, gains in rules["sided"].items():
        pair = [_sum(gains, net[side]) for side in SIDES]
        across = _ACROSS if name.startswith(_MOUTH) else 0.0
        for side, own, other in zip(SIDES, pair, pair[::-1], strict=True):
            out[:, _column(name + side.title())] = (1 - across) * own + across * other
    for name, gains in rules["bilateral"].items():
        out[:, _column(name)] = np.mean([_sum(gains, net[side]) for side in SIDES], axis=0)
    for name, (unit, towards, gain) in rules["sideways"].items():
        away = SIDES[1 - SIDES.index(towards)]
        out[:, _column(name)] = gain * np.maximum(net[towards][unit] - net[away][unit], 0)
    curve = (1 - np.exp(-_STEEPNESS * out)) / (1 - np.exp(-_STEEPNESS))
    return np.asarray(np.clip(curve, 0, 1) * subject.range_of_motion)


@functools.cache
def _column(name: str) -> int:
    return ARKIT_NAMES.index(name)


def _sum(gains: Mapping[str, float], units: Units) -> np.ndarray:
    return np.asarray(sum(gain * units[unit] for unit, gain in gains.items()))


def _units(
    subject: Subject, table: Mapping[str, Any], pull: np.ndarray, side: str
) -> dict[str, np.ndarray]:
    """Action units of one side by their muscles, before antagonists."""
    own = personal_gains(subject)
    # Tone shapes the neutral face, which is no expression.
    acting = np.maximum(pull - force(subject, _TONES * subject.tone), 0)
    units = {}
    for unit, weights in table["units"].items():
        columns = [subject.muscles.index(f"{muscle}.{side}") for muscle in weights]
        parts = [w * acting[:, k] for w, k in zip(weights.values(), columns, strict=True)]
        units[unit] = own[unit] * np.sum(parts, axis=0)
    for name, rule in table["above"].items():
        units[name] = rule["gain"] * np.maximum(units[rule["unit"]] - rule["threshold"], 0)
    return units


def _hindered(table: Mapping[str, Any], units: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Units after their antagonists, and the shapes that several make together."""
    whole = dict(units)
    for name, rule in table["together"].items():
        parts = [np.maximum(units[unit], 0) for unit in rule["units"]]
        product = np.prod(parts, axis=0) ** (1 / len(parts))
        smallest = np.min(parts, axis=0)
        whole[name] = rule["gain"] * 0.5 * (product + smallest) * np.minimum(1, 3 * smallest)
    net = {}
    for name, value in whole.items():
        share = table["against"].get(name, {})
        hindering = np.asarray(sum((k * whole[other] for other, k in share.items()), 0.0 * value))
        net[name] = np.maximum(value - hindering, 0) / (1 + _STIFFENING * hindering)
    return net


def add_gaze(coefficients: np.ndarray, times_s: np.ndarray, rng: np.random.Generator) -> None:
    """Small saccades of both eyes into coefficients (n, 52); no muscle here moves an eye."""
    now, right, up = float(times_s[0]), np.zeros(len(times_s)), np.zeros(len(times_s))
    while now < times_s[-1]:
        later = times_s >= now
        right[later], up[later] = rng.normal(0, _GAZE), rng.normal(0, 0.6 * _GAZE)
        now += float(0.2 + rng.exponential(0.9))
    for names, values in (
        (("eyeLookInLeft", "eyeLookOutRight"), right),
        (("eyeLookOutLeft", "eyeLookInRight"), -right),
        (("eyeLookUpLeft", "eyeLookUpRight"), up),
        (("eyeLookDownLeft", "eyeLookDownRight"), -up),
    ):
        for name in names:
            coefficients[:, _column(name)] = np.clip(values, 0, 0.6)


def head_motion(going: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Head pose (n, 6) of n frames: axis-angle in rad and translation in m, as in a track.

    A head that is asked to keep still sways below 1 Hz, stands a little askew, and nods a little
    with strong movements.

    Parameters
    ----------
    going : numpy.ndarray
        (n,) how far the clip's movement has come, 0 to 1.
    rng : numpy.random.Generator
    """
    n, spare = len(going), 60

    def sway(size: float) -> np.ndarray:
        noise = shaped_noise(
            n + spare, FRAME_HZ, lambda f: np.where((f > 0) & (f < 1.0), 1 / (f + 0.1) ** 2, 0.0),
            rng,
        )  # fmt: skip
        return size * noise[:n]

    pose = np.stack(
        [sway(0.5 * size) + rng.normal(0, size) for size in _SWAY_RAD]
        + [sway(0.5 * _SWAY_M) + rng.normal(0, _SWAY_M) for _ in range(3)],
        axis=1,
    )
    pose[:, 0] += going * rng.normal(0, _NOD_RAD)
    return pose
