"""The simulator's muscles: the eleven that electrodes are put over, and those that nobody measures.

A muscle has a course on the canvas of the electrode schemes, a size, a depth and a strength. The
muscles without electrodes of their own (lids, jaw openers, cheeks, the lips' margin) move the face
all the same, and the electrodes of their neighbours pick them up.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .script import SIDES, read_expressions

_TABLE = Path(__file__).with_name("face_muscles.json")
_SIZES = ("maximum_uv", "depth_mm", "half_width_mm", "half_length_mm")


@dataclass(frozen=True)
class FaceMuscle:
    """One muscle of one side.

    Attributes
    ----------
    name : str
        ``"zygomaticus.left"``.
    course : numpy.ndarray
        (n, 2) on the canvas, with the sign of its side; empty for one that no electrode sees.
    maximum_uv : float
        RMS of a bipolar pair over it at full effort, before a subject's strength.
    depth_mm, half_width_mm, half_length_mm : float
        From the skin to its nearest fibres; the spread of its motor units across the course; half
        the length of its fibres.
    is_measured : bool
        Whether Fridlund's scheme has a pair over it.
    """

    name: str
    course: np.ndarray
    maximum_uv: float
    depth_mm: float
    half_width_mm: float
    half_length_mm: float
    is_measured: bool

    @property
    def length_mm(self) -> float:
        """Length of the course; a canvas unit is about a mm."""
        return float(np.sqrt((np.diff(self.course, axis=0) ** 2).sum(axis=1)).sum())

    @property
    def is_seen(self) -> bool:
        """Whether any electrode on the skin picks it up."""
        return len(self.course) > 0


@functools.cache
def read_face_muscles() -> dict[str, Any]:
    """The table beside this file: muscles, and what they move."""
    table: dict[str, Any] = json.loads(_TABLE.read_text("utf-8"))
    return table


@functools.cache
def face_muscles() -> tuple[FaceMuscle, ...]:
    """All muscles, left before right, the eleven measured ones first in Fridlund's order."""
    table, sites = read_face_muscles(), read_expressions()["sites"]
    own = table["measured"]
    rows = [(k, own[k].get("course", sites[k]["course"]), own[k], True) for k in sites]
    rows += [(k, row.get("course", []), row, False) for k, row in table["hidden"].items()]
    return tuple(_muscle(*row, side) for row in rows for side in SIDES)


def _muscle(
    name: str, course: list[list[float]], row: dict[str, Any], is_measured: bool, side: str
) -> FaceMuscle:
    points = np.array(course, np.float64).reshape(-1, 2) * ((1 if side == "left" else -1), 1)
    size = {key: float(row.get(key, 0)) for key in _SIZES}
    return FaceMuscle(f"{name}.{side}", points, is_measured=is_measured, **size)


@functools.cache
def muscle_names() -> tuple[str, ...]:
    """Names of all muscles with their side; the first 22 are those of Fridlund's scheme."""
    return tuple(muscle.name for muscle in face_muscles())
