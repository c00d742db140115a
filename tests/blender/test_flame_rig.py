"""FLAME files become rigs, with the ARKit units where a face is seen on them."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
import pytest
from flame_writer import write_flame
from remeshed import remesh

from eifer.eifer_addon import api
from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.scene import controls
from eifer.eifer_addon.spaces import ARKIT_NAMES


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
    model = head.forward()[0]
    np.testing.assert_allclose(
        evaluated(obj), np.stack([model[:, 0], -model[:, 2], model[:, 1]], axis=1), atol=1e-5
    )


def test_the_operator_says_so_and_finishes(flame_file: Path) -> None:
    from eifer.operators import registration

    registration.register()
    try:
        assert bpy.ops.eifer.add_head(filepath=str(flame_file), n_expression=2) == {"FINISHED"}
    finally:
        registration.unregister()


@pytest.fixture(scope="module")
def face_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A FLAME file with a real face: the open head remeshed to FLAME's 5,023 vertices."""
    try:
        open_head = api.load_head()
    except EiferError as error:
        pytest.skip(str(error))
    path = tmp_path_factory.mktemp("face") / "flame2020.pkl"
    write_flame(path, style="2020", arrays=remesh(open_head).arrays)
    return path


def test_a_flame_face_gets_the_52_controls_and_they_move_what_they_name(face_file: Path) -> None:
    head = api.load_head(face_file)
    obj = api.add_head(bpy.context, head, n_identity=3, n_expression=4)
    names = {key.name for key in obj.data.shape_keys.key_blocks}
    assert set(ARKIT_NAMES) <= names
    assert [slot.name for slot in obj.material_slots][1].startswith("EIFER sclera")
    used = np.bincount([polygon.material_index for polygon in obj.data.polygons], minlength=4)
    assert used[0] > 5 * used[1] > 5 * used[3] > 0
    rest = evaluated(obj)
    for unit, side in (("mouthSmileLeft", 1), ("mouthSmileRight", -1), ("eyeBlinkLeft", 1)):
        controls.set_controls(obj, {unit: 1.0})
        moved = np.linalg.norm(evaluated(obj) - rest, axis=1)
        controls.set_controls(obj, {unit: 0.0})
        assert moved.max() > 0.004, unit
        # Blender's +x is the subject's left; what moves most lies on the side that is named.
        assert np.sign(np.average(rest[:, 0], weights=moved**2)) == side, unit
    assert np.abs(evaluated(obj) - rest).max() < 1e-6


def evaluated(obj: bpy.types.Object) -> np.ndarray:
    """Vertices (V, 3) as Blender evaluates them."""
    bpy.context.view_layer.update()
    shown = obj.evaluated_get(bpy.context.evaluated_depsgraph_get())
    points = np.empty(3 * len(shown.data.vertices), np.float32)
    shown.data.vertices.foreach_get("co", points)
    return points.reshape(-1, 3)
