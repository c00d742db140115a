"""Films of made-up people: the same bytes again, electrodes on moving skin, faces that are read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from eifer.eifer_addon.heads.open_head import load_open_head
from eifer.eifer_addon.heads.raster import Camera, render, vertex_normals
from eifer.eifer_addon.spaces import ARKIT_NAMES
from eifer.eifer_addon.video.landmarker import FaceLandmarker
from eifer.models.synthetic.electrode_head import CameraView
from eifer.models.synthetic.electrode_wear import wear
from eifer.models.synthetic.film_raster import NormalTable, rasterise
from eifer.models.synthetic.frames import FrameRenderer, Shape
from eifer.models.synthetic.materials import skin_colour
from eifer.models.synthetic.rendered_pairs import pair_of
from eifer.models.synthetic.subject import draw_subject

_SIZE = 200


@pytest.fixture(scope="module")
def renderer() -> FrameRenderer:
    return FrameRenderer(draw_subject(3, 1), "both", _SIZE, donning=1)


@pytest.fixture(scope="module")
def landmarker(test_data: Path) -> FaceLandmarker:
    return FaceLandmarker(test_data / "models" / "face_landmarker.task")


def _units(**raised: float) -> np.ndarray:
    return np.array([raised.get(name, 0.0) for name in ARKIT_NAMES], np.float32)


def test_the_fast_rasteriser_sees_what_the_exact_one_sees() -> None:
    head = load_open_head()
    camera = Camera.facing(head.template, 160, yaw=0.4)
    exact = render(head.template, head.triangles, camera=camera)
    hits = rasterise(camera.project(head.template.astype(np.float64)), head.triangles, 160, 160,
                     np.ones(len(head.triangles), bool))  # fmt: skip
    fast = np.full(160 * 160, -1)
    fast[hits.pixel] = hits.triangle
    assert (fast != exact.triangle.ravel()).mean() < 1e-3
    seen = np.isfinite(exact.depth) & np.isfinite(hits.depth)
    np.testing.assert_allclose(hits.depth[seen], exact.depth[seen], atol=1e-4)
    table = NormalTable(head.n_vertices, head.triangles)
    wanted = vertex_normals(head.template, head.triangles)
    np.testing.assert_allclose(table.normals(head.template), wanted, atol=1e-5)


def test_the_same_person_and_frame_give_the_same_bytes(renderer: FrameRenderer) -> None:
    units, pose = _units(jawOpen=0.3), np.array([0.1, 0.2, 0.0, 0.005, 0, 0])
    again = FrameRenderer(draw_subject(3, 1), "both", _SIZE, donning=1)
    for one, two in zip(
        renderer.frame(units, pose, number=4), again.frame(units, pose, number=4), strict=True
    ):
        np.testing.assert_array_equal(one, two)
    other = renderer.frame(units, pose, number=5)[0]
    assert (other != renderer.frame(units, pose, number=4)[0]).any()


def test_coverage_is_where_a_films_two_pictures_differ(renderer: FrameRenderer) -> None:
    clean, worn, coverage = renderer.frame(_units(), number=1)
    assert clean.shape == worn.shape == (_SIZE, _SIZE, 3)
    differs = (clean != worn).any(axis=-1)
    assert not (differs & ~coverage).any()
    assert (differs & coverage).sum() > 0.9 * coverage.sum()
    assert 0.03 < coverage.mean() < 0.4


def test_electrodes_lie_on_the_skin_and_go_with_it(renderer: FrameRenderer) -> None:
    worn = renderer.outfit
    assert worn is not None
    smile = _units(mouthSmileLeft=1.0, mouthSmileRight=1.0)
    still, moved = (worn.seen(renderer.vertices(units))[0] for units in (_units(), smile))
    corners = renderer.head.triangles[worn.place.triangles]
    skin = renderer.vertices(smile)[corners]
    np.testing.assert_allclose(
        moved, np.einsum("nkc,nk->nc", skin, worn.place.barycentric), atol=1e-6
    )
    distance = dict(
        zip(worn.place.names, np.linalg.norm(moved - still, axis=1).tolist(), strict=True)
    )
    assert distance["Zyg li 2"] > 0.003
    assert distance["med Front li 2"] < 0.001


def test_nothing_flickers_while_nothing_moves(renderer: FrameRenderer) -> None:
    """Between frames of a still face only the sensor's noise differs, electrodes or not."""
    first, second = (renderer.frame(_units(), number=number) for number in (1, 2))
    clean = np.abs(first[0].astype(int) - second[0]).mean()
    coverage = first[2] & second[2]
    worn = np.abs(first[1].astype(int) - second[1])[coverage].mean()
    assert worn < 1.6 * clean + 0.5
    np.testing.assert_array_equal(first[2], second[2])


def test_electrodes_behind_a_turned_head_are_hidden(renderer: FrameRenderer) -> None:
    """In profile the far side's are not seen, and less of the picture is covered."""
    pose = np.array([0, 1.25, 0, 0, 0, 0])
    worn = renderer.outfit
    assert worn is not None
    place, normal, face = worn.seen(renderer.vertices(_units(), pose))
    eye = renderer.camera.target + np.array([0, 0, renderer.camera.distance])
    away = np.sum(normal * (eye - place), axis=1) < -0.02
    assert away.sum() > 8
    light, view = np.ones((60, 3)), CameraView(renderer.camera)
    seen = wear(worn.outfit, place, normal, face, view, light, np.array([0, 0, 1.0])).visible
    assert not seen[away].any()
    assert seen.sum() > 15
    _, _, coverage = renderer.frame(_units(), pose)
    _, _, front = renderer.frame(_units())
    assert 0.005 < coverage.mean() < front.mean()


def test_a_pair_tells_where_the_landmarks_are(renderer: FrameRenderer) -> None:
    clean, _, _, truth = pair_of(renderer, np.random.default_rng(5))
    assert truth.landmarks.shape == (478, 3)
    assert clean.shape == (_SIZE, _SIZE, 3)
    inside = (truth.landmarks[:, :2] > 0) & (truth.landmarks[:, :2] < _SIZE)
    assert inside.mean() > 0.95
    assert truth.vertices.shape == (renderer.head.n_vertices, 3)


def test_faces_are_found_and_read(landmarker: FaceLandmarker, renderer: FrameRenderer) -> None:
    """Over more people and poses see docs/simulator-frames.md."""
    people = [renderer] + [FrameRenderer(Shape(np.zeros(100), s, 30.0 * s), None, _SIZE)
                           for s in (1, 2)]  # fmt: skip
    smile = _units(mouthSmileLeft=0.9, mouthSmileRight=0.9, cheekSquintLeft=0.5)
    surprise = _units(browInnerUp=0.9, browOuterUpLeft=0.9, browOuterUpRight=0.9, jawOpen=0.6)
    name = {unit: number for number, unit in enumerate(ARKIT_NAMES)}
    for person in people:
        still, smiling, surprised = (
            landmarker.detect(person.frame(units)[0]) for units in (_units(), smile, surprise)
        )
        assert still
        assert smiling
        assert surprised
        rest = still[0].blendshapes
        assert smiling[0].blendshapes[name["mouthSmileLeft"]] - rest[name["mouthSmileLeft"]] > 0.3
        assert surprised[0].blendshapes[name["jawOpen"]] - rest[name["jawOpen"]] > 0.25
        assert surprised[0].blendshapes[name["browInnerUp"]] - rest[name["browInnerUp"]] > 0.1


def test_skin_has_the_colours_of_people() -> None:
    """Red before green before blue, and darker with melanin."""
    light, dark = skin_colour(0.015, 0.2), skin_colour(0.2, 0.2)
    assert light[0] > light[1] > light[2]
    assert dark[0] > dark[1] > dark[2]
    assert 0.3 < light.mean() < 0.65
    assert 0.03 < dark.mean() < 0.25
