"""A face drawn in grey from a code, with gradients: our own rasteriser in torch, on CPU and GPU.

Which triangle a pixel shows is found without gradients (a z-buffer over all candidate pixels at
once). How it is shaded is then a smooth function of the vertices: barycentric weights follow from
the triangle's corners on the screen, normals are interpolated with them, and light falls on the
normals. Gradients so flow through the surface's slope and through its place in the picture, except
over the silhouette, where the set of pixels changes; there the landmarks hold the face in place
(`losses.anchor`), so that no soft silhouette is needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from torch import Tensor, nn

from ....eifer_addon.heads.model import HeadModel
from .encoders import Codes
from .flame import FlameLayer, face_mesh

#: SMIRK's light, which its generator knows: five directions, each 1.7 strong, averaged.
_LIGHTS = ((-1.0, 1.0, 1.0), (1.0, 1.0, 1.0), (-1.0, -1.0, 1.0), (1.0, -1.0, 1.0), (0.0, 0.0, 1.0))
_STRENGTH = 1.7
#: And its grey.
ALBEDO = 180 / 255
#: Candidate pixels are looked at in squares of so many pixels; larger ones, hence fewer, in an
#: exported graph.
_TILE, _FIXED_TILE = 4, 8
#: The scale of the camera for which an exported graph is made. SMIRK's narrowest crops have about
#: 10; the rest is for heads and expressions whose triangles are longer than the template's.
_CLOSEST = 14.0
#: A triangle that covers more pixels than that along an axis belongs to no sensible camera.
_MAX_SPAN = 64
#: Twice the area in pixels² below which a triangle is seen edge-on.
_FLAT = 1e-6


@dataclass(frozen=True)
class Drawn:
    """Renderings of a batch of codes.

    Attributes
    ----------
    image : torch.Tensor
        (B, 3, size, size) grey in 0 to 1, black beside the face.
    mask : torch.Tensor
        (B, 1, size, size), 1 where the face is seen.
    owner : torch.Tensor
        int64 (B, size, size), the triangle that is seen, -1 beside the face.
    screen : torch.Tensor
        (B, n, 3): pixel x, pixel y (downwards, the first pixel's centre at 0.5) and height towards
        the viewer in pixels.
    landmarks : torch.Tensor
        (B, 478, 2) in pixels.
    """

    image: Tensor
    mask: Tensor
    owner: Tensor
    screen: Tensor
    landmarks: Tensor


class FaceRenderer(nn.Module):
    """Codes to pictures.

    Parameters
    ----------
    head : HeadModel
        Whose bases the codes speak of.
    size : int
        Pixels of an edge.
    shading : {"lambert", "harmonics"}
        SMIRK's five lights cut off where they do not reach, or their expansion into spherical
        harmonics of the second order (Ramamoorthi and Hanrahan 2001), which has no kinks.
    """

    def __init__(self, head: HeadModel, size: int = 224, shading: str = "lambert") -> None:
        super().__init__()
        mesh = face_mesh(head)
        self.flame = FlameLayer(head, mesh.vertices)
        self.size, self.shading = size, shading
        #: `rasterise`'s reach; set for an exported graph.
        self.reach: np.ndarray | None = None
        for name, array in (
            ("triangles", mesh.triangles), ("landmark_corners", mesh.landmark_corners),
            ("landmark_weights", mesh.landmark_weights),
            ("around", triangles_around(mesh.triangles, len(mesh.vertices))),
        ):  # fmt: skip
            self.register_buffer(name, torch.from_numpy(array), persistent=False)

    def fix_reach(self) -> None:
        """Draw with the same amount of work whatever is drawn, for an exported graph."""
        corners = self.flame.template[self.triangles]
        edges = (corners - corners.roll(1, dims=1)).norm(dim=-1)
        self.reach = (edges.amax(dim=1) * _CLOSEST * self.size / 2).ceil().cpu().numpy()

    def forward(self, codes: Codes) -> Drawn:
        """Draw the faces of codes; always in float32, whatever the networks compute in."""
        with torch.autocast(codes.shape.device.type, enabled=False):
            return self._draw(codes.float())

    def _draw(self, codes: Codes) -> Drawn:
        vertices = self.flame(codes.shape, codes.expression, codes.joints(), codes.lids)
        screen = project(vertices, codes.camera, self.size)
        owner = rasterise(screen, self.triangles, self.size, self.reach)
        weights = barycentric(screen, self.triangles, owner)
        normals = interpolate(
            vertex_normals(vertices, self.triangles, self.around), self.triangles, owner, weights
        )
        grey = ALBEDO * shade(normals, self.shading)
        mask = (owner >= 0)[:, None].to(grey.dtype)
        image = (grey[:, None] * mask).expand(-1, 3, -1, -1)
        corners = screen[:, self.landmark_corners, :2]
        landmarks = (corners * self.landmark_weights[..., None]).sum(dim=2)
        return Drawn(image, mask, owner, screen, landmarks)


def project(vertices: Tensor, camera: Tensor, size: int) -> Tensor:
    """Screen positions (B, n, 3) of vertices (B, n, 3) in m under cameras (B, 3): scale, x, y.

    Weak perspective as in SMIRK and DECA: a point is seen at scale * (x + tx) from -1, the left
    edge, to 1, and at scale * (y + ty) from the lower edge to the upper one.
    """
    scale, half = camera[:, None, :1], size / 2
    x = half + half * scale * (vertices[..., :1] + camera[:, None, 1:2])
    y = half - half * scale * (vertices[..., 1:2] + camera[:, None, 2:3])
    return torch.cat([x, y, half * scale * vertices[..., 2:]], dim=-1)


@torch.no_grad()
def rasterise(
    screen: Tensor, triangles: Tensor, size: int, reach: np.ndarray | None = None
) -> Tensor:
    """The triangle that each pixel shows, int64 (B, size, size), -1 for none.

    Parameters
    ----------
    screen : torch.Tensor
        (B, n, 3) from `project`.
    triangles : torch.Tensor
        int64 (f, 3), counter-clockwise from outside; those that face away are left out.
    size : int
        Pixels of an edge.
    reach : numpy.ndarray, optional
        (f,), the most pixels that a triangle may cover along an axis, whatever it covers: a fixed
        amount of work, for an exported graph. By default what each one covers.
    """
    batch, pixels = screen.shape[0], size * size
    corners = screen[:, triangles]
    low = corners[..., :2].amin(dim=2).sub(0.5).ceil().clamp(0, size)
    span = corners[..., :2].amax(dim=2).sub(0.5).floor().add(1).clamp(0, size) - low
    span = torch.where(_area(corners)[..., None] < -_FLAT, span, torch.zeros_like(span))
    tile = _TILE if reach is None else _FIXED_TILE
    # In NumPy, so that a traced graph holds the choice and not the choosing.
    reaches = span.amax(dim=(0, 2)).cpu().numpy() if reach is None else reach
    first = pixels * torch.arange(batch, device=screen.device)[:, None, None]
    number = torch.arange(triangles.shape[0], dtype=screen.dtype, device=screen.device)
    # One pixel more for what is not seen, so that nothing has to be left out of the arrays.
    near = screen.new_full((batch * pixels + 1,), -torch.inf)
    owner = screen.new_full((batch * pixels + 1,), -1.0)
    found = []
    steps = range(0, max(1, int(min(float(reaches.max(initial=0)), _MAX_SPAN))), tile)
    for begin in product(steps, steps):
        chosen = torch.from_numpy(np.flatnonzero(reaches > max(begin))).to(screen.device)
        part = (corners[:, chosen], low[:, chosen], span[:, chosen])
        pixel, depth = _fragments(*part, begin, tile, size)
        pixel = torch.where(pixel < 0, torch.full_like(pixel, batch * pixels), pixel + first)
        near = near.scatter_reduce(0, pixel.flatten(), depth.flatten(), "amax")
        found.append((pixel.flatten(), depth, number[chosen][None, :, None]))
    for pixel, depth, which in found:
        is_near = depth >= near[pixel].reshape(depth.shape)
        seen = torch.where(is_near, which.expand_as(depth), -torch.ones_like(depth))
        owner = owner.scatter_reduce(0, pixel, seen.flatten(), "amax")
    return owner[: batch * pixels].reshape(batch, size, size).long()


def _fragments(
    corners: Tensor, low: Tensor, span: Tensor, begin: tuple[int, int], tile: int, size: int
) -> tuple[Tensor, Tensor]:
    """Flat pixel, -1 where none is hit, and height, both (B, f, tile²), of square candidates."""
    step = torch.arange(tile * tile, device=corners.device)
    down = torch.div(step, tile, rounding_mode="floor") + begin[0]
    across = torch.remainder(step, tile) + begin[1]
    x, y = low[..., :1] + across, low[..., 1:] + down
    within = (across < span[..., :1]) & (down < span[..., 1:])
    first, second, third = _weights(corners[..., None, :, :], x + 0.5, y + 0.5)
    hit = within & (first >= 0) & (second >= 0) & (third >= 0)
    a, b, c = corners[..., 2].unbind(-1)
    depth = first * a[..., None] + second * b[..., None] + third * c[..., None]
    pixel = torch.where(hit, y * size + x, -torch.ones_like(x))
    return pixel.long(), depth


def _area(corners: Tensor) -> Tensor:
    """Twice the signed area on the screen of triangles (..., 3, 3)."""
    (ax, ay), (bx, by), (cx, cy) = (corners[..., k, :2].unbind(-1) for k in range(3))
    return (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)


def _weights(corners: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Barycentric weights of points (...) in triangles (..., 3, 3) on the screen."""
    (ax, ay), (bx, by), (cx, cy) = (corners[..., k, :2].unbind(-1) for k in range(3))
    area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
    area = torch.where(area.abs() < _FLAT, torch.full_like(area, -_FLAT), area)
    first = ((bx - x) * (cy - y) - (by - y) * (cx - x)) / area
    second = ((cx - x) * (ay - y) - (cy - y) * (ax - x)) / area
    return first, second, 1 - first - second


def barycentric(screen: Tensor, triangles: Tensor, owner: Tensor) -> Tensor:
    """Weights (B, H, W, 3) of the seen triangles' corners, with gradients to the screen."""
    size = owner.shape[-1]
    centre = torch.arange(size, dtype=screen.dtype, device=screen.device) + 0.5
    corners = _at(screen, triangles, owner)
    x, y = centre[None, None, :].expand_as(owner), centre[None, :, None].expand_as(owner)
    return torch.stack(_weights(corners, x, y), dim=-1)


def interpolate(values: Tensor, triangles: Tensor, owner: Tensor, weights: Tensor) -> Tensor:
    """Values (B, n, c) of vertices at each pixel, (B, H, W, c)."""
    return (_at(values, triangles, owner) * weights[..., None]).sum(dim=-2)


def _at(values: Tensor, triangles: Tensor, owner: Tensor) -> Tensor:
    """Values (B, H, W, 3, c) at the corners of the triangles that the pixels show."""
    corner = triangles[owner.clamp(min=0)].flatten(1)
    picked = values.gather(1, corner[..., None].expand(-1, -1, values.shape[-1]))
    return picked.reshape(*owner.shape, 3, values.shape[-1])


def triangles_around(triangles: np.ndarray, n_vertices: int) -> np.ndarray:
    """Which triangles meet at each vertex, int64 (n, most); the number of triangles fills up."""
    corner = triangles.ravel()
    order = np.argsort(corner, kind="stable")
    count = np.bincount(corner, minlength=n_vertices)
    place = np.arange(len(order)) - np.repeat(np.cumsum(count) - count, count)
    around = np.full((n_vertices, max(1, int(count.max(initial=0)))), len(triangles), np.int64)
    around[corner[order], place] = order // 3
    return around


def vertex_normals(vertices: Tensor, triangles: Tensor, around: Tensor) -> Tensor:
    """Unit normals (B, n, 3), the area-weighted mean of the triangles around each vertex.

    Gathered by `triangles_around`: sums in a fixed order, the same on every device.
    """
    a, b, c = (vertices[:, triangles[:, k]] for k in range(3))
    face = torch.linalg.cross(b - a, c - a)
    face = torch.cat([face, torch.zeros_like(face[:, :1])], dim=1)
    total = face[:, around].sum(dim=2)
    return total / total.norm(dim=-1, keepdim=True).clamp(min=1e-12)


def shade(normals: Tensor, shading: str = "lambert") -> Tensor:
    """Light (B, H, W) that falls on normals (B, H, W, 3) of any length."""
    unit = normals / normals.norm(dim=-1, keepdim=True).clamp(min=1e-12)
    lights = torch.tensor(_LIGHTS, dtype=normals.dtype, device=normals.device)
    cosine = unit @ (lights / lights.norm(dim=1, keepdim=True)).T
    if shading == "harmonics":
        # max(0, x) in Legendre polynomials: 1/4 P0 + 1/2 P1 + 5/16 P2.
        lit = 0.25 + 0.5 * cosine + 5 / 32 * (3 * cosine**2 - 1)
    else:
        lit = cosine.clamp(min=0)
    return _STRENGTH * lit.mean(dim=-1)
