"""MAT and HDF5: the signal is found when names and shapes leave no doubt, and asked for else."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
from reader_fuzz import cuts, refusal, survives
from scipy.io import savemat

from eifer.eifer_addon.signals.readers import isolated, list_contents, read_recording
from eifer.eifer_addon.signals.readers.isolated import worker

LABELS = ("Zyg li", "Corr re")


@pytest.fixture
def shared_child() -> Iterator[None]:
    """One child process for all files of a test: its start costs more than a small file."""
    with worker():
        yield


def noise(n: int = 1000) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 50, (2, n))


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("transposed", [True, False])
def test_a_mat_file_tells_rate_names_and_units(
    tmp_path: Path, compressed: bool, transposed: bool
) -> None:
    emg = noise()
    savemat(
        tmp_path / "a.mat",
        {"emg": emg.T if transposed else emg, "fs": 2000.0, "unit": "µV",
         "labels": np.array(LABELS, object), "comment": "smile"},
        do_compression=compressed,
    )  # fmt: skip
    recording = read_recording(tmp_path / "a.mat")
    np.testing.assert_array_equal(recording.data(), emg)
    np.testing.assert_array_equal(recording.channel(1, 5, 9), emg[1, 5:9])
    assert (recording.channels, recording.units) == (LABELS, ("uV", "uV"))
    assert recording.rate_hz == 2000.0
    assert recording.source["dataset"] == "emg"
    table = {row["data set"]: row for row in list_contents(tmp_path / "a.mat")}
    assert table["fs"]["value"] == "2000"
    assert table["labels"]["value"] == "Zyg li, Corr re"


@pytest.mark.usefixtures("shared_child")
def test_structs_of_mat_files_are_looked_into(tmp_path: Path) -> None:
    other = {"data": noise()[:1], "srate": 100.0}
    savemat(tmp_path / "a.mat", {"EMG": {"data": noise(), "srate": 1024.0}, "ACC": other})
    error = refusal(lambda: read_recording(tmp_path / "a.mat"))
    assert "2 arrays that could be the signal" in error.cause
    assert "'EMG.data' (2x1000)" in error.remedy
    recording = read_recording(tmp_path / "a.mat", dataset="EMG.data")
    assert (recording.rate_hz, recording.channels) == (1024.0, ("channel 1", "channel 2"))
    assert read_recording(tmp_path / "a.mat", dataset="ACC.data").rate_hz == 100.0


@pytest.mark.usefixtures("shared_child")
def test_an_array_of_times_gives_the_rate(tmp_path: Path) -> None:
    savemat(tmp_path / "a.mat", {"x": noise(), "t": np.arange(1000) / 500})
    assert read_recording(tmp_path / "a.mat").rate_hz == pytest.approx(500)
    savemat(tmp_path / "a.mat", {"x": noise(), "t": np.arange(1000) ** 2})
    assert "not even" in refusal(lambda: read_recording(tmp_path / "a.mat")).cause


@pytest.mark.usefixtures("shared_child")
def test_what_a_mat_file_leaves_open_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    savemat(path, {"x": np.zeros((60, 50))})
    assert "which axis is time" in refusal(lambda: read_recording(path, rate_hz=1000)).cause
    assert len(read_recording(path, rate_hz=1000, axis=1).channels) == 60
    assert "no axis 2" in refusal(lambda: read_recording(path, rate_hz=1000, axis=2)).cause
    savemat(path, {"x": noise()})
    assert "says no sampling rate" in refusal(lambda: read_recording(path)).cause
    names = read_recording(path, rate_hz=1000, names=LABELS).channels
    assert names == LABELS
    assert (
        "1 different names"
        in refusal(lambda: read_recording(path, rate_hz=1000, names=["a", "a"])).cause
    )
    assert "no array 'y'" in refusal(lambda: read_recording(path, dataset="y")).cause
    savemat(path, {"x": 1.0, "y": "text"})
    assert "0 arrays" in refusal(lambda: read_recording(path)).cause


@pytest.mark.usefixtures("shared_child")
def test_not_a_number_and_absurd_rates_are_named(tmp_path: Path) -> None:
    emg = noise()
    emg[1, 7] = np.nan
    savemat(tmp_path / "a.mat", {"emg": emg, "fs": 1000.0})
    assert "frame 7" in refusal(lambda: read_recording(tmp_path / "a.mat")).cause
    for rate in (0.0, -5.0, 1e12):
        savemat(tmp_path / "a.mat", {"emg": noise(), "fs": rate})
        assert "cannot be" in refusal(lambda: read_recording(tmp_path / "a.mat")).cause


def test_a_mat_file_that_unpacks_to_too_much_is_refused(tmp_path: Path) -> None:
    savemat(tmp_path / "a.mat", {"emg": np.zeros((2, 17_000_000)), "fs": 1e3}, do_compression=True)
    assert "unpacks to 272 MB" in refusal(lambda: read_recording(tmp_path / "a.mat")).cause


def test_a_mat_file_that_is_none_or_cut_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.mat").write_bytes(b"rubbish" * 100)
    assert "a.mat" in refusal(lambda: read_recording(tmp_path / "a.mat")).cause
    savemat(tmp_path / "b.mat", {"emg": noise(200), "fs": 1000.0})
    with worker():
        cuts(tmp_path / "b.mat", tmp_path / "cut.mat", 60)


@pytest.mark.parametrize("compressed", [True, False])
def test_mutated_mat_files_are_read_or_refused(tmp_path: Path, compressed: bool) -> None:
    savemat(
        tmp_path / "a.mat",
        {"EMG": {"emg": noise(100), "fs": 1000.0, "labels": np.array(LABELS, object)}},
        do_compression=compressed,
    )
    with worker():
        assert survives(tmp_path / "a.mat", tmp_path / "m.mat") > 0


def hdf5_file(path: Path, n: int = 1000) -> np.ndarray:
    emg = noise(n)
    with h5py.File(path, "w") as file:
        group = file.create_group("session")
        data = group.create_dataset("emg", data=emg.T.astype("f4"), chunks=(50, 2), compression=4)
        data.attrs["unit"] = "mV"
        group.attrs["sampling_rate"] = 2000.0
        group["channels"] = list(LABELS)
        file["notes"] = "a smile"
    return emg.astype("f4")


def test_an_hdf5_file_tells_rate_names_and_units(tmp_path: Path) -> None:
    emg = hdf5_file(tmp_path / "a.h5")
    recording = read_recording(tmp_path / "a.h5")
    np.testing.assert_array_equal(recording.data(), emg)
    assert (recording.channels, recording.units) == (LABELS, ("mV", "mV"))
    assert (recording.rate_hz, recording.source["dataset"]) == (2000.0, "session/emg")
    assert {row["data set"] for row in list_contents(tmp_path / "a.h5")} >= {"session/emg", "notes"}


def test_a_mat_file_of_version_73_is_read(tmp_path: Path) -> None:
    emg = noise()
    with h5py.File(tmp_path / "a.mat", "w", userblock_size=512) as file:
        file["emg"] = emg.T
        file["fs"] = np.array([[1500.0]])
        cells = []
        for k, label in enumerate(LABELS):
            cell = file.create_dataset(
                f"#refs#/{k}", data=np.array([[ord(c)] for c in label], "u2")
            )
            cell.attrs["MATLAB_class"] = np.bytes_("char")
            cells.append(cell.ref)
        names = file.create_dataset("labels", data=np.array([cells], h5py.ref_dtype))
        names.attrs["MATLAB_class"] = np.bytes_("cell")
    with (tmp_path / "a.mat").open("r+b") as stream:
        stream.write(b"MATLAB 7.3 MAT-file")
    recording = read_recording(tmp_path / "a.mat")
    np.testing.assert_array_equal(recording.data(), emg)
    assert (recording.rate_hz, recording.channels) == (1500.0, LABELS)


def test_hdf5_data_sets_that_are_larger_than_their_file_are_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("emg", (10**10, 2), "f4", chunks=(1000, 2))
        file["fs"] = 1000.0
    error = refusal(lambda: read_recording(tmp_path / "a.h5"))
    assert "unpacks to 80000 MB" in error.cause


def test_a_library_that_hangs_or_crashes_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hdf5_file(tmp_path / "a.h5")
    script = tmp_path / "worker.py"
    monkeypatch.setattr(isolated, "_SCRIPT", script)
    script.write_text("import os\nos.abort()\n")
    assert "crashed" in refusal(lambda: read_recording(tmp_path / "a.h5")).cause
    monkeypatch.setattr(isolated, "_PATIENCE_S", 1.0)
    script.write_text("while True: pass\n")
    assert "for ever" in refusal(lambda: read_recording(tmp_path / "a.h5")).cause


def test_no_process_and_no_temporary_file_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    hdf5_file(tmp_path / "a.h5")
    with worker() as child:
        recording = read_recording(tmp_path / "a.h5")
        process = child._process
        assert process is not None
    assert process.poll() is not None
    assert list((tmp_path / "scratch").iterdir()) == []
    assert recording.data().shape == (2, 1000)


def test_an_hdf5_file_that_is_none_or_cut_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.h5").write_bytes(b"rubbish" * 100)
    assert "a.h5" in refusal(lambda: read_recording(tmp_path / "a.h5")).cause
    hdf5_file(tmp_path / "b.h5")
    with worker():
        cuts(tmp_path / "b.h5", tmp_path / "cut.h5", 30)


def test_mutated_hdf5_files_are_read_or_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolated, "_PATIENCE_S", 2.0)
    hdf5_file(tmp_path / "a.h5", 64)
    with worker():
        assert survives(tmp_path / "a.h5", tmp_path / "m.h5") > 0
