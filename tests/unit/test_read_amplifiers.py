"""Poly5, OTB+ and OTB4: written byte by byte from their published layout, no sample at hand."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from amplifiers import otb4, otb_plus, poly5, tar
from reader_fuzz import cuts, refusal, survives

from eifer.eifer_addon.signals.readers import list_contents, read_recording


@pytest.mark.parametrize("pad", [False, True])
@pytest.mark.parametrize("n", [1000, 1024, 100])
def test_poly5_blocks_become_one_recording(tmp_path: Path, n: int, pad: bool) -> None:
    samples = poly5(tmp_path / "a.Poly5", n, pad=pad)
    recording = read_recording(tmp_path / "a.Poly5")
    np.testing.assert_allclose(recording.data(), samples / 2, rtol=1e-6)
    for start, stop in ((0, 10), (90, 100), (n // 2, n), (n - 1, n), (5, 5)):
        np.testing.assert_array_equal(recording.data(start, stop), recording.data()[:, start:stop])
    assert recording.channels == ("Zyg li", "Corr re")
    assert (recording.rate_hz, recording.units) == (2048.0, ("uV", "uV"))


def test_a_poly5_whose_header_was_not_finished_says_how_much_was_read(tmp_path: Path) -> None:
    samples = poly5(tmp_path / "a.poly5", 1024)
    data = bytearray((tmp_path / "a.poly5").read_bytes())
    data[121:125] = struct.pack("<i", 512)  # the recorder rewrites the header now and then
    (tmp_path / "a.poly5").write_bytes(bytes(data))
    recording = read_recording(tmp_path / "a.poly5")
    np.testing.assert_allclose(recording.data(), samples[:, :512] / 2, rtol=1e-6)
    assert "announces 512 samples; 1024 are there" in recording.source["notes"][0]


def test_a_truncated_poly5_is_refused_and_read_in_part(tmp_path: Path) -> None:
    samples = poly5(tmp_path / "a.poly5")
    data = (tmp_path / "a.poly5").read_bytes()
    (tmp_path / "a.poly5").write_bytes(data[:-100])
    assert "987 of 1000 samples" in refusal(lambda: read_recording(tmp_path / "a.poly5")).cause
    part = read_recording(tmp_path / "a.poly5", partial=True)
    np.testing.assert_allclose(part.data(), samples[:, :987] / 2, rtol=1e-6)
    (tmp_path / "a.poly5").write_bytes(data)
    cuts(tmp_path / "a.poly5", tmp_path / "cut.poly5", 60)


@pytest.mark.parametrize(
    ("offset", "content", "sentence"),
    [
        (0, b"PALY", "not a Poly5"), (31, b"\1", "version"), (114, b"\0\0", "0 Hz"),
        (114, b"\xff\xff", "-1 Hz"), (119, b"\0\0", "0 signals"), (119, b"\xfe\xff", "header"),
        (121, b"\xff\xff\xff\x7f", "of 2147483647 samples"), (147, b"\0\0", "announces"),
        (218, b"XXXX", "16-bit"),
    ],
)  # fmt: skip
def test_a_poly5_that_lies_is_refused(
    tmp_path: Path, offset: int, content: bytes, sentence: str
) -> None:
    poly5(tmp_path / "a.poly5")
    data = bytearray((tmp_path / "a.poly5").read_bytes())
    data[offset : offset + len(content)] = content
    (tmp_path / "a.poly5").write_bytes(bytes(data))
    assert sentence in refusal(lambda: read_recording(tmp_path / "a.poly5")).cause


def test_otb_plus_is_read_in_microvolts(tmp_path: Path) -> None:
    microvolts = otb_plus(tmp_path / "a.otb+")
    recording = read_recording(tmp_path / "a.otb+")
    np.testing.assert_allclose(recording.data(), microvolts)
    np.testing.assert_allclose(recording.channel(1, 3, 8), microvolts[1, 3:8])
    assert recording.channels == ("Zygomaticus Left", "BP 3")
    assert (recording.rate_hz, recording.units) == (2048.0, ("uV", "uV"))
    assert "5 V and 150 by the maker's reader" in recording.source["notes"][0]
    assert "left out" in recording.source["notes"][1]
    assert [(e.onset_s, e.name) for e in recording.events] == [(0.25, "smile")]
    otb_plus(tmp_path / "c.otb+", bits=32)
    assert "32 bits" in refusal(lambda: read_recording(tmp_path / "c.otb+")).cause


@pytest.mark.parametrize(
    ("name", "adapter", "volts_over_gain"),
    [("DUE+", "BP", 3.3 / 202), ("DUE", "BP", 5 / 200), ("MUOVI", "BP", 4.8 / 256),
     ("SYNCSTATION", "Quattro+", 3.3 / 202), ("SYNCSTATION", "Muovi", 4.8 / 256)],
)  # fmt: skip
def test_otb_plus_of_other_devices_takes_the_makers_table(
    tmp_path: Path, name: str, adapter: str, volts_over_gain: float
) -> None:
    microvolts = otb_plus(tmp_path / "a.otb+", name=name, adapter=adapter)
    recording = read_recording(tmp_path / "a.otb+")
    np.testing.assert_allclose(recording.data(), microvolts / (5 / 150) * volts_over_gain)
    assert "states a gain of 150" in recording.source["notes"][0]


def test_otb_plus_of_24_bits_has_three_bytes_a_number(tmp_path: Path) -> None:
    microvolts = otb_plus(tmp_path / "a.otb+", bits=24, name="SESSANTAQUATTRO+")
    recording = read_recording(tmp_path / "a.otb+")
    counts = microvolts / 5e6 * 65536 * 150
    np.testing.assert_allclose(recording.data(), counts * 4.8e6 / 2**24)
    np.testing.assert_array_equal(recording.channel(1, 5, 9), recording.data()[1, 5:9])


def test_otb4_tracks_are_read_and_control_tracks_left_out(tmp_path: Path) -> None:
    microvolts = otb4(tmp_path / "a.otb4")
    recording = read_recording(tmp_path / "a.otb4")
    np.testing.assert_allclose(recording.data(), microvolts)
    assert recording.channels == ("Face grid 1", "Face grid 2", "Face grid 3")
    assert "Feedback" in recording.source["notes"][0]
    assert [row["samples"] for row in list_contents(tmp_path / "a.otb4")] == [1500] * 3
    assert read_recording(tmp_path / "a.otb4", stream="a").rate_hz == 2000.0
    assert "no signal 'x'" in refusal(lambda: read_recording(tmp_path / "a.otb4", stream="x")).cause


def test_otb4_tracks_of_each_size_are_read_and_others_left_out(tmp_path: Path) -> None:
    counts = np.random.default_rng(0).integers(-9000, 9000, (800, 3)).astype("<i4")

    def track(file: str, size: int, sub: str, unit: str = "mV", more: str = "") -> str:
        return (
            f"<TrackInfo><Title>Quattro+</Title><SubTitle>{sub}</SubTitle><Gain>2</Gain>"
            "<ADC_Nbits>16</ADC_Nbits><ADC_Range>4.8</ADC_Range><SamplingFrequency>2000"
            f"</SamplingFrequency><SignalStreamPath>{file}</SignalStreamPath><NumberOfChannels>2"
            "</NumberOfChannels><AcquisitionChannel>1</AcquisitionChannel><TotalChannelsInFile>3"
            f"</TotalChannelsInFile><SampleSize>{size}</SampleSize><UnitOfMeasurement>{unit}"
            f"</UnitOfMeasurement><IsControl>false</IsControl>{more}</TrackInfo>"
        )

    labels = "".join(
        f"<ChannelRapresentation><Label>{text}</Label></ChannelRapresentation>"
        for text in ("Zyg li", "2")
    )
    first = track("a.sig", 2, "IN1", more=f"<Channels>{labels}</Channels>")
    first += track("b.sig", 3, "IN2") + track("a.sig", 2, "AUX 1", "V")
    second = track("a.sig", 2, "Angle", "deg") + track("c.sig", 8, "RMS")
    second += track("a.sig", 2, "Mean", more="<IsProcessing>true</IsProcessing>")
    packed = counts.view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
    tar(
        tmp_path / "a.otb4", a__sig=counts.astype("<i2").tobytes(), b__sig=packed,
        Tracks_000__xml=f"<ArrayOfTrackInfo>{first}</ArrayOfTrackInfo>".encode(),
        Tracks_001__xml=f"<ArrayOfTrackInfo>{second}</ArrayOfTrackInfo>".encode(),
    )  # fmt: skip
    recording = read_recording(tmp_path / "a.otb4")
    microvolts = counts[:, 1:].T * 4.8e6 / 2**16 / 2
    np.testing.assert_allclose(recording.data(), np.concatenate([microvolts, microvolts]))
    assert recording.channels == ("Zyg li", "Quattro+ IN1 2", "Quattro+ IN2 1", "Quattro+ IN2 2")
    notes = " ".join(recording.source["notes"])
    for word in ("AUX 1", "Angle", "RMS", "Mean"):
        assert word in notes


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (b"<TotalChannelsInFile>5", b"<TotalChannelsInFile>2", "contradicts itself"),
        (b"<Gain>2", b"<Gain>0", "contradicts itself"), (b"<Gain>2", b"<Gain>x", "not a number"),
        (b">2000<", b">9e9 <", "cannot be"), (b"a.sig</", b"c.sig</", "is missing"),
        (b"<Title>", b"<Titel>", "not XML"), (b">24<", b">99<", "number of bits"),
    ],
)  # fmt: skip
def test_an_otb4_that_lies_is_refused(
    tmp_path: Path, old: bytes, new: bytes, sentence: str
) -> None:
    otb4(tmp_path / "a.otb4")
    data = (tmp_path / "a.otb4").read_bytes()
    assert old in data
    (tmp_path / "a.otb4").write_bytes(data.replace(old, new.ljust(len(old), b" "), 1))
    assert sentence in refusal(lambda: read_recording(tmp_path / "a.otb4")).cause


def test_an_otb_that_is_no_tar_or_is_cut_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.otb+").write_bytes(b"PK\3\4" * 400)
    assert "tar archive" in refusal(lambda: read_recording(tmp_path / "a.otb+")).cause
    tar(tmp_path / "b.otb+", note__txt=b"x")
    assert "no signal" in refusal(lambda: read_recording(tmp_path / "b.otb+")).cause
    otb_plus(tmp_path / "c.otb+")
    cuts(tmp_path / "c.otb+", tmp_path / "cut.otb+", 60)


@pytest.mark.parametrize(
    ("write", "name"), [(poly5, "a.poly5"), (otb_plus, "a.otb+"), (otb4, "a.otb4")]
)
def test_mutated_files_are_read_or_refused(tmp_path: Path, write: object, name: str) -> None:
    write(tmp_path / name)  # type: ignore[operator]
    assert survives(tmp_path / name, tmp_path / f"m_{name}") > 0
