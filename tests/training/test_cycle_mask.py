"""The masked picture: what is cut out of it, and what is put back."""

from __future__ import annotations

import numpy as np
import pytest
from torch_shim import torch_or_skip

from eifer.eifer_addon.errors import EiferError
from eifer.eifer_addon.heads.open_head import load_open_head

torch = torch_or_skip()

from eifer.models.training.cycle.encoders import Codes  # noqa: E402
from eifer.models.training.cycle.mask import (  # noqa: E402
    MaskRule,
    filled,
    grow,
    hull_mask,
    masked_picture,
    point_mask,
)
from eifer.models.training.cycle.render import Drawn, FaceRenderer  # noqa: E402

SIZE = 224


@pytest.fixture(scope="module")
def renderer() -> FaceRenderer:
    return FaceRenderer(load_open_head(), SIZE)


@pytest.fixture(scope="module")
def drawn(renderer: FaceRenderer) -> Drawn:
    camera = torch.tensor([[7.0, 0.0, 0.0]])
    found: Drawn = renderer(
        Codes(
            torch.zeros(1, 300), torch.zeros(1, 50), torch.zeros(1, 2),
            torch.tensor([[0.3, 0, 0]]), torch.zeros(1, 3), camera,
        )
    )  # fmt: skip
    return found


def test_the_hull_holds_all_points_and_nothing_beyond_their_box() -> None:
    random = np.random.default_rng(0)
    points = random.uniform(20, 40, (50, 2))
    mask = hull_mask(points, 64)
    rows, columns = np.nonzero(mask)
    assert columns.min() >= points[:, 0].min() - 1
    assert rows.max() <= points[:, 1].max() + 1
    inner = points[np.abs(points - 30).max(axis=1) < 6].astype(int)
    assert len(inner) > 3
    assert mask[inner[:, 1], inner[:, 0]].all()
    assert 100 < mask.sum() < 400


def test_points_on_one_line_enclose_nothing() -> None:
    with pytest.raises(EiferError, match="lie on one line"):
        hull_mask(np.stack([np.arange(9), np.arange(9)], axis=1), 32)


def test_a_mask_grows_by_ten_pixels_and_by_fewer_in_a_smaller_picture() -> None:
    for edge, reach in ((224, 10), (112, 5)):
        mask = torch.zeros(1, 1, edge, edge)
        mask[..., 50, 50] = 1
        wide = grow(mask, 10)[0, 0]
        assert wide.sum() == (2 * reach + 1) ** 2
        assert wide[50 + reach, 50] == 1


def test_outside_of_hull_and_rendering_the_picture_stays(drawn: Drawn) -> None:
    image = torch.rand(1, 3, SIZE, SIZE)
    hull = torch.zeros(1, 1, SIZE, SIZE)
    hull[..., 100:120, 100:120] = 1
    none = torch.zeros_like(hull)
    masked = masked_picture(image, hull, drawn.mask, none, MaskRule())
    cut = torch.maximum(grow(hull, 10), drawn.mask).bool()[0, 0]
    assert torch.equal(masked[..., ~cut], image[..., ~cut])
    assert float(masked[..., cut].abs().max()) == 0


def test_points_that_are_put_back_lie_on_the_face_and_are_few(
    drawn: Drawn, renderer: FaceRenderer
) -> None:
    torch.manual_seed(0)
    shown = point_mask(drawn, renderer.triangles, MaskRule(points=0.01, gaps=0))[0, 0]
    count = int(shown.sum())
    assert 0.007 * SIZE**2 < count <= 0.01 * SIZE**2  # some fall onto the same pixel
    on_the_face = shown.bool() & grow(drawn.mask, 1)[0, 0].bool()
    assert int(on_the_face.sum()) == count
    left = int(shown[:, : SIZE // 2].sum())
    assert 0.4 < left / count < 0.6


def test_gaps_leave_patches_without_a_colour(drawn: Drawn, renderer: FaceRenderer) -> None:
    torch.manual_seed(0)
    every = point_mask(drawn, renderer.triangles, MaskRule(gaps=0.0)).sum()
    fewer = point_mask(drawn, renderer.triangles, MaskRule(gaps=0.01)).sum()
    assert 0 < fewer < 0.6 * every


def test_colours_that_are_put_back_are_nearly_the_pictures() -> None:
    torch.manual_seed(0)
    image = torch.full((1, 3, 64, 64), 0.5)
    whole = torch.ones(1, 1, 64, 64)
    masked = masked_picture(image, whole, whole, whole, MaskRule())
    assert masked.std() == pytest.approx(0.5 * 0.05, rel=0.1)
    exact = masked_picture(image, whole, whole, whole, MaskRule(noise=0.0))
    assert torch.equal(exact, image)


def test_gradients_flow_through_what_is_kept_only() -> None:
    image = torch.rand(1, 3, 64, 64, requires_grad=True)
    hull = torch.zeros(1, 1, 64, 64)
    hull[..., 20:40, 20:40] = 1
    shown = torch.zeros_like(hull)
    shown[..., 30, 30] = 1
    masked = masked_picture(image, hull, torch.zeros_like(hull), shown, MaskRule(noise=0.0))
    masked.sum().backward()
    assert image.grad is not None
    assert float(image.grad[..., 25, 25].abs().max()) == 0
    assert float(image.grad[..., 30, 30].min()) == 1
    assert float(image.grad[..., 60, 60].min()) == 1


def test_an_open_mouth_is_closed_in_the_outline(drawn: Drawn) -> None:
    outline = filled(drawn.mask)[0, 0].bool()
    face = drawn.mask[0, 0].bool()
    assert bool((outline | ~face).all())
    rows, columns = face.nonzero()[:, 0], face.nonzero()[:, 1]
    middle = int(columns.float().mean())
    down = face[int(rows.min()) : int(rows.max()), middle]
    assert not bool(down.all())  # the mouth is a hole of the mask
    assert bool(outline[int(rows.min()) : int(rows.max()), middle].all())
