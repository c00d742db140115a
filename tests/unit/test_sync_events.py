"""Clocks are compared by events and triggers, though some are missing and one clock drifts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from eifer import api
from eifer.eifer_addon.cli import main
from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.signals.convert import to_activity
from eifer.eifer_addon.signals.edf_writer import write_edf
from eifer.eifer_addon.signals.edges import Edges, light_edges, trigger_edges
from eifer.eifer_addon.signals.readers import read_recording
from eifer.eifer_addon.signals.recording import Event, Recording
from eifer.eifer_addon.signals.sync_events import event_times, sync_by_events
from eifer.eifer_addon.signals.sync_result import Sync, shifted
from eifer.eifer_addon.spaces import ARKIT52
from eifer.eifer_addon.track import ExpressionTrack
from eifer.models.synthetic.physiology import simulate_recording


def moments(count: int, seed: int = 0) -> np.ndarray:
    return np.cumsum(np.random.default_rng(seed).uniform(2.0, 9.0, count))


def onsets(times: np.ndarray) -> Edges:
    return Edges.of([(float(time), True) for time in times])


@pytest.mark.parametrize(("offset", "drift_ppm"), [(0.0, 0.0), (-73.21, 60.0), (512.4, -180.0)])
def test_offset_and_drift_survive_missing_and_extra_events(offset: float, drift_ppm: float) -> None:
    rng = np.random.default_rng(3)
    true = moments(60)
    first = offset + (1 + drift_ppm / 1e6) * true + 0.002 * rng.standard_normal(60)
    keep_a, keep_b = rng.random(60) > 0.15, rng.random(60) > 0.15
    extra = rng.uniform(true[0], true[-1], 8)
    found = sync_by_events(
        onsets(np.sort(first[keep_a])), onsets(np.sort(np.concatenate([true[keep_b], extra])))
    )
    middle = np.array([true.mean()])
    assert found.to_first(middle) == pytest.approx(
        offset + (1 + drift_ppm / 1e6) * middle, abs=2e-3
    )
    assert found.drift_ppm == pytest.approx(drift_ppm, abs=12.0)
    assert found.drift_error_ppm < 8.0
    assert found.confidence > 0.7
    assert 1.0 < found.residual_ms < 3.5
    assert found.matched == int((keep_a & keep_b).sum())


def test_no_drift_is_invented() -> None:
    true = moments(30)
    rng = np.random.default_rng(1)
    found = sync_by_events(onsets(true + 5 + 0.004 * rng.standard_normal(30)), onsets(true))
    assert found.drift_ppm == 0.0
    assert np.isfinite(found.drift_error_ppm)


def test_a_regular_row_of_pulses_is_ambiguous_unless_the_search_is_narrowed() -> None:
    regular = np.arange(40.0)
    open_search = sync_by_events(onsets(regular + 3.2), onsets(regular))
    assert open_search.confidence < 0.2
    narrow = sync_by_events(onsets(regular + 0.2), onsets(regular), longest_s=0.4)
    assert narrow.seconds == pytest.approx(0.2, abs=1e-6)
    assert narrow.confidence > 0.9


def test_unrelated_events_get_no_confidence_and_one_event_only_half() -> None:
    found = sync_by_events(onsets(moments(30, 1)), onsets(moments(30, 2)))
    assert found.confidence < 0.4
    one = sync_by_events(onsets(np.array([7.5])), onsets(np.array([2.0])))
    assert one.seconds == pytest.approx(5.5)
    assert one.confidence <= 0.5
    assert "Only one event" in one.describe()


def test_pulses_on_a_trigger_channel_are_found_between_the_samples() -> None:
    rate, pulses = 500.0, [(1.0031, 1.2), (2.5017, 2.75), (6.0, 6.1009)]
    t = np.arange(round(8 * rate)) / rate
    # A ramp of 6 ms, as an amplifier's filter makes it, on a shifted and noisy voltage.
    voltage = sum(np.clip((t - a) / 0.006 + 0.5, 0, 1) - np.clip((t - b) / 0.006 + 0.5, 0, 1)
                  for a, b in pulses)  # fmt: skip
    noise = 0.01 * np.random.default_rng(0).standard_normal(len(t))
    recording = Recording.from_array((5 * voltage - 2 + noise)[None], rate, ("TRIG",))
    edges = trigger_edges(recording, "TRIG")
    np.testing.assert_allclose(edges.only(on=True).times_s, [a for a, _ in pulses], atol=3e-4)
    np.testing.assert_allclose(edges.only(on=False).times_s, [b for _, b in pulses], atol=3e-4)


def test_codes_on_a_status_channel_count_whatever_differs_from_idle() -> None:
    codes = np.full(1000, 65280.0)
    codes[100:150], codes[400:410], codes[700:900] = 65281.0, 65290.0, 65283.0
    edges = trigger_edges(Recording.from_array(codes[None], 100.0, ("Status",)), "Status")
    np.testing.assert_allclose(
        edges.times_s, np.array([100, 150, 400, 410, 700, 900]) / 100 - 0.005
    )
    assert list(edges.is_on) == [True, False] * 3
    still = Recording.from_array(np.zeros((1, 50)), 100.0, ("Status",))
    with pytest.raises(EiferError, match="never changes"):
        trigger_edges(still, "Status")
    with pytest.raises(EiferError, match="no channel 'TRIG'"):
        trigger_edges(still, "TRIG")


def test_a_partly_lit_frame_tells_when_the_light_changed() -> None:
    rate, exposure = 30.0, 1 / 60
    rng = np.random.default_rng(5)
    on = np.cumsum(rng.uniform(1.0, 2.0, 25))
    off = on + rng.uniform(0.3, 0.6, 25)
    starts = np.arange(round((off[-1] + 1) * rate)) / rate
    lit = sum(
        np.clip(np.minimum(starts + exposure, b) - np.maximum(starts, a), 0, None)
        for a, b in zip(on, off, strict=True)
    )
    edges = light_edges(starts, 0.2 + 0.5 * lit / exposure + 1e-3 * rng.standard_normal(len(lit)))
    np.testing.assert_array_equal(edges.is_on, [True, False] * 25)
    errors = edges.times_s - np.stack([on, off], axis=1).ravel()
    in_exposure = edges.errors_s < 0.002
    assert 0.3 < in_exposure.mean() < 0.7
    assert np.abs(errors[in_exposure]).max() < 0.004  # frames are 33 ms apart
    assert np.abs(errors[~in_exposure]).max() < 0.012
    with pytest.raises(EiferError, match="No light goes on and off"):
        light_edges(starts, 0.2 + 0.01 * rng.standard_normal(len(starts)))


def test_what_is_shifted_lies_on_the_first_clock(tmp_path: Path) -> None:
    sync = Sync(2.5, 100.0, 0.9, "events", 12, 1.5, 8.0)
    assert Sync.load(sync.save(tmp_path / "sync.json")) == sync
    times = np.array([0.0, 10.0, 1000.0])
    np.testing.assert_allclose(sync.to_second(sync.to_first(times)), times)
    np.testing.assert_allclose(sync.to_first(times), [2.5, 12.501, 1002.6])
    track = ExpressionTrack(ARKIT52, np.zeros((3, 52), np.float32), times, np.ones(3, np.float32))
    moved = shifted(track, sync)
    np.testing.assert_allclose(moved.timestamps, sync.to_first(times))
    assert moved.provenance["sync"]["method"] == "events"
    recording = replace(
        simulate_recording(20.0, 1024.0, seed=1)[0], events=(Event(5.0, "smile", 2.0),)
    )
    late = shifted(recording, sync)
    assert late.start_s == 2.5
    assert late.rate_hz == pytest.approx(1024.0 / 1.0001)
    assert Recording.load(late.save(tmp_path / "r.npz")).start_s == 2.5
    activity = to_activity(late, rate_hz=100.0)
    assert activity.timestamps[0] == 2.5
    assert activity.events[0][0] == pytest.approx(2.5 + 5.0005)
    plain = shifted(to_activity(recording, rate_hz=100.0), sync)
    assert plain.events[0][0] == pytest.approx(activity.events[0][0])
    assert plain.timestamps[-1] == pytest.approx(activity.timestamps[-1], abs=0.02)
    assert event_times(late, "Smile").times_s[0] == pytest.approx(activity.events[0][0])


def test_two_real_recordings_of_one_session_are_laid_onto_each_other(test_data) -> None:  # type: ignore[no-untyped-def]
    path = test_data / "emg" / "nilsonne_FMOV_CC0" / "17_FMOV_preprocessed.txt"
    whole = read_recording(path)
    first = whole.rate_hz * 37
    part = Recording.from_array(
        whole.data(round(first), round(first + 200 * whole.rate_hz)), whole.rate_hz, whole.channels,
        units=whole.units, holds_envelope=whole.holds_envelope,
        events=tuple(replace(e, onset_s=e.onset_s - 37) for e in whole.events
                     if 37 <= e.onset_s < 237),
    )  # fmt: skip
    name = part.events[0].name
    by_events = api.synchronise(whole, part, event=name)
    assert by_events.seconds == pytest.approx(37.0, abs=0.01)
    by_curves = (
        api.synchronise(
            to_activity(whole), to_activity(part), curve="corrugator.left", longest_s=120.0
        )
        if "corrugator.left" in to_activity(whole).muscles
        else None
    )
    if by_curves is not None:
        assert by_curves.seconds == pytest.approx(37.0, abs=0.01)
        assert by_curves.confidence > 0.5


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"method": "guessing"}, "no way 'guessing'"),
        ({"seconds": 1.0, "event": "smile"}, "hand takes no 'event'"),
        ({"event": "dance"}, "There is no event 'dance'"),
        ({"event": "smile", "trigger": "TRIG"}, "either the name of an event or a trigger"),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, object], words: str) -> None:
    recording = Recording.from_array(
        np.zeros((1, 5000)), 500.0, ("TRIG",), events=(Event(1.0, "smile"),)
    )
    with pytest.raises(EiferError, match=words):
        api.synchronise(recording, recording, **options)


def test_the_command_line_synchronises_and_moves(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recording = simulate_recording(20.0, 1024.0, seed=4)[0]
    file = write_edf(recording, tmp_path / "a.edf")
    cut = Recording.from_array(
        recording.data(3072), 1024.0, recording.channels, units=recording.units
    )
    other = write_edf(cut, tmp_path / "b.edf")
    track = api.emg_to_expression(to_activity(cut)).save(tmp_path / "b.npz")
    saved, out = tmp_path / "sync.json", tmp_path / "moved.npz"
    assert main(["sync", str(file), str(other), "--track", str(track), "--save", str(saved),
                 "--out", str(out), "--json"]) == 0  # fmt: skip
    values = json.loads(capsys.readouterr().out)
    assert values["method"] == "curves"
    assert values["seconds"] == pytest.approx(3.0, abs=0.005)
    assert ExpressionTrack.load(out).timestamps[0] == pytest.approx(3.0, abs=0.005)
    again = tmp_path / "again.npz"
    assert main(["sync", str(file), str(track), "--use", str(saved), "--out", str(again)]) == 0
    np.testing.assert_array_equal(
        ExpressionTrack.load(again).timestamps, ExpressionTrack.load(out).timestamps
    )
    capsys.readouterr()
    assert main(["sync", str(file), str(track), "--seconds", "1.5", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["seconds"] == 1.5
    assert main(["sync", str(file), str(other), "--event", "dance"]) == 1
    assert "There is no event 'dance'" in capsys.readouterr().err
