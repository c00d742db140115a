"""FLAME's forward pass in torch, with gradients, of any head model, and the part that is drawn.

The same as `HeadModel.forward` (the tests compare the two), for the vertices that are asked for.
Nothing of the head goes into a checkpoint: a FLAME file is its user's.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ....eifer_addon.heads.head_file import load_head_file
from ....eifer_addon.heads.landmarks import find_landmarks
from ....eifer_addon.heads.model import N_CORRECTIVES, PARENTS, HeadModel
from ....eifer_addon.heads.open_head import load_open_head
from ....eifer_addon.heads.raster import vertex_normals
from ....eifer_addon.heads.surface import vertex_parts
from ....eifer_addon.heads.transfer import transfer_units
from ....eifer_addon.spaces import ARKIT_NAMES

#: MediaPipe's contour of the face, in order.
OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152,
    148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
#: Of the 478 points, those of the two irises.
_IRISES = (slice(468, 473), slice(473, 478))
_N_FACE = 468
#: Below this squared angle in rad², series take the place of sin(x)/x.
_SMALL = 1e-6
_LIDS = ("eyeBlinkLeft", "eyeBlinkRight")


@dataclass(frozen=True)
class FaceMesh:
    """The part of a head that is drawn, with vertices counted within the part.

    Attributes
    ----------
    vertices : numpy.ndarray
        int64 (n,), which of the head's vertices they are.
    triangles : numpy.ndarray
        int64 (f, 3): skin within the face's contour, and the eyeballs.
    landmark_corners : numpy.ndarray
        int64 (478, 3): the vertices between which each landmark of MediaPipe lies.
    landmark_weights : numpy.ndarray
        float32 (478, 3).
    """

    vertices: np.ndarray
    triangles: np.ndarray
    landmark_corners: np.ndarray
    landmark_weights: np.ndarray


def training_head(path: str | Path | None) -> HeadModel:
    """The user's FLAME with lids carried over from the open head, or the open head itself.

    Parameters
    ----------
    path : path-like or None
        A FLAME file, or a head that EIFER saved.

    Raises
    ------
    EiferError
        When the file is none, or no face is found on it.
    """
    if path is None:
        return load_open_head()
    head = load_head_file(path)
    if head.landmarks is None:
        head = head.replace(landmarks=find_landmarks(head))
    if head.units is None:
        head = head.replace(units=transfer_units(head, load_open_head()).astype(np.float32))
    return head


def face_mesh(head: HeadModel) -> FaceMesh:
    """The face of a head: what SMIRK draws, for a head of any mesh.

    Raises
    ------
    EiferError
        When no face is found on a head that brings no landmarks.
    """
    points = head.landmarks or find_landmarks(head)
    triangles = _drawn(head, points.positions(head.template, head.triangles), points.triangles)
    corners = head.triangles[points.triangles]
    kept = np.unique(np.concatenate([triangles.ravel(), corners.ravel()]))
    place = np.full(head.n_vertices, -1, np.int64)
    place[kept] = np.arange(len(kept))
    return FaceMesh(
        kept.astype(np.int64), place[triangles], place[corners],
        points.barycentric.astype(np.float32),
    )  # fmt: skip


def _drawn(head: HeadModel, points: np.ndarray, landmark_triangles: np.ndarray) -> np.ndarray:
    """Triangles (f, 3) of the face's skin and of the eyeballs."""
    part = vertex_parts(head.n_vertices, head.triangles)
    of_landmark = part[head.triangles[landmark_triangles, 0]]
    skin = np.bincount(of_landmark[:_N_FACE]).argmax()
    contour = points[list(OVAL), :2]
    ahead = vertex_normals(head.template, head.triangles)[:, 2] > 0
    behind = head.template[:, 2] < points[list(OVAL), 2].min()
    inside = in_polygon(head.template[:, :2], contour) & ahead & ~behind & (part == skin)
    for irises in _IRISES:
        ball = np.bincount(of_landmark[irises]).argmax()
        inside |= (part == ball) & (ball != skin) & ahead
    return np.asarray(head.triangles[inside[head.triangles].all(axis=1)], np.int64)


def in_polygon(points: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    """Whether points (n, 2) lie in a polygon (m, 2), by counting crossings."""
    inside = np.zeros(len(points), bool)
    for a, b in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        cuts = (a[1] > points[:, 1]) != (b[1] > points[:, 1])
        rise = b[1] - a[1] if b[1] != a[1] else 1e-12
        inside ^= cuts & (points[:, 0] < (b[0] - a[0]) * (points[:, 1] - a[1]) / rise + a[0])
    return inside


class FlameLayer(nn.Module):
    """A head model as a differentiable function of its coefficients.

    Parameters
    ----------
    head : HeadModel
        The user's FLAME, or the open head with its own bases. A lid closes by the head's ARKit
        unit where the head has units; SMIRK's lids lie in no FLAME file.
    vertices : numpy.ndarray, optional
        int (n,), the vertices that are wanted; all by default.
    """

    def __init__(self, head: HeadModel, vertices: np.ndarray | None = None) -> None:
        super().__init__()
        kept = np.arange(head.n_vertices) if vertices is None else np.asarray(vertices)
        regressor = head.joint_regressor.astype(np.float64)
        bases = np.concatenate([head.identity_basis, head.expression_basis, _lids(head)], axis=2)
        joints = regressor @ head.template
        along = np.einsum("jv,vck->jck", regressor, bases.astype(np.float64))
        for name, array in (
            ("template", head.template[kept]), ("bases", bases[kept]), ("joints", joints),
            ("joint_bases", along), ("weights", head.weights[kept]),
            ("correctives", head.pose_correctives[kept]),
        ):  # fmt: skip
            value = torch.from_numpy(np.ascontiguousarray(array, np.float32))
            self.register_buffer(name, value, persistent=False)
        self.n_identity, self.n_expression = head.n_identity, head.n_expression
        #: Whose coefficients these are, as expression spaces name it.
        self.basis = head.name

    def forward(
        self, identity: Tensor, expression: Tensor, pose: Tensor, lids: Tensor | None = None
    ) -> Tensor:
        """Posed vertices (B, n, 3) in m.

        Parameters
        ----------
        identity, expression : torch.Tensor
            (B, k); coefficients beyond the head's own bases count for nothing, missing ones as 0.
        pose : torch.Tensor
            (B, 5, 3) axis-angle in radians of root, neck, jaw, left eye, right eye.
        lids : torch.Tensor, optional
            (B, 2), how far the left and the right eye are closed, 0 to 1.
        """
        if lids is None:
            lids = pose.new_zeros(pose.shape[0], len(_LIDS))
        row = torch.cat(
            [_fitted(identity, self.n_identity), _fitted(expression, self.n_expression), lids], 1
        )
        shaped = self.template + torch.einsum("bk,vck->bvc", row, self.bases)
        joints = self.joints + torch.einsum("bk,jck->bjc", row, self.joint_bases)
        rotation = rotations(pose)
        feature = rotation[:, 1:] - torch.eye(3, dtype=pose.dtype, device=pose.device)
        feature = feature.reshape(-1, N_CORRECTIVES)
        shaped = shaped + torch.einsum("bk,vck->bvc", feature, self.correctives)
        world, origin = _chain(joints, rotation)
        offset = origin - (world @ joints[..., None])[..., 0]
        affine = torch.cat([world, offset[..., None]], dim=-1)
        blended = torch.einsum("vj,bjrc->bvrc", self.weights, affine)
        return (blended[..., :3] @ shaped[..., None])[..., 0] + blended[..., 3]


def _lids(head: HeadModel) -> np.ndarray:
    """Displacements (V, 3, 2) of the left and the right lid at 1."""
    if head.units is None:
        return np.zeros((head.n_vertices, 3, len(_LIDS)), np.float32)
    return np.stack([head.units[ARKIT_NAMES.index(name)] for name in _LIDS], axis=2)


def _fitted(values: Tensor, wanted: int) -> Tensor:
    """Coefficients cut or filled with zeros to a basis' own number."""
    values = values[:, :wanted]
    missing = wanted - values.shape[1]
    return torch.cat([values, values.new_zeros(values.shape[0], missing)], 1) if missing else values


def rotations(axis_angle: Tensor) -> Tensor:
    """Rotation matrices (..., 3, 3) of axis-angle vectors (..., 3), with gradients at zero too."""
    square = (axis_angle**2).sum(-1)[..., None, None]
    is_small = square < _SMALL
    angle = torch.where(is_small, torch.ones_like(square), square).sqrt()
    first = torch.where(is_small, 1 - square / 6, angle.sin() / angle)
    second = torch.where(is_small, 0.5 - square / 24, 2 * ((angle / 2).sin() / angle) ** 2)
    x, y, z = axis_angle.unbind(-1)
    zero = torch.zeros_like(x)
    skew = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1)
    skew = skew.reshape(*axis_angle.shape[:-1], 3, 3)
    identity = torch.eye(3, dtype=axis_angle.dtype, device=axis_angle.device)
    return identity + first * skew + second * (skew @ skew)


def _chain(joints: Tensor, rotation: Tensor) -> tuple[Tensor, Tensor]:
    """World rotations (B, 5, 3, 3) and positions (B, 5, 3) along the joint tree."""
    world: list[Tensor] = []
    origin: list[Tensor] = []
    for joint, parent in enumerate(PARENTS):
        if parent < 0:
            world.append(rotation[:, joint])
            origin.append(joints[:, joint])
            continue
        bone = (joints[:, joint] - joints[:, parent])[..., None]
        world.append(world[parent] @ rotation[:, joint])
        origin.append(origin[parent] + (world[parent] @ bone)[..., 0])
    return torch.stack(world, dim=1), torch.stack(origin, dim=1)
