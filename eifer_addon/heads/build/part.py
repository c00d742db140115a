"""A part of the head: every vertex a fixed mixture of source vertices plus an offset.

Because the mixture is linear, whatever moves the source (an identity target, a face unit)
moves the part with it: clipped rims, finer eyeballs, lashes and brows need no data of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from scipy import sparse

Rows: TypeAlias = sparse.csr_array


@dataclass(frozen=True)
class Part:
    """Geometry made of source vertices.

    Attributes
    ----------
    rows : scipy.sparse.csr_array
        (n, n_source) mixing weights; rows sum to 1.
    offset : numpy.ndarray
        (n, 3) in dm, added to the mixture in the neutral head only.
    polygons : numpy.ndarray
        (P, 4) vertex indices, -1 last for a triangle.
    uv, polygon_uv : numpy.ndarray
        (n_uv, 2) and (P, 4).
    materials : numpy.ndarray
        (P,) material names.
    tags : numpy.ndarray
        (n,) name of the piece that each vertex belongs to.
    """

    rows: Rows
    offset: np.ndarray
    polygons: np.ndarray
    uv: np.ndarray
    polygon_uv: np.ndarray
    materials: np.ndarray
    tags: np.ndarray

    def place(self, source: np.ndarray) -> np.ndarray:
        """Positions (n, 3) in dm for source vertices (n_source, 3)."""
        return np.asarray(self.rows @ source) + self.offset

    def move(self, displacement: np.ndarray) -> np.ndarray:
        """Displacements (n, 3) for source displacements (n_source, 3)."""
        return np.asarray(self.rows @ displacement)


def selection(indices: np.ndarray, n_source: int) -> Rows:
    """Rows that pick single source vertices."""
    n = len(indices)
    return Rows((np.ones(n), (np.arange(n), indices)), shape=(n, n_source))


def pick(
    source_faces: np.ndarray, source_uv: np.ndarray, uv: np.ndarray, n_source: int, material: str
) -> Part:
    """A group of the base mesh as it is, its vertices renumbered."""
    members, polygons = np.unique(source_faces, return_inverse=True)
    uv_members, polygon_uv = np.unique(source_uv, return_inverse=True)
    return Part(
        selection(members, n_source),
        np.zeros((len(members), 3)),
        polygons.reshape(source_faces.shape),
        uv[uv_members],
        polygon_uv.reshape(source_uv.shape),
        np.full(len(source_faces), material),
        np.full(len(members), material),
    )


def affine_rows(points: np.ndarray, members: np.ndarray, neutral: np.ndarray) -> Rows:
    """Rows (n, n_source) by which points follow the best affine map of some source vertices."""
    old = neutral[members]
    middle = old.mean(axis=0)
    frame = np.c_[np.ones(len(old)), old - middle]
    weights = np.c_[np.ones(len(points)), points - middle] @ np.linalg.pinv(frame)
    at = np.repeat(np.arange(len(points)), len(members))
    where = (at, np.tile(members, len(points)))
    return Rows((weights.ravel(), where), shape=(len(points), len(neutral)))


def join(parts: Sequence[Part]) -> Part:
    """Several parts as one, in order."""
    starts = np.cumsum([0] + [len(part.offset) for part in parts]).tolist()
    uv_starts = np.cumsum([0] + [len(part.uv) for part in parts]).tolist()
    return Part(
        Rows(sparse.vstack([part.rows for part in parts], format="csr")),
        np.concatenate([part.offset for part in parts]),
        np.concatenate([_shift(p.polygons, s) for p, s in zip(parts, starts, strict=False)]),
        np.concatenate([part.uv for part in parts]),
        np.concatenate([_shift(p.polygon_uv, s) for p, s in zip(parts, uv_starts, strict=False)]),
        np.concatenate([part.materials for part in parts]),
        np.concatenate([part.tags for part in parts]),
    )


def _shift(indices: np.ndarray, start: int) -> np.ndarray:
    return np.where(indices < 0, -1, indices + start)


def triangulate(polygons: np.ndarray) -> np.ndarray:
    """Triangles (F, 3) of quads and triangles (P, 4), in polygon order, fanned from corner 0."""
    fan = np.stack([polygons[:, [0, 1, 2]], polygons[:, [0, 2, 3]]], axis=1).reshape(-1, 3)
    return fan[fan.min(axis=1) >= 0]


def directed_edges(polygons: np.ndarray) -> np.ndarray:
    """Directed edges (n, 2) of quads and triangles, in order."""
    following = np.roll(polygons, -1, axis=1)
    triangle = polygons[:, 3] < 0
    following[triangle, 2] = polygons[triangle, 0]
    edges = np.stack([polygons, following], axis=2).reshape(-1, 2)
    return edges[edges.min(axis=1) >= 0]


def boundary_loops(polygons: np.ndarray) -> list[np.ndarray]:
    """Ordered vertex loops of the edges that only one polygon uses, longest first."""
    edges = directed_edges(polygons)
    known = {(int(a), int(b)) for a, b in edges}
    following = {a: b for a, b in known if (b, a) not in known}
    loops = []
    while following:
        start = min(following)
        loop, at = [start], following.pop(start)
        while at != start and at in following:
            loop.append(at)
            at = following.pop(at)
        loops.append(np.array(loop))
    return sorted(loops, key=len, reverse=True)


def subdivide(part: Part, levels: int = 1) -> Part:
    """Catmull-Clark subdivision of a quad part (Catmull and Clark 1978), boundaries kept smooth."""
    for _ in range(levels):
        part = _subdivide_once(part)
    return part


def _subdivide_once(part: Part) -> Part:
    n = len(part.offset)
    matrix, polygons = _refine(part.polygons, n, smooth=True)
    uv_matrix, polygon_uv = _refine(part.polygon_uv, len(part.uv), smooth=False)
    tag = np.concatenate([part.tags, np.full(matrix.shape[0] - n, part.tags[0])])
    return Part(
        Rows(matrix @ part.rows), np.asarray(matrix @ part.offset), polygons,
        np.asarray(uv_matrix @ part.uv), polygon_uv, np.repeat(part.materials, 4), tag,
    )  # fmt: skip


def _refine(quads: np.ndarray, n: int, *, smooth: bool) -> tuple[Rows, np.ndarray]:
    """Matrix (n + edges + faces, n) and the four quads of every quad."""
    ring = np.stack([quads, np.roll(quads, -1, axis=1)], axis=2)
    edges, inverse = np.unique(np.sort(ring.reshape(-1, 2), axis=1), axis=0, return_inverse=True)
    side = inverse.reshape(len(quads), 4)
    count = np.bincount(side.ravel(), minlength=len(edges))
    faces = _incidence(quads, n) / 4.0
    middle = _incidence(edges, n) / 2.0
    touching = _incidence(side, len(edges)).T
    edge_points, corners = middle, sparse.eye_array(n, format="csr")
    if smooth:
        inner = (count == 2).astype(float)
        both = sparse.diags_array(inner / 2.0) @ (middle + (touching @ faces) / 2.0)
        edge_points = both + sparse.diags_array(1.0 - inner) @ middle
        corners = _corners(quads, edges, n, faces, middle, inner)
    base_edge, base_face = n, n + len(edges)
    centre = base_face + np.arange(len(quads))
    back = np.roll(side, 1, axis=1)
    new = np.stack([quads, side + base_edge, np.repeat(centre[:, None], 4, 1), back + base_edge], 2)
    return Rows(sparse.vstack([corners, edge_points, faces], format="csr")), new.reshape(-1, 4)


def _corners(
    quads: np.ndarray, edges: np.ndarray, n: int, faces: Rows, middle: Rows, inner: np.ndarray
) -> Rows:
    """Where the old vertices go: the Catmull-Clark mask, cubic B-spline on boundaries."""
    vertex_face = _incidence(quads, n).T
    vertex_edge = _incidence(edges, n).T
    valence = np.asarray(vertex_edge.sum(axis=1)).ravel()
    n_faces = np.maximum(np.asarray(vertex_face.sum(axis=1)).ravel(), 1)
    outer = vertex_edge @ sparse.diags_array(1.0 - inner)
    on_rim = np.asarray(outer.sum(axis=1)).ravel() > 0
    safe = np.maximum(valence, 1)
    identity = sparse.eye_array(n, format="csr")
    interior = (
        sparse.diags_array(1.0 / (n_faces * safe)) @ (vertex_face @ faces)
        + sparse.diags_array(2.0 / safe**2) @ (vertex_edge @ middle)
        + sparse.diags_array((safe - 3.0) / safe) @ identity
    )
    rim = 0.5 * identity + 0.25 * (outer @ middle)
    keep, cut = sparse.diags_array((~on_rim).astype(float)), sparse.diags_array(on_rim * 1.0)
    return Rows(keep @ interior + cut @ rim)


def _incidence(items: np.ndarray, n: int) -> Rows:
    """Sparse (len(items), n) with ones where an item uses an index."""
    where = np.repeat(np.arange(len(items)), items.shape[1])
    return Rows((np.ones(items.size), (where, items.ravel())), shape=(len(items), n))
