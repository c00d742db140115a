"""Takes that scripts key, and takes on other avatars: they can be edited like imported ones."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest
from avatar_names import MPFB_BODY, RIGIFY, UNDERSCORED, VROID, VROID_BEFORE
from edited_takes import OTHER_MACHINE, digest_of, everything, keys, write_face
from imported_scene import make_mesh

from eifer.eifer_addon import api
from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.heads.model import HeadModel
from eifer.eifer_addon.scene import edit_panel, recipes
from eifer.eifer_addon.scene.actions import curves, playing
from eifer.eifer_addon.scene.edit_settings import settings_of
from eifer.eifer_addon.scene.edits import remake_take
from eifer.eifer_addon.scene.muscle_activity import has_activity, property_of
from eifer.eifer_addon.scene.recipes import has_recipe, recipe_of
from eifer.eifer_addon.scene.takes import avatar_of, current_take
from eifer.eifer_addon.signals.edits import Edits
from eifer.eifer_addon.spaces import ARKIT_NAMES

pytestmark = pytest.mark.usefixtures("registered")

MUSCLES = ("Zygomaticus", "Corrugator")
FPS = 24


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return write_face(tmp_path / "smile.csv", MUSCLES)


def keyed_by_script(
    obj: bpy.types.Object, path: Path, *, take: str = "scripted", **options: Any
) -> bpy.types.Action:
    activity = api.to_activity(api.read_recording(path, rate_hz=1000.0), preset="rms100")
    activity = api.apply_edits(activity, {"gain": {"zygomaticus": 0.8}, "delay_ms": 20.0})
    track = api.emg_to_expression(activity, fill="mirror")
    return api.apply_track(bpy.context, obj, track, take=take, activity=activity, **options)


def points(block: bpy.types.ID) -> dict[str, bytes]:
    found = {}
    for curve in curves(block):
        table = np.empty(2 * len(curve.keyframe_points), np.float32)
        curve.keyframe_points.foreach_get("co", table)
        found[curve.data_path] = table.tobytes()
    return found


def points_of(action: Any) -> int:
    """How many curves the action holds, in all its slots."""
    bags = [bag for layer in getattr(action, "layers", ()) for s in layer.strips
            for bag in s.channelbags] or [action]  # fmt: skip
    return sum(len(bag.fcurves) for bag in bags)


def choose(*objects: bpy.types.Object) -> None:
    bpy.context.view_layer.update()
    for obj in bpy.context.view_layer.objects:
        obj.select_set(obj in objects)
    bpy.context.view_layer.objects.active = objects[-1]


def test_a_scripts_take_remembers_its_recording(rigged: bpy.types.Object, recording: Path) -> None:
    action = keyed_by_script(rigged, recording, frame_start=7)
    recipe = recipe_of(action)
    assert (recipe.file, recipe.preset, recipe.fill) == (str(recording), "rms100", "mirror")
    assert recipe.reader == {"rate_hz": 1000.0}
    assert recipe.edits == Edits(gain={"zygomaticus": 0.8}, delay_ms=20.0)
    assert [row.name for row in settings_of(action).channels][-1] == "Thermometer"
    choose(rigged)
    assert edit_panel.VIEW3D_PT_eifer_take_edits.poll(bpy.context)
    before = everything(rigged)[1]
    assert bpy.ops.eifer.remake_take() == {"FINISHED"}
    assert everything(rigged)[1] == before
    recipes.forget_activities()
    assert bpy.ops.eifer.edit_take(edits='{"delay_ms": 0}') == {"FINISHED"}
    assert recipe_of(action).edits == Edits(gain={"zygomaticus": 0.8})
    assert keys(rigged)['["jawOpen"]'][0, 0] == pytest.approx(7.0)


def test_a_saved_track_keeps_its_recipe_into_blender(
    rigged: bpy.types.Object, recording: Path, tmp_path: Path
) -> None:
    track = api.emg_to_expression(api.to_activity(api.read_recording(recording)))
    saved = api.read_track(track.save(tmp_path / "track.npz"))
    action = api.apply_track(bpy.context, rigged, saved, take="loaded")
    before = points(rigged)
    remake_take(bpy.context, rigged, Edits())
    after = points(rigged)
    assert {path: after[path] for path in before} == before
    assert [row.name for row in settings_of(action).muscles]


def test_a_track_that_a_script_changed_is_not_taken_for_the_recordings(
    rigged: bpy.types.Object, recording: Path
) -> None:
    track = api.emg_to_expression(api.to_activity(api.read_recording(recording)))
    halved = replace(track, coefficients=track.coefficients * np.float32(0.5))
    action = api.apply_track(bpy.context, rigged, halved, take="halved")
    assert not has_recipe(action)
    with pytest.raises(EiferError, match="does not remember a recording"):
        remake_take(bpy.context, rigged)


def test_a_scripts_take_gives_the_same_keys_in_a_fresh_process(
    rigged: bpy.types.Object, recording: Path
) -> None:
    keyed_by_script(rigged, recording)
    blend = recording.with_name("take.blend")
    bpy.ops.wm.save_as_mainfile(filepath=str(blend))
    done = subprocess.run(
        [sys.executable, "-c", OTHER_MACHINE, str(blend)],
        capture_output=True, text=True, timeout=120, cwd=recording.parent, check=False,
    )  # fmt: skip
    assert "KEYS" in done.stdout, done.stderr
    assert done.stdout.partition("KEYS")[2].split()[0] == digest_of(rigged)


AVATARS = {
    "suffixes": (UNDERSCORED, "arkit"),
    "mpfb2": ((*MPFB_BODY, *ARKIT_NAMES), "arkit"),
    "vroid": (tuple(VROID_BEFORE[0] + name for name in VROID), "vrm"),
}


@pytest.mark.parametrize("kind", AVATARS)
def test_takes_on_other_avatars_are_edited_too(kind: str, recording: Path) -> None:
    names, table = AVATARS[kind]
    obj = make_mesh(names)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what has no target is warned of elsewhere
        action = keyed_by_script(obj, recording, frame_start=5)
    assert action["eifer_mapping"] == table
    untouched = {n: obj.data.shape_keys.key_blocks[n].value for n in names if n in MPFB_BODY}
    choose(obj)
    assert avatar_of(obj) == obj
    before = points(obj.data.shape_keys)
    recipes.forget_activities()
    assert bpy.ops.eifer.remake_take() == {"FINISHED"}
    assert points(obj.data.shape_keys) == before
    assert playing(obj.data.shape_keys)[0] == action
    assert bpy.ops.eifer.edit_take(edits='{"gain": {"zygomaticus": 0.2}}') == {"FINISHED"}
    changed = points(obj.data.shape_keys)
    assert set(changed) == set(before)
    assert changed != before
    assert {n: obj.data.shape_keys.key_blocks[n].value for n in untouched} == untouched
    assert bpy.ops.eifer.remake_take(as_new=True) == {"FINISHED"}
    assert current_take(obj).name == "scripted.001"
    assert recipe_of(current_take(obj)).edits.gain == {"zygomaticus": 0.2}


def test_a_table_of_ones_own_is_kept_with_the_take(recording: Path, tmp_path: Path) -> None:
    mine = {"format_version": 1, "title": "Mine", "kind": "shape_keys", "targets": {
        "Grin": {"from": {"mouthSmileLeft": 0.5, "mouthSmileRight": 0.5}, "gain": 0.8,
                 "offset": 0.1, "clamp": [0.0, 0.6]},
    }}  # fmt: skip
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(mine))
    obj = make_mesh(("Grin", "Belly"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        keyed_by_script(obj, recording, mapping=path)
    before = points(obj.data.shape_keys)
    values = np.frombuffer(before['key_blocks["Grin"].value'], np.float32)[1::2]
    assert values.min() == pytest.approx(0.1)
    assert values.max() == pytest.approx(0.6)
    path.unlink()
    remake_take(bpy.context, obj)
    assert points(obj.data.shape_keys) == before


def make_rigify() -> bpy.types.Object:
    rig = bpy.data.objects.new("rig", bpy.data.armatures.new("rig"))
    bpy.context.collection.objects.link(rig)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    for bone in {bone for bone, _, _ in RIGIFY}:
        rig.data.edit_bones.new(bone).tail = (0, 0, 1)
    bpy.ops.object.mode_set(mode="OBJECT")
    for bone, name, value in RIGIFY:
        rig.pose.bones[bone][name] = value
    return rig


def test_a_rigify_face_gets_its_mouth_lock_and_nothing_else(recording: Path) -> None:
    rig = make_rigify()
    with pytest.warns(UserWarning, match="without a target: "):
        keyed_by_script(rig, recording)
    found = [path for path in points(rig) if "activity_" not in path]
    assert found == ['pose.bones["jaw_master"]["mouth_lock"]']
    assert rig.pose.bones["eyes"]["eyes_follow"] == 1.0
    choose(rig)
    before = points(rig)
    assert bpy.ops.eifer.remake_take() == {"FINISHED"}
    assert points(rig) == before


def test_activity_is_shown_on_an_avatar_that_can_or_one_sentence_says_why_not(
    recording: Path,
) -> None:
    obj = make_mesh(ARKIT_NAMES)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        keyed_by_script(obj, recording)
    assert has_activity(obj)
    seen = []
    for frame in range(0, 90, 10):
        bpy.context.scene.frame_set(frame)
        seen.append(obj[property_of("zygomaticus.left")])
    assert max(seen) > 0.2
    other = make_mesh(ARKIT_NAMES, "Busy")
    other.keyframe_insert("location", frame=1)
    own = playing(other)[0]
    with pytest.warns(UserWarning, match="not shown on 'Busy', which plays the action") as caught:
        action = keyed_by_script(other, recording, take="second")
    assert len(caught) == 1
    assert playing(other)[0] == own
    assert not has_activity(other)
    assert has_recipe(action)


def test_a_second_take_replaces_the_first_ones_activity(recording: Path) -> None:
    obj = make_mesh(ARKIT_NAMES)
    first = keyed_by_script(obj, recording)
    track = api.emg_to_expression(api.to_activity(api.read_recording(recording)))
    second = api.apply_track(bpy.context, obj, track, take="plain")
    assert current_take(obj) == second
    assert not has_activity(obj)
    assert obj[property_of("zygomaticus.left")] == 0.0
    third = keyed_by_script(obj, recording, take="third")
    assert current_take(obj) == third
    assert has_activity(obj)
    assert first.users >= 1


def test_one_edit_reaches_all_selected_avatars_of_the_recording(
    rigged: bpy.types.Object, recording: Path, synthetic_head: HeadModel
) -> None:
    keyed_by_script(rigged, recording)
    first, second = (make_mesh(("jawOpen", "mouthSmile_L"), title) for title in "AB")
    twin = api.add_head(bpy.context, synthetic_head)
    choose(first, second, twin, rigged)
    assert bpy.ops.eifer.apply_track_to_selected() == {"FINISHED"}
    for obj in (first, second, twin):
        assert has_activity(obj)
        assert recipe_of(current_take(obj)).sha256 == recipe_of(current_take(rigged)).sha256
    choose(first, twin, rigged)
    left_alone = points(second.data.shape_keys)
    before = points(first.data.shape_keys)
    edits = '{"gain": {"zygomaticus": 0.3}}'
    assert bpy.ops.eifer.edit_take(edits=edits, selected=True) == {"FINISHED"}
    assert points(second.data.shape_keys) == left_alone
    assert points(first.data.shape_keys) != before
    smile = points(first.data.shape_keys)['key_blocks["mouthSmile_L"].value']
    own = points(rigged)['["mouthSmileLeft"]']
    assert smile == own
    assert points(twin)['["mouthSmileLeft"]'] == own


def test_an_avatar_that_plays_something_else_meanwhile_is_refused(recording: Path) -> None:
    obj = make_mesh(ARKIT_NAMES)
    action = keyed_by_script(obj, recording)
    obj.data.shape_keys.animation_data.action = bpy.data.actions.new("own")
    before = points_of(action)
    with pytest.raises(EiferError, match="does not play the take 'scripted' any more"):
        remake_take(bpy.context, obj, Edits(symmetry=1.0))
    assert recipe_of(action).edits == Edits(gain={"zygomaticus": 0.8}, delay_ms=20.0)
    assert points_of(action) == before


def test_the_example_changes_the_takes_of_a_file(
    rigged: bpy.types.Object, recording: Path, tmp_path: Path
) -> None:
    keyed_by_script(rigged, recording)
    name, before = rigged.name, keys(rigged)['["mouthSmileLeft"]'][:, 1].max()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "take.blend"))
    example = Path(__file__).parents[2] / "examples" / "edit_take.py"
    changes = '{"gain": {"zygomaticus": 0.2}, "repair": {"Corrugator_l": "drop"}}'
    done = subprocess.run(
        [sys.executable, str(example), "take.blend", changes, "changed.blend"],
        capture_output=True, text=True, timeout=120, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert "made the keys of 'scripted' again" in done.stdout, done.stderr
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "changed.blend"))
    head = bpy.data.objects[name]
    recipe = recipe_of(current_take(head))
    assert (recipe.edits.gain, recipe.repair) == ({"zygomaticus": 0.2}, {"Corrugator_l": "drop"})
    assert 0 < keys(head)['["mouthSmileLeft"]'][:, 1].max() < 0.5 * before
