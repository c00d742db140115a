"""What is known of the landmark network's error: its bias, its spread, and what goes together.

Learned on drawings of the open head, where the truth is known (`python -m
eifer.eifer_addon.video.fit_learn`), and kept in `data/landmark_noise.npz`. Errors are distances
in m across the line of sight, as `fit_view.offsets` gives them.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

import numpy as np

from ..files import load_npz

#: The file that the add-on brings.
DATA = Path(__file__).parent / "data" / "landmark_noise.npz"
KIND, VERSION = "landmark_noise", 1


@dataclass(frozen=True)
class LandmarkNoise:
    """The error of 478 landmarks and 52 scores.

    Attributes
    ----------
    bias : numpy.ndarray
        (6, 2, 478) in m: what is read beside the truth, per `fit_view.pose_features`.
    response : numpy.ndarray
        (478, 3, 52) in m: how much farther than the surface a landmark goes with a unit.
    spread : numpy.ndarray
        (2, 478) standard deviation in m of what the modes leave.
    modes : numpy.ndarray
        (k, 2, 478) in m: errors that go together, each with a standard deviation of 1.
    person : numpy.ndarray
        (478, 3) standard deviation in m of a person's own constant error.
    scores_bias : numpy.ndarray
        (6, 52) of the scores, per `fit_view.pose_features`.
    scores_response : numpy.ndarray
        (52, 52): scores per unit of a coefficient, row by score.
    scores_spread, scores_person : numpy.ndarray
        (52,) standard deviations within a person and between persons.
    """

    bias: np.ndarray
    response: np.ndarray
    spread: np.ndarray
    modes: np.ndarray
    person: np.ndarray
    person_modes: np.ndarray
    person_rest: np.ndarray
    scores_bias: np.ndarray
    scores_response: np.ndarray
    scores_spread: np.ndarray
    scores_person: np.ndarray


@cache
def landmark_noise() -> LandmarkNoise:
    """The noise that comes with the add-on."""
    arrays, _, _ = load_npz(DATA, KIND, VERSION)
    names = [field.name for field in fields(LandmarkNoise)]
    return LandmarkNoise(*(arrays[name].astype(np.float64) for name in names))
