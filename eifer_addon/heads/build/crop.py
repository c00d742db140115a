"""The skin: the body above a tilted plane through the neck, its rim planar and capped."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from .part import Part, Rows, boundary_loops
from .source import BaseMesh

#: The cut runs from the pit of the throat up to the nape (dm), as on a plaster bust.
CUT_POINT = np.array([0.0, 6.06, 0.2])
CUT_NORMAL = np.array([0.0, 1.0, 0.36]) / np.hypot(1.0, 0.36)
#: Vertices nearer to the plane than this are pulled onto it, so that no slivers arise.
SNAP_DM = 0.04
#: Rings of the cap, as fractions of the way from the rim to its centre.
CAP_RINGS = (0.04, 0.45)


def smooth_step(x: np.ndarray) -> np.ndarray:
    """0 below 0, 1 above 1, with flat ends."""
    t = np.clip(x, 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def height_above_cut(points: np.ndarray) -> np.ndarray:
    """Signed distance (n,) in dm of points (n, 3) from the plane of the neck's rim."""
    return (points - CUT_POINT) @ CUT_NORMAL


@dataclass
class _Clip:
    """Polygons under construction: corners refer to rows that mix at most two vertices."""

    height: np.ndarray
    n_source: int
    keys: dict[tuple[int, int], int]
    mixes: list[tuple[int, int, float]]

    def corner(self, a: int, b: int) -> int:
        """New index of the crossing of edge a-b, or of vertex a when a equals b."""
        key = (min(a, b), max(a, b))
        if key not in self.keys:
            low, high = key
            gap = self.height[low] - self.height[high]
            share = 0.0 if low == high else float(self.height[low] / gap)
            self.keys[key] = len(self.mixes)
            self.mixes.append((low, high, share))
        return self.keys[key]

    def rows(self) -> Rows:
        low, high, share = (np.array(column) for column in zip(*self.mixes, strict=True))
        at = np.arange(len(low))
        values = np.concatenate([1.0 - share, share])
        return Rows(
            sparse.coo_array(
                (values, (np.tile(at, 2), np.concatenate([low, high]))),
                shape=(len(low), self.n_source),
            ).tocsr()
        )


def crop_skin(mesh: BaseMesh, neutral: np.ndarray) -> Part:
    """Body polygons above the cut, clipped exactly, with the rim in the plane and a cap.

    Parameters
    ----------
    mesh : BaseMesh
    neutral : numpy.ndarray
        (19158, 3) in dm.
    """
    height = height_above_cut(neutral)
    near = np.abs(height) < SNAP_DM
    snapped = np.where(near, 0.0, height)
    faces, face_uv = mesh.faces["body"], mesh.face_uv["body"]
    above = snapped[faces].max(axis=1) > 0
    points = _Clip(snapped, len(neutral), {}, [])
    texture = _Clip(np.zeros(len(mesh.uv)), len(mesh.uv), {}, [])
    polygons: list[list[int]] = []
    polygon_uv: list[list[int]] = []
    for face, corners in zip(faces[above], face_uv[above], strict=True):
        ring, ring_uv = _clip_face(face, corners, points, texture)
        polygons += _as_quads(ring)
        polygon_uv += _as_quads(ring_uv)
    rows = points.rows()
    lift = rows @ np.where(near, -height, 0.0)
    offset = lift[:, None] * CUT_NORMAL
    part = Part(
        rows, offset, np.array(polygons), np.asarray(texture.rows() @ mesh.uv),
        np.array(polygon_uv), np.full(len(polygons), "skin"), np.full(len(offset), "skin"),
    )  # fmt: skip
    return _cap(part)


def _clip_face(
    face: np.ndarray, corners: np.ndarray, points: _Clip, texture: _Clip
) -> tuple[list[int], list[int]]:
    """Corners of a face above the plane, as new vertex and texture indices."""
    ring, ring_uv = [], []
    for k in range(4):
        a, b = int(face[k]), int(face[(k + 1) % 4])
        uv_a, uv_b = int(corners[k]), int(corners[(k + 1) % 4])
        height_a, height_b = points.height[a], points.height[b]
        if height_a >= 0:
            ring.append(points.corner(a, a))
            ring_uv.append(texture.corner(uv_a, uv_a))
        if height_a * height_b < 0:
            texture.height[uv_a], texture.height[uv_b] = height_a, height_b
            ring.append(points.corner(a, b))
            ring_uv.append(texture.corner(uv_a, uv_b))
    return ring, ring_uv


def _as_quads(ring: list[int]) -> list[list[int]]:
    if len(ring) == 3:
        return [[*ring, -1]]
    if len(ring) == 4:
        return [ring]
    return [ring[:4], [ring[0], *ring[3:], -1]]


def rim_of(part: Part) -> np.ndarray:
    """The ordered loop (n,) of vertices where the skin meets its cap."""
    skin = part.tags == "skin"
    corner = np.where(part.polygons < 0, part.polygons[:, :1], part.polygons)
    whole = skin[corner].all(axis=1)
    return boundary_loops(part.polygons[whole])[0]


def _cap(part: Part) -> Part:
    """Close the rim by rings towards its centre."""
    rim = boundary_loops(part.polygons)[0]
    n, count = len(part.offset), len(rim)
    mean = sparse.csr_array(np.full((count, count), 1.0 / count))
    pick = sparse.csr_array((np.ones(count), (np.arange(count), rim)), shape=(count, n))
    blocks = [(1 - f) * pick + f * (mean @ pick) for f in CAP_RINGS] + [(mean @ pick)[[0]]]
    mix = sparse.vstack([sparse.eye_array(n), *blocks], format="csr")
    rings = [rim] + [n + k * count + np.arange(count) for k in range(len(CAP_RINGS))]
    centre = n + len(CAP_RINGS) * count
    polygons = [
        np.stack([np.roll(outer, -1), outer, inner, np.roll(inner, -1)], axis=1)
        for outer, inner in zip(rings[:-1], rings[1:], strict=True)
    ]
    last = rings[-1]
    fan = np.stack([np.roll(last, -1), last, np.full(count, centre), np.full(count, -1)], axis=1)
    added = np.concatenate([*polygons, fan])
    # The cap has no place in MakeHuman's texture: all its corners share one point of the rim's.
    uv_at = part.polygon_uv[np.nonzero(part.polygons == rim[0])][0]
    return Part(
        Rows(mix @ part.rows), np.asarray(mix @ part.offset),
        np.concatenate([part.polygons, added]), part.uv,
        np.concatenate([part.polygon_uv, np.where(added < 0, -1, uv_at)]),
        np.concatenate([part.materials, np.full(len(added), "skin")]),
        np.concatenate([part.tags, np.full(centre + 1 - n, "cap")]),
    )  # fmt: skip
