"""The muscle map on other people's avatars, and with other electrodes."""

from __future__ import annotations

from dataclasses import replace

import bpy
import numpy as np
import pytest
from mathutils import Vector
from muscle_scene import LEFT, colours, evaluated, part, positions, set_activity, take_of

from eifer.eifer_addon import api
from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.heads.model import HeadModel
from eifer.eifer_addon.scene.axes import to_blender
from eifer.eifer_addon.scene.muscle_activity import property_of
from eifer.eifer_addon.scene.muscle_map import has_map, show_map
from eifer.eifer_addon.spaces import ARKIT52


@pytest.fixture
def head(open_head: HeadModel) -> bpy.types.Object:
    return api.add_head(bpy.context, open_head, n_identity=2, n_expression=2)


@pytest.fixture
def hero(open_head: HeadModel) -> bpy.types.Object:
    """Somebody's avatar in centimetres: one mesh, a material of its own, ARKit-named keys."""
    units, points = open_head.units, to_blender(open_head.template) * 100
    assert units is not None
    mesh = bpy.data.meshes.new("Hero")
    mesh.from_pydata(points.tolist(), [], open_head.triangles.tolist())
    obj = bpy.data.objects.new("Hero", mesh)
    bpy.context.collection.objects.link(obj)
    obj.scale = (0.01,) * 3
    obj.shape_key_add(name="Basis")
    for name in ("mouthSmileLeft", "mouthSmileRight", "jawOpen"):
        block = obj.shape_key_add(name=name)
        block.value = 0.0
        moved = points + to_blender(units[ARKIT52.coefficients.index(name)]) * 100
        block.points.foreach_set("co", moved.ravel())
    material = bpy.data.materials.new("Hero skin")
    if material.node_tree is None:
        material.use_nodes = True
    material.diffuse_color = (0.2, 0.3, 0.6, 1.0)
    mesh.materials.append(material)
    bpy.context.view_layer.objects.active = obj
    bpy.context.view_layer.update()
    return obj


def test_another_avatar_shows_the_activity_of_its_take(hero: bpy.types.Object) -> None:
    track, activity = take_of()
    api.apply_track(bpy.context, hero, track, take="smile", frame_start=1, activity=activity)
    show_map(bpy.context, hero)
    bpy.context.scene.frame_set(1)
    rest = colours(hero)
    bpy.context.scene.frame_set(1 + round(1.5 * bpy.context.scene.render.fps))
    assert hero[LEFT] == pytest.approx(1.0)
    lit = np.abs(colours(hero) - rest).max(axis=1) > 0.2
    assert lit.any()
    assert positions(hero)[lit][:, 0].min() > 0
    # Discs of their true size on the moving skin, in the avatar's own units.
    discs, skin = positions(part(hero, "electrodes")), evaluated(hero)
    gaps = [(skin.closest_point_on_mesh(p.tolist())[1] - Vector(p)).length for p in discs]
    assert max(gaps) <= 0.1
    reach = np.linalg.norm(discs[22:].reshape(-1, 22, 20, 3)[-1] - discs[:22, None], axis=2)
    assert 0.28 < reach.min() < reach.max() < 0.40


def test_another_avatars_materials_stay_untouched(hero: bpy.types.Object) -> None:
    material = hero.data.materials[0]
    nodes = len(material.node_tree.nodes)
    show_map(bpy.context, hero)
    shown = evaluated(hero).data.materials
    assert [m.name for m in shown] == ["Hero skin with muscle map"]
    assert hero.data.materials[0] == material
    assert len(material.node_tree.nodes) == nodes
    show_map(bpy.context, hero, show=False)
    assert [m.name for m in evaluated(hero).data.materials] == ["Hero skin"]


def test_a_subdivided_avatar_keeps_its_discs_on_the_skin(hero: bpy.types.Object) -> None:
    hero.modifiers.new("Subdivision", "SUBSURF").levels = 1
    show_map(bpy.context, hero)
    discs, skin = positions(part(hero, "electrodes")), evaluated(hero)
    gaps = [(skin.closest_point_on_mesh(p.tolist())[1] - Vector(p)).length for p in discs[:22]]
    assert max(gaps) <= 0.15
    set_activity(hero, **{LEFT: 1.0})
    assert (np.ptp(colours(hero), axis=0) > 0.3).any()


def test_a_mesh_without_a_face_is_one_sentence(hero: bpy.types.Object) -> None:
    bpy.ops.mesh.primitive_cube_add()
    cube = bpy.context.object
    before = sorted(f"{block.id_type} {block.name}" for block in bpy.data.user_map())
    with pytest.raises(EiferError, match=f"No face was recognised on '{cube.name}'"):
        show_map(bpy.context, cube)
    assert sorted(f"{b.id_type} {b.name}" for b in bpy.data.user_map()) == before
    assert not has_map(cube)
    assert not list(cube.data.color_attributes)


def test_electrodes_of_kuramoto_stand_at_their_own_places(head: bpy.types.Object) -> None:
    sites = {"frontalis_medialis.left": "K2", "orbicularis_oculi.left": "K6-K16"}
    show_map(bpy.context, head, sites=sites)
    assert len(positions(part(head, "electrodes"))) == 2 * (1 + 4 * 20)
    set_activity(head, **{LEFT: 1.0})
    rest = colours(head)
    set_activity(head, **{property_of("orbicularis_oculi.left"): 1.0})
    lit = np.abs(colours(head) - rest).max(axis=1) > 0.2
    assert positions(head)[lit][:, 0].min() > 0


def test_a_take_of_kuramotos_electrodes_shows_them_by_itself(head: bpy.types.Object) -> None:
    track, made = take_of()
    muscles = ("orbicularis_oculi.left", "orbicularis_oris.left", "orbicularis_oris.right")
    activity = replace(
        made, values=made.values[:, :3], muscles=muscles, baseline=np.ones(3), scale=np.ones(3),
        channels=("K6 - K16", "K20", "K20"), unclamped=None,
    )  # fmt: skip
    api.apply_track(bpy.context, head, track, take="kuramoto", activity=activity)
    show_map(bpy.context, head)
    middles = positions(part(head, "electrodes"))[:2]
    assert middles[0, 0] > 0.03
    # K20 stands for both sides: one disc on the midline.
    assert abs(middles[1, 0]) < 0.003
