"""The rig: what Blender evaluates is the model's forward pass, with scripts switched off."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import bpy
import numpy as np
import pytest

from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.heads.model import JOINT_NAMES, HeadModel
from eifer.eifer_addon.scene import controls
from eifer.eifer_addon.scene.axes import from_blender
from eifer.eifer_addon.scene.rig import add_head
from eifer.eifer_addon.spaces import ARKIT_NAMES

TOLERANCE_M = 1e-5


def evaluated(obj: bpy.types.Object) -> np.ndarray:
    graph = bpy.context.evaluated_depsgraph_get()
    graph.update()
    mesh = obj.evaluated_get(graph).data
    points = np.empty(len(mesh.vertices) * 3, np.float32)
    mesh.vertices.foreach_get("co", points)
    return from_blender(points.reshape(-1, 3))


def random_pose(random: np.random.Generator) -> np.ndarray:
    axes = random.normal(size=(5, 3))
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    return axes * np.radians(random.uniform(-30, 30, (5, 1)))


def worst_difference(obj: bpy.types.Object, head: HeadModel, n_sets: int) -> float:
    random = np.random.default_rng(5)
    worst = 0.0
    for _ in range(n_sets):
        identity = random.normal(size=10).clip(-3, 3)
        expression = random.normal(size=50).clip(-3, 3)
        units = random.uniform(0, 1, 52) * (random.uniform(size=52) < 0.3)
        pose = random_pose(random)
        controls.set_identity(obj, identity)
        controls.set_expression(obj, expression)
        controls.set_controls(obj, dict(zip(ARKIT_NAMES, units.tolist(), strict=True)))
        controls.set_pose(obj, pose)
        expected, _ = head.forward(identity, expression, pose, units=units)
        worst = max(worst, float(np.abs(evaluated(obj) - expected).max()))
    return worst


def test_evaluated_mesh_is_the_forward_pass(
    rigged: bpy.types.Object, synthetic_head: HeadModel
) -> None:
    assert worst_difference(rigged, synthetic_head, 100) <= TOLERANCE_M


def test_evaluated_open_head_is_the_forward_pass(open_head: HeadModel) -> None:
    obj = add_head(bpy.context, open_head)
    assert worst_difference(obj, open_head, 100) <= TOLERANCE_M


def test_joints_move_in_the_synthetic_head(synthetic_head: HeadModel) -> None:
    """The proof above would be weak on a head whose joints stay where they are."""
    rest = synthetic_head.forward()[1]
    moved = synthetic_head.forward(identity=np.full(10, 1.0))[1]
    assert np.abs(moved - rest).max() > 1e-3


@pytest.mark.parametrize("joint", range(1, 5))
def test_pose_correctives_hold_while_the_animation_plays(
    joint: int, rigged: bpy.types.Object, synthetic_head: HeadModel
) -> None:
    bone = controls.armature_of(rigged).pose.bones[JOINT_NAMES[joint]]
    bone.keyframe_insert("rotation_quaternion", frame=1)
    pose = np.zeros((5, 3))
    pose[joint] = (0.4, -0.2, 0.1)
    controls.set_pose(rigged, pose)
    bone.keyframe_insert("rotation_quaternion", frame=11)
    bpy.context.scene.frame_set(11)
    expected, _ = synthetic_head.forward(pose=pose)
    assert np.abs(evaluated(rigged) - expected).max() <= TOLERANCE_M
    bpy.context.scene.frame_set(1)
    assert np.abs(evaluated(rigged) - synthetic_head.template).max() <= TOLERANCE_M


def test_drivers_need_no_scripts(rigged: bpy.types.Object) -> None:
    for curve in rigged.data.shape_keys.animation_data.drivers:
        driver = curve.driver
        assert driver.is_valid
        assert driver.type == "SUM" or driver.is_simple_expression


def test_identity_beyond_the_keys_is_baked(synthetic_head: HeadModel) -> None:
    identity = np.linspace(-2, 2, 20)
    obj = add_head(bpy.context, synthetic_head, identity=identity, n_identity=4)
    pose = random_pose(np.random.default_rng(1))
    controls.set_pose(obj, pose)
    expected, _ = synthetic_head.forward(identity=identity, pose=pose)
    assert np.abs(evaluated(obj) - expected).max() <= TOLERANCE_M


def test_an_identity_beyond_five_keeps_its_value(synthetic_head: HeadModel) -> None:
    obj = add_head(bpy.context, synthetic_head, identity=np.array([6.5]))
    assert obj.data.shape_keys.key_blocks["shape.000"].value == pytest.approx(6.5)


def test_moving_the_armature_moves_the_head_rigidly(
    rigged: bpy.types.Object, synthetic_head: HeadModel
) -> None:
    rig = controls.armature_of(rigged)
    rig.location, rig.rotation_euler, rig.scale = (1, 2, 3), (0.3, 0.2, 0.1), (2, 2, 2)
    controls.set_identity(rigged, np.full(10, 1.0))
    pose = random_pose(np.random.default_rng(2))
    controls.set_pose(rigged, pose)
    expected, _ = synthetic_head.forward(identity=np.full(10, 1.0), pose=pose)
    assert np.abs(evaluated(rigged) - expected).max() <= TOLERANCE_M


def test_head_stands_upright_and_looks_to_minus_y(rigged: bpy.types.Object) -> None:
    points = np.array([v.co for v in rigged.data.vertices])
    size = np.ptp(points, axis=0)
    assert size[2] > size[1] > size[0]
    nose = from_blender(points)[:, 2].argmax()
    assert points[nose, 1] == points[:, 1].min()


def rendered(path: Path) -> np.ndarray:
    scene = bpy.context.scene
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
    image = bpy.data.images.load(str(path))
    pixels = np.array(image.pixels[:])
    bpy.data.images.remove(image)
    return pixels


def test_joints_follow_the_shape_in_renders_too(rigged: bpy.types.Object, tmp_path: Path) -> None:
    """The helper is hidden from renders, and still has to be evaluated for them."""
    scene = bpy.context.scene
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    scene.collection.objects.link(camera)
    camera.location, camera.rotation_euler = (0, -0.6, 0), (np.pi / 2, 0, 0)
    scene.camera, scene.render.engine = camera, "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising = 1, False
    scene.render.resolution_x = scene.render.resolution_y = 48
    scene.render.film_transparent = True
    controls.set_identity(rigged, np.linspace(-5, 5, 10))
    controls.set_pose(
        rigged, np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0], [0, 0, 0], [0, 0, 0]])
    )
    helper = bpy.data.objects[f"{rigged.name} joints"]
    assert helper.hide_render
    hidden = rendered(tmp_path / "hidden.png")
    helper.hide_render = False
    assert np.array_equal(rendered(tmp_path / "shown.png"), hidden)
    for bone in controls.armature_of(rigged).pose.bones:
        bone.constraints[0].mute = True
    assert np.abs(rendered(tmp_path / "fixed.png") - hidden).max() > 0.1


def test_a_bare_head_of_triangles_is_rigged_too(synthetic_head: HeadModel) -> None:
    head = synthetic_head.replace(polygons=None, colours=None, units=None)
    obj = add_head(bpy.context, head, n_identity=0, n_expression=0)
    assert len(obj.data.polygons) == len(head.triangles)
    assert controls.controls_of(obj) == ()
    pose = random_pose(np.random.default_rng(8))
    controls.set_pose(obj, pose)
    assert np.abs(evaluated(obj) - head.forward(pose=pose)[0]).max() <= TOLERANCE_M


def test_a_head_whose_keys_were_removed_is_a_mesh_like_any_other(
    rigged: bpy.types.Object,
) -> None:
    rigged.shape_key_clear()
    assert not controls.is_head(rigged)
    with pytest.raises(EiferError, match="is not an EIFER head"):
        controls.set_controls(rigged, {"jawOpen": 1.0})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"identity": np.zeros(21)}, "has 20 identity coefficients, but 21"),
        ({"identity": np.array([np.nan])}, "is not a number"),
        ({"identity": np.array([0, 11.0])}, "coefficient 1 is 11"),
        ({"n_identity": -1}, "cannot be negative"),
    ],
)
def test_a_wrong_request_for_a_head_is_refused(
    options: dict[str, object], words: str, synthetic_head: HeadModel
) -> None:
    before = datablocks()
    with pytest.raises(EiferError, match=words):
        add_head(bpy.context, synthetic_head, **options)  # type: ignore[arg-type]
    assert datablocks() == before


def test_controls_have_ranges_words_and_can_be_overridden(rigged: bpy.types.Object) -> None:
    assert controls.controls_of(rigged) == ARKIT_NAMES
    for name in ARKIT_NAMES:
        ui = rigged.id_properties_ui(name).as_dict()
        assert (ui["min"], ui["max"], ui["default"]) == (0.0, 1.0, 0.0)
        assert len(ui["description"]) > 10
        assert rigged.is_property_overridable_library(f'["{name}"]')


def test_keys_are_named_ranged_and_at_rest(rigged: bpy.types.Object) -> None:
    blocks = rigged.data.shape_keys.key_blocks
    names = ["Basis", *(f"shape.{k:03d}" for k in range(10)), *(f"exp.{k:03d}" for k in range(50))]
    names += [*ARKIT_NAMES, *(f"pose.{k:03d}" for k in range(36))]
    assert list(blocks.keys()) == names
    assert all(block.value == 0 for block in blocks[1:])
    assert (blocks["exp.000"].slider_min, blocks["exp.000"].slider_max) == (-5, 5)
    assert (blocks["jawOpen"].slider_min, blocks["jawOpen"].slider_max) == (0, 1)


def test_only_the_five_bones_to_pose_are_shown(rigged: bpy.types.Object) -> None:
    armature = controls.armature_of(rigged).data
    shown = {b.name for c in armature.collections if c.is_visible for b in c.bones}
    assert shown == set(JOINT_NAMES)


def test_two_heads_have_names_of_their_own(synthetic_head: HeadModel) -> None:
    first, second = (add_head(bpy.context, synthetic_head, name="Ada") for _ in range(2))
    assert (first.name, second.name) == ("Ada", "Ada.001")
    controls.set_controls(first, {"jawOpen": 1.0})
    assert np.abs(evaluated(second) - synthetic_head.template).max() <= TOLERANCE_M


def test_a_failure_midway_leaves_the_scene_as_it_was(
    synthetic_head: HeadModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("out of memory")

    from eifer.eifer_addon.scene import rig

    before = datablocks()
    monkeypatch.setattr(rig, "drive_corrective", fail)
    with pytest.raises(OSError, match="out of memory"):
        add_head(bpy.context, synthetic_head)
    assert datablocks() == before


def datablocks() -> list[str]:
    return sorted(f"{block.id_type} {block.name}" for block in bpy.data.user_map())


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (lambda o: controls.set_controls(o, {"smirk": 1.0}), "no control 'smirk'"),
        (lambda o: controls.set_controls(o, {"jawOpen": 1.5}), "cannot be 1.5"),
        (lambda o: controls.set_identity(o, np.zeros(11)), "10 identity keys, but 11"),
        (lambda o: controls.set_identity(o, np.full(1, 7.0)), "outside of -5 to 5"),
        (lambda o: controls.set_pose(o, np.zeros((4, 3))), "5 finite axis-angles"),
        (lambda o: controls.apply_preset(o, "bored"), "no preset 'bored'"),
        (lambda o: controls.set_controls(o.parent, {}), "not an EIFER head"),
    ],
)
def test_bad_values_are_refused_in_one_sentence(
    rigged: bpy.types.Object, action: Callable[[bpy.types.Object], None], words: str
) -> None:
    with pytest.raises(EiferError, match=words):
        action(rigged)


def test_presets_cover_neutral_and_six_emotions(rigged: bpy.types.Object) -> None:
    assert set(controls.presets()) == {
        "neutral", "angry", "disgusted", "fearful", "happy", "sad", "surprised",
    }  # fmt: skip
    for name, values in controls.presets().items():
        controls.apply_preset(rigged, name)
        assert {n: rigged[n] for n in ARKIT_NAMES if rigged[n]} == pytest.approx(values)


def test_a_saved_file_evaluates_the_same_without_the_extension_and_scripts(
    rigged: bpy.types.Object, synthetic_head: HeadModel, tmp_path: Path
) -> None:
    identity, pose = np.full(10, 0.7), random_pose(np.random.default_rng(3))
    controls.set_identity(rigged, identity)
    controls.set_pose(rigged, pose)
    controls.set_controls(rigged, {"jawOpen": 0.5, "mouthSmileLeft": 1.0})
    units = np.array([{"jawOpen": 0.5, "mouthSmileLeft": 1.0}.get(n, 0.0) for n in ARKIT_NAMES])
    expected, _ = synthetic_head.forward(identity, pose=pose, units=units)
    path = tmp_path / "head.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    code = f"""
import sys, bpy, numpy as np
bpy.context.preferences.filepaths.use_scripts_auto_execute = False
bpy.ops.wm.open_mainfile(filepath={str(path)!r}, use_scripts=False)
obj = bpy.data.objects[{rigged.name!r}]
obj["jawOpen"] = 0.0
obj.update_tag()
graph = bpy.context.evaluated_depsgraph_get()
obj["jawOpen"] = 0.5
obj.update_tag()
graph.update()
mesh = obj.evaluated_get(graph).data
points = np.empty(len(mesh.vertices) * 3, np.float32)
mesh.vertices.foreach_get("co", points)
np.save({str(tmp_path / "points.npy")!r}, points)
assert not any(name.startswith("eifer") for name in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "cycle" not in (done.stdout + done.stderr).lower()
    points = from_blender(np.load(tmp_path / "points.npy").reshape(-1, 3))
    assert np.abs(points - expected).max() <= TOLERANCE_M
