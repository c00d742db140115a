"""Action units and gaze as ARKit blendshapes, and back, through the tables in ``data/``."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..spaces import ARKIT_NAMES

_DATA = Path(__file__).parent / "data"
_TABLE, _INTENSITIES = _DATA / "action_units.json", _DATA / "action_unit_intensities.json"
_UNIT = re.compile(r"^au0*(\d+)(_r)?$", re.IGNORECASE)


@functools.cache
def _document() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(_TABLE.read_text("utf-8"))
    return document


def unit_of(column: str) -> str | None:
    """``"12"`` for the intensity columns ``AU12`` and ``AU12_r``, None for others."""
    match = _UNIT.match(column.strip())
    return match[1] if match else None


def to_arkit(intensities: np.ndarray, columns: Iterable[str]) -> tuple[np.ndarray, list[str]]:
    """Action units as blendshapes.

    Parameters
    ----------
    intensities : numpy.ndarray
        (n_frames, n_units), 1 is the strongest.
    columns : iterable of str
        Their columns, such as ``AU12_r``.

    Returns
    -------
    coefficients : numpy.ndarray
        float64 (n_frames, 52) in [0, 1], in `ARKIT_NAMES` order.
    unused : list of str
        Columns for whose unit there is no blendshape.
    """
    table: Mapping[str, Mapping[str, float]] = _document()["units"]
    found = np.zeros((len(intensities), len(ARKIT_NAMES)))
    unused = []
    for column, values in zip(columns, intensities.T, strict=True):
        gains = table.get(unit_of(column) or "", {})
        if not gains:
            unused.append(column)
        for name, gain in gains.items():
            found[:, ARKIT_NAMES.index(name)] += gain * values
    return np.clip(found, 0, 1), unused


@functools.cache
def intensity_weights() -> dict[str, dict[str, float]]:
    """For each action unit ("1", "2", …) the weights of blendshapes, and maybe an "offset"."""
    document = json.loads(_INTENSITIES.read_text("utf-8"))
    weights: dict[str, dict[str, float]] = document["units"]
    return weights


def from_arkit(coefficients: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Intensities of action units from blendshapes.

    Parameters
    ----------
    coefficients : numpy.ndarray
        (n_frames, 52) in `ARKIT_NAMES` order.

    Returns
    -------
    intensities : numpy.ndarray
        float64 (n_frames, n_units) in [0, 1], 1 is the strongest.
    units : list of str
        ``"1"``, ``"2"`` …, by number.
    """
    weights = intensity_weights()
    matrix, offset = np.zeros((len(ARKIT_NAMES), len(weights))), np.zeros(len(weights))
    for column, gains in enumerate(weights.values()):
        for name, gain in gains.items():
            if name == "offset":
                offset[column] = gain
            else:
                matrix[ARKIT_NAMES.index(name), column] = gain
    found = np.asarray(coefficients, np.float64) @ matrix + offset
    return np.clip(found, 0, 1), list(weights)


def full_gaze_deg(way: str) -> float:
    """Degrees ``"horizontal"`` or ``"vertical"`` at which an eyeLook blendshape is 1."""
    return float(_document()["gaze_full_deg"][way])


def add_gaze(coefficients: np.ndarray, left_deg: np.ndarray, up_deg: np.ndarray) -> None:
    """Write the eyeLook blendshapes of both eyes into ARKit coefficients (n_frames, 52).

    Parameters
    ----------
    coefficients : numpy.ndarray
        Changed in place.
    left_deg, up_deg : numpy.ndarray
        (n_frames,), the gaze relative to the head, to the subject's left and up.
    """
    left, up = left_deg / full_gaze_deg("horizontal"), up_deg / full_gaze_deg("vertical")
    amounts = {
        "eyeLookOutLeft": left, "eyeLookInRight": left,
        "eyeLookInLeft": -left, "eyeLookOutRight": -left,
        "eyeLookUpLeft": up, "eyeLookUpRight": up,
        "eyeLookDownLeft": -up, "eyeLookDownRight": -up,
    }  # fmt: skip
    for name, amount in amounts.items():
        coefficients[:, ARKIT_NAMES.index(name)] = np.clip(amount, 0, 1)
