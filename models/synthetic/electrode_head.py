"""An outfit on a head: electrodes on its own surface, seen and lit in a drawn frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...eifer_addon.heads.canonical import N_FACE, canonical_face
from ...eifer_addon.heads.landmarks import find_landmarks
from ...eifer_addon.heads.model import HeadModel, SurfacePoints
from ...eifer_addon.heads.raster import Camera
from ...eifer_addon.heads.surface import at_surface, closest_points, vertex_parts
from .electrode_outfit import Outfit
from .electrode_wear import Worn, wear
from .film_raster import NormalTable
from .film_shader import Drawn
from .lights import Lights

#: Light on skin that counts as usual; hardware reflects about as much.
_USUAL = 1.05


@dataclass(frozen=True)
class CameraView:
    """A raster camera as a view of an outfit."""

    camera: Camera

    def project(self, points: np.ndarray) -> np.ndarray:
        """Pixel x, pixel y and depth (..., 3)."""
        return self.camera.project(points)

    def towards(self, points: np.ndarray) -> np.ndarray:
        """Unit vectors to the eye."""
        ray = self.camera.target + self.camera.distance * self.camera.rotation[2] - points
        return np.asarray(ray / np.linalg.norm(ray, axis=-1, keepdims=True))

    def turned(self, direction: np.ndarray) -> np.ndarray:
        """Right, down and to the viewer."""
        return np.asarray(self.camera.rotation @ direction * (1, -1, 1))


class HeadOutfit:
    """An outfit glued to a head's surface.

    Parameters
    ----------
    outfit : Outfit
    head : HeadModel
        With landmarks.
    """

    def __init__(self, outfit: Outfit, head: HeadModel) -> None:
        self.outfit, self.head = outfit, head
        self.landmarks = head.landmarks or find_landmarks(head)
        template = head.template.astype(np.float64)
        points = self.landmarks.positions(template, head.triangles)[:N_FACE]
        part = vertex_parts(head.n_vertices, head.triangles)[head.triangles[:, 0]]
        skin = np.flatnonzero(part == np.bincount(part[self.landmarks.triangles[:N_FACE]]).argmax())
        near = outfit.place.positions(points, canonical_face()[1])
        found = closest_points(near, template, head.triangles, skin)
        self.place: SurfacePoints = at_surface(outfit.place.names, found[0], found[1])
        self._table = NormalTable(head.n_vertices, head.triangles)

    def seen(self, vertices: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Places (n, 3), unit normals (n, 3) and landmarks (468, 3) on vertices (V, 3) in m."""
        triangles = self.head.triangles
        place = self.place.positions(vertices.astype(np.float64), triangles)
        normal = self.place.positions(self._table.normals(vertices).astype(np.float64), triangles)
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
        face = self.landmarks.positions(vertices.astype(np.float64), triangles)[:N_FACE]
        return place, normal, face


def wear_on_head(
    worn: HeadOutfit, vertices: np.ndarray, drawn: Drawn, camera: Camera, lights: Lights
) -> Worn:
    """See an outfit on a drawn head.

    Parameters
    ----------
    worn : HeadOutfit
    vertices : numpy.ndarray
        (V, 3) in m, as they were drawn.
    drawn : Drawn
    camera : Camera
    lights : Lights
    """
    place, normal, face = worn.seen(vertices)
    diffuse = worn.place.positions(drawn.diffuse[: len(vertices)], worn.head.triangles)
    light = np.clip(diffuse / _USUAL, 0.05, 1.6) ** (1 / 2.2)
    key = lights.lamps[0].direction
    return wear(worn.outfit, place, normal, face, CameraView(camera), light, key)
