"""BrainVision: three files are read as one recording, whichever of them was chosen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pybv
import pytest
from reader_fuzz import refusal, survives

from eifer.eifer_addon.signals.readers import list_contents, read_recording

RATE = 1000


def recording_files(folder: Path, form: str = "binary_int16") -> tuple[Path, np.ndarray]:
    """Two seconds of two channels in volts, written by pybv."""
    volts = np.random.default_rng(0).normal(0, 1e-4, (2, 2 * RATE))
    pybv.write_brainvision(
        data=volts, sfreq=RATE, ch_names=["Zyg li", "Corr, re"], fname_base="a", folder_out=folder,
        unit="µV", fmt=form, resolution=0.1, overwrite=True,
        events=[
            {"onset": 500, "duration": 1, "description": 3, "type": "Stimulus"},
            {"onset": 1250, "duration": 250, "description": "smile, wide", "type": "Comment"},
        ],
    )  # fmt: skip
    return folder / "a.vhdr", volts * 1e6


@pytest.mark.parametrize("form", ["binary_int16", "binary_float32"])
@pytest.mark.parametrize("suffix", [".vhdr", ".eeg", ".vmrk"])
def test_all_three_files_lead_to_the_recording(tmp_path: Path, form: str, suffix: str) -> None:
    path, microvolts = recording_files(tmp_path, form)
    recording = read_recording(path.with_suffix(suffix))
    np.testing.assert_allclose(recording.data(), microvolts, atol=0.101, rtol=1e-6)  # pybv cuts off
    np.testing.assert_array_equal(recording.data(100, 200), recording.data()[:, 100:200])
    np.testing.assert_array_equal(recording.channel(1, 7, 9), recording.data()[1, 7:9])
    assert (recording.channels, recording.units) == (("Zyg li", "Corr, re"), ("uV", "uV"))
    assert (recording.rate_hz, recording.n_samples) == (1000.0, 2000)
    assert [(e.onset_s, e.name, e.duration_s) for e in recording.events] == [
        (0.5, "S 3", 0.0), (1.25, "smile, wide", 0.25)
    ]  # fmt: skip
    assert len(list_contents(path)) == 2


def test_numbers_channel_by_channel_are_read(tmp_path: Path) -> None:
    path, _ = recording_files(tmp_path)
    before = read_recording(path).data()
    path.write_text(path.read_text("utf-8").replace("=MULTIPLEXED", "=VECTORIZED"), "utf-8")
    numbers = np.fromfile(tmp_path / "a.eeg", "<i2").reshape(-1, 2)
    np.ascontiguousarray(numbers.T).tofile(tmp_path / "a.eeg")
    np.testing.assert_array_equal(read_recording(path).data(), before)


def test_big_endian_numbers_are_read(tmp_path: Path) -> None:
    path, _ = recording_files(tmp_path)
    before = read_recording(path).data()
    text = path.read_text("utf-8").replace("=INT_16", "=INT_16\nUseBigEndianOrder=YES")
    path.write_text(text, "utf-8")
    np.fromfile(tmp_path / "a.eeg", "<i2").astype(">i2").tofile(tmp_path / "a.eeg")
    np.testing.assert_array_equal(read_recording(path).data(), before)


def test_renamed_files_are_found_and_said(tmp_path: Path) -> None:
    path, _ = recording_files(tmp_path)
    for suffix in (".vhdr", ".eeg", ".vmrk"):
        path.with_suffix(suffix).rename(tmp_path / f"b{suffix}")
    recording = read_recording(tmp_path / "b.vhdr")
    assert "b.eeg was read instead" in recording.source["notes"][0]
    (tmp_path / "b.vmrk").unlink()
    assert "no events" in read_recording(tmp_path / "b.vhdr").source["notes"][1]
    (tmp_path / "b.eeg").unlink()
    assert "not beside it" in refusal(lambda: read_recording(tmp_path / "b.vhdr")).cause


def test_a_header_does_not_lead_into_another_folder(tmp_path: Path) -> None:
    path, _ = recording_files(tmp_path)
    (tmp_path / "deep").mkdir()
    text = path.read_text("utf-8").replace("DataFile=a.eeg", "DataFile=../a.eeg")
    (tmp_path / "deep" / "x.vhdr").write_text(text, "utf-8")
    assert "not beside" in refusal(lambda: read_recording(tmp_path / "deep" / "x.vhdr")).cause


def test_an_interrupted_recording_is_asked_about(tmp_path: Path) -> None:
    path, _ = recording_files(tmp_path)
    with (tmp_path / "a.vmrk").open("a", encoding="utf-8") as stream:
        stream.write("Mk3=New Segment,,1,1,0,20260101120000000000\nMk4=New Segment,,1001,1,0\n")
    assert "gaps" in refusal(lambda: read_recording(path)).cause
    recording = read_recording(path, segment=1)
    assert recording.n_samples == 1000
    assert [(e.onset_s, e.name) for e in recording.events] == [(0.25, "smile, wide")]
    refusal(lambda: read_recording(path, segment=2))


def test_a_truncated_data_file_is_refused_and_read_in_part(tmp_path: Path) -> None:
    path, _ = recording_files(tmp_path)
    whole = read_recording(path).data()
    data = (tmp_path / "a.eeg").read_bytes()
    for end in (1, 3, 4001, 7999):
        (tmp_path / "a.eeg").write_bytes(data[:end])
        error = refusal(lambda: read_recording(path))
        assert "a.eeg" in error.cause
    assert "ends inside a sample" in error.cause
    np.testing.assert_array_equal(read_recording(path, partial=True).data(), whole[:, :1999])


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("Brain Vision Data", "Brian Vision Data", "not a BrainVision header"),
        ("NumberOfChannels=2", "NumberOfChannels=999999999", "999999999".replace("9" * 9, "1e+09")),
        ("NumberOfChannels=2", "NumberOfChannels=3", "does not name Ch3"),
        ("NumberOfChannels=2", "NumberOfChannels=two", "not a number"),
        ("SamplingInterval=1000.0", "SamplingInterval=0", "every 0 us"),
        ("SamplingInterval=1000.0", "SamplingInterval=1e-9", "which cannot be"),
        ("SamplingInterval=1000.0", "SamplingInterval=nan", "not a number"),
        ("=INT_16", "=INT_99", "kind 'INT_99'"), (",0.1,", ",zero,", "resolution of Ch1"),
        (",0.1,", ",inf,", "resolution of Ch1"), ("=BINARY", "=ASCII", "written as text"),
        ("SamplingInterval=", "DataPoints=99999\nSamplingInterval=", "2000 of 99999 samples"),
    ],
)  # fmt: skip
def test_a_header_that_lies_is_refused(tmp_path: Path, old: str, new: str, sentence: str) -> None:
    path, _ = recording_files(tmp_path)
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")
    assert sentence in refusal(lambda: read_recording(path)).cause


def test_an_empty_header_and_an_old_codepage(tmp_path: Path) -> None:
    path, _ = recording_files(tmp_path)
    path.write_bytes(path.read_text("utf-8").encode("cp1252"))
    assert read_recording(path).units == ("uV", "uV")
    path.write_text("Ch1=Zyg li")
    refusal(lambda: read_recording(path))


def test_mutated_headers_and_markers_are_read_or_refused(tmp_path: Path) -> None:
    for suffix in (".vhdr", ".vmrk"):
        path, _ = recording_files(tmp_path)
        whole = path.with_suffix(suffix).rename(tmp_path / "whole.txt")
        survives(whole, path.with_suffix(suffix), path, partial=True)
