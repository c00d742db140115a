"""The calibration wizard keeps the time, marks the take, and its marks give the windows."""

from __future__ import annotations

import numpy as np
import pytest

from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.live.wizard import (
    INSTRUCTIONS,
    REACTION_S,
    RELAX,
    CalibrationWizard,
    Timing,
    windows_of,
)
from eifer.eifer_addon.signals.movements import movement_names
from eifer.eifer_addon.signals.posed import default_poses
from eifer.eifer_addon.signals.recording import Event
from eifer.eifer_addon.spaces import ARKIT52


class Marks:
    """What was marked, with the wizard's own time."""

    def __init__(self) -> None:
        self.now = 0.0
        self.events: list[Event] = []

    def __call__(self, name: str) -> None:
        self.events.append(Event(self.now, name))


def run(wizard: CalibrationWizard, marks: Marks, seconds: float, step_s: float = 0.1) -> None:
    """Let time pass."""
    for _ in range(round(seconds / step_s)):
        marks.now += step_s
        wizard.step(marks.now)


def started(**timing: float) -> tuple[CalibrationWizard, Marks]:
    """A wizard at time 0."""
    marks = Marks()
    return CalibrationWizard(marks, 0.0, Timing(**timing)), marks


def test_every_movement_has_an_instruction_and_a_pose() -> None:
    assert tuple(INSTRUCTIONS) == movement_names()
    assert set(default_poses().poses) >= set(INSTRUCTIONS)


def test_markers_of_other_streams_take_no_movement_away() -> None:
    wizard, marks = started()
    run(wizard, marks, 80)
    before = windows_of(marks.events)
    others = [Event(start + 0.3, "big smile") for start, _ in before.values()]
    assert windows_of([*others, *marks.events]) == before


def test_rest_lasts_five_seconds_and_each_movement_is_held_after_a_countdown() -> None:
    wizard, marks = started()
    stage = wizard.step(0.0)
    assert (stage.phase, stage.movement, stage.left_s) == ("prepare", "face_at_rest", 3.0)
    run(wizard, marks, 80)
    assert wizard.step(marks.now).phase == "done"
    assert wizard.held == movement_names()
    windows = windows_of(marks.events)
    assert tuple(windows) == movement_names()
    lengths = {name: stop - start for name, (start, stop) in windows.items()}
    assert lengths.pop("face_at_rest") == pytest.approx(5.0 - REACTION_S, abs=0.15)
    assert list(lengths.values()) == pytest.approx([3.0 - REACTION_S] * 10, abs=0.15)


def test_the_avatar_eases_into_the_movement_and_rests_in_between() -> None:
    wizard, marks = started(rest_s=1.0)
    run(wizard, marks, 3.5)
    assert not wizard.step(marks.now).target().any(), "at rest the face rests"
    run(wizard, marks, 0.7)
    early = wizard.step(marks.now)
    assert (early.phase, early.movement) == ("prepare", "forehead")
    run(wizard, marks, 3.0)
    held = wizard.step(marks.now)
    assert held.phase == "hold"
    raised = ARKIT52.coefficients.index("browInnerUp")
    assert 0.0 < early.target()[raised] < held.target()[raised]
    np.testing.assert_allclose(held.target(), default_poses().poses["forehead"], atol=1e-6)


def test_a_movement_that_is_skipped_has_no_window() -> None:
    wizard, marks = started(rest_s=1.0, hold_s=1.0, prepare_s=1.0)
    run(wizard, marks, 3.5)
    assert wizard.step(marks.now).movement == "forehead"
    wizard.skip(marks.now)
    run(wizard, marks, 25)
    assert wizard.step(marks.now).phase == "done"
    assert "forehead" not in windows_of(marks.events)
    assert len(windows_of(marks.events)) == 10
    assert "forehead" not in wizard.held


def test_the_last_time_of_a_repeated_movement_counts() -> None:
    wizard, marks = started(rest_s=1.0, hold_s=1.0, prepare_s=1.0)
    run(wizard, marks, 4.4)
    assert wizard.step(marks.now).movement == "eye_gentle"
    wizard.repeat(marks.now)
    assert wizard.step(marks.now).movement == "forehead", "in a countdown, the one before"
    again_s = marks.now
    run(wizard, marks, 25)
    assert windows_of(marks.events)["forehead"][0] > again_s


def test_what_is_broken_off_in_the_middle_is_no_window() -> None:
    wizard, marks = started(rest_s=1.0, hold_s=2.0, prepare_s=1.0)
    run(wizard, marks, 4.0)
    assert wizard.step(marks.now).phase == "hold"
    wizard.abort()
    run(wizard, marks, 10)
    assert wizard.step(marks.now).phase == "aborted"
    assert "forehead" not in windows_of(marks.events)
    assert [event.name for event in marks.events].count(RELAX) == 1
    wizard.skip(marks.now)
    wizard.repeat(marks.now)
    assert wizard.step(marks.now).phase == "aborted"


def test_a_stalled_caller_does_not_cut_a_hold_short() -> None:
    wizard, marks = started(rest_s=1.0, hold_s=2.0, prepare_s=1.0)
    run(wizard, marks, 2.0)
    marks.now += 30.0
    stage = wizard.step(marks.now)
    assert stage.movement in ("face_at_rest", "forehead")
    run(wizard, marks, 4.0)
    start, stop = windows_of(marks.events)["forehead"]
    assert stop - start == pytest.approx(2.0 - REACTION_S, abs=0.15)


@pytest.mark.parametrize("movements", [(), ("forehead",), ("face_at_rest",), ("face_at_rest", "x")])
def test_movements_that_cannot_calibrate_are_refused(movements: tuple[str, ...]) -> None:
    with pytest.raises(EiferError, match="calibrated"):
        CalibrationWizard(lambda _name: None, 0.0, movements=movements)


def test_times_that_are_too_short_are_refused() -> None:
    with pytest.raises(EiferError, match="too short"):
        Timing(hold_s=0.2)
