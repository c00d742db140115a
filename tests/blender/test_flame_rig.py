"""FLAME files become rigs, with the ARKit units where a face is seen on them."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
import pytest
from flame_writer import write_flame

from eifer.eifer_addon import api


@pytest.fixture(scope="module")
def flame_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("flame") / "flame2020.pkl"
    write_flame(path, style="2020", n_vertices=642)
    return path


def test_a_head_without_a_recognisable_face_still_gets_its_rig(flame_file: Path) -> None:
    head = api.load_head(flame_file)
    with pytest.warns(UserWarning, match="no ARKit controls"):
        obj = api.add_head(bpy.context, head, n_identity=3, n_expression=4)
    names = [key.name for key in obj.data.shape_keys.key_blocks]
    assert names[:8] == [
        "Basis",
        "shape.000",
        "shape.001",
        "shape.002",
        *(f"exp.{k:03d}" for k in range(4)),
    ]
    assert "jawOpen" not in names
    evaluated = obj.evaluated_get(bpy.context.evaluated_depsgraph_get())
    points = np.empty(3 * head.n_vertices, np.float32)
    evaluated.data.vertices.foreach_get("co", points)
    model = head.forward()[0]
    np.testing.assert_allclose(
        points.reshape(-1, 3), np.stack([model[:, 0], -model[:, 2], model[:, 1]], axis=1), atol=1e-5
    )


def test_the_operator_says_so_and_finishes(flame_file: Path) -> None:
    from eifer.operators import registration

    registration.register()
    try:
        assert bpy.ops.eifer.add_head(filepath=str(flame_file), n_expression=2) == {"FINISHED"}
    finally:
        registration.unregister()
