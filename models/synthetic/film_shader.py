"""From a posed mesh to linear light: normals, shadow of the key light, skin maps, hair, samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter, gaussian_filter1d

from ...eifer_addon.heads.model import rodrigues
from ...eifer_addon.heads.raster import Camera
from ...eifer_addon.spaces import ARKIT_NAMES
from .film_mesh import CLOTH, HAIR, PART, FilmMesh
from .film_raster import Hits, NormalTable, rasterise
from .lights import Lights, shade
from .materials import Look
from .skin import HIGH, WIDE, WRINKLES, make_skin

#: Directions from which the surroundings are seen, and pixels of their maps and of the key's.
_AROUND, _OPEN_PIXELS, _KEY_PIXELS = 40, 96, 144
#: How far in m something must lie before a point to hide it, and over how much that sets in.
_BIAS_M, _SOFT_M = 0.005, 0.009
#: Pixels of the depth map around its own with which a vertex is compared.
_TAPS = ((0, 0), (-2, 0), (2, 0), (0, -2), (0, 2), (-1, -1), (1, 1), (-1, 1), (1, -1))
#: The movements that deepen each group of wrinkles.
_DEEPEN = {
    "forehead": ("browInnerUp", "browOuterUpLeft", "browOuterUpRight"),
    "glabella": ("browDownLeft", "browDownRight"),
    "crow": ("eyeSquintLeft", "eyeSquintRight", "mouthSmileLeft", "mouthSmileRight"),
    "fold": ("mouthSmileLeft", "mouthSmileRight", "noseSneerLeft", "noseSneerRight",
             "mouthUpperUpLeft", "mouthUpperUpRight"),
}  # fmt: skip
_DEEPEST = {"forehead": 0.75, "glabella": 0.8, "crow": 0.5, "fold": 0.55}


@dataclass(frozen=True)
class Drawn:
    """A frame before the camera's sensor.

    Attributes
    ----------
    light : numpy.ndarray
        float32 (H, W, 3), linear RGB.
    depth : numpy.ndarray
        float32 (H, W), m from the camera, infinite where nothing is.
    head_depth : numpy.ndarray
        The same, but beyond 100 m where the body is seen: cables hang in front of it.
    diffuse : numpy.ndarray
        float32 (V, 3), light that falls onto the mesh.
    """

    light: np.ndarray
    depth: np.ndarray
    head_depth: np.ndarray
    diffuse: np.ndarray


def pose_mesh(mesh: FilmMesh, vertices: np.ndarray, head_pose: np.ndarray | None) -> np.ndarray:
    """All vertices (W, 3) of a mesh whose head's are `vertices` (V, 3) in m.

    The body stands where the head's translation brings it; hair turns with the head.
    """
    turn, shift = np.eye(3), np.zeros(3)
    if head_pose is not None:
        turn, shift = rodrigues(np.asarray(head_pose[:3], np.float64)), np.asarray(head_pose[3:6])
    tied = vertices[mesh.tied] + mesh.tied_shift @ turn.T
    cap = np.zeros((len(mesh.cap), 3))
    found = np.concatenate([vertices, cap, tied, mesh.shoulders + shift]).astype(np.float32)
    if len(mesh.cap):
        start = len(vertices)
        normals = mesh.normals(vertices)[mesh.cap]
        found[start : start + len(mesh.cap)] = vertices[mesh.cap] + normals * mesh.cap_lift[:, None]
    return found


class Shader:
    """Draws the posed meshes of one person in one room."""

    def __init__(self, mesh: FilmMesh, look: Look, lights: Lights, identity: np.ndarray) -> None:
        self.mesh, self.lights, self.look = mesh, lights, look
        self._skin = make_skin(look)
        self._table = NormalTable(len(mesh.material), mesh.triangles)
        self._hair = _hair_map(look)
        rest = pose_mesh(mesh, mesh.head.shaped(identity, dtype=np.float32), None)
        self._open = _open_sky(rest, mesh, self._table.normals(rest))
        kinds = (mesh.skin_share, mesh.material == HAIR)
        self._kinds = np.stack(kinds, axis=1).astype(np.float32)
        self._lids = [ARKIT_NAMES.index(f"eyeBlink{side}") for side in ("Left", "Right")]

    def draw(
        self, posed: np.ndarray, units: np.ndarray, camera: Camera, samples: int, ground: np.ndarray
    ) -> Drawn:
        """Draw a frame.

        Parameters
        ----------
        posed : numpy.ndarray
            (W, 3) of `pose_mesh`.
        units : numpy.ndarray
            (52,), for the wrinkles.
        camera : Camera
            Of the picture.
        samples : int
            Samples of a pixel along an axis.
        ground : numpy.ndarray
            float32 (H * samples, W * samples, 3), what is behind.
        """
        wide, high = camera.width * samples, camera.height * samples
        screen = camera.project(posed)
        fine = screen * (samples, samples, 1)
        hits = rasterise(fine, self.mesh.triangles, wide, high, self.mesh.cull)
        normals = self._table.normals(posed)
        eye = camera.target + camera.distance * camera.rotation[2]
        towards = (eye - posed).astype(np.float32)
        towards /= np.linalg.norm(towards, axis=1, keepdims=True)
        seen = _seen_from(posed, self.mesh, self.lights.lamps[0].direction, _KEY_PIXELS)
        diffuse, sheen = shade(normals, towards, self.lights, self._open, seen)
        diffuse = diffuse[self.mesh.lit_by]
        light = self._samples(hits, diffuse, sheen, units, ground.reshape(-1, 3).copy())
        light = _mean_of_samples(light.reshape(high, wide, 3), samples)
        depth = hits.depth[samples // 2 :: samples, samples // 2 :: samples]
        return Drawn(_film(light), depth, self._head_depth(hits, samples), diffuse)

    def _head_depth(self, hits: Hits, samples: int) -> np.ndarray:
        """Depth (H, W) of the head, beyond 100 m where the body is seen."""
        depth = hits.depth.copy()
        depth.reshape(-1)[hits.pixel[hits.triangle >= self.mesh.n_head_triangles]] = 100.0
        return depth[samples // 2 :: samples, samples // 2 :: samples]

    def _samples(
        self, hits: Hits, diffuse: np.ndarray, sheen: np.ndarray, units: np.ndarray,
        light: np.ndarray,
    ) -> np.ndarray:  # fmt: skip
        """Linear light (n, 3) of all samples."""
        mesh = self.mesh
        table = np.concatenate(
            [diffuse, sheen * mesh.gloss[:, None], mesh.colours, mesh.texel, self._kinds,
             mesh.hair_share[:, None].astype(np.float32)], axis=1,
        )  # fmt: skip
        corners = mesh.triangles[hits.triangle]
        values = table[corners[:, 0]] * hits.weights[:, 0:1]
        values += table[corners[:, 1]] * hits.weights[:, 1:2]
        values += table[corners[:, 2]] * hits.weights[:, 2:3]
        column = np.clip(values[:, 9].astype(np.int32), 0, WIDE - 1)
        row = np.clip(values[:, 10].astype(np.int32), 0, HIGH - 1)
        at = row * WIDE + column
        colour, gloss = self._colours(values, at, units)
        light[hits.pixel] = colour * values[:, :3] + values[:, 3:6] * gloss[:, None]
        return light

    def _colours(
        self, values: np.ndarray, at: np.ndarray, units: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Reflectance (n, 3) and shine (n,) of samples, from what was interpolated."""
        colour, gloss = values[:, 6:9], np.ones(len(at), np.float32)
        on_skin = np.flatnonzero(values[:, 11] > 0.5)
        there = at[on_skin]
        skin = self._skin.reflectance.reshape(-1, 3)[there]
        lines = self._skin.wrinkles.reshape(-1, len(WRINKLES))[there]
        skin = skin * (1 + lines @ self._depths(units))[:, None]
        hairy = self._hair_over(values[on_skin, 13], there)
        colour[on_skin] = (
            skin + (np.array(self.look.hair, np.float32) * 0.75 - skin) * hairy[:, None]
        )
        gloss[on_skin] = self._skin.oil.reshape(-1)[there] * (1 - 0.8 * hairy)
        on_hair = np.flatnonzero(values[:, 12] > 0.5)
        strand = self._hair.reshape(-1)[at[on_hair]]
        colour[on_hair] *= strand[:, None]
        gloss[on_hair] = strand**2
        return colour, gloss

    def _hair_over(self, share: np.ndarray, at: np.ndarray) -> np.ndarray:
        """How much of the skin below hair the single hairs cover: sparse at the hairline."""
        strand = self._hair.reshape(-1)[at]
        if self.look.cut == "shorn":
            # Skin shines through between hairs that are a few millimetres long.
            return np.clip(1.25 * share * (0.2 + 0.52 * strand), 0, 0.92).astype(np.float32)
        return np.clip(1.9 * share - 0.55 * (1.6 - strand), 0, 0.95).astype(np.float32)

    def _depths(self, units: np.ndarray) -> np.ndarray:
        """Depths (4,) of the groups of wrinkles in an expression."""
        age = 0.35 + 0.65 * np.clip((self.look.age_years - 20) / 50, 0, 1)
        depths = []
        for number, name in enumerate(WRINKLES):
            moved = np.mean([units[ARKIT_NAMES.index(unit)] for unit in _DEEPEN[name]])
            depths.append(min(self._skin.lasting[number] + age * _DEEPEST[name] * moved, 1.2))
        return np.array(depths, np.float32)


def _mean_of_samples(light: np.ndarray, samples: int) -> np.ndarray:
    """Pixels (H, W, 3) from samples (H * s, W * s, 3)."""
    parts = [light[k::samples, j::samples] for k in range(samples) for j in range(samples)]
    total = parts[0].copy()
    for part in parts[1:]:
        total += part
    return np.asarray(total * np.float32(1 / samples**2))


def _film(light: np.ndarray) -> np.ndarray:
    """A camera's response: highlights roll off instead of being cut."""
    bright = np.maximum(light - 0.7, 0)
    return np.asarray(np.minimum(light, 0.7) + bright / (1 + bright / 0.3), np.float32)


def _hair_map(look: Look) -> np.ndarray:
    """Float32 (HIGH, WIDE) brightness of strands, about 1."""
    random = np.random.default_rng((look.seed, 0x4A3))
    is_shorn = look.cut == "shorn"
    fine = gaussian_filter1d(random.standard_normal((HIGH, WIDE)), 1.4 if is_shorn else 14, axis=0)
    locks = gaussian_filter(random.standard_normal((HIGH, WIDE)), (40, 5))
    mixed = fine / fine.std() * 0.26 + locks / locks.std() * (0.0 if is_shorn else 0.22)
    return np.clip(1 + mixed, 0.25, 1.9).astype(np.float32)


def _seen_from(posed: np.ndarray, mesh: FilmMesh, direction: np.ndarray, pixels: int) -> np.ndarray:
    """Share (V,) of a distant light that reaches each vertex, by a depth map towards it."""
    side = np.cross([0.0, 1.0, 0.0], direction)
    side /= np.linalg.norm(side)
    axes = np.stack([side, np.cross(direction, side), direction])
    n = mesh.head.n_vertices + len(mesh.cap) + mesh.n_curtain
    local = posed @ axes.T.astype(np.float32)
    low, high = local[:n].min(axis=0), local[:n].max(axis=0)
    scale = (pixels - 4) / float((high - low)[:2].max())
    x = (local[:, 0] - low[0]) * scale + 2
    y = (high[1] - local[:, 1]) * scale + 2
    depth = high[2] + 1.0 - local[:, 2]
    shown = mesh.casts
    hits = rasterise(np.stack([x, y, depth], axis=1), mesh.triangles[shown], pixels, pixels,
                     mesh.cull[shown])  # fmt: skip
    column, row = x.astype(int), y.astype(int)
    total = np.zeros(len(posed), np.float32)
    for dx, dy in _TAPS:
        near = hits.depth[np.clip(row + dy, 0, pixels - 1), np.clip(column + dx, 0, pixels - 1)]
        total += np.clip(1 - (depth - near - _BIAS_M) / _SOFT_M, 0, 1)
    return np.asarray(total / len(_TAPS), np.float32)


def _open_sky(rest: np.ndarray, mesh: FilmMesh, normals: np.ndarray) -> np.ndarray:
    """Share (V,) of the hemisphere over each vertex that nothing hides."""
    number = np.arange(_AROUND) + 0.5
    height = 1 - 2 * number / _AROUND
    turn = np.pi * (1 + 5**0.5) * number
    flat = np.sqrt(1 - height**2)
    ways = np.stack([flat * np.cos(turn), height, flat * np.sin(turn)], axis=1)
    seen, total = np.zeros(len(rest)), np.full(len(rest), 1e-6)
    for way in ways[ways[:, 2] > -0.75]:
        weight = np.clip(normals @ way, 0, 1)
        seen += weight * _seen_from(rest, mesh, way, _OPEN_PIXELS)
        total += weight
    share = np.where(total > 0.05, seen / total, 0.5)
    share[mesh.material == CLOTH] = np.clip(share[mesh.material == CLOTH], 0.3, 1)
    inner = (mesh.material == PART) & (share < 0.2)
    share[inner] = 0.2
    return np.asarray(np.clip(share, 0.08, 1), np.float32)
