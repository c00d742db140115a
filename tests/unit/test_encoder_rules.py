"""The rules of our own encoder: where its crop lies and what its numbers mean."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from eifer.eifer_addon.heads.canonical import canonical_face
from eifer.eifer_addon.video.landmarker import Face
from eifer.models.reconstructors import encoder
from eifer.models.reconstructors.installed import brought, load_reconstructor
from eifer.models.reconstructors.registry import get_reconstructor, reconstructors


def face_in_picture(rotation: Rotation, scale: float, middle: tuple[float, float]) -> np.ndarray:
    """Landmarks (478, 3) in pixels of the canonical face, turned; scale in pixels per cm."""
    face, _ = canonical_face()
    irises = np.repeat(face[[159, 386]], 5, axis=0)
    points = np.concatenate([face, irises])
    turned = rotation.apply(points - points.mean(axis=0)) * (1, -1, -1) * scale
    return turned + (*middle, 0)


def rows_of(landmarks: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """What a perfect encoder would answer for landmarks of a picture."""
    flat = (landmarks[:, :2] - 0.5) @ matrix[:, :2].T + matrix[:, 2] + 0.5
    depth = landmarks[:, 2:] * np.sqrt(np.linalg.det(matrix[:, :2]))
    scores = np.linspace(0, 1, encoder.N_SCORES)
    return np.concatenate([scores, np.concatenate([flat, depth], axis=1).ravel()])[None]


def test_crop_is_the_region_that_the_landmark_network_looks_at():
    landmarks = face_in_picture(Rotation.from_euler("z", 12, degrees=True), 20, (300, 200))
    matrix = encoder.crop(landmarks)
    region = Face(landmarks.astype(np.float32), np.zeros(52, np.float32), 1.0).region()
    corners = region.to_image(np.array([[0.0, 0.0], [1.0, 1.0], [0.5, 0.5]]))
    seen = (corners - 0.5) @ matrix[:, :2].T + matrix[:, 2] + 0.5
    np.testing.assert_allclose(seen, [[0, 0], [256, 256], [128, 128]], atol=0.1)


@pytest.mark.parametrize("angles", [(0, 0, 0), (15, -30, 5), (-20, 40, -25)])
def test_pose_is_the_one_that_turned_the_face(angles):
    rotation = Rotation.from_euler("xyz", angles, degrees=True)
    landmarks = face_in_picture(rotation, 20, (300, 200))
    matrix = encoder.crop(landmarks)
    decoded = encoder.decode(rows_of(landmarks, matrix))
    # The crop is turned with the eyes, which is taken back where the head is placed.
    turn = np.arctan2(matrix[1, 0], matrix[0, 0])
    found = Rotation.from_rotvec([0, 0, turn]) * Rotation.from_rotvec(decoded.rotation[0])
    assert np.degrees((found * rotation.inv()).magnitude()) < 0.01
    expected = 2000 * np.sqrt(np.linalg.det(matrix[:, :2]))
    assert decoded.scale[0] == pytest.approx(expected, rel=1e-4)
    np.testing.assert_allclose(decoded.coefficients[0], np.linspace(0, 1, encoder.N_SCORES))


def test_landmarks_come_back_to_their_places_in_the_picture():
    landmarks = face_in_picture(Rotation.from_euler("xyz", (5, 10, 20), degrees=True), 9, (90, 70))
    matrix = encoder.crop(landmarks)
    back = encoder.landmarks_back(rows_of(landmarks, matrix), matrix[None])
    np.testing.assert_allclose(back[0], landmarks, atol=1e-6)


def test_encoder_is_no_checkpoint_of_somebody_else():
    assert get_reconstructor("encoder").space == "arkit52"
    assert "encoder" not in reconstructors()


def test_its_network_comes_along_and_answers_in_its_space():
    assert "encoder" in brought()
    rules, network = load_reconstructor("encoder")
    rows = network.run(np.full((2, 3, 256, 256), 0.5, np.float32))
    assert rows.shape == (2, len(encoder.OUTPUTS))
    assert rules.space == network.card.space == "arkit52"
