"""A take is cleaned up after the fact: its keys come from the track that it keeps, at once."""

from __future__ import annotations

import json
from pathlib import Path

import bpy
import numpy as np
import pytest
from edited_takes import Layout, everything, keys

from eifer.eifer_addon import api
from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.scene import clean_up_panel, sources
from eifer.eifer_addon.scene.clean_up import clean_take, clean_up_of
from eifer.eifer_addon.scene.clean_up_settings import problem_of, settings_of
from eifer.eifer_addon.scene.controls import armature_of
from eifer.eifer_addon.scene.sources import SOURCE, source_of
from eifer.eifer_addon.scene.takes import current_take, notes_of, track_from_object
from eifer.eifer_addon.spaces import ARKIT52, get_space
from eifer.eifer_addon.track import Camera, ExpressionTrack

pytestmark = pytest.mark.usefixtures("registered", "small_open_head")

SMILE = '["mouthSmileLeft"]'


def make_track(n: int = 60, space: str = "arkit52") -> ExpressionTrack:
    """A face that moves with noise, lost in frames 20 to 24."""
    rng = np.random.default_rng(3)
    named = get_space(space)
    wave = 0.4 + 0.3 * np.sin(np.arange(n) / 8)[:, None]
    values = np.clip(wave + 0.05 * rng.standard_normal((n, len(named))), 0, 1).astype(np.float32)
    sure = np.ones(n, np.float32)
    sure[20:25] = 0.0
    pose = 0.05 * rng.standard_normal((n, 6)).astype(np.float32)
    return ExpressionTrack(named, values, np.arange(n) / 24.0, sure, pose,
                           camera=Camera(640, 480, 600.0, (0.0, 0.0, -0.6)))  # fmt: skip


@pytest.fixture
def head() -> bpy.types.Object:
    """A head that plays a film's take from frame 5 on."""
    bpy.ops.eifer.add_head(n_identity=0, n_expression=0)
    obj = bpy.context.object
    obj = obj if obj.type == "MESH" else next(c for c in obj.children if c.type == "MESH")
    api.apply_track(bpy.context, obj, make_track(), take="film", frame_start=5)
    return obj


def edit(**values: object) -> set[str]:
    return bpy.ops.eifer.clean_up(edits=json.dumps(values))


def test_a_take_keeps_its_track_and_plays_what_it_becomes(head: bpy.types.Object) -> None:
    kept = source_of(bpy.context, head)
    np.testing.assert_array_equal(kept.coefficients, make_track().coefficients)
    assert edit(smoothing_hz=4.0, gain={"mouth": 0.5}, mirror=True) == {"FINISHED"}
    wanted = api.clean_up(make_track(), {"smoothing_hz": 4, "gain": {"mouth": 0.5}, "mirror": True})
    usable = wanted.confidence > 0
    np.testing.assert_array_equal(keys(head)[SMILE][:, 1], wanted.column("mouthSmileLeft")[usable])
    np.testing.assert_allclose(keys(head)[SMILE][:, 0], 5 + 24 * wanted.timestamps[usable])
    read = track_from_object(bpy.context, head)
    np.testing.assert_allclose(read.head_pose, wanted.head_pose[usable], atol=1e-5)
    assert json.loads(str(notes_of(current_take(head))["clean_up"]))[0]["edits"]["mirror"] is True


def test_changes_add_up_and_the_way_back_is_exact(head: bpy.types.Object) -> None:
    before = everything(head)[1]
    edit(smoothing_hz=3.0)
    edit(eyelids=1.0, level_head=True)
    edits = clean_up_of(current_take(head))
    assert (edits.smoothing_hz, edits.eyelids) == (3.0, 1.0)
    assert bpy.ops.eifer.clean_up(reset=True) == {"FINISHED"}
    assert everything(head)[1] == before
    notes = notes_of(current_take(head))
    assert "clean_up" not in notes
    assert "camera" in notes


def test_a_slider_makes_the_keys_again_at_once(head: bpy.types.Object) -> None:
    action, before = current_take(head), keys(head)[SMILE]
    settings = settings_of(action)
    settings.smoothing_hz = 2.0
    assert np.std(np.diff(keys(head)[SMILE][:, 1])) < 0.5 * np.std(np.diff(before[:, 1]))
    settings.regions["mouth"].gain = 0.0
    assert not keys(head)[SMILE][:, 1].any()
    assert clean_up_of(action).gain == {"mouth": 0.0}
    edit(gain={"mouth": 1.0, "mouth.left": 0.5})
    assert settings.regions["mouth"].gain == 1.0
    settings.symmetry = 0.25
    assert clean_up_of(action).gain["mouth.left"] == 0.5
    texts: list[str] = []
    clean_up_panel.draw_clean_up(Layout(texts), bpy.context)
    assert {"Cleaned up", "Smoothing (Hz)", "Mouth", "Steady eyelids"} <= set(texts)


def test_the_present_frame_becomes_rest(head: bpy.types.Object) -> None:
    bpy.context.scene.frame_set(5 + 40)
    assert bpy.ops.eifer.pick_neutral() == {"FINISHED"}
    assert clean_up_of(current_take(head)).neutral_s == pytest.approx(40 / 24)
    values = track_from_object(bpy.context, head).coefficients
    assert np.median(values[33:38]) < 0.1
    settings = settings_of(current_take(head))
    assert settings.neutral == "frame"


def test_what_cannot_be_done_changes_nothing(head: bpy.types.Object) -> None:
    action, before = current_take(head), everything(head)[1]
    bpy.context.scene.frame_set(5 + 22)
    with pytest.raises(RuntimeError, match="No face was seen"):
        bpy.ops.eifer.pick_neutral()
    with pytest.raises(RuntimeError, match="no part of the face"):
        edit(gain={"chin": 2.0})
    assert everything(head)[1] == before
    # A slider cannot raise; the panel says why nothing happened.
    settings = settings_of(action)
    settings.neutral_s = 22 / 24
    settings.neutral = "frame"
    assert "No face was seen" in problem_of(action)
    assert everything(head)[1] == before
    settings.neutral = "none"
    assert problem_of(action) == ""
    action[SOURCE] = b"nonsense"
    sources._tracks.clear()
    with pytest.raises(EiferError, match="damaged"):
        clean_take(bpy.context, head, {"mirror": True})
    assert everything(head)[1] == before


def test_the_usual_clean_up_keeps_gaps_and_other_numbers(head: bpy.types.Object) -> None:
    edit(gain={"brow": 1.5})
    assert bpy.ops.eifer.clean_up_usual() == {"FINISHED"}
    edits = clean_up_of(current_take(head))
    assert (edits.gain, edits.eyelids) == ({"brow": 1.5}, 1.0)
    assert len(keys(head)[SMILE]) == 55


def test_it_outlives_saving_and_a_still_head_stays_still(
    head: bpy.types.Object, tmp_path: Path
) -> None:
    api.apply_track(bpy.context, head, make_track(), take="still", head_bone=None)
    edit(smoothing_hz=3.0)
    expected = keys(head)[SMILE]
    blend = str(tmp_path / "clean.blend")
    bpy.ops.wm.save_as_mainfile(filepath=blend)
    sources._tracks.clear()
    bpy.ops.wm.open_mainfile(filepath=blend)
    head = next(
        obj for obj in bpy.context.scene.objects if current_take(obj) and obj.type == "MESH"
    )
    bpy.context.view_layer.objects.active = head
    edit(head_smoothing_hz=2.0)
    np.testing.assert_array_equal(keys(head)[SMILE], expected)
    rig = armature_of(head)
    assert not any("root" in path for path in keys(rig))
    assert bpy.ops.eifer.clean_up(reset=True) == {"FINISHED"}
    usable = make_track().confidence > 0
    np.testing.assert_array_equal(
        keys(head)[SMILE][:, 1], make_track().column("mouthSmileLeft")[usable]
    )


def test_a_take_of_an_earlier_version_is_read_from_its_keys(head: bpy.types.Object) -> None:
    del current_take(head)[SOURCE]
    assert edit(symmetry=1.0) == {"FINISHED"}
    table = keys(head)
    np.testing.assert_allclose(table[SMILE][:, 1], table['["mouthSmileRight"]'][:, 1], atol=1e-6)


def test_emg_takes_are_sent_to_their_own_panel(head: bpy.types.Object) -> None:
    current_take(head)["eifer_recipe"] = "{}"
    assert not bpy.ops.eifer.clean_up.poll()
    with pytest.raises(EiferError, match="made from an EMG recording"):
        clean_take(bpy.context, head, {"mirror": True})


def test_another_avatar_is_cleaned_up_as_well() -> None:
    mesh = bpy.data.meshes.new("avatar")
    mesh.from_pydata([(0, 0, 0)], [], [])
    obj = bpy.data.objects.new("avatar", mesh)
    bpy.context.scene.collection.objects.link(obj)
    for name in ("Basis", *ARKIT52.coefficients):
        obj.shape_key_add(name=name)
    api.apply_track(bpy.context, obj, make_track(), take="film")
    clean_take(bpy.context, obj, {"gain": {"mouth": 0.0}})
    curves = keys(obj.data.shape_keys)
    assert not curves['key_blocks["mouthSmileLeft"].value'][:, 1].any()
    assert curves['key_blocks["jawOpen"].value'][:, 1].any()
