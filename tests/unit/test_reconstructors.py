"""Reconstructors without their networks: crops, decoding, place before the camera, own models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import map_coordinates
from scipy.spatial.transform import Rotation
from tiny_reconstructor import smirk_rows, tiny

from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.files import models_folder
from eifer.eifer_addon.heads.model import HeadModel
from eifer.eifer_addon.heads.open_head import load_open_head
from eifer.eifer_addon.spaces import get_space
from eifer.eifer_addon.video.fit_person import first_lens
from eifer.eifer_addon.video.reconstruct_job import head_of
from eifer.eifer_addon.video.reconstruct_place import HeadPoints, placed
from eifer.models.reconstructors.base import Decoded, box_to_square, seen_weakly, square_to_crop
from eifer.models.reconstructors.installed import installed, load_reconstructor, remove
from eifer.models.reconstructors.registry import backends, get_reconstructor, reconstructors
from eifer.models.reconstructors.warp import warp


@pytest.fixture(autouse=True)
def own_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EIFER_MODELS", str(tmp_path / "models"))
    return models_folder()


@pytest.fixture(scope="module")
def head() -> HeadModel:
    return load_open_head()


def landmarks(width: float, height: float, left: float = 0, top: float = 0) -> np.ndarray:
    random = np.random.default_rng(5)
    points = random.random((478, 3))
    points[0, :2], points[1, :2] = 0, 1
    return points * (width, height, 1) + (left, top, 0)


def test_every_back_end_says_whose_it_is_and_in_which_space_it_answers() -> None:
    assert next(iter(backends())) == "mediapipe"
    assert {"smirk", "eifer"} <= set(backends())
    for backend in backends().values():
        assert len(get_space(backend.space)) > 0
        assert backend.licence
        assert backend.citation
    for rules in reconstructors().values():
        assert len(set(rules.outputs)) == len(rules.outputs)
        assert rules.image_size == 224


def test_an_unknown_back_end_is_named_with_the_known_ones() -> None:
    with pytest.raises(EiferError, match=r"no back end 'smrik'.*mediapipe, encoder, smirk"):
        get_reconstructor("smrik")
    with pytest.raises(EiferError, match="comes with the add-on"):
        get_reconstructor("mediapipe")


def test_smirks_crop_is_the_box_of_all_landmarks_times_1_4_in_whole_pixels() -> None:
    """The box is 100 × 131: mean 115.5, times 1.4 = 161.7, cut off to 161."""
    matrix = get_reconstructor("smirk").crop(landmarks(100, 131, left=40, top=30))
    centre, half = np.array([90, 95.5]), 161 / 2
    corners = np.array([[-half, -half], [half, -half], [-half, half]]) + centre
    np.testing.assert_allclose(
        corners @ matrix[:, :2].T + matrix[:, 2], [[0, 0], [223, 0], [0, 223]], atol=1e-9
    )


@pytest.mark.parametrize(
    "square",
    [(60, 50, 90.0), (10, 8, 70.0), (118, 84, 61.0), (64, 48, 400.0), (30.3, 40.7, 17.0)],
    ids=["inside", "over a corner", "over the other corner", "larger than the picture", "tiny"],
)
def test_a_crop_has_the_grey_levels_of_bilinear_sampling_with_black_around(
    square: tuple[float, float, float],
) -> None:
    image = np.random.default_rng(1).integers(0, 256, (96, 128, 3), np.uint8)
    matrix = square_to_crop(np.array(square))
    back = np.linalg.inv(np.vstack([matrix, [0, 0, 1]]))
    y, x = np.mgrid[:224, :224]
    places = np.tensordot(back[:2], np.stack([x, y, np.ones_like(x)]), axes=1)
    wanted = np.stack(
        [
            map_coordinates(
                image[..., k].astype(float), places[::-1], order=1, mode="grid-constant"
            )
            for k in range(3)
        ],
        axis=-1,
    )
    np.testing.assert_allclose(warp(image, matrix, 224), wanted, atol=0.01)


def test_a_turned_crop_is_sampled_along_its_own_axes() -> None:
    image = np.random.default_rng(2).integers(0, 256, (40, 40, 3), np.uint8)
    quarter = np.array([[0, 1, 0], [-1, 0, 39.0]])  # (x, y) of the picture is at (y, 39 - x)
    np.testing.assert_allclose(warp(image, quarter, 40), np.rot90(image), atol=1e-3)


def test_smirks_crop_is_cut_off_to_whole_grey_levels_as_its_authors_do() -> None:
    rules = get_reconstructor("smirk")
    image = np.random.default_rng(3).integers(0, 256, (96, 128, 3), np.uint8)
    matrix = square_to_crop(np.array([60, 50, 90.0]))
    cut = rules.cut(image, matrix, 224)
    difference = warp(image, matrix, 224) - cut
    assert (cut == np.round(cut)).all()
    assert 0 <= difference.min() <= difference.max() < 1


def test_smirks_row_is_decoded_with_its_authors_limits() -> None:
    row = smirk_rows({
        "shape.007": 1.5, "exp.000": -0.4, "exp.049": 9.0, "eyelid.000": 0.3, "eyelid.001": 1.7,
        "jaw.000": -0.1, "jaw.001": 0.5, "jaw.002": -0.9, "pose.001": 0.25, "cam.000": 8,
        "cam.001": 0.01, "cam.002": 0.02,
    })  # fmt: skip
    decoded = get_reconstructor("smirk").decode(np.stack([row, -row]))
    space = get_space("flame2020:e50j3l2")
    first, second = (dict(zip(space.coefficients, values, strict=True))
                     for values in decoded.coefficients)  # fmt: skip
    assert (first["exp.000"], first["exp.049"]) == (-0.4, 9.0)
    assert (first["eyelid.left"], first["eyelid.right"]) == (0.3, 1.0)
    assert (first["jaw.x"], first["jaw.y"], first["jaw.z"]) == (0.0, 0.2, -0.2)
    assert (second["jaw.x"], second["eyelid.left"]) == (0.1, 0.0)
    assert decoded.identity.shape == (2, 300)
    assert decoded.identity[0, 7] == 1.5
    np.testing.assert_array_equal(decoded.rotation[0], [0, 0.25, 0])
    # A point (x, y) is at 8 (x + 0.01), 8 (y + 0.02) between -1 and 1, that is 112 pixels each.
    assert decoded.scale[0] == 112 * 8
    np.testing.assert_allclose(decoded.origin[0], [112 + 112 * 0.08, 112 - 112 * 0.16])


def test_eifers_encoder_is_read_by_smirks_rules() -> None:
    smirk, eifer = get_reconstructor("smirk"), get_reconstructor("eifer")
    assert (eifer.crop, eifer.decode, eifer.outputs) == (smirk.crop, smirk.decode, smirk.outputs)
    assert len(eifer.outputs) == 361


def crops_around(centres: np.ndarray, edge: float) -> np.ndarray:
    return np.stack([square_to_crop(np.array([*centre, edge])) for centre in centres])


def weakly_seen(
    points: np.ndarray, root: np.ndarray, decoded: Decoded, crops: np.ndarray
) -> np.ndarray:
    """Where the reconstructor believes points (k, 3) of a head are in the picture, (n, k, 2)."""
    turned = Rotation.from_rotvec(decoded.rotation).as_matrix()
    posed = np.einsum("nab,kb->nka", turned, points - root) + root
    in_crop = decoded.origin[:, None] + decoded.scale[:, None, None] * posed[..., :2] * (1, -1)
    linear = np.linalg.inv(crops[:, :, :2])
    return np.einsum("nab,nkb->nka", linear, in_crop - crops[:, None, :, 2])


def test_the_track_lays_the_head_where_the_reconstructor_saw_it(head: HeadModel) -> None:
    """Through a long lens perspective vanishes, and head pose and camera must give its pixels."""
    random = np.random.default_rng(4)
    n, size = 12, (1280, 720)
    centres = random.uniform((200, 200), (1080, 520), (n, 2))
    crops = crops_around(centres, 260)
    camera = np.stack([random.uniform(7, 10, n), *random.uniform(-0.02, 0.02, (2, n))], axis=1)
    scale, origin = seen_weakly(camera)
    decoded = Decoded(
        np.zeros((n, 1)), np.zeros((n, 1)), random.normal(0, 0.3, (n, 3)), scale, origin
    )
    pose, seen_by = placed(
        decoded, crops, first_lens(size, fov_deg=1.0), HeadPoints.of(head), turns_about_root=True
    )
    assert seen_by is not None
    full = np.zeros((n, 5, 3))
    full[:, 0] = pose[:, :3]
    vertices, _ = head.forward(pose=full)
    assert head.landmarks is not None
    points = head.landmarks.positions(vertices + pose[:, None, 3:], head.triangles)
    rest, joints = head.forward()
    wanted = weakly_seen(head.landmarks.positions(rest, head.triangles), joints[0], decoded, crops)
    assert np.ptp(wanted[0], axis=0).min() > 80  # a face, not a dot
    assert np.abs(seen_by.project(points) - wanted).max() < 1.0


def test_a_face_off_the_middle_is_turned_with_the_ray_that_sees_it(head: HeadModel) -> None:
    """A wide lens sees a frontal face at the side from its own direction."""
    lens = first_lens((1280, 720), None)
    crops = crops_around(np.array([[640, 360], [1100, 360]]), 200)
    scale, origin = seen_weakly(np.full((2, 3), [8, 0, 0]))
    decoded = Decoded(np.zeros((2, 1)), np.zeros((2, 1)), np.zeros((2, 3)), scale, origin)
    pose, camera = placed(decoded, crops, lens, HeadPoints.of(head), turns_about_root=True)
    assert camera is not None
    angle = np.arctan2(1100 - 640, lens.focal_px)
    np.testing.assert_allclose(pose[0, :3], 0, atol=0.02)
    np.testing.assert_allclose(pose[1, :3], [0, -angle, 0], atol=0.02)
    assert camera.place[2] < 0


def test_a_reconstructor_whose_camera_makes_no_sense_still_gives_a_finite_pose(
    head: HeadModel,
) -> None:
    crops = crops_around(np.array([[100, 100]] * 3), 90)
    scale, origin = seen_weakly(np.array([[8.0, 0, 0], [-8, 0, 0], [0, 0, 0]]))
    decoded = Decoded(np.zeros((3, 1)), np.zeros((3, 1)), np.zeros((3, 3)), scale, origin)
    points, lens = HeadPoints.of(head), first_lens((200, 200), None)
    pose, camera = placed(decoded, crops, lens, points, turns_about_root=True)
    assert np.isfinite(pose).all()
    assert camera is not None
    np.testing.assert_array_equal(pose[1:, 3:], 0)
    alone = Decoded(*(np.asarray(part)[1:] for part in (
        decoded.coefficients, decoded.identity, decoded.rotation, scale, origin,
    )))  # fmt: skip
    pose, camera = placed(alone, crops[1:], lens, points, turns_about_root=True)
    assert camera is None
    assert np.isfinite(pose).all()


def test_only_a_head_of_the_basis_is_used_for_a_reconstructors_identity(head: HeadModel) -> None:
    assert head_of("flame2020", None) is None
    assert head_of("flame2020", head) is None
    assert head_of("flame2020", head.replace(name="flame2023")) is None
    assert head_of("bfm09", head.replace(name="flame")) is None
    for name in ("flame2020", "flame"):  # a generic_model.pkl does not tell its year
        own = head.replace(name=name)
        assert head_of("flame2020", own) is own


def test_square_edges_are_whole_pixels_and_never_none() -> None:
    square = box_to_square(np.array([3.0, 4.0]), np.array([3.0, 4.0]), 1.4)
    np.testing.assert_array_equal(square, [3, 4, 1])


def tiny_smirk(path: Path, **changes: object) -> Path:
    return tiny(path, "smirk", np.zeros((3, 361)), smirk_rows({"cam.000": 8}), **changes)


def test_an_imported_model_is_found_by_its_back_end_and_by_its_name(own_models: Path) -> None:
    with pytest.raises(EiferError, match=r"No checkpoint of SMIRK .*SMIRK_em1.pt"):
        load_reconstructor("smirk")
    tiny_smirk(own_models / "mine.onnx")
    assert load_reconstructor("smirk")[1].where == "mine.onnx"
    tiny_smirk(own_models / "second.onnx")
    with pytest.raises(EiferError, match=r"Several models .*: mine, second"):
        load_reconstructor("smirk")
    assert load_reconstructor("smirk", "second")[1].where == "second.onnx"
    tiny_smirk(own_models / "smirk.onnx")
    assert load_reconstructor("smirk")[1].where == "smirk.onnx"
    assert remove("second") == own_models / "second.onnx"
    assert [one.name for one in installed()] == ["mine", "smirk"]
    with pytest.raises(EiferError, match="no imported model 'second'"):
        remove("second")


def test_a_damaged_model_is_listed_with_its_problem(own_models: Path) -> None:
    (own_models / "broken.onnx").write_bytes(b"no model")
    (found,) = installed()
    assert (found.name, found.backend, found.card) == ("broken", "", None)
    assert "broken.onnx is not an ONNX model" in found.problem


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kind": "translator"}, "of the kind 'translator', not 'reconstructor'"),
        ({"normalisation": {"backend": "deca"}}, "a model for 'deca', not 'smirk'"),
        ({"normalisation": {}}, "a model for 'no known back end'"),
        ({"space": "flame2020:e50j3"}, "does not fit SMIRK"),
        ({"image_size": 256}, "does not fit SMIRK.*256 pixels"),
        ({"outputs": tuple("abc")}, "gives 361 values, but its card names 3"),
    ],
)
def test_a_model_with_a_wrong_card_is_refused(
    own_models: Path, changes: dict[str, object], words: str
) -> None:
    path = tiny_smirk(own_models / "smirk.onnx", **changes)
    with pytest.raises(EiferError, match=words):
        load_reconstructor("smirk", path)


def test_a_model_with_weights_in_another_file_is_refused(own_models: Path) -> None:
    onnx = pytest.importorskip("onnx", reason="onnx is needed to write the models of this test")
    path = tiny_smirk(own_models / "smirk.onnx")
    model = onnx.load(path)
    onnx.save(model, path, save_as_external_data=True, size_threshold=0)
    with pytest.raises(EiferError, match="external data"):
        load_reconstructor("smirk")
