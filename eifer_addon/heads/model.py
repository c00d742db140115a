"""The head model: a FLAME-layout head with its NumPy forward pass.

Metres, +y up, +z forward, +x the subject's left. Joints are root, neck, jaw, left eye and
right eye, with parents -1, 0, 1, 1, 1 (Li et al., "Learning a model of facial shape and
expression from 4D scans", SIGGRAPH Asia 2017, and the code of its authors).
"""

from __future__ import annotations

import struct
import tokenize
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import EiferError
from ..files import load_npz, save_npz
from ..spaces import ARKIT_NAMES

JOINT_NAMES = ("root", "neck", "jaw", "left_eye", "right_eye")
PARENTS = (-1, 0, 1, 1, 1)
#: Four posed joints with nine entries of R - I each.
N_CORRECTIVES = 36
#: What a zip archive raises, besides the errors of reading, when its bytes were changed.
_DAMAGE = (zlib.error, struct.error, tokenize.TokenError, RuntimeError, AttributeError)
#: Frames skinned in one go: 5,023 vertices then need 40 MB in float64 besides the result.
_FRAMES_AT_ONCE = 32
_KIND = "head_model"
_VERSION = 1


@dataclass(frozen=True)
class SurfacePoints:
    """Points fixed to triangles of a head: landmarks or electrodes.

    Attributes
    ----------
    names : tuple of str
        One name per point (MediaPipe landmarks are named by their index).
    triangles : numpy.ndarray
        int32, shape (n,): index into `HeadModel.triangles`.
    barycentric : numpy.ndarray
        float32, shape (n, 3): weights of the triangle's corners, rows sum to 1.
    """

    names: tuple[str, ...]
    triangles: np.ndarray
    barycentric: np.ndarray

    def positions(self, vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
        """Positions (..., n, 3) in m on a posed head with `vertices` (..., V, 3)."""
        corners = vertices[..., faces[self.triangles], :]
        return np.einsum("...nkc,nk->...nc", corners, self.barycentric)


@dataclass(frozen=True)
class HeadModel:
    """A FLAME-layout head. Arrays are float32 unless said otherwise; lengths in metres.

    Attributes
    ----------
    name : str
        For example ``"open"`` or ``"flame2020"``; the basis part of its expression space.
    template : numpy.ndarray
        (V, 3) neutral vertices.
    triangles : numpy.ndarray
        int32 (F, 3), counter-clockwise from outside.
    identity_basis, expression_basis : numpy.ndarray
        (V, 3, n_identity) and (V, 3, n_expression), displacement in m per unit coefficient.
    joint_regressor : numpy.ndarray
        (5, V): joint positions from the shaped vertices (identity and expression).
    weights : numpy.ndarray
        (V, 5) skinning weights, rows sum to 1.
    pose_correctives : numpy.ndarray
        (V, 3, 36) displacement per entry of R - I of joints 1 to 4, row-major.
    units : numpy.ndarray or None
        (52, V, 3) displacement of each ARKit unit at 1, in `ARKIT_NAMES` order.
    polygons : numpy.ndarray or None
        int32 (P, 4) quads for display, -1 in the last column for a triangle. None: triangles.
    uv, polygon_uv : numpy.ndarray or None
        (n_uv, 2) and int32 (P, 4) indices into it.
    materials, polygon_material : tuple of str, numpy.ndarray or None
        Material names and int32 (P,) index of each polygon.
    colours : numpy.ndarray or None
        (V, 3) linear RGB base colour for display.
    landmarks : SurfacePoints or None
        The 478 MediaPipe landmarks.
    electrodes : mapping of str to SurfacePoints
        Electrode schemes ("fridlund", "kuramoto").
    info : mapping
        Source, licence, sha256 of the source file, explained variance …
    """

    name: str
    template: np.ndarray
    triangles: np.ndarray
    identity_basis: np.ndarray
    expression_basis: np.ndarray
    joint_regressor: np.ndarray
    weights: np.ndarray
    pose_correctives: np.ndarray
    units: np.ndarray | None = None
    polygons: np.ndarray | None = None
    uv: np.ndarray | None = None
    polygon_uv: np.ndarray | None = None
    materials: tuple[str, ...] = ()
    polygon_material: np.ndarray | None = None
    colours: np.ndarray | None = None
    landmarks: SurfacePoints | None = None
    electrodes: Mapping[str, SurfacePoints] = field(default_factory=dict)
    info: Mapping[str, Any] = field(default_factory=dict)

    @property
    def n_vertices(self) -> int:
        """Number of vertices."""
        return len(self.template)

    @property
    def n_identity(self) -> int:
        """Number of identity coefficients."""
        return self.identity_basis.shape[2]

    @property
    def n_expression(self) -> int:
        """Number of expression coefficients."""
        return self.expression_basis.shape[2]

    def replace(self, **changes: Any) -> HeadModel:
        """A copy with some fields changed."""
        return replace(self, **changes)

    def shaped(
        self,
        identity: np.ndarray | None = None,
        expression: np.ndarray | None = None,
        units: np.ndarray | None = None,
        dtype: type = np.float64,
    ) -> np.ndarray:
        """Unposed vertices (..., V, 3) of identity, expression and ARKit coefficients.

        Shorter coefficient vectors count as zero beyond their end.
        """
        vertices: np.ndarray = self.template.astype(dtype)
        for name, values, basis in (
            ("identity", identity, self.identity_basis),
            ("expression", expression, self.expression_basis),
            ("ARKit", units, None if self.units is None else np.moveaxis(self.units, 0, 2)),
        ):
            if values is not None:
                vertices = vertices + _blend(name, np.asarray(values, dtype), basis)
        return vertices

    def forward(
        self,
        identity: np.ndarray | None = None,
        expression: np.ndarray | None = None,
        pose: np.ndarray | None = None,
        units: np.ndarray | None = None,
        dtype: type = np.float64,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Posed vertices and joints.

        Parameters
        ----------
        identity : numpy.ndarray, optional
            (..., k) with k up to n_identity.
        expression : numpy.ndarray, optional
            (..., k) with k up to n_expression.
        pose : numpy.ndarray, optional
            (..., 5, 3) axis-angle in radians of root, neck, jaw, left eye, right eye.
        units : numpy.ndarray, optional
            (..., 52) ARKit coefficients, added as displacements before posing.
        dtype : type
            numpy.float64 (default) or numpy.float32.

        Returns
        -------
        vertices : numpy.ndarray
            (..., V, 3) in m.
        joints : numpy.ndarray
            (..., 5, 3) in m.
        """
        shaped = self.shaped(identity, expression, units, dtype)
        joints = self.joint_regressor.astype(dtype, copy=False) @ shaped
        if pose is None:
            return shaped, joints
        if np.shape(pose)[-2:] != (len(PARENTS), 3):
            raise EiferError(f"A pose has shape (..., 5, 3), not {np.shape(pose)}.")
        return self._skin(shaped, joints, rodrigues(np.asarray(pose, dtype)))

    def _skin(
        self, shaped: np.ndarray, joints: np.ndarray, rotations: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Posed vertices (..., V, 3) and joints (..., 5, 3), some frames at a time."""
        dtype = shaped.dtype
        rotation, origin = _chain(joints, rotations)
        batch = origin.shape[:-2]
        # v' = sum_j w_j (R_j (v - J_j) + p_j), gathered into one affine map (3, 4) per joint.
        offset = origin - (rotation @ joints[..., None])[..., 0]
        affine = np.concatenate([rotation, offset[..., None]], axis=-1).reshape(-1, 5, 12)
        feature = (rotations[..., 1:, :, :] - np.eye(3, dtype=dtype)).reshape(
            *rotations.shape[:-3], N_CORRECTIVES
        )
        feature = np.broadcast_to(feature, (*batch, N_CORRECTIVES)).reshape(-1, N_CORRECTIVES)
        # Views, so that one shaped head posed over many frames is not copied.
        unposed = np.broadcast_to(shaped, (*batch, *shaped.shape[-2:]))
        posed = np.empty((len(affine), *shaped.shape[-2:]), dtype)
        for start in range(0, len(affine), _FRAMES_AT_ONCE):
            part = slice(start, min(start + _FRAMES_AT_ONCE, len(affine)))
            frames = np.unravel_index(np.arange(part.start, part.stop), batch) if batch else ()
            posed[part] = self._posed(unposed[frames], feature[part], affine[part])
        return posed.reshape(*batch, *posed.shape[1:]), origin

    def _posed(self, unposed: np.ndarray, feature: np.ndarray, affine: np.ndarray) -> np.ndarray:
        """Skin n frames: (n, V, 3) or (V, 3), pose feature (n, 36), affine maps (n, 5, 12)."""
        dtype = unposed.dtype
        correctives = self.pose_correctives.reshape(-1, N_CORRECTIVES).astype(dtype, copy=False)
        weights = self.weights.astype(dtype, copy=False)
        vertices = unposed + (feature @ correctives.T).reshape(len(feature), -1, 3)
        blended = (weights @ affine).reshape(*vertices.shape[:-1], 3, 4)
        return np.einsum("nvab,nvb->nva", blended[..., :3], vertices) + blended[..., 3]

    def describe(self) -> str:
        """A few lines that a person can read."""
        size = np.ptp(self.template, axis=0) * 1000
        lines = [
            f"Head '{self.name}': {self.n_vertices} vertices, {len(self.triangles)} triangles, "
            f"{size[0]:.0f} x {size[1]:.0f} x {size[2]:.0f} mm",
            f"  {self.n_identity} identity and {self.n_expression} expression coefficients, "
            f"{'52 ARKit units' if self.units is not None else 'no ARKit units'}",
        ]
        # Lists (explained variance per component …) are for programs.
        short = {k: v for k, v in self.info.items() if not isinstance(v, (list, tuple, dict))}
        return "\n".join(lines + [f"  {key}: {value}" for key, value in short.items()])

    def save(self, path: str | Path, *, overwrite: bool = True) -> Path:
        """Write the head as a versioned ``.npz``."""
        arrays = {
            name: value for name in _ARRAY_FIELDS if (value := getattr(self, name)) is not None
        }
        points = {"landmarks": self.landmarks} if self.landmarks is not None else {}
        points |= {f"electrodes.{scheme}": value for scheme, value in self.electrodes.items()}
        for key, value in points.items():
            arrays[f"{key}.triangles"] = value.triangles
            arrays[f"{key}.barycentric"] = value.barycentric
        meta = {
            "name": self.name, "materials": list(self.materials), "info": dict(self.info),
            "points": {key: list(value.names) for key, value in points.items()},
        }  # fmt: skip
        return save_npz(path, _KIND, _VERSION, arrays, meta, overwrite=overwrite)

    @classmethod
    def load(cls, path: str | Path) -> HeadModel:
        """Read a head that :meth:`save` wrote."""
        try:
            arrays, meta, _ = load_npz(path, _KIND, _VERSION)
        except _DAMAGE as error:
            raise EiferError(
                f"{path} is damaged: its parts cannot be unpacked.", "Make the file again."
            ) from error
        try:
            points = {
                key: SurfacePoints(
                    tuple(names), arrays[f"{key}.triangles"], arrays[f"{key}.barycentric"]
                )
                for key, names in meta["points"].items()
            }
            electrodes = {
                key.partition(".")[2]: value
                for key, value in points.items()
                if key.startswith("electrodes.")
            }
            head = cls(
                name=meta["name"], materials=tuple(meta["materials"]), info=meta["info"],
                landmarks=points.get("landmarks"), electrodes=electrodes,
                **{name: arrays[name] for name in _ARRAY_FIELDS if name in arrays},
            )  # fmt: skip
        except (KeyError, TypeError, AttributeError) as error:
            raise EiferError(f"{path} lacks a part of a head model: {error}.") from error
        _check_shapes(head, path)
        return head


_ARRAY_FIELDS = (
    "template", "triangles", "identity_basis", "expression_basis", "joint_regressor", "weights",
    "pose_correctives", "units", "polygons", "uv", "polygon_uv", "polygon_material", "colours",
)  # fmt: skip


def _check_shapes(head: HeadModel, path: str | Path) -> None:
    """Refuse a damaged file before its arrays are multiplied with each other."""
    vertices, joints = len(head.template), len(PARENTS)
    for name, wanted in (
        ("template", (vertices, 3)),
        ("triangles", (len(head.triangles), 3)),
        ("identity_basis", (vertices, 3, *head.identity_basis.shape[2:3])),
        ("expression_basis", (vertices, 3, *head.expression_basis.shape[2:3])),
        ("joint_regressor", (joints, vertices)),
        ("weights", (vertices, joints)),
        ("pose_correctives", (vertices, 3, N_CORRECTIVES)),
        ("units", (len(ARKIT_NAMES), vertices, 3)),
        ("colours", (vertices, 3)),
    ):
        array = getattr(head, name)
        if array is not None and array.shape != wanted:
            raise EiferError(
                f"'{name}' of {path} has the shape {array.shape}, not {wanted}.",
                "Make the file again.",
            )


def rodrigues(axis_angle: np.ndarray) -> np.ndarray:
    """Rotation matrices (..., 3, 3) of axis-angle vectors (..., 3) in radians.

    Uses sin(x)/x and (1 - cos x)/x² with their limits at zero, so that a zero rotation is
    exactly the identity (the FLAME code adds 1e-8 to the vector instead).
    """
    square = np.sum(axis_angle**2, axis=-1)[..., None, None]
    angle = np.sqrt(square)
    safe = np.where(angle < 1e-8, 1.0, angle)
    first = np.where(angle < 1e-8, 1.0, np.sin(safe) / safe)
    second = np.where(angle < 1e-8, 0.5, 2 * (np.sin(safe / 2) / safe) ** 2)
    x, y, z = np.moveaxis(axis_angle, -1, 0)
    zero = np.zeros_like(x)
    skew = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=-1).reshape(*x.shape, 3, 3)
    identity = np.eye(3, dtype=axis_angle.dtype)
    return (identity + first * skew + second * (skew @ skew)).astype(axis_angle.dtype)


def _chain(joints: np.ndarray, rotations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """World rotations (..., 5, 3, 3) and positions (..., 5, 3) along the joint tree."""
    shape = np.broadcast_shapes(joints.shape[:-2], rotations.shape[:-3])
    world = np.empty((*shape, 5, 3, 3), rotations.dtype)
    origin = np.empty((*shape, 5, 3), rotations.dtype)
    for joint, parent in enumerate(PARENTS):
        if parent < 0:
            world[..., joint, :, :] = rotations[..., joint, :, :]
            origin[..., joint, :] = joints[..., joint, :]
            continue
        bone = joints[..., joint, :] - joints[..., parent, :]
        up = world[..., parent, :, :]
        world[..., joint, :, :] = up @ rotations[..., joint, :, :]
        origin[..., joint, :] = origin[..., parent, :] + np.einsum("...ab,...b->...a", up, bone)
    return world, origin


def _blend(name: str, values: np.ndarray, basis: np.ndarray | None) -> np.ndarray:
    """Sum of basis displacements (..., V, 3) for coefficients (..., k)."""
    if basis is None:
        raise EiferError("This head has no ARKit units.", "Load it with arkit_units=True.")
    count = values.shape[-1]
    if count > basis.shape[2]:
        what = f"{basis.shape[2]} {name} coefficients"
        raise EiferError(f"This head has {what}, but {count} were given.")
    flat = basis.reshape(-1, basis.shape[2])[:, :count].astype(values.dtype, copy=False)
    return (values @ flat.T).reshape(*values.shape[:-1], basis.shape[0], 3)
