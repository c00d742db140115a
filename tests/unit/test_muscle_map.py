"""The muscle map without Blender: weights over heads and over the flat face, sites, colours."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from eifer.eifer_addon import api
from eifer.eifer_addon import muscle_figure as figure
from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.heads import muscle_map as maps
from eifer.eifer_addon.heads.electrodes import (
    canonical_positions,
    electrode_scheme,
    is_kuramoto,
    site,
    sites_of,
)
from eifer.eifer_addon.heads.face_canvas import canvas_positions, face_features
from eifer.eifer_addon.heads.model import HeadModel


@pytest.fixture(scope="module")
def head() -> Iterator[HeadModel]:
    try:
        yield api.load_head()
    except EiferError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def weights(head: HeadModel) -> maps.MuscleWeights:
    return maps.muscle_weights(head)


def test_the_map_reads_each_activity_at_its_electrode(
    head: HeadModel, weights: maps.MuscleWeights
) -> None:
    corners = weights.values[head.triangles[weights.electrodes.triangles]]
    read = np.einsum("pkn,pk->pn", corners, weights.electrodes.barycentric)
    np.testing.assert_allclose(read, np.eye(22), atol=1e-5)


def test_weights_peak_at_the_right_muscle_and_side(
    head: HeadModel, weights: maps.MuscleWeights
) -> None:
    places = weights.electrodes.positions(head.template.astype(float), head.triangles)
    peaks = head.template[weights.values.argmax(axis=0)]
    nearest = np.linalg.norm(peaks[:, None] - places[None], axis=2).argmin(axis=1)
    assert [weights.muscles[k] for k in nearest] == list(weights.muscles)
    for muscle, peak in zip(weights.muscles, peaks, strict=True):
        # The subject's left is +x.
        assert (peak[0] > 0) == muscle.endswith(".left")


def test_weights_are_mirrored_and_compact(head: HeadModel, weights: maps.MuscleWeights) -> None:
    left = weights.values[:, weights.muscles.index("zygomaticus.left")]
    far = np.linalg.norm(head.template - head.template[left.argmax()], axis=1) > 0.05
    assert np.abs(left[far]).max() < 0.02
    right = weights.values[:, weights.muscles.index("zygomaticus.right")]
    assert left.sum() == pytest.approx(right.sum(), rel=0.03)


def test_eyes_teeth_and_hairs_carry_no_map(head: HeadModel, weights: maps.MuscleWeights) -> None:
    assert head.polygons is not None
    assert head.polygon_material is not None
    bare = {"sclera", "iris", "pupil", "teeth", "gums", "tongue", "lashes", "brows"}
    chosen = [head.materials[k] in bare for k in head.polygon_material]
    vertices = np.unique(head.polygons[chosen])
    assert not weights.values[vertices[vertices >= 0]].any()
    assert not weights.covered[vertices[vertices >= 0]].any()


def test_a_head_without_electrodes_gets_them(head: HeadModel, weights: maps.MuscleWeights) -> None:
    again = maps.muscle_weights(head.replace(electrodes={}))
    np.testing.assert_allclose(again.values, weights.values, atol=0.02)


def test_the_flat_map_is_exact_at_electrodes_and_zero_on_the_hull() -> None:
    places = maps.electrode_places(maps.muscles_shown())
    np.testing.assert_allclose(maps.flat_weights(places), np.eye(22), atol=1e-9)
    just_inside = maps.hull() * (1 - 1e-6)
    assert np.abs(maps.flat_weights(just_inside)).max() < 1e-3
    assert not maps.flat_weights(maps.hull() * 1.05).any()


def test_the_flat_map_is_a_thin_plate_spline() -> None:
    from scipy.interpolate import RBFInterpolator

    random = np.random.default_rng(0)
    values = random.uniform(size=22)
    places = np.concatenate([maps.electrode_places(maps.muscles_shown()), maps.hull()[:-1]])
    known = np.concatenate([values, np.zeros(len(places) - 22)])
    oracle = RBFInterpolator(places / 10, known, kernel="thin_plate_spline")
    where = random.uniform(-50, 50, size=(200, 2))
    np.testing.assert_allclose(maps.flat_weights(where) @ values, oracle(where / 10), atol=1e-8)


def test_the_way_back_to_the_canvas_inverts_the_warp() -> None:
    canvas = np.random.default_rng(1).uniform(-70, 70, size=(200, 2))
    np.testing.assert_allclose(canvas_positions(canonical_positions(canvas)), canvas, atol=0.2)
    assert face_features()["eye.left"][:, 0].min() > 0 > face_features()["eye.right"][:, 0].max()


def test_the_colours_are_viridis() -> None:
    mpl = pytest.importorskip("matplotlib")
    stops = maps.colour_stops()
    encoded = np.where(stops <= 0.0031308, stops * 12.92, 1.055 * stops ** (1 / 2.4) - 0.055)
    wanted = mpl.colormaps[figure.COLOUR_MAP](np.linspace(0, 1, len(stops)))[:, :3]
    np.testing.assert_allclose(encoded, wanted, atol=1e-4)


def test_the_colours_grow_lighter_evenly() -> None:
    # CIE 1976 L* of linear sRGB under D65: viridis runs straight from 14 to 91.
    stops = maps.colour_stops()
    luminance = stops @ (0.2126, 0.7152, 0.0722)
    lightness = 116 * np.cbrt(luminance) - 16
    steps = np.diff(lightness)
    assert steps.min() > 0
    assert steps.max() / steps.min() < 1.5
    assert lightness[-1] - lightness[0] > 70


def test_every_electrode_and_pair_has_a_place() -> None:
    for scheme in ("fridlund", "kuramoto"):
        for electrode in electrode_scheme(scheme):
            assert site(electrode.name) == electrode.canvas
    assert site("E06") == site("k6") == (44, 13)
    assert site("K5-K7") == (-34.5, 2.0)
    assert site("zygomaticus.left") == site("F20")
    for name in ("K11", "K5-", "K5-K7-K9", "zygomaticus", "K5-Zyg", ""):
        assert site(name) is None
    assert is_kuramoto("K5-K7")
    assert not is_kuramoto("F5")
    assert not is_kuramoto("E5")


def test_channels_of_kuramoto_stand_at_their_own_electrodes() -> None:
    muscles = ("frontalis_medialis.left", "corrugator.left", "corrugator.right", "masseter.left")
    channels = ("K2", "K19", "K19", "E18")
    assert sites_of(muscles, channels) == {0: "K2", 1: "K19", 3: "masseter.left"}
    said = ("19 channels were taken for electrodes of Kuramoto's scheme",)
    assert sites_of(muscles, channels, None, said) == {0: "K2", 1: "K19", 3: "E18"}
    assert sites_of(muscles, channels, "kuramoto") == {0: "K2", 1: "K19", 3: "E18"}
    assert sites_of(muscles, channels, "fridlund") == dict(enumerate(muscles))


def test_the_flat_map_of_kuramoto_is_exact_and_zero_on_the_hull() -> None:
    names = [electrode.name for electrode in electrode_scheme("kuramoto")] + ["K1-K3", "K2-K4"]
    places = maps.electrode_places(names)
    np.testing.assert_allclose(maps.flat_weights(places, names), np.eye(len(names)), atol=1e-9)
    assert np.abs(maps.flat_weights(maps.hull() * (1 - 1e-6), names)).max() < 1e-3
