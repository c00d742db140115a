"""``eifer train`` on the command line: settings, wrong usage and exit codes; nothing is trained."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from eifer.eifer_addon.cli import main


def test_the_settings_are_shown_complete_with_what_was_given(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code = main([
        "train", "emg2exp", "--data", str(tmp_path), "--set", "loss.motion=0", "--batch-size", "7",
        "--devices", "2", "--max-time", "3h", "--precision", "bf16-mixed", "--show-config",
        "--json",
    ])  # fmt: skip
    shown = json.loads(capsys.readouterr().out)
    assert code == 0
    assert shown["data"]["folders"] == [str(tmp_path)]
    assert (shown["loss"]["motion"], shown["data"]["batch_size"]) == (0.0, 7)
    assert (shown["trainer"]["devices"], shown["trainer"]["max_minutes"]) == (2, 180.0)
    assert shown["trainer"]["precision"] == "bf16-mixed"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["dance"], 2, "invalid choice: 'dance'"),
        (["emg2exp", "--max-time", "soon"], 2, "not a time such as 90m"),
        (["emg2exp", "--resume", "--fresh"], 2, "not allowed with"),
        (["emg2exp"], 1, "Name one with --out"),
        (["emg2exp", "--set", "loss.moton=1"], 1, "unknown key 'loss.moton'"),
        (["translator", "--model", "giant"], 1, "no translator network of this name"),
    ],
)
def test_wrong_usage_and_failures_have_their_exit_codes(
    arguments: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", *arguments]) == code
    assert words in capsys.readouterr().err


def test_without_torch_the_line_for_pip_is_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    code = main(["train", "emg2exp", "--data", str(tmp_path), "--out", str(tmp_path / "out")])
    said = capsys.readouterr().err
    assert code == 1
    assert "needs the Python package torch" in said
    assert "pip install torch torchvision lightning" in said
