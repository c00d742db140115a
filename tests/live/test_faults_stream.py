"""Streams that misbehave: nothing that was sent is lost, and what happened is said."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from faulty_sender import COUNTED, Amplifier, FaultySender
from live_signals import CHANNELS, wait_for

from eifer.eifer_addon.live.session import LiveSession
from eifer.eifer_addon.live.settings import LiveSettings
from eifer.eifer_addon.live.stream_facts import StreamSelector
from eifer.eifer_addon.live.takes import replay_journal
from eifer.eifer_addon.signals.journal_format import DATA, FRAM, GAPS, Journal

NAMES = (*CHANNELS[:-1], "counter")
#: Samples after which the time stamps' line is drawn and leads are judged.
SETTLED = 2600


@pytest.fixture
def amplifier(unique_name: str) -> Iterator[Callable[..., FaultySender]]:
    """Start senders; all are killed afterwards."""
    started: list[FaultySender] = []

    def start(**changes: Any) -> FaultySender:
        given = {"name": unique_name, "channels": NAMES} | changes
        started.append(FaultySender(Amplifier(**given)))
        return started[-1]

    yield start
    for sender in started:
        sender.kill()


@pytest.fixture
def session(unique_name: str, tmp_path: Path) -> Iterator[LiveSession]:
    stream = StreamSelector(name=unique_name)
    live = LiveSession(LiveSettings(stream=stream, mains_hz=50.0, journal_folder=str(tmp_path)))
    live.start()
    yield live
    live.close()


def more(session: LiveSession, samples: int) -> Any:
    """The snapshot after so many more samples."""
    goal = session.poll().n_samples + samples
    return wait_for(session, lambda s: s.n_samples >= goal)


def numbers_of(journal: Journal) -> np.ndarray:
    """The sender's numbers of all samples of a take."""
    return np.concatenate([
        journal.raw(journal.samples(chunk))[:, -1].astype(np.int64)
        for chunk in journal.of_kind(DATA)
    ])  # fmt: skip


def check_take(path: Path) -> Journal:
    """Every sample is in the take, once and in order, and a replay gives what was seen live."""
    journal = Journal(path)
    assert not journal.notes
    np.testing.assert_array_equal(np.diff(numbers_of(journal)) % COUNTED, 1)
    live = np.concatenate([journal.frames(chunk)[3] for chunk in journal.of_kind(FRAM)])
    np.testing.assert_array_equal(replay_journal(path).frames.coefficients, live)
    return journal


@pytest.mark.parametrize("by_s", [-100.0, 1000.0])
def test_a_clock_that_is_set_loses_no_sample(
    by_s: float, amplifier: Callable[..., FaultySender], session: LiveSession
) -> None:
    sender = amplifier()
    wait_for(session, lambda s: s.n_samples > SETTLED)
    session.record("take")
    before = more(session, 500)
    sender.fault(clock_s=by_s)
    after = wait_for(session, lambda s: s.n_gaps > 0)
    more(session, 1000)
    journal = check_take(session.stop_recording())
    (gap,) = [journal.document(chunk) for chunk in journal.of_kind(GAPS)]
    assert "the sender's clock was set" in gap["reason"]
    assert gap["missing"] == after.n_lost == 0
    assert after.state == "connected"
    # Times go on by our own clock, whatever the sender's says.
    stamps = np.concatenate([journal.frames(chunk)[1] for chunk in journal.of_kind(FRAM)])
    assert np.all(np.diff(stamps) > 0)
    assert session.poll().timestamp_s - before.timestamp_s < 60.0


def test_a_device_with_a_clock_of_its_own_keeps_our_time(
    amplifier: Callable[..., FaultySender], session: LiveSession
) -> None:
    amplifier().fault(clock_s=1.6e9)
    begun = wait_for(session, lambda s: s.n_samples > 1000)
    later = more(session, 3000)
    # LSL's measurements say nothing about such a clock, and following them would stretch time.
    passed_s = (later.n_samples - begun.n_samples) / 1000.0
    assert later.timestamp_s - begun.timestamp_s == pytest.approx(passed_s, abs=0.02)
    assert abs(later.age_ms) < 5000.0


def test_late_chunks_lose_nothing_and_are_no_gaps(
    amplifier: Callable[..., FaultySender], session: LiveSession
) -> None:
    sender = amplifier()
    wait_for(session, lambda s: s.n_samples > 200)
    session.record("take")
    sender.fault(late_part=0.3, late_s=0.08)
    seen = more(session, 6000)
    assert seen.n_gaps == seen.n_lost == seen.restarts == 0
    assert seen.rate_hz == pytest.approx(1000.0, rel=0.01)
    journal = check_take(session.stop_recording())
    assert not journal.of_kind(GAPS)


def test_a_second_at_once_loses_nothing(
    amplifier: Callable[..., FaultySender], session: LiveSession
) -> None:
    sender = amplifier()
    wait_for(session, lambda s: s.n_samples > SETTLED)
    session.record("take")
    for _ in range(2):
        more(session, 300)
        sender.fault(hold_s=1.0)
        seen = more(session, 1300)
        assert seen.n_gaps == seen.n_lost == 0
        assert seen.state == "connected"
    check_take(session.stop_recording())


def test_channels_without_numbers_rest_and_come_back(
    amplifier: Callable[..., FaultySender], session: LiveSession
) -> None:
    sender = amplifier()
    wait_for(session, lambda s: bool(s.settled and s.n_samples > SETTLED))
    session.record("take")
    sender.fault(lost=[0, 1])
    gone = wait_for(session, lambda s: set(s.lost_channels) == set(NAMES[:2]))
    more(session, 500)
    gone = session.poll()
    assert np.isfinite(gone.coefficients).all()
    assert np.isfinite(gone.activity).all()
    places = [gone.channels.index(name) for name in NAMES[:2]]
    assert not gone.activity[places].any()
    sender.fault(lost=[])
    back = wait_for(session, lambda s: not s.lost_channels)
    assert back.n_gaps == back.n_lost == 0
    more(session, 500)
    journal = check_take(session.stop_recording())
    raw = np.concatenate([journal.raw(journal.samples(c)) for c in journal.of_kind(DATA)])
    # The journal holds what was sent, also where that was no number.
    assert np.isnan(raw[:, 0]).sum() > 400
    assert not np.isnan(raw[:, 2]).any()


def test_all_channels_without_numbers_are_no_disaster(
    amplifier: Callable[..., FaultySender], session: LiveSession
) -> None:
    sender = amplifier()
    wait_for(session, lambda s: s.n_samples > 500)
    sender.fault(lost=list(range(len(NAMES) - 1)))
    gone = wait_for(session, lambda s: len(s.lost_channels) == len(NAMES) - 1)
    assert not more(session, 500).coefficients.any()
    assert gone.state == "connected"
    sender.fault(lost=[])
    wait_for(session, lambda s: not s.lost_channels)


def test_another_rate_after_a_restart_goes_into_another_file(
    amplifier: Callable[..., FaultySender], session: LiveSession, tmp_path: Path
) -> None:
    first = amplifier()
    wait_for(session, lambda s: s.n_samples > 500)
    session.record("take")
    more(session, 500)
    first.kill()
    wait_for(session, lambda s: s.state == "lost")
    amplifier(rate_hz=2000.0)
    wait_for(session, lambda s: bool(s.take and s.take.parts and s.take.seconds > 0.5))
    second = session.stop_recording()
    assert second == tmp_path / "take part 2.eiflog"
    for path, rate in ((tmp_path / "take.eiflog", 1000.0), (second, 2000.0)):
        assert check_take(path).rate_hz == rate
