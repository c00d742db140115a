"""Dense correspondence: which place of one head answers to each vertex of another.

Landmarks on both heads are brought together by a smooth warp; then the surfaces are drawn onto
one another where they lie close and face the same way (non-rigid iterative closest points, after
Amberg, Romdhani and Vetter, "Optimal step nonrigid ICP algorithms for surface registration",
CVPR 2007, with a biharmonic warp in place of per-vertex affine maps).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .canonical import N_FACE
from .landmarks import find_bare_landmarks, find_landmarks
from .model import HeadModel, SurfacePoints
from .parts import Parts, head_parts
from .raster import vertex_normals
from .surface import closest_points
from .warp import Warp

#: Metres within which surfaces attract each other, round by round.
_REACHES = (0.012, 0.008, 0.005)
_N_CONTROLS = 800
_LANDMARK_SMOOTHING, _SURFACE_SMOOTHING = 0.03, 0.01
_MIN_COSINE = 0.5
#: Metres that surfaces which face opposite ways count as further apart.
_NORMAL_PENALTY = 0.008
#: A vertex this far from its answer is trusted 1/e.
_TRUST_DISTANCE = 0.008


@dataclass(frozen=True)
class Correspondence:
    """For each vertex of the target a place on the source.

    Attributes
    ----------
    triangles : numpy.ndarray
        int32 (V_target,), triangles of the source.
    barycentric : numpy.ndarray
        float64 (V_target, 3).
    confidence : numpy.ndarray
        float64 (V_target,) in [0, 1]: near, and facing the same way.
    jacobian : numpy.ndarray
        float64 (V_source, 3, 3): how displacements turn and stretch on their way to the target.
    source_parts, target_parts : Parts
        Skin, eyes, mouth and hairs of both.
    source_landmarks, target_landmarks : SurfacePoints
        The landmarks that were used.
    """

    triangles: np.ndarray
    barycentric: np.ndarray
    confidence: np.ndarray
    jacobian: np.ndarray
    source_parts: Parts
    target_parts: Parts
    source_landmarks: SurfacePoints
    target_landmarks: SurfacePoints

    def carry(self, displacements: np.ndarray, faces: np.ndarray) -> np.ndarray:
        """Displacements (..., V_source, 3) at the target's vertices, (..., V_target, 3).

        `faces` are the source's triangles.
        """
        moved = np.einsum("vab,...vb->...va", self.jacobian, displacements)
        corners = faces[self.triangles]
        terms = (moved[..., corners[:, k], :] * self.barycentric[:, k, None] for k in range(3))
        return np.asarray(sum(terms))


@dataclass
class _Side:
    """One of the two heads while they are brought together."""

    head: HeadModel
    landmarks: SurfacePoints
    points: np.ndarray
    marks: np.ndarray
    parts: Parts

    @classmethod
    def of(cls, head: HeadModel, bare: bool) -> _Side:
        landmarks = find_bare_landmarks(head) if bare else head.landmarks or find_landmarks(head)
        points = head.template.astype(np.float64)
        marks = landmarks.positions(points, head.triangles)[:N_FACE]
        return cls(head, landmarks, points, marks, head_parts(head, landmarks))

    def of_part(self, inside: np.ndarray) -> np.ndarray:
        """Triangles whose corners are all among the chosen vertices."""
        return np.flatnonzero(inside[self.head.triangles].all(axis=1))


def correspond(source: HeadModel, target: HeadModel) -> Correspondence:
    """Find for each vertex of `target` the place of `source` that answers to it.

    Parameters
    ----------
    source, target : HeadModel
        Heads with a human face; their landmarks are found when they have none, and anew on
        both when one of them has no colours.

    Returns
    -------
    Correspondence
        The skin answers to skin, an eyeball to the eyeball of its side, the rest to what is
        nearest after the warp.
    """
    bare = source.colours is None or target.colours is None
    a, b = _Side.of(source, bare), _Side.of(target, bare)
    warp = _bend(a, b)
    warped = warp(a.points)
    triangle = np.zeros(len(b.points), np.int32)
    weights = np.tile([1.0, 0.0, 0.0], (len(b.points), 1))
    confidence = np.zeros(len(b.points))
    inner = a.parts.skin | a.parts.inner
    for here, there, normals in (
        (b.parts.skin | b.parts.hair, a.parts.skin, True),
        (b.parts.inner, inner, False),
        (b.parts.eyes["left"], a.parts.eyes["left"], False),
        (b.parts.eyes["right"], a.parts.eyes["right"], False),
    ):
        allowed = a.of_part(there)
        if here.any() and len(allowed):
            rows = np.flatnonzero(here)
            triangle[rows], weights[rows], confidence[rows] = _answers(
                warped, a.head.triangles, allowed, b, rows, normals
            )
    return Correspondence(
        triangle, weights, confidence, warp.jacobian(a.points), a.parts, b.parts,
        a.landmarks, b.landmarks,
    )  # fmt: skip


def _bend(a: _Side, b: _Side) -> Warp:
    """The warp from source to target: landmarks first, then also pairs of close surface points."""
    warp = Warp(a.marks, b.marks, _LANDMARK_SMOOTHING)
    skin = a.of_part(a.parts.skin)
    rows = _spread(b.points, np.flatnonzero(b.parts.skin), _N_CONTROLS)
    for reach in _REACHES:
        warped = warp(a.points)
        triangle, weights, distance, cosine = _closest_facing(
            warped, a.head.triangles, skin, b, rows
        )
        close = (distance < reach) & (cosine > _MIN_COSINE)
        pairs = a.points[a.head.triangles[triangle[close]]]
        sources = np.concatenate([a.marks, np.einsum("nk,nkc->nc", weights[close], pairs)])
        targets = np.concatenate([b.marks, b.points[rows[close]]])
        sources, first = np.unique(sources.round(6), axis=0, return_index=True)
        smoothing = np.where(first < N_FACE, _LANDMARK_SMOOTHING, _SURFACE_SMOOTHING)
        warp = Warp(sources, targets[first], smoothing, warp.base)
    return warp


def _spread(points: np.ndarray, rows: np.ndarray, count: int) -> np.ndarray:
    """About `count` of the rows, one in each occupied cell of a grid."""
    low, size = points[rows].min(axis=0), np.ptp(points[rows], axis=0).max()
    cells, chosen = 8, rows
    while True:
        grid = np.floor((points[rows] - low) / size * cells).astype(int)
        picked = rows[np.unique(grid, axis=0, return_index=True)[1]]
        if len(picked) > count or len(picked) == len(chosen):
            return chosen if len(chosen) <= count else picked
        cells, chosen = cells + 4, picked


def _closest_facing(
    warped: np.ndarray, faces: np.ndarray, allowed: np.ndarray, b: _Side, rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Closest places of the warped source to target vertices that face as they do.

    Place and normal are searched together: vertices are shifted in six dimensions, where the
    normal counts as `_NORMAL_PENALTY` metres.
    """
    here = vertex_normals(b.points, b.head.triangles)[rows]
    there = vertex_normals(warped, faces)
    triangle, weights, distance = closest_points(
        b.points[rows], warped, faces, allowed,
        normals=(here * _NORMAL_PENALTY, there * _NORMAL_PENALTY),
    )  # fmt: skip
    found = np.einsum("nk,nkc->nc", weights, there[faces[triangle]])
    length = np.maximum(np.linalg.norm(found, axis=1), 1e-12)
    return triangle, weights, distance, np.sum(found * here, axis=1) / length


def _answers(
    warped: np.ndarray,
    faces: np.ndarray,
    allowed: np.ndarray,
    b: _Side,
    rows: np.ndarray,
    normals: bool,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Triangle, weights and confidence of target vertices."""
    if normals:
        triangle, weights, distance, cosine = _closest_facing(warped, faces, allowed, b, rows)
    else:
        triangle, weights, distance = closest_points(b.points[rows], warped, faces, allowed)
        cosine = np.ones(len(rows))
    trust = np.exp(-((distance / _TRUST_DISTANCE) ** 2)) * np.clip(cosine * 2, 0, 1)
    return triangle, weights, trust
