"""Joints, skinning weights and the jaw's correctives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar

from ..model import JOINT_NAMES, rodrigues
from .source import Source

#: The vertices whose mean is each joint in MakeHuman's standard rig (cube groups, or the two
#: vertices between the first and second vertebra of its neck).
JOINT_GROUPS = {
    "root": "joint-neck", "jaw": "joint-mouth",
    "left_eye": "joint-l-eye", "right_eye": "joint-r-eye",
}  # fmt: skip
NECK_PAIR = (659, 18889)
#: Bones below the neck joint; every other bone hangs from it.
_BELOW = ("spine", "clavicle", "shoulder", "neck01", "upperarm", "breast", "pelvis")
RIDGE = 1e-3
REGRESSOR_VERTICES = 160
#: Fractions of the opening at which the correctives are fitted.
_STEPS = np.array([0.2, 0.4, 0.6, 0.8, 1.0])


def source_joints(source: Source, vertices: np.ndarray) -> np.ndarray:
    """Joint positions (5, 3) in dm on source vertices (or their displacements)."""
    mesh = source.mesh
    where = {name: mesh.members(group) for name, group in JOINT_GROUPS.items()}
    where["neck"] = np.array(NECK_PAIR)
    return np.stack([vertices[where[name]].mean(axis=0) for name in JOINT_NAMES])


def joint_regressor(
    template: np.ndarray,
    basis: np.ndarray,
    joints: np.ndarray,
    joint_basis: np.ndarray,
    still: np.ndarray,
) -> np.ndarray:
    """Rows (V,) per joint that give its position from still vertices near it.

    Parameters
    ----------
    template : numpy.ndarray
        (V, 3).
    basis : numpy.ndarray
        (V, 3, n) displacements that identities are mixed of.
    joints : numpy.ndarray
        (J, 3) in the same frame.
    joint_basis : numpy.ndarray
        (J, 3, n).
    still : numpy.ndarray
        bool (V,): vertices that no expression moves.
    """
    rows = np.zeros((len(joints), len(template)))
    for j, joint in enumerate(joints):
        distance = np.where(still, np.linalg.norm(template - joint, axis=1), np.inf)
        # A spread sample, not the nearest clump: every k-th of the nearest thousand.
        near = np.argsort(distance, kind="stable")[: min(1200, int(still.sum()))]
        chosen = near[:: max(1, len(near) // REGRESSOR_VERTICES)]
        rows[j, chosen] = _affine_row(template[chosen], basis[chosen], joint, joint_basis[j])
    return rows


def _affine_row(
    points: np.ndarray, basis: np.ndarray, joint: np.ndarray, joint_basis: np.ndarray
) -> np.ndarray:
    """Ridge weights that sum to 1 and give the joint exactly in the neutral head."""
    moved = basis.transpose(1, 2, 0).reshape(-1, len(points))
    wanted = joint_basis.reshape(-1)
    hard = np.concatenate([points.T, np.ones((1, len(points)))])
    scale = np.sum(moved**2) / len(points)
    system = moved.T @ moved + RIDGE * scale * np.eye(len(points))
    kkt = np.block([[system, hard.T], [hard, np.zeros((4, 4))]])
    return np.linalg.solve(kkt, np.r_[moved.T @ wanted, joint, 1.0])[: len(points)]


def base_weights(source: Source) -> np.ndarray:
    """Weights (19158, 5) of MakeHuman's bones gathered into our joints, without the jaw."""
    weights = np.zeros((len(source.mesh.vertices), 5))
    for bone, rows in source.skinning.items():
        joint = 0 if bone.startswith(_BELOW) or bone == "root" else 1
        np.add.at(weights[:, joint], rows[:, 0].astype(int), rows[:, 1])
    total = weights.sum(axis=1, keepdims=True)
    return np.where(total > 0, weights / np.maximum(total, 1e-12), [[0, 1, 0, 0, 0]])


@dataclass(frozen=True)
class Jaw:
    """How far the jaw joint turns for the jawOpen unit, and how far vertices follow it.

    Attributes
    ----------
    angle : float
        Radians about +x at jawOpen = 1.
    weights : numpy.ndarray
        (V,) share of each vertex that follows the jaw.
    residual : float
        Root mean square in m over the moved vertices before the correctives.
    """

    angle: float
    weights: np.ndarray
    residual: float


def fit_jaw(template: np.ndarray, joint: np.ndarray, unit: np.ndarray) -> Jaw:
    """The rotation and the weights that follow the jawOpen unit best.

    Parameters
    ----------
    template, unit : numpy.ndarray
        (V, 3) in m.
    joint : numpy.ndarray
        (3,) in m.
    """
    arm = template - joint

    def follow(angle: float) -> tuple[np.ndarray, float]:
        swing = arm @ (rodrigues(np.array([angle, 0.0, 0.0])) - np.eye(3)).T
        power = np.sum(swing**2, axis=1)
        share = np.clip(np.sum(swing * unit, axis=1) / np.maximum(power, 1e-12), 0.0, 1.0)
        return share, float(np.sum((share[:, None] * swing - unit) ** 2))

    best = minimize_scalar(lambda a: follow(a)[1], bounds=(0.05, 0.9), method="bounded")
    share, cost = follow(float(best.x))
    moved = int(np.sum(np.linalg.norm(unit, axis=1) > 1e-4))
    return Jaw(float(best.x), share, float(np.sqrt(cost / max(moved, 1))))


def jaw_correctives(
    template: np.ndarray, joint: np.ndarray, weights: np.ndarray, jaw: Jaw, unit: np.ndarray
) -> np.ndarray:
    """Correctives (V, 3, 36) after which turning the jaw joint gives the jawOpen unit.

    At a fraction t of the opening the posed vertex shall be template + t * unit. Undoing the
    skinning gives the offset that is wanted before it; sine and cosine of the angle explain it.
    """
    angles = jaw.angle * _STEPS
    features = np.stack([np.sin(angles), np.cos(angles) - 1.0], axis=1)
    wanted = np.stack(
        [
            _unskin(joint, weights[:, 2], angle, template + step * unit) - template
            for step, angle in zip(_STEPS, angles, strict=True)
        ]
    )
    solved = np.linalg.lstsq(features, wanted.reshape(len(angles), -1), rcond=None)[0]
    sine, cosine = solved.reshape(2, *template.shape)
    correctives = np.zeros((len(template), 3, 36))
    # R - I about x, row-major: entries 4 and 8 are cos - 1, 5 is -sin, 7 is +sin.
    # Joint 2 is second.
    correctives[:, :, 9 + 5], correctives[:, :, 9 + 7] = -sine / 2, sine / 2
    correctives[:, :, 9 + 4], correctives[:, :, 9 + 8] = cosine / 2, cosine / 2
    return correctives


def _unskin(joint: np.ndarray, share: np.ndarray, angle: float, posed: np.ndarray) -> np.ndarray:
    """Vertices before skinning with the jaw turned, given where they end."""
    turn = rodrigues(np.array([angle, 0.0, 0.0])) - np.eye(3)
    blend = np.eye(3) + share[:, None, None] * turn
    return joint + np.linalg.solve(blend, (posed - joint)[..., None])[..., 0]
