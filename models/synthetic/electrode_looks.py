"""What electrodes, cables and tape look like: kinds as stacks of layers, and colours by chance.

The kinds are those of laboratories: small reusable cups under adhesive rings, round plastic
housings, bare metal cups with paste, foam pads with a snap stud, square gel pads.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_WHITE, _CREAM, _SKIN, _BLUISH = (0.93, 0.92, 0.90), (0.90, 0.84, 0.76), (0.80, 0.62, 0.50), (
    0.80, 0.88, 0.94)  # fmt: skip
_BLACK, _GREY, _LIGHT, _BLUE = (0.11, 0.11, 0.12), (0.46, 0.47, 0.49), (0.84, 0.84, 0.82), (
    0.18, 0.32, 0.60)  # fmt: skip
_SILVER, _GOLD, _TIN = (0.76, 0.76, 0.75), (0.80, 0.62, 0.30), (0.56, 0.57, 0.58)
_RED, _GREEN, _YELLOW = (0.72, 0.14, 0.13), (0.16, 0.48, 0.26), (0.88, 0.76, 0.20)
#: Rings, housings, metals, cables and tapes that are worn; light ones are the most common.
_RINGS = (_WHITE, _CREAM, _BLUISH, _LIGHT, _SKIN)
_HOUSINGS = (_BLACK, _LIGHT, _BLUE, _GREY, _WHITE, _RED, _GREEN, _YELLOW)
_METALS = (_SILVER, _SILVER, _GOLD, _TIN)
CABLES = (
    (0.13, 0.13, 0.14), (0.75, 0.16, 0.14), (0.16, 0.32, 0.66), (0.18, 0.50, 0.26),
    (0.88, 0.78, 0.22), (0.86, 0.86, 0.84), (0.50, 0.31, 0.17), (0.45, 0.25, 0.55),
    (0.55, 0.56, 0.58), (0.85, 0.45, 0.13),
)  # fmt: skip
#: Colour and opacity of tape: white cloth, brown plaster, clear film, paper.
TAPES = (
    ((0.93, 0.91, 0.86), 0.93), ((0.95, 0.95, 0.94), 0.82), ((0.76, 0.57, 0.43), 0.95),
    ((0.88, 0.88, 0.88), 0.28),
)  # fmt: skip


@dataclass(frozen=True)
class Layer:
    """One disc of an electrode's stack, from the skin outwards.

    Attributes
    ----------
    radius : float
        In radii of the electrode.
    colour : tuple of float
        sRGB in [0, 1] under usual light.
    dome, gloss, opacity : float
        How far the rim leans outwards, how strongly it shines, how much it hides.
    power : float
        Of the norm that gives the outline: 2 a circle, 6 nearly a square.
    """

    radius: float
    colour: tuple[float, float, float]
    dome: float = 0.25
    gloss: float = 0.0
    opacity: float = 1.0
    power: float = 2.0


@dataclass(frozen=True)
class Kind:
    """A kind of electrode: its layers, and its radius in cm."""

    name: str
    layers: tuple[Layer, ...]
    radius_cm: float


def draw_kind(random: np.random.Generator) -> Kind:
    """A kind of electrode by chance: what a laboratory has bought."""
    name = ("ring", "ring", "housing", "housing", "cup", "snap", "pad")[random.integers(7)]
    return _MAKERS[name](random)


def _one(
    random: np.random.Generator, colours: tuple[tuple[float, float, float], ...]
) -> tuple[float, float, float]:
    """One of the colours, a little off."""
    colour = np.array(colours[random.integers(len(colours))]) * random.uniform(0.88, 1.08)
    red, green, blue = np.clip(colour + random.normal(0, 0.02, 3), 0.02, 1).tolist()
    return red, green, blue


def _gel(random: np.random.Generator, radius: float) -> tuple[Layer, ...]:
    """Paste that came out below the rim: nearly clear, wet."""
    if random.uniform() > 0.4:
        return ()
    return (Layer(radius, (0.85, 0.82, 0.78), 0.9, 0.75, random.uniform(0.12, 0.3)),)


def _ring(random: np.random.Generator) -> Kind:
    body = Layer(random.uniform(0.5, 0.72), _one(random, _HOUSINGS), 0.8, random.uniform(0.1, 0.4))
    ring = Layer(1.0, _one(random, _RINGS), 0.25, 0.0, random.choice([1.0, 0.75]))
    stud = Layer(random.uniform(0.18, 0.3), _one(random, _METALS), 1.2, 0.6)
    return Kind("ring", (ring, body, stud), float(random.uniform(0.40, 0.62)))


def _housing(random: np.random.Generator) -> Kind:
    colour = _one(random, _HOUSINGS)
    top = Layer(0.72, colour, random.uniform(0.0, 0.5), random.uniform(0.1, 0.5))
    darker = tuple(0.82 * c for c in colour)
    rim = Layer(1.0, (darker[0], darker[1], darker[2]), 0.9, random.uniform(0.2, 0.5))
    mark = (Layer(0.2, _one(random, _METALS + (_WHITE, _BLACK)), 0.5, 0.2),)
    return Kind(
        "housing", (*_gel(random, 1.2), rim, top, *(mark if random.uniform() < 0.5 else ())),
        float(random.uniform(0.30, 0.58)),
    )  # fmt: skip


def _cup(random: np.random.Generator) -> Kind:
    metal = _one(random, _METALS)
    hole = Layer(0.22, (0.30, 0.28, 0.26), -0.6, 0.5)
    inner = Layer(0.75, metal, -0.5, 0.5)
    return Kind(
        "cup", (*_gel(random, 1.35), Layer(1.0, metal, 1.1, 0.8), inner, hole),
        float(random.uniform(0.30, 0.52)),
    )  # fmt: skip


def _snap(random: np.random.Generator) -> Kind:
    foam = Layer(1.0, _one(random, (_WHITE, _LIGHT, _BLUISH, _SKIN)), 0.15, 0.0)
    head = Layer(random.uniform(0.45, 0.65), _one(random, _HOUSINGS), 0.7, 0.3)
    stud = Layer(random.uniform(0.2, 0.3), _one(random, _METALS), 1.2, 0.7)
    layers = (foam, head, stud) if random.uniform() < 0.6 else (foam, stud)
    return Kind("snap", layers, float(random.uniform(0.5, 0.72)))


def _pad(random: np.random.Generator) -> Kind:
    pad = Layer(1.0, _one(random, (_WHITE, _BLUISH, _LIGHT)), 0.1, 0.15, 0.9, power=6.0)
    clip = Layer(0.5, _one(random, _HOUSINGS), 0.4, 0.25, power=5.0)
    return Kind("pad", (pad, clip), float(random.uniform(0.36, 0.55)))


_MAKERS = {"ring": _ring, "housing": _housing, "cup": _cup, "snap": _snap, "pad": _pad}
