"""The import of recordings: portions and ESC, several files, folders, and what the dialog asks."""

from __future__ import annotations

import json
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest
from edited_takes import Layout, write_face
from fake_window import Operator, Window, event, modal_context

from eifer.eifer_addon import api
from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.heads.model import HeadModel
from eifer.eifer_addon.scene.controls import is_head
from eifer.eifer_addon.scene.recipes import quality_of, recipe_of
from eifer.eifer_addon.scene.takes import current_take, notes_of
from eifer.eifer_addon.signals.edits import Edits
from eifer.eifer_addon.signals.readers import READERS
from eifer.eifer_addon.signals.suffixes import SUFFIXES
from eifer.operators import import_options, import_recording, registration

MUSCLES = ("Zygomaticus", "Corrugator", "Mentalis")


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    registration.register()
    yield
    registration.unregister()


@pytest.fixture(autouse=True)
def small_open_head(synthetic_head: HeadModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "load_head", lambda path=None: synthetic_head)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return write_face(tmp_path / "smile.csv", MUSCLES)


def state() -> tuple[Any, ...]:
    scene, layer = bpy.context.scene, bpy.context.view_layer
    blocks = sorted(f"{block.id_type} {block.name}" for block in bpy.data.user_map())
    return (
        blocks, sorted(o.name for o in layer.objects if o.select_get()), layer.objects.active,
        scene.frame_start, scene.frame_end,
    )  # fmt: skip


def head() -> bpy.types.Object:
    return next(obj for obj in bpy.context.scene.objects if is_head(obj))


def drive(operator: Operator, context: Any, window: Window) -> tuple[set[str], list[Any]]:
    operator.invoke(context, event("LEFTMOUSE"))
    seen = []
    while (result := operator.modal(context, event("TIMER"))) == {"RUNNING_MODAL"}:
        seen.append((window.eifer.progress, window.eifer.status))
    return result, seen


def at_rest(window: Window) -> bool:
    return (window.timers, window.shown, window.eifer.busy) == (0, 0, False)


def test_the_modal_import_does_a_portion_per_tick_and_cleans_up(recording: Path) -> None:
    bpy.ops.eifer.add_head()
    window = Window()
    operator = Operator(recording)
    result, seen = drive(operator, modal_context(window), window)
    assert result == {"FINISHED"}
    shares = [share for share, _ in seen]
    assert shares == sorted(shares)
    assert shares[0] == pytest.approx(0.15)
    assert shares[-1] == pytest.approx(0.9)
    within = [text for share, text in seen if 0.15 < share < 0.75]
    assert len(within) >= 2, "the filters did not tell how far they are"
    assert "Filtering the channels, about" in within[-1]
    assert operator.reports[-1] == ({"INFO"}, "Wrote the take 'smile'")
    assert at_rest(window)
    assert current_take(head()) is not None


@pytest.mark.parametrize("ticks", range(8))
def test_escape_stops_the_import_and_changes_nothing(ticks: int, recording: Path) -> None:
    before, window = state(), Window()
    operator, context = Operator(recording), modal_context(window)
    operator.invoke(context, event("LEFTMOUSE"))
    for _ in range(ticks):
        operator.modal(context, event("TIMER"))
    assert operator.modal(context, event("ESC")) == {"CANCELLED"}
    kind, text = operator.reports[-1]
    assert kind == {"INFO"}
    assert text == "The import of smile.csv was cancelled; nothing was changed."
    assert at_rest(window)
    assert state() == before


def test_escape_within_the_filters_leaves_no_work_behind(
    recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, told, ended = api.to_activity, [], []

    def watched(*args: Any, on_progress: Any, **options: Any) -> Any:
        def report(share: float) -> None:
            told.append(share)
            on_progress(share)

        try:
            return real(*args, on_progress=report, **options)
        finally:
            ended.append(True)

    monkeypatch.setattr(api, "to_activity", watched)
    operator, context = Operator(recording), modal_context(Window())
    operator.invoke(context, event("LEFTMOUSE"))
    for _ in range(3):
        operator.modal(context, event("TIMER"))
    assert (len(told), ended) == (2, [])
    assert operator.modal(context, event("ESC")) == {"CANCELLED"}
    assert (len(told), ended) == (2, [True])


def test_opening_another_file_ends_the_import_cleanly(recording: Path) -> None:
    window = Window()
    operator, context = Operator(recording), modal_context(window)
    operator.invoke(context, event("LEFTMOUSE"))
    for _ in range(3):
        operator.modal(context, event("TIMER"))
    operator.cancel(context)
    assert at_rest(window)


def test_a_failing_step_ends_the_modal_import(tmp_path: Path) -> None:
    window = Window()
    operator, context = Operator(tmp_path / "gone.edf"), modal_context(window)
    operator.invoke(context, event("LEFTMOUSE"))
    assert operator.modal(context, event("TIMER")) == {"CANCELLED"}
    assert "gone.edf" in operator.reports[-1][1]
    assert at_rest(window)
    assert operator.asked_again == []


def test_a_file_that_asks_for_a_choice_brings_the_dialog_back(tmp_path: Path) -> None:
    path = tmp_path / "norate.csv"
    np.savetxt(path, np.random.default_rng(1).normal(size=(3000, 2)), delimiter=",", comments="",
               header="Zygomaticus_l,Zygomaticus_r")  # fmt: skip
    window = Window()
    operator = Operator(path)
    result, _ = drive(operator, modal_context(window), window)
    assert result == {"CANCELLED"}
    assert "rate_hz=" in operator.asked_again[0]
    assert at_rest(window)


def test_several_files_become_takes_together_or_not_at_all(tmp_path: Path) -> None:
    paths = [write_face(tmp_path / f"{name}.csv", MUSCLES[:2]) for name in ("one", "two")]
    bad = tmp_path / "notes.txt"
    bad.write_text("Dear diary, no recording today.\n")
    bpy.ops.eifer.add_head()
    before, window = state(), Window()
    operator, context = Operator(*paths), modal_context(window)
    operator.invoke(context, event("LEFTMOUSE"))
    while "two.csv (2 of 2)" not in window.eifer.status:
        operator.modal(context, event("TIMER"))
    assert operator.modal(context, event("ESC")) == {"CANCELLED"}
    assert state() == before
    operator = Operator(paths[0], bad, paths[1])
    result, seen = drive(operator, modal_context(window), window)
    assert result == {"FINISHED"}
    assert {action.name for action in bpy.data.actions} == {"one", "two"}
    shares = [share for share, _ in seen]
    assert max(shares) <= 1.0
    warned = [text for kind, text in operator.reports if kind == {"WARNING"}]
    assert len(warned) == 1
    assert "notes.txt" in warned[0]


def test_several_files_through_the_operator(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_face(tmp_path / f"{name}.csv", MUSCLES[:1])
    files = [{"name": "one.csv"}, {"name": "two.csv"}]
    done = bpy.ops.eifer.import_recording(directory=str(tmp_path), files=files, take="Anna")
    assert done == {"FINISHED"}
    assert {action.name for action in bpy.data.actions} == {"Anna one", "Anna two"}


def test_files_that_are_all_no_recordings_are_refused_in_one_go(tmp_path: Path) -> None:
    for name in ("one.txt", "two.txt"):
        (tmp_path / name).write_text("no numbers here\n")
    before = state()
    with pytest.raises(RuntimeError, match=r"one\.txt(.|\n)*two\.txt"):
        bpy.ops.eifer.import_recording(
            directory=str(tmp_path), files=[{"name": "one.txt"}, {"name": "two.txt"}]
        )
    assert state() == before


def test_two_heads_are_refused_before_any_work(
    recording: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bpy.ops.eifer.add_head()
    bpy.ops.eifer.add_head()
    bpy.ops.object.empty_add()
    monkeypatch.setattr(api, "read_recording", lambda *_, **__: pytest.fail("it was read"))
    with pytest.raises(RuntimeError, match="several heads"):
        bpy.ops.eifer.import_recording(filepath=str(recording))


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


def test_an_error_while_writing_gives_everything_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [write_face(tmp_path / f"{name}.csv", MUSCLES[:1]) for name in ("one", "two")]
    bpy.ops.eifer.import_recording(filepath=str(write_face(tmp_path / "old.csv", MUSCLES[:1])))
    before, real = state(), api.apply_track

    def second_fails(*args: Any, **options: Any) -> Any:
        if options["take"] == "two":
            raise EiferError("The keys cannot be written.", "Try again.")
        return real(*args, **options)

    monkeypatch.setattr(api, "apply_track", second_fails)
    files = [{"name": path.name} for path in paths]
    with pytest.raises(RuntimeError, match="cannot be written"):
        bpy.ops.eifer.import_recording(directory=str(tmp_path), files=files)
    assert state() == before
    assert current_take(head()).name == "old"
