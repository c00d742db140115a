"""XDF: streams are chosen, clocks agree, markers become events, damage is named."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import pyxdf
from reader_fuzz import cuts, refusal, survives
from xdf_writer import clock, header, samples, session, texts, write_xdf

from eifer.eifer_addon.signals.readers import list_contents, read_recording


@pytest.mark.parametrize(("code", "every"), [("f4", 1), ("i2", 0), ("i4", 7), ("f8", 1)])
def test_the_emg_stream_is_read_as_pyxdf_reads_it(tmp_path: Path, code: str, every: int) -> None:
    path, emg = session(tmp_path / "a.xdf", code=code, every=every or 10**9)
    recording = read_recording(path)
    streams, _ = pyxdf.load_xdf(path)
    truth = next(s for s in streams if s["info"]["type"] == ["EMG"])
    np.testing.assert_array_equal(recording.data(), truth["time_series"].T)
    np.testing.assert_array_equal(recording.data(100, 300), emg[100:300].T)
    assert recording.channels == ("Zyg li", "Corr re")
    assert recording.units == ("uV", "uV")
    assert recording.rate_hz == 1000.0
    assert recording.source["first_timestamp_s"] == pytest.approx(truth["time_stamps"][0])


def test_markers_of_another_clock_fall_where_they_belong(tmp_path: Path) -> None:
    recording = read_recording(session(tmp_path / "a.xdf", offset_s=5.0)[0])
    assert [event.name for event in recording.events] == ["smile", "Stirn runzeln"]
    np.testing.assert_allclose([e.onset_s for e in recording.events], [0.5, 1.25], atol=1e-4)
    assert any("Motion" in note for note in recording.source["notes"])


def test_streams_are_chosen_by_name_type_or_number(tmp_path: Path) -> None:
    path, _ = session(tmp_path / "a.xdf")
    for stream in ("Motion", "acc", 2, "2"):
        recording = read_recording(path, stream=stream)
        assert (recording.channels, recording.rate_hz) == (("x", "y", "z"), 100.0)
    error = refusal(lambda: read_recording(path, stream="EEG"))
    assert "no signal stream 'EEG'" in error.cause
    assert "'Motion' (ACC, 3 channels, 100 Hz)" in error.remedy


def test_two_emg_streams_are_asked_about(tmp_path: Path) -> None:
    values, times = np.ones((300, 1), "f4"), np.arange(300) / 1000
    path = write_xdf(
        tmp_path / "a.xdf",
        *(header(k, "Amp", "EMG", [("a", "uV")], "float32", 1000) for k in (1, 2)),
        *(samples(k, values * k, times) for k in (1, 2)),
    )
    error = refusal(lambda: read_recording(path))
    assert "2 signal streams that could be meant" in error.cause
    assert "stream=" in error.remedy
    assert read_recording(path, stream=2).data()[0, 0] == 2
    refusal(lambda: read_recording(path, stream="Amp"))


def test_a_drifting_clock_gives_the_measured_rate_and_says_so(tmp_path: Path) -> None:
    values, times = np.ones((4000, 1), "f4"), np.arange(4000) / 1010
    path = write_xdf(
        tmp_path / "a.xdf", header(1, "Amp", "EMG", [("a", "uV")], "float32", 1000),
        samples(1, values, times),
    )  # fmt: skip
    recording = read_recording(path)
    assert recording.rate_hz == pytest.approx(1010)
    assert "clock measured 1010 Hz" in recording.source["notes"][0]
    assert read_recording(path, rate_hz=1000).rate_hz == 1000


def test_a_stream_that_calls_itself_irregular_is_read_at_a_given_rate(tmp_path: Path) -> None:
    values = np.arange(600, dtype="f4")[:, None]
    path = write_xdf(
        tmp_path / "a.xdf", header(1, "Board", "EMG", [("a", "uV")], "float32", 0),
        samples(1, values, np.arange(600) / 500),
    )  # fmt: skip
    error = refusal(lambda: read_recording(path))
    assert "no stream of numbers with a rate" in error.cause
    assert "'Board' with rate_hz=" in error.remedy
    recording = read_recording(path, rate_hz=500)
    np.testing.assert_array_equal(recording.data(), values.T)
    assert recording.rate_hz == 500


def test_a_gap_is_asked_about_and_a_stretch_can_be_chosen(tmp_path: Path) -> None:
    values = np.arange(2000, dtype="f4")[:, None]
    times = np.arange(2000) / 1000 + np.where(np.arange(2000) >= 1500, 20, 0)
    path = write_xdf(
        tmp_path / "a.xdf", header(1, "Amp", "EMG", [("a", "uV")], "float32", 1000),
        header(2, "Cues", "Markers", [("c", "")], "string", 0),
        samples(1, values, times), texts(2, ["first", "second"], [0.5, 21.75]),
    )  # fmt: skip
    error = refusal(lambda: read_recording(path))
    assert "2 stretches" in error.cause
    assert "1: 500 samples from 21.5 s" in error.remedy
    recording = read_recording(path, segment=1)
    np.testing.assert_array_equal(recording.data()[0], values[1500:, 0])
    np.testing.assert_array_equal(recording.channel(0, 490, 500), values[1990:, 0])
    assert [(e.name, round(e.onset_s, 3)) for e in recording.events] == [("second", 0.25)]
    assert "no stretch 2" in refusal(lambda: read_recording(path, segment=2)).cause


def test_the_file_with_clock_resets_names_its_stretches(test_data: Path) -> None:
    path = test_data / "emg" / "xdf_MIT" / "clock_resets.xdf"
    error = refusal(lambda: read_recording(path, envelope=True))
    assert "2 stretches" in error.cause
    recording = read_recording(path, envelope=True, segment=1)
    streams, _ = pyxdf.load_xdf(path)
    series = next(s for s in streams if s["info"]["type"] == ["EEG"])["time_series"]
    assert recording.n_samples == 14939
    np.testing.assert_array_equal(recording.data(), series[12876:].T)
    assert len(recording.events) == 84
    if pyxdf.__version__ >= "1.17":  # older ones apply the clocks to the wrong samples here
        whole = next(s for s in streams if s["info"]["type"] == ["EEG"])["time_stamps"]
        assert recording.source["first_timestamp_s"] == pytest.approx(whole[12876], abs=1e-3)
        step = np.diff(whole[12876:]).mean()
        assert recording.rate_hz == pytest.approx(1 / step, rel=1e-6)
    assert {row["name"] for row in list_contents(path)} == {"MyMarkerStream", "BioSemi"}


def test_the_minimal_file_is_read(test_data: Path) -> None:
    path = test_data / "emg" / "xdf_MIT" / "minimal.xdf"
    assert "10 Hz, too slow" in refusal(lambda: read_recording(path)).cause
    recording = read_recording(path, envelope=True)
    assert recording.data().shape == (3, 9)
    assert [row["samples"] for row in list_contents(path)] == [9, 9]


def test_a_truncated_file_is_refused_and_read_in_part(tmp_path: Path) -> None:
    path, emg = session(tmp_path / "a.xdf")
    path.write_bytes(path.read_bytes()[:-5000])
    error = refusal(lambda: read_recording(path))
    assert "truncated" in error.cause
    assert "partial=True" in error.remedy
    recording = read_recording(path, partial=True)
    np.testing.assert_array_equal(recording.data(), emg[:1000].T)
    assert "truncated" in recording.source["notes"][0]
    assert len(list_contents(path)) == 3


def test_duplicate_and_foreign_names_are_made_usable(tmp_path: Path) -> None:
    path = write_xdf(
        tmp_path / "a.xdf",
        header(1, "Amp", "EMG", [("a", ""), ("a", ""), ("", "")], "float32", 1000),
        samples(1, np.ones((300, 3), "f4"), np.arange(300) / 1000),
    )
    path.write_bytes(path.read_bytes().replace(b"<name>Amp", b"<name>A\xffp"))
    recording = read_recording(path)
    assert recording.channels == ("a", "a (2)", "channel 3")
    assert recording.units == ("?", "?", "?")


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (b"XDF:", b"XDG:", "does not begin with 'XDF:'"),
        (b"<channel_count>2<", b"<channel_count>9<", "do not fill their chunk"),
        (b"<channel_count>2<", b"<channel_count>-<", "are no numbers"),
        (b"<nominal_srate>1000.0<", b"<nominal_srate>-100.0<", "at -100 Hz"),
        (b"<nominal_srate>1000.0<", b"<nominal_srate>9e9999<", "Hz"),
        (b"float32", b"float99", "float99"),
        (b"<name>Amp</name>", b"<nome>Amp</nome>", "lacks name"),
        (b"<info><name>Amp", b"<info><name<Amp", "not XML"),
        (struct.pack("<BI", 4, 1000), struct.pack("<BI", 4, 2**32 - 1), "do not fill their chunk"),
        (struct.pack("<Idd", 1, 99.0, 5.0), struct.pack("<Idd", 1, 99.0, np.nan), "clock offset"),
        (struct.pack("<Idd", 1, 99.0, 5.0), struct.pack("<Idd", 3, 99.0, 5.0), "no header"),
    ],
)  # fmt: skip
def test_a_file_that_lies_is_refused(tmp_path: Path, old: bytes, new: bytes, sentence: str) -> None:
    path, _ = session(tmp_path / "a.xdf")
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new, 1))
    assert sentence in refusal(lambda: read_recording(path)).cause


def test_a_rate_that_the_times_contradict_is_asked_for(tmp_path: Path) -> None:
    path, _ = session(tmp_path / "a.xdf")
    path.write_bytes(path.read_bytes().replace(b">1000.0<", b">9000.0<"))
    error = refusal(lambda: read_recording(path))
    assert "states 9000 Hz, but its times say 1000 Hz" in error.cause


def test_times_that_are_not_numbers_are_refused(tmp_path: Path) -> None:
    times = np.arange(300) / 1000
    times[7] = np.nan
    path = write_xdf(
        tmp_path / "a.xdf", header(1, "Amp", "EMG", [("a", "")], "float32", 1000),
        samples(1, np.ones((300, 1), "f4"), times), clock(1, 1, 0),
    )  # fmt: skip
    assert "damaged XDF" in refusal(lambda: read_recording(path)).cause


def test_an_xdf_cut_anywhere_is_named(tmp_path: Path) -> None:
    cuts(session(tmp_path / "a.xdf", 200)[0], tmp_path / "cut.xdf", 120)


def test_mutated_xdf_files_are_read_or_refused(tmp_path: Path) -> None:
    assert survives(session(tmp_path / "a.xdf", 120, clocks=1)[0], tmp_path / "m.xdf") > 0
