"""Folders: BIDS-EMG with its sidecars, MMM with its table of clips."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import edfio
import numpy as np
import pytest
from reader_fuzz import refusal, survives

from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.signals.readers import list_contents, read_recording


def bids_folder(root: Path, subjects: int = 1) -> Path:
    """A data set in which channel 3 is no EMG and the electrodes are shared by all subjects."""
    root.mkdir()
    (root / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.11.1"}')
    (root / "task-faces_channels.tsv").write_text(
        "name\ttype\tunits\ttarget_muscle\tstatus\nE1\tEMG\tuV\tzygomaticus major\tgood\n"
        "E2\tEMG\tuV\tcorrugator\tbad\nTrig\tTRIG\tn/a\tn/a\tgood\n"
    )
    for number in range(1, subjects + 1):
        folder = root / f"sub-{number:02d}" / "emg"
        folder.mkdir(parents=True)
        start = folder / f"sub-{number:02d}_task-faces_"
        samples = np.random.default_rng(number).normal(0, 50, (3, 2000))
        edfio.Edf(
            [edfio.EdfSignal(row, 1000, label=label) for row, label in
             zip(samples, ("E1", "E2", "Trig"), strict=True)]
        ).write(Path(f"{start}emg.edf"))  # fmt: skip
        Path(f"{start}emg.json").write_text('{"SamplingFrequency": 1000, "TaskName": "faces"}')
        Path(f"{start}events.tsv").write_text(
            "onset\tduration\ttrial_type\n1.5\tn/a\tsmile\n0.5\t0.25\trest\n"
        )
    return root


def test_the_shared_example_is_read_with_its_sidecars(test_data: Path) -> None:
    folder = test_data / "emg" / "bids_CustomBipolarFace"
    for path in (folder, folder / "sub-01", folder / "sub-01" / "emg"):
        recording = read_recording(path)
        assert recording.channels == tuple(f"EMG{k}" for k in range(1, 7))
        assert recording.rate_hz == 2000.0
        assert [(e.onset_s, e.name) for e in recording.events] == [(0.0, "foo")]
        assert recording.source["channels"]["EMG5"]["target_muscle"] == "orbicularis oris"
        assert recording.source["electrodes"]["E2"] == {"x": 40, "y": 100, "z": 50}
        assert recording.source["coordinate_system"]["EMGCoordinateUnits"] == "percent"
        assert recording.units[0] == "uV"
        assert "EMG1 (V against uV)" in recording.source["notes"][0]
    assert list_contents(folder)[0]["recording"] == "sub-01_task-talking"


def test_sidecars_are_inherited_and_other_channels_left_out(tmp_path: Path) -> None:
    recording = read_recording(bids_folder(tmp_path / "set"))
    assert recording.channels == ("E1", "E2")
    assert recording.units == ("uV", "uV")
    assert [(e.onset_s, e.name, e.duration_s) for e in recording.events] == [
        (0.5, "rest", 0.25), (1.5, "smile", 0.0)
    ]  # fmt: skip
    notes = " ".join(recording.source["notes"])
    assert "left out: Trig" in notes
    assert "bad: E2" in notes
    assert "target_muscle" in recording.source["channels"]["E1"]
    assert json.dumps(dict(recording.source))


def test_several_recordings_are_asked_about(tmp_path: Path) -> None:
    folder = bids_folder(tmp_path / "set", 3)
    error = refusal(lambda: read_recording(folder))
    assert "3 recordings" in error.cause
    assert "sub-02_task-faces" in error.remedy
    assert read_recording(folder, recording="sub-02_task-faces").n_samples == 2000
    assert "no recording 'x'" in refusal(lambda: read_recording(folder, recording="x")).cause
    assert len(list_contents(folder)) == 3
    assert read_recording(folder / "sub-03").n_samples == 2000


@pytest.mark.parametrize(
    ("name", "text", "sentence"),
    [
        ("task-faces_channels.tsv", "name\ttype\nX\tEMG\n", "none of them"),
        ("task-faces_channels.tsv", "name\ttype\nE1\n", "Row 2 of task-faces_channels.tsv"),
        ("task-faces_channels.tsv", "", "is empty"),
        ("task-faces_channels.tsv", "name\ttype\nE1\tEEG\n", "no channel of type EMG"),
        ("sub-01/emg/sub-01_task-faces_emg.json", "{", "is not JSON"),
        ("sub-01/emg/sub-01_task-faces_emg.json", "[]", "no JSON object"),
        ("sub-01/emg/sub-01_task-faces_events.tsv", "onset\tduration\nx\t1\n", "without an onset"),
    ],
)
def test_damaged_sidecars_are_named(tmp_path: Path, name: str, text: str, sentence: str) -> None:
    folder = bids_folder(tmp_path / "set")
    (folder / name).write_text(text)
    assert sentence in refusal(lambda: read_recording(folder)).cause


def test_mutated_sidecars_are_read_or_refused(tmp_path: Path) -> None:
    folder = bids_folder(tmp_path / "set")
    for name in ("task-faces_channels.tsv", "sub-01/emg/sub-01_task-faces_events.tsv"):
        whole = tmp_path / "whole.tsv"
        shutil.copy(folder / name, whole)
        survives(whole, folder / name, folder)
        shutil.copy(whole, folder / name)


MUSCLES = (
    "Corrugator Supercilii", "Depressor Ang. Oris", "Depressor Supercilii Procerus",
    "Lateraler Frontalis", "Levator Labii Superioris", "Masseter", "Medialer Frontalis",
    "Mentalis", "Orbicularis Oculi", "Orbicularis Oris", "Zygomaticus",
)  # fmt: skip
HEAD = "source,index,pid,rec,mode,task,type,sync_grade,use,video,video_no-cut,emg,video_noelec"


def mmm_folder(root: Path, cells: bool = True) -> tuple[Path, np.ndarray]:
    """Three clips, two with EMG, in the layout that the data set describes."""
    values = np.abs(np.random.default_rng(0).normal(7, 3, (90, 22)))
    names = [f"{muscle}_{side}" for muscle in MUSCLES for side in "lr"]
    lines = [HEAD]
    clips = (("12", "happy", "sensor", "0", "yes"), ("13", "sad", "sensor", "-1", "no"),
             ("14", "angry", "normal", "0", "yes"))  # fmt: skip
    for index, task, kind, sync, use in clips:
        clip, emg = f"99_2S_emotion_{index}_{task}", ""
        video = root / "video" / "99_2S" / f"{clip}.mp4"
        video.parent.mkdir(parents=True, exist_ok=True)
        video.write_bytes(b"\0")
        if kind == "sensor":
            path = root / "emg" / "99_2S" / f"{clip}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            rows = [",".join(["", *names])]
            rows += [f"{k}," + ",".join(f"{v:.5f}" for v in row) for k, row in enumerate(values)]
            path.write_text("\n".join(rows) + "\n")
            emg = f"emg/99_2S/{clip}.csv" if cells else "yes"
        parameters = root / "video_noelec_params" / "smirk" / "99_2S" / f"{clip}_params.csv.gz"
        parameters.parent.mkdir(parents=True, exist_ok=True)
        parameters.write_bytes(b"")
        at = f"video/99_2S/{clip}.mp4" if cells else ""
        lines.append(f"MMM,{index},99,2S,emotion,{task},{kind},{sync},{use},{at},,{emg},")
    (root / "MMM.csv").write_text("\n".join(lines) + "\n")
    return root, values


@pytest.mark.parametrize("cells", [True, False])
def test_a_clip_brings_its_emg_video_and_parameters(tmp_path: Path, cells: bool) -> None:
    root, values = mmm_folder(tmp_path / "MMM", cells)
    recording = read_recording(root, clip="99_2S_emotion_12_happy")
    np.testing.assert_allclose(recording.data(), values.T, atol=1e-5)
    assert (recording.rate_hz, recording.holds_envelope) == (30.0, True)
    assert recording.source["video"].endswith("99_2S_emotion_12_happy.mp4")
    assert recording.source["parameters"]["smirk"].endswith("12_happy_params.csv.gz")
    assert [(e.name, e.duration_s) for e in recording.events] == [("happy", 3.0)]


def test_clips_are_listed_and_asked_about(tmp_path: Path) -> None:
    root, _ = mmm_folder(tmp_path / "MMM")
    error = refusal(lambda: read_recording(root))
    assert "3 clips, 2 with EMG" in error.cause
    assert "99_2S_emotion_13_sad" in error.remedy
    rows = list_contents(root)
    assert [row["emg"] for row in rows] == [True, True, False]
    assert "no clip 'x'" in refusal(lambda: read_recording(root, clip="x")).cause
    clip = "99_2S_emotion_14_angry"
    assert "has no EMG" in refusal(lambda: read_recording(root, clip=clip)).cause


def test_what_the_table_warns_of_is_said(tmp_path: Path) -> None:
    root, _ = mmm_folder(tmp_path / "MMM")
    notes = read_recording(root, clip="99_2S_emotion_13_sad").source["notes"]
    assert any("advises against" in note for note in notes)
    assert any("not in step" in note for note in notes)


def test_a_table_never_leads_out_of_the_folder(tmp_path: Path) -> None:
    root, _ = mmm_folder(tmp_path / "MMM")
    (tmp_path / "secret.csv").write_text("1,2\n")
    table = root / "MMM.csv"
    table.write_text(table.read_text().replace("emg/99_2S/99_2S_emotion_12_happy", "../secret"))
    recording = read_recording(root, clip="99_2S_emotion_12_happy")
    assert "secret" not in recording.source["file"]


def test_damaged_tables_of_clips_are_named(tmp_path: Path) -> None:
    root, _ = mmm_folder(tmp_path / "MMM")
    table = root / "MMM.csv"
    text = table.read_text()
    table.write_text(text.replace("pid", "person"))
    assert "lacks the columns pid" in refusal(lambda: read_recording(root)).cause
    table.write_text(text + text.splitlines()[1] + "\n")
    assert "more than once" in refusal(lambda: read_recording(root)).cause
    table.write_text("")
    assert "is empty" in refusal(lambda: read_recording(root)).cause


def test_a_mutated_table_of_clips_is_read_or_refused(tmp_path: Path) -> None:
    root, _ = mmm_folder(tmp_path / "MMM")
    whole = shutil.copy(root / "MMM.csv", tmp_path / "whole.csv")
    survives(Path(whole), root / "MMM.csv", root, clip="99_2S_emotion_12_happy")


def test_other_folders_are_refused_with_the_kinds_that_are_read(tmp_path: Path) -> None:
    with pytest.raises(EiferError, match="is a folder") as caught:
        read_recording(tmp_path)
    assert "BIDS" in caught.value.remedy
