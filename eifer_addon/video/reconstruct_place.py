"""Where a reconstructor's head stands before the camera of the film.

A reconstructor sees a crop and answers with a rotation and a weak-perspective camera of that crop.
The film has one camera with perspective. The crop shows the face as seen along the ray towards
it, so the head is put onto that ray, as far away as its size says, and is turned with it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...models.reconstructors.base import Decoded
from ..heads.model import HeadModel, rodrigues
from ..track import Camera
from .fit_view import Lens

#: The face is not put nearer than this or farther than that, in m, whatever its network says.
_NEAREST_M, _FARTHEST_M = 0.05, 100.0


@dataclass(frozen=True)
class HeadPoints:
    """The two points of a head that its place depends on, in its own axes in m.

    Attributes
    ----------
    root : numpy.ndarray
        (3,) the joint that the head's pose turns about.
    face : numpy.ndarray
        (3,) the middle of the landmarks, to which the size in the picture belongs.
    """

    root: np.ndarray
    face: np.ndarray

    @classmethod
    def of(cls, head: HeadModel, identity: np.ndarray | None = None) -> HeadPoints:
        """Of a head, with an identity of its basis."""
        vertices, joints = head.forward(identity)
        if head.landmarks is None:
            return cls(joints[0], joints[-2:].mean(axis=0))
        landmarks = head.landmarks.positions(vertices, head.triangles)
        return cls(joints[0], landmarks.mean(axis=0))


def placed(
    decoded: Decoded,
    crops: np.ndarray,
    lens: Lens,
    points: HeadPoints,
    *,
    turns_about_root: bool,
) -> tuple[np.ndarray, Camera | None]:
    """Head poses and the camera they belong to.

    Parameters
    ----------
    decoded : Decoded
        Of n frames.
    crops : numpy.ndarray
        (n, 2, 3), the similarities that took the picture to each frame's crop.
    lens : Lens
        Of the film, see `fit_person.first_lens`.
    points : HeadPoints
    turns_about_root : bool
        Whether the reconstructor turns the head about its root; else what was decoded is the
        place of the middle of the face.

    Returns
    -------
    head_pose : numpy.ndarray
        float32 (n, 6) by the convention of `Camera`; frames whose camera makes no sense have the
        place of the others.
    camera : Camera or None
        None when no frame has a place.
    """
    turn = np.arctan2(crops[:, 1, 0], crops[:, 0, 0])
    upright = rodrigues(np.outer(turn, [0.0, 0.0, 1.0]))
    rotation = upright @ rodrigues(decoded.rotation)
    # The middle of the face in the axes of the crop, and where the crop's camera sees it.
    face = rodrigues(decoded.rotation) @ (points.face - points.root) + points.root
    from_origin = face if turns_about_root else np.zeros_like(face)
    seen = decoded.origin + decoded.scale[:, None] * from_origin[:, :2] * (1, -1)
    pixels = _back(crops, seen)
    per_m = decoded.scale / np.sqrt(np.abs(np.linalg.det(crops[:, :, :2])))
    possible = np.isfinite(pixels).all(axis=1) & (per_m > lens.focal_px / _FARTHEST_M)
    possible &= per_m < lens.focal_px / _NEAREST_M
    depth = lens.focal_px / np.where(possible, per_m, 1.0)
    rays = lens.rays(np.where(possible[:, None], pixels, 0.0))
    turned = _towards(np.where(possible[:, None], rays, [0.0, 0.0, -1.0])) @ rotation
    # Where the rest pose's origin would have to be: the face's place less what the turn moves.
    origin = rays * depth[:, None] - (turned @ (points.face - points.root) + points.root)
    if not possible.any():
        return _poses(turned, np.zeros_like(origin)), None
    rest = np.median(origin[possible], axis=0)
    place = (float(rest[0]), float(rest[1]), float(rest[2]))
    moved = np.where(possible[:, None], origin - rest, 0.0)
    return _poses(turned, moved), Camera(lens.width, lens.height, lens.focal_px, place)


def _back(crops: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """Pixels of the picture (n, 2) of pixels of the crops."""
    linear, shift = crops[:, :, :2], crops[:, :, 2]
    return np.linalg.solve(linear, (pixels - shift)[..., None])[..., 0]


def _towards(rays: np.ndarray) -> np.ndarray:
    """The least rotations (n, 3, 3) that take the camera's axis, -z, to rays (n, 3)."""
    along = rays / np.linalg.norm(rays, axis=1, keepdims=True)
    axis = np.cross([0.0, 0.0, -1.0], along)
    sine = np.linalg.norm(axis, axis=1, keepdims=True)
    angle = np.arctan2(sine, -along[:, 2:])
    return rodrigues(axis * angle / np.maximum(sine, 1e-12))


def _poses(rotation: np.ndarray, moved: np.ndarray) -> np.ndarray:
    from scipy.spatial.transform import Rotation

    turned = Rotation.from_matrix(rotation).as_rotvec()
    return np.concatenate([turned, moved], axis=1).astype(np.float32)
