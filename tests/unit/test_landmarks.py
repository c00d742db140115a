"""Landmarks and electrodes on heads that the code has never seen."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from ict_head import ict_head

from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.heads.canonical import canonical_face, mirrored_landmarks
from eifer.eifer_addon.heads.electrodes import (
    canonical_positions,
    electrode_scheme,
    electrode_schemes,
    place_electrodes,
)
from eifer.eifer_addon.heads.landmarks import find_landmarks
from eifer.eifer_addon.heads.model import HeadModel, SurfacePoints
from eifer.eifer_addon.heads.surface import closest_points, vertex_parts
from eifer.eifer_addon.video.landmarker import FaceLandmarker

#: MediaPipe's landmark at each of iBUG's points 17 to 67 (brows, nose, eyes, lips).
IBUG_INNER = (
    70, 63, 105, 66, 107, 336, 296, 334, 293, 300, 168, 197, 5, 4, 75, 97, 2, 326, 305,
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
    61, 39, 37, 0, 267, 269, 291, 321, 314, 17, 84, 91, 78, 82, 13, 312, 308, 317, 14, 87,
)  # fmt: skip


@pytest.fixture(scope="module")
def landmarker(test_data: Path) -> FaceLandmarker:
    return FaceLandmarker(test_data / "models" / "face_landmarker.task")


@pytest.fixture(scope="module")
def ict(test_data: Path, landmarker: FaceLandmarker) -> HeadModel:
    head = ict_head(test_data)
    return head.replace(landmarks=find_landmarks(head, landmarker, use_cache=False))


def positions(head: HeadModel, points: SurfacePoints) -> np.ndarray:
    return points.positions(head.template.astype(np.float64), head.triangles)


def test_landmarks_lie_where_the_heads_authors_put_theirs(ict: HeadModel, test_data: Path) -> None:
    table = json.loads((test_data / "heads" / "ict_vertex_indices.json").read_text())
    own = ict.template[table["idx_to_landmark_verts"]][17:]
    found = positions(ict, ict.landmarks)[list(IBUG_INNER)]
    error_mm = np.linalg.norm(found - own, axis=1) * 1000
    # The two conventions differ by some millimetres themselves (brows, nostrils).
    assert np.median(error_mm) < 4
    assert error_mm.max() < 12


def test_landmarks_of_an_even_head_are_even(ict: HeadModel) -> None:
    points = positions(ict, ict.landmarks)
    difference = np.abs(points - points[mirrored_landmarks()] * (-1, 1, 1))
    assert difference.mean() < 0.0003
    assert np.quantile(difference, 0.99) < 0.002


def test_all_but_the_irises_lie_on_one_skin(ict: HeadModel) -> None:
    part = vertex_parts(ict.n_vertices, ict.triangles)[ict.triangles[ict.landmarks.triangles, 0]]
    assert len(set(part[:468])) == 1
    right, left = positions(ict, ict.landmarks)[[468, 473]]
    assert right[0] < -0.02
    assert left[0] > 0.02


def test_landmarks_do_not_depend_on_where_the_head_stands(
    ict: HeadModel, landmarker: FaceLandmarker
) -> None:
    shift = np.array([0.4, 1.6, -0.3], np.float32)
    moved = ict.replace(template=ict.template * np.float32(1.1) + shift, landmarks=None)
    found = positions(moved, find_landmarks(moved, landmarker, use_cache=False))
    expected = positions(ict, ict.landmarks) * 1.1 + shift
    assert np.median(np.linalg.norm(found - expected, axis=1)) < 0.001


def test_the_second_time_they_come_from_the_cache(
    ict: HeadModel, landmarker: FaceLandmarker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EIFER_CACHE", str(tmp_path))
    first = find_landmarks(ict, landmarker)
    (kept,) = (tmp_path / "landmarks").iterdir()
    stamp = kept.stat().st_mtime_ns
    second = find_landmarks(ict, landmarker)
    assert kept.stat().st_mtime_ns == stamp
    assert second.names == first.names
    np.testing.assert_array_equal(second.triangles, first.triangles)
    np.testing.assert_array_equal(second.barycentric, first.barycentric)


def test_the_back_of_a_head_has_no_face(ict: HeadModel, landmarker: FaceLandmarker) -> None:
    turned = ict.replace(template=ict.template * np.float32([-1, 1, -1]), landmarks=None)
    with pytest.raises(EiferError, match="No face was recognised"):
        find_landmarks(turned, landmarker, use_cache=False)


def test_electrodes_are_on_their_own_side_and_where_anatomy_has_the_muscle(ict: HeadModel) -> None:
    placed = place_electrodes(ict)
    marks = positions(ict, ict.landmarks)
    assert {name: len(points.names) for name, points in placed.items()} == {
        "fridlund": 22,
        "kuramoto": 19,
    }
    where = dict(zip(placed["fridlund"].names, positions(ict, placed["fridlund"]), strict=True))
    for electrode in electrode_scheme("fridlund"):
        assert electrode.muscle is not None
        side = -1 if electrode.muscle.endswith(".right") else 1
        assert side * where[electrode.name][0] > 0.003
        # Within two centimetres of the landmark that the table names.
        assert np.linalg.norm(where[electrode.name] - marks[electrode.landmark]) < 0.02
    assert where["F1"][1] > where["F7"][1] > marks[168][1]  # forehead, brow, nasion
    assert marks[145][1] > where["F17"][1] > marks[1][1]  # between the lower lid and the nose tip
    assert where["F19"][0] < marks[61][0]  # zygomaticus beyond the corner of the mouth
    assert where["F19"][1] > marks[61][1]
    assert where["F13"][1] < marks[61][1]
    assert where["F21"][0] < where["F19"][0]
    assert where["F21"][2] < where["F19"][2]  # masseter farther back


def test_electrodes_of_an_even_head_are_even(ict: HeadModel) -> None:
    points = positions(ict, place_electrodes(ict)["fridlund"])
    np.testing.assert_allclose(points[::2] * (-1, 1, 1), points[1::2], atol=0.0015)


def test_the_canvas_warp_keeps_to_the_tables_landmarks() -> None:
    vertices, _ = canonical_face()
    for scheme in electrode_schemes().values():
        found = canonical_positions(np.array([electrode.canvas for electrode in scheme]))
        anchors = vertices[[electrode.landmark for electrode in scheme], :2]
        assert np.linalg.norm(found - anchors, axis=1).max() < 0.6


def test_an_unknown_scheme_is_named() -> None:
    with pytest.raises(EiferError, match=r"'xyz' is not known\. Use fridlund, kuramoto"):
        electrode_scheme("xyz")


def test_closest_points_agree_with_a_dense_sampling() -> None:
    rng = np.random.default_rng(3)
    vertices = rng.normal(size=(30, 3))
    triangles = rng.permutation(30).reshape(10, 3)
    points = rng.normal(size=(50, 3))
    triangle, weights, distance = closest_points(points, vertices, triangles)
    found = np.einsum("nk,nkc->nc", weights, vertices[triangles[triangle]])
    np.testing.assert_allclose(np.linalg.norm(found - points, axis=1), distance)
    samples = rng.dirichlet((0.6, 0.6, 0.6), size=20_000)
    cloud = np.einsum("sk,fkc->fsc", samples, vertices[triangles]).reshape(-1, 3)
    nearest = np.array([np.linalg.norm(cloud - p, axis=1).min() for p in points])
    assert (distance <= nearest + 1e-9).all()
    np.testing.assert_allclose(distance, nearest, atol=0.03)
