"""A part of a head's surface as a finer mesh of the same shape.

What is painted on vertices is as coarse as they are. The finer mesh lies on the head's own
triangles, each of its vertices between three of the head's, so that it follows every movement.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array, identity, vstack

from .model import HeadModel

#: Edges are halved so often at most.
_ROUNDS = 8
#: An edge beside the rim may be so long, in parts of the rim's edge.
_RIM = 0.9


@dataclass(frozen=True)
class Patch:
    """A finer mesh on a part of a head.

    Attributes
    ----------
    vertices : numpy.ndarray
        float64 (n, 3) in m, on the neutral head.
    triangles : numpy.ndarray
        int32 (f, 3).
    corners : numpy.ndarray
        int32 (n, 3): the vertices of the head that carry each vertex.
    shares : numpy.ndarray
        float64 (n, 3), which sum to 1.
    parents : numpy.ndarray
        int32 (f,): the triangle of the head in which each triangle lies.
    """

    vertices: np.ndarray
    triangles: np.ndarray
    corners: np.ndarray
    shares: np.ndarray
    parents: np.ndarray

    def as_head(self, head: HeadModel) -> HeadModel:
        """The patch alone as a head without bases, joints or landmarks."""
        n = len(self.vertices)
        return head.replace(
            template=self.vertices, triangles=self.triangles, units=None, polygons=None, uv=None,
            polygon_uv=None, materials=(), polygon_material=None, colours=None, landmarks=None,
            electrodes={}, identity_basis=np.zeros((n, 3, 0)), expression_basis=np.zeros((n, 3, 0)),
            joint_regressor=np.zeros((5, n)), weights=np.zeros((n, 5)),
            pose_correctives=np.zeros((n, 3, 36)),
        )  # fmt: skip

    def within_parents(self, triangles: np.ndarray) -> np.ndarray:
        """Where each triangle's corners lie in its parent among the head's (F, 3).

        float64 (f, 3, 3), rows sum to 1.
        """
        wanted = triangles[self.parents]
        carried, shares = self.corners[self.triangles], self.shares[self.triangles]
        same = carried[:, :, :, None] == wanted[:, None, None, :]
        return np.asarray(np.einsum("fcks,fck->fcs", same, shares))


def refined(head: HeadModel, chosen: np.ndarray, longest_m: float) -> Patch:
    """Halve the edges of some triangles until none is longer than wanted.

    Edges on the rim of the chosen triangles stay whole, so that the finer part closes up with
    the rest of the head.

    Parameters
    ----------
    head : HeadModel
    chosen : numpy.ndarray
        Indices of the triangles.
    longest_m : float
        In m; infinite leaves the triangles as they are.

    Returns
    -------
    Patch
    """
    used, local = np.unique(head.triangles[chosen], return_inverse=True)
    triangles = local.reshape(-1, 3).astype(np.int64)
    parents = np.asarray(chosen, np.int64)
    blend = csr_array(identity(len(used), format="csr"))
    template = head.template[used].astype(np.float64)
    for _ in range(_ROUNDS):
        vertices = np.asarray(blend @ template)
        edges, split = _long_edges(vertices, triangles, longest_m)
        if not len(edges):
            break
        halves = csr_array((blend[edges[:, 0]] + blend[edges[:, 1]]) * 0.5)
        blend = csr_array(vstack([blend, halves]))
        triangles, parents = _divided(triangles, parents, split)
    corners, shares = _three_of(blend)
    return Patch(
        np.asarray(blend @ template), triangles.astype(np.int32), used[corners].astype(np.int32),
        shares, parents.astype(np.int32),
    )  # fmt: skip


def _long_edges(
    vertices: np.ndarray, triangles: np.ndarray, longest_m: float
) -> tuple[np.ndarray, np.ndarray]:
    """Edges (e, 2) to be halved, and per triangle's edge the new vertex or -1, (f, 3)."""
    sides = np.stack([triangles, np.roll(triangles, -1, axis=1)], axis=2).reshape(-1, 2)
    edges, which, count = np.unique(
        np.sort(sides, axis=1), axis=0, return_inverse=True, return_counts=True
    )
    length = np.linalg.norm(vertices[edges[:, 0]] - vertices[edges[:, 1]], axis=1)
    # Beside a long edge of the rim, which stays, shorter ones would be halved for ever.
    on_rim = np.where(count == 2, 0.0, length)[which.reshape(-1)].reshape(-1, 3).max(axis=1)
    allowed = np.full(len(edges), longest_m)
    np.maximum.at(allowed, which.reshape(-1), np.repeat(_RIM * on_rim, 3))
    is_long = (length > allowed) & (count == 2)
    number = np.full(len(edges), -1)
    number[is_long] = len(vertices) + np.arange(is_long.sum())
    return edges[is_long], number[which.reshape(-1)].reshape(-1, 3)


def _divided(
    triangles: np.ndarray, parents: np.ndarray, split: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Triangles in one to four, by which of their edges have a new vertex."""
    halved = split >= 0
    count = halved.sum(axis=1)
    # Turned so that with one the first edge is halved, with two all but the last.
    first = np.where(count == 2, (np.argmin(halved, axis=1) + 1) % 3, np.argmax(halved, axis=1))
    turn = (np.arange(3) + first[:, None]) % 3
    a, b, c = np.take_along_axis(triangles, turn, axis=1).T
    m, n, o = np.take_along_axis(split, turn, axis=1).T
    patterns = {
        0: ((a, b, c),),
        1: ((a, m, c), (m, b, c)),
        2: ((m, b, n), (a, m, n), (a, n, c)),
        3: ((a, m, o), (m, b, n), (o, n, c), (m, n, o)),
    }
    made, origin = [], []
    for number, corners in patterns.items():
        rows = count == number
        for corner in corners:
            made.append(np.stack(corner, axis=1)[rows])
            origin.append(parents[rows])
    return np.concatenate(made), np.concatenate(origin)


def _three_of(blend: csr_array) -> tuple[np.ndarray, np.ndarray]:
    """Columns and values (n, 3) of rows with at most three entries, filled up with zeros."""
    count = np.diff(blend.indptr)
    row = np.repeat(np.arange(len(count)), count)
    place = np.arange(len(row)) - blend.indptr[row]
    corners = np.repeat(blend.indices[blend.indptr[:-1]][:, None], 3, axis=1)
    shares = np.zeros((len(count), 3))
    corners[row, place], shares[row, place] = blend.indices, blend.data
    return corners, shares
