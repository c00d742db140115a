"""What a person sees of the muscle map in a 3D view as it is, before anything is rendered."""

from __future__ import annotations

import bpy
import numpy as np
import pytest

from eifer.eifer_addon import api
from eifer.eifer_addon.heads.model import HeadModel
from eifer.eifer_addon.scene.muscle_map import show_map


@pytest.fixture
def head(registered: None, open_head: HeadModel) -> bpy.types.Object:
    return api.add_head(bpy.context, open_head, n_identity=2, n_expression=2)


def solid_views() -> list[bpy.types.View3DShading]:
    areas = bpy.context.window_manager.windows[0].screen.areas
    shadings = [area.spaces.active.shading for area in areas if area.type == "VIEW_3D"]
    return [shading for shading in shadings if shading.type == "SOLID"]


def test_solid_views_show_the_colours_as_long_as_the_map_is_shown(head: bpy.types.Object) -> None:
    views = solid_views()
    assert {view.color_type for view in views} == {"MATERIAL"}
    bpy.ops.eifer.show_muscle_map()
    assert {view.color_type for view in views} == {"VERTEX"}
    bpy.ops.eifer.show_muscle_map()
    assert {view.color_type for view in views} == {"MATERIAL"}
    views[0].color_type = "VERTEX"  # of the user's own choice
    bpy.ops.eifer.show_muscle_map()
    bpy.ops.eifer.show_muscle_map()
    assert views[0].color_type == "VERTEX"


def test_no_edges_of_the_replaced_skin_are_left_for_a_viewport(head: bpy.types.Object) -> None:
    show_map(bpy.context, head)
    mesh = head.evaluated_get(bpy.context.evaluated_depsgraph_get()).data
    used = np.empty(len(mesh.loops), np.int32)
    mesh.loops.foreach_get("edge_index", used)
    assert len(np.unique(used)) == len(mesh.edges)
