"""The muscle map in Blender: colours, electrodes and legend, and that all of it plays alone."""

from __future__ import annotations

import subprocess
import sys
import types
from pathlib import Path

import bpy
import numpy as np
import pytest
from muscle_scene import LEFT, RIGHT, colours, evaluated, part, positions, set_activity, take_of
from PIL import Image

from eifer.eifer_addon import api
from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.heads.model import HeadModel
from eifer.eifer_addon.heads.muscle_map import muscles_shown
from eifer.eifer_addon.scene import headless, stage
from eifer.eifer_addon.scene.controls import set_controls
from eifer.eifer_addon.scene.muscle_activity import has_activity, key_activity
from eifer.eifer_addon.scene.muscle_map import has_map, is_shown, show_map
from eifer.eifer_addon.scene.muscle_nodes import SWITCH
from eifer.eifer_addon.scene.muscle_panel import VIEW3D_PT_eifer_muscles
from eifer.eifer_addon.scene.takes import track_from_object
from eifer.eifer_addon.spaces import get_space
from eifer.eifer_addon.track import ExpressionTrack
from eifer.operators import registration

#: Renders the saved file where neither the package nor numpy's path to it is known.
RENDER_ALONE = """
import sys
import bpy
bpy.ops.wm.open_mainfile(filepath=sys.argv[1], use_scripts=False)
assert not any(name.split(".")[0] == "eifer" for name in sys.modules)
for name, frame in zip(sys.argv[2::2], sys.argv[3::2]):
    bpy.context.scene.frame_set(int(frame))
    bpy.context.scene.render.filepath = name
    bpy.ops.render.render(write_still=True)
"""


@pytest.fixture
def head(open_head: HeadModel) -> bpy.types.Object:
    return api.add_head(bpy.context, open_head, n_identity=2, n_expression=2)


def test_a_muscle_lights_up_its_own_side(head: bpy.types.Object) -> None:
    plain = colours(head)
    show_map(bpy.context, head)
    rest = colours(head)
    set_activity(head, **{LEFT: 1.0})
    changed = np.abs(colours(head) - rest).max(axis=1) > 0.2
    # The head looks along -Y, so that the subject's left is +X.
    assert positions(head)[changed][:, 0].min() > 0
    yellow = colours(head)[changed].max(axis=0)
    assert yellow[1] > 0.6
    assert yellow[2] < 0.3
    show_map(bpy.context, head, show=False)
    np.testing.assert_allclose(colours(head), plain, atol=1e-6)


def test_the_property_fades_the_map(head: bpy.types.Object) -> None:
    plain = colours(head)
    show_map(bpy.context, head)
    set_activity(head, **{LEFT: 1.0})
    full = colours(head)
    head[SWITCH] = 0.5
    head.update_tag()
    half, n = colours(head), len(plain)
    # The finer skin takes its rest colours from the vertices that carry it.
    fine = carried(head, plain)
    np.testing.assert_allclose(half[n:], (fine + full[n:]) / 2, atol=1e-4)


def test_electrodes_and_legend_are_there_only_while_it_is_on(head: bpy.types.Object) -> None:
    show_map(bpy.context, head)
    for what in ("electrodes", "legend"):
        assert len(evaluated(part(head, what)).data.vertices) > 50
    head[SWITCH] = 0.0
    head.update_tag()
    for what in ("electrodes", "legend"):
        assert len(evaluated(part(head, what)).data.vertices) == 0
    show_map(bpy.context, head, show=False)
    for what in ("electrodes", "legend"):
        assert part(head, what).hide_viewport
        assert part(head, what).hide_render


def test_a_hidden_map_leaves_nothing_to_work_out(head: bpy.types.Object) -> None:
    plain = positions(head)
    show_map(bpy.context, head)
    set_activity(head, **{LEFT: 1.0})
    lit = colours(head)
    show_map(bpy.context, head, show=False)
    modifier = head.modifiers["Muscle map"]
    assert modifier.node_group is None
    assert not modifier.show_viewport
    assert not modifier.show_render
    assert not is_shown(head)
    np.testing.assert_array_equal(positions(head), plain)
    show_map(bpy.context, head)
    assert is_shown(head)
    np.testing.assert_array_equal(colours(head), lit)
    # Somebody deletes the hidden parts: the map is made again.
    show_map(bpy.context, head, show=False)
    for what in ("electrodes", "legend"):
        bpy.data.objects.remove(part(head, what))
    show_map(bpy.context, head)
    np.testing.assert_allclose(colours(head), lit, atol=1e-6)


def fine_skin(head: bpy.types.Object) -> bpy.types.Object:
    return bpy.data.objects[f"{head.name} fine skin"]


def carried(head: bpy.types.Object, values: np.ndarray) -> np.ndarray:
    """Values (V, n) of a head's vertices at those of its finer skin."""
    mesh = fine_skin(head).data
    n = len(mesh.vertices)
    corners, shares = np.empty((3, n), np.int32), np.empty(3 * n, np.float32)
    for corner in range(3):
        mesh.attributes[f"skin_{corner}"].data.foreach_get("value", corners[corner])
    mesh.attributes["skin_weights"].data.foreach_get("vector", shares)
    return np.einsum("kn,knc->nc", shares.reshape(-1, 3).T, values[corners])


def test_the_finer_skin_lies_on_the_moving_head_and_shades_alike(head: bpy.types.Object) -> None:
    set_controls(head, {"jawOpen": 1.0, "mouthSmileLeft": 1.0})
    before, normals = positions(head), np.empty(3 * len(head.data.vertices), np.float32)
    evaluated(head).data.vertices.foreach_get("normal", normals)
    show_map(bpy.context, head)
    after = positions(head)
    n = len(before)
    np.testing.assert_allclose(after[:n], before, atol=1e-7)
    np.testing.assert_allclose(after[n:], carried(head, before), atol=1e-6)
    mesh = evaluated(head).data
    corners = np.empty(len(mesh.loops), np.int32)
    shaded = np.empty(3 * len(mesh.loops), np.float32)
    mesh.loops.foreach_get("vertex_index", corners)
    mesh.corner_normals.foreach_get("vector", shaded)
    wanted = carried(head, normals.reshape(-1, 3))
    wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
    mine = corners >= n
    np.testing.assert_allclose(shaded.reshape(-1, 3)[mine], wanted[corners[mine] - n], atol=1e-3)
    # On the forehead the head's vertices are 11 to 14 mm apart.
    sizes = np.sqrt([polygon.area for polygon in mesh.polygons[-2000:]])
    assert sizes.max() < 0.008


@pytest.mark.parametrize(
    ("size", "kind"), [((96, 192), "PERSP"), ((256, 96), "PERSP"), ((128, 128), "ORTHO")]
)
def test_the_legend_is_whole_in_every_frame(
    head: bpy.types.Object, size: tuple[int, int], kind: str, tmp_path: Path
) -> None:
    show_map(bpy.context, head)
    camera = stage.prepare_stage(bpy.context, head, size=size)
    camera.data.type, camera.data.shift_x = kind, 0.1
    head.hide_render = part(head, "electrodes").hide_render = True
    with_it = np.asarray(Image.open(stage.render_still(bpy.context, tmp_path / "a.png")))
    part(head, "legend").hide_render = True
    without = np.asarray(Image.open(stage.render_still(bpy.context, tmp_path / "b.png")))
    rows, columns = np.nonzero(np.abs(with_it.astype(int) - without).max(axis=2) > 12)
    tall, wide = np.ptp(rows) + 1, np.ptp(columns) + 1
    assert rows.max() < size[1] - 1
    assert columns.max() < size[0] - 1
    assert rows.min() > size[1] / 2
    assert columns.min() > size[0] / 2
    # It is as slender as it was made.
    box = np.array(part(head, "legend").bound_box).reshape(8, 3)
    made = np.ptp(box[:, 2]) / np.ptp(box[:, 0])
    assert tall / wide == pytest.approx(made, rel=0.12)


@pytest.mark.parametrize(
    "face",
    [{}, {"jawOpen": 1.0}, {"mouthSmileLeft": 1.0, "mouthSmileRight": 1.0, "browDownLeft": 1.0},
     {"mouthPucker": 1.0, "browInnerUp": 1.0, "cheekPuff": 1.0}],
)  # fmt: skip
def test_discs_stay_on_the_moving_skin(head: bpy.types.Object, face: dict[str, float]) -> None:
    show_map(bpy.context, head)
    set_controls(head, face)
    head.parent.pose.bones["neck"].rotation_quaternion = (0.98, 0.1, 0.1, 0.0)
    discs = positions(part(head, "electrodes"))
    skin = evaluated(head)
    gaps = []
    for point in discs:
        found, place, _, _ = skin.closest_point_on_mesh(point.tolist())
        assert found
        gaps.append((place - type(place)(point.tolist())).length)
    assert max(gaps) <= 0.001
    middles = discs[:22]
    rims = discs[22:].reshape(-1, 22, 20, 3)[-1]
    reach = np.linalg.norm(rims - middles[:, None], axis=2)
    # They are lifted by half a millimetre in the middle; they do not stretch.
    assert reach.min() > 0.0028
    assert reach.max() < 0.0040


def test_a_disc_shows_its_own_activity(head: bpy.types.Object) -> None:
    show_map(bpy.context, head)
    set_activity(head, **{RIGHT: 1.0})
    middle = colours(part(head, "electrodes"))[muscles_shown().index("zygomaticus.right")]
    assert middle[0] > 0.5
    assert middle[1] > 0.5
    assert middle[2] < 0.2


def test_a_take_keeps_its_activity_and_gives_its_track_back(head: bpy.types.Object) -> None:
    track, activity = take_of(1.3)
    api.apply_track(bpy.context, head, track, take="smile", frame_start=10, activity=activity)
    assert has_activity(head)
    fps = bpy.context.scene.render.fps
    bpy.context.scene.frame_set(10 + round(1.5 * fps))
    assert head[LEFT] == pytest.approx(1.3)
    back = track_from_object(bpy.context, head)
    np.testing.assert_allclose(back.coefficients, track.coefficients, atol=1e-6)
    np.testing.assert_allclose(back.timestamps, track.timestamps, atol=1e-6)


def test_another_take_puts_the_muscles_back_to_rest(head: bpy.types.Object) -> None:
    track, activity = take_of()
    api.apply_track(bpy.context, head, track, take="a", frame_start=1, activity=activity)
    bpy.context.scene.frame_set(40)
    assert head[LEFT] == pytest.approx(1.0)
    api.apply_track(bpy.context, head, track, take="b", frame_start=1)
    bpy.context.scene.frame_set(41)
    assert head[LEFT] == 0
    assert not has_activity(head)


def test_keys_are_replaced_not_doubled(head: bpy.types.Object) -> None:
    track, activity = take_of()
    action = api.apply_track(bpy.context, head, track, take="a", activity=activity)
    key_activity(bpy.context, head, action, take_of(0.5)[1])
    bpy.context.scene.frame_set(1 + round(1.5 * bpy.context.scene.render.fps))
    assert head[LEFT] == pytest.approx(0.5)


def test_a_track_in_the_heads_own_space_keeps_the_activity(rigged: bpy.types.Object) -> None:
    space = get_space("synthetic:e50j3l2")
    values = np.zeros((21, len(space)), np.float32)
    track = ExpressionTrack(space, values, np.arange(21) / 10, np.ones(21, np.float32))
    api.apply_track(bpy.context, rigged, track, take="own", frame_start=0, activity=take_of()[1])
    bpy.context.scene.frame_set(round(1.5 * bpy.context.scene.render.fps))
    assert rigged[LEFT] == pytest.approx(1.0)


def bright(path: Path) -> np.ndarray:
    r, g, b = np.asarray(Image.open(path).convert("RGB")).astype(int).transpose(2, 0, 1)
    return (g > 110) & (g - b > 50) & (g + 40 > r)


def test_a_saved_file_renders_the_map_without_the_extension(
    head: bpy.types.Object, tmp_path: Path
) -> None:
    track, activity = take_of()
    bpy.context.scene.render.fps = 10
    api.apply_track(bpy.context, head, track, take="smile", frame_start=0, activity=activity)
    show_map(bpy.context, head)
    stage.prepare_stage(bpy.context, head, size=(192, 192))
    blend = headless.save_blend(tmp_path / "map.blend")
    script = tmp_path / "render.py"
    script.write_text(RENDER_ALONE, encoding="utf-8")
    rest, smile = tmp_path / "rest.png", tmp_path / "smile.png"
    command = [sys.executable, str(script), str(blend), str(rest), "2", str(smile), "18"]
    # From an empty folder, so that the package is found by nobody.
    subprocess.run(command, check=True, timeout=120, cwd=tmp_path, capture_output=True)
    # The legend is bright in both; the face is left of it.
    face = slice(None), slice(0, 140)
    assert bright(rest)[face].sum() < 10
    lit = np.argwhere(bright(smile)[face])
    assert len(lit) > 60
    # The subject's left is the right half of the picture.
    assert lit[:, 1].min() > 96


def test_a_head_without_colours_gets_them(open_head: HeadModel) -> None:
    plain = open_head.replace(name="plain", colours=None, electrodes=open_head.electrodes)
    obj = api.add_head(bpy.context, plain, n_identity=0, n_expression=0)
    assert obj.data.color_attributes.active_color is None
    show_map(bpy.context, obj)
    before = colours(obj)
    assert len(np.unique(before.round(3), axis=0)) > 5
    set_activity(obj, **{LEFT: 1.0})
    lit = np.abs(colours(obj) - before).max(axis=1) > 0.2
    assert lit.any()
    assert positions(obj)[lit][:, 0].min() > 0
    assert not any(slot.name.endswith("plain") for slot in obj.data.materials)


def test_a_mesh_that_shows_no_face_is_refused_and_nothing_changes(
    rigged: bpy.types.Object,
) -> None:
    before = sorted(f"{block.id_type} {block.name}" for block in bpy.data.user_map())
    attributes = list(rigged.data.attributes.keys())
    with pytest.raises(EiferError, match="No face was recognised"):
        show_map(bpy.context, rigged)
    assert sorted(f"{b.id_type} {b.name}" for b in bpy.data.user_map()) == before
    assert list(rigged.data.attributes.keys()) == attributes
    assert not has_map(rigged)


def test_the_operator_toggles_and_warns_of_a_take_without_activity(
    head: bpy.types.Object, capfd: pytest.CaptureFixture[str]
) -> None:
    registration.register()
    try:
        assert bpy.ops.eifer.show_muscle_map() == {"FINISHED"}
        assert is_shown(head)
        assert bpy.ops.eifer.show_muscle_map() == {"FINISHED"}
        assert has_map(head)
        assert not is_shown(head)
        api.apply_track(bpy.context, head, take_of()[0], take="bare")
        assert bpy.ops.eifer.show_muscle_map() == {"FINISHED"}
        assert "holds no muscle activity" in capfd.readouterr().out
        # Electrodes and legend stand for their avatar.
        bpy.context.view_layer.objects.active = part(head, "legend")
        assert bpy.ops.eifer.show_muscle_map() == {"FINISHED"}
        assert not is_shown(head)
        bpy.ops.object.empty_add()
        assert not bpy.ops.eifer.show_muscle_map.poll()
    finally:
        registration.unregister()


def test_the_example_draws_both_maps(tmp_path: Path, open_head: HeadModel) -> None:
    example = Path(__file__).parents[2] / "examples" / "muscle_map.py"
    sheet = tmp_path / "sheet.png"
    command = [sys.executable, str(example), str(sheet), "workbench", "128"]
    subprocess.run(command, check=True, timeout=120, cwd=tmp_path, capture_output=True)
    assert Image.open(sheet).size == (256, 256)
    # The smile: both cheeks of the flat face are lit, left and right of its middle.
    lit = np.argwhere(bright(sheet)[:128, 128:226])
    assert lit[:, 1].min() < 40
    assert lit[:, 1].max() > 60


class Layout:
    """Takes down what a panel draws."""

    def __init__(self, rows: list[str]) -> None:
        self.rows = rows
        self.scale_y = 1.0

    def row(self, **_options: object) -> Layout:
        return self

    column = row

    def panel(self, _name: str, **_options: object) -> tuple[Layout, Layout]:
        return self, self

    def label(self, text: str) -> None:
        self.rows.append(text)

    def operator(self, name: str, text: str, icon: str) -> None:
        self.rows.append(f"{name}: {text}")

    def prop(self, owner: bpy.types.Object, path: str, text: str, **_options: object) -> None:
        owner.path_resolve(path)
        self.rows.append(f"{path} {text}")


def test_the_panel_shows_state_and_activity(head: bpy.types.Object) -> None:
    def drawn() -> list[str]:
        panel = types.SimpleNamespace(layout=Layout([]))
        VIEW3D_PT_eifer_muscles.draw(panel, bpy.context)
        return panel.layout.rows

    button = "eifer.show_muscle_map: "
    assert drawn() == [f"{button}Show Muscle Map", "No muscle activity in the take"]
    show_map(bpy.context, head)
    track, activity = take_of()
    api.apply_track(bpy.context, head, track, take="a", activity=activity)
    rows = drawn()
    assert rows[:2] == [f"{button}Hide Muscle Map", "Activity comes from the take"]
    assert sum(row.endswith((" Left", " Right")) for row in rows) == 22
