"""A finer mesh on a part of a head: the same surface, closed up with the rest."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from eifer.eifer_addon import api
from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.heads import muscle_map as maps
from eifer.eifer_addon.heads.model import HeadModel
from eifer.eifer_addon.heads.refine import Patch, refined


@pytest.fixture(scope="module")
def head() -> Iterator[HeadModel]:
    try:
        yield api.load_head()
    except EiferError as error:
        pytest.skip(str(error))


def edges_of(triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Edges (e, 2) and how many triangles share each (e,)."""
    sides = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    edges, count = np.unique(np.sort(sides, axis=1), axis=0, return_counts=True)
    return edges, count


def area_of(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    a, b, c = (vertices[triangles[:, k]].astype(np.float64) for k in range(3))
    return np.cross(b - a, c - a) / 2


@pytest.fixture(scope="module")
def patch(head: HeadModel) -> Patch:
    front = head.template[head.triangles].mean(axis=1)[:, 2] > 0.05
    return refined(head, np.flatnonzero(front), 0.004)


def test_edges_are_short_and_no_seam_opens(head: HeadModel, patch: Patch) -> None:
    edges, count = edges_of(patch.triangles)
    assert count.max() == 2
    length = np.linalg.norm(np.diff(patch.vertices[edges], axis=1)[:, 0], axis=1)
    old, _ = edges_of(head.triangles[np.unique(patch.parents)])
    before = np.linalg.norm(np.diff(head.template[old], axis=1)[:, 0], axis=1)
    # Beside long edges of the rim some stay longer.
    assert np.percentile(length[count == 2], 97) <= 0.004
    assert length[count == 2].max() <= length[count == 1].max()
    assert np.percentile(length[count == 2], 97) < np.percentile(before, 97) / 1.5
    # The rim is the chosen triangles' own: not an edge more.
    chosen = np.unique(patch.parents)
    coarse, shared = edges_of(head.triangles[chosen])
    rim = {tuple(edge) for edge in np.sort(patch.corners[edges[count == 1], 0], axis=1)}
    assert rim == {tuple(edge) for edge in coarse[shared == 1]}


def test_the_surface_is_the_heads_own(head: HeadModel, patch: Patch) -> None:
    np.testing.assert_allclose(patch.shares.sum(axis=1), 1.0)
    assert patch.shares.min() >= 0
    places = np.einsum("nkc,nk->nc", head.template[patch.corners].astype(float), patch.shares)
    np.testing.assert_allclose(places, patch.vertices, atol=1e-9)
    fine = area_of(patch.vertices, patch.triangles)
    whole = np.zeros((head.triangles.shape[0], 3))
    np.add.at(whole, patch.parents, fine)
    chosen = np.unique(patch.parents)
    wanted = area_of(head.template, head.triangles)[chosen]
    # With direction: nothing is turned over, nothing is counted twice.
    np.testing.assert_allclose(whole[chosen], wanted, atol=1e-12)
    inside = patch.within_parents(head.triangles)
    np.testing.assert_allclose(inside.sum(axis=2), 1.0)


def test_an_infinite_length_leaves_the_triangles(head: HeadModel) -> None:
    same = refined(head, np.arange(100, 300), np.inf)
    np.testing.assert_array_equal(same.corners[:, 0][same.triangles], head.triangles[100:300])


def test_the_finer_map_is_exact_and_peaks_at_the_electrodes(head: HeadModel) -> None:
    fine, weights = maps.refined_weights(head, None, 0.005)
    corners = weights.values[fine.triangles[weights.electrodes.triangles]]
    read = np.einsum("pkn,pk->pn", corners, weights.electrodes.barycentric)
    np.testing.assert_allclose(read, np.eye(22), atol=1e-5)
    places = weights.electrodes.positions(fine.vertices, fine.triangles)
    gap = np.linalg.norm(fine.vertices[weights.values.argmax(axis=0)] - places, axis=1)
    assert gap.max() < 0.004
    coarse = maps.muscle_weights(head)
    np.testing.assert_allclose(
        places, coarse.electrodes.positions(head.template.astype(float), head.triangles), atol=1e-7
    )
