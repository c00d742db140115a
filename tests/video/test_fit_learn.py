"""The command that learns the landmark network's noise, on a handful of drawings."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from eifer.eifer_addon.heads.canonical import mirrored_landmarks
from eifer.eifer_addon.heads.open_head import load_open_head
from eifer.eifer_addon.spaces import ARKIT_NAMES
from eifer.eifer_addon.video.fit_learn import FIRST_PERSON, learn
from eifer.eifer_addon.video.fit_model import landmark_model
from eifer.eifer_addon.video.fit_noise import LandmarkNoise, landmark_noise
from eifer.eifer_addon.video.fit_renders import Readings, chance_expression, read_person
from eifer.eifer_addon.video.landmarker import FaceLandmarker


@pytest.fixture(scope="module")
def readings() -> Readings:
    head, landmarker = load_open_head(), FaceLandmarker()
    model = landmark_model(head)
    people = (read_person(FIRST_PERSON + k, head, model, landmarker, 3) for k in range(3))
    return Readings.joined([person for person in people if person is not None])


def test_landmarks_are_read_within_millimetres_of_the_truth(readings: Readings) -> None:
    assert len(readings.person) >= 6
    assert np.median(np.abs(readings.offsets)) < 0.004
    assert readings.units.shape == readings.scores.shape == (len(readings.person), 52)


def test_what_is_learned_is_even_and_has_the_layout_that_the_fit_reads(readings: Readings) -> None:
    arrays, kept = learn(readings), landmark_noise()
    assert set(arrays) == {field.name for field in dataclasses.fields(LandmarkNoise)}
    for name, values in arrays.items():
        assert np.isfinite(values).all()
        assert values.shape[1:] == getattr(kept, name).shape[1:]
    mirror, sides = mirrored_landmarks(), arrays["spread"]
    twice = mirror[mirror] == np.arange(478)
    assert np.allclose(sides[:, twice], sides[:, mirror][:, twice], atol=1e-7)
    frontal = arrays["bias"][0]
    assert np.allclose(frontal[0, twice], -frontal[0, mirror][twice], atol=1e-7)


def test_chance_expressions_are_possible_ones() -> None:
    random = np.random.default_rng(0)
    rows = np.stack([chance_expression(random) for _ in range(300)])
    assert rows.min() >= 0
    assert rows.max() <= 1
    opened = rows[:, ARKIT_NAMES.index("jawOpen")]
    assert (rows[:, ARKIT_NAMES.index("mouthClose")] <= opened + 1e-9).all()
    assert 0.02 < (rows.sum(axis=1) == 0).mean() < 0.3
