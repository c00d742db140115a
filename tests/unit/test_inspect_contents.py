"""``eifer inspect`` prints what is in a recording, also when it is not read."""

from __future__ import annotations

import json
from pathlib import Path

import edfio
import numpy as np
import pytest
from xdf_writer import header, samples, session, write_xdf

from eifer.eifer_addon.cli import main


def test_a_refused_file_is_listed_with_the_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_xdf(
        tmp_path / "a.xdf",
        *(header(k, "Amp", "EMG", [("a", "uV")], "float32", 1000) for k in (1, 2)),
        *(samples(k, np.ones((300, 1), "f4"), np.arange(300) / 1000) for k in (1, 2)),
    )
    assert main(["inspect", str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()[:3] == ["stream", "name", "type"]
    assert lines[2].split() == ["1", "Amp", "EMG", "1", "float32", "1000", "300"]
    assert lines[-1].startswith("Not read: a.xdf holds 2 signal streams")
    assert main(["inspect", str(path), "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["contents"][1]["stream"] == 2
    assert "stream=" in values["refused"]
    assert main(["inspect", str(path), "--choose", "stream=2"]) == 0
    assert "1 channels, 1000 Hz" in capsys.readouterr().out


def test_a_file_that_is_read_shows_its_other_streams_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, _ = session(tmp_path / "a.xdf")
    assert main(["inspect", str(path)]) == 0
    printed = capsys.readouterr().out
    assert "Zyg li -> zygomaticus, left" in printed
    assert "Motion" in printed


def test_a_choice_without_a_value_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, _ = session(tmp_path / "a.xdf")
    assert main(["inspect", str(path), "--choose", "stream"]) == 1
    assert "NAME=VALUE" in capsys.readouterr().err


def test_a_folder_with_several_recordings_is_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "set" / "sub-01" / "emg"
    folder.mkdir(parents=True)
    (tmp_path / "set" / "dataset_description.json").write_text("{}")
    for task in ("rest", "smile"):
        signal = edfio.EdfSignal(np.random.default_rng(0).normal(size=2000), 1000, label="Zyg li")
        edfio.Edf([signal]).write(folder / f"sub-01_task-{task}_emg.edf")
    assert main(["inspect", str(tmp_path / "set")]) == 0
    printed = capsys.readouterr().out
    assert "sub-01_task-smile" in printed
    assert "Choose one with recording=" in printed
    choice = "recording=sub-01_task-rest"
    assert main(["inspect", str(tmp_path / "set"), "--choose", choice]) == 0
    assert "Zyg li -> zygomaticus, left" in capsys.readouterr().out
