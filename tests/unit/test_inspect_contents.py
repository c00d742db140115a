"""``eifer inspect`` prints what is in a recording, also when it is not read."""

from __future__ import annotations

import json
import subprocess
import sys
from csv import DictReader
from pathlib import Path

import amplifiers
import edfio
import h5py
import numpy as np
import pybv
import pytest
from scipy.io import savemat
from xdf_writer import header, samples, session, write_xdf

from eifer.eifer_addon import api
from eifer.eifer_addon.cli import main
from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.signals.readers import READERS
from eifer.models.synthetic.physiology import simulate_recording


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


def seconds(samples: int = 2000) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 50, (2, samples))


def edf(path: Path, kind: str = "Edf") -> Path:
    make = {"Edf": edfio.EdfSignal, "Bdf": edfio.BdfSignal}[kind]
    signals = [
        make(row, 1000, label=label, physical_dimension="uV")
        for row, label in zip(seconds(), ("Zyg li", "Corr re"), strict=True)
    ]
    getattr(edfio, kind)(signals, data_record_duration=1, annotations=[]).write(path)
    return path


def cut(path: Path) -> Path:
    path.write_bytes(path.read_bytes()[:-100])
    return path


def gap(path: Path) -> Path:
    """The second data record begins eight seconds late."""
    data = path.read_bytes()
    for kind in (b"EDF", b"BDF"):
        data = data.replace(kind + b"+C", kind + b"+D", 1)
    path.write_bytes(data.replace(b"+1\x14\x14", b"+9\x14\x14"))
    return path


def brainvision(path: Path) -> Path:
    pybv.write_brainvision(
        data=seconds() * 1e-6, sfreq=1000, ch_names=["Zyg li", "Corr re"], fname_base="a",
        folder_out=path.parent,
    )  # fmt: skip
    path.with_suffix(".eeg").write_bytes(path.with_suffix(".eeg").read_bytes()[:-2])
    return path


def mat(path: Path) -> Path:
    savemat(path, {"a": seconds(), "b": seconds()})
    return path


def hdf5(path: Path) -> Path:
    with h5py.File(path, "w") as file:
        file["left"], file["right"] = seconds(), seconds()
    return path


def csv(path: Path, line: str) -> Path:
    """A table whose hundredth row is `line`."""
    rows = [f"{k / 1000},{k % 7},{k % 5}" for k in range(300)]
    rows[100] = line
    path.write_text("\n".join(["time (s),Zyg li,Corr re", *rows]) + "\n")
    return path


REFUSED = {
    "truncated EDF": (lambda f: cut(edf(f / "a.edf")), "Zyg li", "data record 2 is missing"),
    "EDF+D": (lambda f: gap(edf(f / "a.edf")), "Corr re", "is discontinuous (EDF+D)"),
    "truncated BDF": (lambda f: cut(edf(f / "a.bdf", "Bdf")), "Zyg li", "data record 2 is missing"),
    "BDF+D": (lambda f: gap(edf(f / "a.bdf", "Bdf")), "Corr re", "is discontinuous (BDF+D)"),
    "truncated XDF": (lambda f: cut(session(f / "a.xdf")[0]), "Motion", "is truncated"),
    "BrainVision": (lambda f: brainvision(f / "a.vhdr"), "Corr re", "ends inside a sample"),
    "MAT": (lambda f: mat(f / "a.mat"), "2x2000", "2 arrays that could be the signal"),
    "HDF5": (lambda f: hdf5(f / "a.h5"), "right", "2 arrays that could be the signal"),
    "Poly5": (lambda f: cut(amplifiers.write_poly5(f / "a.poly5")), "Zyg li", "is truncated"),
    "ragged CSV": (lambda f: csv(f / "a.csv", "1,2"), "Corr re", "Line 102 of a.csv has 2 columns"),
    "CSV of NaN": (lambda f: csv(f / "a.csv", "0.1,nan,1"), "Corr re", "frame 100"),
    "CSV of text": (lambda f: csv(f / "a.csv", "0.1,x,1"), "Zyg li", "Line 102 of a.csv holds 'x'"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_every_format_is_listed_where_it_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    write, listed, sentence = REFUSED[kind]
    path = write(tmp_path)
    assert main(["inspect", str(path)]) == 0
    table, _, reason = capsys.readouterr().out.partition("Not read: ")
    assert listed in table
    assert sentence in reason
    assert main(["inspect", str(path), "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert sentence in values["refused"]
    assert listed in json.dumps(values["contents"])


def test_every_reader_of_files_and_folders_can_list_them() -> None:
    assert [reader.name for reader in READERS if reader.contents is None] == []


def test_the_script_api_inspects_as_the_command_line_does(tmp_path: Path) -> None:
    path = edf(tmp_path / "a.edf")
    found = api.inspect(path)
    assert (found["channels"], found["rate_hz"]) == (["Zyg li", "Corr re"], 1000.0)
    assert [row["samples"] for row in found["contents"][:2]] == [2000, 2000]
    assert "record 2 is missing" in api.inspect(cut(path))["refused"]
    assert api.inspect(path, partial=True)["duration_s"] == 1.0
    (tmp_path / "b.edf").write_bytes(b"rubbish" * 99)
    with pytest.raises(EiferError, match=r"b\.edf"):
        api.inspect(tmp_path / "b.edf")


def test_the_columns_of_a_text_file_say_what_is_taken(
    test_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = min((test_data / "emg" / "nilsonne_FMOV_CC0").glob("*.txt"))
    assert main(["inspect", str(path), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["contents"]
    assert [row["read as"] for row in rows] == ["left out"] * 3 + ["envelope"] * 2 + ["markers"] * 3
    path = next((test_data / "emg" / "openbci_nepali_GPL3").glob("*.txt"))
    assert main(["inspect", str(path), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["contents"]
    assert rows[1] == {
        "column": "EXG Channel 0", "holds": "numbers", "unit": None, "first": rows[1]["first"],
        "rows": 16850,
    }  # fmt: skip


def test_the_example_looks_through_a_study(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    folder.mkdir()
    edf(folder / "a.edf")
    cut(edf(folder / "b.edf"))
    xdf_path, _ = session(folder / "c.xdf")
    (folder / "notes.txt").write_text("not a recording\n")
    example = Path(__file__).parents[2] / "examples" / "study_overview.py"
    done = subprocess.run(
        [sys.executable, str(example), str(folder), str(tmp_path / "overview.csv")],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert len(done.stdout.splitlines()) == 4
    with (tmp_path / "overview.csv").open(encoding="utf-8", newline="") as stream:
        rows = {row["file"]: row for row in DictReader(stream)}
    assert (rows["a.edf"]["channels"], rows["a.edf"]["muscles"]) == ("2", "2")
    assert "record 2 is missing" in rows["b.edf"]["note"]
    assert "Motion" in rows[xdf_path.name]["note"]
    assert "notes.txt" in rows["notes.txt"]["note"]


def test_exported_activity_is_described_as_activity(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    activity = api.to_activity(simulate_recording(5.0, 1024.0)[0])
    paths = [*api.export(activity, tmp_path / "a.csv"), *api.export(activity, tmp_path / "a.npz")]
    folder = api.export(activity, tmp_path / "bids", format="bids", subject="01", task="faces")
    paths += [path for path in folder if path.name.endswith(".tsv.gz")]
    assert len(paths) == 3
    for path in paths:
        assert main(["inspect", str(path), "--json"]) == 0
        values = json.loads(capsys.readouterr().out)
        assert (values["kind"], values["frames"]) == ("activity", len(activity)), path
        assert values["muscles"] == list(activity.muscles)
    again = api.to_activity(api.read_recording(paths[0]))
    assert "note: This is activity that EIFER exported" in again.describe()


def test_events_are_counted_by_name_and_a_slow_rate_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [f"{k / 250},{k % 7},{'smile' if 100 <= k < 200 else 'rest'}" for k in range(500)]
    path = tmp_path / "slow.csv"
    path.write_text("\n".join(["time,Zyg li,Label", *rows]))
    assert main(["inspect", str(path)]) == 0
    printed = capsys.readouterr().out
    assert "  events: 3: rest (2), smile (1)\n" in printed
    assert "  note: Raw EMG at 250 Hz lacks a part of its band" in printed
    assert main(["inspect", str(path), "--choose", "envelope=true"]) == 0
    assert "lacks a part" not in capsys.readouterr().out


def test_tables_of_a_folder_are_counted_not_dumped(test_data: Path) -> None:
    described = api.read_recording(test_data / "emg" / "bids_CustomBipolarFace").describe()
    assert "  table of electrodes: 12 rows\n" in described
    assert "{" not in described
