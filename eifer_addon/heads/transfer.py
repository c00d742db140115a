"""The 52 ARKit units carried from one head's surface to another's.

Displacements go through the dense correspondence, eyeballs turn about their own centres, and
small parts that cannot bend (teeth) move as one piece.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array, diags_array
from scipy.sparse.linalg import splu

from ..errors import EiferError
from ..spaces import ARKIT_NAMES
from .correspond import Correspondence, correspond
from .landmarks import find_landmarks
from .model import HeadModel, SurfacePoints
from .warp import fit_similarity

#: Weight of smoothness against the carried displacement; trusted places keep their own.
_SMOOTHNESS = 0.15
_MIN_TRUST = 0.02
#: Parts shorter than this many metres move as one piece.
_RIGID_EXTENT = 0.025
_MIN_ROTATION = 1e-3
#: Landmarks of the upper and the lower lid that meet in a blink.
_LIDS = {
    "eyeBlinkRight": ((160, 144), (159, 145), (158, 153)),
    "eyeBlinkLeft": ((387, 373), (386, 374), (385, 380)),
}
#: Metres that a carried blink must close at least to be scaled, and limits of the scale.
_MIN_BLINK = 0.001
_BLINK_SCALES = (0.4, 2.0)
#: The landmarks lie a little off the edges of the lids: these meet before the landmarks do.
_FULL_BLINK = 0.95


def transfer_units(
    head: HeadModel, reference: HeadModel, correspondence: Correspondence | None = None
) -> np.ndarray:
    """The reference's ARKit units as displacements of another head.

    Parameters
    ----------
    head : HeadModel
        The head that shall get the units.
    reference : HeadModel
        A head with units, as a rule the open head.
    correspondence : Correspondence, optional
        From the reference to the head; found when absent.

    Returns
    -------
    numpy.ndarray
        float64 (52, V, 3) in m, at coefficient 1.
    """
    found = correspondence or correspond(reference, head)
    units = reference_units(reference)
    carried = found.carry(units, reference.triangles)
    fields = smooth_fields(carried, found.confidence, head.triangles)
    _fit_blinks(fields, units, head, reference, found)
    _turn_eyes(fields, eye_rotations(reference, found), head, found)
    _stiffen(fields, head, found)
    return fields


def smooth_fields(fields: np.ndarray, confidence: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Displacement fields (..., V, 3) made smooth where the correspondence is not trusted.

    Minimises the trusted difference to the carried field plus the differences along edges. What
    has no answer on the reference (shoulders) goes to rest.
    """
    count = len(confidence)
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    edges = np.unique(np.sort(edges, axis=1), axis=0)
    ones = np.ones(len(edges))
    graph = coo_array((ones, (edges[:, 0], edges[:, 1])), shape=(count, count)).tocsc()
    graph = graph + graph.T
    degree = np.maximum(np.asarray(graph.sum(axis=1)).ravel(), 1)
    laplacian = diags_array(np.ones(count)) - diags_array(1 / degree) @ graph
    trust = np.maximum(confidence, _MIN_TRUST)
    system = diags_array(trust) + _SMOOTHNESS * (laplacian.T @ laplacian)
    flat = np.moveaxis(fields, -2, 0).reshape(count, -1)
    carried = (trust * np.minimum(1, confidence / _MIN_TRUST))[:, None] * flat
    solved = splu(system.tocsc()).solve(carried)
    shape = (count, *fields.shape[:-2], 3)
    return np.asarray(np.moveaxis(solved.reshape(shape), 0, -2))


def reference_units(reference: HeadModel) -> np.ndarray:
    """The units of a head that is to be followed, float64 (52, V, 3)."""
    if reference.units is None:
        raise EiferError(
            f"The head '{reference.name}' has no ARKit units to follow.", "Use the open head."
        )
    return reference.units.astype(np.float64)


def _fit_blinks(
    fields: np.ndarray,
    units: np.ndarray,
    head: HeadModel,
    reference: HeadModel,
    found: Correspondence,
) -> None:
    """Scale each blink so that the lids close as far as they do on the reference.

    A wider or narrower eye has a longer or shorter way to go than the carried one, and a lid that
    stops short or overshoots is what one sees first.
    """
    for name, pairs in _LIDS.items():
        number = ARKIT_NAMES.index(name)
        open_there, closed_there = _lid_gaps(
            reference, found.source_landmarks, units[number], pairs
        )
        open_here, closed_here = _lid_gaps(head, found.target_landmarks, fields[number], pairs)
        way = open_here - closed_here
        if way > _MIN_BLINK:
            share = min((open_there - closed_there) / open_there, _FULL_BLINK)
            fields[number] *= np.clip(share * open_here / way, *_BLINK_SCALES)


def _lid_gaps(
    head: HeadModel, landmarks: SurfacePoints, field: np.ndarray, pairs: tuple[tuple[int, int], ...]
) -> tuple[float, float]:
    """Mean distance in m of the lids at rest and with a field added."""
    template = head.template.astype(np.float64)
    upper, lower = (list(side) for side in zip(*pairs, strict=True))
    gaps = []
    for vertices in (template, template + field):
        marks = landmarks.positions(vertices, head.triangles)
        gaps.append(float(np.mean(marks[upper, 1] - marks[lower, 1])))
    return gaps[0], gaps[1]


def eye_rotations(reference: HeadModel, found: Correspondence) -> np.ndarray:
    """How each unit turns the eyeballs, (52, 2, 3, 3): left, then right, about their centres."""
    units, template = reference_units(reference), reference.template.astype(np.float64)
    turns = np.tile(np.eye(3), (len(units), 2, 1, 1))
    for index, side in enumerate(("left", "right")):
        rows = found.source_parts.eyes[side]
        if not rows.any():
            continue
        for number, unit in enumerate(units):
            if np.abs(unit[rows]).max() > _MIN_ROTATION / 10:
                moved = template[rows] + unit[rows]
                turn = fit_similarity(template[rows], moved, scaled=False)
                turns[number, index] = turn.rotation
    return turns


def _turn_eyes(
    fields: np.ndarray, turns: np.ndarray, head: HeadModel, found: Correspondence
) -> None:
    """Put the eyeballs' rotations in place of what was carried to them."""
    template = head.template.astype(np.float64)
    for index, side in enumerate(("left", "right")):
        rows = found.target_parts.eyes[side]
        if rows.any():
            local = template[rows] - found.target_parts.centres[side]
            fields[:, rows] = np.einsum("uab,vb->uva", turns[:, index] - np.eye(3), local)


def _stiffen(fields: np.ndarray, head: HeadModel, found: Correspondence) -> None:
    """Let each small part of the mouth's inside move as one piece."""
    parts = found.target_parts
    template = head.template.astype(np.float64)
    for number in np.unique(parts.part[parts.inner]):
        rows = parts.part == number
        if np.ptp(template[rows], axis=0).max() > _RIGID_EXTENT:
            continue
        for field in fields:
            motion = fit_similarity(template[rows], template[rows] + field[rows], scaled=False)
            field[rows] = motion(template[rows]) - template[rows]


def with_landmarks(head: HeadModel) -> HeadModel:
    """The head with its landmarks, found when it has none."""
    return head if head.landmarks is not None else head.replace(landmarks=find_landmarks(head))
