"""The same damage done to every format: the right data or one sentence that names the file."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import amplifiers
import big_files
import edfio
import h5py
import numpy as np
import pybv
import pytest
from reader_fuzz import check_sentences, refusal
from scipy.io import savemat
from xdf_writer import header, samples, write_xdf

from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.signals.convert import to_activity
from eifer.eifer_addon.signals.readers import list_contents, read_recording
from eifer.eifer_addon.signals.readers.isolated import worker

RATE, SECONDS = 1024, 2


def table(path: Path, values: np.ndarray, names: list[str]) -> Path:
    lines = [",".join(["time (s)", *names])]
    lines += [",".join([f"{k / RATE:.6f}", *map(str, row)]) for k, row in enumerate(values.T)]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def mat(path: Path, values: np.ndarray, names: list[str]) -> Path:
    savemat(path, {"emg": values, "fs": float(RATE), "labels": np.array(names, object)})
    return path


def hdf5(path: Path, values: np.ndarray, names: list[str]) -> Path:
    with h5py.File(path, "w") as file:
        file["emg"], file["fs"] = values, float(RATE)
        file["labels"] = names
    return path


def xdf(path: Path, values: np.ndarray, names: list[str]) -> Path:
    times = np.arange(values.shape[1]) / RATE
    return write_xdf(
        path, header(1, "Amp", "EMG", [(n, "uV") for n in names], "float32", RATE),
        *(samples(1, values[:, k : k + 128].T.astype("f4"), times[k : k + 128])
          for k in range(0, len(times), 128)),
    )  # fmt: skip


def brainvision(path: Path, values: np.ndarray, names: list[str]) -> Path:
    pybv.write_brainvision(
        data=np.zeros_like(values), sfreq=RATE, ch_names=["a", "b"], fname_base=path.stem,
        folder_out=path.parent, fmt="binary_float32",
    )  # fmt: skip
    text = path.read_text("utf-8").replace("Ch1=a", f"Ch1={names[0]}")
    path.write_text(text.replace("Ch2=b", f"Ch2={names[1]}"), "utf-8")
    values.T.astype("<f4").tofile(path.with_suffix(".eeg"))
    return path


def poly5(path: Path, values: np.ndarray, names: list[str]) -> Path:
    head = amplifiers.poly5_head(names, RATE, values.shape[1], values.shape[1])
    path.write_bytes(head + bytes(86) + values.T.astype("<f4").tobytes())
    return path


def edf(path: Path, values: np.ndarray, names: list[str]) -> Path:
    signals = [edfio.EdfSignal(row, RATE, label=n) for row, n in zip(values, names, strict=True)]
    edfio.Edf(signals).write(path)
    return path


def bdf(path: Path, values: np.ndarray, names: list[str]) -> Path:
    signals = [edfio.BdfSignal(row, RATE, label=n) for row, n in zip(values, names, strict=True)]
    edfio.Bdf(signals).write(path)
    return path


def otb4(path: Path, values: np.ndarray, names: list[str]) -> Path:
    big_files.otb4(path, 2, RATE, SECONDS)
    return path


Writer = Callable[[Path, np.ndarray, list[str]], Path]
FLOATS: dict[str, Writer] = {"csv": table, "mat": mat, "h5": hdf5, "xdf": xdf, "poly5": poly5,
                             "vhdr": brainvision}  # fmt: skip
NAMED: dict[str, Writer] = {**FLOATS, "edf": edf, "bdf": bdf}
ALL: dict[str, Writer] = {**NAMED, "otb4": otb4}


def noise() -> np.ndarray:
    return np.random.default_rng(0).normal(0, 50, (2, RATE * SECONDS))


@pytest.mark.parametrize("suffix", ALL)
def test_an_empty_file_and_other_content_are_named(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(b"")
    assert f"a.{suffix} is empty" in refusal(lambda: read_recording(path)).cause
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8)
    assert f"a.{suffix}" in refusal(lambda: read_recording(path)).cause
    refusal(lambda: list_contents(path))


@pytest.mark.parametrize("suffix", ALL)
def test_a_file_cut_anywhere_is_read_as_far_as_it_goes_or_named(
    tmp_path: Path, suffix: str
) -> None:
    path = ALL[suffix](tmp_path / f"a.{suffix}", noise(), ["Zyg li", "Corr re"])
    whole = read_recording(path).data()
    cut = path.with_suffix(".eeg") if suffix == "vhdr" else path
    data, reads = cut.read_bytes(), 0
    with worker():
        for end in np.linspace(1, len(data) - 1, 25).astype(int):
            cut.write_bytes(data[:end])
            try:
                found = read_recording(path, partial=True).data()
            except EiferError as error:
                check_sentences(error)
                wrong = "a." not in error.cause
            else:
                reads += 1
                wrong = not np.array_equal(found, whole[:, : found.shape[1]])
                wrong &= suffix != "csv"  # its last number may be cut
            assert not wrong, end
    assert reads > 0 or suffix in ("mat", "h5", "otb4")


@pytest.mark.parametrize("suffix", FLOATS)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_no_numbers_are_named_before_they_spread(
    tmp_path: Path, suffix: str, value: float
) -> None:
    values = noise()
    values[1, 321] = value
    path = FLOATS[suffix](tmp_path / f"a.{suffix}", values, ["Zyg li", "Corr re"])
    cause = refusal(lambda: to_activity(read_recording(path))).cause
    assert "'Corr re'" in cause
    assert "frame 321" in cause
    assert f"a.{suffix}" in cause


@pytest.mark.parametrize("suffix", NAMED)
def test_repeated_names_are_numbered(tmp_path: Path, suffix: str) -> None:
    path = NAMED[suffix](tmp_path / f"a.{suffix}", noise(), ["Zyg li", "Zyg li"])
    recording = read_recording(path)
    assert recording.channels == ("Zyg li", "Zyg li (2)")
    assert any("occurs again" in note for note in recording.source["notes"])


@pytest.mark.parametrize("suffix", [s for s in NAMED if s not in ("mat", "h5")])
def test_names_that_are_not_utf8_are_read(tmp_path: Path, suffix: str) -> None:
    path = NAMED[suffix](tmp_path / f"a.{suffix}", noise(), ["Zyg li", "Corr re"])
    data = path.read_bytes()
    assert b"Zyg li" in data
    path.write_bytes(data.replace(b"Zyg li", b"Zyg \xe4i"))
    recording = read_recording(path)
    assert recording.channels[1] == "Corr re"
    assert recording.channels[0].startswith("Zyg ")
    assert recording.channels[0].isprintable()


ABSURD: dict[str, tuple[bytes, bytes]] = {
    "edf": (b"1024    ", b"99999999"), "bdf": (b"1024    ", b"99999999"),
    "vhdr": (b"NumberOfChannels=2", b"NumberOfChannels=65000"),
    "xdf": (b"<channel_count>2<", b"<channel_count>60000<"),
    "poly5": (struct.pack("<Hi", 4, RATE * SECONDS), struct.pack("<Hi", 4, 2**31 - 1)),
    "otb4": (b"<NumberOfChannels>2<", b"<NumberOfChannels>8000<"),
}  # fmt: skip


@pytest.mark.parametrize("suffix", ABSURD)
def test_absurd_counts_are_refused_before_memory_is_taken(tmp_path: Path, suffix: str) -> None:
    path = ALL[suffix](tmp_path / f"a.{suffix}", noise(), ["Zyg li", "Corr re"])
    before, after = ABSURD[suffix]
    data = path.read_bytes()
    assert before in data
    path.write_bytes(data.replace(before, after, 1))
    assert f"a.{suffix.replace('vhdr', '')}" in refusal(lambda: read_recording(path)).cause
