"""Geometry on triangle meshes: parts, closest points, and a name for a head's shape."""

from __future__ import annotations

import hashlib

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from .model import HeadModel, SurfacePoints

#: Triangles whose centres are nearest to a point; the closest one is among them on a fair mesh.
_CANDIDATES = 24
_CHUNK = 4096


def vertex_parts(n_vertices: int, triangles: np.ndarray) -> np.ndarray:
    """int32 (V,): the connected part (skin, an eyeball, a tooth …) that each vertex belongs to."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]]])
    ones = np.ones(len(edges), np.int8)
    graph = coo_array((ones, (edges[:, 0], edges[:, 1])), shape=(n_vertices, n_vertices))
    return np.asarray(connected_components(graph, directed=False)[1], np.int32)


def closest_points(
    points: np.ndarray,
    vertices: np.ndarray,
    triangles: np.ndarray,
    allowed: np.ndarray | None = None,
    *,
    normals: tuple[np.ndarray, np.ndarray] | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Closest points on a mesh.

    Parameters
    ----------
    points : numpy.ndarray
        (n, 3) in m.
    vertices, triangles : numpy.ndarray
        (V, 3) in m and int (F, 3).
    allowed : numpy.ndarray, optional
        Indices of the triangles that may be chosen, increasing; all by default.
    normals : tuple of numpy.ndarray, optional
        Normals of the points (n, 3) and of the mesh's vertices (V, 3), both times the distance in
        m as which a unit of difference shall count.

    Returns
    -------
    triangle : numpy.ndarray
        int32 (n,).
    barycentric : numpy.ndarray
        float64 (n, 3).
    distance : numpy.ndarray
        float64 (n,) in m, without what the normals add.
    """
    allowed = np.arange(len(triangles)) if allowed is None else np.asarray(allowed)
    corners = vertices[triangles[allowed]].astype(np.float64)
    centres, queries = corners.mean(axis=1), np.asarray(points, np.float64)
    if normals is not None:
        facing = normals[1][triangles[allowed]]
        queries = np.hstack([queries, normals[0]])
        centres = np.hstack([centres, facing.mean(axis=1)])
    tree = KDTree(centres)
    count = min(_CANDIDATES, len(allowed))
    chosen = np.empty(len(points), np.int32)
    weights, distance = np.empty((len(points), 3)), np.empty(len(points))
    for start in range(0, len(points), _CHUNK):
        part = slice(start, start + _CHUNK)
        near = np.asarray(tree.query(queries[part], count)[1]).reshape(-1, count)
        query = queries[part, None, :3]
        bary = closest_on_triangles(query, corners[near])
        gap = np.linalg.norm(np.einsum("nkc,nkcx->nkx", bary, corners[near]) - query, axis=2)
        cost = gap
        if normals is not None:
            there = np.einsum("nkc,nkcx->nkx", bary, facing[near])
            cost = np.hypot(gap, np.linalg.norm(normals[0][part, None] - there, axis=2))
        best = np.argmin(cost, axis=1)
        row = np.arange(len(best))
        chosen[part] = allowed[near[row, best]]
        weights[part], distance[part] = bary[row, best], gap[row, best]
    return chosen, weights, distance


def closest_on_triangles(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Barycentric weights (..., 3) of the points of triangles (..., 3, 3) closest to (..., 3).

    The plane's foot point where it lies inside, else the closest point of the three edges.
    """
    a, b, c = corners[..., 0, :], corners[..., 1, :], corners[..., 2, :]
    ab, ac, ap = b - a, c - a, points - a
    d00, d01, d11 = _dot(ab, ab), _dot(ab, ac), _dot(ac, ac)
    d20, d21 = _dot(ap, ab), _dot(ap, ac)
    area = np.maximum(d00 * d11 - d01 * d01, 1e-30)
    v, w = (d11 * d20 - d01 * d21) / area, (d00 * d21 - d01 * d20) / area
    foot = np.stack([1 - v - w, v, w], axis=-1)
    options, gaps = [], []
    for first, second in ((0, 1), (1, 2), (2, 0)):
        start, edge = corners[..., first, :], corners[..., second, :] - corners[..., first, :]
        step = _dot(points - start, edge) / np.maximum(_dot(edge, edge), 1e-30)
        step = np.clip(step, 0, 1)
        bary = np.zeros_like(foot)
        bary[..., first], bary[..., second] = 1 - step, step
        options.append(bary)
        gap = start + step[..., None] * edge - points
        gaps.append(_dot(gap, gap))
    best = np.argmin(np.stack(gaps), axis=0)
    edges = np.take_along_axis(np.stack(options), best[None, ..., None], axis=0)[0]
    return np.where((foot >= 0).all(axis=-1, keepdims=True), foot, edges)


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.asarray(np.sum(a * b, axis=-1))


def at_surface(names: tuple[str, ...], triangle: np.ndarray, weights: np.ndarray) -> SurfacePoints:
    """Surface points with weights that are not negative and sum to one."""
    weights = np.maximum(weights, 0)
    weights = weights / weights.sum(axis=1, keepdims=True)
    return SurfacePoints(names, triangle.astype(np.int32), weights.astype(np.float32))


def head_hash(head: HeadModel, *fields: str) -> str:
    """Hexadecimal name of a head's shape (template, triangles) and of further array fields."""
    digest = hashlib.sha256()
    for name in ("template", "triangles", *fields):
        value = getattr(head, name)
        if value is not None:
            digest.update(f"{name}{value.shape}{value.dtype}".encode())
            digest.update(np.ascontiguousarray(value).tobytes())
    return digest.hexdigest()[:32]
