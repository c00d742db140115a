"""`eifer play`: our outlet as other programs see it."""

from __future__ import annotations

import json
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from xdf_writer import chunk, clock, samples, texts, write_xdf

from eifer.eifer_addon import api
from eifer.eifer_addon.live import lsl
from eifer.eifer_addon.live.outlet import PlayReport
from eifer.eifer_addon.live.play_settings import PlaySettings
from eifer.eifer_addon.live.player import Player
from eifer.eifer_addon.live.stream_facts import StreamFacts
from eifer.eifer_addon.signals.edf_writer import write_edf
from eifer.eifer_addon.signals.recording import Event, Recording

PATIENCE_S = 30.0
RATE_HZ = 500.0
EVENTS = (Event(0.25, "smile"), Event(0.61, "brows"))


def recording(n_samples: int = 600) -> Recording:
    """Channel 0 counts the samples."""
    noise = np.random.default_rng(1).standard_normal((2, n_samples))
    data = np.concatenate([np.arange(float(n_samples))[None], 40 * noise])
    return Recording.from_array(
        data, RATE_HZ, ("count", "Zyg li", "Corr re"), units=("?", "uV", "uV"), events=EVENTS
    )


def until(found: Callable[[], object]) -> bool:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if found():
            return True
        time.sleep(0.02)
    return False


@pytest.fixture
def playing() -> Iterator[Callable[..., list[PlayReport]]]:
    """Stream in a thread; the list gets the report when the stream is over."""
    stop, threads = threading.Event(), []

    def start(played: Recording, **settings: Any) -> list[PlayReport]:
        reports: list[PlayReport] = []
        thread = threading.Thread(
            target=lambda: reports.append(api.play(played, stop=stop, **settings))
        )
        thread.start()
        threads.append(thread)
        return reports

    yield start
    stop.set()
    for thread in threads:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def source(**selected: str) -> StreamFacts:
    """A stream, waited for."""
    found: list[StreamFacts] = []
    assert until(lambda: found.extend(api.find_sources(0.5, **selected)) or found)
    return found[0]


def inlet_for(name: str, *, opened: bool = True) -> Any:
    """A plain pylsl inlet that delivers from now on, or from when it is pulled."""
    found = lsl.load_lsl().resolve_byprop("name", name, timeout=PATIENCE_S)
    inlet = lsl.load_lsl().StreamInlet(found[0], recover=False)
    if opened:
        inlet.open_stream(PATIENCE_S)
    return inlet


def pull(inlet: Any, n_samples: int) -> tuple[list[Any], np.ndarray]:
    values: list[Any] = []
    stamps: list[float] = []
    end = time.monotonic() + PATIENCE_S
    while len(stamps) < n_samples and time.monotonic() < end:
        block, times = inlet.pull_chunk(timeout=0.2, max_samples=n_samples - len(stamps))
        values.extend(block)
        stamps.extend(times)
    return values, np.array(stamps)


@pytest.mark.parametrize("kind", ["float32", "double64", "int16", "int32"])
def test_a_plain_inlet_gets_every_sample_with_exact_times(
    playing: Callable[..., list[PlayReport]], unique_name: str, kind: str
) -> None:
    played = recording()
    reports = playing(
        played, name=unique_name, loop=False, chunk=7, jitter_ms=10, wait=True, channel_format=kind
    )
    cues = inlet_for(f"{unique_name} markers")
    inlet = inlet_for(unique_name)
    values, stamps = pull(inlet, played.n_samples)
    sent = {"f": played.data().T.astype("f4"), "d": played.data().T}.get(kind[0])
    np.testing.assert_array_equal(values, np.rint(played.data().T) if sent is None else sent)
    np.testing.assert_allclose(
        stamps - stamps[0], np.arange(played.n_samples) / RATE_HZ, rtol=0, atol=1e-7
    )
    names, times = pull(cues, 2)
    assert names == [["smile"], ["brows"]]
    np.testing.assert_allclose(times - stamps[0], [0.25, 0.61], rtol=0, atol=1e-7)
    assert until(lambda: reports)
    assert (reports[0].n_samples, reports[0].n_markers, reports[0].n_seams) == (600, 2, 0)


def test_the_description_follows_the_conventions_of_xdf(
    playing: Callable[..., list[PlayReport]], unique_name: str
) -> None:
    playing(recording(), name=unique_name, loop=True, source_id="subject-1")
    facts = source(source_id="subject-1")
    assert (facts.name, facts.type, facts.manufacturer) == (unique_name, "EMG", "EIFER")
    assert facts.channels == ("count", "Zyg li", "Corr re")
    assert facts.rate_hz == RATE_HZ
    description = inlet_for(unique_name).info(PATIENCE_S)
    assert description.get_channel_labels() == ["count", "Zyg li", "Corr re"]
    assert description.get_channel_units() == [None, "microvolts", "microvolts"]
    own = description.desc().child("eifer")
    assert own.child_value("simulated") == "False"
    assert own.child_value("loop_s") == "1.2"


def test_speed_makes_a_stream_of_a_higher_rate(
    playing: Callable[..., list[PlayReport]], unique_name: str
) -> None:
    playing(recording(), name=unique_name, loop=True, speed=3.0)
    inlet = inlet_for(unique_name)
    assert inlet.info(PATIENCE_S).nominal_srate() == 3 * RATE_HZ
    values, stamps = pull(inlet, 900)
    step = np.diff(np.array(values)[:, 0])
    assert set(step) <= {1.0, -599.0}
    np.testing.assert_allclose(np.diff(stamps), 1 / 1500, rtol=0, atol=1e-7)


def test_arrival_stamps_follow_the_sending(
    playing: Callable[..., list[PlayReport]], unique_name: str
) -> None:
    playing(recording(), name=unique_name, loop=True, stamps="arrival", jitter_ms=15.0, chunk=8)
    _, stamps = pull(inlet_for(unique_name), 800)
    between = stamps[8::8][:90] - stamps[7::8][:90]
    assert np.std(between) > 1e-3


MNE_READER = """
import sys, numpy as np
from mne_lsl.stream import StreamLSL
stream = StreamLSL(5.0, name=sys.argv[1])
stream.connect(acquisition_delay=0.05, timeout=30)
import time
end = time.monotonic() + 30
while stream.n_new_samples < 400 and time.monotonic() < end:
    time.sleep(0.05)
data, times = stream.get_data(winsize=0.8)
count = data[0]
print(stream.ch_names, stream.info["sfreq"], stream.sinfo.dtype.__name__)
print(len(count), sorted({int(step) for step in np.diff(count)}), bool(np.all(np.diff(times) > 0)))
stream.disconnect()
"""


def test_mne_lsl_reads_our_outlet(
    playing: Callable[..., list[PlayReport]], unique_name: str
) -> None:
    pytest.importorskip("mne_lsl", reason="mne-lsl is not installed here")
    playing(recording(600), name=unique_name, loop=True, markers=False)
    done = subprocess.run(
        [sys.executable, "-c", MNE_READER, unique_name],
        capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    said = done.stdout.splitlines()[-2:]
    assert said, done.stderr
    assert said[0].startswith("['count', 'Zyg li', 'Corr re'] 500.0 float32")
    n_samples, steps, is_ascending = said[1].split(" ", 1)[0], said[1], said[1].endswith("True")
    assert int(n_samples) == 400
    assert steps.split(" ", 1)[1] in ("[1] True", "[-599, 1] True")
    assert is_ascending


def test_a_recording_like_labrecorders_is_read_back(
    playing: Callable[..., list[PlayReport]], unique_name: str, tmp_path: Path
) -> None:
    pyxdf = pytest.importorskip("pyxdf", reason="pyxdf is not installed here")
    played = recording()
    playing(played, name=unique_name, loop=False, chunk=9, wait=True)
    cues = inlet_for(f"{unique_name} markers")
    described = [cues.info(PATIENCE_S).as_xml().encode()]
    inlet = inlet_for(unique_name, opened=False)
    described.insert(0, inlet.info(PATIENCE_S).as_xml().encode())
    offset_s = inlet.time_correction(PATIENCE_S)
    values, stamps = pull(inlet, played.n_samples)
    names, times = pull(cues, 2)
    path = write_xdf(
        tmp_path / "session.xdf",
        *(chunk(2, struct.pack("<I", k) + xml) for k, xml in enumerate(described, 1)),
        *(clock(k, float(stamps[0]), offset_s) for k in (1, 2)),
        samples(1, np.array(values, "f4"), stamps),
        texts(2, [name for (name,) in names], list(times)),
    )  # fmt: skip
    streams, _ = pyxdf.load_xdf(str(path))
    by_type = {stream["info"]["type"][0]: stream for stream in streams}
    np.testing.assert_array_equal(by_type["EMG"]["time_series"], played.data().T.astype("f4"))
    assert abs(by_type["EMG"]["info"]["effective_srate"] - RATE_HZ) < 1e-3
    assert by_type["Markers"]["time_series"] == [["smile"], ["brows"]]
    read = api.read_recording(path)
    assert read.channels == played.channels
    np.testing.assert_array_equal(read.data(), played.data().astype("f4"))
    assert [event.name for event in read.events] == ["smile", "brows"]
    np.testing.assert_allclose([e.onset_s for e in read.events], [0.25, 0.61], atol=1e-3)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_verb_ends_cleanly_when_it_is_interrupted(
    unique_name: str, number: signal.Signals
) -> None:
    command = [sys.executable, "-m", "eifer.eifer_addon.cli", "play", "--simulate", "--json"]
    verb = subprocess.Popen(
        [*command, "--name", unique_name],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert verb.stderr is not None
        assert verb.stderr.readline().startswith(f"Streaming as '{unique_name}'")
        verb.send_signal(number)
        out, complaints = verb.communicate(timeout=PATIENCE_S)
    finally:
        verb.kill()
    assert verb.returncode == 0, complaints
    assert "Traceback" not in complaints
    assert json.loads(out)["n_samples"] > 0


def test_the_verb_streams_a_file_for_a_time(unique_name: str, tmp_path: Path) -> None:
    path = write_edf(recording(), tmp_path / "played.edf")
    command = [sys.executable, "-m", "eifer.eifer_addon.cli", "play", str(path), "--json"]
    done = subprocess.run(
        [*command, "--name", unique_name, "--loop", "--seconds", "1.5", "--chunk", "50"],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    said = json.loads(done.stdout)
    assert (said["n_samples"], said["n_seams"], said["rate_hz"]) == (750, 1, RATE_HZ)
    assert done.returncode == 0


@pytest.mark.parametrize("wrong", [[], ["a.edf", "--simulate"], ["--simulate", "--speed", "0"]])
def test_wrong_usage_of_the_verb_is_two(wrong: list[str]) -> None:
    from eifer.eifer_addon.cli import main

    assert main(["play", *wrong]) == 2


def test_the_verb_sources_lists_a_stream(
    playing: Callable[..., list[PlayReport]], unique_name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from eifer.eifer_addon.cli import main

    playing(recording(), name=unique_name, loop=True)
    source(name=unique_name)
    capsys.readouterr()
    assert main(["sources", "--name", unique_name, "--json"]) == 0
    (listed,) = json.loads(capsys.readouterr().out)["streams"]
    assert listed["channels"] == ["count", "Zyg li", "Corr re"]
    assert main(["sources", "--name", unique_name, "--channels"]) == 0
    assert "Zyg li [" in capsys.readouterr().out
    assert main(["sources", "--name", "no such stream", "--wait", "0.5"]) == 0
    assert "No stream was found" in capsys.readouterr().out


@pytest.fixture
def player(unique_name: str) -> Iterator[Player]:
    made = Player(PlaySettings(name=unique_name, duration_s=5.0))
    yield made
    made.close()


def test_the_simulated_subject_starts_and_stops_with_its_parent(player: Player) -> None:
    name = player.settings.stream_name
    assert player.poll().state == "stopped"
    player.start()
    assert player.poll().state == "starting"
    assert until(lambda: player.poll().state == "playing")
    facts = source(name=name)
    assert (facts.n_channels, facts.rate_hz, facts.type) == (22, 2048.0, "EMG")
    assert name in player.poll().sentence
    player.close()
    assert until(lambda: not api.find_sources(0.5, name=name))
    assert player.poll().state == "stopped"


def test_a_player_that_cannot_read_says_why(tmp_path: Path) -> None:
    player = Player(PlaySettings(recording=str(tmp_path / "absent.edf")))
    player.start()
    assert until(lambda: player.poll().state == "failed")
    assert "absent.edf does not exist" in player.poll().sentence
    player.close()


def test_a_killed_player_is_noticed_and_can_be_started_again(player: Player) -> None:
    player.start()
    assert until(lambda: player.poll().state == "playing")
    assert player._child is not None
    player._child._process.kill()
    assert until(lambda: player.poll().state == "failed")
    player.start()
    assert until(lambda: player.poll().state == "playing")
