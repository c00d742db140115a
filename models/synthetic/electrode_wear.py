"""An outfit in a picture: where its electrodes, cables and tape are seen, and in what light.

The same for a portrait, of which only the landmarks are known, and for a rendered head: both give
places and normals of the electrodes and the 468 landmarks in some axes, and a view onto them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ...eifer_addon.heads.canonical import N_FACE, canonical_face
from ...eifer_addon.heads.raster import vertex_normals
from .cable_routes import spline_basis
from .electrode_outfit import Outfit

#: An electrode is seen while its normal comes towards the viewer by more than this cosine.
MIN_FACING = 0.10
#: sRGB at which lit skin is taken to stand in usual light.
_USUAL = 0.62


class View(Protocol):
    """A camera, perspective or not."""

    def project(self, points: np.ndarray) -> np.ndarray:
        """Pixel x, pixel y (downwards) and depth (..., 3) of points (..., 3)."""
        ...

    def towards(self, points: np.ndarray) -> np.ndarray:
        """Unit vectors (..., 3) from points to the viewer."""
        ...

    def turned(self, direction: np.ndarray) -> np.ndarray:
        """A direction (..., 3) as right, down and to the viewer."""
        ...


class FlatView:
    """A portrait: x, minus y and minus z of the landmarks, in pixels, seen without perspective."""

    def project(self, points: np.ndarray) -> np.ndarray:
        """Pixel x, pixel y and depth (..., 3), in pixels."""
        return np.asarray(points * (1, -1, -1))

    def towards(self, points: np.ndarray) -> np.ndarray:
        """The viewer is in front of all of them."""
        return np.broadcast_to(np.array([0.0, 0, 1]), points.shape)

    def turned(self, direction: np.ndarray) -> np.ndarray:
        """Right, down and to the viewer."""
        return np.asarray(direction * (1, -1, 1))


@dataclass(frozen=True)
class Worn:
    """An outfit as a picture shows it.

    Attributes
    ----------
    centres : numpy.ndarray
        (n, 2) pixels, y downwards.
    axes : numpy.ndarray
        (n, 2, 2) pixels per cm on the skin, to the side and upwards.
    visible : numpy.ndarray
        bool (n,): faces the viewer.
    depth : numpy.ndarray
        (n,) in the view's unit.
    cables : numpy.ndarray
        (n, 56, 3) pixel x, pixel y, depth.
    per_cm : float
        Pixels per cm at the face.
    light : numpy.ndarray
        (n, 3) how brightly each electrode is lit, RGB, 1 for usual light.
    direction : numpy.ndarray
        (3,) towards the light: right, down, to the viewer.
    unit_cm : float
        Units of depth per cm.
    """

    centres: np.ndarray
    axes: np.ndarray
    visible: np.ndarray
    depth: np.ndarray
    cables: np.ndarray
    per_cm: float
    light: np.ndarray
    direction: np.ndarray
    unit_cm: float


def wear(
    outfit: Outfit,
    centre: np.ndarray,
    normal: np.ndarray,
    face: np.ndarray,
    view: View,
    light: np.ndarray,
    direction: np.ndarray,
) -> Worn:
    """See an outfit on a face.

    Parameters
    ----------
    outfit : Outfit
    centre, normal : numpy.ndarray
        (n, 3) of the electrodes in any axes (y upwards when the head is upright); unit normals.
    face : numpy.ndarray
        (468, 3) landmarks in the same axes.
    view : View
    light : numpy.ndarray
        (n, 3) as in `Worn`.
    direction : numpy.ndarray
        (3,) towards the light in the same axes.
    """
    scale, turn, shift = similarity(canonical_face()[0], face)
    upwards = turn @ np.array([0.0, 1.0, 0.0])
    across = np.cross(upwards, normal)
    across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-9)
    up = np.cross(normal, across)
    screen = view.project(centre)
    axes = np.stack(
        [view.project(centre + scale * way)[:, :2] - screen[:, :2] for way in (across, up)], axis=1
    )
    routes = outfit.routes @ turn.T * scale + shift
    # What the face has beyond the canonical one is worn off along the cable's first half.
    beside = centre + 0.15 * scale * normal - routes[:, 0]
    routes += beside[:, None] * np.array([1.0, 0.95, 0.7, 0.35, 0, 0, 0])[:, None]
    facing = np.sum(normal * view.towards(centre), axis=1)
    ahead = view.project(face[1:2] + scale * np.eye(3))[:, :2] - view.project(face[1:2])[:, :2]
    return Worn(
        screen[:, :2], axes, facing > MIN_FACING, screen[:, 2],
        view.project(spline_basis() @ routes), float(np.sqrt(np.sum(ahead**2) / 2)),
        light, view.turned(direction), scale,
    )  # fmt: skip


def similarity(source: np.ndarray, target: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Scale, rotation (3, 3) and shift (3,) that bring points (n, 3) nearest to others.

    Umeyama, "Least-squares estimation of transformation parameters between two point patterns",
    PAMI 1991.
    """
    mean_from, mean_to = source.mean(axis=0), target.mean(axis=0)
    one, two = source - mean_from, target - mean_to
    left, values, right = np.linalg.svd(two.T @ one)
    flip = np.array([1.0, 1.0, np.sign(np.linalg.det(left @ right))])
    turn = (left * flip) @ right
    scale = float((values * flip).sum() / np.sum(one**2))
    return scale, turn, mean_to - scale * turn @ mean_from


def wear_on_portrait(outfit: Outfit, image: np.ndarray, landmarks: np.ndarray) -> Worn:
    """See an outfit on a face of which only the picture and the landmarks are known.

    Parameters
    ----------
    outfit : Outfit
    image : numpy.ndarray
        uint8 RGB (H, W, 3), from which the light is guessed.
    landmarks : numpy.ndarray
        (478, 3) as in `landmarker.Face`: pixels, y downwards, z smaller is nearer.
    """
    _, triangles = canonical_face()
    face = landmarks[:N_FACE].astype(np.float64) * (1, -1, -1)
    normals = vertex_normals(face, triangles)
    centre = outfit.place.positions(face, triangles)
    normal = outfit.place.positions(normals, triangles)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
    light, direction = _guess_light(image, landmarks, normals, normal)
    return wear(outfit, centre, normal, face, FlatView(), light, direction)


def _guess_light(
    image: np.ndarray, landmarks: np.ndarray, normals: np.ndarray, at: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Light (n, 3) at normals (n, 3), and its direction (3,), from how a face's skin is shaded.

    Brightness of the skin at the landmarks is taken to be linear in the normal (Lambert's law); the
    reflectance cannot be told from the light, so that darker skin counts half as less light.
    """
    rows, columns = image.shape[:2]
    x = np.clip(landmarks[:N_FACE, 0].astype(int), 0, columns - 1)
    y = np.clip(landmarks[:N_FACE, 1].astype(int), 0, rows - 1)
    seen = normals[:, 2] > 0.2
    colour = image[y[seen], x[seen]].astype(np.float64) / 255
    brightness = colour.mean(axis=1)
    system = np.column_stack([np.ones(seen.sum()), normals[seen]])
    ridge = np.diag([0.0, 6.0, 6.0, 6.0])
    fit = np.linalg.solve(system.T @ system + ridge, system.T @ brightness)
    middle = float(np.median(brightness))
    relative = np.clip((fit[0] + at @ fit[1:]) / max(middle, 0.05), 0.45, 1.45)
    level = np.clip((middle / _USUAL) ** 0.5, 0.45, 1.12)
    direction = np.array([0.0, 0.45, 0.75]) + 2.5 * fit[1:] / max(middle, 0.05) * (1, 1, 0.3)
    direction /= np.linalg.norm(direction)
    tint = _tint(image)
    return relative[:, None] * level * tint, direction


def _tint(image: np.ndarray) -> np.ndarray:
    """Colour (3,) of the light, from the picture's mean; half of it, and never strong."""
    mean = image[::8, ::8].reshape(-1, 3).mean(axis=0) + 20.0
    return np.asarray(np.clip(mean / mean.mean(), 0.8, 1.25) ** 0.35)
