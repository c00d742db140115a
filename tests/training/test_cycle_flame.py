"""FLAME in torch: the same head as in NumPy, with gradients."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from flame_writer import write_flame
from torch_shim import torch_or_skip

from eifer.eifer_addon.heads.flame_file import load_flame
from eifer.eifer_addon.heads.model import HeadModel
from eifer.eifer_addon.heads.open_head import load_open_head
from eifer.eifer_addon.spaces import ARKIT_NAMES

torch = torch_or_skip()

from eifer.models.training.cycle.flame import FlameLayer, face_mesh, rotations  # noqa: E402


def _draw(head: HeadModel, n: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    identity = random.normal(0, 1, (n, head.n_identity))
    expression = random.normal(0, 1, (n, head.n_expression))
    return identity, expression, random.normal(0, 0.4, (n, 5, 3))


def _close(layer: FlameLayer, head: HeadModel, lids: np.ndarray | None = None) -> None:
    identity, expression, pose = _draw(head)
    units = None
    if lids is not None:
        units = np.zeros((len(lids), 52))
        for k, name in enumerate(("eyeBlinkLeft", "eyeBlinkRight")):
            units[:, ARKIT_NAMES.index(name)] = lids[:, k]
    wanted, _ = head.forward(identity, expression, pose, units)
    given = [torch.from_numpy(values) for values in (identity, expression, pose)]
    closed = None if lids is None else torch.from_numpy(lids)
    found = layer.double()(*given, closed).numpy()
    assert np.abs(found - wanted).max() < 1e-7  # m; the bases are float32


def test_the_open_head_is_posed_as_in_numpy() -> None:
    head = load_open_head()
    _close(FlameLayer(head), head, np.random.default_rng(1).random((3, 2)))


def test_a_flame_file_is_posed_as_in_numpy(tmp_path: Path) -> None:
    write_flame(tmp_path / "flame2020.pkl", n_vertices=300)
    head = load_flame(tmp_path / "flame2020.pkl")
    assert head.n_identity == 300
    _close(FlameLayer(head), head)


def test_a_part_of_the_vertices_moves_as_the_whole_head() -> None:
    head = load_open_head()
    some = np.array([5, 17, 4000])
    identity, expression, pose = (torch.from_numpy(v).float() for v in _draw(head))
    whole = FlameLayer(head)(identity, expression, pose)
    part = FlameLayer(head, some)(identity, expression, pose)
    assert torch.allclose(part, whole[:, some], atol=1e-6)


def test_coefficients_beyond_the_head_count_for_nothing_and_missing_ones_as_zero() -> None:
    head = load_open_head()
    layer = FlameLayer(head, np.arange(10))
    pose = torch.zeros(1, 5, 3)
    long = torch.cat([torch.ones(1, 100), 9 * torch.ones(1, 200)], dim=1)
    none = torch.zeros(1, 1)
    assert torch.equal(layer(long, none, pose), layer(torch.ones(1, 100), none, pose))


def test_a_head_at_rest_has_gradients_of_its_rotation() -> None:
    angle = torch.zeros(1, 3, dtype=torch.float64, requires_grad=True)
    rotations(angle)[0, 2, 1].backward()
    assert angle.grad is not None
    assert angle.grad.tolist() == [[1.0, 0.0, 0.0]]


@pytest.mark.parametrize("length", [1e-5, 5e-4, 2e-3, 1.0, 3.0])
def test_rotations_are_those_of_numpy_at_any_angle(length: float) -> None:
    from eifer.eifer_addon.heads.model import rodrigues

    axis = np.array([[0.6, -0.48, 0.64]]) * length
    assert np.allclose(rotations(torch.from_numpy(axis)).numpy(), rodrigues(axis), atol=1e-12)


def test_the_drawn_face_is_skin_and_eyes_in_front() -> None:
    head = load_open_head()
    mesh = face_mesh(head)
    drawn = head.template[mesh.vertices[np.unique(mesh.triangles)]]
    assert head.landmarks is not None
    points = head.landmarks.positions(head.template, head.triangles)
    assert 2000 < len(mesh.triangles) < len(head.triangles) / 2
    assert drawn[:, 2].min() > points[:468, 2].min() - 0.02
    assert np.ptp(drawn[:, 0]) > 0.95 * np.ptp(points[:468, 0])
    there = np.einsum(
        "nkc,nk->nc", head.template[mesh.vertices][mesh.landmark_corners], mesh.landmark_weights
    )
    assert np.allclose(there, points, atol=1e-6)


def test_nothing_of_a_users_head_goes_into_a_checkpoint() -> None:
    assert not FlameLayer(load_open_head(), np.arange(5)).state_dict()
