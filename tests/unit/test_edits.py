"""Edits in signal space: what each does, that it is the same everywhere, what is refused."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eifer.eifer_addon import api
from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.signals.activity import Activity
from eifer.eifer_addon.signals.convert import to_activity
from eifer.eifer_addon.signals.edits import Edits, apply_edits
from eifer.eifer_addon.signals.one_euro import OneEuro, one_euro_delay_ms
from eifer.eifer_addon.signals.recording import Recording

RATE_HZ = 100.0
MUSCLES = ("frontalis_medialis.left", "zygomaticus.left", "zygomaticus.right")


def make_activity(n_frames: int = 400) -> Activity:
    random = np.random.default_rng(5)
    values = np.abs(np.cumsum(random.normal(size=(n_frames, 3)), axis=0)) * 0.05
    return Activity(
        values.astype(np.float32), RATE_HZ, MUSCLES, np.array([1.0, 2.0, 3.0]),
        np.array([10.0, 20.0, 30.0]), ("a", "b", "c"), ("low-pass",), source={"preset": "clinical"},
    )  # fmt: skip


class LowPass:
    """Algorithm 2 of Casiez, Roussel and Vogel 2012."""

    def __init__(self) -> None:
        self.first, self.hatxprev = True, 0.0

    def filter(self, x: float, alpha: float) -> float:
        if self.first:
            self.first, self.hatxprev = False, x
        hatx = alpha * x + (1 - alpha) * self.hatxprev
        self.hatxprev = hatx
        return hatx


def one_euro_of_the_paper(
    column: np.ndarray, rate: float, mincutoff: float, beta: float, dcutoff: float = 1.0
) -> list[float]:
    """Algorithm 1 of the paper, value by value."""

    def alpha(cutoff: float) -> float:
        tau = 1.0 / (2 * math.pi * cutoff)
        return 1.0 / (1.0 + tau * rate)

    xfilt, dxfilt, result = LowPass(), LowPass(), []
    for x in column:
        dx = 0.0 if xfilt.first else (x - xfilt.hatxprev) * rate
        edx = dxfilt.filter(dx, alpha(dcutoff))
        result.append(xfilt.filter(x, alpha(mincutoff + beta * abs(edx))))
    return result


@pytest.mark.parametrize(("cutoff_hz", "beta"), [(1.0, 0.0), (0.3, 0.7), (5.0, 20.0)])
def test_one_euro_is_the_papers(cutoff_hz: float, beta: float) -> None:
    frames = np.random.default_rng(1).normal(size=(500, 7))
    filtered = OneEuro(60.0, cutoff_hz, beta).process(frames)
    for k in range(7):
        expected = one_euro_of_the_paper(frames[:, k], 60.0, cutoff_hz, beta)
        np.testing.assert_allclose(filtered[:, k], expected, rtol=0, atol=1e-12)


@given(st.lists(st.integers(0, 60), min_size=1, max_size=8))
@settings(max_examples=30, deadline=None)
def test_one_euro_does_not_depend_on_chunks(lengths: list[int]) -> None:
    frames = np.random.default_rng(2).normal(size=(sum(lengths), 3))
    whole, pieces = OneEuro(50.0, 1.0, 0.5), OneEuro(50.0, 1.0, 0.5)
    cuts = np.cumsum([0, *lengths])
    parts = [pieces.process(frames[a:b]) for a, b in zip(cuts, cuts[1:], strict=False)]
    assert np.array_equal(whole.process(frames), np.concatenate(parts))


def test_one_euros_delay_is_what_a_slow_ramp_shows() -> None:
    ramp = np.arange(5000)[:, None] * 1e-6
    behind = ramp - OneEuro(100.0, 1.5).process(ramp)
    assert behind[-1, 0] / 1e-6 / 100.0 * 1e3 == pytest.approx(one_euro_delay_ms(1.5), rel=1e-3)
    assert one_euro_delay_ms(1.5, beta=1.0, speed=3.0) == pytest.approx(one_euro_delay_ms(4.5))


@pytest.mark.parametrize("options", [(0.0, 0.0), (-1.0, 0.0), (1.0, -1.0), (math.nan, 0.0)])
def test_one_euro_refuses_what_cannot_be(options: tuple[float, float]) -> None:
    with pytest.raises(EiferError, match="One Euro"):
        OneEuro(100.0, *options)


def test_other_columns_than_before_are_refused() -> None:
    smoother = OneEuro(100.0, 1.0)
    smoother.process(np.zeros((3, 2)))
    with pytest.raises(EiferError, match="columns"):
        smoother.process(np.zeros((3, 4)))


def test_neutral_edits_give_the_same_activity() -> None:
    activity = make_activity()
    assert apply_edits(activity, Edits()) is activity
    assert Edits(preset="live").is_neutral


def test_edits_survive_json() -> None:
    edits = Edits("rms100", True, {"zygomaticus": 0.1}, {"zygomaticus.left": 2.0}, 0.5, 1.0, 0.2,
                  0.05, -40.0)  # fmt: skip
    again = Edits.from_document(json.dumps(edits.as_document()))
    assert again == edits
    assert edits.as_document()["format_version"] == 1
    one, other = (apply_edits(make_activity(), e) for e in (edits.changed({"preset": ""}),) * 2)
    assert np.array_equal(one.values, other.values)


def test_edits_are_merged_from_json_text() -> None:
    edits = Edits(delay_ms=10.0, symmetry=0.5)
    assert edits.changed('{"delay_ms": 40}') == Edits(delay_ms=40.0, symmetry=0.5)
    with pytest.raises(EiferError, match="cannot be read"):
        edits.changed("[1, 2]")


def test_gain_of_a_side_goes_before_gain_of_the_muscle() -> None:
    activity = make_activity()
    edited = apply_edits(activity, Edits(gain={"zygomaticus": 2.0, "zygomaticus.right": 3.0}))
    np.testing.assert_allclose(edited.values, activity.values * [1, 2, 3], rtol=1e-6)
    same = api.apply_edits(activity, {"gain": {"zygomaticus": 2.0, "zygomaticus.right": 3.0}})
    assert np.array_equal(same.values, edited.values)
    np.testing.assert_allclose(edited.scale, [10, 10, 10])


def test_a_raised_rest_keeps_full_effort_and_the_calibration_true() -> None:
    activity = make_activity()
    envelope = activity.values * activity.scale + activity.baseline
    edited = apply_edits(activity, Edits(baseline={"zygomaticus.left": 0.25}))
    expected = np.maximum((envelope - edited.baseline) / edited.scale, 0)
    np.testing.assert_allclose(edited.values, expected, atol=1e-6)
    assert edited.baseline[1] + edited.scale[1] == pytest.approx(22.0)


def test_swapping_renames_columns_and_keeps_left_before_right() -> None:
    activity = make_activity()
    edited = apply_edits(activity, Edits(swap_sides=True))
    assert edited.muscles == (
        "frontalis_medialis.right", "zygomaticus.left", "zygomaticus.right",
    )  # fmt: skip
    assert edited.channels == ("a", "c", "b")
    assert np.array_equal(edited.column("zygomaticus.left"), activity.column("zygomaticus.right"))
    assert edited.baseline.tolist() == [1.0, 3.0, 2.0]


@pytest.mark.parametrize("amount", [0.25, 1.0])
def test_symmetry_moves_both_sides_to_their_mean(amount: float) -> None:
    activity = make_activity()
    edited = apply_edits(activity, Edits(symmetry=amount))
    left, right = (activity.column(f"zygomaticus.{side}") for side in ("left", "right"))
    apart = edited.column("zygomaticus.left") - edited.column("zygomaticus.right")
    np.testing.assert_allclose(apart, (1 - amount) * (left - right), atol=1e-6)
    assert np.array_equal(edited.values[:, 0], activity.values[:, 0])  # it has one side only


def test_the_dead_zone_is_steady_and_leaves_strong_activity_alone() -> None:
    ramp = np.linspace(0, 1, 101, dtype=np.float32)[:, None]
    activity = Activity(ramp, RATE_HZ, ("mentalis.left",), np.zeros(1), np.ones(1), ("m",))
    values = apply_edits(activity, Edits(dead_zone=0.1)).values[:, 0]
    assert not values[:10].any()
    assert np.array_equal(values[21:], ramp[21:, 0])
    assert np.diff(values).max() < 0.0201


def test_delay_moves_the_times_and_nothing_else() -> None:
    activity = make_activity()
    edited = apply_edits(activity, Edits(delay_ms=35.0))
    np.testing.assert_allclose(edited.timestamps, activity.timestamps + 0.035)
    assert np.array_equal(edited.values, activity.values)


def test_smoothing_states_its_delay() -> None:
    edits = Edits(min_cutoff_hz=1.0, beta=0.5)
    edited = apply_edits(make_activity(), edits)
    assert edited.delay_ms == 159.2
    assert "159 ms late at rest" in edited.filters[-1]
    assert edited.source["edits"] == edits.as_document()


def test_a_recording_is_converted_by_the_edits_preset() -> None:
    random = np.random.default_rng(0)
    n = 4000
    bursts = random.normal(size=(2, n)) * (1 + 30 * (np.sin(np.arange(n) / 300) > 0.3))
    recording = Recording.from_array(bursts, 1000.0, ("Zygomaticus_l", "Zygomaticus_r"))
    edited = apply_edits(recording, Edits("rms100", gain={"zygomaticus": 2.0}), rate_hz=50.0)
    plain = to_activity(recording, "rms100", 50.0)
    np.testing.assert_allclose(edited.values, 2 * plain.values, rtol=1e-6)
    with pytest.raises(EiferError, match="Start from the recording"):
        apply_edits(plain, Edits("live"))


def test_a_muscle_that_was_not_recorded_is_said_so() -> None:
    edited = apply_edits(make_activity(), Edits(gain={"mentalis": 2.0}))
    assert "not recorded left out: mentalis" in edited.filters[-1]


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ({"gain": {"zygomatikus": 1.0}}, "no muscle 'zygomatikus'"),
        ({"gain": {"zygomaticus.up": 1.0}}, "no muscle"),
        ({"gain": {"zygomaticus": 99.0}}, "gain of zygomaticus cannot be 99"),
        ({"gain": {"zygomaticus": math.nan}}, "cannot be nan"),
        ({"gain": {"zygomaticus": "2"}}, "is no number"),
        ({"gain": 3}, "cannot be read"),
        ({"baseline": {"mentalis": 1.0}}, "baseline of mentalis cannot be 1"),
        ({"delay_ms": 1e9}, "delay ms cannot be"),
        ({"symmetry": -0.1}, "symmetry cannot be"),
        ({"preset": "loud"}, "no preset 'loud'"),
        ({"colour": 1}, "no 'colour'"),
        ({"format_version": 2}, "newer EIFER"),
        ("[1", "cannot be read"),
        ("5", "cannot be read"),
    ],
)
def test_bad_edits_are_one_sentence(document: object, sentence: str) -> None:
    with pytest.raises(EiferError, match=sentence):
        Edits.from_document(document)  # type: ignore[arg-type]
