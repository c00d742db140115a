"""Six real people: each recording becomes a track, and the known faint effect survives."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from eifer import api

EXAMPLE = Path(__file__).parents[2] / "examples" / "fmov_effect.py"
PEOPLE = ("10", "17", "18", "20", "22", "24")


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fmov_effect", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def folder(test_data: Path) -> Path:
    return test_data / "emg" / "nilsonne_FMOV_CC0"


@pytest.fixture(scope="module")
def effects(example: ModuleType, folder: Path) -> dict:
    return example.measure(folder)


@pytest.mark.parametrize("person", PEOPLE)
def test_each_recording_becomes_a_track(folder: Path, person: str) -> None:
    recording = api.read_recording(folder / f"{person}_FMOV_preprocessed.txt")
    assert recording.holds_envelope
    assert sorted(e.name for e in recording.events) == sorted(["angry", "happy", "neutral"] * 4)
    track = api.emg_to_expression(api.to_activity(recording))
    assert abs(track.duration_s - recording.duration_s) < 0.1
    assert 0 <= track.coefficients.min() <= track.coefficients.max() <= 1
    # One channel without a side drives both sides alike.
    np.testing.assert_array_equal(track.column("mouthSmileLeft"), track.column("mouthSmileRight"))
    assert track.column("mouthSmileLeft").max() > 0.5
    assert track.provenance["simulated"] is False
    assert len(track.provenance["source_sha256"]) == 64
    assert "frontalis_medialis.left" in track.provenance["missing_muscles"]


def test_the_recordings_show_the_effect_that_is_known_of_them(effects: dict) -> None:
    # The yardstick over these six files: 0.13 and 0.42.
    assert effects["smile", "recording, log ratio"].d == pytest.approx(0.13, abs=0.03)
    assert effects["brow down", "recording, log ratio"].d == pytest.approx(0.42, abs=0.03)


@pytest.mark.parametrize("measure", ["smile", "brow down"])
def test_the_avatar_smiles_more_at_happy_and_frowns_more_at_angry_faces(
    effects: dict, measure: str
) -> None:
    effect = effects[measure, "track, difference"]
    assert len(effect.people) == 6
    assert effect.people.mean() > 0
    # Faint in the face, so faint in the avatar: a large effect would be of our own making.
    assert 0.1 < effect.d < 1.0


def test_effect_size_is_that_of_cohen(example: ModuleType) -> None:
    found = example.effect_size(np.array([1.0, 2.0, 3.0]))
    assert found.d == pytest.approx(2.0)
    assert found.interval[0] <= 2.0 <= found.interval[1]
    many = example.effect_size(np.random.default_rng(1).normal(0.5, 1.0, 40))
    assert 0.0 < many.interval[0] < many.d < many.interval[1] < 1.1


def test_the_example_runs_and_prints_its_table(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLE), str(folder)], capture_output=True, text=True, timeout=120,
        check=True,
    )  # fmt: skip
    assert done.stdout.count("\n| smile") == 3
    assert done.stdout.count("\n| brow down") == 3
