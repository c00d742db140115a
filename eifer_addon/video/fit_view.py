"""How a fitted face lies before the camera, and how far it is from the landmarks that were seen.

Camera axes are x to the right, y up and z towards the viewer. Distances from landmarks are
measured in a plane through the face, in m, upright as the landmark network sees it: across the
line of sight, with x along the line of the eyes. There the network's error has one description
for all poses and pictures.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..heads.model import rodrigues

#: Focal length of a picture over its longer side when nothing is known: a phone or webcam.
USUAL_FOCAL = 1.0


@dataclass(frozen=True)
class Lens:
    """A camera that looks along -z: its picture in pixels and its focal length in pixels."""

    width: int
    height: int
    focal_px: float

    def rays(self, pixels: np.ndarray) -> np.ndarray:
        """Directions (..., 3) with z = -1 of continuous pixels (..., 2)."""
        x = (pixels[..., 0] - self.width / 2) / self.focal_px
        y = (self.height / 2 - pixels[..., 1]) / self.focal_px
        return np.stack([x, y, np.full_like(x, -1.0)], axis=-1)

    def project(self, points: np.ndarray) -> np.ndarray:
        """Pixels (..., 2) of points (..., 3) in camera axes."""
        scale = self.focal_px / np.maximum(-points[..., 2], 1e-3)
        return np.stack(
            [self.width / 2 + scale * points[..., 0], self.height / 2 - scale * points[..., 1]], -1
        )


@dataclass(frozen=True)
class Poses:
    """Where the head is in n frames.

    Attributes
    ----------
    rotation : numpy.ndarray
        (n, 3, 3) from head to camera axes.
    centre : numpy.ndarray
        (n, 3): where the middle of the neutral landmarks is, in m; z is negative.
    """

    rotation: np.ndarray
    centre: np.ndarray

    def __len__(self) -> int:
        return len(self.rotation)

    def __getitem__(self, rows: np.ndarray | slice) -> Poses:
        return Poses(self.rotation[rows], self.centre[rows])

    def sight(self) -> np.ndarray:
        """Axes (n, 3, 3) as columns: along the eyes, up, and towards the viewer."""
        towards = -self.centre / np.linalg.norm(self.centre, axis=1, keepdims=True)
        across = self.rotation[:, :, 0]
        across = across - np.sum(across * towards, axis=1, keepdims=True) * towards
        across = across / np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-9)
        return np.stack([across, np.cross(towards, across), towards], axis=2)

    def seen(self) -> np.ndarray:
        """The rotation (n, 3, 3) as the landmark network sees it: upright, from the viewer."""
        return np.asarray(np.swapaxes(self.sight(), 1, 2) @ self.rotation)

    def moved(self, step: np.ndarray) -> Poses:
        """After steps (n, 6): nearer (a share), right, up (m), and a turn, in axes of sight."""
        sight = self.sight()
        turn = np.einsum("nab,nb->na", sight, step[:, 3:])
        rotation = rodrigues(turn) @ self.rotation
        shift = step[:, 1:2] * sight[:, :, 0] + step[:, 2:3] * sight[:, :, 1]
        nearer = np.exp(-np.clip(step[:, :1], -0.5, 0.5))
        return replace(self, rotation=rotation, centre=self.centre * nearer + shift)

    def place(self, points: np.ndarray) -> np.ndarray:
        """Points (n, k, 3) or (k, 3), relative to the middle of the face, in camera axes."""
        return np.asarray(points @ np.swapaxes(self.rotation, 1, 2) + self.centre[:, None])


@dataclass(frozen=True)
class Gaps:
    """Landmarks beside where they were seen, in axes of sight.

    Attributes
    ----------
    offsets : numpy.ndarray
        (n, 2, k) in m: how far what was seen is from the points, along the eyes and up.
    slopes : numpy.ndarray
        (n, 2, k): how far a ray goes sideways per metre towards the viewer.
    placed : numpy.ndarray
        (n, k, 3) the points around the middle of the face.
    """

    offsets: np.ndarray
    slopes: np.ndarray
    placed: np.ndarray


def gaps(poses: Poses, points: np.ndarray, rays: np.ndarray) -> Gaps:
    """How far what was seen is from the points, in the planes across the lines of sight.

    Parameters
    ----------
    poses : Poses
    points : numpy.ndarray
        (n, k, 3) relative to the middle of the face, in head axes.
    rays : numpy.ndarray
        (n, k, 3), where the landmarks were seen.
    """
    sight = poses.sight()
    placed = points @ np.swapaxes(poses.seen(), 1, 2)
    seen = rays @ sight
    slopes = seen[..., :2] / np.minimum(seen[..., 2:], -1e-6)
    # The middle lies on the line of sight itself, so far ahead.
    depth = placed[..., 2:] - np.linalg.norm(poses.centre, axis=1)[:, None, None]
    apart = slopes * depth - placed[..., :2]
    return Gaps(np.swapaxes(apart, 1, 2), np.swapaxes(slopes, 1, 2), placed)


def pose_features(seen: np.ndarray) -> np.ndarray:
    """What the network's bias depends on, (n, 6): 1, yaw, pitch, and their second powers.

    `seen` are rotations (n, 3, 3) from :meth:`Poses.seen`; yaw is positive when the face looks to
    the right of the picture, pitch when it looks up; radians.
    """
    forward = seen[:, :, 2]
    yaw = np.clip(np.arctan2(forward[:, 0], forward[:, 2]), -1.0, 1.0)
    pitch = np.clip(np.arcsin(np.clip(forward[:, 1], -1, 1)), -0.8, 0.8)
    return np.stack([np.ones_like(yaw), yaw, pitch, yaw**2, pitch**2, yaw * pitch], axis=1)


def first_poses(points: np.ndarray, landmarks: np.ndarray, lens: Lens) -> Poses:
    """Poses that bring points (n, k, 3), or (k, 3), onto landmarks (n, k, 3) of the network.

    The network's own depth is used: similarity alignment in closed form (Umeyama 1991).
    """
    target = landmarks * (1.0, -1.0, -1.0)
    source = np.broadcast_to(points, target.shape)
    middle, centre = target.mean(axis=1, keepdims=True), source.mean(axis=1, keepdims=True)
    a, b = source - centre, target - middle
    left, values, right = np.linalg.svd(np.swapaxes(b, 1, 2) @ a)
    sign = np.sign(np.linalg.det(left @ right))
    values = values * np.stack([np.ones_like(sign)] * 2 + [sign], axis=1)
    left = left * np.stack([np.ones_like(sign)] * 2 + [sign], axis=1)[:, None, :]
    rotation = left @ right
    scale = values.sum(axis=1) / np.maximum((a**2).sum(axis=(1, 2)), 1e-12)
    depth = lens.focal_px / np.maximum(scale, 1e-6)
    ray = lens.rays(landmarks[..., :2].mean(axis=1))
    # The middle of the points is seen in the middle of the landmarks.
    turned = np.einsum("nab,nb->na", rotation, centre[:, 0])
    return Poses(rotation, ray * depth[:, None] - turned)
