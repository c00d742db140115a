"""The rasteriser: what is seen, and gradients against finite differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from torch_shim import torch_or_skip

from eifer.eifer_addon.heads.open_head import load_open_head
from eifer.eifer_addon.heads.raster import Camera, render

torch = torch_or_skip()

from eifer.models.training.cycle.encoders import Codes  # noqa: E402
from eifer.models.training.cycle.render import (  # noqa: E402
    FaceRenderer,
    barycentric,
    rasterise,
    shade,
)

SIZE = 64


@pytest.fixture(scope="module")
def renderer() -> FaceRenderer:
    return FaceRenderer(load_open_head(), SIZE)


def _codes(n: int = 2, dtype: Any = None) -> Codes:
    random = torch.Generator().manual_seed(3)

    def normal(width: int, spread: float) -> Any:
        return (spread * torch.randn(n, width, generator=random)).to(dtype or torch.float32)

    jaw = normal(3, 0.02)
    jaw[:, 0] = 0.15
    camera = normal(3, 0.01) + torch.tensor([8.0, 0.0, 0.0], dtype=jaw.dtype)
    return Codes(normal(300, 1), normal(50, 1), normal(2, 0.1).abs(), jaw, normal(3, 0.2), camera)


def test_the_nearer_triangle_hides_the_farther() -> None:
    square = [[8.0, 8.0], [8.0, 56.0], [56.0, 56.0], [56.0, 8.0]]
    screen = torch.tensor([[[*p, 0.0] for p in square] + [[*p, 5.0] for p in square[:3]]])
    triangles = torch.tensor([[0, 1, 2], [0, 2, 3], [4, 5, 6]])
    owner = rasterise(screen, triangles, SIZE)[0]
    assert owner[40, 20] == 2
    assert owner[20, 40] == 1
    assert owner[2, 2] == -1
    assert int((owner >= 0).sum()) == 48 * 48


def test_a_triangle_that_faces_away_is_not_seen() -> None:
    screen = torch.tensor([[[8.0, 8.0, 0.0], [56.0, 56.0, 0.0], [8.0, 56.0, 0.0]]])
    assert int(rasterise(screen, torch.tensor([[0, 1, 2]]), SIZE).max()) == -1


def test_beside_the_picture_nothing_is_drawn() -> None:
    screen = torch.tensor([[[-90.0, 8.0, 0.0], [-90.0, 56.0, 0.0], [-20.0, 56.0, 0.0]]])
    assert int(rasterise(screen, torch.tensor([[0, 1, 2]]), SIZE).max()) == -1


def test_a_face_is_seen_as_by_the_other_rasteriser(renderer: FaceRenderer) -> None:
    """The NumPy rasteriser from far away, where perspective is nearly none."""
    codes = _codes(1)
    drawn = renderer(codes)
    vertices = renderer.flame(codes.shape, codes.expression, codes.joints(), codes.lids)[0].numpy()
    scale, across, up = codes.camera[0].tolist()
    distance = 1000.0
    camera = Camera(
        np.array([-across, -up, 0.0]), distance, SIZE / 2 * scale * distance, SIZE, SIZE
    )
    other = render(vertices, renderer.triangles.numpy(), None, camera)
    owner = drawn.owner[0].numpy()
    assert (owner >= 0).mean() > 0.15
    assert ((owner >= 0) != (other.triangle >= 0)).sum() <= 4
    assert (owner != other.triangle).sum() <= 12


def test_a_fixed_amount_of_work_draws_the_same() -> None:
    fixed = FaceRenderer(load_open_head(), SIZE)
    codes = _codes()
    free = fixed(codes)
    fixed.fix_reach()
    assert torch.equal(fixed(codes).owner, free.owner)
    close = Codes(**{**vars(codes), "camera": codes.camera + torch.tensor([2.0, 0.0, 0.0])})
    near = fixed(close).owner
    fixed.reach = None
    assert torch.equal(near, fixed(close).owner)


def test_weights_say_where_a_pixel_lies(renderer: FaceRenderer) -> None:
    drawn = renderer(_codes())
    weights = barycentric(drawn.screen, renderer.triangles, drawn.owner)
    hit = drawn.owner >= 0
    corners = torch.stack([drawn.screen[k][renderer.triangles[drawn.owner[k]]] for k in range(2)])
    place = (corners[..., :2] * weights[..., None]).sum(dim=-2)[hit]
    row, column = (hit.nonzero()[:, axis] + 0.5 for axis in (1, 2))
    assert torch.allclose(place, torch.stack([column, row], dim=1), atol=1e-3)


def test_light_in_harmonics_is_nearly_that_of_lambert() -> None:
    normals = torch.nn.functional.normalize(torch.randn(1, 9, 9, 3), dim=-1)
    normals[..., 2] = normals[..., 2].abs()
    assert (shade(normals) - shade(normals, "harmonics")).abs().max() < 0.12


@pytest.mark.parametrize("shading", ["lambert", "harmonics"])
@pytest.mark.parametrize("part", ["shape", "expression", "jaw", "pose", "camera"])
def test_gradients_are_those_of_finite_differences(shading: str, part: str) -> None:
    """Of a weighted sum of grey levels well within the outline, in float64."""
    renderer = FaceRenderer(load_open_head(), SIZE, shading).double()
    codes = _codes(1, torch.float64)
    inside = 1 - torch.nn.functional.max_pool2d(1 - renderer(codes).mask, 5, 1, 2)
    wave = torch.sin(torch.arange(SIZE, dtype=torch.float64) / 6)
    weight = inside * wave[:, None] * wave[None, :]

    def value(changed: Any) -> Any:
        parts = {name: getattr(codes, name) for name in Codes.__dataclass_fields__}
        return (renderer(Codes(**{**parts, part: changed})).image[:, :1] * weight).sum()

    start = getattr(codes, part).clone().requires_grad_()
    value(start).backward()
    steepest = float(start.grad.norm())
    assert steepest > 0
    direction = start.grad / steepest
    measured = _slope(lambda step: float(value(start.detach() + step * direction)))
    assert steepest == pytest.approx(measured, rel=0.01)


def _slope(function: Callable[[float], float], step: float = 1e-5) -> float:
    return (function(step) - function(-step)) / (2 * step)
