"""The software rasteriser: what a pixel says it shows is what lies behind it."""

from __future__ import annotations

import time

import numpy as np
import pytest

from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.heads.raster import Camera, render, vertex_normals


def sphere(rings: int = 40, radius: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    """A sphere with outward triangles."""
    polar, turn = np.meshgrid(
        np.linspace(1e-3, np.pi - 1e-3, rings), np.linspace(0, 2 * np.pi, 2 * rings), indexing="ij"
    )
    vertices = radius * np.stack(
        [np.sin(polar) * np.sin(turn), np.cos(polar), np.sin(polar) * np.cos(turn)], axis=-1
    ).reshape(-1, 3)
    row, column = np.meshgrid(np.arange(rings - 1), np.arange(2 * rings - 1), indexing="ij")
    a = (row * 2 * rings + column).ravel()
    b, c = a + 1, a + 2 * rings
    triangles = np.concatenate([np.stack([a, c, b], 1), np.stack([b, c, c + 1], 1)])
    return vertices, triangles.astype(np.int32)


def test_a_pixels_triangle_and_weights_project_back_to_its_centre() -> None:
    vertices, triangles = sphere()
    camera = Camera.facing(vertices, 256, yaw=0.3, pitch=-0.2)
    drawn = render(vertices, triangles, camera=camera)
    rows, columns = np.nonzero(drawn.triangle >= 0)
    corners = vertices[triangles[drawn.triangle[rows, columns]]]
    points = np.einsum("nk,nkc->nc", drawn.barycentric[rows, columns], corners)
    screen = camera.project(points)
    assert len(rows) > 10_000
    np.testing.assert_allclose(screen[:, 0], columns + 0.5, atol=1e-3)
    np.testing.assert_allclose(screen[:, 1], rows + 0.5, atol=1e-3)
    np.testing.assert_allclose(screen[:, 2], drawn.depth[rows, columns], atol=1e-5)


def test_depth_of_a_sphere_agrees_with_the_ray_equation() -> None:
    vertices, triangles = sphere(120)
    drawn = render(vertices, triangles, size=128)
    camera = drawn.camera
    rows, columns = np.nonzero(drawn.triangle >= 0)
    ray = np.stack(
        [
            (columns + 0.5 - camera.width / 2) / camera.focal,
            (camera.height / 2 - rows - 0.5) / camera.focal,
            -np.ones(len(rows)),
        ],
        axis=1,
    )
    a, b = np.sum(ray**2, axis=1), 2 * camera.distance * ray[:, 2]
    root = np.maximum(b**2 - 4 * a * (camera.distance**2 - 0.1**2), 0)
    exact = (-b - np.sqrt(root)) / (2 * a)
    middle = root > np.median(root)
    np.testing.assert_allclose(drawn.depth[rows, columns][middle], exact[middle], atol=2e-4)


def test_the_nearer_of_two_sheets_is_seen_wherever_it_stands_in_the_list() -> None:
    sheet = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]]) * 0.1
    vertices = np.concatenate([sheet + np.array([0, 0, 0.05]), sheet * 2])
    near, far = np.array([[0, 1, 2], [0, 2, 3]]), np.array([[4, 5, 6], [4, 6, 7]])
    for triangles, first in ((np.concatenate([near, far]), 0), (np.concatenate([far, near]), 2)):
        drawn = render(vertices, triangles, size=64)
        assert drawn.triangle[32, 30] in (first, first + 1)


def test_the_subjects_left_is_on_the_right_of_the_picture_and_up_is_up() -> None:
    camera = Camera.facing(sphere()[0], 200)
    left, top = camera.project(np.array([[0.05, 0, 0], [0, 0.05, 0]]))
    assert left[0] > 100
    assert top[1] < 100


def test_normals_of_a_sphere_point_outwards() -> None:
    vertices, triangles = sphere()
    normals = vertex_normals(vertices, triangles)
    used = np.unique(triangles)
    cosine = np.sum(normals * vertices, axis=1)[used] / 0.1
    assert np.median(cosine) > 0.999


def test_a_head_sized_mesh_is_drawn_within_a_second() -> None:
    vertices, triangles = sphere(62)
    assert len(triangles) > 15_000 * 0.98
    start = time.process_time()
    render(vertices, triangles, size=512)
    assert time.process_time() - start < 3.0


def test_a_mesh_without_extent_is_refused_in_a_sentence() -> None:
    with pytest.raises(EiferError, match="no extent"):
        render(np.zeros((3, 3)), np.array([[0, 1, 2]]))
