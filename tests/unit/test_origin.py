"""How an activity says how it was made, and when it does not say so any more."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from eifer.eifer_addon import api
from eifer.eifer_addon.errors import Cancelled, EiferError
from eifer.eifer_addon.seals import RECIPE, opened_note
from eifer.eifer_addon.signals.activity import Activity
from eifer.eifer_addon.signals.edits import Edits

RATE_HZ = 1000.0
NAMES = ("Zygomaticus_l", "Zygomaticus_r", "Corrugator_l", "Corrugator_r", "Mentalis_l")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    random = np.random.default_rng(5)
    seconds = np.arange(int(4 * RATE_HZ)) / RATE_HZ
    data = random.normal(size=(len(seconds), len(NAMES))) * (
        2 + 40 * (np.sin(seconds * 2)[:, None] > np.linspace(0.3, 0.7, len(NAMES)))
    )
    table = np.column_stack([seconds, data])
    header = ",".join(("time", *NAMES))
    np.savetxt(tmp_path / "a.csv", table, delimiter=",", header=header, comments="", fmt="%.6f")
    return tmp_path / "a.csv"


def test_an_activity_notes_how_it_was_made(path: Path) -> None:
    recording = api.read_recording(path, units="mV")
    activity = api.to_activity(recording, preset="rms100", repair={"Mentalis_l": "drop"})
    note = opened_note(activity.source[RECIPE], activity.values)
    assert note is not None
    assert (note["file"], note["sha256"]) == (str(path), recording.source["sha256"])
    assert (note["reader"], note["preset"]) == ({"units": "mV"}, "rms100")
    assert note["repair"] == {"Mentalis_l": "drop"}
    assert note["montage"]["Mentalis_l"] == "mentalis.left"


def test_a_recording_from_memory_has_no_origin(path: Path) -> None:
    recording = replace(api.read_recording(path), opened={})
    assert RECIPE not in api.to_activity(recording).source
    assert RECIPE not in api.emg_to_expression(api.to_activity(recording)).provenance


def test_values_changed_by_hand_do_not_pass_for_those_of_the_file(path: Path) -> None:
    activity = api.to_activity(api.read_recording(path))
    changed = replace(activity, values=activity.values * np.float32(0.5))
    assert opened_note(changed.source[RECIPE], changed.values) is None
    assert RECIPE in api.emg_to_expression(activity).provenance
    assert RECIPE not in api.emg_to_expression(changed).provenance


def test_edits_are_noted_once_and_lost_when_put_on_edits(path: Path) -> None:
    activity = api.to_activity(api.read_recording(path))
    swapped = api.apply_edits(activity, {"swap_sides": True, "gain": {"zygomaticus": 0.5}})
    note = opened_note(swapped.source[RECIPE], swapped.values)
    assert note is not None
    assert Edits.from_document(note["edits"]) == Edits(swap_sides=True, gain={"zygomaticus": 0.5})
    twice = api.apply_edits(swapped, {"symmetry": 0.5})
    assert twice.source[RECIPE] is None


def test_a_saved_track_keeps_its_origin(path: Path, tmp_path: Path) -> None:
    track = api.emg_to_expression(api.to_activity(api.read_recording(path)), fill="mirror")
    saved = api.read_track(track.save(tmp_path / "t.npz"))
    note = opened_note(saved.provenance[RECIPE], saved.coefficients)
    assert note is not None
    assert (note["fill"], note["model"]) == ("mirror", "")
    assert note["model_sha256"] == track.provenance["model_sha256"]


def test_rest_can_be_lowered_where_what_lies_below_it_is_known(path: Path, tmp_path: Path) -> None:
    activity = api.to_activity(api.read_recording(path))
    assert activity.unclamped is not None
    assert (activity.unclamped < 0).any()
    lowered = api.apply_edits(activity, {"baseline": {"zygomaticus.left": -0.2}})
    k = activity.muscles.index("zygomaticus.left")
    wanted = np.maximum(activity.unclamped[:, k].astype(np.float64) + 0.2, 0) / 1.2
    np.testing.assert_allclose(lowered.values[:, k], wanted, rtol=1e-6)
    assert (lowered.values[:, k] > activity.values[:, k]).mean() > 0.5
    others = [j for j in range(len(activity.muscles)) if j != k]
    np.testing.assert_array_equal(lowered.values[:, others], activity.values[:, others])
    again = Activity.load(activity.save(tmp_path / "a.npz"))
    np.testing.assert_array_equal(again.unclamped, activity.unclamped)


def test_rest_is_not_lowered_on_guesses(path: Path) -> None:
    activity = replace(api.to_activity(api.read_recording(path)), unclamped=None)
    with pytest.raises(EiferError, match="Rest cannot be lowered"):
        api.apply_edits(activity, {"baseline": {"zygomaticus": -0.1}})
    known = api.to_activity(api.read_recording(path))
    halved = replace(known, values=known.values * np.float32(0.5))
    with pytest.raises(EiferError, match="Rest cannot be lowered"):
        api.apply_edits(halved, {"baseline": {"zygomaticus": -0.1}})


def test_progress_is_told_per_channel_and_may_stop_the_work(path: Path) -> None:
    recording, told = api.read_recording(path), []
    whole = api.to_activity(recording, on_progress=told.append)
    assert told == sorted(told)
    assert len(told) >= 3
    assert told[-1] == 1.0
    np.testing.assert_array_equal(whole.values, api.to_activity(recording).values)
    read: list[int] = []

    def read_channel(index: int, start: int, stop: int) -> np.ndarray:
        read.append(index)
        return recording.channel(index, start, stop)

    def stop(_share: float) -> None:
        read.clear()
        raise Cancelled("The import")

    with pytest.raises(Cancelled):
        api.to_activity(replace(recording, read_channel=read_channel), on_progress=stop)
    assert read == []
