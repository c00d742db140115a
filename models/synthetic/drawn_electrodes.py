"""Electrodes drawn onto a face: known occlusion on any picture, with or without a head's geometry.

Single electrodes lie where Fridlund's and Kuramoto's schemes put them. On a portrait the landmarks
give the skin's place and slope, on a rendered head the surface itself does. What is drawn is what
is glued on: an adhesive ring, a housing with its metal stud, a cable to the side, strips of tape.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from ...eifer_addon.errors import EiferError
from ...eifer_addon.heads.canonical import N_FACE, canonical_face
from ...eifer_addon.heads.electrodes import canonical_positions
from ...eifer_addon.heads.landmarks import find_landmarks
from ...eifer_addon.heads.model import HeadModel, SurfacePoints
from ...eifer_addon.heads.raster import Rendering, vertex_normals
from ...eifer_addon.heads.surface import (
    at_surface,
    closest_on_triangles,
    closest_points,
    head_hash,
    vertex_parts,
)
from .electrode_paint import Drawn, Glued, paint
from .monopolar import fridlund_layout, kuramoto_layout

#: Outer radius of the adhesive ring in m: small reusable cups with rings of about a centimetre.
RADIUS_M = 0.0046
#: Centres of two electrodes are at least so many cm apart, because rings do not lie on each other.
_APART_CM = 0.95
#: Muscles of the small layouts, as channels name them: four or eight on each side, in pairs.
_FEW = ("med Front", "Corr", "OrbOc", "Zyg")
_MANY = (*_FEW, "lat Front", "Lev Lab", "DAO", "Ment")
#: Of Kuramoto's, those left out where Fridlund's pairs are as well: they would lie on these.
_SHARED = ("K3", "K4", "K19")
#: An electrode is seen while its normal comes towards the viewer by more than this cosine, and
#: nothing lies more than this many m before it.
_MIN_FACING, _HIDDEN_M = 0.12, 0.006
#: What was found on heads, by their shape and the number of electrodes.
_ON_HEADS: dict[tuple[str, int], SurfacePoints] = {}


@dataclass(frozen=True)
class ElectrodeLayout:
    """Single electrodes on the canonical face.

    Attributes
    ----------
    names : tuple of str
    flat_cm : numpy.ndarray
        (n, 2), x (positive on the subject's left) and y on the canonical face, in cm.
    """

    names: tuple[str, ...]
    flat_cm: np.ndarray

    def __len__(self) -> int:
        return len(self.names)


@cache
def electrode_layout(count: int) -> ElectrodeLayout:
    """Where 16, 32 or 60 electrodes are glued on.

    16 are pairs over four muscles of each side (medial frontalis, corrugator, orbicularis oculi,
    zygomaticus), 32 over eight, 60 all of Fridlund's 22 pairs and 16 of Kuramoto's, as both schemes
    are worn at once in the recordings that EIFER was made for (Büchner and others, CVPR 2025).

    Raises
    ------
    EiferError
        For another number.
    """
    fridlund, kuramoto = fridlund_layout(), kuramoto_layout()
    pairs = list(zip(fridlund.channels, fridlund.places, strict=True))
    chosen = {
        16: [row for row in pairs if row[0].startswith(_FEW)],
        32: [row for row in pairs if row[0].startswith(_MANY)],
        60: [
            *pairs,
            *(
                row
                for row in zip(kuramoto.channels, kuramoto.places, strict=True)
                if row[0] not in _SHARED
            ),
        ],
    }
    if count not in chosen:
        raise EiferError(f"There is no layout of {count} electrodes.", "Choose 16, 32 or 60.")
    names, places = zip(*chosen[count], strict=True)
    return ElectrodeLayout(names, spread(canonical_positions(np.array(places))))


def spread(flat: np.ndarray) -> np.ndarray:
    """Places (n, 2) in cm, moved apart a little where two would lie on each other."""
    flat = flat.copy()
    for _ in range(60):
        gap = flat[:, None] - flat[None]
        distance = np.linalg.norm(gap, axis=2) + np.eye(len(flat)) * 1e3
        push = np.maximum(_APART_CM - distance, 0) / np.maximum(distance, 1e-6)
        flat += 0.25 * np.einsum("nm,nmc->nc", push, gap)
    return flat


@cache
def _on_canonical(count: int) -> SurfacePoints:
    """A layout on the triangles of the canonical face; places beyond it go to its rim."""
    layout = electrode_layout(count)
    vertices, triangles = canonical_face()
    flattened = np.column_stack([vertices[:, :2], np.zeros(len(vertices))])
    point = np.column_stack([layout.flat_cm, np.zeros(len(layout))])
    corners = flattened[triangles]
    weights = closest_on_triangles(point[:, None], corners[None])
    gap = np.linalg.norm(np.einsum("nfk,fkc->nfc", weights, corners) - point[:, None], axis=2)
    # Folds (nostrils, lids) put several triangles over one place: the frontmost is the skin.
    height = np.einsum("nfk,fk->nf", weights, vertices[triangles][..., 2])
    near = gap <= gap.min(axis=1, keepdims=True) + 1e-6
    best = np.argmax(np.where(near, height, -np.inf), axis=1)
    return at_surface(layout.names, best, weights[np.arange(len(best)), best])


def glue_on_portrait(landmarks: np.ndarray, count: int) -> Glued:
    """Where electrodes are in a picture of which only the landmarks are known.

    Parameters
    ----------
    landmarks : numpy.ndarray
        (478, 3) as in `landmarker.Face`: pixels, y downwards, z smaller is nearer.
    count : int
        16, 32 or 60.
    """
    canonical, triangles = canonical_face()
    points = landmarks[:N_FACE].astype(np.float64) * (1, -1, -1)
    place = _on_canonical(count)
    centre = place.positions(points, triangles)
    normal = place.positions(vertex_normals(points, triangles), triangles)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    # Pixels per cm of this face, from its spread about the mean against the canonical face's.
    scale = float(
        np.linalg.norm(points - points.mean(axis=0))
        / np.linalg.norm(canonical - canonical.mean(axis=0))
    )
    across, up = _tangents(normal, np.array([0.0, 1.0, 0.0]))
    radius = RADIUS_M * 100 * scale
    axes = np.stack([across, up], axis=1)[..., :2] * (1, -1) * radius
    flip = np.array([1, -1])
    return Glued(
        centre[:, :2] * flip, axes, normal[:, 2], normal[:, 2] > _MIN_FACING,
        electrode_layout(count).flat_cm, _frame(landmarks[:N_FACE, :2]),
    )  # fmt: skip


def electrodes_on_head(head: HeadModel, count: int) -> SurfacePoints:
    """A layout on the neutral surface of a head; kept for the next call with the same shape."""
    key = head_hash(head), count
    if key not in _ON_HEADS:
        landmarks = head.landmarks or find_landmarks(head)
        template = head.template.astype(np.float64)
        points = landmarks.positions(template, head.triangles)[:N_FACE]
        place = _on_canonical(count)
        part = vertex_parts(head.n_vertices, head.triangles)[head.triangles[:, 0]]
        skin = np.flatnonzero(part == np.bincount(part[landmarks.triangles[:N_FACE]]).argmax())
        found = closest_points(
            place.positions(points, canonical_face()[1]), template, head.triangles, skin
        )
        _ON_HEADS[key] = at_surface(place.names, found[0], found[1])
    return _ON_HEADS[key]


def glue_on_head(drawn: Rendering, vertices: np.ndarray, head: HeadModel, count: int) -> Glued:
    """Where electrodes are in a rendering of a posed head, and which of them can be seen.

    Parameters
    ----------
    drawn : Rendering
        The picture, with its depth and its camera.
    vertices : numpy.ndarray
        (V, 3) in m, as they were drawn.
    head : HeadModel
        Whose vertices they are.
    count : int
        16, 32 or 60.
    """
    place, camera = electrodes_on_head(head, count), drawn.camera
    centre = place.positions(vertices.astype(np.float64), head.triangles)
    normal = place.positions(vertex_normals(vertices, head.triangles), head.triangles)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    screen = camera.project(centre)
    eye = camera.target + camera.distance * camera.rotation[2]
    ray = eye - centre
    facing = np.sum(normal * ray, axis=1) / np.linalg.norm(ray, axis=1)
    across, up = _tangents(normal, camera.rotation[1])
    axes = np.stack(
        [camera.project(centre + RADIUS_M * way)[:, :2] - screen[:, :2] for way in (across, up)],
        axis=1,
    )
    column = np.clip(screen[:, 0].astype(int), 0, camera.width - 1)
    row = np.clip(screen[:, 1].astype(int), 0, camera.height - 1)
    seen = (facing > _MIN_FACING) & (drawn.depth[row, column] > screen[:, 2] - _HIDDEN_M)
    face = (head.landmarks or find_landmarks(head)).positions(vertices, head.triangles)[:N_FACE]
    return Glued(
        screen[:, :2], axes, facing, seen, electrode_layout(count).flat_cm,
        _frame(camera.project(face)[:, :2]), screen[:, 2] - _HIDDEN_M,
    )  # fmt: skip


def _tangents(normal: np.ndarray, upwards: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two unit vectors (n, 3) each on the surfaces with these normals, to the side and upwards."""
    across = np.cross(upwards, normal)
    across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-9)
    return across, np.cross(normal, across)


def _frame(pixels: np.ndarray) -> np.ndarray:
    """Left, top, right, bottom (4,) of the face in the picture."""
    return np.concatenate([pixels.min(axis=0), pixels.max(axis=0)])


def draw_on_portrait(
    image: np.ndarray, landmarks: np.ndarray, count: int = 60, *, seed: int = 0
) -> Drawn:
    """Glue electrodes onto a face in a picture.

    Parameters
    ----------
    image : numpy.ndarray
        uint8 RGB (H, W, 3).
    landmarks : numpy.ndarray
        (478, 3) as in `landmarker.Face`.
    count : int
        16, 32 or 60.
    seed : int
        Colours, cables and tape; the same seed wears the same in every frame of a film.

    Returns
    -------
    Drawn
        The picture, and how much of each pixel is covered.
    """
    return paint(image, glue_on_portrait(landmarks, count), seed)


def draw_on_head(
    drawn: Rendering, vertices: np.ndarray, head: HeadModel, count: int = 60, *, seed: int = 0
) -> Drawn:
    """Glue electrodes onto a rendered head; parameters as for `glue_on_head`."""
    return paint(drawn.image, glue_on_head(drawn, vertices, head, count), seed, drawn.depth)
