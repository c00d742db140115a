"""Recordings are read as they were written, and what the reader decided is said."""

from __future__ import annotations

from pathlib import Path

import edfio
import numpy as np
import pytest

from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.files import sha256_of
from eifer.eifer_addon.signals.edf_writer import write_edf
from eifer.eifer_addon.signals.readers import read_recording
from eifer.eifer_addon.signals.recording import Event, Recording

MMM_MUSCLES = (
    "Corrugator Supercilii", "Depressor Ang. Oris", "Depressor Supercilii Procerus",
    "Lateraler Frontalis", "Levator Labii Superioris", "Masseter", "Medialer Frontalis",
    "Mentalis", "Orbicularis Oculi", "Orbicularis Oris", "Zygomaticus",
)  # fmt: skip


def noise(n_channels: int, n_samples: int, scale: float = 50.0) -> np.ndarray:
    return scale * np.random.default_rng(7).standard_normal((n_channels, n_samples))


def write_foreign_edf(path: Path, **details: object) -> Path:
    """An EDF file by edfio alone, two seconds of two channels."""
    signals = [
        edfio.EdfSignal(row, 1000, label=label, physical_dimension="mV")
        for row, label in zip(noise(2, 2000), ("Zyg li", "Corr re"), strict=True)
    ]
    edfio.Edf(signals, **details).write(path)  # type: ignore[arg-type]
    return path


def test_edf_of_another_writer_keeps_names_units_rate_events_and_values(tmp_path: Path) -> None:
    notes = [edfio.EdfAnnotation(0.5, 0.25, "smile"), edfio.EdfAnnotation(1.0, None, "rest")]
    path = write_foreign_edf(tmp_path / "a.edf", annotations=notes)
    recording = read_recording(path)
    assert recording.channels == ("Zyg li", "Corr re")
    assert recording.units == ("mV", "mV")
    assert (recording.rate_hz, recording.n_samples) == (1000.0, 2000)
    assert recording.events == (Event(0.5, "smile", 0.25), Event(1.0, "rest", 0.0))
    assert recording.source["sha256"] == sha256_of(path)
    truth = np.stack([s.data for s in edfio.read_edf(path).signals])
    np.testing.assert_array_equal(recording.data(), truth)
    np.testing.assert_array_equal(recording.data(333, 1777), truth[:, 333:1777])
    np.testing.assert_array_equal(recording.channel(1, 999, 1001), truth[1, 999:1001])


def test_edf_round_trip_keeps_sixteen_bits_events_and_the_word_simulated(tmp_path: Path) -> None:
    samples = noise(3, 10007)  # a prime length: no record duration divides it
    written = Recording.from_array(
        samples, 1000.0, ("Zyg li", "Zyg re", "Corrugator Supercilii_l"), units=("uV",) * 3,
        events=(Event(1.25, "happy", 0.5),), source={"simulated": True},
    )  # fmt: skip
    recording = read_recording(write_edf(written, tmp_path / "a.edf"))
    assert recording.channels == ("Zyg li", "Zyg re", "Corr left")
    assert recording.source["simulated"] is True
    assert recording.events == (Event(1.25, "happy", 0.5),)
    steps = np.ptp(samples, axis=1) / 65535
    assert recording.n_samples == 10008
    found = recording.data()[:, :10007]
    assert np.all(np.abs(found - samples).max(axis=1) <= 0.51 * steps)


def test_lengths_that_a_record_divides_are_kept_exactly(tmp_path: Path) -> None:
    written = Recording.from_array(noise(1, 4608), 2048.0, ("Zyg li",), units=("uV",))
    assert read_recording(write_edf(written, tmp_path / "a.edf")).n_samples == 4608


def test_edf_in_volts_is_written_in_a_unit_that_the_header_can_hold(tmp_path: Path) -> None:
    volts = noise(1, 1000, 2e-5)
    written = Recording.from_array(volts, 1000.0, ("Zyg li",), units=("V",))
    recording = read_recording(write_edf(written, tmp_path / "a.edf"))
    assert recording.units == ("uV",)
    np.testing.assert_allclose(recording.data() / 1e6, volts, atol=np.ptp(volts) / 65000)


def test_an_edf_with_two_rates_gives_the_faster_and_names_what_was_left_out(tmp_path: Path) -> None:
    signals = [
        edfio.EdfSignal(noise(1, 4000)[0], 2000, label="Zyg li"),
        edfio.EdfSignal(noise(1, 200)[0], 100, label="ACC X"),
    ]
    edfio.Edf(signals).write(tmp_path / "a.edf")
    recording = read_recording(tmp_path / "a.edf")
    assert (recording.channels, recording.rate_hz) == (("Zyg li",), 2000.0)
    assert "ACC X" in recording.source["notes"][0]
    assert read_recording(tmp_path / "a.edf", rate_hz=100).channels == ("ACC X",)


def test_repeated_channel_names_are_numbered_and_said(tmp_path: Path) -> None:
    signals = [edfio.EdfSignal(row, 1000, label="Zyg li") for row in noise(2, 1000)]
    edfio.Edf(signals).write(tmp_path / "a.edf")
    recording = read_recording(tmp_path / "a.edf")
    assert recording.channels == ("Zyg li", "Zyg li (2)")
    assert "occurs again" in recording.source["notes"][0]


@pytest.mark.parametrize(
    ("delimiter", "comma", "name"),
    [(",", False, "a.csv"), (";", True, "b.csv"), ("\t", False, "c.tsv"), ("\t", True, "d.txt")],
)
def test_dialects_of_tables_give_the_same_numbers(
    tmp_path: Path, delimiter: str, comma: bool, name: str
) -> None:
    samples = np.round(noise(2, 400), 3)
    lines = [delimiter.join(["Time (s)", "Zyg li [uV]", "Corr re [uV]"])]
    for k, row in enumerate(samples.T):
        line = delimiter.join(f"{value:.3f}" for value in (k / 1000, *row))
        lines.append(line.replace(".", ",") if comma else line)
    (tmp_path / name).write_text("\n".join(lines) + "\n", "utf-8")
    recording = read_recording(tmp_path / name)
    assert recording.channels == ("Zyg li [uV]", "Corr re [uV]")
    assert recording.units == ("uV", "uV")
    assert recording.rate_hz == 1000.0
    np.testing.assert_allclose(recording.data(), samples)


def test_a_headless_table_takes_the_given_rate_and_numbers_its_channels(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("1,2\n3,4\n5,6\n")
    recording = read_recording(tmp_path / "a.csv", rate_hz=1000, units="mV")
    assert recording.channels == ("channel 1", "channel 2")
    assert recording.units == ("mV", "mV")
    np.testing.assert_array_equal(recording.data(), [[1, 3, 5], [2, 4, 6]])


def test_umlauts_quotes_and_a_line_of_units_are_understood(tmp_path: Path) -> None:
    text = '"Zeit";"Jochbeinmuskel für links";"Kinnmuskel"\n"s";"µV";"µV"\n'
    text += "".join(f"{k / 500:.3f};{k % 7},5;{k % 5},25\n".replace("0.", "0,") for k in range(50))
    (tmp_path / "a.csv").write_bytes(text.encode("cp1252"))
    recording = read_recording(tmp_path / "a.csv")
    assert recording.channels == ("Jochbeinmuskel für links", "Kinnmuskel")
    assert recording.units == ("uV", "uV")
    assert recording.rate_hz == 500.0
    assert recording.channel(0)[3] == 3.5


def test_a_comment_line_marks_a_table_as_simulated(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("# simulated\n# Sampling Rate = 2 kHz\nZyg li\n1\n2\n3\n")
    recording = read_recording(tmp_path / "a.csv")
    assert recording.source["simulated"] is True
    assert recording.rate_hz == 2000.0


def test_a_comment_that_denies_simulation_and_a_sentence_on_units_are_understood(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.csv").write_text(
        "# simulated: false\n# units: time_s in seconds; muscles dimensionless, 0 at rest\n"
        '# source: {"simulated": false}\ntime_s,Zyg li\n0,1\n0.002,2\n0.004,3\n'
    )
    recording = read_recording(tmp_path / "a.csv")
    assert "simulated" not in recording.source
    assert (recording.channels, recording.units, recording.rate_hz) == (("Zyg li",), ("?",), 500.0)
    assert "notes" not in recording.source


def test_the_unit_behind_the_name_of_a_time_column_counts(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("time_ms,Zyg li\n0,1\n250,2\n500,3\n")
    recording = read_recording(tmp_path / "a.csv", envelope=True)
    assert (recording.channels, recording.rate_hz) == (("Zyg li",), 4.0)


@pytest.mark.parametrize("name", ["Trigger", "Marker Channel", "stim"])
def test_a_column_of_codes_becomes_events(tmp_path: Path, name: str) -> None:
    codes = np.zeros(400)
    codes[100:150], codes[200], codes[201:210] = 7, 2, 3
    rows = "".join(f"{k / 1000:.3f},{k % 7},{code:g}\n" for k, code in enumerate(codes))
    (tmp_path / "a.csv").write_text(f"time (s),Zyg li,{name}\n{rows}")
    recording = read_recording(tmp_path / "a.csv")
    assert recording.channels == ("Zyg li",)
    assert recording.events == (
        Event(0.1, "7", 0.05), Event(0.2, "2", 0.001), Event(0.201, "3", 0.009)
    )  # fmt: skip
    assert name in recording.source["notes"][0]


def test_mmm_envelopes_are_recognised_and_said(tmp_path: Path) -> None:
    names = [f"{muscle}_{side}" for muscle in MMM_MUSCLES for side in "lr"]
    values = np.abs(noise(22, 90, 7.0))
    rows = [",".join(["", *names])]
    rows += [f"{k}," + ",".join(f"{v:.4f}" for v in row) for k, row in enumerate(values.T)]
    (tmp_path / "99_2S_emotion_12_happy.csv").write_text("\n".join(rows))
    recording = read_recording(tmp_path / "99_2S_emotion_12_happy.csv")
    assert recording.holds_envelope
    assert (recording.rate_hz, len(recording.channels)) == (30.0, 22)
    assert "MMM" in recording.source["notes"][0]
    np.testing.assert_allclose(recording.data(), values, atol=1e-4)


def test_fmov_files_give_integrated_emg_and_twelve_onsets(test_data: Path) -> None:
    files = sorted((test_data / "emg" / "nilsonne_FMOV_CC0").glob("*.txt"))
    assert len(files) == 6
    for path in files:
        recording = read_recording(path)
        assert recording.channels == ("zygomaticus", "corrugator")
        assert recording.holds_envelope
        assert recording.rate_hz == 100.0
        names = [event.name for event in recording.events]
        assert sorted(names) == ["angry"] * 4 + ["happy"] * 4 + ["neutral"] * 4
        rows = np.loadtxt(path)
        np.testing.assert_array_equal(recording.data(), rows[:, 3:5].T)
        happy = next(e.onset_s for e in recording.events if e.name == "happy")
        frame = round(happy * 100)
        assert rows[frame - 1, 6] - rows[frame, 6] == 5


def test_fmov_files_with_ten_columns_skip_time_and_ecg(test_data: Path, tmp_path: Path) -> None:
    path = min((test_data / "emg" / "nilsonne_FMOV_CC0").glob("*.txt"))
    rows = np.loadtxt(path)
    time, ecg = np.arange(len(rows)) / 100, np.zeros(len(rows))
    ten = np.column_stack([time, rows[:, :4], ecg, rows[:, 4:]])
    with (tmp_path / "ten.txt").open("w") as stream:
        stream.writelines("\t".join(f"{v:.9g}" for v in row) + "\t\n" for row in ten)
    wide, narrow = read_recording(tmp_path / "ten.txt"), read_recording(path)
    np.testing.assert_allclose(wide.data(), narrow.data(), rtol=1e-6)
    assert wide.events == narrow.events


def test_openbci_text_keeps_its_eight_electrodes(test_data: Path) -> None:
    recording = read_recording(next((test_data / "emg" / "openbci_nepali_GPL3").glob("*.txt")))
    assert recording.channels == tuple(f"EXG Channel {k}" for k in range(8))
    assert (recording.rate_hz, recording.units[0]) == (250.0, "uV")
    assert "Accel Channel 0" in recording.source["notes"][0]


def test_biosppy_text_states_its_rate_and_label(test_data: Path) -> None:
    recording = read_recording(test_data / "emg" / "biosppy_BSD3" / "emg.txt")
    assert (recording.channels, recording.rate_hz) == (("EMG",), 1000.0)


def test_a_text_column_becomes_events_and_the_time_unit_is_said(test_data: Path) -> None:
    path = min((test_data / "emg" / "somach_CCBY4").glob("DOWN*.csv"))
    recording = read_recording(path)
    assert recording.channels == ("CH1", "CH2")
    assert recording.rate_hz == pytest.approx(250, rel=0.02)
    assert [event.name for event in recording.events] == ["DOWN", "Phase_1_Overt"]
    assert "taken as ms" in recording.source["notes"][0]


def test_every_short_recording_of_the_shared_set_is_read(test_data: Path) -> None:
    paths = sorted((test_data / "emg" / "somach_CCBY4").glob("*.csv"))
    assert len(paths) == 60
    rates = [read_recording(path).rate_hz for path in paths]
    assert min(rates) > 200
    assert max(rates) < 300


def test_a_bids_edf_is_read(test_data: Path) -> None:
    path = next((test_data / "emg" / "bids_CustomBipolarFace").rglob("*.edf"))
    recording = read_recording(path)
    assert (len(recording.channels), recording.rate_hz) == (6, 2000.0)


def test_a_selection_of_channels_stays_lazy_and_right(tmp_path: Path) -> None:
    recording = read_recording(write_foreign_edf(tmp_path / "a.edf"))
    chosen = recording.select([1])
    assert chosen.channels == ("Corr re",)
    np.testing.assert_array_equal(chosen.data(10, 20)[0], recording.data(10, 20)[1])
    np.testing.assert_array_equal(chosen.channel(0), recording.channel(1))
    assert read_recording(tmp_path / "a.edf", drop=["Zyg li"]).channels == ("Corr re",)


def test_a_recording_that_was_saved_is_loaded_again(tmp_path: Path) -> None:
    recording = read_recording(write_foreign_edf(tmp_path / "a.edf"))
    recording.save(tmp_path / "a.npz")
    again = Recording.load(tmp_path / "a.npz")
    np.testing.assert_array_equal(again.data(), recording.data())
    assert again.source["sha256"] == recording.source["sha256"]


def test_writing_refuses_names_that_edf_cannot_hold(tmp_path: Path) -> None:
    recording = Recording.from_array(noise(1, 1000), 1000.0, ("a channel without a muscle",))
    with pytest.raises(EiferError, match="does not fit into EDF"):
        write_edf(recording, tmp_path / "a.edf")
    assert list(tmp_path.iterdir()) == []
