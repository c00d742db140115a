"""Takes that are cut off: what was there is kept, up to the last tenth of a second."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from faulty_sender import COUNTED, Amplifier, FaultySender
from live_signals import CHANNELS, wait_for

from eifer.eifer_addon.live.journal import unfinished
from eifer.eifer_addon.live.session import LiveSession
from eifer.eifer_addon.live.settings import LiveSettings
from eifer.eifer_addon.live.stream_facts import StreamSelector
from eifer.eifer_addon.live.takes import replay_journal, take_recording
from eifer.eifer_addon.signals.journal_format import DATA, FRAM, HEAD, Journal

NAMES = (*CHANNELS[:-1], "counter")
RATE_HZ = 1000.0
LOST_S = 0.1
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="signals and limits of Linux")


@pytest.fixture
def session(unique_name: str, tmp_path: Path) -> Iterator[LiveSession]:
    """Connected to a stream that counts its samples."""
    sender = FaultySender(Amplifier(unique_name, NAMES, RATE_HZ))
    stream = StreamSelector(name=unique_name)
    live = LiveSession(LiveSettings(stream=stream, mains_hz=50.0, journal_folder=str(tmp_path)))
    live.start()
    wait_for(live, lambda s: s.n_samples > 0)
    yield live
    live.close()
    sender.kill()


def numbers_by_part(journal: Journal) -> list[np.ndarray]:
    """The sender's numbers of the samples of each part of a take."""
    starts = [head.start for head in journal.of_kind(HEAD)] + [sys.maxsize]
    found = []
    for first, last in zip(starts, starts[1:], strict=False):
        rows = [
            journal.raw(journal.samples(chunk))[:, -1].astype(np.int64)
            for chunk in journal.of_kind(DATA)
            if first < chunk.start < last
        ]
        found.append(np.concatenate(rows))
    return found


def test_a_killed_child_loses_a_tenth_of_a_second_and_no_more(session: LiveSession) -> None:
    path = session.record("take")
    wait_for(session, lambda s: bool(s.take and s.take.seconds > 1.5))
    before = session.poll()
    assert session.pid is not None
    os.kill(session.pid, signal.SIGKILL)
    os.waitid(os.P_PID, session.pid, os.WEXITED | os.WNOWAIT)
    on_disk = Journal(path)
    (kept,) = numbers_by_part(on_disk)
    np.testing.assert_array_equal(np.diff(kept), 1)
    times = np.concatenate([
        on_disk.samples(chunk).times for chunk in on_disk.of_kind(DATA)
    ])  # fmt: skip
    assert times[-1] >= before.timestamp_s - LOST_S
    wait_for(session, lambda s: s.restarts == 1)
    wait_for(session, lambda s: s.state == "connected" and s.n_samples > 500)
    assert session.stop_recording() == path
    journal = Journal(path)
    assert not journal.notes
    first, second = numbers_by_part(journal)
    np.testing.assert_array_equal(first, kept)
    np.testing.assert_array_equal(np.diff(second), 1)
    assert second[0] > first[-1]
    # The hole is as long as it was, in the recording as in the keys.
    (hole,) = take_recording(path).source["gaps"]
    assert hole["seconds"] == pytest.approx((second[0] - first[-1]) / RATE_HZ, abs=0.1)
    live = np.concatenate([journal.frames(chunk)[3] for chunk in journal.of_kind(FRAM)])
    np.testing.assert_array_equal(replay_journal(path).frames.coefficients, live)


def test_a_full_disk_ends_the_take_with_a_sentence_and_nothing_else(session: LiveSession) -> None:
    import resource

    assert session.pid is not None
    limit = 400_000
    resource.prlimit(session.pid, resource.RLIMIT_FSIZE, (limit, limit))
    path = session.record("take")
    failed = wait_for(session, lambda s: bool(s.take and s.take.state == "failed"))
    assert failed.take is not None
    assert "The recording stopped" in failed.take.sentence
    assert path.name in failed.take.sentence
    # The face goes on.
    going = wait_for(session, lambda s: s.n_samples > failed.n_samples + 500)
    assert (going.state, going.restarts, going.n_lost) == ("connected", 0, 0)
    assert session.stop_recording() == path
    assert 0.5 * limit < path.stat().st_size <= limit
    journal = Journal(path)
    assert not journal.notes
    (kept,) = numbers_by_part(journal)
    assert len(kept) > RATE_HZ
    np.testing.assert_array_equal(np.diff(kept) % COUNTED, 1)
    np.testing.assert_array_equal(take_recording(path).data()[-1], kept)
    # It was not ended by anybody, so it is offered for recovery.
    assert unfinished(path.parent, fresh_s=0.0) == (path,)
    # And the next take can be recorded as soon as there is room.
    resource.prlimit(session.pid, resource.RLIMIT_FSIZE, (limit, limit))
    again = session.record("take")
    wait_for(session, lambda s: bool(s.take and s.take.seconds > 0.3))
    assert session.stop_recording() == again
    assert not Journal(again).notes
