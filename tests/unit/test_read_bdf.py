"""BDF: 24 bits are decoded lazily and exactly, triggers and annotations become events."""

from __future__ import annotations

from pathlib import Path

import edfio
import numpy as np
import pytest
from reader_fuzz import cuts, refusal, survives

from eifer.eifer_addon.signals.readers import list_contents, read_recording


def bdf_file(path: Path, seconds: int = 4, rate: int = 2048, **details: object) -> Path:
    """Two channels by edfio."""
    samples = np.random.default_rng(1).normal(0, 60, (2, seconds * rate))
    signals = [
        edfio.BdfSignal(
            row, rate, label=label, physical_dimension="uV", physical_range=(-262144, 262143)
        )
        for row, label in zip(samples, ("Zyg li", "Corr re"), strict=True)
    ]
    edfio.Bdf(signals, data_record_duration=1, **details).write(path)
    return path


def with_status(path: Path) -> Path:
    """A file as BioSemi's program writes it: no BDF+, triggers in the last channel."""
    codes = np.zeros(4000)
    codes[1000:1100], codes[2000:2200], codes[2200:2300] = 7, 0x10001, 9
    signals = [
        edfio.BdfSignal(
            np.random.default_rng(0).normal(0, 50, 4000), 1000, label="A1",
            physical_dimension="uV", physical_range=(-262144, 262143),
        ),
        edfio.BdfSignal(
            codes, 1000, label="Status", physical_dimension="Boolean",
            physical_range=(-8388608, 8388607),
        ),
    ]  # fmt: skip
    edfio.Bdf(signals, data_record_duration=1).write(path)
    return path


def test_values_are_those_that_edfio_reads(tmp_path: Path) -> None:
    notes = [edfio.EdfAnnotation(0.5, 0.25, "smile"), edfio.EdfAnnotation(1.0, None, "Mund zu")]
    path = bdf_file(tmp_path / "a.bdf", annotations=notes)
    recording = read_recording(path)
    truth = np.stack([s.data for s in edfio.read_bdf(path).signals])
    np.testing.assert_allclose(recording.data(), truth, atol=1e-9)
    np.testing.assert_array_equal(recording.data(2047, 6000), recording.data()[:, 2047:6000])
    np.testing.assert_array_equal(recording.channel(1, 5, 6), recording.data()[1, 5:6])
    assert (recording.channels, recording.units) == (("Zyg li", "Corr re"), ("uV", "uV"))
    assert (recording.rate_hz, recording.n_samples) == (2048.0, 8192)
    assert [(e.onset_s, e.name, e.duration_s) for e in recording.events] == [
        (0.5, "smile", 0.25), (1.0, "Mund zu", 0.0)
    ]  # fmt: skip


def test_the_status_channel_becomes_triggers(tmp_path: Path) -> None:
    recording = read_recording(with_status(tmp_path / "a.bdf"))
    assert recording.channels == ("A1",)
    assert [(e.onset_s, e.name) for e in recording.events] == [(1.0, "7"), (2.0, "1"), (2.2, "9")]
    assert len(list_contents(tmp_path / "a.bdf")) == 2


def test_the_faster_rate_is_taken_and_the_other_named(tmp_path: Path) -> None:
    signals = [
        edfio.BdfSignal(np.arange(4000.0), 1000, label="Zyg li"),
        edfio.BdfSignal(np.arange(400.0), 100, label="ACC"),
    ]
    edfio.Bdf(signals, data_record_duration=1).write(tmp_path / "a.bdf")
    recording = read_recording(tmp_path / "a.bdf")
    assert "Channels at 100 Hz were left out" in recording.source["notes"][0]
    slow = read_recording(tmp_path / "a.bdf", rate_hz=100)
    np.testing.assert_allclose(slow.data()[0], np.arange(400), atol=1e-3)
    assert (
        "no channel at 50 Hz"
        in refusal(lambda: read_recording(tmp_path / "a.bdf", rate_hz=50)).cause
    )


def test_a_discontinuous_bdf_is_refused(tmp_path: Path) -> None:
    path = bdf_file(tmp_path / "a.bdf", annotations=[])
    data = path.read_bytes().replace(b"BDF+C", b"BDF+D", 1)
    assert read_recording(path).n_samples == 8192
    path.write_bytes(data.replace(b"+3\x14\x14", b"+9\x14\x14"))
    assert "discontinuous" in refusal(lambda: read_recording(path)).cause


def test_a_truncated_bdf_names_the_missing_record(tmp_path: Path) -> None:
    path = bdf_file(tmp_path / "a.bdf")
    whole = read_recording(path).data()
    path.write_bytes(path.read_bytes()[:-100])
    assert "data record 4 is missing" in refusal(lambda: read_recording(path)).cause
    part = read_recording(path, partial=True)
    np.testing.assert_array_equal(part.data(), whole[:, :6144])


@pytest.mark.parametrize(
    ("offset", "content"),
    [(0, b"\0"), (236, b"99999999"), (244, b"0       "), (252, b"9999"), (184, b"256     "),
     (256 + 2 * 216, b"99999999"), (256 + 2 * 104, b"abc     ")],
)  # fmt: skip
def test_a_header_that_lies_is_refused(tmp_path: Path, offset: int, content: bytes) -> None:
    path = bdf_file(tmp_path / "a.bdf")
    data = bytearray(path.read_bytes())
    data[offset : offset + len(content)] = content
    path.write_bytes(bytes(data))
    assert "a.bdf" in refusal(lambda: read_recording(path)).cause


def test_a_bdf_cut_anywhere_is_named(tmp_path: Path) -> None:
    cuts(bdf_file(tmp_path / "a.bdf", annotations=[]), tmp_path / "cut.bdf")


def test_mutated_bdf_files_are_read_or_refused(tmp_path: Path) -> None:
    notes = [edfio.EdfAnnotation(0.5, 0.25, "smile")]
    path = bdf_file(tmp_path / "a.bdf", 2, 200, annotations=notes)
    assert survives(path, tmp_path / "m.bdf", partial=True) > 0


def test_mutated_edf_files_are_listed_or_refused(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).normal(0, 50, (2, 400))
    pairs = zip(samples, "ab", strict=True)
    signals = [edfio.EdfSignal(row, 200, label=name) for row, name in pairs]
    edfio.Edf(signals, annotations=[edfio.EdfAnnotation(0.5, None, "smile")]).write(
        tmp_path / "a.edf"
    )
    assert survives(tmp_path / "a.edf", tmp_path / "m.edf", partial=True) > 0
