"""Text exports of Delsys, Noraxon and emteqPRO, laid out as publicly described, and damage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from reader_fuzz import refusal, survives

from eifer.eifer_addon.signals.readers import list_contents, read_recording


def values(n: int = 400, channels: int = 2) -> np.ndarray:
    return np.round(np.random.default_rng(2).normal(0, 1e-4, (channels, n)), 7)


def delsys(path: Path, n: int = 400, separator: str = ",") -> tuple[Path, np.ndarray]:
    """Two EMG channels at 2000 Hz and an accelerometer at 200 Hz, each with its own times."""
    emg = values(n)
    lines = [
        "Label: smile", "System: Trigno", "",
        separator.join(["X[s]", "Zyg li: EMG.A 1[V]", "X[s]", "Corr re: EMG.A 2[V]", "X[s]",
                        "Zyg li: ACC.X[g]"]),
    ]  # fmt: skip
    for k in range(n):
        cells = [f"{k / 2000:.5f}", f"{emg[0, k]:.7f}", f"{k / 2000:.5f}", f"{emg[1, k]:.7f}"]
        cells += [f"{k / 200:.5f}", "0.5"] if k < n // 10 else ["", ""]
        lines.append(separator.join(cells))
    path.write_text("\n".join(lines) + "\n")
    return path, emg


def discover(path: Path, n: int = 400, times: bool = True) -> tuple[Path, np.ndarray]:
    """Trigno Discover: two sensors of one EMG channel, one of them with an accelerometer."""
    emg, rate = values(n), 29 / 0.0135
    top = ["EMG 1 (mV)", "ACC X (G)", "EMG 1 (mV)"]
    rates, sensors = (
        ["2148.1481 Hz", "148.1481 Hz", "2148.1481 Hz"],
        ["Zyg li (54717)", "", "Corr re (9)"],
    )
    lines = ["Application:, Trigno Discover (1.7.0)", "Date/Time:, 4/10/2026", "Collection:, 0.2"]
    if times:
        top = [cell for name in top for cell in (f"{name.split(' (')[0]} Time Series (s)", name)]
        rates = [cell for text in rates for cell in ("", text)]
        sensors = [cell for text in sensors for cell in (text, "")]
    lines += [", ".join(row) for row in (sensors, ["sensor mode: 55"], top, rates)]
    lines.append(", ".join([""] * len(top)) + ", Type, Name, Label, Time (s)")
    for k in range(n):
        cells = [f"{emg[0, k]:.7f}", "0.5" if k < n // 10 else "", f"{emg[1, k]:.7f}"]
        if times:
            cells = [c for v in cells for c in (f"{k / rate:.7f}" if v else "", v)]
        lines.append(", ".join(cells) + (", General, Marker 1, smile, 0.05" if k == 0 else ""))
    path.write_text("\n".join(lines) + "\n")
    return path, emg


def noraxon(path: Path, n: int = 400) -> tuple[Path, np.ndarray]:
    """Two channels at 1500 Hz with markers."""
    emg = values(n) * 1e6
    lines = ["Type,myoRESEARCH", "Name,smile", 'time,Activity,Marker,"LT ZYG (uV)","RT CORR (uV)"']
    for k in range(n):
        mark = "smile" if 100 <= k < 110 else "0"
        lines.append(f"{k / 1500:.6f},0,{mark},{emg[0, k]:.4f},{emg[1, k]:.4f}")
    path.write_text("\n".join(lines) + "\n")
    return path, emg


def emteq(path: Path, n: int = 400) -> tuple[Path, np.ndarray]:
    """Two muscles, raw and amplitude, at 1000 Hz among other sensors."""
    counts = np.round(values(n) * 1e8)
    lines = [
        "#Format,2",
        "#Emg/Properties.rawToVoltageDivisor,1000000",
        "Frame,Time,Emg/Contact[RightFrontalis],Emg/Raw[RightFrontalis],Emg/Raw[LeftZygomaticus],"
        "Emg/Amplitude[RightFrontalis],Emg/Amplitude[LeftZygomaticus]",
    ]
    lines += [
        f"{k},{k / 1000:.4f},255,{counts[0, k]:.0f},{counts[1, k]:.0f},1.5,2.5" for k in range(n)
    ]
    path.write_text("\n".join(lines) + "\n")
    return path, counts / 1e6


@pytest.mark.parametrize("separator", [",", "\t"])
def test_delsys_channels_have_times_of_their_own(tmp_path: Path, separator: str) -> None:
    path, emg = delsys(tmp_path / "a.csv", separator=separator)
    recording = read_recording(path)
    np.testing.assert_allclose(recording.data(), emg)
    assert recording.channels == ("Zyg li: EMG.A 1", "Corr re: EMG.A 2")
    assert (recording.rate_hz, recording.units) == (2000.0, ("V", "V"))
    assert "ACC.X" in recording.source["notes"][0]
    slow = read_recording(path, rate_hz=200)
    assert (slow.rate_hz, slow.n_samples, slow.units) == (200.0, 40, ("g",))


def test_noraxon_sides_units_and_markers_are_understood(tmp_path: Path) -> None:
    path, emg = noraxon(tmp_path / "a.csv")
    recording = read_recording(path)
    np.testing.assert_allclose(recording.data(), emg, atol=1e-4)
    assert recording.channels == ("left ZYG", "right CORR")
    assert recording.units == ("uV", "uV")
    assert recording.rate_hz == pytest.approx(1500, rel=1e-4)
    assert [(e.name, round(e.onset_s, 4)) for e in recording.events] == [("smile", 0.0667)]


def test_emteq_raw_channels_become_volts(tmp_path: Path) -> None:
    path, volts = emteq(tmp_path / "a.csv")
    recording = read_recording(path)
    np.testing.assert_allclose(recording.data(), volts)
    assert recording.channels == ("Right Frontalis", "Left Zygomaticus")
    assert (recording.rate_hz, recording.units) == (1000.0, ("V", "V"))
    envelope = read_recording(path, envelope=True)
    assert envelope.holds_envelope
    np.testing.assert_allclose(envelope.data()[:, 0], [1.5e-6, 2.5e-6])


def test_emteq_numbers_are_looked_up_and_lines_between_the_rows_passed_over(tmp_path: Path) -> None:
    path, volts = emteq(tmp_path / "a.csv")
    text = path.read_text().replace("[RightFrontalis]", "[1]").replace("[LeftZygomaticus]", "[0]")
    lines = text.replace("Frame,Time", "Frame#,Time").splitlines()
    lines.insert(2, "#Emg/Properties.ids[],LeftZygomaticus,RightFrontalis")
    lines.insert(100, "#Event,smile")
    path.write_text("\n".join(lines) + "\n")
    recording = read_recording(path)
    assert recording.channels == ("Right Frontalis", "Left Zygomaticus")
    np.testing.assert_allclose(recording.data(), volts)


@pytest.mark.parametrize("times", [True, False])
def test_trigno_discover_is_read_with_its_sensors_and_markers(tmp_path: Path, times: bool) -> None:
    path, emg = discover(tmp_path / "a.csv", times=times)
    recording = read_recording(path)
    np.testing.assert_allclose(recording.data(), emg)
    assert (recording.channels, recording.units) == (("Zyg li", "Corr re"), ("mV", "mV"))
    assert recording.rate_hz == pytest.approx(29 / 0.0135, abs=1e-9)  # not the printed 2148.1481
    assert [(e.onset_s, e.name) for e in recording.events] == [(0.05, "smile")]
    assert "Zyg li: ACC X" in recording.source["notes"][0]
    assert [row["channel"] for row in list_contents(path)] == ["Zyg li", "Zyg li: ACC X", "Corr re"]
    assert read_recording(path, rate_hz=148.148).units == ("G",)
    assert "no channel at 9 Hz" in refusal(lambda: read_recording(path, rate_hz=9)).cause


def test_emg_of_most_channels_is_taken_and_faster_inputs_are_not(tmp_path: Path) -> None:
    names = ["a: EMG 1", "b: EMG 2", "c: EMG 3", "in: Analog 4"]
    rates = [1926, 1259, 1259, 2222]
    lines = [",".join(cell for name in names for cell in ("X[s]", f'"{name}"'))]
    lines += [",".join(f"{k / rate:.7f},{k % 9}" for rate in rates) for k in range(200)]
    (tmp_path / "a.csv").write_text("\n".join(lines) + "\n")
    recording = read_recording(tmp_path / "a.csv")
    assert recording.channels == ("b: EMG 2", "c: EMG 3")
    assert recording.rate_hz == pytest.approx(1259, abs=0.01)
    notes = " ".join(recording.source["notes"])
    assert "in: Analog 4" in notes
    assert "a: EMG 1 (1926" in notes
    assert read_recording(tmp_path / "a.csv", rate_hz=1926).channels == ("a: EMG 1",)


def test_noraxon_in_german_gives_its_printed_rate_sides_and_parts(tmp_path: Path) -> None:
    emg = values(channels=1)[0] * 1e6
    lines = [
        '"type";"begin_time";"frequency";"count";"record_name"',
        '"record";"0,00000";"2000.4";"400";"smile"', "",
        '"time";"Activity";"Marker";"ZYGOMATICUS LT (uV)"',
    ]  # fmt: skip
    for k, value in enumerate(emg):
        part = {0: '"Activity"', 100: '"SMILE"', 300: '"REST"'}.get(k, "")
        lines.append(f"{k / 2000.4:.5f};{part};;{value:.6f}".replace(".", ","))
    (tmp_path / "a.csv").write_text("\n".join(lines) + "\n")
    recording = read_recording(tmp_path / "a.csv")
    np.testing.assert_allclose(recording.data()[0], emg, atol=1e-6)
    assert (recording.channels, recording.units) == (("left ZYGOMATICUS",), ("uV",))
    assert recording.rate_hz == 2000.4
    found = [(e.name, round(e.onset_s * 2000.4), e.duration_s * 2000.4) for e in recording.events]
    assert found == [("SMILE", 100, pytest.approx(200)), ("REST", 300, pytest.approx(100))]
    assert "notes" not in recording.source


def test_delimiters_inside_quotes_belong_to_a_name(tmp_path: Path) -> None:
    rows = "".join(f"{k / 1000:.3f},{k},{k}\n" for k in range(100))
    (tmp_path / "a.csv").write_text(f'"time (s)","Zyg, left","Corr, right"\n{rows}')
    assert read_recording(tmp_path / "a.csv").channels == ("Zyg left", "Corr right")


def test_a_broken_line_of_an_export_is_named(tmp_path: Path) -> None:
    path, _ = noraxon(tmp_path / "a.csv")
    lines = path.read_text().splitlines()
    lines[200] = lines[200].rsplit(",", 1)[0]
    path.write_text("\n".join(lines))
    assert "Line 201 of a.csv" in refusal(lambda: read_recording(path)).cause
    lines[200] = lines[199].rsplit(",", 1)[0] + ",nan"
    path.write_text("\n".join(lines))
    assert "Channel 'right CORR' of a.csv" in refusal(lambda: read_recording(path)).cause


def table(path: Path, n: int) -> tuple[Path, np.ndarray]:
    """A plain German export: semicolons, decimal commas, a line of units."""
    emg = values(n) * 1e6
    lines = ["Zeit;Zyg li;Corr re", "s;µV;µV"]
    lines += [f"{k / 1000:.3f};{a:.2f};{b:.2f}".replace(".", ",") for k, (a, b) in enumerate(emg.T)]
    path.write_text("\n".join(lines) + "\n", "cp1252")
    return path, emg


def openbci(path: Path, n: int) -> tuple[Path, np.ndarray]:
    """OpenBCI's lines of comments, a counter and channels."""
    emg = values(n) * 1e6
    lines = ["%OpenBCI Raw EEG Data", "%Sample Rate = 250 Hz", "Sample Index, EXG Channel 0, Other"]
    lines += [f"{k % 256}, {a:.4f}, {b:.4f}" for k, (a, b) in enumerate(emg.T)]
    path.write_text("\n".join(lines) + "\n")
    return path, emg


def fmov(path: Path, n: int) -> tuple[Path, np.ndarray]:
    """Eight columns of an FMOV file."""
    emg = np.abs(values(n))
    rows = [f"1.0\t0.1\t0.1\t{a:.6f}\t{b:.6f}\t0\t5\t0\t" for a, b in emg.T]
    path.write_text("\n".join(rows) + "\n")
    return path, emg


def mmm(path: Path, n: int) -> tuple[Path, np.ndarray]:
    """The 22 columns of MMM."""
    emg = np.abs(values(n, 22)) * 1e5
    muscles = ("Corrugator Supercilii", "Depressor Ang. Oris", "Depressor Supercilii Procerus",
               "Lateraler Frontalis", "Levator Labii Superioris", "Masseter", "Medialer Frontalis",
               "Mentalis", "Orbicularis Oculi", "Orbicularis Oris", "Zygomaticus")  # fmt: skip
    lines = [",".join(["", *(f"{muscle}_{side}" for muscle in muscles for side in "lr")])]
    lines += [f"{k}," + ",".join(f"{v:.3f}" for v in row) for k, row in enumerate(emg.T)]
    path.write_text("\n".join(lines) + "\n")
    return path, emg


@pytest.mark.parametrize("write", [table, openbci, fmov, mmm])
def test_the_written_text_formats_are_read(tmp_path: Path, write: object) -> None:
    path, emg = write(tmp_path / "a.csv", 120)  # type: ignore[operator]
    np.testing.assert_allclose(read_recording(path).data()[0], emg[0], atol=0.01)


@pytest.mark.parametrize("write", [delsys, discover, noraxon, emteq, table, openbci, fmov, mmm])
def test_mutated_exports_are_read_or_refused(tmp_path: Path, write: object) -> None:
    survives(write(tmp_path / "a.csv", 120)[0], tmp_path / "m.csv")  # type: ignore[operator]
