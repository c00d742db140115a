"""Streams as sources: every number format, loss and return, and what is refused."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from live_signals import CHANNELS, emg, wait_for

from eifer.eifer_addon import cli
from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.live.session import LiveSession
from eifer.eifer_addon.live.settings import LiveSettings
from eifer.eifer_addon.live.sources import check_facts
from eifer.eifer_addon.live.stream_facts import StreamFacts, StreamSelector
from eifer.eifer_addon.live.takes import replay_journal, take_recording
from eifer.eifer_addon.signals.journal_format import CLCK, DATA, FRAM, GAPS, MARK, Journal

Outlet = Callable[..., subprocess.Popen[str]]
NAMES = list(CHANNELS)


@pytest.fixture
def connect(tmp_path: Path) -> Iterator[Callable[..., LiveSession]]:
    """Sessions on streams by name, closed afterwards."""
    started: list[LiveSession] = []

    def start(name: str, **options: Any) -> LiveSession:
        stream = StreamSelector(name=name)
        session = LiveSession(
            LiveSettings(stream=stream, mains_hz=50.0, journal_folder=str(tmp_path), **options)
        )
        started.append(session)
        session.start()
        return session

    yield start
    for session in started:
        session.close()


def counter(n_channels: int = 22, n: int = 1000) -> np.ndarray:
    """EMG with a counter in the last channel, so that every sample is known by its number."""
    samples = emg(n / 1000.0)[:n_channels]
    samples[-1] = np.arange(n)
    return samples.round()


@pytest.mark.parametrize("kind", ["float32", "double64", "int16", "int32"])
def test_no_sample_of_any_number_format_is_lost_or_changed(
    kind: str, lsl_outlet: Outlet, connect: Callable[..., LiveSession], unique_name: str
) -> None:
    samples = counter()
    lsl_outlet(samples, 1000.0, unique_name, channels=NAMES, format=kind, chunk=13,
               units=["microvolts"] * 22)  # fmt: skip
    session = connect(unique_name)
    session.record("take")
    running = wait_for(session, lambda s: bool(s.take and s.take.seconds > 2.0))
    assert running.state == "connected"
    assert running.n_lost == running.n_gaps == 0
    path = session.stop_recording()
    recording = take_recording(path)
    numbers = recording.channel(21).astype(int)
    assert len(numbers) > 1500
    np.testing.assert_array_equal(np.diff(numbers) % 1000, 1)
    np.testing.assert_array_equal(recording.data(), samples[:, numbers])
    assert recording.units == ("uV",) * 22
    journal = Journal(path)
    assert np.dtype(journal.header["dtype"]) == np.dtype(
        {"float32": "f4", "double64": "f8", "int16": "i2", "int32": "i4"}[kind]
    )
    assert journal.of_kind(CLCK)
    live = np.concatenate([journal.frames(chunk)[3] for chunk in journal.of_kind(FRAM)])
    np.testing.assert_array_equal(replay_journal(path).frames.coefficients, live)


def test_a_sender_that_comes_back_is_found_again_and_the_gap_is_marked(
    lsl_outlet: Outlet, connect: Callable[..., LiveSession], unique_name: str
) -> None:
    options = {"channels": NAMES, "source_id": f"id-{unique_name}", "chunk": 8}
    sender = lsl_outlet(counter(), 1000.0, unique_name, **options)
    session = connect(unique_name)
    session.record("take")
    wait_for(session, lambda s: bool(s.take and s.take.seconds > 1.0))
    sender.kill()
    lost = wait_for(session, lambda s: s.state == "lost")
    assert "was lost" in lost.sentence
    # Another name, but the same device.
    lsl_outlet(counter(), 1000.0, f"{unique_name}-2", **options)
    back = wait_for(session, lambda s: s.state == "connected" and s.n_gaps > 0)
    assert back.source == f"{unique_name}-2"
    assert back.n_lost > 100
    assert back.restarts == 0
    wait_for(session, lambda s: s.n_samples > back.n_samples + 500)
    path = session.stop_recording()
    journal = Journal(path)
    (gap,) = [journal.document(chunk) for chunk in journal.of_kind(GAPS)]
    assert gap["missing"] == back.n_lost
    assert take_recording(path).source["gaps"][0]["seconds"] > 0.1
    live = np.concatenate([journal.frames(chunk)[3] for chunk in journal.of_kind(FRAM)])
    np.testing.assert_array_equal(replay_journal(path).frames.coefficients, live)


def test_a_sender_with_a_new_source_id_is_found_by_name_and_type(
    lsl_outlet: Outlet, connect: Callable[..., LiveSession], unique_name: str
) -> None:
    sender = lsl_outlet(counter(), 1000.0, unique_name, channels=NAMES, source_id="one")
    session = connect(unique_name)
    wait_for(session, lambda s: s.n_samples > 200)
    sender.kill()
    wait_for(session, lambda s: s.state == "lost")
    lsl_outlet(counter(), 1000.0, unique_name, channels=NAMES, source_id="two")
    wait_for(session, lambda s: s.state == "connected" and s.n_gaps > 0)


def test_other_channels_after_a_return_go_into_another_file(
    lsl_outlet: Outlet, connect: Callable[..., LiveSession], unique_name: str, tmp_path: Path
) -> None:
    sender = lsl_outlet(counter(), 1000.0, unique_name, channels=NAMES)
    session = connect(unique_name)
    session.record("take")
    wait_for(session, lambda s: bool(s.take and s.take.seconds > 0.5))
    sender.kill()
    wait_for(session, lambda s: s.state == "lost")
    lsl_outlet(counter(8), 500.0, unique_name, channels=NAMES[:8])
    back = wait_for(
        session, lambda s: bool(s.state == "connected" and s.take and s.take.seconds > 0.5
                                and len(s.channels) == 8)
    )  # fmt: skip
    assert len(back.muscles) == 8
    assert back.take is not None
    assert back.take.parts == (tmp_path / "take.eiflog",)
    assert session.stop_recording() == tmp_path / "take part 2.eiflog"
    assert len(take_recording(tmp_path / "take.eiflog").channels) == 22
    assert len(take_recording(tmp_path / "take part 2.eiflog").channels) == 8


def test_channels_that_fit_no_muscle_after_a_return_are_refused_with_a_sentence(
    lsl_outlet: Outlet, connect: Callable[..., LiveSession], unique_name: str
) -> None:
    sender = lsl_outlet(counter(), 1000.0, unique_name, channels=NAMES)
    session = connect(unique_name)
    wait_for(session, lambda s: s.n_samples > 200)
    sender.kill()
    wait_for(session, lambda s: s.state == "lost")
    lsl_outlet(counter(2), 1000.0, unique_name, channels=["Fz", "Cz"])
    failed = wait_for(session, lambda s: s.state == "failed")
    assert "No channel name belongs to a facial muscle" in failed.sentence


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (StreamFacts("Amp", n_channels=2, rate_hz=0.0), "irregular rate"),
        (StreamFacts("Amp", n_channels=2, rate_hz=30.0), "too slow for raw EMG"),
        (StreamFacts("Amp", n_channels=0, rate_hz=1000.0), "no channels"),
        (StreamFacts("Amp", n_channels=1, rate_hz=1.0, channel_format="string"), "markers"),
    ],
)
def test_streams_that_are_no_raw_signal_are_refused(facts: StreamFacts, words: str) -> None:
    with pytest.raises(EiferError, match=words):
        check_facts(facts)
    check_facts(StreamFacts("Amp", n_channels=2, rate_hz=30.0), envelopes=True)


def test_an_irregular_stream_is_refused_with_a_sentence(
    lsl_outlet: Outlet, connect: Callable[..., LiveSession], unique_name: str
) -> None:
    lsl_outlet(counter(), 1000.0, unique_name, channels=NAMES, nominal_rate_hz=0.0)
    failed = wait_for(connect(unique_name), lambda s: s.state == "failed")
    assert "has an irregular rate" in failed.sentence


def test_two_streams_that_fit_are_both_named(
    lsl_outlet: Outlet, connect: Callable[..., LiveSession], unique_name: str
) -> None:
    lsl_outlet(counter(), 1000.0, unique_name, channels=NAMES, source_id="one")
    lsl_outlet(counter(), 1000.0, unique_name, channels=NAMES, source_id="two")
    failed = wait_for(connect(unique_name), lambda s: s.state == "failed")
    assert "2 streams fit" in failed.sentence


def test_markers_of_other_streams_are_events_of_the_take(
    lsl_outlet: Outlet, connect: Callable[..., LiveSession], unique_name: str
) -> None:
    lsl_outlet(counter(), 1000.0, unique_name, channels=NAMES, chunk=8)
    session = connect(unique_name)
    session.record("take")
    wait_for(session, lambda s: bool(s.take and s.take.seconds > 1.0))
    lsl_outlet(np.arange(50.0)[None], 2.0, f"{unique_name}-markers", format="string",
               nominal_rate_hz=0.0, type="Markers")  # fmt: skip
    start = wait_for(session, lambda s: bool(s.take and s.take.seconds > 3.0)).take
    assert start is not None
    wait_for(session, lambda s: bool(s.take and s.take.seconds > start.seconds + 4.0))
    journal = Journal(session.stop_recording())
    marks = [journal.document(chunk) for chunk in journal.of_kind(MARK)]
    assert len(marks) >= 4
    assert {mark["stream"] for mark in marks} == {f"{unique_name}-markers"}
    numbers = [float(mark["name"]) for mark in marks]
    np.testing.assert_array_equal(np.diff(numbers), 1.0)
    np.testing.assert_allclose(np.diff([mark["timestamp_s"] for mark in marks]), 0.5, atol=0.01)
    last = journal.samples(journal.of_kind(DATA)[-1])
    assert last.times[-1] - 2.5 < marks[-1]["timestamp_s"] <= last.times[-1] + 0.5


def test_two_sessions_share_a_stream(
    lsl_outlet: Outlet, connect: Callable[..., LiveSession], unique_name: str
) -> None:
    lsl_outlet(counter(), 1000.0, unique_name, channels=NAMES)
    sessions = [connect(unique_name), connect(unique_name)]
    for session in sessions:
        running = wait_for(session, lambda s: s.n_samples > 1000)
        assert running.n_lost == 0


def test_the_command_line_records_a_stream(
    lsl_outlet: Outlet, unique_name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lsl_outlet(counter(), 1000.0, unique_name, channels=NAMES, chunk=32)
    out, record = tmp_path / "take.npz", tmp_path / "take.eiflog"
    arguments = ["live", "--source", unique_name, "--out", str(out), "--record", str(record)]
    assert cli.main([*arguments, "--seconds", "1.5", "--mains", "50", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["files"] == {"record": str(record), "track": str(out)}
    assert said["lost"] == 0
    assert said["seconds"] > 1.0
    assert cli.main(["inspect", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["frames"] == said["frames"]
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix != ".npy") == [
        "take.eiflog", "take.npz",
    ]  # fmt: skip
    assert cli.main([*arguments, "--seconds", "1"]) == 1
    assert "exists already" in capsys.readouterr().err


def test_the_command_line_says_when_nothing_comes(
    unique_name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "take.npz")
    assert cli.main(["live", "--source", unique_name, "--out", out, "--wait", "0.5"]) == 1
    assert "Nothing came within 0.5 s" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
    assert cli.main(["live", "--source", unique_name]) == 1
    assert "No output was named" in capsys.readouterr().err
    assert cli.main(["live", "--out", out]) == 2
