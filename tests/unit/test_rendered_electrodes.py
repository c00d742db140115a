"""Outfits of electrodes: one seed wears one outfit, coverage is where pictures differ, and what is
on the skin moves with it and hides behind what is nearer.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.heads.canonical import canonical_face
from eifer.models.synthetic.cable_routes import N_CONTROL, spline_basis
from eifer.models.synthetic.electrode_layers import paint_outfit
from eifer.models.synthetic.electrode_outfit import draw_outfit, on_canonical, scheme_places
from eifer.models.synthetic.electrode_wear import wear_on_portrait
from eifer.models.synthetic.portraits import electrode_pair, portrait_split

_SIZE = 192


def _landmarks(turn: float = 0.0) -> np.ndarray:
    """The canonical face as landmarks (478, 3) of a picture, turned to the side."""
    vertices, _ = canonical_face()
    c, s = np.cos(turn), np.sin(turn)
    turned = vertices @ np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]).T * 6.0
    marks = np.concatenate([turned, turned[:10]])
    return marks * (1, -1, -1) + (_SIZE / 2, _SIZE / 2, 0)


def _picture() -> np.ndarray:
    ramp = np.linspace(120, 190, _SIZE)[:, None, None] * (1.0, 0.8, 0.7)
    return np.broadcast_to(ramp, (_SIZE, _SIZE, 3)).astype(np.uint8)


@pytest.mark.parametrize(("scheme", "count"), [("fridlund", 44), ("kuramoto", 19), ("both", 60)])
def test_a_scheme_wears_all_of_its_electrodes(scheme: str, count: int) -> None:
    outfit = draw_outfit(np.random.default_rng(1), scheme)
    assert len(outfit) == count
    assert len(set(outfit.place.names)) == count
    away = np.linalg.norm(outfit.flat_cm - scheme_places(scheme)[1], axis=1)
    assert away.max() < 0.8


def test_another_scheme_is_refused() -> None:
    with pytest.raises(EiferError, match="'ten-twenty' is not known"):
        draw_outfit(np.random.default_rng(1), "ten-twenty")


def test_the_same_seed_wears_the_same_and_others_vary() -> None:
    one, again = (draw_outfit(np.random.default_rng(8)) for _ in range(2))
    np.testing.assert_array_equal(one.routes, again.routes)
    assert one.kinds == again.kinds
    many = [draw_outfit(np.random.default_rng(seed)) for seed in range(60)]
    assert {kind.name for outfit in many for kind in outfit.kinds} == {
        "ring", "housing", "cup", "snap", "pad"
    }  # fmt: skip
    diameters = np.concatenate([2 * outfit.radius_cm for outfit in many])
    assert 0.4 < diameters.min() < 0.7
    assert 1.1 < diameters.max() < 1.5
    assert any(len(outfit.doubles) for outfit in many)
    assert len({len(outfit) for outfit in many}) > 8


def test_places_lie_on_the_canonical_face_where_they_are_said_to() -> None:
    names, flat = scheme_places("fridlund")
    vertices, triangles = canonical_face()
    found = on_canonical(names, flat).positions(vertices, triangles)
    away = np.linalg.norm(found[:, :2] - flat, axis=1)
    assert np.median(away) < 1e-4
    assert away.max() < 1.0
    assert found[:, 2].min() > -3.0


def test_a_splines_weights_sum_to_one_and_begin_at_the_electrode() -> None:
    basis = spline_basis()
    np.testing.assert_allclose(basis.sum(axis=1), 1, atol=1e-9)
    np.testing.assert_allclose(basis[0], np.eye(N_CONTROL)[0], atol=1e-9)
    np.testing.assert_allclose(basis[-1], np.eye(N_CONTROL)[-1], atol=1e-6)


def test_coverage_is_where_the_pictures_of_a_pair_differ() -> None:
    for seed in range(4):
        clean, worn, coverage = electrode_pair(
            _picture(), _landmarks(), np.random.default_rng(seed)
        )
        differs = (clean != worn).any(axis=-1)
        np.testing.assert_array_equal(clean, _picture())
        assert not (differs & ~coverage).any()
        assert (differs & coverage).sum() > 0.9 * coverage.sum()
        assert 0.01 < coverage.mean() < 0.6
        again = electrode_pair(_picture(), _landmarks(), np.random.default_rng(seed))
        np.testing.assert_array_equal(worn, again[1])


def test_an_electrode_covers_its_place() -> None:
    outfit = draw_outfit(np.random.default_rng(5), "kuramoto")
    worn = wear_on_portrait(outfit, _picture(), _landmarks())
    layers = paint_outfit(outfit, worn, (_SIZE, _SIZE))
    x, y = worn.centres[worn.visible].astype(int).T
    assert worn.visible.sum() >= 17
    assert (layers.opacity[y, x] > 0.5).all()


def test_what_hangs_before_a_nearer_thing_is_hidden() -> None:
    outfit = draw_outfit(np.random.default_rng(5), "kuramoto")
    worn = wear_on_portrait(outfit, _picture(), _landmarks())
    depth = np.full((_SIZE, _SIZE), np.inf)
    depth[: _SIZE // 2] = -1e4
    layers = paint_outfit(outfit, worn, (_SIZE, _SIZE), depth)
    # A cable is as wide as it is: it may reach a row over the edge.
    assert layers.opacity[: _SIZE // 2 - 2].max() == 0
    assert layers.opacity[_SIZE // 2 :].max() > 0.5


def test_a_turned_face_hides_its_far_side() -> None:
    outfit = draw_outfit(np.random.default_rng(2), "both")
    side = np.sign(np.round(outfit.flat_cm[:, 0]))
    seen = wear_on_portrait(outfit, _picture(), _landmarks(1.2)).visible
    assert seen[side > 0].mean() > 0.9 or seen[side < 0].mean() > 0.9
    assert min(seen[side > 0].mean(), seen[side < 0].mean()) < 0.4


def test_electrodes_follow_the_landmarks_and_keep_their_colours() -> None:
    outfit = draw_outfit(np.random.default_rng(3), "both")
    still, moved = _landmarks(), _landmarks()
    moved[:, 1] += 7
    one, two = (wear_on_portrait(outfit, _picture(), marks) for marks in (still, moved))
    np.testing.assert_allclose(two.centres - one.centres, np.tile((0, 7), (60, 1)), atol=1e-6)
    np.testing.assert_allclose(two.cables[:, :, 1] - one.cables[:, :, 1], 7, atol=1e-6)
    np.testing.assert_allclose(one.axes, two.axes, atol=1e-6)


def test_the_split_is_the_same_in_any_order_and_anywhere() -> None:
    paths = [Path(f"/one/{who}/512/{k}.jpg") for who in ("female", "male") for k in range(75)]
    train, validation, test = portrait_split(paths)
    assert (len(train), len(validation), len(test)) == (90, 10, 50)
    assert set(train) | set(validation) | set(test) == set(paths)
    elsewhere = [Path("/two") / path.relative_to("/one") for path in reversed(paths)]
    again = portrait_split(elsewhere)
    assert [p.parts[-3:] for p in again[2]] == [p.parts[-3:] for p in test]
