"""Senders of other projects: what they stream arrives whole, with names, units and times."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from live_signals import CHANNELS, PATIENCE_S, wait_for
from mne_player import LENGTH, RATE_HZ, samples

from eifer.eifer_addon.live.lsl import find_streams
from eifer.eifer_addon.live.session import LiveSession
from eifer.eifer_addon.live.settings import LiveSettings
from eifer.eifer_addon.live.stream_facts import StreamSelector
from eifer.eifer_addon.live.takes import replay_journal, take_recording
from eifer.eifer_addon.signals.journal_format import FRAM, Journal

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("mne_lsl") is None, reason="mne-lsl is not installed here"
)
_PLAYER = Path(__file__).parents[1] / "mne_player.py"
NAMES = (*CHANNELS[:-1], "counter")


@pytest.fixture
def player(unique_name: str) -> Iterator[subprocess.Popen[str]]:
    """PlayerLSL under the test's name."""
    process = subprocess.Popen(
        [sys.executable, "-P", str(_PLAYER), unique_name],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert "ready\n" in iter(process.stdout.readline, "")
    yield process
    process.kill()
    process.communicate(timeout=PATIENCE_S)


def test_a_stream_of_mne_lsl_is_recorded_and_moves_the_face(
    player: subprocess.Popen[str], unique_name: str, tmp_path: Path
) -> None:
    stream = StreamSelector(name=unique_name)
    (facts,) = [f for f in find_streams(3.0, stream) if f.name == unique_name]
    assert facts.channels == NAMES
    assert set(facts.units) == {"V"}  # it writes the power of ten
    session = LiveSession(LiveSettings(stream=stream, mains_hz=50.0, journal_folder=str(tmp_path)))
    session.start()
    try:
        session.record("take")
        seen = wait_for(session, lambda s: bool(s.settled and s.take and s.take.seconds > 4.5))
        assert seen.state == "connected"
        assert seen.n_lost == seen.n_gaps == seen.restarts == 0
        assert seen.rate_hz == pytest.approx(RATE_HZ, rel=0.01)
        path = session.stop_recording()
    finally:
        session.close()
    recording = take_recording(path)
    assert recording.units == ("V",) * len(NAMES)
    numbers = recording.channel(len(NAMES) - 1).round().astype(int)
    np.testing.assert_array_equal(np.diff(numbers) % LENGTH, 1)
    np.testing.assert_array_equal(recording.data(), samples(len(NAMES))[:, numbers])
    journal = Journal(path)
    live = np.concatenate([journal.frames(chunk)[3] for chunk in journal.of_kind(FRAM)])
    np.testing.assert_array_equal(replay_journal(path).frames.coefficients, live)


def test_a_player_that_is_stopped_and_started_is_found_again(
    player: subprocess.Popen[str], unique_name: str
) -> None:
    stream = StreamSelector(name=unique_name)
    session = LiveSession(LiveSettings(stream=stream, mains_hz=50.0))
    session.start()
    try:
        wait_for(session, lambda s: s.n_samples > 500)
        player.kill()
        wait_for(session, lambda s: s.state == "lost")
        again = subprocess.Popen(
            [sys.executable, "-P", str(_PLAYER), unique_name],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        try:
            wait_for(session, lambda s: s.state == "connected" and s.n_gaps > 0)
        finally:
            again.kill()
            again.communicate(timeout=PATIENCE_S)
    finally:
        session.close()
