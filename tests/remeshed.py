"""The open head remeshed to FLAME's layout: 5,023 vertices of which none keeps its neighbours.

Its expression basis spans the open head's own units, mixed by a random rotation so that no
coefficient is a unit, with other smooth shapes among them. What each unit must look like on it is
known exactly, because each vertex remembers where on the open head it lies.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import KDTree

from eifer.eifer_addon.heads.model import HeadModel, rodrigues
from eifer.eifer_addon.heads.parts import head_parts
from eifer.eifer_addon.heads.raster import vertex_normals
from eifer.eifer_addon.heads.transfer import with_landmarks
from eifer.eifer_addon.spaces import ARKIT_NAMES

N_VERTICES = 5023
N_IDENTITY, N_EXPRESSION = 300, 100
_JAW = 2
#: Metres as which a unit of difference between normals counts: keeps the lips apart.
_NORMAL = 0.006


@dataclass(frozen=True)
class Remeshed:
    """A head in FLAME's layout and what its units must be.

    Attributes
    ----------
    arrays : dict
        FLAME's keys, for `flame_writer.write_flame`.
    units : numpy.ndarray
        (52, 5023, 3) in m, interpolated from the open head.
    skin : numpy.ndarray
        bool (5023,).
    """

    arrays: dict[str, np.ndarray]
    units: np.ndarray
    skin: np.ndarray


def remesh(head: HeadModel, seed: int = 0, identity: np.ndarray | None = None) -> Remeshed:
    """Make it from the open head, or from another person with its units."""
    random = np.random.default_rng(seed)
    head = with_landmarks(head)
    if identity is not None:
        head = head.replace(template=head.shaped(identity).astype(np.float32))
    parts = head_parts(head, head.landmarks)
    fine = _quartered(head, parts.skin)
    eyes = np.flatnonzero(parts.eyes["left"] | parts.eyes["right"])
    count = N_VERTICES - len(eyes)
    places, faces = _clustered(fine, head, count, random)
    corners = np.concatenate([fine.corners[places], np.tile(eyes[:, None], (1, 3))])
    weights = np.concatenate([fine.weights[places], np.tile([1.0, 0, 0], (len(eyes), 1))])
    renumber = np.full(head.n_vertices, -1)
    renumber[eyes] = count + np.arange(len(eyes))
    eye_faces = renumber[head.triangles[(renumber[head.triangles] >= 0).all(axis=1)]]
    faces = np.concatenate([faces, eye_faces])
    order = random.permutation(N_VERTICES)
    back = np.argsort(order)

    def carried(values: np.ndarray) -> np.ndarray:
        """Values (V, ...) of the open head at the new vertices."""
        return np.einsum("nk,nk...->n...", weights, values[corners])[order]

    units = np.stack([carried(unit.astype(np.float64)) for unit in head.units])
    arrays = _arrays(head, carried, back[faces], units, random)
    return Remeshed(arrays, units, (np.arange(N_VERTICES) < count)[order])


@dataclass(frozen=True)
class _Fine:
    """Points of the skin, each in a triangle of the head, and triangles between them."""

    corners: np.ndarray
    weights: np.ndarray
    faces: np.ndarray


def _quartered(head: HeadModel, skin: np.ndarray) -> _Fine:
    """The skin with each triangle cut into four."""
    faces = head.triangles[skin[head.triangles].all(axis=1)]
    edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    edges, inverse = np.unique(edges, axis=0, return_inverse=True)
    used = np.unique(faces)
    number = np.full(head.n_vertices, -1)
    number[used] = np.arange(len(used))
    a, b, c = number[faces].T
    ab, bc, ca = len(used) + inverse.ravel().reshape(3, -1)
    quarters = np.concatenate([
        np.stack([a, ab, ca], 1), np.stack([ab, b, bc], 1),
        np.stack([ca, bc, c], 1), np.stack([ab, bc, ca], 1),
    ])  # fmt: skip
    corners = np.concatenate([
        np.stack([used] * 3, 1), np.column_stack([edges, edges[:, 0]])
    ])  # fmt: skip
    weights = np.concatenate([
        np.tile([1.0, 0, 0], (len(used), 1)), np.tile([0.5, 0.5, 0], (len(edges), 1))
    ])  # fmt: skip
    return _Fine(corners, weights, quarters)


def _clustered(
    fine: _Fine, head: HeadModel, count: int, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """`count` of the fine points, and triangles where three of their cells meet."""
    template = head.template.astype(np.float64)
    points = np.einsum("nk,nkc->nc", fine.weights, template[fine.corners])
    space = np.hstack([points, vertex_normals(points, fine.faces) * _NORMAL])
    # FLAME is finer in the face than on the scalp.
    density = np.where(points[:, 2] > 0.02, 3.0, 1.0)
    seeds = random.choice(len(points), count, replace=False, p=density / density.sum())
    for _ in range(6):
        cell = KDTree(space[seeds]).query(space)[1]
        total = np.zeros((count, 6))
        np.add.at(total, cell, space * density[:, None])
        mass = np.bincount(cell, density, count)
        middle = np.where(mass[:, None] > 0, total / np.maximum(mass, 1e-9)[:, None], space[seeds])
        nearest = KDTree(space).query(middle)[1]
        seeds = np.where(np.bincount(nearest, minlength=len(points))[nearest] == 1, nearest, seeds)
    assert len(np.unique(seeds)) == count
    cell = KDTree(space[seeds]).query(space)[1]
    faces = cell[fine.faces]
    a, b, c = faces.T
    faces = faces[(a != b) & (b != c) & (c != a)]
    _, first = np.unique(np.sort(faces, axis=1), axis=0, return_index=True)
    return seeds, faces[np.sort(first)]


def _arrays(head, carried, faces, units, random) -> dict[str, np.ndarray]:
    template = carried(head.template.astype(np.float64))
    weights = carried(head.weights.astype(np.float64))
    _, joints = head.forward()
    identity = np.zeros((N_VERTICES, 3, N_IDENTITY))
    own = carried(head.identity_basis.astype(np.float64))
    identity[:, :, : own.shape[2]] = own[:, :, :N_IDENTITY]
    regressor = _regressor(template, joints)
    basis = _mixed_basis(template, weights, joints, units, own, random)
    return {
        "v_template": template,
        "f": faces.astype(np.uint32),
        "shapedirs": np.concatenate([identity, basis], axis=2),
        "posedirs": np.zeros((N_VERTICES, 3, 36)),
        "J_regressor": regressor,
        "weights": weights / weights.sum(axis=1, keepdims=True),
        "kintree_table": np.array([[2**32 - 1, 0, 1, 1, 1], [0, 1, 2, 3, 4]], np.int64),
    }


def _regressor(template: np.ndarray, joints: np.ndarray) -> np.ndarray:
    """Weights near each joint, corrected as little as it takes to give the joint exactly."""
    distance = np.linalg.norm(template[None] - joints[:, None], axis=2)
    near = np.exp(-((distance / 0.04) ** 2))
    near /= near.sum(axis=1, keepdims=True)
    system = np.column_stack([template, np.ones(len(template))])
    goal = np.column_stack([joints, np.ones(5)])
    return near + (goal - near @ system) @ np.linalg.pinv(system)


def _mixed_basis(template, weights, joints, units, own, random) -> np.ndarray:
    """(V, 3, 100): the span of the units without what the jaw joint does, well mixed."""
    plain = units.copy()
    for name, angles in (
        ("jawOpen", (0.33, 0, 0)),
        ("jawLeft", (0, 0.08, 0)),
        ("jawRight", (0, -0.08, 0)),
    ):
        turn = rodrigues(np.array(angles, np.float64)) - np.eye(3)
        moved = (template - joints[_JAW]) @ turn.T * weights[:, [_JAW]]
        plain[ARKIT_NAMES.index(name)] -= moved
    _, spread, shapes = np.linalg.svd(plain.reshape(len(plain), -1), full_matrices=False)
    kept = 51
    shapes = shapes[:kept] * (spread[:kept, None] / np.sqrt(len(plain)))
    rotation = np.linalg.qr(random.normal(size=(kept, kept)))[0]
    others = np.moveaxis(own, 2, 0)[: N_EXPRESSION - kept].reshape(N_EXPRESSION - kept, -1) * 0.3
    mixed = np.concatenate([rotation @ shapes, others])
    return np.moveaxis(mixed.reshape(N_EXPRESSION, N_VERTICES, 3), 0, 2)
