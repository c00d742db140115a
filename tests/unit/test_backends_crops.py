"""Crops and meanings of DECA, EMOCA, Deep3DFace and FOCUS, against the formulas of their code."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ict_head import ict_head
from PIL import Image
from scipy.spatial.transform import Rotation

from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.heads.canonical import canonical_face
from eifer.eifer_addon.heads.landmarks import find_landmarks
from eifer.eifer_addon.heads.open_head import load_open_head
from eifer.eifer_addon.video.fit_view import Lens
from eifer.eifer_addon.video.reconstruct_place import HeadPoints, placed
from eifer.models.reconstructors import deca, deep3dface, emoca, focus
from eifer.models.reconstructors.landmarks68 import OF_MEDIAPIPE, to_68, to_five
from eifer.models.reconstructors.registry import reconstructors
from eifer.models.reconstructors.standard_face import FIVE_POINTS

#: The 68 points on ICT's head, from the README of ICT-FaceKit (MIT).
ICT_68 = (
    1225, 1888, 1052, 367, 1719, 1722, 2199, 1447, 966, 3661, 4390, 3927, 3924, 2608, 3272, 4088,
    3443, 268, 493, 1914, 2044, 1401, 3615, 4240, 4114, 2734, 2509, 978, 4527, 4942, 4857, 1140,
    2075, 1147, 4269, 3360, 1507, 1542, 1537, 1528, 1518, 1511, 3742, 3751, 3756, 3721, 3725, 3732,
    5708, 5695, 2081, 0, 4275, 6200, 6213, 6346, 6461, 5518, 5957, 5841, 5702, 5711, 5533, 6216,
    6207, 6470, 5517, 5966,
)  # fmt: skip


#: Mean of five landmarks of the 2017 model's mean in mm, less FOCUS's origin at z = 100.
FIVE_2017 = np.array([-0.18, -0.29, 1.58])


def from_five_to_478() -> np.ndarray:
    """On the open head, from the mean of the five points to the mean of all landmarks, in m."""
    head = load_open_head()
    marks = head.landmarks.positions(head.template.astype(float), head.triangles)
    depth = np.stack([
        marks[[33, 133]].mean(axis=0), marks[[362, 263]].mean(axis=0), marks[1], marks[61],
        marks[291],
    ])  # fmt: skip
    return marks.mean(axis=0) - depth.mean(axis=0)


def face(size: float = 20.0, at: tuple[float, float] = (300.0, 250.0)) -> np.ndarray:
    """The canonical face as 478 landmarks in a picture: `size` pixels per cm, turned a little."""
    points, _ = canonical_face()
    turned = points @ Rotation.from_euler("xyz", [5, 12, 3], degrees=True).as_matrix().T
    pixels = np.zeros((478, 3))
    pixels[:468] = turned * (size, -size, -size) + (*at, 0)
    return pixels


def picture(high: int, wide: int) -> np.ndarray:
    """Smooth colours with some noise, uint8."""
    random = np.random.default_rng(high)
    y, x = np.mgrid[:high, :wide]
    waves = [np.sin(x / 17) + np.cos(y / 23), np.sin((x + y) / 31), np.cos((x - 2 * y) / 41)]
    noise = random.integers(0, 30, (high, wide, 3))
    return (np.stack(waves, axis=-1) * 50 + 115 + noise).clip(0, 255).astype(np.uint8)


def test_the_68_points_are_where_icts_sculptors_put_them(test_data: Path) -> None:
    try:
        head = ict_head(test_data)
        points = find_landmarks(head).positions(head.template.astype(float), head.triangles)
    except EiferError as error:
        pytest.skip(str(error))
    own = head.template[list(ICT_68), :2] * 1000
    found = to_68(points) * 1000
    slip = np.linalg.norm(found - own, axis=1)
    assert np.median(slip[27:]) < 2.0
    assert np.median(slip[:17]) < 10
    assert slip.max() < 20
    # The box is what crops are made of: of the same size, and within a thirtieth at its place.
    edge = np.ptp(own, axis=0).mean()
    assert np.ptp(found, axis=0).mean() == pytest.approx(edge, rel=0.02)
    shift = (found.min(axis=0) + found.max(axis=0) - own.min(axis=0) - own.max(axis=0)) / 2
    assert np.linalg.norm(shift) < edge / 30


def test_the_five_points_lie_on_the_standard_face() -> None:
    assert len(set(OF_MEDIAPIPE)) == 68
    points, _ = canonical_face()
    five = np.stack([
        points[[33, 133]].mean(axis=0), points[[362, 263]].mean(axis=0), points[1], points[61],
        points[291],
    ])  # fmt: skip
    np.testing.assert_allclose(to_five(to_68(points)), five[:, :2])
    system = np.column_stack([five, np.ones(5)])
    fitted = system @ np.linalg.lstsq(system, FIVE_POINTS, rcond=None)[0]
    # An affine map takes four points anywhere: the fifth tells that they are the same five.
    assert np.abs(fitted - FIVE_POINTS).max() < 0.03


@pytest.mark.parametrize("rules", [deca.BACKEND, emoca.BACKEND])
def test_decas_square_is_the_box_of_68_points_made_larger(rules) -> None:
    landmarks = face()
    points = landmarks[list(OF_MEDIAPIPE), :2]
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    old_size = (right - left + bottom - top) / 2 * 1.1
    size = int(old_size * 1.25)
    x, y = right - (right - left) / 2, bottom - (bottom - top) / 2
    corners = np.array([
        [x - size / 2, y - size / 2, 1], [x - size / 2, y + size / 2, 1],
        [x + size / 2, y - size / 2, 1],
    ])  # fmt: skip
    found = corners @ rules.crop(landmarks).T
    np.testing.assert_allclose(found, [[0, 0], [0, 223], [223, 0]], atol=1e-9)


def original_crop(image: np.ndarray, landmarks: np.ndarray, up_from: int) -> np.ndarray:
    """Deep3DFaceRecon's way: the whole picture scaled by Pillow, then cut."""
    five = to_five(to_68(landmarks))
    five[:, 1] = up_from - five[:, 1]
    system = np.zeros((10, 8))
    system[0::2, :3], system[0::2, 3] = FIVE_POINTS, 1
    system[1::2, 4:7], system[1::2, 7] = FIVE_POINTS, 1
    k = np.linalg.lstsq(system, five.ravel(), rcond=None)[0]
    s = 102 / ((np.linalg.norm(k[:3]) + np.linalg.norm(k[4:7])) / 2)
    high, wide = image.shape[:2]
    w, h = int(wide * s), int(high * s)
    left = int(w / 2 - 112 + (k[3] - wide / 2) * s)
    up = int(h / 2 - 112 + (high / 2 - k[7]) * s)
    whole = Image.fromarray(image).resize((w, h), resample=Image.Resampling.BICUBIC)
    return np.asarray(whole.crop((left, up, left + 224, up + 224)))


@pytest.mark.parametrize(
    ("rules", "first_row"), [(deep3dface.BACKEND, 1), (focus.BACKEND, 0)], ids=["deep3d", "focus"]
)
@pytest.mark.parametrize(
    ("size", "at"), [(20.0, (300.0, 250.0)), (8.0, (60.0, 40.0)), (3.0, (590.0, 440.0))]
)
def test_the_crop_is_the_one_that_pillow_makes(rules, first_row, size, at) -> None:
    image, landmarks = picture(480, 641), face(size, at)
    found = rules.cut(image, rules.crop(landmarks), 224)
    wanted = original_crop(image, landmarks, len(image) - first_row)
    assert found.dtype == np.float32
    assert wanted.any()
    # Pillow counts the box's edges in float32 where a part is scaled: a grey level, seldom.
    difference = np.abs(found - wanted)
    assert difference.max() <= 2
    assert (difference > 0).mean() < 0.02
    assert ((found == 0) == (wanted == 0)).mean() > 0.99


def test_a_face_beside_the_picture_gives_a_black_crop() -> None:
    far = face(20.0, (5000.0, 250.0))
    assert not deep3dface.BACKEND.cut(picture(64, 64), deep3dface.crop(far), 224).any()


def rows(backend: str, seed: int = 0) -> np.ndarray:
    outputs = reconstructors()[backend].outputs
    return np.random.default_rng(seed).normal(0, 0.3, (4, len(outputs))).astype(np.float32)


def column(backend: str, values: np.ndarray, name: str) -> np.ndarray:
    """One group of outputs by the names that the card gives them."""
    chosen = [k for k, n in enumerate(reconstructors()[backend].outputs) if n.startswith(name)]
    return values[:, chosen]


@pytest.mark.parametrize("backend", ["deca", "emoca"])
def test_decas_numbers_mean_flame(backend: str) -> None:
    values = rows(backend)
    values[:, 206:209] = [8.0, 0.01, -0.02]
    values[0, 203:206] = [-0.1, 0.5, -0.05]
    decoded = reconstructors()[backend].decode(values)
    assert decoded.coefficients.shape == (4, 53)
    np.testing.assert_array_equal(decoded.identity, values[:, :100])
    np.testing.assert_array_equal(decoded.coefficients[:, :50], values[:, 150:200])
    np.testing.assert_array_equal(decoded.rotation, values[:, 200:203])
    np.testing.assert_allclose(decoded.coefficients[0, 50:], [0, 0.2, -0.05], rtol=1e-6)
    # batch_orth_proj, y turned over, and -1 to 1 over 224 pixels.
    point = np.array([0.03, -0.05])
    seen = 8.0 * (point + [0.01, -0.02]) * (1, -1) * 112 + 112
    found = decoded.origin[1] + decoded.scale[1] * point * (1, -1)
    np.testing.assert_allclose(found, seen, rtol=1e-6)


def deep3d_pixels(points: np.ndarray, angles: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """Deep3DFaceRecon's projection of points (n, 3) in dm: turned, seen from 10 dm, flipped."""
    x, y, z = angles
    turn = np.eye(3)
    for matrix in (
        [[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]],
        [[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]],
        [[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]],
    ):
        turn = np.array(matrix) @ turn
    seen = points @ turn.T + moved
    seen[:, 2] = 10 - seen[:, 2]
    projected = seen @ np.array([[1015, 0, 112], [0, 1015, 112], [0, 0, 1]]).T
    plane = projected[:, :2] / projected[:, 2:]
    return np.stack([plane[:, 0], 224 - 1 - plane[:, 1]], axis=1)


def test_deep3dfaces_numbers_place_the_head_as_its_camera_does() -> None:
    values = rows("deep3dface")
    decoded = deep3dface.decode(values)
    deep3d_face = FIVE_POINTS.mean(axis=0) + from_five_to_478() * 10
    np.testing.assert_array_equal(decoded.coefficients, column("deep3dface", values, "exp"))
    np.testing.assert_array_equal(decoded.identity, values[:, :80])
    for k in range(len(values)):
        moved = values[k, 254:257].astype(float)
        # The middle of the face and a tenth of a millimetre in each direction from there.
        steps = np.vstack([np.zeros(3), np.eye(3) * 1e-3])
        wanted = deep3d_pixels(steps + deep3d_face, values[k, 224:227].astype(float), moved)
        turn = Rotation.from_rotvec(decoded.rotation[k]).as_matrix()
        metres = steps * 0.1 @ turn.T
        found = decoded.origin[k] + decoded.scale[k] * metres[:, :2] * (1, -1)
        np.testing.assert_allclose(found[0], wanted[0], atol=0.1)
        # What the depth of a point does besides is of second order.
        np.testing.assert_allclose(found - found[0], wanted - wanted[0], atol=0.01)
        assert np.abs(wanted - wanted[0]).max() > 0.05


def focus_pixels(points: np.ndarray, camera: np.ndarray) -> np.ndarray:
    """FOCUS's projection of points (n, 3) in mm: calc_extrinxic_camera_matrix, A (R v + T)."""
    x, y, z = camera[:3] * 0.3
    rx = np.array([[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]])
    ry = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    rz = np.array([[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]])
    turn = np.diag([1.0, -1.0, -1.0]) @ rx @ ry @ rz
    seen = points @ turn.T + [camera[3], camera[4], 1000 + camera[5] * 0.005]
    focal = 9.06 * 224 / 2
    return seen[:, :2] / seen[:, 2:] * focal + 223 / 2


def test_focuss_numbers_place_the_head_as_its_camera_does() -> None:
    values = rows("focus")
    values[:, 501:504] *= 60
    decoded = focus.decode(values)
    focus_face = FIVE_2017 + from_five_to_478() * 1000
    expression = column("focus", values, "exp")
    np.testing.assert_array_equal(decoded.coefficients[:, :64], expression[:, :64])
    assert not decoded.coefficients[:, 64:].any()
    assert decoded.coefficients.shape == (4, 100)
    np.testing.assert_array_equal(decoded.identity, values[:, :80])
    for k in range(len(values)):
        steps = np.vstack([np.zeros(3), np.eye(3) * 0.1])
        wanted = focus_pixels(steps + focus_face, values[k, 498:504].astype(float))
        turn = Rotation.from_rotvec(decoded.rotation[k]).as_matrix()
        metres = steps * 0.001 @ turn.T
        found = decoded.origin[k] + decoded.scale[k] * metres[:, :2] * (1, -1)
        np.testing.assert_allclose(found[0], wanted[0], atol=0.3)
        np.testing.assert_allclose(found - found[0], wanted - wanted[0], atol=0.01)


def test_a_face_model_without_a_neck_lands_on_the_face_in_the_film() -> None:
    head = load_open_head()
    values = rows("deep3dface") * 0.5
    crop = deep3dface.crop(face(12.0, (500.0, 200.0)))
    decoded = deep3dface.decode(values)
    crops = np.repeat(crop[None], len(values), axis=0)
    lens = Lens(1280, 720, 900.0)
    points = HeadPoints.of(head)
    pose, camera = placed(decoded, crops, lens, points, turns_about_root=False)
    vertices, _ = head.forward(pose=pose_of_root(pose[:, :3]))
    marks = head.landmarks.positions(vertices, head.triangles) + pose[:, None, 3:]
    found = camera.project(marks.mean(axis=1))
    back = (decoded.origin - crop[:, 2]) / crop[0, 0]
    np.testing.assert_allclose(found, back, atol=0.05)
    side = marks.mean(axis=1) + [0.001, 0, 0]
    size = (camera.project(side) - found)[:, 0] * crop[0, 0]
    np.testing.assert_allclose(size, decoded.scale * 0.001, rtol=0.03)


def pose_of_root(turns: np.ndarray) -> np.ndarray:
    """Poses (n, 5, 3) in which only the root is turned."""
    pose = np.zeros((len(turns), 5, 3))
    pose[:, 0] = turns
    return pose


def test_outputs_have_the_published_sizes() -> None:
    sizes = {name: len(rules.outputs) for name, rules in reconstructors().items()}
    assert (sizes["deca"], sizes["emoca"], sizes["deep3dface"], sizes["focus"]) == (
        236, 236, 257, 531,
    )  # fmt: skip
    for rules in (deep3dface.BACKEND, focus.BACKEND):
        assert not rules.turns_about_root
        assert rules.decode(np.zeros((0, len(rules.outputs)))).rotation.shape == (0, 3)
