"""What is usual of expressions and of errors: costs of coefficients, and the noise of a fit.

All of it is in standard deviations of the measurements. The figures were chosen on films of drawn
people of the open head and on real films, with an eye on `tests/bench/bench_video_accuracy.py`.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache, lru_cache

import numpy as np

from ..heads.canonical import N_FACE
from ..spaces import ARKIT_NAMES
from .fit_grid import N_POINTS
from .fit_model import LIDS, LIPS
from .fit_noise import LandmarkNoise, landmark_noise
from .fit_solve import N_UNITS, Costs

#: Error of the head model itself in m, beside that of the network: of skin, of lips and lids,
#: which are edges and better found, and of irises. Of scores, whose meaning differs by person.
_MODEL_ERROR, _FEATURE_ERROR, _IRIS_ERROR, _SCORES_ERROR = 0.0025, 0.0012, 0.0008, 0.07
#: The network reads photographs more surely than drawings: errors that go together are taken for
#: so much smaller. This share of what persons differ by is left when the person was estimated.
_MODES_SHARE, _UNKNOWN_SHARE = 0.65, 0.35
#: On drawings the scores follow the units faintly, on people, from whom the network learned them,
#: one to one: nearly so.
_SCORES_OF_PEOPLE = 0.9
#: Costs of a coefficient of 1: linear (of gaze, which every face has, less) and quadratic.
_FIRST, _FIRST_GAZE, _SECOND = 4.5, 2.0, 2.0
#: Costs of a difference of 1 between the sides, and between the directions of the two eyes.
_SIDES, _EYES = 5.0, 20.0
#: A left eye that looks out goes with a right one that looks in.
_CONJUGATE = (
    ("eyeLookInLeft", "eyeLookOutRight"), ("eyeLookOutLeft", "eyeLookInRight"),
    ("eyeLookUpLeft", "eyeLookUpRight"), ("eyeLookDownLeft", "eyeLookDownRight"),
)  # fmt: skip
_EYES_OWN = ("eyeLook", "eyeBlink", "eyeWide")
_ONE_SIDED = ("eyeLook", "mouthLeft", "jawLeft")
_TONGUE = ARKIT_NAMES.index("tongueOut")


def usual_costs(doubt: float = 1.0, pull: float = 0.0) -> Costs:
    """What coefficients cost: a face is at rest, even, and looks with both eyes at one thing."""
    first = np.array([_FIRST_GAZE if n.startswith("eyeLook") else _FIRST for n in ARKIT_NAMES])
    # Eyes stay free of what makes a face strange: electrodes, a beard.
    first = first * np.where([n.startswith(_EYES_OWN) for n in ARKIT_NAMES], 1.0, doubt)
    second = np.eye(N_UNITS) * _SECOND
    pairs = [
        (name, name[:-4] + "Right", _SIDES)
        for name in ARKIT_NAMES
        if name.endswith("Left") and not name.startswith(_ONE_SIDED)
    ]
    for one, other, cost in pairs + [(*names, _EYES) for names in _CONJUGATE]:
        difference = np.zeros(N_UNITS)
        difference[ARKIT_NAMES.index(one)], difference[ARKIT_NAMES.index(other)] = 1, -1
        second += cost * np.outer(difference, difference)
    return Costs(first, second, pull)


@lru_cache(maxsize=4)
def usual_noise(doubt: float = 1.0) -> LandmarkNoise:
    """The network's noise, with what of a person's error is not found, and the head's own error.

    `doubt` says by how much more than usual the network errs on a face.
    """
    noise = landmark_noise()
    unknown = doubt * _UNKNOWN_SHARE * noise.person_modes
    response = noise.scores_response + _SCORES_OF_PEOPLE * (np.eye(N_UNITS) - noise.scores_response)
    response[_TONGUE] = 0
    return replace(
        noise, spread=np.hypot(noise.spread, model_error()), scores_response=response,
        modes=np.concatenate([doubt * _MODES_SHARE * noise.modes, unknown]),
        scores_spread=np.hypot(noise.scores_spread, _SCORES_ERROR),
    )  # fmt: skip


@cache
def model_error() -> np.ndarray:
    """How far (478,), in m, the head's surface may be from any person's, beside its identity."""
    error = np.full(N_POINTS, _MODEL_ERROR)
    error[list(LIPS)] = error[list(LIDS)] = _FEATURE_ERROR
    error[N_FACE:] = _IRIS_ERROR
    return error
