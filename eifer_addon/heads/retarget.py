"""Tracks carried between expression spaces; `arkit52` is the hub that every head can take.

From ARKit to a head's own space a track goes by the matrix of the head's units; back by bounded
least squares on the surface, frame by frame. Between two heads that are both at hand one matrix,
fitted through dense correspondence, goes the whole way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ..errors import EiferError
from ..spaces import ARKIT52, ARKIT_NAMES, ExpressionSpace, get_space
from ..track import ExpressionTrack
from .correspond import correspond
from .model import HeadModel
from .transfer import smooth_fields, with_landmarks
from .units import (
    ArkitUnits,
    BoundedFit,
    basis_name,
    known_units,
    units_of,
    vertex_weights,
    with_arkit_units,
)

__all__ = ["fit_retarget", "from_arkit", "retarget", "to_arkit", "with_arkit_units"]

_BLINKS = {"eyelid.left": "eyeBlinkLeft", "eyelid.right": "eyeBlinkRight"}
#: Mean square mm that a unit at 1 costs, so that units which cancel each other stay at 0.
_UNIT_COST = 1e-3
#: Root mean square mm that the use of a unit has to explain before it is used at all, so that what
#: one head can do and the other cannot does not call for a dozen units that each do a little.
_LEAST_USE_MM = 0.01
_SWEEPS = 60
#: Files that hold the bases of Deep3DFace and FOCUS.
_BASEL_FILES = {"bfm09": "BFM_model_front.mat", "bfm17": "model2017-1_bfm_nomouth.h5"}
_RIDGE = 3e-5


def retarget(
    track: ExpressionTrack,
    space_or_head: str | HeadModel,
    *,
    source_head: HeadModel | None = None,
) -> ExpressionTrack:
    """Carry a track into another expression space.

    Parameters
    ----------
    track : ExpressionTrack
        In any space.
    space_or_head : str or HeadModel
        The space's name, or the head that shall take the track in its own space.
    source_head : HeadModel, optional
        The head of the track's basis; one of another basis is not used. Without it, what was
        fitted when a head of that name was last given its units is used.

    Returns
    -------
    ExpressionTrack
        The same timestamps, head pose and confidence; identity is left behind with its basis.

    Raises
    ------
    EiferError
        When a basis is not known here, or the name of the space is not.
    """
    if isinstance(space_or_head, HeadModel):
        head: HeadModel | None = space_or_head
        goal = get_space(own_space(space_or_head))
    else:
        head, goal = None, get_space(space_or_head)
    if track.space.name == goal.name:
        return track
    if track.space.basis == goal.basis:
        return _moved(track, goal, _same_basis(track, goal))
    if source_head is not None and not _is_of(source_head, track.space.basis):
        source_head = None
    if source_head is not None and head is not None and track.space.basis != ARKIT52.basis:
        return _moved(track, goal, _directly(track, goal, source_head, head))
    values = track.coefficients.astype(np.float64)
    if track.space.basis != ARKIT52.basis:
        values = to_arkit(values, track.space, _units(track.space.basis, source_head))
    if goal.basis != ARKIT52.basis:
        values = from_arkit(values, goal, _units(goal.basis, head))
    return _moved(track, goal, values)


def _is_of(head: HeadModel, basis: str) -> bool:
    """Whether a head is of a basis by its name; that of a FLAME file may not tell the year."""
    name = basis_name(head)
    return name == basis or (name == "flame" and basis.startswith(name))


def own_space(head: HeadModel) -> str:
    """Name of a head's space: its expression coefficients and the jaw."""
    return f"{basis_name(head)}:e{head.n_expression}j3" if head.n_expression else ARKIT52.name


def _units(basis: str, head: HeadModel | None) -> ArkitUnits:
    """Units of the head that is given, of the open head, or those that were kept for a name."""
    from .open_head import load_open_head

    if head is None and basis.startswith("bfm"):
        return _basel_units(basis)
    if head is None and basis != "open":
        return known_units(basis)
    return units_of(head or load_open_head(), load_open_head())


def _basel_units(basis: str) -> ArkitUnits:
    """Units of a Basel Face Model that the user imported once."""
    try:
        return known_units(basis)
    except EiferError as error:
        raise EiferError(
            f"Coefficients of the basis '{basis}' mean nothing without the Basel Face Model, which "
            "EIFER may not bring along.",
            "Import your own copy of it once: 'eifer models import bfm "
            f"{_BASEL_FILES.get(basis, 'FILE')}'.",
        ) from error


def _moved(track: ExpressionTrack, goal: ExpressionSpace, values: np.ndarray) -> ExpressionTrack:
    origin = {"space": track.space.name, "to": goal.name}
    provenance: Mapping[str, Any] = {**track.provenance, "retargeted": origin}
    return replace(
        track, space=goal, coefficients=goal.clip(values).astype(np.float32),
        identity=track.identity if track.space.basis == goal.basis else None,
        provenance=provenance,
    )  # fmt: skip


def _same_basis(track: ExpressionTrack, goal: ExpressionSpace) -> np.ndarray:
    """Columns by name; those that the goal lacks are dropped, new ones are 0."""
    column = {name: k for k, name in enumerate(track.space.coefficients)}
    values = np.zeros((len(track), len(goal)))
    for k, name in enumerate(goal.coefficients):
        if name in column:
            values[:, k] = track.coefficients[:, column[name]]
    return values


def arkit_matrix(space: ExpressionSpace, units: ArkitUnits) -> tuple[np.ndarray, np.ndarray]:
    """Matrix (n, 52) from ARKit to the expression and jaw of a space, and their metric (n, n).

    A space with fewer coefficients than the head gets the best it can express on the surface.
    """
    full = np.concatenate([units.coefficients, units.jaw], axis=1).astype(np.float64).T
    metric = units.metric.astype(np.float64)
    size = units.coefficients.shape[1]
    names = [name for name in space.coefficients if name not in _BLINKS]
    kept = [size + "xyz".index(n[-1]) if n.startswith("jaw.") else int(n[4:]) for n in names]
    if max(kept) >= len(full):
        raise EiferError(
            f"The space {space.name} has more coefficients than its head ({size}).",
            "Use a space with fewer expression coefficients.",
        )
    block = metric[np.ix_(kept, kept)] + _RIDGE * np.eye(len(kept))
    matrix = np.linalg.solve(block, metric[kept] @ full + _RIDGE * full[kept])
    if "eyelid.left" in space.coefficients:
        # Lids have coefficients of their own there: the expression must not close them too.
        matrix[:, [ARKIT_NAMES.index(name) for name in _BLINKS.values()]] = 0
    return matrix, block


def from_arkit(values: np.ndarray, space: ExpressionSpace, units: ArkitUnits) -> np.ndarray:
    """Coefficients (n_frames, n) in a head's space from ARKit's (n_frames, 52)."""
    matrix, _ = arkit_matrix(space, units)
    parts = [values @ matrix.T]
    for lid, blink in _BLINKS.items():
        if lid in space.coefficients:
            parts.append(values[:, [ARKIT_NAMES.index(blink)]])
    return np.concatenate(parts, axis=1)


def to_arkit(values: np.ndarray, space: ExpressionSpace, units: ArkitUnits) -> np.ndarray:
    """ARKit coefficients (n_frames, 52) in [0, 1] that come closest to a head's own.

    Closest on the skin: the mean square distance of the two faces is minimised by coordinate
    descent over all frames at once, with small costs that keep units from cancelling out and from
    being used for next to nothing.
    """
    matrix, metric = arkit_matrix(space, units)
    columns = [k for k, name in enumerate(space.coefficients) if name not in _BLINKS]
    normal = matrix.T @ metric @ matrix + _UNIT_COST * np.eye(len(ARKIT_NAMES))
    use = _LEAST_USE_MM * np.sqrt(np.diag(normal))
    right = values[:, columns] @ metric @ matrix - use
    found = np.zeros((len(values), len(ARKIT_NAMES)))
    for _ in range(_SWEEPS):
        for k in range(len(ARKIT_NAMES)):
            rest = right[:, k] - found @ normal[:, k] + found[:, k] * normal[k, k]
            found[:, k] = np.clip(rest / normal[k, k], 0, 1)
    for lid, blink in _BLINKS.items():
        if lid in space.coefficients:
            lids = values[:, space.coefficients.index(lid)]
            number = ARKIT_NAMES.index(blink)
            found[:, number] = np.clip(found[:, number] + lids, 0, 1)
    return found


def fit_retarget(source_head: HeadModel, target_head: HeadModel) -> np.ndarray:
    """The matrix that takes one head's coefficients to another's.

    Parameters
    ----------
    source_head, target_head : HeadModel
        Heads with an expression basis.

    Returns
    -------
    numpy.ndarray
        float64 (n_target + 3, n_source + 3): expression, then the jaw's axis-angle, which stays
        the same. Each source shape is carried to the target by dense correspondence and followed
        there by least squares.
    """
    source_head, target_head = with_landmarks(source_head), with_landmarks(target_head)
    found = correspond(source_head, target_head)
    shapes = np.moveaxis(source_head.expression_basis.astype(np.float64), 2, 0)
    carried = found.carry(shapes, source_head.triangles)
    goals = smooth_fields(carried, found.confidence, target_head.triangles)
    basis = np.moveaxis(target_head.expression_basis.astype(np.float64), 2, 0)
    fit = BoundedFit(basis, vertex_weights(target_head, found))
    matrix = np.zeros((len(basis) + 3, len(shapes) + 3))
    matrix[: len(basis), : len(shapes)] = fit.solve_all(goals, _RIDGE).T
    matrix[len(basis) :, len(shapes) :] = np.eye(3)
    return matrix


def _directly(
    track: ExpressionTrack, goal: ExpressionSpace, source: HeadModel, target: HeadModel
) -> np.ndarray:
    """A track between two heads that are both at hand; lids go through the blink units."""
    matrix = fit_retarget(source, target)
    full = get_space(own_space(source))
    values = np.zeros((len(track), len(full)))
    for name, column in zip(track.space.coefficients, track.coefficients.T, strict=True):
        if name in full.coefficients:
            values[:, full.coefficients.index(name)] = column
    moved = values @ matrix.T
    if "eyelid.left" in track.space.coefficients:
        units = _units(goal.basis, target)
        lids = np.zeros((len(track), len(ARKIT_NAMES)))
        for lid, blink in _BLINKS.items():
            lids[:, ARKIT_NAMES.index(blink)] = track.column(lid)
        moved += from_arkit(lids, goal, units)
    return moved
