"""A software rasteriser in NumPy: a head's picture, and which triangle each pixel shows.

It needs no display and no Blender, so that landmarks can be found on any head anywhere. Pixels
are never looped over: triangles are expanded to candidate pixels in blocks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import EiferError

#: Linear reflectance of a head without colours: a light grey.
GREY = (0.55, 0.55, 0.55)
_BACKGROUND = (0.10, 0.11, 0.13)
#: Candidate pixels handled at once; bounds memory to some tens of megabytes.
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Camera:
    """A pinhole camera that looks at `target` from the front (+z), turned by yaw and pitch.

    Attributes
    ----------
    target : numpy.ndarray
        (3,) point in m that lies in the middle of the image.
    distance : float
        Metres from the camera to the target.
    focal : float
        Focal length in pixels.
    width, height : int
        Image size in pixels.
    yaw, pitch : float
        Radians that the camera goes to the subject's left and upwards around the target.
    centre : tuple of float, optional
        Pixel (x, y) at which the target is seen, for a part of a larger picture; None is the
        middle of the image.
    """

    target: np.ndarray
    distance: float
    focal: float
    width: int
    height: int
    yaw: float = 0.0
    pitch: float = 0.0
    centre: tuple[float, float] | None = None

    @classmethod
    def facing(
        cls,
        points: np.ndarray,
        size: int = 512,
        *,
        margin: float = 1.25,
        distance: float = 1.2,
        yaw: float = 0.0,
        pitch: float = 0.0,
    ) -> Camera:
        """A square camera that shows all `points` (n, 3) from the front.

        Parameters
        ----------
        points : numpy.ndarray
            (n, 3) in m.
        size : int
            Pixels of an edge.
        margin : float
            Image size over the size of the points' box.
        distance : float
            Metres from the camera to the box's middle; small is a wide-angle look.
        """
        low, high = points.min(axis=0), points.max(axis=0)
        extent = float(max(high[0] - low[0], high[1] - low[1])) * margin
        if not np.isfinite(extent) or extent <= 0:
            raise EiferError("The head has no extent that could be drawn.", "Check its vertices.")
        middle = (low + high) / 2
        return cls(middle, distance, size * distance / extent, size, size, yaw, pitch)

    @property
    def rotation(self) -> np.ndarray:
        """(3, 3) from model axes to camera axes (x right, y up, z towards the camera)."""
        cy, sy, cp, sp = np.cos(self.yaw), np.sin(self.yaw), np.cos(self.pitch), np.sin(self.pitch)
        turn = np.array([[cy, 0, -sy], [0, 1, 0], [sy, 0, cy]])
        nod = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
        return nod @ turn

    def project(self, points: np.ndarray) -> np.ndarray:
        """Pixel x, pixel y (downwards) and depth in m, (..., 3), of points (..., 3)."""
        local = (points - self.target) @ self.rotation.T
        depth = self.distance - local[..., 2]
        scale = self.focal / np.maximum(depth, 1e-6)
        middle = self.centre or (self.width / 2, self.height / 2)
        x = middle[0] + local[..., 0] * scale
        y = middle[1] - local[..., 1] * scale
        return np.stack([x, y, depth], axis=-1)


@dataclass(frozen=True)
class Light:
    """A key light from a direction, and ambient light.

    Attributes
    ----------
    direction : tuple of float
        Towards the light, in camera axes.
    key, ambient : float
        Their strengths.
    """

    direction: tuple[float, float, float] = (0.25, 0.45, 1.0)
    key: float = 0.85
    ambient: float = 0.25


@dataclass(frozen=True)
class Rendering:
    """A picture and what each pixel shows.

    Attributes
    ----------
    image : numpy.ndarray
        uint8 (H, W, 3), sRGB.
    depth : numpy.ndarray
        float32 (H, W), metres from the camera plane, infinite where nothing is.
    triangle : numpy.ndarray
        int32 (H, W), -1 where nothing is.
    barycentric : numpy.ndarray
        float32 (H, W, 3), perspective-correct weights of the triangle's corners.
    camera : Camera
        The camera that was used.
    """

    image: np.ndarray
    depth: np.ndarray
    triangle: np.ndarray
    barycentric: np.ndarray
    camera: Camera


def vertex_normals(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Unit normals (V, 3), the area-weighted mean of the triangles around each vertex."""
    corners = vertices[triangles]
    face = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.empty_like(vertices, dtype=np.float64)
    index = triangles.ravel()
    for axis in range(3):
        normals[:, axis] = np.bincount(index, np.repeat(face[:, axis], 3), len(vertices))
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return normals / np.where(length > 0, length, 1.0)


def render(
    vertices: np.ndarray,
    triangles: np.ndarray,
    colours: np.ndarray | None = None,
    camera: Camera | None = None,
    *,
    light: Light | None = None,
    size: int = 512,
    samples: int = 1,
    cull: bool | np.ndarray = True,
) -> Rendering:
    """Draw a mesh.

    Parameters
    ----------
    vertices : numpy.ndarray
        (V, 3) in m.
    triangles : numpy.ndarray
        int (F, 3), counter-clockwise from outside.
    colours : numpy.ndarray, optional
        (V, 3) linear RGB reflectance; grey when absent.
    camera : Camera, optional
        Default: from the front, showing the whole mesh in `size` pixels.
    light : Light, optional
        Default: a key light from above, the subject's left and the front.
    samples : int
        Samples per pixel along an axis; more than one smooths edges.
    cull : bool or numpy.ndarray
        Leave out triangles that face away; (F,) for a choice of each triangle.

    Returns
    -------
    Rendering
        Depth, triangles and barycentric weights are those of a sample near each pixel's centre.
    """
    camera = camera or Camera.facing(vertices, size)
    fine = _scaled(camera, samples)
    vertices = np.asarray(vertices, np.float64)
    triangle, weights, depth = _visible(fine.project(vertices), triangles, fine, cull)
    shaded = _shade(vertices, triangles, colours, camera, light or Light())
    picture = np.broadcast_to(srgb(np.array(_BACKGROUND)), (*triangle.shape, 3)).copy()
    hit = triangle >= 0
    corners = triangles[triangle[hit]]
    picture[hit] = srgb(np.einsum("nk,nkc->nc", weights[hit], shaded[corners]))
    picture = picture.reshape(camera.height, samples, camera.width, samples, 3).mean(axis=(1, 3))
    middle = slice(samples // 2, None, samples)
    return Rendering(
        (picture * 255 + 0.5).astype(np.uint8),
        depth[middle, middle], triangle[middle, middle], weights[middle, middle], camera,
    )  # fmt: skip


def _scaled(camera: Camera, samples: int) -> Camera:
    """The same view with `samples` times the pixels along both axes."""
    centre = camera.centre and (camera.centre[0] * samples, camera.centre[1] * samples)
    return Camera(
        camera.target, camera.distance, camera.focal * samples, camera.width * samples,
        camera.height * samples, camera.yaw, camera.pitch, centre,
    )  # fmt: skip


def srgb(linear: np.ndarray) -> np.ndarray:
    """Linear light in [0, 1] to sRGB (IEC 61966-2-1)."""
    light = np.clip(linear, 0.0, 1.0)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def _shade(
    vertices: np.ndarray,
    triangles: np.ndarray,
    colours: np.ndarray | None,
    camera: Camera,
    light: Light,
) -> np.ndarray:
    """Linear colours (V, 3) under the light (Gouraud)."""
    normals = vertex_normals(vertices, triangles) @ camera.rotation.T
    direction = np.asarray(light.direction) / np.linalg.norm(light.direction)
    # Half-Lambert wraps the light around, which keeps cheeks readable without shadows.
    lit = np.clip(normals @ direction * 0.75 + 0.25, 0.0, 1.0)
    base = np.asarray(GREY)[None, :] if colours is None else np.asarray(colours, np.float64)
    return base * (light.ambient + light.key * lit)[:, None]


def _visible(
    screen: np.ndarray, triangles: np.ndarray, camera: Camera, cull: bool | np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nearest triangle, its weights and its depth for each pixel."""
    shape = (camera.height, camera.width)
    nearest = np.full(camera.height * camera.width, np.inf, np.float64)
    owner = np.full(nearest.shape, -1, np.int32)
    weights = np.zeros((*nearest.shape, 3), np.float32)
    chosen, low, span = _boxes(screen, triangles, camera, cull)
    counts = span[:, 0] * span[:, 1]
    edges = np.flatnonzero(np.diff(np.cumsum(counts) // _BLOCK, prepend=0))
    for rows in np.split(np.arange(len(chosen)), edges):
        if len(rows) == 0:
            continue
        part = _fragments(screen, triangles, chosen[rows], low[rows], span[rows], camera.width)
        pixel, face, bary, depth = part
        np.minimum.at(nearest, pixel, depth)
        wins = depth <= nearest[pixel]
        owner[pixel[wins]], weights[pixel[wins]] = face[wins], bary[wins]
    depth_map = nearest.astype(np.float32).reshape(shape)
    return owner.reshape(shape), weights.reshape(*shape, 3), depth_map


def _boxes(
    screen: np.ndarray, triangles: np.ndarray, camera: Camera, cull: bool | np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Triangles that can be seen, with the first pixel and the size of their boxes."""
    corners = screen[triangles]
    first, last = corners[..., :2].min(axis=1), corners[..., :2].max(axis=1)
    limit = np.array([camera.width, camera.height])
    low = np.clip(np.ceil(first - 0.5), 0, limit).astype(np.int64)
    high = np.clip(np.floor(last - 0.5) + 1, 0, limit).astype(np.int64)
    span = high - low
    ahead = (corners[..., 2] > 1e-3).all(axis=1)
    area = _cross(corners[:, 0], corners[:, 1], corners[:, 2])
    # The image's y axis points down, so that counter-clockwise triangles have negative area.
    faces_us = (area < 0) | ((area > 0) & ~np.asarray(cull))
    chosen = np.flatnonzero(ahead & faces_us & (span > 0).all(axis=1))
    return chosen, low[chosen], span[chosen]


def _cross(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Twice the signed area of the 2D triangles abc."""
    return (b[..., 0] - a[..., 0]) * (c[..., 1] - a[..., 1]) - (b[..., 1] - a[..., 1]) * (
        c[..., 0] - a[..., 0]
    )


def _fragments(
    screen: np.ndarray,
    triangles: np.ndarray,
    chosen: np.ndarray,
    low: np.ndarray,
    span: np.ndarray,
    width: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Pixels inside some triangles: flat pixel index, triangle, weights and depth."""
    counts = span[:, 0] * span[:, 1]
    row = np.repeat(np.arange(len(chosen)), counts)
    within = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    y, x = np.divmod(within, span[row, 0])
    x, y = x + low[row, 0], y + low[row, 1]
    # Two weights are linear in the pixel's position, the third is what is missing to one.
    a, b, c = (screen[triangles[chosen, k]] for k in range(3))
    area = _cross(a, b, c)
    along_x = np.stack([b[:, 1] - c[:, 1], c[:, 1] - a[:, 1]]) / area
    along_y = np.stack([c[:, 0] - b[:, 0], a[:, 0] - c[:, 0]]) / area
    at_zero = -along_x * (c[:, 0] - 0.5) - along_y * (c[:, 1] - 0.5)
    first, second = (along_x[k][row] * x + along_y[k][row] * y + at_zero[k][row] for k in (0, 1))
    third = 1 - first - second
    inside = (first >= 0) & (second >= 0) & (third >= 0)
    flat, row = np.stack([first[inside], second[inside], third[inside]], axis=1), row[inside]
    # Depth is linear in 1/z on the screen; weights of the surface follow from it.
    inverse = flat / np.stack([a[:, 2], b[:, 2], c[:, 2]], axis=1)[row]
    depth = 1.0 / inverse.sum(axis=1)
    return (y * width + x)[inside], chosen[row], inverse * depth[:, None], depth
