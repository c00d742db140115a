"""Channel names of many hands find their muscle and side; what is not understood stays listed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.signals.montage import (
    Montage,
    map_channels,
    match_channels,
    muscle_names,
    short_label,
)


@pytest.mark.parametrize(
    ("name", "muscle", "side"),
    [
        ("Corrugator Supercilii_l", "corrugator", "left"),
        ("Depressor Ang. Oris_r", "depressor_anguli_oris", "right"),
        ("Depressor Supercilii Procerus_l", "depressor_supercilii", "left"),
        ("Lateraler Frontalis_r", "frontalis_lateralis", "right"),
        ("Levator Labii Superioris_l", "levator_labii", "left"),
        ("Medialer Frontalis_l", "frontalis_medialis", "left"),
        ("Orbicularis Oculi_r", "orbicularis_oculi", "right"),
        ("med Front re", "frontalis_medialis", "right"),
        ("Zyg li", "zygomaticus", "left"),
        ("OrbOc re", "orbicularis_oculi", "right"),
        ("OrbOr li", "orbicularis_oris", "left"),
        ("DAO re", "depressor_anguli_oris", "right"),
        ("Mass li", "masseter", "left"),
        ("M. zygomaticus major links", "zygomaticus", "left"),
        ("Zygomaticus (left) [uV]", "zygomaticus", "left"),
        ("CORRUGATOR.RIGHT", "corrugator", "right"),
        ("EMG_ZygL", "zygomaticus", "left"),
        ("L_Mentalis", "mentalis", "left"),
        ("zygl", "zygomaticus", "left"),
        ("zyg_r_env", "zygomaticus", "right"),
        ("Zygomatcius major left", "zygomaticus", "left"),
        ("Jochbeinmuskel rechts", "zygomaticus", "right"),
        ("zygomaticus", "zygomaticus", "both"),
    ],
)
def test_names_in_the_wild_are_understood(name: str, muscle: str, side: str) -> None:
    (match,) = match_channels([name])
    assert (match.muscle, match.side) == (muscle, side)


@pytest.mark.parametrize(
    "name", ["EMG1", "ECG", "SCR", "Accel X", "trapezius left", "depressor", "time", "left", "F23"]
)
def test_names_of_something_else_stay_unmapped(name: str) -> None:
    (match,) = match_channels([name])
    assert (match.muscle, match.side, match.score) == (None, None, 0.0)


def test_fridlund_codes_are_odd_on_the_right() -> None:
    montage = map_channels([f"F{k}" for k in range(1, 23)])
    assert len(montage.muscles) == 22
    assert montage.channels["zygomaticus.right"] == "F19"
    assert montage.channels["zygomaticus.left"] == "F20"
    assert montage.channels["frontalis_medialis.right"] == "F1"
    assert montage.channels["masseter.left"] == "F22"


def test_f_codes_beside_eeg_positions_are_not_taken_for_fridlund() -> None:
    matches = match_channels(["Fz", "Cz", "F3", "F4", "Zyg li"])
    assert [m.muscle for m in matches] == [None, None, None, None, "zygomaticus"]


def test_our_own_names_and_short_labels_map_onto_themselves() -> None:
    for muscle in muscle_names():
        for side in ("left", "right"):
            for name in (f"{muscle}.{side}", short_label(f"{muscle}.{side}")):
                (match,) = match_channels([name])
                assert (match.muscle, match.side, match.score) == (muscle, side, 1.0)
                assert len(short_label(f"{muscle}.{side}")) <= 16


def test_a_channel_without_a_side_drives_both_and_says_so() -> None:
    montage = map_channels(["zygomaticus", "ECG"])
    assert montage.channels == {
        "zygomaticus.left": "zygomaticus", "zygomaticus.right": "zygomaticus",
    }  # fmt: skip
    assert "names no side" in montage.notes[0]
    assert montage.unmapped == ("ECG",)


def test_a_second_channel_of_a_muscle_is_listed_as_unused() -> None:
    montage = map_channels(["Zyg li", "zygomaticus left", "zygomaticus"])
    assert montage.channels == {"zygomaticus.left": "Zyg li"}
    assert montage.unmapped == ("zygomaticus left", "zygomaticus")
    assert sum("is not used" in note for note in montage.notes) == 2


def test_zero_mapped_channels_list_the_names_found_and_understood() -> None:
    with pytest.raises(EiferError) as caught:
        map_channels(["EXG Channel 0", "EXG Channel 1"])
    assert "EXG Channel 0, EXG Channel 1" in caught.value.cause
    assert "zygomaticus" in caught.value.remedy


def test_the_users_montage_is_taken_from_a_mapping_a_file_and_a_saved_montage(
    tmp_path: Path,
) -> None:
    names = ["CH1", "CH2", "CH3"]
    given = {"CH1": "zygomaticus.left", "CH2": "Corr"}
    montage = map_channels(names, given)
    assert montage.channels == {
        "corrugator.left": "CH2", "corrugator.right": "CH2", "zygomaticus.left": "CH1",
    }  # fmt: skip
    assert montage.unmapped == ("CH3",)
    montage.save(tmp_path / "m.json")
    for again in (map_channels(names, tmp_path / "m.json"), map_channels(names, montage)):
        assert isinstance(again, Montage)
        assert again.channels == montage.channels


@pytest.mark.parametrize(
    ("montage", "sentence"),
    [
        ({"CH9": "zygomaticus"}, "names the channel 'CH9'"),
        ({"CH1": "biceps"}, "unknown muscle 'biceps'"),
    ],
)
def test_a_montage_that_does_not_fit_is_refused(montage: dict[str, str], sentence: str) -> None:
    with pytest.raises(EiferError, match=sentence):
        map_channels(["CH1"], montage)


@pytest.mark.parametrize(
    "content", ["", "[]", '{"format_version": 1}', '{"format_version": 99, "channels": {}}']
)
def test_a_montage_file_that_is_none_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "m.json").write_text(content)
    with pytest.raises(EiferError, match=r"m\.json"):
        map_channels(["CH1"], tmp_path / "m.json")
    with pytest.raises(EiferError, match="could not be read"):
        map_channels(["CH1"], tmp_path / "absent.json")


def test_the_table_of_muscles_says_who_made_it() -> None:
    path = Path(__file__).parents[2] / "eifer_addon" / "signals" / "data" / "muscles.json"
    table = json.loads(path.read_text("utf-8"))
    assert table["format_version"] == 1
    assert table["author"]
    assert table["licence"]
    assert len(table["sources"]) >= 2
    codes = [code for entry in table["muscles"].values() for code in entry["fridlund"]]
    assert codes == [f"F{k}" for k in range(1, 23)]


def test_the_names_of_the_electromyogram_package_are_all_understood(test_data: Path) -> None:
    header = (test_data / "maps/electromyogram_MIT/fridlund.csv").read_text().splitlines()[0]
    montage = map_channels(tuple(header.split(",")[1:]))
    assert len(montage.muscles) == 22
    assert montage.unmapped == ()
