"""What the evaluation's pictures rest on: the plainest moment of an emotion, and flicker."""

from __future__ import annotations

import numpy as np
import pytest

from eifer.eifer_addon.evaluation.emotion_sheet import best_time
from eifer.eifer_addon.evaluation.rendered import Flicker
from eifer.eifer_addon.spaces import ARKIT52, ARKIT_NAMES
from eifer.eifer_addon.track import ExpressionTrack

_TIMES = np.arange(50) / 10.0


def smiling(peaks: dict[float, float], blink_s: float | None = None) -> ExpressionTrack:
    """A track that smiles at some times so much, and blinks at one."""
    coefficients = np.zeros((len(_TIMES), len(ARKIT_NAMES)), np.float32)
    for name in ("mouthSmileLeft", "mouthSmileRight"):
        for at, height in peaks.items():
            coefficients[round(at * 10), ARKIT_NAMES.index(name)] = height
    if blink_s is not None:
        for name in ("eyeBlinkLeft", "eyeBlinkRight"):
            coefficients[round(blink_s * 10), ARKIT_NAMES.index(name)] = 1.0
    sure = np.ones_like(coefficients)
    return ExpressionTrack(ARKIT52, coefficients, _TIMES, sure)


def test_the_plainest_moment_lies_within_the_pose() -> None:
    track = smiling({0.5: 1.0, 2.2: 0.6, 2.6: 0.8, 4.0: 0.9})
    assert best_time(track, "happy", 2.0, 1.0) == pytest.approx(2.6)
    assert best_time(track, "happy", 3.0, 2.0) == pytest.approx(4.0)


def test_a_blink_is_no_plain_moment() -> None:
    track = smiling({2.2: 0.6, 2.6: 0.8}, blink_s=2.6)
    assert best_time(track, "happy", 2.0, 1.0) == pytest.approx(2.2)


def frames(worn: float, restored: float, clean: float = 100.0) -> tuple[np.ndarray, ...]:
    """Even pictures of these levels, and electrodes in their left half."""
    pictures = [np.full((40, 60, 3), level, np.uint8) for level in (clean, worn, restored)]
    coverage = np.zeros((40, 60), bool)
    coverage[:, :30] = True
    return (*pictures, coverage)


def test_flicker_is_what_changes_beside_the_face_itself() -> None:
    flicker = Flicker()
    # The face becomes brighter by 6, the electrodes darker by 20, restored skin brighter by 8.
    flicker.add(frames(60, 108, clean=106), frames(80, 100))
    assert flicker.motion == [pytest.approx(6.0)]
    assert flicker.worn == [pytest.approx(26.0)]
    assert flicker.restored == [pytest.approx(2.0)]


def test_a_still_film_does_not_flicker_and_bare_frames_do_not_count() -> None:
    flicker = Flicker()
    flicker.add(frames(80, 100), frames(80, 100))
    assert (flicker.motion, flicker.worn, flicker.restored) == ([0.0], [0.0], [0.0])
    bare = (*frames(0, 0)[:3], np.zeros((40, 60), bool))
    flicker.add(frames(80, 100), bare)
    assert len(flicker.worn) == 1


def test_changes_outside_of_the_electrodes_do_not_count() -> None:
    before, now = frames(80, 100), frames(80, 100)
    now[1][:, 50:] = 200
    flicker = Flicker()
    flicker.add(now, before)
    assert flicker.worn == [pytest.approx(0.0, abs=0.05)]
