"""The masked picture: everything beside the face, and about one pixel in a hundred within it.

The rule of SMIRK (Retsinas et al. 2024, section 3.2.1): the convex hull of the landmarks, wider by
10 pixels, is cut out of the picture, as is whatever the rendering covers; then the colours at some
points of the mesh are put back. A generator that sees only this cannot copy a face (or an electrode
on it): it has to take the geometry from the rendering and the skin from the few colours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial import ConvexHull, QhullError
from torch import Tensor
from torch.nn import functional

from ....eifer_addon.errors import EiferError
from .render import Drawn

#: The picture's edge that lengths in pixels are meant for.
_EDGE = 224
HULL_GROWTH = 10
#: Around the centres that are drawn, no point is put back within so many pixels.
_GAP = 5
#: The colours that are put back differ from the picture's by a factor of this spread.
_COLOUR_NOISE = 0.05


@dataclass(frozen=True)
class MaskRule:
    """How a picture is masked.

    Attributes
    ----------
    growth : float
        Pixels by which the hull is widened, at an edge of 224.
    points : float
        Points that are put back, as a share of the picture's pixels.
    gaps : float
        Share of pixels around which no point is put back.
    noise : float
        Spread of the factor on the colours that are put back.
    """

    growth: float = HULL_GROWTH
    points: float = 0.01
    gaps: float = 0.01
    noise: float = _COLOUR_NOISE


def hull_mask(points: np.ndarray, size: int) -> np.ndarray:
    """Bool (size, size), True within the convex hull of points (n, 2) in pixels.

    Raises
    ------
    EiferError
        When the points span no area.
    """
    try:
        hull = ConvexHull(np.asarray(points, np.float64))
    except (QhullError, ValueError) as error:
        raise EiferError(
            "The landmarks of a face lie on one line, so that they enclose nothing.",
            "Leave this frame out.",
        ) from error
    centre = np.arange(size) + 0.5
    x, y, offset = hull.equations.T
    # Inside, every edge's equation is at most zero.
    along = x[:, None, None] * centre[None, None, :] + y[:, None, None] * centre[None, :, None]
    return np.asarray((along + offset[:, None, None] <= 0).all(axis=0))


def grow(mask: Tensor, pixels: float) -> Tensor:
    """A mask (B, 1, edge, edge) of 0 and 1 widened by some pixels (at an edge of 224)."""
    reach = round(pixels * int(mask.shape[-1]) / _EDGE)
    return functional.max_pool2d(mask, 2 * reach + 1, 1, reach) if reach else mask


def filled(mask: Tensor, growth: float = HULL_GROWTH) -> Tensor:
    """A rendering's mask with its holes (an open mouth) closed: the hull where no landmarks are."""
    return 1 - grow(1 - grow(mask, growth), growth)


def mesh_points(drawn: Drawn, triangles: Tensor, count: int) -> Tensor:
    """Pixels (B, count, 2), x and y, of points on the visible mesh, even over the picture.

    Triangles are drawn by their area on the screen, then a place in each by chance; a point that
    another triangle hides is moved onto what hides it by being read from the picture.
    """
    corners = drawn.screen[:, triangles, :2].detach()
    edge, other = corners[:, :, 1] - corners[:, :, 0], corners[:, :, 2] - corners[:, :, 0]
    # The picture's y axis points down: triangles that face us have negative area.
    area = (edge[..., 1] * other[..., 0] - edge[..., 0] * other[..., 1]).clamp(min=0)
    area = area + (area.sum(dim=1, keepdim=True) <= 0)  # a face that looks away has no place
    chosen = torch.multinomial(area, count, replacement=True)
    share = torch.rand(*chosen.shape, 2, device=chosen.device, dtype=corners.dtype)
    outside = share.sum(dim=-1, keepdim=True) > 1
    share = torch.where(outside, 1 - share, share)
    picked = corners.gather(1, chosen[..., None, None].expand(-1, -1, 3, 2))
    first, second, third = picked.unbind(dim=2)
    place = first + share[..., :1] * (second - first) + share[..., 1:] * (third - first)
    return place.floor().clamp(0, drawn.owner.shape[-1] - 1).long()


def point_mask(drawn: Drawn, triangles: Tensor, rule: MaskRule) -> Tensor:
    """(B, 1, edge, edge), 1 at the pixels that are put back."""
    batch, edge = len(drawn.owner), drawn.owner.shape[-1]
    count = int(rule.points * edge * edge)
    shown = torch.zeros(batch, edge * edge, dtype=drawn.mask.dtype, device=drawn.mask.device)
    if count:
        place = mesh_points(drawn, triangles, count)
        shown = shown.scatter(1, place[..., 1] * edge + place[..., 0], 1.0)
    shown = shown.reshape(batch, 1, edge, edge)
    if rule.gaps > 0:
        centres = (torch.rand_like(shown) < rule.gaps).to(shown.dtype)
        shown = shown * (1 - grow(centres, _GAP))
    return shown


def masked_picture(
    image: Tensor, hull: Tensor, rendered: Tensor, shown: Tensor, rule: MaskRule
) -> Tensor:
    """What the generator sees of a picture.

    Parameters
    ----------
    image : torch.Tensor
        (B, 3, edge, edge) in 0 to 1; gradients flow through what is kept of it.
    hull : torch.Tensor
        (B, 1, edge, edge), 1 within the hull of the landmarks.
    rendered : torch.Tensor
        (B, 1, edge, edge), 1 where the rendering covers the picture.
    shown : torch.Tensor
        (B, 1, edge, edge), 1 at pixels that are put back, from `point_mask`.
    rule : MaskRule

    Returns
    -------
    torch.Tensor
        (B, 3, edge, edge), 0 where the picture is cut out.
    """
    kept = (1 - grow(hull, rule.growth)) * (1 - rendered)
    factor = 1 + rule.noise * torch.randn_like(image) if rule.noise else 1.0
    return torch.where(shown > 0, (image * factor).clamp(0, 1), image * kept)
