"""How a made-up person looks: colours of skin, hair, eyes and clothes, drawn by chance.

Skin colour follows from two pigments. Its reflectance is that of the dermis behind melanin, whose
absorption falls with the wavelength to the power of -3.33 (Jacques, "Optical properties of
biological tissues", Phys Med Biol 58, 2013), and behind blood, which takes green the most.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: Reflectance of the dermis, and absorption of melanin per volume share and of blood, linear RGB.
DERMIS = np.array([0.76, 0.65, 0.57])
MELANIN = np.array([4.2, 6.5, 9.8])
BLOOD = np.array([0.18, 0.95, 0.76])
#: Volume shares of melanin in people's skin, and amounts of blood.
_MELANIN_RANGE, _BLOOD_RANGE = (0.012, 0.22), (0.16, 0.34)
_HAIRS = (
    (0.012, 0.010, 0.009), (0.030, 0.020, 0.014), (0.070, 0.042, 0.024), (0.140, 0.085, 0.045),
    (0.300, 0.200, 0.105), (0.160, 0.055, 0.022),
)  # fmt: skip
_GREY_HAIR = np.array([0.27, 0.265, 0.26])
_IRISES = ((0.060, 0.032, 0.014), (0.110, 0.060, 0.026), (0.100, 0.090, 0.040),
           (0.080, 0.115, 0.140), (0.110, 0.130, 0.130))  # fmt: skip
_SHIRTS = (
    (0.55, 0.55, 0.55), (0.03, 0.03, 0.035), (0.03, 0.05, 0.13), (0.20, 0.03, 0.04),
    (0.05, 0.12, 0.08), (0.22, 0.22, 0.23), (0.28, 0.20, 0.12), (0.10, 0.18, 0.30),
)  # fmt: skip
_WALLS = ((0.42, 0.42, 0.41), (0.28, 0.33, 0.38), (0.12, 0.13, 0.14), (0.20, 0.26, 0.22),
          (0.40, 0.35, 0.28), (0.05, 0.05, 0.055), (0.50, 0.52, 0.55))  # fmt: skip
HAIR_CUTS = ("shorn", "short", "short", "full", "full", "long", "long")
#: Of these so many are worn with a beard.
_BEARDED_CUTS = 5


def skin_colour(melanin: np.ndarray | float, blood: np.ndarray | float) -> np.ndarray:
    """Linear RGB (..., 3) of skin with shares of melanin and amounts of blood (...)."""
    absorbed = np.multiply.outer(melanin, MELANIN) + np.multiply.outer(blood, BLOOD)
    return np.asarray(DERMIS * np.exp(-absorbed))


@dataclass(frozen=True)
class Look:
    """Everything about a person's looks that is no shape.

    Attributes
    ----------
    seed : int
        Of freckles, pores, single hairs.
    age_years : float
    melanin, blood : float
        See `skin_colour`.
    freckles, blotches, stubble, make_up : float
        Strengths from 0 to 1.
    oil : float
        How much the skin shines, about 1.
    hair, brow, iris, shirt, wall : tuple of float
        Linear RGB.
    cut : str
        One of `HAIR_CUTS`.
    brow_density : float
    hairline_m : float
        By how much the hair begins higher than usual.
    """

    seed: int
    age_years: float
    melanin: float
    blood: float
    freckles: float
    blotches: float
    stubble: float
    make_up: float
    oil: float
    hair: tuple[float, float, float]
    brow: tuple[float, float, float]
    iris: tuple[float, float, float]
    shirt: tuple[float, float, float]
    wall: tuple[float, float, float]
    cut: str
    brow_density: float
    hairline_m: float


def draw_look(seed: int, age_years: float | None = None) -> Look:
    """A person's looks.

    Parameters
    ----------
    seed : int
        The same seed looks the same.
    age_years : float, optional
        By chance when absent.
    """
    random = np.random.default_rng((seed, 0x10_0C))
    age = float(random.uniform(18, 80)) if age_years is None else float(age_years)
    melanin = float(np.exp(random.uniform(*np.log(_MELANIN_RANGE))))
    light_skin = melanin < 0.05
    hair = np.array(_HAIRS[random.integers(len(_HAIRS) if light_skin else 2)])
    grey = np.clip((age - random.normal(56, 10)) / 24, 0, 1)
    hair = hair + (_GREY_HAIR - hair) * grey
    iris = np.array(_IRISES[random.integers(len(_IRISES) if light_skin else 2)])
    beard = random.uniform() < 0.45
    brow = hair + (np.array([0.03, 0.021, 0.015]) - hair) * 0.5
    stubble = float(random.uniform(0.15, 0.9)) if beard else 0.0
    return Look(
        seed, age, melanin, float(random.uniform(*_BLOOD_RANGE)),
        float(random.uniform(0, 1) * light_skin * (random.uniform() < 0.35)),
        float(random.uniform(0.15, 1.0)), stubble,
        float(0.0 if beard else random.uniform(0, 1) * (random.uniform() < 0.5)),
        float(random.uniform(0.5, 1.5)), _rgb(hair), _rgb(brow),
        _rgb(iris * random.uniform(0.8, 1.3)),
        _rgb(np.array(_SHIRTS[random.integers(len(_SHIRTS))]) * random.uniform(0.7, 1.3, 3)),
        _rgb(np.array(_WALLS[random.integers(len(_WALLS))]) * random.uniform(0.7, 1.25)),
        HAIR_CUTS[random.integers(_BEARDED_CUTS if beard else len(HAIR_CUTS))],
        float(random.uniform(0.6, 1.2)), float(random.normal(0.003, 0.006) + 0.008 * beard * grey),
    )  # fmt: skip


def _rgb(colour: np.ndarray) -> tuple[float, float, float]:
    red, green, blue = np.clip(colour, 0.003, 0.9).tolist()
    return red, green, blue
