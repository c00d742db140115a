"""The import of recordings: what the dialog shows and asks, and what reaches the take."""

from __future__ import annotations

import json
import types
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest
from edited_takes import Layout, write_face
from imported_scene import head, state

from eifer.eifer_addon import api
from eifer.eifer_addon.scene.recipes import quality_of, recipe_of
from eifer.eifer_addon.scene.takes import current_take, notes_of
from eifer.eifer_addon.signals.edf_writer import write_edf
from eifer.eifer_addon.signals.edits import Edits
from eifer.eifer_addon.signals.readers import READERS
from eifer.eifer_addon.signals.recording import Recording
from eifer.eifer_addon.signals.suffixes import SUFFIXES
from eifer.operators import import_options, import_recording

pytestmark = pytest.mark.usefixtures("registered", "small_open_head")

MUSCLES = ("Zygomaticus", "Corrugator", "Mentalis")


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return write_face(tmp_path / "smile.csv", MUSCLES)


def test_every_choice_reaches_the_take_and_its_recipe(recording: Path, tmp_path: Path) -> None:
    profile = api.calibrate(api.read_recording(recording), windows={"smile": (0.0, 2.0)})
    profile.save(tmp_path / "profile.json")
    montage = {"Zygomaticus_l": "zygomaticus.left", "Corrugator_l": "corrugator.left",
               "Mentalis_l": "mentalis"}  # fmt: skip
    (tmp_path / "montage.json").write_text(json.dumps({"format_version": 1, "channels": montage}))
    bpy.ops.eifer.import_recording(
        filepath=str(recording), rate_hz=1000.0, preset="rms100", fill="mirror",
        montage_file=str(tmp_path / "montage.json"), profile_file=str(tmp_path / "profile.json"),
        repair="Mentalis_l=drop", symmetry=0.1, delay_ms=40.0, swap_sides=True,
        edits='{"gain": {"zygomaticus": 0.5}}',
    )  # fmt: skip
    recipe = recipe_of(current_take(head()))
    assert (recipe.preset, recipe.fill) == ("rms100", "mirror")
    assert recipe.reader == {"rate_hz": 1000.0}
    assert {k: v for k, v in recipe.montage.items() if v} == montage
    assert recipe.repair == {"Mentalis_l": "drop"}
    assert set(recipe.profile["muscles"]) >= {"zygomaticus.left"}
    wanted = Edits(swap_sides=True, symmetry=0.1, delay_ms=40.0, gain={"zygomaticus": 0.5})
    assert recipe.edits == wanted
    assert "zygomaticus.left" in str(notes_of(current_take(head()))["mirrored_muscles"])


def test_the_recorded_side_is_asked_for_like_on_the_command_line(tmp_path: Path) -> None:
    random = np.random.default_rng(2)
    seconds = np.arange(4000) / 1000
    data = random.normal(size=(4000, 2)) * (1 + 40 * (np.sin(seconds * 2) > 0.5))[:, None]
    table = np.column_stack([seconds, data])
    path = tmp_path / "one.csv"
    np.savetxt(path, table, delimiter=",", comments="", header="time,Zygomaticus,Corrugator")
    bpy.ops.eifer.import_recording(filepath=str(path), sides="right")
    recipe = recipe_of(current_take(head()))
    assert recipe.montage == {"Zygomaticus": "zygomaticus.right", "Corrugator": "corrugator.right"}


def test_unmixing_without_a_profile_is_one_sentence(recording: Path) -> None:
    before = state()
    with pytest.raises(RuntimeError, match="Unmixing needs a profile"):
        bpy.ops.eifer.import_recording(filepath=str(recording), unmix=True)
    with pytest.raises(RuntimeError, match="The repair 'Mentalis' is not understood"):
        bpy.ops.eifer.import_recording(filepath=str(recording), repair="Mentalis")
    with pytest.raises(RuntimeError, match="No recording is chosen"):
        bpy.ops.eifer.import_recording()
    assert state() == before


def test_a_folder_and_a_file_in_it_are_the_same_import(test_data: Path) -> None:
    folder = test_data / "emg" / "bids_CustomBipolarFace"
    file = next(folder.rglob("*_emg.edf"))
    montage = {"EMG2": "zygomaticus.left", "EMG5": "orbicularis_oris"}
    found = []
    for path in (folder, file):
        reading = types.SimpleNamespace(**dialog_values(filepath=str(path)))
        (chosen,) = import_options.choices_of(reading)
        assert chosen.path == folder
        made = api.to_activity(api.read_recording(chosen.path, **chosen.reading), montage=montage)
        found.append(made.values.tobytes())
    assert found[0] == found[1]
    alone = types.SimpleNamespace(**dialog_values(filepath=str(file), whole_folder=False))
    assert import_options.choices_of(alone)[0].path == file


def dialog_values(**values: Any) -> dict[str, Any]:
    """The operator's properties as they stand when it is called, with some changed."""
    rna = bpy.ops.eifer.import_recording.get_rna_type().properties
    usual = {
        name: getattr(rna[name], "default", None)
        for name in import_options.ImportOptions.__annotations__
    }
    # Of an enumeration filled late, Blender knows no default here.
    return usual | {"preset": "clinical", "files": []} | values


class Dialog(Layout):
    """A stand-in layout that also notes which fields are marked."""

    def __init__(self, texts: list[str]) -> None:
        super().__init__(texts)
        self.alert = False
        self.marked: list[str] = []

    def row(self, **_: Any) -> Dialog:
        part = Dialog(self.texts)
        part.marked = self.marked
        return part

    def prop(self, owner: Any, name: str, **_: Any) -> None:
        rna = bpy.ops.eifer.import_recording.get_rna_type().properties
        self.texts.append(rna[name].name)
        if self.alert:
            self.marked.append(name)

    def label(self, text: str = "", icon: str = "NONE") -> None:
        assert icon in bpy.types.UILayout.bl_rna.functions["label"].parameters["icon"].enum_items
        self.texts.append(text)


def shown(**values: Any) -> Dialog:
    operator = types.SimpleNamespace(**dialog_values(**values), layout=Dialog([]))
    import_options.draw_options(operator, types.SimpleNamespace(space_data=None))
    return operator.layout


def test_the_dialog_says_what_a_file_holds(recording: Path) -> None:
    dialog = shown(filepath=str(recording))
    assert dialog.texts[:2] == [
        "smile.csv", "7 channels of raw EMG, 1000 Hz, 4.0 s; 6 names stand for",
    ]  # fmt: skip
    assert dialog.marked == []
    assert "Sampling rate (Hz)" not in dialog.texts
    assert {"Filters", "Montage", "Repair", "Profile", "Missing muscles"} <= set(dialog.texts)


def test_the_dialog_asks_for_the_stretch_of_a_recording_with_gaps(test_data: Path) -> None:
    path = test_data / "emg" / "xdf_MIT" / "clock_resets.xdf"
    dialog = shown(filepath=str(path))
    assert dialog.marked == ["segment"]
    assert any("has gaps" in text for text in dialog.texts)
    operator = types.SimpleNamespace(**dialog_values(filepath=str(path)))
    (offer,) = import_options.offers_for(operator, [path])
    values = dict(offer.values["segment"])
    assert set(values) == {"0", "1"}
    assert "12876 samples" in values["0"]
    # It is a slow one, so the next question is whether it holds envelopes.
    assert shown(filepath=str(path), segment="1").marked == ["envelope"]
    assert shown(filepath=str(path), segment="1", envelope=True).marked == []


def test_the_dialog_asks_for_a_rate_that_the_file_does_not_say(tmp_path: Path) -> None:
    path = tmp_path / "norate.csv"
    np.savetxt(path, np.random.default_rng(1).normal(size=(3000, 2)), delimiter=",", comments="",
               header="Zygomaticus_l,Zygomaticus_r")  # fmt: skip
    assert "rate_hz" in shown(filepath=str(path)).marked
    assert shown(filepath=str(path), rate_hz=1000.0).marked == []


def test_a_cut_off_file_and_a_damaged_channel_are_asked_about_and_imported(tmp_path: Path) -> None:
    random = np.random.default_rng(2)
    data = random.normal(size=(2, 4000)) * (1 + 30 * (np.arange(4000) % 2000 > 1500))
    whole = Recording.from_array(data, 1000.0, ("Zyg li", "Corr li"), units=("uV", "uV"))
    write_edf(whole, tmp_path / "cut.edf")
    (tmp_path / "cut.edf").write_bytes((tmp_path / "cut.edf").read_bytes()[:-3000])
    path = str(tmp_path / "cut.edf")
    dialog = shown(filepath=path)
    assert dialog.marked == ["partial"]
    assert "'Read a cut-off file'" in " ".join(dialog.texts)
    assert shown(filepath=path, partial=True).marked == []
    assert bpy.ops.eifer.import_recording(filepath=path, partial=True) == {"FINISHED"}

    data[1, 700] = np.nan
    times = np.arange(4000) / 1000
    np.savetxt(tmp_path / "nan.csv", np.column_stack([times, *data]), delimiter=",",
               header="time,Zyg li,Corr li", comments="")  # fmt: skip
    path = str(tmp_path / "nan.csv")
    dialog = shown(filepath=path)
    assert dialog.marked == ["drop"]
    assert "with 'Without the channels' 'Corr li'." in " ".join(dialog.texts)
    assert bpy.ops.eifer.import_recording(filepath=path, drop="Corr li") == {"FINISHED"}
    action = current_take(head())
    assert action is not None
    assert recipe_of(action).reader == {"drop": ["Corr li"]}


def test_the_dialog_refuses_what_is_no_recording_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("Dear diary\n")
    dialog = shown(filepath=str(path))
    assert any("letter.txt" in text for text in dialog.texts[1:3])
    texts = " ".join(shown(filepath=str(tmp_path / "gone.edf")).texts)
    assert "gone.edf does not exist." in texts


def test_the_dialog_lists_several_files(tmp_path: Path) -> None:
    names = [f"take {k}.csv" for k in range(8)]
    for name in names:
        write_face(tmp_path / name, MUSCLES[:1], 1.0)
    files = [types.SimpleNamespace(name=name) for name in names]
    dialog = shown(directory=str(tmp_path), files=files)
    assert [text for text in dialog.texts if text.startswith("take ")] == names[:6]
    assert "and 2 more" in dialog.texts


def test_dropped_files_are_those_that_a_reader_takes() -> None:
    assert set(SUFFIXES) >= {reader.name for reader in READERS}
    for reader in READERS:
        assert bool(SUFFIXES[reader.name]) != reader.takes_folder
    accepted = import_recording.EIFER_FH_recording.bl_file_extensions.split(";")
    assert set(accepted) == {s for listed in SUFFIXES.values() for s in listed}
    assert {".edf", ".bdf", ".xdf", ".mat", ".otb+", ".poly5", ".csv"} <= set(accepted)


def test_a_lab_sets_up_once_with_blenders_own_presets(tmp_path: Path) -> None:
    operator = bpy.types.EIFER_OT_import_recording
    assert "PRESET" in operator.bl_options
    if bpy.app.version < (4, 3, 0):
        pytest.skip("Blender 4.2 keeps everything in presets")
    rna = bpy.ops.eifer.import_recording.get_rna_type().properties
    kept = {name for name, prop in rna.items() if not prop.is_skip_preset}
    assert {"preset", "montage_file", "profile_file", "rate_hz", "stream", "symmetry"} <= kept
    assert not {"filepath", "directory", "files", "take", "clip", "segment", "repair"} & kept


def test_quality_is_noted_for_every_channel(recording: Path) -> None:
    bpy.ops.eifer.import_recording(filepath=str(recording))
    quality = quality_of(current_take(head()))
    assert set(quality) == set(api.read_recording(recording).channels)
    assert quality["Zygomaticus_l"][0] in ("good", "doubtful")
