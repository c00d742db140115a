"""Text exports of Delsys, Noraxon and emteqPRO, laid out as publicly described, and damage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from reader_fuzz import refusal, survives

from eifer.eifer_addon.signals.readers import read_recording


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
    assert envelope.data()[:, 0].tolist() == [1.5, 2.5]


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


@pytest.mark.parametrize("write", [delsys, noraxon, emteq, table, openbci, fmov, mmm])
def test_mutated_exports_are_read_or_refused(tmp_path: Path, write: object) -> None:
    survives(write(tmp_path / "a.csv", 120)[0], tmp_path / "m.csv")  # type: ignore[operator]
