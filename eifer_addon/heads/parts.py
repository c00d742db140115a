"""What a head is made of: skin, eyeballs, hairs, and what lies inside the mouth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .canonical import N_FACE
from .model import HeadModel, SurfacePoints
from .surface import vertex_parts

#: The landmarks in the middle of the right and of the left iris.
IRIS_CENTRES = {"right": 468, "left": 473}
MAX_HAIR = 64
#: An eyeball: its radius in m, how round it is, how far its centre lies from the iris.
_EYE_RADIUS = (0.008, 0.02)
_ROUNDNESS = 0.12
_IRIS_REACH = 0.025
#: A part whose least spread is more than this share of its largest is stout.
_STOUT = 0.15


@dataclass(frozen=True)
class Parts:
    """The connected parts of a head by what they are.

    Attributes
    ----------
    part : numpy.ndarray
        int32 (V,), number of each vertex's part.
    skin : numpy.ndarray
        bool (V,).
    eyes : dict of str to numpy.ndarray
        bool (V,) of the "left" and "right" eyeball; all False where there is none.
    centres : dict of str to numpy.ndarray
        (3,) centre of rotation in m of each eyeball that there is.
    hair : numpy.ndarray
        bool (V,), lashes and brows made of small parts.
    """

    part: np.ndarray
    skin: np.ndarray
    eyes: dict[str, np.ndarray]
    centres: dict[str, np.ndarray]
    hair: np.ndarray

    @property
    def inner(self) -> np.ndarray:
        """Teeth, tongue, gums, bool (V,): neither skin nor eye nor hair."""
        return ~(self.skin | self.hair | self.eyes["left"] | self.eyes["right"])


def head_parts(head: HeadModel, landmarks: SurfacePoints) -> Parts:
    """Tell a head's parts by where its landmarks lie and by their shape."""
    part = vertex_parts(head.n_vertices, head.triangles)
    template = head.template.astype(np.float64)
    under = part[head.triangles[landmarks.triangles[:N_FACE], 0]]
    skin = part == np.bincount(under).argmax()
    marks = landmarks.positions(template, head.triangles)
    size = np.bincount(part)
    eyes: dict[str, np.ndarray] = {}
    centres: dict[str, np.ndarray] = {}
    for side, number in IRIS_CENTRES.items():
        eyes[side] = np.zeros(len(part), bool)
        for candidate in np.flatnonzero(size > MAX_HAIR):
            inside = part == candidate
            centre = _eyeball_centre(template[inside], marks[number])
            if centre is not None and not skin[inside].any():
                eyes[side] |= inside
                centres.setdefault(side, centre)
    return Parts(part, skin, eyes, centres, _thin(part, template, size <= MAX_HAIR))


def _thin(part: np.ndarray, points: np.ndarray, small: np.ndarray) -> np.ndarray:
    """Bool (V,), vertices of small parts that are thin like a hair: teeth are small, but stout."""
    size = np.bincount(part)
    middle = [np.bincount(part, axis) / size for axis in points.T]
    local = points - np.stack(middle, axis=1)[part]
    spread = np.stack(
        [np.bincount(part, local[:, i] * local[:, j]) for i in range(3) for j in range(3)], axis=1
    )
    extent = np.sqrt(np.clip(np.linalg.eigvalsh(spread.reshape(-1, 3, 3)), 0, None))
    stout = extent[:, 0] > _STOUT * extent[:, 2]
    return np.asarray((small & ~stout)[part])


def _eyeball_centre(points: np.ndarray, iris: np.ndarray) -> np.ndarray | None:
    """Centre of the sphere that points (n, 3) lie on, None when they are no eyeball."""
    middle = points.mean(axis=0)
    if np.linalg.norm(middle - iris) > _IRIS_REACH:
        return None
    local = points - middle
    system = np.column_stack([2 * local, np.ones(len(local))])
    solution = np.linalg.lstsq(system, np.sum(local**2, axis=1), rcond=None)[0]
    centre = solution[:3]
    distance = np.linalg.norm(local - centre, axis=1)
    radius = float(distance.mean())
    round_enough = distance.std() < _ROUNDNESS * radius
    # Lids and lashes lie on a sphere too, but only an eyeball has a back.
    whole = np.ptp(points[:, 2]) > radius
    fits = _EYE_RADIUS[0] < radius < _EYE_RADIUS[1] and np.linalg.norm(centre) < radius
    return middle + centre if round_enough and whole and fits else None
