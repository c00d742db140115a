"""The numbers of the muscle analysis, where the truth is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from muscle_films import FILM_HZ, seen_in_a_film, simulated
from scipy import stats

from eifer.eifer_addon import api
from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.muscle_analysis_blocks import Blocks, interval
from eifer.eifer_addon.muscle_analysis_clocks import find_clock, on_clock
from eifer.eifer_addon.muscle_analysis_compare import (
    Choices,
    Comparison,
    compare_activities,
    summary_of,
)
from eifer.eifer_addon.muscle_analysis_moves import Movement, course_of, find_in_curves
from eifer.eifer_addon.muscle_analysis_pairs import pair
from eifer.eifer_addon.muscle_analysis_scores import fitted_gain
from eifer.eifer_addon.signals.activity import Activity
from eifer.eifer_addon.signals.sync_result import CURVES, Sync

LATE_S = 0.09


@pytest.fixture(scope="module")
def measured() -> Activity:
    return api.to_activity(simulated()[0])


@pytest.fixture(scope="module")
def found(measured: Activity) -> Comparison:
    return compare_activities(seen_in_a_film(simulated()[1], LATE_S), measured)


@pytest.mark.parametrize(("seed", "late_s"), [(0, 0.05), (1, 0.12), (2, 0.19)])
def test_the_delay_is_recovered_within_ten_milliseconds(seed: int, late_s: float) -> None:
    recording, truth = simulated(seed)
    found = compare_activities(seen_in_a_film(truth, late_s, seed=seed), api.to_activity(recording))
    assert found.delays is not None
    assert found.delays.common_ms == pytest.approx(1e3 * late_s, abs=10)
    assert found.delays.interval_ms is not None
    low, high = found.delays.interval_ms
    assert 0 < high - low < 20
    told = [delay for delay in found.delays.muscles if delay.reliable]
    assert len(told) >= 18
    # Intervals of single muscles hold the truth mostly.
    held = [d.interval_ms[0] <= 1e3 * late_s <= d.interval_ms[1] for d in told if d.interval_ms]
    assert np.mean(held) > 0.6


def test_a_filter_delay_is_no_delay_of_the_muscles(measured: Activity) -> None:
    truth = simulated()[1]
    late = replace(measured, start_s=0.038, delay_ms=38.0)
    found = compare_activities(seen_in_a_film(truth, LATE_S), late)
    assert found.delays is not None
    assert found.delays.common_ms == pytest.approx(1e3 * LATE_S, abs=10)


def test_the_offset_of_the_clocks_is_not_the_delay(measured: Activity) -> None:
    film = seen_in_a_film(simulated()[1], LATE_S, begins_s=3.0)
    known = find_clock(film, measured, 3.0)
    assert known.delay_is_known
    found = compare_activities(on_clock(film, known), measured)
    assert found.delays is not None
    assert found.delays.common_ms == pytest.approx(1e3 * LATE_S, abs=10)
    by_curves = find_clock(film, measured)
    assert not by_curves.delay_is_known
    assert by_curves.sync.method == CURVES
    assert by_curves.sync.seconds == pytest.approx(3.0 - LATE_S, abs=0.02)
    assert "holds the delay" in by_curves.sentence
    left = compare_activities(on_clock(film, by_curves), measured).delays
    assert left is not None
    assert left.common_ms == pytest.approx(0.0, abs=15)


def test_one_clock_is_recognised(measured: Activity) -> None:
    film = seen_in_a_film(simulated()[1], LATE_S)
    clock = find_clock(film, measured)
    assert clock.delay_is_known
    assert clock.sync.seconds == 0.0
    assert find_clock(film, measured, Sync(1.0, method="light")).delay_is_known
    with pytest.raises(EiferError, match="no way to lay the clocks"):
        find_clock(film, measured, "soon")


def test_an_event_tells_where_the_film_begins(measured: Activity) -> None:
    film = seen_in_a_film(simulated()[1], LATE_S, begins_s=3.0)
    marked = replace(measured, events=(*measured.events, (3.0, "camera on", 0.0)))
    clock = find_clock(film, marked, "event:camera on")
    assert clock.delay_is_known
    assert clock.sync.seconds == pytest.approx(3.0)
    with pytest.raises(EiferError, match="no event 'camera off'"):
        find_clock(film, marked, "event:camera off")


def test_scores_are_those_of_the_formulas(found: Comparison) -> None:
    paired = found.paired
    assert found.measured is not None
    for k, score in enumerate(found.scores[:6]):
        sure = paired.usable[:, k]
        p, raw = paired.predicted[sure, k], found.measured[sure, k]
        m = np.maximum(raw, 0)
        gain = float(np.linalg.lstsq(p[:, None], m, rcond=None)[0][0])
        assert score.gain == pytest.approx(gain)
        assert score.mse == pytest.approx(np.mean((gain * p - m) ** 2))
        assert score.mse_as_predicted == pytest.approx(np.mean((p - m) ** 2))
        assert score.rms_unit == pytest.approx(score.mse**0.5 * paired.scale[k])
        assert score.rho == pytest.approx(stats.spearmanr(p, raw).statistic)
        assert score.r == pytest.approx(stats.pearsonr(p, m).statistic)
        low, scale = paired.baseline[k], paired.scale[k]
        ours, theirs = low + scale * gain * p, low + scale * raw
        wanted = np.mean(200 * np.abs(ours - theirs) / (np.abs(ours) + np.abs(theirs)))
        assert score.smape == pytest.approx(wanted)
        assert score.rho_interval is not None
        assert score.rho_interval[0] < score.rho < score.rho_interval[1]
    assert fitted_gain(np.array([1.0, 2.0]), np.array([-1.0, -2.0])) == 0.0


def test_the_same_curve_is_perfect_and_noise_is_not(measured: Activity) -> None:
    assert measured.unclamped is not None
    whole = replace(measured, values=measured.unclamped)
    same = compare_activities(whole, measured, choices=Choices("none"))
    assert all(score.rho > 0.999 for score in same.scores)
    assert max(score.smape for score in same.scores) < 2.0
    rng = np.random.default_rng(0)
    noise = replace(
        measured, values=rng.random(measured.values.shape).astype(np.float32), unclamped=None
    )
    other = compare_activities(noise, measured)
    summary = summary_of(other)
    assert summary is not None
    assert abs(summary.rho[0]) < 0.05
    assert other.delays is not None
    assert other.delays.common_ms is None


def test_gaps_and_bad_seconds_do_not_count(measured: Activity) -> None:
    film = seen_in_a_film(simulated()[1], LATE_S)
    seen = np.ones(len(film), bool)
    seen[100:160] = False
    spoilt = film.values.copy()
    spoilt[100:160] = 5.0
    good = {measured.channels[0]: np.arange(20) >= 10}
    with_gap = compare_activities(replace(film, values=spoilt), measured, seen=seen, good=good)
    without = compare_activities(film, measured, seen=seen, good=good)
    for a, b in zip(with_gap.scores, without.scores, strict=True):
        assert (a.n, a.rho) == (b.n, pytest.approx(b.rho, abs=0.01))
    assert with_gap.scores[1].n == len(with_gap.paired.times) - 60
    assert with_gap.scores[0].n < 0.55 * with_gap.scores[1].n
    told = {(row.what, row.frames) for row in with_gap.left_out}
    assert ("frames", 60) in told
    assert any(what == measured.muscles[0] and n > 200 for what, n in told)
    assert with_gap.delays is not None
    assert with_gap.delays.common_ms == pytest.approx(1e3 * LATE_S, abs=10)


def test_asymmetry_is_found_on_both_sides() -> None:
    recording, truth = simulated()
    names = ("zygomaticus.right", "corrugator.right")
    film = seen_in_a_film(truth, LATE_S, gains=dict.fromkeys(names, 0.5))
    samples = recording.data().copy()
    muscles = api.to_activity(recording).muscles
    for name in names:
        samples[muscles.index(name)] *= 0.5
    weak = replace(recording, read_samples=lambda a, b: samples[:, a:b],
                   read_channel=lambda k, a, b: samples[k, a:b])  # fmt: skip
    found = compare_activities(film, api.to_activity(weak))
    whole = {row.muscle: row for row in found.asymmetries if row.movement == "all"}
    for muscle in ("zygomaticus", "corrugator"):
        row = whole[muscle]
        # One side at half its strength: (1 - 0.5) / (1 + 0.5).
        assert row.predicted == pytest.approx(33.3, abs=6)
        assert row.measured == pytest.approx(33.3, abs=8)
        assert row.measured_interval is not None
        assert row.measured_interval[0] > 15
    assert abs(whole["orbicularis_oris"].measured or 0) < 10
    assert {row.movement for row in found.asymmetries} >= {"all", "big smile", "anger"}


def test_onsets_are_measured_from_the_muscle_on(found: Comparison) -> None:
    rows = {(row.muscle, row.movement): row for row in found.courses}
    smile = rows["zygomaticus.left", "big smile"]
    assert smile.measured_course is not None
    assert smile.predicted_course is not None
    onset = next(onset for onset, name, _ in simulated()[1].events if name == "big smile")
    assert smile.measured_course.onset_s == pytest.approx(onset + 0.15, abs=0.15)
    later = smile.predicted_course.onset_s - smile.measured_course.onset_s
    assert later == pytest.approx(LATE_S, abs=0.06)
    assert abs(smile.onset_error_ms) < 60
    summary = summary_of(found)
    assert summary is not None
    assert summary.n_onsets > 40
    assert abs(summary.onset_error_ms[0]) < 40
    assert rows["masseter.left", "big smile"].measured_course is None
    assert smile.rho > 0.7


def test_a_course_has_its_thresholds() -> None:
    times = np.arange(0, 4, 0.01)
    curve = np.interp(times, [1.0, 1.5, 2.5, 3.0], [0, 1, 1, 0])
    course = course_of(curve, times, Movement("m", 0.8, 3.2), (0.0, 4.0))
    assert course is not None
    assert course.onset_s == pytest.approx(1.1, abs=0.02)
    assert course.offset_s == pytest.approx(2.9, abs=0.02)
    assert course.apex_s == pytest.approx(2.0, abs=0.05)
    assert course_of(0.05 * curve, times, Movement("m", 0.8, 3.2), (0.0, 4.0)) is None


def test_movements_are_found_without_events() -> None:
    truth = simulated()[1]
    film = replace(seen_in_a_film(truth, 0.0), events=())
    moves = find_in_curves(film.values, film.timestamps, FILM_HZ)
    for onset, name, length in truth.events:
        if length > 1 and onset + length < film.timestamps[-1]:
            middle = onset + length / 2
            assert any(m.start_s < middle < m.stop_s and m.found for m in moves), name
    assert len(moves) < 2 * len(truth.events)
    alone = compare_activities(film)
    assert alone.measured is None
    assert alone.scores == ()
    assert len(alone.movements) == len(moves)


def test_intervals_hold_the_truth_of_dependent_samples() -> None:
    rng = np.random.default_rng(3)
    times, held, narrow = np.arange(0, 120, 0.1), 0, 0
    for seed in range(60):
        curve = np.zeros(len(times))
        for k in range(1, len(times)):
            curve[k] = 0.8 * curve[k - 1] + rng.standard_normal()
        blocks = Blocks.of(times, 4.0, 300, seed)
        sums = blocks.sums(np.stack([np.ones(len(curve)), curve], 1))
        drawn = blocks.drawn(sums)
        bounds = interval(drawn[:, 1] / drawn[:, 0])
        assert bounds is not None
        held += bounds[0] <= 0 <= bounds[1]
        error = float(curve.std() / np.sqrt(len(curve)))
        narrow += curve.mean() - 1.96 * error <= 0 <= curve.mean() + 1.96 * error
    assert held >= 50
    # Frames taken for independent ones promise far too much.
    assert narrow < held - 10


def test_the_same_seed_gives_the_same_numbers(measured: Activity) -> None:
    film = seen_in_a_film(simulated()[1], LATE_S)
    first, second = (compare_activities(film, measured) for _ in range(2))
    assert first.scores == second.scores
    assert first.asymmetries == second.asymmetries


def test_bad_input_is_one_sentence(measured: Activity) -> None:
    film = seen_in_a_film(simulated()[1], LATE_S)
    other = replace(measured, muscles=tuple(f"K{k}" for k in range(22)))
    with pytest.raises(EiferError, match="No muscle was both predicted and measured"):
        compare_activities(film, other)
    with pytest.raises(EiferError, match="do not overlap"):
        compare_activities(replace(film, start_s=100.0), measured)
    with pytest.raises(EiferError, match=r"overlap by only 1\.\d s"):
        compare_activities(replace(film, start_s=measured.timestamps[-1] - 1.5), measured)
    with pytest.raises(EiferError, match="No frame in which the face was seen"):
        compare_activities(film, measured, seen=np.zeros(len(film), bool))
    with pytest.raises(EiferError, match="in no frame"):
        compare_activities(film, seen=np.zeros(len(film), bool))
    with pytest.raises(EiferError, match="too short"):
        compare_activities(replace(film, values=film.values[:10]))
    with pytest.raises(EiferError, match="is no delay"):
        Choices("late")
    with pytest.raises(EiferError, match="All channels"):
        compare_activities(film, measured, bad=dict.fromkeys(measured.channels, "It is flat."))


def test_who_is_left_out_is_said(measured: Activity) -> None:
    film = seen_in_a_film(simulated()[1], LATE_S)
    fewer = replace(
        film, muscles=film.muscles[2:], values=film.values[:, 2:], baseline=film.baseline[2:],
        scale=film.scale[2:], channels=film.channels[2:],
    )  # fmt: skip
    flat = measured.channels[5]
    paired = pair(fewer, measured, bad={flat: "It never changes."})
    said = {row.what: row.why for row in paired.left_out}
    assert "does not predict" in said[measured.muscles[0]]
    assert said[measured.muscles[5]] == "It never changes."
    assert measured.muscles[5] not in paired.muscles
    assert len(paired.muscles) == 19
