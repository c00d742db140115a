"""Time stamps: jitter goes, missing samples are counted, late ones are not taken for missing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from live_signals import emg_recording

from eifer.eifer_addon.live.sources import ReplaySource, SourceEndedError
from eifer.eifer_addon.live.timing import Clockwork, Gap
from eifer.eifer_addon.signals.recording import Event


def stamps_of(n: int, rate_hz: float, missing: tuple[int, int] | None = None) -> np.ndarray:
    """True times of the samples that came; `missing` says from which one how many did not."""
    times = 1000.0 + np.arange(n) / rate_hz
    return times if missing is None else np.delete(times, slice(missing[0], sum(missing)))


def run(
    true: np.ndarray, nominal_hz: float, chunk: int, jitter_s: float = 0.0, late: float = 0.0,
    late_s: float = 0.0,
) -> tuple[np.ndarray, list[tuple[int, Gap]], Clockwork]:  # fmt: skip
    """Even times, gaps with the sample at which they were found, and the clockwork."""
    rng = np.random.default_rng(0)
    clockwork = Clockwork(nominal_hz)
    times, gaps = [], []
    for start in range(0, len(true) - chunk, chunk):
        delay = jitter_s * abs(rng.normal()) + late_s * (rng.random() < late)
        even, gap = clockwork.process(true[start : start + chunk] + delay)
        times.append(even)
        if gap is not None:
            gaps.append((start, gap))
    return np.concatenate(times), gaps, clockwork


def test_even_stamps_stay_as_they_are() -> None:
    true = stamps_of(20_000, 1000.0)
    times, gaps, clockwork = run(true, 1000.0, 10)
    np.testing.assert_allclose(times, true[: len(times)], atol=1e-6)
    assert not gaps
    assert clockwork.rate_hz == pytest.approx(1000.0)


@pytest.mark.parametrize("chunk", [1, 32, 128])
def test_jitter_goes_and_the_true_rate_is_found(chunk: int) -> None:
    true = stamps_of(40_000, 1000.5)
    times, gaps, clockwork = run(true, 1000.0, chunk, jitter_s=0.002)
    assert not gaps
    assert (np.diff(times) > 0).all()
    assert clockwork.rate_hz == pytest.approx(1000.5, abs=0.02)
    half = len(times) // 2
    error = times[half:] - true[half : len(times)]
    # The mean of the jitter cannot be told from a delay; what varies is what counts.
    assert error.std() < 0.0002


@pytest.mark.parametrize("late_s", [0.05, 0.2])
def test_late_chunks_are_no_gaps(late_s: float) -> None:
    true = stamps_of(60_000, 2000.0)
    times, gaps, _ = run(true, 2000.0, 32, jitter_s=0.001, late=0.3, late_s=late_s)
    assert not gaps
    assert (np.diff(times) > 0).all()


@pytest.mark.parametrize(("missing", "options"), [
    (20, {}), (500, {}), (4000, {}), (40_000, {}),
    (100, {"jitter_s": 0.001, "late": 0.3, "late_s": 0.05}),
])  # fmt: skip
def test_missing_samples_are_counted(missing: int, options: dict[str, Any]) -> None:
    at = 20_000
    true = stamps_of(80_000, 2000.0, (at, missing))
    times, gaps, _ = run(true, 2000.0, 16, **options)
    ((found, gap),) = gaps
    assert at - 16 <= found <= at + 1100  # half a second later at most
    assert gap.missing == pytest.approx(missing, abs=max(2, 0.03 * missing, 8 * len(options)))
    after = found - len(true) + len(times) + 1000
    np.testing.assert_allclose(times[after:], true[after : len(times)], atol=0.03)


def test_a_burst_of_a_second_at_once_is_no_gap() -> None:
    true = stamps_of(20_000, 1000.0)
    clockwork = Clockwork(1000.0)
    parts = [clockwork.process(true[k : k + 10]) for k in range(0, 10_000, 10)]
    parts.append(clockwork.process(true[10_000:11_000]))
    parts += [clockwork.process(true[k : k + 10]) for k in range(11_000, 20_000, 10)]
    assert not [gap for _, gap in parts if gap is not None]
    np.testing.assert_allclose(np.concatenate([t for t, _ in parts]), true, atol=1e-6)


@pytest.mark.parametrize("by_s", [-0.5, -100.0])
def test_a_clock_that_is_set_back_is_no_loss(by_s: float) -> None:
    true = stamps_of(20_000, 1000.0)
    true[10_000:] += by_s
    _, gaps, clockwork = run(true, 1000.0, 10)
    ((found, gap),) = gaps
    assert 10_000 - 10 <= found <= 10_600
    assert gap == Gap(0, "the sender's clock was set back")
    assert clockwork.rate_hz == pytest.approx(1000.0, abs=1e-3)


def test_samples_that_are_sent_twice_do_not_bend_the_rate() -> None:
    # PlayerLSL of MNE-LSL sends a whole loop at once where it ends together with a chunk.
    true, clockwork = stamps_of(20_000, 1000.0), Clockwork(1000.0)
    gaps = [clockwork.process(true[k : k + 16])[1] for k in range(0, 8000, 16)]
    gaps.append(clockwork.process(true[4000:8016])[1])
    gaps += [clockwork.process(true[k : k + 16])[1] for k in range(8016, 20_000, 16)]
    assert [gap for gap in gaps if gap] == [Gap(0, "the sender's clock was set back")]
    assert clockwork.rate_hz == pytest.approx(1000.0, abs=1e-3)


def test_a_wrong_nominal_rate_is_no_endless_gap() -> None:
    _, gaps, clockwork = run(stamps_of(40_000, 1950.0), 2000.0, 16, jitter_s=0.001)
    assert not gaps
    assert clockwork.rate_hz == pytest.approx(1950.0, abs=0.5)


class FakeTime:
    """A clock that the test moves."""

    now = 50.0

    def monotonic(self) -> float:
        return self.now


@pytest.mark.parametrize("speed", [0.5, 1.0, 4.0])
def test_a_replay_keeps_its_speed_and_gives_every_sample_once(
    speed: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = FakeTime()
    monkeypatch.setattr("eifer.eifer_addon.live.sources.time", clock)
    recording = emg_recording(3.0)
    source = ReplaySource(recording, speed)
    parts = []
    while sum(len(part) for part in parts) < 3000:
        clock.now += 0.0137
        chunk = source.pull()
        if chunk is not None:
            assert chunk.times[-1] <= (clock.now - 50.0) * speed
            parts.append(chunk)
    with pytest.raises(SourceEndedError):
        source.pull()
    assert clock.now - 50.0 == pytest.approx(3.0 / speed, abs=0.05)
    np.testing.assert_array_equal(np.concatenate([p.raw for p in parts]).T, recording.data())
    times = np.concatenate([p.times for p in parts])
    np.testing.assert_allclose(times, np.arange(3000) / 1000.0)


def test_a_looped_replay_goes_on_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FakeTime()
    monkeypatch.setattr("eifer.eifer_addon.live.sources.time", clock)
    recording = emg_recording(1.0)
    source = ReplaySource(recording, loop=True)
    parts = []
    for _ in range(100):
        clock.now += 0.03
        chunk = source.pull()
        if chunk is not None:
            parts.append(chunk)
    raw = np.concatenate([p.raw for p in parts])
    assert len(raw) > 2900
    np.testing.assert_array_equal(raw, recording.data().T[np.arange(len(raw)) % 1000])
    assert (np.diff(np.concatenate([p.times for p in parts])) > 0).all()


def test_events_of_a_looped_replay_are_passed_once_each(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FakeTime()
    monkeypatch.setattr("eifer.eifer_addon.live.sources.time", clock)
    events = (Event(0.0, "begin"), Event(0.4, "smile"), Event(0.999, "end"))
    source = ReplaySource(replace(emg_recording(1.0), events=events), loop=True)
    found = []
    for _ in range(100):
        clock.now += 0.025
        source.pull()
        found += source.markers()
    assert [m.name for m in found] == ["begin", "smile", "end"] * 2 + ["begin", "smile"]
    expected = [0.0, 0.4, 0.999, 1.0, 1.4, 1.999, 2.0, 2.4]
    np.testing.assert_allclose([m.time_s for m in found], expected)


def test_a_replay_that_was_held_up_catches_up_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FakeTime()
    monkeypatch.setattr("eifer.eifer_addon.live.sources.time", clock)
    source = ReplaySource(emg_recording(6.0))
    clock.now += 5.0
    chunks = [source.pull() for _ in range(11)]
    lengths = [0 if chunk is None else len(chunk) for chunk in chunks]
    assert lengths == [500] * 10 + [0]
