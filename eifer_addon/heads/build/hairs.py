"""Brows and lashes as small blades that grow on the skin and move with it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .part import Part, Rows, boundary_loops, triangulate
from .source import BaseMesh

#: Middle line of the left brow in the neutral head: x, y in dm, inner end to tail,
#: and the half width of the brow there.
BROW_LINE = np.array(
    [
        [0.115, 7.502, 0.026],
        [0.175, 7.516, 0.032],
        [0.260, 7.535, 0.030],
        [0.345, 7.550, 0.024],
        [0.420, 7.545, 0.017],
        [0.480, 7.520, 0.011],
        [0.520, 7.492, 0.005],
    ]
)
BROW_HAIRS = 420
BROW_SEED = 20250611
#: Strip of the base mesh, number of lashes, and their length as a multiple of the strip's width
#: (its inner half is hidden in the lid).
LASHES = {"upper": ("eyelashes-2", 64, 1.12), "lower": ("eyelashes-1", 40, 0.82)}
LASH_WIDTH_DM = 0.0026
#: Upper lashes curl up, lower ones down, by this much at the tip (dm).
LASH_CURL_DM = {"upper": 0.014, "lower": -0.006}


@dataclass(frozen=True)
class Surface:
    """The front of the skin, to drop points onto it from ahead.

    Attributes
    ----------
    part : Part
    vertices : numpy.ndarray
        (n, 3) neutral positions in dm.
    triangles : numpy.ndarray
        (F, 3).
    """

    part: Part
    vertices: np.ndarray
    triangles: np.ndarray

    @classmethod
    def of(cls, part: Part, neutral: np.ndarray) -> Surface:
        """The forward-facing triangles of a part."""
        vertices = part.place(neutral)
        triangles = triangulate(part.polygons)
        a, b, c = (vertices[triangles[:, k]] for k in range(3))
        facing = np.cross(b - a, c - a)[:, 2] > 0
        return cls(part, vertices, triangles[facing])

    def drop(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Where rays from ahead meet the skin first.

        Parameters
        ----------
        points : numpy.ndarray
            (n, 2): x and y in dm.

        Returns
        -------
        weights : numpy.ndarray
            (n, n_skin) dense barycentric rows.
        positions, normals : numpy.ndarray
            (n, 3) in dm.
        """
        a, b, c = (self.vertices[self.triangles[:, k]] for k in range(3))
        normal = np.cross(b - a, c - a)
        area = normal[:, 2]
        weights = np.zeros((len(points), len(self.vertices)))
        normals = np.zeros((len(points), 3))
        for k, (x, y) in enumerate(points):
            u = ((b[:, 0] - x) * (c[:, 1] - y) - (b[:, 1] - y) * (c[:, 0] - x)) / area
            v = ((c[:, 0] - x) * (a[:, 1] - y) - (c[:, 1] - y) * (a[:, 0] - x)) / area
            corner = np.stack([u, v, 1.0 - u - v], axis=1)
            inside = np.nonzero(corner.min(axis=1) >= -1e-9)[0]
            depth = (corner[inside] * np.stack([a, b, c], 1)[inside, :, 2]).sum(axis=1)
            hit = inside[np.argmax(depth)]
            weights[k, self.triangles[hit]] += corner[hit]
            normals[k] = normal[hit] / np.linalg.norm(normal[hit])
        return weights, weights @ self.vertices, normals


def _blade_polygons(n: int) -> np.ndarray:
    """One slender quad for each blade: root, right and left of its middle, tip."""
    return 4 * np.arange(n)[:, None] + np.array([[0, 1, 3, 2]])


def _blades(rows: Rows, offset: np.ndarray, tag: str, material: str) -> Part:
    polygons = _blade_polygons(len(offset) // 4)
    return Part(
        rows, offset, polygons, np.zeros((1, 2)), np.zeros_like(polygons),
        np.full(len(polygons), material), np.full(len(offset), tag),
    )  # fmt: skip


def brow_curve(at: np.ndarray) -> np.ndarray:
    """Middle line and half width (n, 3) of the left brow at fractions (n,) of its length."""
    steps = np.linalg.norm(np.diff(BROW_LINE[:, :2], axis=0), axis=1)
    length = np.concatenate([[0.0], np.cumsum(steps)]) / steps.sum()
    return np.stack([np.interp(at, length, BROW_LINE[:, k]) for k in range(3)], axis=1)


def brow_density(points: np.ndarray) -> np.ndarray:
    """How much a skin point (n, 3) in dm lies under a brow, 0 to 1, for the shadow beneath."""
    at = np.linspace(0.0, 1.0, 80)
    line = brow_curve(at)
    mirrored = np.abs(points[:, 0])
    gap = np.hypot(mirrored[:, None] - line[:, 0], points[:, 1, None] - line[:, 1])
    inside = np.clip(1.25 - gap / (line[:, 2] + 0.02), 0.0, 1.0).max(axis=1)
    return np.where(points[:, 2] > 1.0, inside, 0.0)


def make_brow(surface: Surface, name: str) -> Part:
    """Hairs of one brow: upright at the nose, lying back towards the tail."""
    rng = np.random.default_rng(BROW_SEED)
    at = (np.arange(BROW_HAIRS) + rng.random(BROW_HAIRS)) / BROW_HAIRS
    # Denser in the middle of the line than at its edges, so that the outline stays soft.
    across = 0.8 * rng.uniform(-1.0, 1.0, BROW_HAIRS) + 0.15 * rng.normal(0.0, 1.0, BROW_HAIRS)
    across = np.clip(across, -1.25, 1.25)
    line = brow_curve(at)
    tangent = brow_curve(np.minimum(at + 0.02, 1.0)) - brow_curve(np.maximum(at - 0.02, 0.0))
    along = np.arctan2(tangent[:, 1], tangent[:, 0])
    # Hairs stand up at the inner end and lean to the tail; upper ones lean down, lower ones up.
    lean = np.radians(np.interp(at, [0.0, 0.15, 0.4, 1.0], [50.0, 34.0, 16.0, 0.0]))
    angle = along + lean * np.clip(0.75 - 0.75 * across, 0.0, 1.5) + rng.normal(0.0, 0.12, at.size)
    length = np.interp(at, [0.0, 0.1, 0.5, 1.0], [0.045, 0.062, 0.066, 0.040])
    length = length * rng.uniform(0.75, 1.15, at.size)
    heading = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    normal2 = np.stack([-np.sin(along), np.cos(along)], axis=1)
    root = line[:, :2] + normal2 * (across * line[:, 2])[:, None] - 0.35 * heading * length[:, None]
    side = -1.0 if name == "right_brow" else 1.0
    return _grow(surface, root, heading * length[:, None], side, name)


def _grow(surface: Surface, root: np.ndarray, reach: np.ndarray, side: float, name: str) -> Part:
    """Blades from roots (n, 2) along reaches (n, 2), lifted off the skin towards the tip."""
    flip = np.array([side, 1.0])
    width = 0.0021 * np.stack([-reach[:, 1], reach[:, 0]], 1)
    width /= np.linalg.norm(reach, axis=1, keepdims=True)
    # Along and across a hair, and how far it stands off the skin (dm).
    stations = [(0.0, 0.0, 0.001), (0.4, 1.0, 0.007), (0.4, -1.0, 0.007), (1.0, 0.0, 0.011)]
    points = [root + s * reach + side * w * width for s, w, _ in stations]
    plan = np.stack(points, axis=1).reshape(-1, 2) * flip
    weights, _, normals = surface.drop(plan)
    lift = np.tile([height for _, _, height in stations], len(root))[:, None]
    rows = Rows(weights) @ surface.part.rows
    return _blades(Rows(rows), lift * normals, name, "brows")


def make_lashes(mesh: BaseMesh, neutral: np.ndarray, side: str, row: str) -> Part:
    """Lashes of one lid, combed out of the base mesh's strip from its root edge to its tips."""
    suffix, count, reach = LASHES[row]
    group = f"helper-{side}-{suffix}"
    eye = neutral[mesh.members(f"helper-{side}-eye")].mean(axis=0)
    root, tip = _edges(mesh.faces[group], neutral, eye)
    rng = np.random.default_rng(BROW_SEED + count)
    at = np.linspace(0.05, 0.95, count)
    # Both edges run from the nose outwards; tips are fanned out with a slight jitter.
    swing = np.clip(at + 0.03 * (at - 0.4) + rng.normal(0.0, 0.01, count), 0.0, 1.0)
    start, end = _along(root, neutral, at), _along(tip, neutral, swing)
    length = np.linalg.norm(np.diff(neutral[root], axis=0), axis=1).sum()
    ahead = _along(root, neutral, at + 0.02) - _along(root, neutral, at - 0.02)
    across = ahead * (0.5 * LASH_WIDTH_DM / (0.04 * length))
    last = start + reach * (end - start)
    middle = start + 0.45 * reach * (end - start)
    blade = [start, middle - across, middle + across, last]
    weights = np.stack(blade, axis=1).reshape(4 * count, len(neutral))
    curl = np.zeros((4 * count, 3))
    curl[:, 1] = np.tile([0.0, 0.1, 0.1, 1.0], count) * LASH_CURL_DM[row]
    return _blades(Rows(weights), curl, f"{side}-lashes-{row}", "lashes")


def _edges(
    faces: np.ndarray, neutral: np.ndarray, eye: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Root and tip edge of a strip of lashes, vertices from the nose outwards."""
    loop = boundary_loops(faces)[0]
    side = np.abs(neutral[loop, 0])
    loop = np.roll(loop, -int(np.argmin(side)))
    far = int(np.argmax(np.abs(neutral[loop, 0])))
    chains = [loop[: far + 1], np.r_[loop[far:], loop[0]][::-1]]
    reach = [np.linalg.norm(neutral[chain] - eye, axis=1).mean() for chain in chains]
    return (chains[0], chains[1]) if reach[0] < reach[1] else (chains[1], chains[0])


def _along(chain: np.ndarray, neutral: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Dense rows (n, n_source) of the points at fractions (n,) of a chain's length."""
    steps = np.linalg.norm(np.diff(neutral[chain], axis=0), axis=1)
    length = np.concatenate([[0.0], np.cumsum(steps)]) / steps.sum()
    place = np.interp(np.clip(at, 0.0, 1.0), length, np.arange(len(chain)))
    low = np.minimum(place.astype(int), len(chain) - 2)
    share = place - low
    rows = np.zeros((len(at), len(neutral)))
    rows[np.arange(len(at)), chain[low]] += 1.0 - share
    rows[np.arange(len(at)), chain[low + 1]] += share
    return rows
