"""Hair of made-up people, and what of a head is hair."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from eifer.eifer_addon.heads.open_head import load_open_head
from eifer.eifer_addon.heads.parts import head_parts
from eifer.models.synthetic.film_mesh import FilmMesh, make_mesh
from eifer.models.synthetic.film_shader import pose_mesh
from eifer.models.synthetic.materials import draw_look


def mesh_of(cut: str, seed: int = 4) -> FilmMesh:
    head = load_open_head()
    return make_mesh(head, np.zeros(head.n_identity), replace(draw_look(seed, 30.0), cut=cut))


def test_teeth_are_no_hairs() -> None:
    head = load_open_head()
    assert head.landmarks is not None
    assert head.polygons is not None
    parts = head_parts(head, head.landmarks)
    for material, is_hair in (("teeth", False), ("lashes", True), ("brows", True)):
        chosen = head.polygons[head.polygon_material == head.materials.index(material)]
        assert (parts.hair[chosen[chosen >= 0]] == is_hair).all(), material
        assert (parts.inner[chosen[chosen >= 0]] == (not is_hair)).all(), material


@pytest.mark.parametrize("cut", ["short", "full", "long"])
def test_locks_lie_over_the_head_and_turn_with_it(cut: str) -> None:
    mesh = mesh_of(cut)
    assert len(mesh.tied) > len(mesh_of("shorn").tied) + 5_000
    head = mesh.head.template.astype(np.float32)
    still = pose_mesh(mesh, head, None)
    first = mesh.head.n_vertices + len(mesh.cap) + mesh.n_curtain
    locks = still[first : first + len(mesh.tied) - mesh.n_curtain]
    assert locks[:, 1].min() > (-0.35 if cut == "long" else -0.12)
    # Brows, eyes, nose and mouth stay free of them.
    face = (np.abs(locks[:, 0]) < 0.05) & (locks[:, 2] > 0.03) & (locks[:, 1] < 0.035)
    lash = mesh.lit_by[first : first + len(locks)] < mesh.head.n_vertices
    assert not (face & ~lash).any()
    pose = np.array([0.0, 0.5, 0.0, 0.01, 0.0, 0.0])
    turn = np.array([[np.cos(0.5), 0, np.sin(0.5)], [0, 1, 0], [-np.sin(0.5), 0, np.cos(0.5)]])
    turned = pose_mesh(mesh, (head @ turn.T).astype(np.float32), pose)
    moved = turned[first : first + len(locks)]
    np.testing.assert_allclose(moved, locks @ turn.T, atol=1e-5)


def test_people_wear_their_hair_differently_and_the_same_again() -> None:
    one, two, again = mesh_of("full", 4), mesh_of("full", 5), mesh_of("full", 4)
    np.testing.assert_array_equal(one.tied_shift, again.tied_shift)
    assert one.tied_shift.shape != two.tied_shift.shape or (one.tied_shift != two.tied_shift).any()
