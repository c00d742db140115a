"""Streams that misbehave: nothing that was sent is lost, and what happened is said."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
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


def session_on(name: str, folder: Path) -> LiveSession:
    """A session that looks for a stream."""
    stream = StreamSelector(name=name)
    session = LiveSession(LiveSettings(stream=stream, mains_hz=50.0, journal_folder=str(folder)))
    session.start()
    return session


@pytest.fixture
def session(unique_name: str, tmp_path: Path) -> Iterator[LiveSession]:
    live = session_on(unique_name, tmp_path)
    yield live
    live.close()


@dataclass(frozen=True)
class Running:
    """A sender that is well, and a session on it that has settled; several tests take turns."""

    sender: FaultySender
    session: LiveSession


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    name = f"faults-{os.getpid()}"
    sender = FaultySender(Amplifier(name, NAMES))
    session = session_on(name, tmp_path_factory.mktemp("takes"))
    wait_for(session, lambda s: bool(s.settled and s.n_samples > SETTLED))
    yield Running(sender, session)
    session.close()
    sender.kill()


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


def test_late_chunks_lose_nothing_and_are_no_gaps(running: Running) -> None:
    sender, session = running.sender, running.session
    before = session.poll()
    session.record("late")
    sender.fault(late_part=0.3, late_s=0.08)
    seen = more(session, 4000)
    sender.fault(late_part=0.0)
    assert (seen.n_gaps, seen.n_lost) == (before.n_gaps, before.n_lost)
    assert seen.restarts == 0
    assert seen.rate_hz == pytest.approx(1000.0, rel=0.01)
    journal = check_take(session.stop_recording())
    assert not journal.of_kind(GAPS)


def test_a_second_at_once_loses_nothing(running: Running) -> None:
    sender, session = running.sender, running.session
    session.record("burst")
    more(session, 300)
    sender.fault(hold_s=1.0)
    seen = more(session, 1500)
    assert seen.state == "connected"
    journal = check_take(session.stop_recording())
    assert not journal.of_kind(GAPS)


def test_channels_without_numbers_rest_and_come_back(running: Running) -> None:
    sender, session = running.sender, running.session
    before = session.poll()
    session.record("lost")
    sender.fault(lost=[0, 1])
    wait_for(session, lambda s: set(s.lost_channels) == set(NAMES[:2]))
    gone = more(session, 400)
    assert np.isfinite(gone.coefficients).all()
    places = [gone.channels.index(name) for name in NAMES[:2]]
    assert not gone.activity[places].any()
    # All of them at once, as when the amplifier's reference falls off.
    sender.fault(lost=list(range(len(NAMES) - 1)))
    wait_for(session, lambda s: len(s.lost_channels) == len(NAMES) - 1)
    assert not more(session, 400).coefficients.any()
    sender.fault(lost=[])
    back = wait_for(session, lambda s: not s.lost_channels)
    assert back.state == "connected"
    assert (back.n_gaps, back.n_lost) == (before.n_gaps, before.n_lost)
    more(session, 300)
    journal = check_take(session.stop_recording())
    raw = np.concatenate([journal.raw(journal.samples(c)) for c in journal.of_kind(DATA)])
    # The journal holds what was sent, also where that was no number.
    assert np.isnan(raw[:, 0]).sum() > np.isnan(raw[:, 2]).sum() > 300


def test_a_clock_that_is_set_loses_no_sample(running: Running) -> None:
    sender, session = running.sender, running.session
    session.record("clock")
    before = more(session, 300)
    sender.fault(clock_s=-100.0)
    wait_for(session, lambda s: s.n_gaps == before.n_gaps + 1)
    more(session, SETTLED)
    sender.fault(clock_s=1000.0)
    after = wait_for(session, lambda s: s.n_gaps == before.n_gaps + 2)
    more(session, 500)
    journal = check_take(session.stop_recording())
    gaps = [journal.document(chunk) for chunk in journal.of_kind(GAPS)]
    assert [gap["reason"].rpartition(" ")[2] for gap in gaps] == ["back", "forward"]
    assert [gap["missing"] for gap in gaps] == [0, 0]
    assert after.n_lost == before.n_lost
    # Times go on by our own clock, whatever the sender's says.
    stamps = np.concatenate([journal.frames(chunk)[1] for chunk in journal.of_kind(FRAM)])
    assert np.all(np.diff(stamps) > 0)
    assert session.poll().timestamp_s - before.timestamp_s < 60.0


def test_a_device_with_a_clock_of_its_own_keeps_our_time(
    amplifier: Callable[..., FaultySender], session: LiveSession
) -> None:
    amplifier().fault(clock_s=1.6e9)
    begun = wait_for(session, lambda s: s.n_samples > 1000)
    later = more(session, 2000)
    # LSL's measurements say nothing about such a clock, and following them would stretch time.
    passed_s = (later.n_samples - begun.n_samples) / 1000.0
    assert later.timestamp_s - begun.timestamp_s == pytest.approx(passed_s, abs=0.02)
    assert abs(later.age_ms) < 5000.0


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
