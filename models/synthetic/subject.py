"""A made-up person: a head, a skin, an age, and muscles of their own."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from ...eifer_addon.errors import EiferError
from ...eifer_addon.spaces import ARKIT52, ARKIT_NAMES
from .face_muscles import muscle_names, read_face_muscles

#: Identity coefficients of the open head, and their spread, in units of its population's.
N_IDENTITY, IDENTITY_SPREAD = 100, 0.8
AGE_YEARS = (18.0, 80.0)
#: From a muscle's electrical activity to the skin's movement, in s. Roughly 50 to 100 ms for mimic
#: muscles (seen between EMG and video by Büchner and others, CVPR 2025; skeletal muscles: Cavanagh
#: and Komi 1979, Eur J Appl Physiol 42:159-163).
DELAY_S = (0.050, 0.100)
#: The part of that delay that is no plain delay but the sluggishness of muscle and skin.
SLUGGISH_S = (0.022, 0.040)
#: Spreads (of logarithms) between people, between muscles of one person, and between the sides.
_STRENGTH, _MUSCLE, _SIDE = 0.22, 0.25, 0.09
#: The effort at which a muscle's last motor unit is recruited; facial muscles grade their force
#: largely by recruitment, so that it lies high (De Luca 1985 gives 50 to 90 % by muscle).
_LAST_RECRUITED = (0.50, 0.85)
_SATURATION = (1.2, 2.6)
#: Effort at rest, and its spread between muscles (log).
_TONE, _TONE_SPREAD = 0.012, 0.4


@dataclass(frozen=True)
class Subject:
    """One simulated person.

    Attributes
    ----------
    seed, index : int
        Of the study, and the person's number in it from 0.
    pid : str
        The identifier in tables and file names.
    identity : numpy.ndarray
        (100,) coefficients of the open head.
    skin_seed : int
        For whatever the skin's material draws.
    age_years : float
    asymmetry : float
        Log ratio of the left side's strength to the right side's, over all muscles.
    muscles : tuple of str
        Muscles with side; every array below but the last has one value for each.
    strength : numpy.ndarray
        How strong a muscle's EMG and force are, about 1.
    recruitment : numpy.ndarray
        The effort, in (0, 1), at which its last motor unit is recruited.
    delay_s : numpy.ndarray
        Electro-mechanical delay: by so much the skin's slow movements follow the EMG. The sum of a
        plain delay and of a critically damped second-order lag.
    lag_s : numpy.ndarray
        Time constant of that lag, which makes ``2 lag_s`` of the delay.
    saturation : numpy.ndarray
        Steepness with which force saturates against effort.
    tone : numpy.ndarray
        Effort at rest, which shapes the neutral face.
    fat_mm : float
        Tissue between muscle and skin that this person has more than others (may be negative).
    expressiveness : float
        By what posed efforts are multiplied, about 1.
    range_of_motion : numpy.ndarray
        (52,) the largest value of each coefficient of `arkit52` that this face reaches.
    """

    seed: int
    index: int
    pid: str
    identity: np.ndarray
    skin_seed: int
    age_years: float
    asymmetry: float
    muscles: tuple[str, ...]
    strength: np.ndarray
    recruitment: np.ndarray
    delay_s: np.ndarray
    lag_s: np.ndarray
    saturation: np.ndarray
    tone: np.ndarray
    fat_mm: float
    expressiveness: float
    range_of_motion: np.ndarray

    def rng(self, *parts: object) -> np.random.Generator:
        """Random numbers of this person that depend on nothing but `parts`."""
        return generator(self.seed, "subject", self.index, *parts)


def generator(seed: int, *parts: object) -> np.random.Generator:
    """Random numbers that depend on a seed and on names, and on nothing that was drawn before."""
    words = [zlib.crc32(repr(part).encode()) for part in parts]
    return np.random.default_rng(np.random.SeedSequence([seed, *words]))


def draw_subject(seed: int, index: int) -> Subject:
    """The person number `index` of the study `seed`.

    Parameters
    ----------
    seed : int
        Not negative; the same seed and index give the same person anywhere.
    index : int
        From 0.

    Raises
    ------
    EiferError
        For negative numbers.
    """
    if seed < 0 or index < 0:
        raise EiferError("Seed and number of a subject cannot be negative.", "Use 0 and up.")
    rng = generator(seed, "subject", index)
    names = muscle_names()
    age = float(rng.uniform(*AGE_YEARS))
    asymmetry = float(np.clip(rng.normal(0, 0.08), -0.2, 0.2))
    lag = np.repeat(rng.uniform(*SLUGGISH_S, len(names) // 2) / 2, 2)
    delay = np.repeat(rng.uniform(*DELAY_S, len(names) // 2), 2)
    return Subject(
        seed, index, f"{index + 1:02d}", rng.normal(0, IDENTITY_SPREAD, N_IDENTITY),
        int(rng.integers(2**31)), age, asymmetry, names, _strength(rng, asymmetry, age),
        np.repeat(rng.uniform(*_LAST_RECRUITED, len(names) // 2), 2), delay, lag,
        np.repeat(rng.uniform(*_SATURATION, len(names) // 2), 2),
        _TONE * np.exp(np.clip(rng.normal(0, _TONE_SPREAD, len(names)), -0.8, 0.8)),
        float(np.clip(rng.normal(0, 0.6), -1.2, 1.8)),
        float(np.exp(np.clip(rng.normal(0, 0.18), -0.4, 0.4))), _range_of_motion(rng, age),
    )  # fmt: skip


def _strength(rng: np.random.Generator, asymmetry: float, age_years: float) -> np.ndarray:
    """About 1, less in old age; sides of one muscle resemble each other."""
    n = len(muscle_names()) // 2
    person = rng.normal(0, _STRENGTH) - 0.004 * (age_years - 40)
    muscle = np.repeat(rng.normal(0, _MUSCLE, n), 2)
    side = np.tile([asymmetry / 2, -asymmetry / 2], n) + rng.normal(0, _SIDE, 2 * n)
    return np.asarray(np.exp(person + muscle + side))


def _range_of_motion(rng: np.random.Generator, age_years: float) -> np.ndarray:
    """What the skin allows, (52,): between the coefficients of a side alike, less with age."""
    stiff = 1 - 0.003 * (age_years - 30)
    values: dict[str, float] = {}
    for name in ARKIT_NAMES:
        pair = name.removesuffix("Left").removesuffix("Right")
        values.setdefault(pair, float(np.clip(rng.normal(0.88, 0.08), 0.65, 1.0)))
    lids = "eyeBlink"
    room = [1.0 if name.startswith(lids) else
            values[name.removesuffix("Left").removesuffix("Right")] * stiff
            for name in ARKIT_NAMES]  # fmt: skip
    return ARKIT52.clip(np.array(room))


def personal_gains(subject: Subject) -> dict[str, float]:
    """How much more or less than usual a muscle moves each of its units, about 1, by unit."""
    rng = subject.rng("gains")
    return {name: float(np.exp(rng.normal(0, 0.12))) for name in read_face_muscles()["units"]}
