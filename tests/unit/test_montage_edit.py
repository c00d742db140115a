"""A mapping can be changed, saved, read back, and chosen on the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eifer.eifer_addon import api
from eifer.eifer_addon.cli import main
from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.signals.activity import Activity
from eifer.eifer_addon.signals.edf_writer import write_edf
from eifer.eifer_addon.signals.montage import map_channels, muscle_names
from eifer.eifer_addon.signals.readers import read_recording
from eifer.eifer_addon.signals.recording import Recording

EXAMPLE = Path(__file__).parents[2] / "examples" / "montage.py"
NAMES = ("Zyg re", "Zyg li", "A", "B", "C")


@pytest.fixture
def edf(tmp_path: Path) -> Path:
    samples = np.random.default_rng(0).normal(0, 20, (5, 4000))
    samples[:, 1500:2500] *= 6
    recording = Recording.from_array(samples, 1000.0, NAMES, units=("uV",) * 5)
    return write_edf(recording, tmp_path / "r.edf")


def test_a_channel_is_moved_and_whoever_stood_there_makes_room() -> None:
    montage = map_channels(NAMES).with_target("A", "zygomaticus.left")
    assert montage.channels == {"zygomaticus.left": "A", "zygomaticus.right": "Zyg re"}
    assert montage.unmapped == ("Zyg li", "B", "C")
    assert "edited" in montage.origin
    gone = montage.with_target("A", None)
    assert gone.channels == {"zygomaticus.right": "Zyg re"}
    both = map_channels(["Corr", "A"]).with_target("A", "Corr li")
    assert both.channels == {"corrugator.left": "A", "corrugator.right": "Corr"}
    assert gone.with_target("C", "F16").channels["mentalis.left"] == "C"


def test_pairs_are_made_moved_and_dissolved() -> None:
    montage = map_channels(NAMES).with_pair("A", "B", "corrugator.left")
    assert montage.channels["corrugator.left"] == "A - B"
    assert montage.unmapped == ("C",)
    assert montage.with_target("A - B", "mentalis").channels["mentalis.right"] == "A - B"
    assert montage.with_target("B - C", "mentalis.left").pairs == {"B - C": ("B", "C")}
    assert montage.with_target("A", "masseter.left").pairs == {}
    assert montage.with_target("C", "corrugator.left").pairs == {}
    dissolved = montage.with_pair("A", "B", None)
    assert dissolved.pairs == {}
    assert dissolved.unmapped == ("A", "B", "C")
    assert montage.with_target("A - B", None) == dissolved
    taken = map_channels(NAMES).with_pair("Zyg re", "Zyg li", "zygomaticus.left")
    assert taken.channels == {"zygomaticus.left": "Zyg re - Zyg li"}


@pytest.mark.parametrize(
    ("channel", "target", "sentence"),
    [
        ("D", "mentalis", "lacks the channel 'D'"),
        ("A - D", "mentalis", "lacks the channel 'A - D'"),
        ("A", "biceps", "unknown muscle 'biceps'"),
    ],
)
def test_what_cannot_be_mapped_is_named(channel: str, target: str, sentence: str) -> None:
    with pytest.raises(EiferError, match=sentence):
        map_channels(NAMES).with_target(channel, target)


def test_a_pair_of_one_channel_or_of_a_missing_one_is_refused() -> None:
    montage = map_channels(NAMES)
    with pytest.raises(EiferError, match="no pair with itself"):
        montage.with_pair("A", "A", "mentalis")
    with pytest.raises(EiferError, match="lacks the channel 'D' of the pair 'A - D'"):
        montage.with_pair("A", "D", "mentalis")


def test_a_saved_montage_is_read_back_the_same(tmp_path: Path) -> None:
    montage = map_channels(NAMES).with_pair("A", "B", "corrugator.left").with_target("C", "Ment re")
    montage.save(tmp_path / "m.json")
    document = json.loads((tmp_path / "m.json").read_text("utf-8"))
    assert document["format_version"] == 2
    assert document["pairs"] == [{"plus": "A", "minus": "B", "muscle": "corrugator.left"}]
    for again in (tmp_path / "m.json", montage, montage.targets, dict(montage.targets)):
        found = map_channels(NAMES, again)
        assert found.channels == montage.channels
        assert found.pairs == montage.pairs
        assert found.unmapped == montage.unmapped
    kept = map_channels(NAMES, montage)
    assert [m.score for m in kept.matches] == [m.score for m in montage.matches]


def test_format_1_is_still_read(tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text(
        '{"format_version": 1, "channels": {"A": "zyg li", "B": null}}'
    )
    assert map_channels(NAMES, tmp_path / "m.json").channels == {"zygomaticus.left": "A"}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "not JSON"), ("[1]", "no JSON object"), ("{}", "format_version is missing"),
        ('{"format_version": true, "channels": {}}', "format_version"),
        ('{"format_version": "2", "channels": {}}', "format_version"),
        ('{"format_version": 3, "channels": {}}', "newer EIFER"),
        ('{"format_version": 2}', "no channels"),
        ('{"format_version": 2, "channels": []}', "must be an object"),
        ('{"format_version": 2, "channels": {"A": 3}}', "muscle of channel 'A' is no text"),
        ('{"format_version": 2, "channels": {}, "pairs": {}}', "pairs a list"),
        ('{"format_version": 2, "channels": {}, "pairs": [3]}', "pair 1"),
        ('{"format_version": 2, "channels": {}, "pairs": [{"plus": "A"}]}', "pair 1"),
        ('{"format_version": 2, "pairs": [{"plus": "A", "minus": "B", "muscle": 1}]}', "pair 1"),
        ('{"format_version": 2, "pairs": [{"plus": "A", "minus": "Z", "muscle": "Zyg li"}]}',
         "'Z' was not recorded"),
        ('{"format_version": 2, "pairs": [{"plus": "A", "minus": "A", "muscle": "Zyg li"}]}',
         "pairs 'A' with itself"),
        ('{"format_version": 2, "channels": {"Z": "Zyg li"}}', "names the channel 'Z'"),
        ('{"format_version": 2, "channels": {"A": "biceps"}}', "unknown muscle 'biceps'"),
        ("[" * 100_000, "not JSON"), ("\x00\xff", "not JSON"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_one_sentence_with_its_name(
    tmp_path: Path, content: str, sentence: str
) -> None:
    path = tmp_path / "m.json"
    path.write_text(content, "latin-1")
    with pytest.raises(EiferError, match=sentence) as caught:
        map_channels(NAMES, path)
    assert "m.json" in caught.value.cause
    assert "\n" not in str(caught.value)


TARGETS = st.sampled_from(
    [None, *(f"{m}{s}" for m in muscle_names() for s in ("", ".left", ".right"))]
)
EDITS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(NAMES), TARGETS),
        st.tuples(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), TARGETS),
    ),
    max_size=12,
)


@settings(max_examples=200, deadline=None)
@given(EDITS)
def test_whatever_is_edited_each_muscle_has_one_channel_and_the_file_gives_it_back(
    edits: list[tuple[str | tuple[str, str], str | None]],
) -> None:
    montage = map_channels(NAMES)
    for key, target in edits:
        if isinstance(key, str):
            montage = montage.with_target(key, target)
        elif key[0] != key[1]:
            montage = montage.with_pair(*key, target)
        if target is not None and (isinstance(key, str) or key[0] != key[1]):
            name = key if isinstance(key, str) else " - ".join(key)
            sides = [target] if "." in target else [f"{target}.left", f"{target}.right"]
            assert all(montage.channels[muscle] == name for muscle in sides)
    assert montage.names == NAMES
    members = [name for pair in montage.pairs.values() for name in pair]
    assert len(members) == len(set(members))
    assert not set(members) & set(montage.channels.values())
    if montage.muscles:
        again = map_channels(NAMES, montage.targets)
        assert again.channels == montage.channels


def test_the_command_line_maps_shows_and_saves(
    edf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = tmp_path / "m.json"
    edit = ["--map", "A - B=corrugator.left", "--map", "C=mentalis", "--map", "Zyg re=none"]
    assert main(["inspect", str(edf), *edit, "--save-montage", str(saved)]) == 0
    printed = capsys.readouterr().out
    assert "A - B -> corrugator, left (1.00)" in printed
    assert "Zyg re -> not mapped" in printed
    track = tmp_path / "t.npz"
    arguments = ["emg", str(edf), "--montage", str(saved), "--track", str(track), "--json"]
    assert main(arguments) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["muscles"]["A - B"] == "corrugator.left"
    assert values["unmapped"] == ["Zyg re"]
    assert main(["inspect", str(edf), "--save-montage", str(saved)]) == 1
    assert "exists already" in capsys.readouterr().err
    assert main(["inspect", str(edf), "--map", "nonsense"]) == 2
    assert main(["inspect", str(edf), "--map", "Q=mentalis"]) == 1
    assert "lacks the channel 'Q'" in capsys.readouterr().err


def test_inspect_tells_machines_channel_muscle_side_and_score(
    edf: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", str(edf), "--json", "--sides", "right"]) == 0
    montage = json.loads(capsys.readouterr().out)["montage"]
    rows = {row["channel"]: row for row in montage["channels"]}
    assert rows["Zyg re"] == {
        "channel": "Zyg re", "muscle": "zygomaticus", "side": "right", "score": 1.0, "note": None,
    }  # fmt: skip
    assert rows["Zyg li"]["muscle"] is None
    assert any("right side" in note for note in montage["notes"])


def test_fill_and_scheme_are_options(
    edf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = ["emg", str(edf), "--sides", "left", "--json"]
    assert main([*one, "--track", str(tmp_path / "a.npz")]) == 0
    assert main([*one, "--track", str(tmp_path / "b.npz"), "--fill", "mirror"]) == 0
    rest, mirror = (api.read_track(tmp_path / f"{name}.npz") for name in "ab")
    at = rest.space.coefficients.index("mouthSmileRight")
    assert mirror.coefficients[:, at].max() > 3 * rest.coefficients[:, at].max()
    assert main([*one, "--track", str(tmp_path / "c.npz"), "--scheme", "jena"]) == 2
    capsys.readouterr()


def test_exported_activity_and_calibration_take_the_same_options(edf: Path, tmp_path: Path) -> None:
    out, profile = tmp_path / "a.npz", tmp_path / "p.json"
    edit = ["--map", "A - B=corrugator.left"]
    assert main(["export", str(edf), "--out", str(out), *edit]) == 0
    assert "A - B" in Activity.load(out).channels
    events = tmp_path / "e.tsv"
    events.write_text("onset\tduration\ttrial_type\n0\t1.3\tface at rest\n1.5\t1.0\tforehead\n")
    arguments = ["calibrate", str(edf), "--out", str(profile), "--events", str(events), *edit]
    assert main(arguments) == 0
    assert "corrugator.left" in json.loads(profile.read_text())["muscles"]


def test_the_example_runs_as_it_stands(tmp_path: Path) -> None:
    saved, picture = tmp_path / "m.json", tmp_path / "m.png"
    command = [sys.executable, str(EXAMPLE), "-", str(saved), str(picture)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert "not mapped: Ment re 1, Ment re 2" in done.stdout
    assert {"plus": "Mass li 2", "minus": "Mass li 1", "muscle": "masseter.left"} in json.loads(
        saved.read_text()
    )["pairs"]
    assert picture.stat().st_size > 20_000


def test_a_recording_that_nothing_is_known_of_can_still_be_mapped(edf: Path) -> None:
    recording = read_recording(edf).select([2, 3, 4])
    montage = api.map_channels(recording)
    assert montage.muscles == ()
    assert any("map the channels" in note for note in montage.notes)
    with pytest.raises(EiferError, match="No channel name"):
        api.to_activity(recording)
    told = montage.with_target("A", "zygomaticus.left")
    assert api.to_activity(recording, montage=told).muscles == ("zygomaticus.left",)
