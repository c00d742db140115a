"""Expression spaces: what the coefficients of a track mean.

A space names its coefficients, their bounds and the basis they belong to. Tracks of
different spaces are never mixed silently; `arkit52` is the hub that every rig takes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from .errors import EiferError

#: The 52 blendshape locations of Apple's ARKit, in alphabetical order.
ARKIT_NAMES: tuple[str, ...] = (
    "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight",
    "cheekPuff", "cheekSquintLeft", "cheekSquintRight", "eyeBlinkLeft", "eyeBlinkRight",
    "eyeLookDownLeft", "eyeLookDownRight", "eyeLookInLeft", "eyeLookInRight", "eyeLookOutLeft",
    "eyeLookOutRight", "eyeLookUpLeft", "eyeLookUpRight", "eyeSquintLeft", "eyeSquintRight",
    "eyeWideLeft", "eyeWideRight", "jawForward", "jawLeft", "jawOpen", "jawRight", "mouthClose",
    "mouthDimpleLeft", "mouthDimpleRight", "mouthFrownLeft", "mouthFrownRight", "mouthFunnel",
    "mouthLeft", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthPressLeft",
    "mouthPressRight", "mouthPucker", "mouthRight", "mouthRollLower", "mouthRollUpper",
    "mouthShrugLower", "mouthShrugUpper", "mouthSmileLeft", "mouthSmileRight",
    "mouthStretchLeft", "mouthStretchRight", "mouthUpperUpLeft", "mouthUpperUpRight",
    "noseSneerLeft", "noseSneerRight", "tongueOut",
)  # fmt: skip


@dataclass(frozen=True)
class ExpressionSpace:
    """A named set of expression coefficients.

    Attributes
    ----------
    name : str
        For example ``"arkit52"`` or ``"flame2020:e50j3l2"``.
    coefficients : tuple of str
        Their names, in the order of a track's columns.
    lower, upper : tuple of float
        Bounds, one per coefficient (infinite where the basis has none).
    basis : str
        The model whose basis the coefficients belong to.
    """

    name: str
    coefficients: tuple[str, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    basis: str

    def __len__(self) -> int:
        return len(self.coefficients)

    def clip(self, values: np.ndarray) -> np.ndarray:
        """Values (..., n_coefficients) limited to the bounds."""
        return np.clip(values, np.asarray(self.lower), np.asarray(self.upper))


ARKIT52 = ExpressionSpace("arkit52", ARKIT_NAMES, (0.0,) * 52, (1.0,) * 52, "arkit")

_PARAMETRIC = re.compile(r"^(?P<basis>[a-z0-9_]+):e(?P<e>\d+)(?:j(?P<j>3))?(?:l(?P<l>2))?$")
#: SMIRK bounds the jaw's axis-angle to x >= 0 and |y|, |z| <= 0.2 and the eyelids to [0, 1].
_JAW = (("jaw.x", 0.0, np.pi / 2), ("jaw.y", -0.2, 0.2), ("jaw.z", -0.2, 0.2))


def get_space(name: str) -> ExpressionSpace:
    """Look a space up by name.

    Parametric names are ``basis:eN[j3][l2]``: N expression coefficients (``exp.000`` …),
    a jaw axis-angle in radians (``jaw.x`` …) and two eyelids.

    Raises
    ------
    EiferError
        For a name that is not known.
    """
    if name == ARKIT52.name:
        return ARKIT52
    match = _PARAMETRIC.match(name)
    if match is None:
        raise EiferError(
            f"The expression space '{name}' is not known.",
            "Use 'arkit52' or a name like 'flame2020:e50j3l2'.",
        )
    rows = [(f"exp.{k:03d}", -np.inf, np.inf) for k in range(int(match["e"]))]
    rows += list(_JAW) if match["j"] else []
    rows += [("eyelid.left", 0.0, 1.0), ("eyelid.right", 0.0, 1.0)] if match["l"] else []
    names, lower, upper = zip(*rows, strict=True)
    return ExpressionSpace(name, names, lower, upper, match["basis"])
