"""The command line: exit codes, one sentence per failure, JSON, and nothing half-written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from eifer.eifer_addon.cli import main
from eifer.eifer_addon.track import ExpressionTrack
from eifer.eifer_addon.verbs import VERBS


@pytest.fixture
def csv_recording(tmp_path: Path) -> Path:
    """Six seconds of two muscles at 1 kHz: noise with a burst in the middle."""
    generator = np.random.default_rng(0)
    time_s = np.arange(6000) / 1000
    gain = np.where((time_s > 2) & (time_s < 4), 100.0, 2.0)
    samples = generator.standard_normal((6000, 2)) * gain[:, None]
    path = tmp_path / "smile.csv"
    rows = np.column_stack([time_s, samples])
    np.savetxt(path, rows, delimiter=",", header="time,Zyg li,Zyg re", comments="", fmt="%.6f")
    return path


@pytest.mark.parametrize("verb", list(VERBS))
def test_every_verb_has_help_with_an_example(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "--help"]) == 0
    printed = capsys.readouterr().out
    assert f"Example: eifer {verb}" in printed
    assert "--json" in printed


def test_a_reader_that_goes_away_costs_no_traceback() -> None:
    """As with ``eifer models list | head -0``."""
    ends, start = os.pipe()
    os.close(ends)
    command = [sys.executable, "-m", "eifer.eifer_addon.cli", "models", "list"]
    try:
        done = subprocess.run(
            command, check=False, stdout=start, stderr=subprocess.PIPE, text=True, timeout=120
        )
    finally:
        os.close(start)
    assert (done.returncode, done.stderr) == (0, "")


def test_wrong_usage_is_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["emg"]) == 2
    assert main(["no-such-verb"]) == 2
    assert main([]) == 2
    assert "usage" in capsys.readouterr().err


def test_a_recording_becomes_a_track(
    csv_recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "take.npz"
    assert main(["emg", str(csv_recording), "--track", str(out), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["muscles"] == {"Zyg li": "zygomaticus.left", "Zyg re": "zygomaticus.right"}
    track = ExpressionTrack.load(out)
    smile = track.column("mouthSmileLeft")
    middle = (track.timestamps > 2.3) & (track.timestamps < 3.7)
    edges = (track.timestamps < 1.5) | (track.timestamps > 4.5)
    assert smile[middle].mean() > 0.5
    assert smile[edges].mean() < 0.1


def test_an_existing_file_stays_unless_forced(
    csv_recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "take.npz"
    out.write_text("mine")
    arguments = ["emg", str(csv_recording), "--track", str(out)]
    assert main(arguments) == 1
    assert "exists already" in capsys.readouterr().err
    assert out.read_text() == "mine"
    assert main([*arguments, "--force"]) == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--track", "no/such/folder/t.npz"], "folder of no/such/folder/t.npz does not exist"),
        ([], "No output was named"),
        (["--preset", "none-such", "--track", "t.npz"], "none-such"),
        (["--model", "no.onnx", "--track", "t.npz"], "no.onnx"),
        (["--montage", "no.json", "--track", "t.npz"], "no.json"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    csv_recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], sentence: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    assert main(["emg", str(csv_recording), *arguments]) == 1
    error = capsys.readouterr().err.strip()
    assert sentence in error
    assert error.startswith("eifer emg: ")
    assert "\n" not in error
    assert sorted(tmp_path.iterdir()) == before


def test_a_missing_recording_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = tmp_path / "gone.edf"
    assert main(["emg", str(missing), "--track", str(tmp_path / "t.npz")]) == 1
    assert "gone.edf" in capsys.readouterr().err


def test_inspect_shows_channels_and_mapping(
    csv_recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", str(csv_recording)]) == 0
    printed = capsys.readouterr().out
    assert "1000 Hz" in printed
    assert "Zyg li -> zygomaticus, left" in printed
    out = tmp_path / "t.npz"
    main(["emg", str(csv_recording), "--track", str(out)])
    capsys.readouterr()
    assert main(["inspect", str(out)]) == 0
    assert "Expression track" in capsys.readouterr().out


def test_inspect_of_rubbish_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.npz", "a.edf", "a.csv", "a.onnx", "a.pkl", "a.xyz"):
        path = tmp_path / name
        path.write_bytes(b"\x00\x01rubbish" * 40)
        assert main(["inspect", str(path)]) == 1, name
        assert name in capsys.readouterr().err


def test_models_lists_and_describes_the_baseline(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == 0
    assert "emg2exp_baseline: emg2exp, arkit52" in capsys.readouterr().out
    assert main(["models", "describe", "emg2exp_baseline"]) == 0
    assert "zygomaticus.left" in capsys.readouterr().out
    assert main(["models", "build"]) == 1
    assert "--wheels" in capsys.readouterr().err
