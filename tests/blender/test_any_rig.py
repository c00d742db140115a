"""Tracks on avatars that are not ours: what is keyed, what is said, and what is left alone."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest
from imported_scene import make_mesh

from eifer.eifer_addon import api
from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.scene.actions import curves, playing
from eifer.eifer_addon.scene.any_rig import apply_to_rig, fit_mapping
from eifer.eifer_addon.scene.keyframes import apply_track
from eifer.eifer_addon.scene.takes import current_take, notes_of
from eifer.eifer_addon.spaces import ARKIT52, ARKIT_NAMES, get_space
from eifer.eifer_addon.track import ExpressionTrack

pytestmark = pytest.mark.usefixtures("registered")


def make_track(only: tuple[str, ...] = ARKIT_NAMES, n_frames: int = 40) -> ExpressionTrack:
    random = np.random.default_rng(7)
    values = random.uniform(0, 1, (n_frames, 52)).astype(np.float32)
    values[:, [k for k, name in enumerate(ARKIT_NAMES) if name not in only]] = 0.0
    return ExpressionTrack(
        ARKIT52, values, np.arange(n_frames) / 30.0, np.ones(n_frames, np.float32),
        provenance={"source": "simulated.edf", "simulated": True},
    )  # fmt: skip


def values_of(block: bpy.types.ID) -> dict[str, np.ndarray]:
    found = {}
    for curve in curves(block):
        points = np.empty(2 * len(curve.keyframe_points), np.float32)
        curve.keyframe_points.foreach_get("co", points)
        found[curve.data_path] = points[1::2]
    return found


@pytest.mark.parametrize("spell", [str, str.upper, lambda n: n[0].upper() + n[1:]])
def test_arkit_named_keys_get_the_tracks_values(spell: Any) -> None:
    names = tuple(spell(name) for name in ARKIT_NAMES if name != "mouthSmileLeft")
    if spell is str.upper:
        names = tuple(name for name in names if not name.endswith(("LEFT", "RIGHT")))
    obj, track = make_mesh(names), make_track()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        action = api.apply_track(bpy.context, obj, track, take="smile", frame_start=3)
    found = values_of(obj.data.shape_keys)
    assert set(found) == {f'key_blocks["{name}"].value' for name in names}
    for name in names:
        column = next(n for n in ARKIT_NAMES if n.upper() == name.upper())
        np.testing.assert_array_equal(found[f'key_blocks["{name}"].value'], track.column(column))
    assert "without a target: " in str(caught[0].message)
    assert "mouthSmileLeft" in str(action["eifer_not_keyed"])
    assert (action["eifer_mapping"], action["eifer_frame_start"]) == ("arkit", 3.0)


def test_the_face_moves_when_the_take_plays() -> None:
    obj, track = make_mesh(("jaw_open",)), make_track(("jawOpen",))
    bpy.context.scene.render.fps = 30
    apply_to_rig(bpy.context, obj, track, frame_start=1)
    bpy.context.scene.frame_set(11)
    value = obj.data.shape_keys.key_blocks["jaw_open"].value
    assert value == pytest.approx(track.column("jawOpen")[10])


def test_other_keys_and_their_values_are_not_touched() -> None:
    obj = make_mesh(("jawOpen", "Belly", "driven_L", "mouthClose"))
    blocks = obj.data.shape_keys.key_blocks
    blocks["Belly"].value, blocks["Belly"].slider_max = 0.4, 2.0
    blocks["mouthClose"].driver_add("value")
    obj["jawOpen"] = 0.3
    with pytest.warns(UserWarning, match="drivers of their own: mouthClose"):
        apply_to_rig(bpy.context, obj, make_track(("jawOpen", "mouthClose")))
    assert set(values_of(obj.data.shape_keys)) == {'key_blocks["jawOpen"].value'}
    assert blocks["Belly"].value == pytest.approx(0.4)
    assert blocks["Belly"].slider_max == 2.0
    assert (obj["jawOpen"], obj.animation_data) == (0.3, None)


def test_an_earlier_action_stays_in_the_file_and_an_earlier_take_goes_to_rest() -> None:
    obj, keys = (made := make_mesh(("jawOpen", "mouthClose"))), made.data.shape_keys
    keys.key_blocks["mouthClose"].keyframe_insert("value", frame=1)
    own = playing(keys)[0]
    apply_to_rig(bpy.context, obj, make_track(("mouthClose",)), take="first")
    assert own.use_fake_user
    bpy.context.scene.frame_set(5)
    assert keys.key_blocks["mouthClose"].value > 0
    mine = {"format_version": 1, "kind": "shape_keys",
            "targets": {"jawOpen": {"from": {"jawOpen": 1.0}}}}  # fmt: skip
    path = Path(bpy.app.tempdir) / "jaw.json"
    path.write_text(json.dumps(mine))
    apply_to_rig(bpy.context, obj, make_track(("jawOpen",)), take="second", mapping=path)
    assert keys.key_blocks["mouthClose"].value == 0
    assert {"first", "second", own.name} <= {a.name for a in bpy.data.actions}


def test_names_that_need_quoting_are_keyed() -> None:
    obj = make_mesh(('say "jaw" [open]', "back\\slash"))
    mine = {"format_version": 1, "kind": "shape_keys", "targets": {
        'say "jaw" [open]': {"from": {"jawOpen": 1.0}}, "back\\slash": {"from": {"jawOpen": 0.5}},
    }}  # fmt: skip
    path = Path(bpy.app.tempdir) / "quoted.json"
    path.write_text(json.dumps(mine))
    apply_to_rig(bpy.context, obj, make_track(("jawOpen",)), mapping=path)
    bpy.context.scene.frame_set(2)
    first, second = obj.data.shape_keys.key_blocks[1:]
    assert first.value == pytest.approx(2 * second.value)
    assert first.value > 0
    apply_to_rig(bpy.context, obj, make_track(("jawOpen",)), mapping=path)


def make_armature(bone_property: str = "jawOpen") -> bpy.types.Object:
    rig = bpy.data.objects.new("rig", bpy.data.armatures.new("rig"))
    bpy.context.collection.objects.link(rig)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    rig.data.edit_bones.new("face.master").tail = (0, 0, 1)
    bpy.ops.object.mode_set(mode="OBJECT")
    rig.pose.bones["face.master"][bone_property] = 0.0
    rig["Mouth_Close"], rig["count"], rig["title"] = 0.0, 3, "text"
    return rig


def test_custom_properties_of_a_rig_and_its_bones_are_keyed() -> None:
    rig, track = make_armature(), make_track(("jawOpen", "mouthClose", "tongueOut"))
    with pytest.warns(UserWarning, match="without a target: tongueOut"):
        action = api.apply_track(bpy.context, rig, track)
    assert action["eifer_mapping"] == "rigify"
    found = values_of(rig)
    assert set(found) == {'pose.bones["face.master"]["jawOpen"]', '["Mouth_Close"]'}
    np.testing.assert_array_equal(found['["Mouth_Close"]'], track.column("mouthClose"))
    bpy.context.scene.frame_set(5)
    assert rig.pose.bones["face.master"]["jawOpen"] > 0
    apply_to_rig(bpy.context, rig, make_track(("jawOpen",)), take="again")
    assert (rig["count"], rig["title"]) == (3, "text")


@pytest.mark.parametrize("names", [("Belly",), ()])
def test_a_mesh_without_targets_is_refused_and_not_changed(names: tuple[str, ...]) -> None:
    obj = make_mesh(names)
    with pytest.raises(EiferError, match="not an EIFER head"):
        api.apply_track(bpy.context, obj, make_track())
    assert obj.data.shape_keys.animation_data is None
    assert not bpy.data.actions


def test_a_track_of_gaps_is_refused() -> None:
    obj, track = make_mesh(("jawOpen",)), make_track()
    empty = ExpressionTrack(ARKIT52, track.coefficients, track.timestamps, track.confidence * 0)
    with pytest.raises(EiferError, match="no usable frame"):
        apply_to_rig(bpy.context, obj, empty)


def test_a_linked_mesh_is_refused(tmp_path: Path) -> None:
    make_mesh(("jawOpen",))
    library = tmp_path / "library.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(library))
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    with bpy.data.libraries.load(str(library), link=True) as (there, here):
        here.objects = there.objects
    with pytest.raises(EiferError, match="comes from another"):
        fit_mapping(here.objects[0])


def select(*objects: bpy.types.Object) -> None:
    """Select these, the last one active."""
    bpy.context.view_layer.update()
    for obj in bpy.context.view_layer.objects:
        obj.select_set(obj in objects)
    bpy.context.view_layer.objects.active = objects[-1]


def test_one_take_goes_to_several_avatars(rigged: bpy.types.Object, synthetic_head: Any) -> None:
    apply_track(bpy.context, rigged, make_track(), take="smile", frame_start=7)
    first, second = (make_mesh(("jawOpen", "mouthSmile_L"), title) for title in ("A", "B"))
    twin = bpy.data.objects.new("twin", first.data)
    bpy.context.collection.objects.link(twin)
    other = api.add_head(bpy.context, synthetic_head)
    cube = make_mesh((), "Cube")
    select(first, second, twin, other, cube, rigged)
    before = current_take(rigged)
    assert bpy.ops.eifer.apply_track_to_selected() == {"FINISHED"}
    assert current_take(rigged) == before
    takes = [playing(o.data.shape_keys)[0] for o in (first, second)] + [current_take(other)]
    assert [t.name for t in takes] == ["smile A", "smile B", f"smile {other.name}"]
    assert {notes_of(t)["frame_start"] for t in takes} == {7.0}
    assert cube.data.shape_keys.animation_data is None
    source = values_of(rigged)['["jawOpen"]']
    for obj in (first, second):
        found = values_of(obj.data.shape_keys)['key_blocks["jawOpen"].value']
        np.testing.assert_allclose(found, source, atol=1e-6)


def test_a_track_file_goes_to_selected_avatars(tmp_path: Path) -> None:
    path = make_track().save(tmp_path / "grin.npz")
    obj = make_mesh(("jawOpen",))
    select(obj)
    assert bpy.ops.eifer.apply_track_to_selected(filepath=str(path), mapping="vrm") == {"FINISHED"}
    action = playing(obj.data.shape_keys)[0]
    assert (action.name, action["eifer_mapping"]) == ("grin Avatar", "vrm")


def refused(words: str, **options: Any) -> None:
    before = sorted(a.name for a in bpy.data.actions)
    with pytest.raises(RuntimeError, match=words) as caught:
        bpy.ops.eifer.apply_track_to_selected(**options)
    assert "Traceback" not in str(caught.value)
    assert sorted(a.name for a in bpy.data.actions) == before


def test_what_cannot_be_applied_is_one_sentence(tmp_path: Path) -> None:
    obj = make_mesh(("Belly",))
    select(obj)
    path = str(make_track().save(tmp_path / "grin.npz"))
    refused("no head that plays a take")
    refused("finds nothing on it", filepath=path)
    refused("No mapping file", filepath=path, mapping="file")
    refused("could not be read", filepath=path, mapping="file", mapping_file="/none.json")
    obj.select_set(False)
    with pytest.raises(RuntimeError, match="Select the avatars"):
        bpy.ops.eifer.apply_track_to_selected()


def test_a_failure_half_way_leaves_all_avatars_as_they_were(
    rigged: bpy.types.Object, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply_track(bpy.context, rigged, make_track(), take="smile")
    first, second = (make_mesh(("jawOpen",), title) for title in ("A", "B"))
    apply_to_rig(bpy.context, first, make_track(("jawOpen",)), take="own")
    real = api.apply_track

    def fail_second(context: Any, obj: Any, *rest: Any, **options: Any) -> Any:
        if obj == second:
            raise EiferError("The keys cannot be written.", "Try again.")
        return real(context, obj, *rest, **options)

    monkeypatch.setattr(api, "apply_track", fail_second)
    select(first, second, rigged)
    refused("cannot be written")
    assert playing(first.data.shape_keys)[0].name == "own"
    assert second.data.shape_keys.animation_data is None


def test_a_parametric_track_goes_through_the_hub_once(
    rigged: bpy.types.Object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    space, asked = get_space("flame2020:e50"), []
    track = ExpressionTrack(
        space, np.zeros((3, 50), np.float32), np.arange(3.0), np.ones(3, np.float32)
    )

    def carry(given: ExpressionTrack, to: str) -> ExpressionTrack:
        asked.append(to)
        return make_track(("jawOpen",), len(given))

    monkeypatch.setattr(api, "retarget", carry)
    path = track.save(tmp_path / "flame.npz")
    select(make_mesh(("jawOpen",), "A"), make_mesh(("jawOpen",), "B"), rigged)
    assert bpy.ops.eifer.apply_track_to_selected(filepath=str(path)) == {"FINISHED"}
    assert asked == ["arkit52"]
    assert current_take(rigged) is not None


def test_the_example_moves_every_avatar_of_a_file(tmp_path: Path) -> None:
    random, n = np.random.default_rng(3), 3000
    burst = 1 + 40 * (np.sin(np.arange(n) / 1000 * 2) > 0.5)
    table = np.column_stack([np.arange(n) / 1000, random.normal(size=n) * burst])
    header = "time,Zygomaticus_l"
    np.savetxt(tmp_path / "smile.csv", table, delimiter=",", comments="", header=header)
    make_mesh(("mouthSmile_L", "jawOpen"), "A")
    make_mesh(("Belly",), "B")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "avatars.blend"))
    example = Path(__file__).parents[2] / "examples" / "take_to_avatars.py"
    done = subprocess.run(
        [sys.executable, str(example), "smile.csv", "avatars.blend", "out.blend"],
        capture_output=True, text=True, timeout=120, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert "A: smile A, by the table arkit" in done.stdout, done.stderr
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "out.blend"))
    found = values_of(bpy.data.objects["A"].data.shape_keys)
    assert found['key_blocks["mouthSmile_L"].value'].max() > 0.3
