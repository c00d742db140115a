"""Takes changed after the fact: the same action, the same keys everywhere, nothing else touched."""

from __future__ import annotations

import json
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest
from edited_takes import (
    OTHER_MACHINE,
    RATE_HZ,
    Layout,
    digest_of,
    everything,
    keys,
    noted,
    write_recording,
)

from eifer.eifer_addon import api, cli
from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.scene import edit_panel, edit_settings, recipes
from eifer.eifer_addon.scene.actions import curves, playing
from eifer.eifer_addon.scene.controls import is_head
from eifer.eifer_addon.scene.edits import remake_take
from eifer.eifer_addon.scene.recipes import recipe_of
from eifer.eifer_addon.scene.takes import current_take, notes_of
from eifer.eifer_addon.signals.edits import Edits, apply_edits
from eifer.operators import registration

pytestmark = pytest.mark.usefixtures("registered", "small_open_head")

FPS = 24


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return write_recording(tmp_path / "smile.csv")


@pytest.fixture
def head(recording: Path) -> bpy.types.Object:
    """A head that plays a take of the recording, from frame 11 on."""
    bpy.ops.eifer.add_head(n_identity=0, n_expression=0)
    bpy.ops.eifer.import_recording(filepath=str(recording), frame_start=11)
    return next(obj for obj in bpy.context.scene.objects if is_head(obj))


def edit(**values: Any) -> set[str]:
    return bpy.ops.eifer.edit_take(edits=json.dumps(values))


def test_a_take_remembers_everything(head: bpy.types.Object, recording: Path) -> None:
    recipe = recipe_of(current_take(head))
    assert Path(recipe.file) == recording
    assert len(recipe.sha256) == len(recipe.model_sha256) == 64
    assert recipe.montage == {
        "Zygomaticus_l": "zygomaticus.left", "Zygomaticus_r": "zygomaticus.right",
    }  # fmt: skip
    assert (recipe.preset, recipe.edits) == ("clinical", Edits())


def test_the_button_alone_gives_the_same_keys_in_the_same_slot(head: bpy.types.Object) -> None:
    before, (action, slot) = everything(head), playing(head)
    assert bpy.ops.eifer.remake_take() == {"FINISHED"}
    assert everything(head)[1] == before[1]
    assert playing(head) == (action, slot)
    recipes.forget_activities()
    assert bpy.ops.eifer.remake_take() == {"FINISHED"}
    assert everything(head)[1] == before[1]
    assert [a.name for a in bpy.data.actions if a == action] == [action.name]


def test_edits_change_the_keys_as_they_change_the_activity(
    head: bpy.types.Object, recording: Path
) -> None:
    wanted = Edits("rms100", gain={"zygomaticus.left": 0.5}, symmetry=0.3, delay_ms=80.0)
    assert edit(**wanted.as_document()) == {"FINISHED"}
    activity = apply_edits(api.read_recording(recording), wanted)
    track = api.emg_to_expression(activity)
    table = keys(head)['["mouthSmileLeft"]']
    np.testing.assert_array_equal(table[:, 1], track.column("mouthSmileLeft"))
    np.testing.assert_allclose(table[:, 0], 11 + track.timestamps * FPS, rtol=1e-6)
    assert recipe_of(current_take(head)).edits == wanted
    assert "symmetry 0.3" in str(notes_of(current_take(head))["filters"])


def test_edits_add_up_until_they_are_reset(head: bpy.types.Object) -> None:
    before = everything(head)[1]
    edit(delay_ms=40.0)
    edit(dead_zone=0.1)
    assert recipe_of(current_take(head)).edits == Edits(delay_ms=40.0, dead_zone=0.1)
    assert bpy.ops.eifer.edit_take(edits="{}", reset=True) == {"FINISHED"}
    assert everything(head)[1] == before


def test_other_actions_and_other_curves_are_not_touched(
    head: bpy.types.Object, recording: Path
) -> None:
    first = current_take(head)
    bpy.ops.eifer.import_recording(filepath=str(recording), take="second")
    second = current_take(head)
    assert second != first
    head.location = (1, 2, 3)
    head.keyframe_insert("location", frame=5)
    smile = next(c for c in curves(head) if "mouthSmileLeft" in c.data_path)
    smile.modifiers.new("NOISE")
    untouched = noted(first)
    assert edit(gain={"zygomaticus": 0.5}) == {"FINISHED"}
    assert noted(first) == untouched
    assert current_take(head) == second
    assert len([c for c in curves(head) if c.data_path == "location"]) == 3
    smile = next(c for c in curves(head) if "mouthSmileLeft" in c.data_path)
    assert [m.type for m in smile.modifiers] == ["NOISE"]


def test_a_new_take_leaves_the_old_one_as_it_is(head: bpy.types.Object) -> None:
    old, before = current_take(head), everything(head)
    assert bpy.ops.eifer.edit_take(edits='{"delay_ms": 100}', as_new=True) == {"FINISHED"}
    new = current_take(head)
    assert (old.name, new.name) == ("smile", "smile.001")
    assert noted(old) == before[0]["smile"]
    assert notes_of(new)["frame_start"] == 11
    assert recipe_of(new).edits.delay_ms == 100
    assert bpy.ops.eifer.remake_take() == {"FINISHED"}


def test_swapped_sides_show_in_the_channels(head: bpy.types.Object) -> None:
    before = keys(head)
    edit(swap_sides=True)
    after = keys(head)
    np.testing.assert_array_equal(before['["mouthSmileLeft"]'], after['["mouthSmileRight"]'])
    pairs = json.loads(str(notes_of(current_take(head))["channels"]))
    assert ["Zygomaticus_r", "zygomaticus.left"] in pairs


def test_sliders_show_the_edits_and_the_button_takes_them(head: bpy.types.Object) -> None:
    action = current_take(head)
    settings = edit_settings.settings_of(action)
    assert [row.name for row in settings.muscles] == ["zygomaticus.left", "zygomaticus.right"]
    assert edit_panel.state_line(action, recipe_of(action)) == "As measured"
    settings.delay_ms, settings.muscles[0].gain = 33.3, 0.7
    assert "Changed" in edit_panel.state_line(action, recipe_of(action))
    assert bpy.ops.eifer.remake_take() == {"FINISHED"}
    edits = recipe_of(action).edits
    assert edits == Edits(delay_ms=33.299999, gain={"zygomaticus.left": 0.7})
    assert "as set" in edit_panel.state_line(action, recipe_of(action))
    before = everything(head)[1]
    bpy.ops.eifer.remake_take()
    assert everything(head)[1] == before


def test_numbers_finer_than_sliders_stay_when_nothing_was_moved(head: bpy.types.Object) -> None:
    wanted = {"gain": {"zygomaticus": 1 / 3}, "beta": 0.1234567890123, "min_cutoff_hz": 2.0}
    edit(**wanted)
    before = everything(head)[1]
    bpy.ops.eifer.remake_take()
    assert recipe_of(current_take(head)).edits == Edits(**wanted)
    assert everything(head)[1] == before


def test_a_take_of_the_command_line_is_made_again_with_all_its_choices(tmp_path: Path) -> None:
    path, out = write_recording(tmp_path / "session.csv"), tmp_path / "take.blend"
    profile = api.calibrate(api.read_recording(path), windows={"smile": (0.0, 2.0)})
    profile.save(tmp_path / "profile.json")
    montage = {"format_version": 1, "channels": {
        "Zygomaticus_l": "mentalis", "Zygomaticus_r": "zygomaticus.right",
    }}  # fmt: skip
    (tmp_path / "montage.json").write_text(json.dumps(montage))
    options = ["--preset", "rms100", "--profile", str(tmp_path / "profile.json"), "--montage",
               str(tmp_path / "montage.json"), "--rate", "1000"]  # fmt: skip
    assert cli.main(["emg", str(path), "--out", str(out), *options]) == 0
    (tmp_path / "profile.json").unlink()
    (tmp_path / "montage.json").unlink()
    bpy.ops.wm.open_mainfile(filepath=str(out))
    obj = next(obj for obj in bpy.context.scene.objects if is_head(obj))
    bpy.context.view_layer.objects.active = obj
    before = everything(obj)[1]
    assert bpy.ops.eifer.remake_take() == {"FINISHED"}
    assert everything(obj)[1] == before
    assert edit(gain={"mentalis.left": 0.5}) == {"FINISHED"}
    assert everything(obj)[1] != before


def test_without_the_extension_a_take_is_made_again_from_what_it_remembers(
    head: bpy.types.Object,
) -> None:
    edit(symmetry=0.5)
    before = everything(head)[1]
    registration.unregister()
    remake_take(bpy.context, head)
    assert everything(head)[1] == before
    registration.register()


def refused(head: bpy.types.Object, words: str, **options: Any) -> None:
    before = everything(head)
    with pytest.raises(RuntimeError, match=words) as caught:
        bpy.ops.eifer.edit_take(**({"edits": '{"delay_ms": 5}'} | options))
    assert "Traceback" not in str(caught.value)
    assert everything(head) == before


def test_a_recording_that_is_gone_is_one_sentence(head: bpy.types.Object, recording: Path) -> None:
    recording.rename(recording.with_name("elsewhere.csv"))
    refused(head, "smile.csv is gone")
    elsewhere = str(recording.with_name("elsewhere.csv"))
    assert bpy.ops.eifer.remake_take(recording=elsewhere) == {"FINISHED"}
    assert recipe_of(current_take(head)).file == elsewhere
    assert edit(delay_ms=5.0) == {"FINISHED"}


def test_a_recording_that_has_changed_is_one_sentence(
    head: bpy.types.Object, recording: Path
) -> None:
    write_recording(recording, seed=4)
    refused(head, "has changed since the take was made")
    write_recording(recording)
    assert edit(delay_ms=5.0) == {"FINISHED"}


def test_a_changed_header_beside_the_same_samples_counts_as_changed(tmp_path: Path) -> None:
    pybv = pytest.importorskip("pybv", reason="pybv is not installed here")
    samples = np.random.default_rng(1).normal(size=(2, 4000)) * 1e-5
    pybv.write_brainvision(
        data=samples, sfreq=RATE_HZ, ch_names=["Zygomaticus_l", "Zygomaticus_r"],
        fname_base="session", folder_out=str(tmp_path), unit="µV",
    )  # fmt: skip
    header = tmp_path / "session.vhdr"
    bpy.ops.eifer.import_recording(filepath=str(header))
    obj = next(obj for obj in bpy.context.scene.objects if is_head(obj))
    assert bpy.ops.eifer.remake_take() == {"FINISHED"}
    header.write_text(header.read_text("utf-8") + "; another comment\n", "utf-8")
    refused(obj, "has changed since the take was made")


def test_a_recording_beside_the_blend_is_found(head: bpy.types.Object, recording: Path) -> None:
    folder = recording.parent / "moved"
    folder.mkdir()
    recording.rename(folder / recording.name)
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "take.blend"))
    assert edit(delay_ms=5.0) == {"FINISHED"}


@pytest.mark.parametrize(
    ("edits", "words"),
    [('{"gain": {"nose": 2}}', "no muscle 'nose'"), ("{", "cannot be read"),
     ('{"preset": "loud"}', "no preset 'loud'"), ('{"delay_ms": 1e7}', "delay ms cannot be")],
)  # fmt: skip
def test_bad_edits_change_nothing(head: bpy.types.Object, edits: str, words: str) -> None:
    refused(head, words, edits=edits)


@pytest.mark.parametrize(
    ("text", "words"),
    [("{", "damaged"), ('{"format_version": 9}', "newer EIFER"),
     ('{"format_version": 1}', "damaged"), ("5", "damaged")],
)  # fmt: skip
def test_a_damaged_recipe_is_one_sentence(head: bpy.types.Object, text: str, words: str) -> None:
    current_take(head)[recipes.KEY] = text
    refused(head, words)


def test_another_model_is_refused_unless_it_is_allowed(head: bpy.types.Object) -> None:
    action = current_take(head)
    document = json.loads(action[recipes.KEY]) | {"model_sha256": "0" * 64}
    action[recipes.KEY] = json.dumps(document)
    refused(head, "another model")
    assert bpy.ops.eifer.remake_take(any_model=True) == {"FINISHED"}
    assert bpy.ops.eifer.remake_take() == {"FINISHED"}


def test_the_buttons_say_what_they_lack(head: bpy.types.Object) -> None:
    del current_take(head)[recipes.KEY]
    assert not bpy.ops.eifer.remake_take.poll()
    with pytest.raises(EiferError, match="does not remember a recording"):
        remake_take(bpy.context, head)
    bpy.context.view_layer.objects.active = None
    with pytest.raises(RuntimeError, match="Choose a head"):
        bpy.ops.eifer.edit_take()


def test_nothing_of_the_settings_is_left_behind() -> None:
    registration.unregister()
    assert edit_settings.SETTINGS not in bpy.types.Action.bl_rna.properties
    registration.register()
    assert edit_settings.SETTINGS in bpy.types.Action.bl_rna.properties


def test_one_change_is_one_undo_step(head: bpy.types.Object) -> None:
    name = head.name
    bpy.ops.ed.undo_push(message="before")
    before = everything(head)
    for _ in range(2):
        assert bpy.ops.eifer.edit_take("EXEC_DEFAULT", True, edits='{"symmetry": 1.0}')
    assert everything(head) != before
    bpy.ops.ed.undo()
    bpy.ops.ed.undo()
    assert everything(bpy.data.objects[name]) == before


def test_the_panel_shows_what_can_be_set(head: bpy.types.Object) -> None:
    edit(min_cutoff_hz=2.0)
    panel = edit_panel.VIEW3D_PT_eifer_take_edits
    assert panel.poll(bpy.context)
    drawn = types.SimpleNamespace(layout=Layout([]))
    panel.draw(drawn, bpy.context)
    texts = drawn.layout.texts
    assert texts[0] == "The keys are as set here"
    assert "Up to 80 ms late, less when quick" in texts
    assert {"Filters", "Delay (ms)", "Left zygomaticus", "Gain", "Rest"} <= set(texts)


def test_two_fresh_processes_give_the_same_bits(head: bpy.types.Object, recording: Path) -> None:
    edit(preset="live", min_cutoff_hz=1.3, beta=0.4, symmetry=0.2, gain={"zygomaticus": 0.9})
    bpy.ops.wm.save_as_mainfile(filepath=str(recording.with_name("take.blend")))
    seen = set()
    for folder in ("one", "two"):
        place = recording.with_name(folder)
        place.mkdir()
        for file in (recording, recording.with_name("take.blend")):
            (place / file.name).write_bytes(file.read_bytes())
    recording.unlink()
    for folder in ("one", "two"):
        done = subprocess.run(
            [sys.executable, "-c", OTHER_MACHINE,
             str(recording.with_name(folder) / "take.blend")],
            capture_output=True, text=True, timeout=120, cwd=recording.parent, check=False,
        )  # fmt: skip
        assert "KEYS" in done.stdout, done.stderr
        seen.add(done.stdout.partition("KEYS")[2].split()[0])
    assert seen == {digest_of(head)}
