"""The open head on the rig, rendered and judged by MediaPipe, which knows nothing of it."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy
import numpy as np
import pytest

from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.scene import materials, stage
from eifer.eifer_addon.spaces import ARKIT_NAMES

if TYPE_CHECKING:
    from eifer.eifer_addon.heads.model import HeadModel

pytest.importorskip("ai_edge_litert", reason="ai-edge-litert is not installed here")

EXAMPLES = Path(__file__).parents[2] / "examples"
#: MediaPipe's network hardly knows these: on 157 photographs of faces, smiling ones among them,
#: no score of cheekPuff, cheekSquint, noseSneer or tongueOut exceeds 0.001, and none of the jaw's
#: sideways and forward ones 0.04. The rolled lips and dimples rise by less than 0.02 here.
CANNOT_TELL = {
    "cheekPuff", "cheekSquintLeft", "cheekSquintRight", "jawForward", "jawLeft", "jawRight",
    "mouthDimpleLeft", "mouthDimpleRight", "mouthRollLower", "mouthRollUpper", "noseSneerLeft",
    "noseSneerRight", "tongueOut", "mouthLowerDownLeft", "mouthLowerDownRight",
}  # fmt: skip
READABLE = [name for name in ARKIT_NAMES if name not in CANNOT_TELL]
#: The least rise of a readable unit: above the reader's noise of about 0.01 between renders.
LEAST_RISE = 0.015


def load_example(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def rises(open_head: HeadModel) -> np.ndarray:
    """How much each score (columns) rises for each unit (rows)."""
    assert open_head.units is not None
    before, after = load_example("unit_table").read_units(384)
    return np.asarray(after - before)


@pytest.mark.parametrize("name", READABLE)
def test_raising_a_unit_raises_the_score_of_its_name(rises: np.ndarray, name: str) -> None:
    k = ARKIT_NAMES.index(name)
    assert rises[k, k] > LEAST_RISE


@pytest.mark.parametrize("name", [n for n in READABLE if n.endswith(("Left", "Right"))])
def test_left_is_read_as_left_and_right_as_right(rises: np.ndarray, name: str) -> None:
    side, other = ("Left", "Right") if name.endswith("Left") else ("Right", "Left")
    k = ARKIT_NAMES.index(name)
    opposite = ARKIT_NAMES.index(name.removesuffix(side) + other)
    assert rises[k, k] > rises[k, opposite]


def test_no_unit_is_read_as_its_opposite_side(rises: np.ndarray) -> None:
    """Also for the units that are hardly read: what rises most is not the other side's score."""
    for k, name in enumerate(ARKIT_NAMES):
        for side, other in (("Left", "Right"), ("Right", "Left")):
            if name.endswith(side):
                wrong = ARKIT_NAMES.index(name.removesuffix(side) + other)
                assert rises[k, wrong] < max(rises[k, k], 0.0) + 0.02, name


def test_neutral_face_is_read_as_a_face_at_rest(open_head: HeadModel) -> None:
    example = load_example("unit_table")
    context = bpy.context
    head = example.api.add_head(context, open_head, n_identity=0, n_expression=0)
    stage.prepare_stage(context, head, "workbench", (384, 384))
    still = stage.render_still(context, Path(bpy.app.tempdir) / "neutral.png")
    scores = example.read_picture(example.FaceLandmarker(), example.read_image(still))
    at_rest = dict(zip(ARKIT_NAMES, scores, strict=True))
    assert max(at_rest.values()) < 0.4, at_rest
    assert at_rest["jawOpen"] < 0.05
    assert at_rest["browDownLeft"] < 0.1


def test_contact_sheet_is_drawn(tmp_path: Path, open_head: HeadModel) -> None:
    example = load_example("contact_sheet")
    assert open_head.units is not None
    sheet = example.render_sheet("workbench", 64)
    assert sheet.shape == (192, 256, 3)
    tiles = sheet.reshape(3, 64, 4, 64, 3).swapaxes(1, 2).reshape(12, -1).astype(float)
    different = np.abs(tiles[1:] - tiles[0]).mean(axis=1)
    assert different.min() > 0.05
    example.write_png(tmp_path / "sheet.png", sheet)
    assert (tmp_path / "sheet.png").stat().st_size > 1000


@pytest.mark.parametrize("engine", ["workbench", "cycles"])
def test_a_rendered_head_is_neither_black_nor_burnt(
    engine: str, tmp_path: Path, open_head: HeadModel
) -> None:
    example = load_example("contact_sheet")
    head = example.api.add_head(bpy.context, open_head, n_identity=0, n_expression=0)
    stage.prepare_stage(bpy.context, head, engine, (96, 96))
    picture = example.read_image(stage.render_still(bpy.context, tmp_path / "head.png"))
    face = picture[30:70, 34:62].astype(float)
    assert 60 < face.mean() < 220
    assert np.mean(face.max(axis=2) >= 254) < 0.03
    # Skin is redder than blue, wherever the light stands.
    assert face[..., 0].mean() > face[..., 2].mean() + 10


def test_staging_twice_leaves_one_stage(open_head: HeadModel) -> None:
    example = load_example("contact_sheet")
    head = example.api.add_head(bpy.context, open_head, n_identity=0, n_expression=0)
    stage.prepare_stage(bpy.context, head)
    count = len(bpy.context.scene.objects), len(bpy.data.lights), len(bpy.data.cameras)
    stage.prepare_stage(bpy.context, head)
    assert (len(bpy.context.scene.objects), len(bpy.data.lights), len(bpy.data.cameras)) == count


def test_an_unknown_engine_is_named(synthetic_head: HeadModel) -> None:
    from eifer.eifer_addon.scene.rig import add_head

    head = add_head(bpy.context, synthetic_head)
    with pytest.raises(EiferError, match="'eevee' is not known"):
        stage.prepare_stage(bpy.context, head, "eevee")


def test_a_head_without_materials_gets_the_skin(synthetic_head: HeadModel) -> None:
    from eifer.eifer_addon.scene.mesh import build_mesh

    plain = synthetic_head.replace(materials=(), polygon_material=None, colours=None)
    mesh = build_mesh(plain, "plain", plain.template)
    obj = bpy.data.objects.new("plain", mesh)
    materials.assign_materials(obj, plain)
    assert [material.name for material in mesh.materials] == ["EIFER skin plain"]
