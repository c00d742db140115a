"""``eifer live`` in a process of its own, ended as a person ends it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from live_signals import PATIENCE_S, emg_recording

from eifer.eifer_addon.signals.recording import Recording
from eifer.eifer_addon.track import ExpressionTrack

_MAIN = "import sys; from eifer.eifer_addon.cli import main; sys.exit(main(sys.argv[1:]))"


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_the_take_written(number: signal.Signals, tmp_path: Path) -> None:
    recording = emg_recording(60.0).save(tmp_path / "long.npz")
    out, record = tmp_path / "take.npz", tmp_path / "take.eiflog"
    arguments = ["live", "--replay", str(recording), "--out", str(out), "--record", str(record)]
    run = subprocess.Popen(
        [sys.executable, "-c", _MAIN, *arguments, "--mains", "0", "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert run.stderr is not None
        while "Ctrl-C ends it" not in (line := run.stderr.readline()):
            assert line, "it ended by itself"
        # A few samples more, counted by the file that grows.
        with pytest.raises(subprocess.TimeoutExpired):
            run.wait(timeout=1.5)
        run.send_signal(number)
        said, _ = run.communicate(timeout=PATIENCE_S)
    finally:
        run.kill()
    assert run.returncode == 0
    values = json.loads(said)
    assert 0 < values["samples"] < 60_000
    track = ExpressionTrack.load(out)
    assert len(track) == values["frames"]
    assert track.provenance["source"] == str(record)
    assert not list(tmp_path.glob(".eifer-live-*"))


def test_a_recording_is_played_to_its_end(tmp_path: Path) -> None:
    recording = emg_recording(4.0).save(tmp_path / "short.npz")
    out, activity = tmp_path / "take.npz", tmp_path / "activity.npz"
    arguments = ["live", "--replay", str(recording), "--speed", "10", "--out", str(out)]
    done = subprocess.run(
        [sys.executable, "-c", _MAIN, *arguments, "--activity", str(activity), "--json"],
        capture_output=True, text=True, timeout=PATIENCE_S, check=True,
    )  # fmt: skip
    values = json.loads(done.stdout)
    assert values["samples"] == Recording.load(recording).n_samples == 4000
    assert values["lost"] == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "activity.npz", "short.npz", "take.npz",
    ]  # fmt: skip
