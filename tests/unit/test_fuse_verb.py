"""Clean-up and fusion on the command line, and the example that users copy."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fused_session import DELAY_S, make_session

from eifer.eifer_addon import api
from eifer.eifer_addon.cli import main
from eifer.eifer_addon.signals.edf_writer import write_edf

EXAMPLE = Path(__file__).parents[2] / "examples" / "fuse_video_and_emg.py"


def test_sync_fuses_a_film_and_a_recording(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session = make_session(2, duration_s=25.0)
    edf = write_edf(session.recording, tmp_path / "session.edf")
    film, out = session.video.save(tmp_path / "film.npz"), tmp_path / "fused.npz"
    command = ["sync", str(edf), str(film), "--fuse", str(out), "--covered", "mouth=0.9", "--json"]
    assert main(command) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["seconds"] == pytest.approx(session.offset_s - DELAY_S, abs=0.02)
    assert values["error_ms"] < 20
    fused = api.read_track(out)
    assert fused.provenance["fusion"] == values["fusion"]
    assert fused.visibility["mouth"].max() < 0.2
    assert fused.visibility["brow"].max() == 1.0
    assert main(command) == 1
    assert "exists already" in capsys.readouterr().err
    by_hand = [*command[:5], "--seconds", "3.2", "--fuse-delay", "70", "--force"]
    assert main(by_hand) == 0
    assert "delay 70 ms, given" in capsys.readouterr().out
    assert main([*command[:5], "--seconds", "3.2", "--force", "--covered", "mouth=1@2:4"]) == 0
    capsys.readouterr()
    fused = api.read_track(out)
    inside = (fused.timestamps >= 2) & (fused.timestamps <= 4)
    assert fused.visibility["mouth"][inside].max() == 0.0
    assert fused.visibility["mouth"][~inside].max() == 1.0
    assert main([*command[:5], "--force", "--covered", "chin=1"]) == 1
    assert "belongs to 'chin'" in capsys.readouterr().err
    assert main([*command[:5], "--covered", "mouth=much"]) == 2
    name = session.recording.events[0].name
    assert main(["sync", str(edf), str(film), "--start", "--event", name, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["method"] == "start"


def test_export_cleans_a_track_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    track = make_session(0, duration_s=14.0).video
    path, out = track.save(tmp_path / "film.npz"), tmp_path / "clean.npz"
    edits = {"smoothing_hz": 5.0, "mirror": True}
    assert main(["export", str(path), "--out", str(out), "--clean-up", json.dumps(edits)]) == 0
    expected = api.clean_up(track, edits)
    np.testing.assert_array_equal(api.read_track(out).coefficients, expected.coefficients)
    file = tmp_path / "edits.json"
    file.write_text(json.dumps(edits), "utf-8")
    command = ["export", str(path), "--out", str(out), "--force", "--clean-up"]
    assert main([*command, str(file)]) == 0
    np.testing.assert_array_equal(api.read_track(out).coefficients, expected.coefficients)
    capsys.readouterr()
    assert main([*command, "absent.json"]) == 1
    assert "absent.json does not exist" in capsys.readouterr().err


def test_the_example_says_what_fusing_gains(tmp_path: Path) -> None:
    command = [sys.executable, str(EXAMPLE), str(tmp_path / "fused.npz")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    errors = {name: float(value) for name, value in re.findall(r"of (\w+): ([\d.]+)", done.stdout)}
    assert errors["both"] < 0.8 * min(errors["film"], errors["muscles"])
    assert (tmp_path / "fused.npz").is_file()
