"""Parts of the face, their sides, and what stands opposite: by the names of coefficients."""

from __future__ import annotations

import functools
import re

import numpy as np

from .spaces import ExpressionSpace

#: Parts in which the 52 ARKit coefficients fall; "eyes" stands for eyelids and gaze together.
REGIONS = ("brow", "eyelids", "gaze", "cheek", "nose", "mouth", "jaw", "tongue")
EYES = "eyes"
#: The part of a model's own expression coefficients, which stand for no place of the face.
EXPRESSION = "expression"
_PREFIX = re.compile(r"[a-z]+")
_OTHER = {"Left": "Right", "Right": "Left", ".left": ".right", ".right": ".left"}
#: What moves one way and back is two ARKit coefficients of which one is 0.
OPPOSED = (
    ("jawLeft", "jawRight"), ("mouthLeft", "mouthRight"),
    ("eyeLookOutLeft", "eyeLookInLeft"), ("eyeLookInRight", "eyeLookOutRight"),
    ("eyeLookUpLeft", "eyeLookDownLeft"), ("eyeLookUpRight", "eyeLookDownRight"),
)  # fmt: skip


@functools.cache
def region_of(name: str) -> str:
    """The part of the face that a coefficient belongs to."""
    if name.startswith("exp."):
        return EXPRESSION
    if name.startswith("eyeLook"):
        return "gaze"
    if name.startswith(("eye", "eyelid.")):
        return "eyelids"
    found = _PREFIX.match(name)
    prefix = found[0] if found else ""
    return prefix if prefix in REGIONS else EXPRESSION


def side_of(name: str) -> str:
    """``"left"``, ``"right"`` (of the subject), or nothing for the middle."""
    for ending, side in (("left", "left"), ("right", "right")):
        if name.lower().endswith(ending):
            return side
    return ""


def opposite(name: str) -> str:
    """The coefficient of the other side; the same one where there is none."""
    for ending, other in _OTHER.items():
        if name.endswith(ending):
            return name.removesuffix(ending) + other
    return name


def answers_to(name: str) -> tuple[str, ...]:
    """The words that mean a coefficient, the most particular first."""
    region, side = region_of(name), side_of(name)
    words = [name, *([f"{region}.{side}"] if side else []), region]
    if region in ("eyelids", "gaze"):
        words += [*([f"{EYES}.{side}"] if side else []), EYES]
    return tuple(words)


def columns_of(space: ExpressionSpace, region: str) -> np.ndarray:
    """Indices of the coefficients that a word of :func:`answers_to` means."""
    return np.array(
        [k for k, name in enumerate(space.coefficients) if region in answers_to(name)], int
    )
