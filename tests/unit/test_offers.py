"""What a file is offered with: its parts, its folder's tables, and the choices it asks for."""

from __future__ import annotations

import json
from pathlib import Path

import edfio
import numpy as np
import pytest
from xdf_writer import header, samples, write_xdf

from eifer.eifer_addon.signals.offers import asks_of, look_into, part_of
from eifer.eifer_addon.signals.readers import read_recording

RATE_HZ = 1000.0
MUSCLES = (
    "Corrugator Supercilii", "Depressor Ang. Oris", "Depressor Supercilii Procerus",
    "Lateraler Frontalis", "Levator Labii Superioris", "Masseter", "Medialer Frontalis",
    "Mentalis", "Orbicularis Oculi", "Orbicularis Oris", "Zygomaticus",
)  # fmt: skip


def two_amplifiers(path: Path) -> Path:
    """Two streams of raw EMG, of which one has to be chosen."""
    random = np.random.default_rng(3)
    times = 100 + np.arange(2000) / RATE_HZ
    parts = []
    for number, name in ((1, "Left"), (2, "Right")):
        values = random.normal(0, 50, (2000, 1)).astype("f4")
        parts.append(header(number, name, "EMG", [("Zyg li", "uV")], "float32", RATE_HZ))
        parts.append(samples(number, values, times))
    return write_xdf(path, *parts)


def bids_folder(root: Path, subjects: int) -> Path:
    root.mkdir()
    (root / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.11.1"}')
    for number in range(1, subjects + 1):
        folder = root / f"sub-{number:02d}" / "emg"
        folder.mkdir(parents=True)
        values = np.random.default_rng(number).normal(0, 50, 2000)
        signal = edfio.EdfSignal(values, 1000, label="Zyg li")
        edfio.Edf([signal]).write(folder / f"sub-{number:02d}_task-faces_emg.edf")
        about = folder / f"sub-{number:02d}_task-faces_emg.json"
        about.write_text('{"SamplingFrequency": 1000}')
    return root


def mmm_folder(root: Path) -> Path:
    """Two clips with envelopes and one without."""
    folder = root / "emg" / "99_2S"
    folder.mkdir(parents=True)
    names = [f"{muscle}_{side}" for muscle in MUSCLES for side in "lr"]
    lines = [
        "source,index,pid,rec,mode,task,type,sync_grade,use,video,video_no-cut,emg,video_noelec"
    ]
    for index, task, kind in (
        (12, "happy", "sensor"),
        (13, "sad", "sensor"),
        (14, "angry", "normal"),
    ):
        clip, emg = f"99_2S_emotion_{index}_{task}", ""
        if kind == "sensor":
            rows = [",".join(["", *names])]
            rows += [f"{k}," + ",".join(["7.5"] * 22) for k in range(60)]
            (folder / f"{clip}.csv").write_text("\n".join(rows) + "\n")
            emg = f"emg/99_2S/{clip}.csv"
        lines.append(f"MMM,{index},99,2S,emotion,{task},{kind},0,yes,,,{emg},")
    (root / "MMM.csv").write_text("\n".join(lines) + "\n")
    return root


def test_streams_are_offered_and_asked_for(tmp_path: Path) -> None:
    path = two_amplifiers(tmp_path / "two.xdf")
    offer = look_into(path, {})
    assert offer.asks == ("stream",)
    assert "stream=" in offer.refusal
    assert [value for value, _ in offer.values["stream"]] == ["1", "2"]
    assert "name Left" in dict(offer.values["stream"])["1"]
    chosen = look_into(path, {"stream": "2"})
    assert (chosen.asks, chosen.refusal) == ((), "")
    assert "1 channels of raw EMG, 1000 Hz, 2.0 s" in chosen.words
    assert chosen.shown == ("stream",)


def test_a_file_of_a_bids_folder_is_offered_with_its_tables(tmp_path: Path) -> None:
    root = bids_folder(tmp_path / "set", 2)
    file = next(root.rglob("sub-02*_emg.edf"))
    assert part_of(file) == (root, {"recording": "sub-02_task-faces"})
    offer = look_into(file, {})
    assert (offer.path, offer.refusal) == (root, "")
    read = read_recording(offer.path, **offer.implied)
    assert read.source["recording"] == "sub-02_task-faces"
    assert look_into(file, {}, folder=False).path == file
    whole = look_into(root, {})
    assert whole.asks == ("recording",)
    assert len(whole.values["recording"]) == 2


def test_a_clip_of_an_mmm_folder_is_offered_with_the_table(tmp_path: Path) -> None:
    root = mmm_folder(tmp_path / "MMM")
    clip = "99_2S_emotion_12_happy"
    assert part_of(root / "emg" / "99_2S" / f"{clip}.csv") == (root, {"clip": clip})
    assert part_of(root / "MMM.csv") == (root, {})
    offer = look_into(root / "MMM.csv", {})
    assert offer.asks == ("clip",)
    listed = dict(offer.values["clip"])
    assert set(listed) == {clip, "99_2S_emotion_13_sad"}, "clips without EMG are not offered"
    assert "task happy" in listed[clip]
    assert "envelopes, 30 Hz" in look_into(root / "MMM.csv", {"clip": clip}).words


def test_a_file_by_itself_stays_by_itself(tmp_path: Path) -> None:
    path = tmp_path / "alone_emg.edf"
    values = np.random.default_rng(1).normal(0, 50, 2000)
    edfio.Edf([edfio.EdfSignal(values, 1000, label="Zyg li")]).write(path)
    assert part_of(path) == (path, {})
    assert look_into(path, {}).implied == {}


def test_a_changed_file_is_looked_into_again(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("no numbers\n")
    assert look_into(path, {}).refusal
    rows = [f"{k / RATE_HZ:.3f},{k % 7}" for k in range(2000)]
    path.write_text("\n".join(["time,Zyg li", *rows]))
    assert not look_into(path, {}).refusal
    path.unlink()
    assert look_into(path, {}).refusal.endswith("does not exist.")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Choose one with segment=; there are 0: 5 samples.", ("segment",)),
        ("Give the rate with rate_hz=, for example rate_hz=1000.", ("rate_hz",)),
        ("say envelope=True when the channels are envelopes.", ("envelope",)),
        ("Repair the export, or leave the channel out with drop=['A'].", ("drop",)),
        ("or read what is there with partial=True.", ("partial",)),
        ("Copy it again.", ()),
    ],
)
def test_refusals_name_what_they_ask_for(text: str, names: tuple[str, ...]) -> None:
    assert asks_of(text) == names


def test_choices_fit_json(tmp_path: Path) -> None:
    path = two_amplifiers(tmp_path / "two.xdf")
    opened = read_recording(path, stream="Left").opened
    assert json.loads(json.dumps(dict(opened))) == {
        "path": str(path),
        "choices": {"stream": "Left"},
    }
