"""Fridlund's and Kuramoto's codes, and which side a recording shows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eifer.eifer_addon import api
from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.heads.electrodes import electrode_scheme
from eifer.eifer_addon.signals.montage import (
    ChannelMatch,
    map_channels,
    match_channels,
    muscle_names,
    resolve,
    take_sides,
)
from eifer.eifer_addon.signals.montage_names import read_table
from eifer.eifer_addon.signals.montage_places import REACH
from eifer.eifer_addon.signals.pair_names import match_pairs
from eifer.eifer_addon.signals.recording import Recording
from eifer.models.synthetic.physiology import simulate_recording

NUMBERS = (*range(1, 11), *range(13, 21), 24)


@pytest.mark.parametrize("letter", ["K", "E", "k0", "EMG K"])
def test_kuramotos_electrodes_are_recognised_and_what_stands_nowhere_is_listed(letter: str) -> None:
    montage = map_channels([f"{letter}{n}" for n in NUMBERS if letter != "k0" or n < 10])
    assert montage.channels["orbicularis_oculi.left"] == f"{letter}6"
    assert montage.channels["levator_labii.right"] == f"{letter}7"
    if letter != "k0":
        assert montage.channels["masseter.right"] == f"{letter}17"
        assert montage.channels["depressor_supercilii.left"] == f"{letter}19"
        assert montage.channels["depressor_supercilii.right"] == f"{letter}19"
        assert montage.unmapped == tuple(f"{letter}{n}" for n in (13, 14, 24))
        temple = next(m for m in montage.matches if m.channel == f"{letter}13")
        assert "temporalis" in temple.note
    assert any("Kuramoto" in note for note in montage.notes)


def test_each_of_kuramotos_targets_follows_from_the_places_or_says_that_it_does_not() -> None:
    entries = read_table("kuramoto.json")["electrodes"]
    sites = {e.muscle: np.array(e.canvas) for e in electrode_scheme("fridlund")}
    assert list(entries) == [e.name for e in electrode_scheme("kuramoto")]
    for electrode in electrode_scheme("kuramoto"):
        entry = entries[electrode.name]
        assert entry["reason"]
        distance = {m: float(np.hypot(*(place - electrode.canvas))) for m, place in sites.items()}
        nearest = min(distance, key=lambda muscle: distance[muscle])
        if entry["muscle"] is None or entry["reason"].startswith("by hand"):
            continue
        assert nearest.partition(".")[0] == entry["muscle"]
        if entry["side"] != "both":
            assert nearest.partition(".")[2] == entry["side"]
        score = np.exp(-((distance[nearest] / REACH) ** 2))
        assert entry["score"] == pytest.approx(score, abs=0.006)


def test_plain_numbers_are_not_kuramotos_unless_the_scheme_is_named() -> None:
    names = [f"E{n}" for n in range(1, 25)]
    assert all(match.muscle is None for match in match_channels(names))
    montage = map_channels([*names, "Corr li"])
    assert montage.muscles == ("corrugator.left",)
    assert any("scheme 'kuramoto'" in note for note in montage.notes)
    told = map_channels(names, scheme="kuramoto")
    assert told.channels["masseter.left"] == "E18"
    assert "E11" in told.unmapped


def test_codes_beside_eeg_places_are_fridlunds_only_when_that_is_said() -> None:
    names = ["Fz", "Cz", "F3", "F4", "Zyg li"]
    montage = map_channels(names)
    assert montage.muscles == ("zygomaticus.left",)
    assert any("EEG cap" in note for note in montage.notes)
    assert map_channels(names, scheme="fridlund").channels["frontalis_lateralis.right"] == "F3"
    with pytest.raises(EiferError, match="No channel name"):
        map_channels(["F3", "F4"], scheme="kuramoto")
    with pytest.raises(EiferError, match="no scheme 'jena'"):
        map_channels(names, scheme="jena")


@pytest.mark.parametrize(
    ("name", "target", "score"),
    [
        ("F19 Zyg re", "zygomaticus.right", 1.0), ("F20_ZygL", "zygomaticus.left", 1.0),
        ("F19 (Zyg)", "zygomaticus.right", 1.0), ("F 19", "zygomaticus.right", 1.0),
        ("K5 OrbOc re", "orbicularis_oculi.right", 1.0), ("F1 1", None, 0.0),
        ("F19 li", "zygomaticus.left", 0.5), ("F19 Corr re", "corrugator.right", 0.5),
    ],
)  # fmt: skip
def test_codes_beside_words_agree_or_are_doubted(
    name: str, target: str | None, score: float
) -> None:
    (match,) = match_channels([name])
    assert (match.target, match.score) == (target, score)
    assert (score == 0.5) == ("the words were taken" in match.note)


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("Zyg re-Ref", "zygomaticus.right"), ("Corr li - A1", "corrugator.left"),
        ("ZygR1-ZygR2", "zygomaticus.right"), ("Ch1 Zyg re", "zygomaticus.right"),
        ("03_Corr_li", "corrugator.left"), ("Zyg re 2", "zygomaticus.right"),
        ("Zyg-Corr", None), ("L1-L2", None), ("Ref", None), ("-", None),
    ],
)  # fmt: skip
def test_references_numbers_and_pairs_in_a_label_do_not_hide_the_muscle(
    name: str, target: str | None
) -> None:
    assert match_channels([name])[0].target == target


def test_both_schemes_at_once_let_fridlunds_sites_stand() -> None:
    names = [f"F{n}" for n in range(1, 23)] + [f"K{n}" for n in NUMBERS]
    montage = map_channels(names)
    assert set(montage.channels.values()) == {f"F{n}" for n in range(1, 23)}
    assert len(montage.unmapped) == 19


def test_a_simulated_kuramoto_recording_follows_the_truth() -> None:
    """Measured with 40 s, seeds 0 to 2: median 0.83, worst 0.50 (frontalis lateralis)."""
    recording, truth = simulate_recording(20.0, 2048.0, seed=4, scheme="kuramoto")
    activity = api.to_activity(recording, rate_hz=100.0)
    assert len(activity.muscles) == 18
    assert set(activity.unmapped) == {"K13", "K14", "K24"}
    found = {
        muscle: float(np.corrcoef(column, truth.values[: len(column), k])[0, 1])
        for muscle, column in zip(activity.muscles, activity.values.T, strict=True)
        for k in [truth.muscles.index(muscle)]
    }
    assert np.median(list(found.values())) > 0.75
    assert min(found.values()) > 0.4
    assert found["zygomaticus.left"] > 0.7
    assert found["orbicularis_oculi.right"] > 0.88


def test_sides_say_what_was_recorded() -> None:
    names = ["Zyg re", "Zyg li", "Corr", "F16"]
    plain = map_channels(names)
    assert set(plain.channels) == {
        "corrugator.left", "corrugator.right", "zygomaticus.left", "zygomaticus.right",
        "mentalis.left",
    }  # fmt: skip
    swapped = map_channels(names, sides="swap")
    assert swapped.channels["zygomaticus.left"] == "Zyg re"
    assert swapped.channels["mentalis.right"] == "F16"
    assert swapped.channels["corrugator.left"] == "Corr"
    left = map_channels(names, sides="left")
    assert left.channels == {
        "corrugator.left": "Corr", "zygomaticus.left": "Zyg li", "mentalis.left": "F16",
    }  # fmt: skip
    assert left.unmapped == ("Zyg re",)
    assert any("Zyg re" in note and "other side" in note for note in left.notes)
    assert any("right side rests" in note for note in left.notes)
    with pytest.raises(EiferError, match="no sides 'upper'"):
        map_channels(names, sides="upper")


def test_a_one_sided_recording_says_so_and_its_other_side_rests_or_mirrors() -> None:
    rng = np.random.default_rng(0)
    samples = rng.normal(0, 20, (2, 6000))
    samples[:, 2000:4000] *= 8
    recording = Recording.from_array(samples, 1000.0, ("Zyg li", "Corr li"), units=("uV", "uV"))
    activity = api.to_activity(recording)
    assert any("Only the subject's left side was recorded" in step for step in activity.filters)
    rest = api.emg_to_expression(activity)
    mirror = api.emg_to_expression(activity, fill="mirror")
    smile = [rest.space.coefficients.index(f"mouthSmile{side}") for side in ("Left", "Right")]
    at = int(rest.coefficients[:, smile[0]].argmax())
    assert rest.coefficients[at, smile[0]] > 3 * rest.coefficients[at, smile[1]]
    np.testing.assert_allclose(mirror.coefficients[at, smile[0]], mirror.coefficients[at, smile[1]])


def test_real_recordings_are_mapped_or_say_that_they_have_to_be(test_data: Path) -> None:
    emg = test_data / "emg"
    faces = api.read_recording(emg / "nilsonne_FMOV_CC0" / "10_FMOV_preprocessed.txt")
    assert api.map_channels(faces).muscles == (
        "corrugator.left", "corrugator.right", "zygomaticus.left", "zygomaticus.right",
    )  # fmt: skip
    # Its files name no side; whoever knows it can say so.
    assert api.map_channels(faces, sides="left").channels == {
        "corrugator.left": "corrugator", "zygomaticus.left": "zygomaticus",
    }  # fmt: skip
    for name, choices in (
        ("somach_CCBY4/DOWN_001_20260211_154851.csv", {}),
        ("openbci_nepali_GPL3/OpenBCI_testset_3.txt", {}),
        ("xdf_MIT/minimal.xdf", {"envelope": True}),
        ("xdf_MIT/clock_resets.xdf", {"segment": 0, "envelope": True}),
    ):
        recording = api.read_recording(emg / name, **choices)
        montage = api.map_channels(recording)
        assert montage.muscles == ()
        assert montage.unmapped == recording.channels
        assert any("map the channels" in note for note in montage.notes)


WORDS = st.sampled_from([
    "Zyg", "Corr", "re", "li", "left", "1", "2", "a", "b", "+", "-", "F19", "K5", "E3", "EMG", "Fz",
    "ä", "orbicularis", "oris", "-", " ", "_", ".", "[uV]", "bip", "0", "\u0130", "\x00", "ß",
])  # fmt: skip
NAMES = st.one_of(st.lists(WORDS, max_size=5).map(" ".join), st.text(max_size=20))


@settings(max_examples=300, deadline=None)
@given(
    st.lists(NAMES, max_size=8, unique=True),
    st.sampled_from(["auto", "fridlund", "kuramoto"]),
    st.sampled_from(["both", "left", "right", "swap"]),
)
def test_any_names_give_a_montage_in_which_nothing_is_lost(
    names: list[str], scheme: str, sides: str
) -> None:
    pairs, members, _ = match_pairs(names, scheme)
    assert members <= set(names)
    montage = resolve(take_sides((*match_channels(names, scheme), *pairs), sides)[0], "x")
    assert montage.names == tuple(names)
    for match in montage.matches:
        assert 0 <= match.score <= 1
        assert match.muscle is None or match.muscle in muscle_names()
        assert (match.muscle is None) == (match.side is None)
    for channel in set(montage.channels.values()) - set(names):
        assert set(montage.pairs[channel]) <= set(names)
    drivers: dict[str, str] = {}
    for match in montage.matches:
        for side in ("left", "right") if match.side == "both" else (match.side,):
            if match.muscle is not None:
                key = f"{match.muscle}.{side}"
                assert drivers.setdefault(key, match.channel) == match.channel
    assert isinstance(montage.describe(), str)


def test_a_match_says_its_target() -> None:
    assert ChannelMatch("a").target is None
    assert ChannelMatch("a", "zygomaticus", "both").target == "zygomaticus"
    assert ChannelMatch("a", "zygomaticus", "left").target == "zygomaticus.left"
