"""The 52 ARKit units on a FLAME-layout head, as combinations of its own expression and jaw.

Each unit is the combination that best follows the reference's unit: the reference's displacement
is carried over by dense correspondence, then coefficients and jaw are fitted to it by bounded,
regularised least squares through the head's own forward pass.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import lsq_linear
from scipy.spatial.transform import Rotation

from ..errors import EiferError
from ..files import atomic_path, save_npz
from ..spaces import ARKIT_NAMES
from .caching import cache_path, read_kept
from .correspond import Correspondence, correspond
from .electrodes import place_electrodes
from .model import JOINT_NAMES, HeadModel
from .surface import head_hash
from .transfer import transfer_units, with_landmarks
from .warp import fit_similarity

JAW_UNITS = ("jawForward", "jawLeft", "jawOpen", "jawRight")
#: FLAME's coefficients are in standard deviations; beyond three a face falls apart.
MAX_COEFFICIENT = 3.0
#: A coefficient of one standard deviation costs this share of the unit's own displacement.
_COEFFICIENT_COST = 0.02
_JAW_LOWER, _JAW_UPPER = np.array([0.0, -0.2, -0.2]), np.array([0.8, 0.2, 0.2])
_JAW_COST = 0.05
_ROUNDS = 5
#: Units that move the skin by less than this root mean square in m are nothing (the tongue).
_STILL = 1e-6
#: An eyeball that follows its joint by less than half is not turned by it.
_MIN_EYE_WEIGHT = 0.5
#: The version goes up when units come to be fitted otherwise, so that old ones are not kept.
_KIND, _VERSION = "arkit_units", 2


@dataclass(frozen=True)
class ArkitUnits:
    """The 52 units of one head, in `ARKIT_NAMES` order.

    Attributes
    ----------
    displacements : numpy.ndarray
        float32 (52, V, 3) in m at coefficient 1.
    coefficients : numpy.ndarray
        float32 (52, n_expression).
    jaw : numpy.ndarray
        float32 (52, 3), axis-angle in radians.
    eyes : numpy.ndarray
        float32 (52, 2, 3), axis-angle of the left and the right eye.
    error : numpy.ndarray
        float32 (52,): what of the carried displacement the combination does not follow, as a
        share of its root mean square over the skin.
    metric : numpy.ndarray
        float32 (n_expression + 3,) * 2: mean square displacement of the skin in mm² as a quadratic
        form of coefficients and jaw, the measure in which tracks are carried over.
    """

    displacements: np.ndarray
    coefficients: np.ndarray
    jaw: np.ndarray
    eyes: np.ndarray
    error: np.ndarray
    metric: np.ndarray

    def describe(self) -> str:
        """The relative error of each unit, one a line."""
        rows = zip(ARKIT_NAMES, self.error, strict=True)
        return "\n".join(f"{name:20} {100 * error:5.1f} %" for name, error in rows)


def arkit_units(
    head: HeadModel, reference: HeadModel, correspondence: Correspondence | None = None
) -> ArkitUnits:
    """The units of a FLAME-layout head that has an expression basis.

    Parameters
    ----------
    head : HeadModel
        With at least one expression coefficient.
    reference : HeadModel
        A head with units, as a rule the open head.
    correspondence : Correspondence, optional
        From the reference to the head; found when absent.

    Returns
    -------
    ArkitUnits
        Their displacements are exactly what the head's forward pass gives.

    Raises
    ------
    EiferError
        When the head has no expression basis, or no face is recognised on it.
    """
    if head.n_expression == 0:
        raise EiferError(
            f"The head '{head.name}' has no expression basis to build ARKit units from.",
            "Use transfer_units, which carries the units over as plain shapes.",
        )
    head, reference = with_landmarks(head), with_landmarks(reference)
    found = correspondence or correspond(reference, head)
    goals = transfer_units(head, reference, found)
    weights = vertex_weights(head, found)
    # A head's own units lie in its own space, however far out they are.
    own = head_hash(head) == head_hash(reference)
    coefficients, jaw = _fit_all(head, goals, weights, np.inf if own else MAX_COEFFICIENT)
    eyes = _fit_eyes(head, goals, coefficients, found)
    pose = np.zeros((len(goals), 5, 3))
    pose[:, JOINT_NAMES.index("jaw")] = jaw
    pose[:, JOINT_NAMES.index("left_eye") :] = eyes
    reached = head.forward(expression=coefficients, pose=pose)[0] - head.template
    error = _relative_error(reached, goals, weights)
    values = (reached, coefficients, jaw, eyes, error, _metric(head, weights))
    return ArkitUnits(*(value.astype(np.float32) for value in values))


def _fit_eyes(
    head: HeadModel, goals: np.ndarray, coefficients: np.ndarray, found: Correspondence
) -> np.ndarray:
    """Axis-angle (52, 2, 3) of the eye joints: what the expression leaves the eyeballs to turn."""
    eyes = np.zeros((len(goals), 2, 3))
    template = head.template.astype(np.float64)
    for index, side in enumerate(("left", "right")):
        rows = found.target_parts.eyes[side]
        joint = JOINT_NAMES.index(f"{side}_eye")
        if not rows.any() or head.weights[rows, joint].mean() < _MIN_EYE_WEIGHT:
            continue
        for number in np.flatnonzero(np.abs(goals[:, rows]).max(axis=(1, 2)) > _STILL):
            by_expression = template[rows] + head.expression_basis[rows] @ coefficients[number]
            turn = fit_similarity(by_expression, template[rows] + goals[number, rows], scaled=False)
            eyes[number, index] = Rotation.from_matrix(turn.rotation).as_rotvec()
    return eyes


def vertex_weights(head: HeadModel, found: Correspondence) -> np.ndarray:
    """(V,), sum 1: the skin's area around each vertex, where the correspondence is trusted."""
    template = head.template.astype(np.float64)
    corners = template[head.triangles]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.linalg.norm(across, axis=1)
    around = np.bincount(head.triangles.ravel(), np.repeat(area, 3), head.n_vertices)
    weights = around * found.confidence * found.target_parts.skin
    return np.asarray(weights / weights.sum())


def _relative_error(reached: np.ndarray, goals: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Root mean square of the difference over that of the goal, (n,)."""
    missed = np.einsum("uvc,v->u", (reached - goals) ** 2, weights)
    wanted = np.einsum("uvc,v->u", goals**2, weights)
    return np.asarray(np.sqrt(missed / np.maximum(wanted, 1e-16)))


def _metric(head: HeadModel, weights: np.ndarray) -> np.ndarray:
    """The quadratic form (E + 3, E + 3) of mean square displacement in mm² near rest."""
    _, slopes = _linearised(head, np.zeros(head.n_expression + 3))
    flat = (slopes * np.sqrt(weights)[:, None]).reshape(len(slopes), -1) * 1000
    return np.asarray(flat @ flat.T)


def _fit_all(
    head: HeadModel, goals: np.ndarray, weights: np.ndarray, most: float
) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients (52, E) up to `most` and jaw (52, 3) that follow the goals (52, V, 3)."""
    basis = np.moveaxis(head.expression_basis.astype(np.float64), 2, 0)
    coefficients, jaw = np.zeros((len(goals), len(basis))), np.zeros((len(goals), 3))
    limit = np.full(len(basis), most)
    fit = BoundedFit(basis, weights)
    # The jaw of a Basel Face Model opens by its expression alone.
    jointed = head.weights[:, JOINT_NAMES.index("jaw")].any()
    for number, (name, goal) in enumerate(zip(ARKIT_NAMES, goals, strict=True)):
        size = float(np.sqrt(np.einsum("vc,v->", goal**2, weights)))
        if size < _STILL:
            continue
        if name in JAW_UNITS and jointed:
            coefficients[number], jaw[number] = _fit_with_jaw(head, goal, weights, size, most)
        else:
            coefficients[number] = fit.solve(goal, _COEFFICIENT_COST * size, -limit, limit)
    return coefficients, jaw


class BoundedFit:
    """Weighted least squares of displacement fields in a basis (E, V, 3), within bounds."""

    def __init__(self, basis: np.ndarray, weights: np.ndarray) -> None:
        self._used = weights > 0
        seen = basis[:, self._used]
        self._weighted = (seen * weights[self._used, None]).reshape(len(basis), -1)
        self._normal = self._weighted @ seen.reshape(len(basis), -1).T

    def solve_all(self, goals: np.ndarray, cost: float) -> np.ndarray:
        """Coefficients (n, E) without bounds that come closest to fields (n, V, 3)."""
        right = self._weighted @ goals[:, self._used].reshape(len(goals), -1).T
        return np.asarray(np.linalg.solve(self._costly(cost), right).T)

    def solve(
        self, goal: np.ndarray, costs: float | np.ndarray, lower: np.ndarray, upper: np.ndarray
    ) -> np.ndarray:
        """Coefficients (E,) within the bounds that come closest to a field (V, 3).

        `costs` are metres of error that a coefficient of one is worth.
        """
        factor = np.linalg.cholesky(self._costly(costs))
        right = np.linalg.solve(factor, self._weighted @ goal[self._used].ravel())
        return np.asarray(lsq_linear(factor.T, right, (lower, upper), method="bvls").x)

    def _costly(self, costs: float | np.ndarray) -> np.ndarray:
        return self._normal + np.diag(np.broadcast_to(costs, len(self._normal)) ** 2)


def _fit_with_jaw(
    head: HeadModel, goal: np.ndarray, weights: np.ndarray, scale: float, most: float
) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients (E,) and jaw (3,) of one unit, by Gauss-Newton through the forward pass.

    At a given pose the vertices are affine in the coefficients; only the jaw's three angles are
    linearised anew in each round.
    """
    size = head.n_expression
    costs = np.append(np.full(size, _COEFFICIENT_COST), np.full(3, _JAW_COST)) * scale
    limit = np.full(size, most)
    lower, upper = np.append(-limit, _JAW_LOWER), np.append(limit, _JAW_UPPER)
    values = np.zeros(size + 3)
    for _ in range(_ROUNDS):
        rest, slopes = _linearised(head, values)
        values = BoundedFit(slopes, weights).solve(goal - rest, costs, lower, upper)
    return values[:size], values[size:]


def _linearised(head: HeadModel, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The displacement near some values as rest (V, 3) + sum of value times slope (E + 3, V, 3)."""
    size, step = head.n_expression, 1e-4
    template = head.template.astype(np.float64)

    def posed(expression: np.ndarray | None, jaw: np.ndarray) -> np.ndarray:
        pose = np.zeros((*jaw.shape[:-1], 5, 3))
        pose[..., JOINT_NAMES.index("jaw"), :] = jaw
        return head.forward(expression=expression, pose=pose)[0] - template

    jaw = values[size:]
    still = posed(None, jaw)
    shapes = posed(np.eye(size), jaw) - still
    here = still + np.tensordot(values[:size], shapes, axes=1)
    around = np.stack([posed(values[:size], jaw + move) for move in np.eye(3) * step])
    turns = (around - here) / step
    rest = still - np.tensordot(jaw, turns, axes=1)
    return rest, np.concatenate([shapes, turns])


def with_arkit_units(head: HeadModel, reference: HeadModel | None = None) -> HeadModel:
    """The head with `units` (and landmarks and electrodes), fitted once and then cached.

    Parameters
    ----------
    head : HeadModel
        A head that has units is given back as it is.
    reference : HeadModel, optional
        The head whose units are followed; by default the open head.

    Returns
    -------
    HeadModel
        `info["arkit_units"]` says where the units come from.
    """
    if head.units is not None:
        return head
    if reference is None:
        from .open_head import load_open_head

        reference = load_open_head()
    head = with_landmarks(head)
    if not head.electrodes:
        head = head.replace(electrodes=place_electrodes(head))
    note = f"follow the units of the head '{reference.name}' through dense correspondence"
    info: Mapping[str, Any] = {**head.info, "arkit_units": note}
    return head.replace(units=units_of(head, reference).displacements, info=info)


def units_of(head: HeadModel, reference: HeadModel) -> ArkitUnits:
    """The units of a head as combinations where it has a basis, else as carried shapes; cached."""
    own = ("expression_basis", "weights", "joint_regressor", "pose_correctives", "units")
    key = f"{head_hash(head, *own)[:24]}-{head_hash(reference, 'units')[:8]}"
    path = cache_path("units", f"{key}.npz")
    units = _read(path)
    if units is None:
        units = arkit_units(head, reference) if head.n_expression else _carried(head, reference)
        arrays = {field.name: getattr(units, field.name) for field in fields(ArkitUnits)}
        save_npz(path, _KIND, _VERSION, arrays, {})
    _remember(basis_name(head), path)
    return units


def basis_name(head: HeadModel) -> str:
    """The head's name in the characters that names of spaces allow."""
    return re.sub(r"[^a-z0-9_]", "_", head.name.lower())


def _carried(head: HeadModel, reference: HeadModel) -> ArkitUnits:
    """Units of a head without an expression basis: shapes only."""
    shapes = transfer_units(with_landmarks(head), with_landmarks(reference)).astype(np.float32)
    count = len(shapes)
    nothing = np.zeros((count, 0), np.float32)
    still = np.zeros((count, 3), np.float32)
    eyes, metric = np.zeros((count, 2, 3), np.float32), np.zeros((3, 3), np.float32)
    return ArkitUnits(shapes, nothing, still, eyes, still[:, 0], metric)


def _remember(name: str, path: Path) -> None:
    """Note which file holds the units of the basis `name`, for tracks that come without a head."""
    with atomic_path(path.parent / f"{name}.json") as temporary:
        temporary.write_text(json.dumps({"basis": name, "file": path.name}), "utf-8")


def known_units(name: str) -> ArkitUnits:
    """The units that were last fitted for a basis.

    Raises
    ------
    EiferError
        When no head of that basis was given its units on this machine.
    """
    try:
        note = json.loads(cache_path("units", f"{name}.json").read_text("utf-8"))
        units = _read(cache_path("units", Path(note["file"]).name))
    except (OSError, ValueError, KeyError, TypeError):
        units = None
    if units is None:
        raise EiferError(
            f"No head with the basis '{name}' is known here.",
            "Load its file once with load_head and add it to a scene, or give the head itself.",
        )
    return units


def _read(path: Path) -> ArkitUnits | None:
    """Units from a kept file, None when there is none that can be used."""
    names = [field.name for field in fields(ArkitUnits)]
    kept = read_kept(path, _KIND, _VERSION)
    if kept is None or not set(names) <= set(kept[0]):
        return None
    return ArkitUnits(*(kept[0][name] for name in names))
