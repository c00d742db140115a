"""Recordings that EIFER saved are read like those of any other program."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
from reader_fuzz import cuts, survives

from eifer import api
from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.signals.recording import Event, Recording


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    samples = np.random.default_rng(1).normal(0, 20, (3, 4000))
    recording = Recording.from_array(
        samples, 1000.0, ("Zyg re", "Zyg li", "Corr re"), units=("uV",) * 3,
        events=(Event(1.0, "smile", 0.5),), source={"file": "/there/session.edf", "sha256": "ab"},
    )  # fmt: skip
    return recording.save(tmp_path / "saved.npz")


def test_it_comes_back_whole_and_says_where_it_was_from(saved: Path) -> None:
    back, kept = api.read_recording(saved), Recording.load(saved)
    np.testing.assert_array_equal(back.data(), kept.data())
    assert (back.channels, back.units, back.events) == (kept.channels, kept.units, kept.events)
    assert back.source["file"] == str(saved)
    assert back.source["saved_from"]["file"] == "/there/session.edf"
    assert [row["channel"] for row in api.inspect(saved)["contents"]] == list(back.channels)


def test_its_activity_is_that_of_the_original(saved: Path) -> None:
    from_file = api.to_activity(api.read_recording(saved))
    np.testing.assert_array_equal(from_file.values, api.to_activity(Recording.load(saved)).values)


def test_a_track_is_not_taken_for_a_recording(tmp_path: Path, saved: Path) -> None:
    path = tmp_path / "track.npz"
    api.emg_to_expression(api.to_activity(Recording.load(saved))).save(path)
    with pytest.raises(EiferError, match=r"track\.npz holds expression_track"):
        api.read_recording(path)


def test_a_file_that_unfolds_without_end_is_not_unfolded(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("samples.npy", bytes(300 << 20))
    with pytest.raises(EiferError, match=r"bomb\.npz claims to hold 300 MB"):
        api.read_recording(path)


def test_damage_and_cuts(saved: Path, tmp_path: Path) -> None:
    assert survives(saved, tmp_path / "damaged.npz") > 0
    cuts(saved, tmp_path / "cut.npz")
