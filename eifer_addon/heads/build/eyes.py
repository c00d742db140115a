"""Eyeballs with an iris and a pupil in their geometry, so that every renderer shows a gaze."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .part import Part, affine_rows
from .source import BaseMesh

SEGMENTS = 32
#: Angle in degrees of each ring from the front pole. The visible iris of an adult is 11.7 mm
#: wide (Ruefer et al. 2005) and the base mesh's eyeball 31 mm, so the iris ends near 22 degrees.
RINGS_DEG = (4.5, 8.6, 9.4, 12.5, 16.0, 19.0, 21.2, 22.6, 27.0, 34.0, 43.0, 54.0, 68.0, 85.0,
             105.0, 140.0)  # fmt: skip
PUPIL_DEG = 9.0
IRIS_DEG = 21.5
GROUPS = {"left_eye": "helper-l-eye", "right_eye": "helper-r-eye"}


@dataclass(frozen=True)
class Ball:
    """The sphere that fits an eye of the base mesh best: centre (3,) and radius in dm."""

    centre: np.ndarray
    radius: float


def fit_ball(points: np.ndarray) -> Ball:
    """Least-squares sphere through points (n, 3)."""
    system = np.c_[2.0 * points, np.ones(len(points))]
    solution = np.linalg.lstsq(system, np.sum(points**2, axis=1), rcond=None)[0]
    centre = solution[:3]
    return Ball(centre, float(np.sqrt(solution[3] + centre @ centre)))


def ring_angle_deg() -> np.ndarray:
    """Angle from the optical axis of every vertex of one eyeball."""
    return np.concatenate([[0.0], np.repeat(RINGS_DEG, SEGMENTS), [180.0]])


def make_eye(mesh: BaseMesh, neutral: np.ndarray, name: str) -> Part:
    """An eyeball looking straight ahead, in place of the base mesh's coarse one.

    It follows its forerunner by the best affine map, which is linear in the source vertices.
    """
    members = mesh.members(GROUPS[name])
    old = neutral[members]
    ball = fit_ball(old)
    # A round number for both sides keeps left and right each other's mirror image.
    directions, polygons = _sphere(mirrored=name == "right_eye")
    new = ball.centre + ball.radius * directions
    rows = affine_rows(new, members, neutral)
    uv = 0.5 + 0.5 * directions[:, :2] * (ring_angle_deg() / 180.0)[:, None]
    return Part(
        rows, new - rows @ neutral, polygons, uv, polygons.copy(), _materials(polygons),
        np.full(len(new), name),
    )  # fmt: skip


def _sphere(*, mirrored: bool) -> tuple[np.ndarray, np.ndarray]:
    """Unit directions (n, 3) and polygons of rings about +z."""
    angle = np.radians(np.array(RINGS_DEG))[:, None]
    turn = 2.0 * np.pi * np.arange(SEGMENTS)[None, :] / SEGMENTS
    side = -1.0 if mirrored else 1.0
    ring = np.stack(
        [
            side * np.sin(angle) * np.cos(turn),
            np.sin(angle) * np.sin(turn),
            np.cos(angle) * np.ones_like(turn),
        ],
        axis=2,
    )
    directions = np.concatenate([[[0.0, 0.0, 1.0]], ring.reshape(-1, 3), [[0.0, 0.0, -1.0]]])
    k, following = np.arange(SEGMENTS), (np.arange(SEGMENTS) + 1) % SEGMENTS
    none = np.full(SEGMENTS, -1)
    start = 1 + SEGMENTS * np.arange(len(RINGS_DEG))
    quads = [
        np.stack([a + k, b + k, b + following, a + following], axis=1)
        for a, b in zip(start[:-1], start[1:], strict=True)
    ]
    front = np.stack([np.zeros(SEGMENTS, int), 1 + k, 1 + following, none], axis=1)
    last = start[-1]
    back = np.stack([last + k, np.full(SEGMENTS, len(directions) - 1), last + following, none], 1)
    polygons = np.concatenate([front, *quads, back])
    if mirrored:
        flipped = polygons[:, [0, 3, 2, 1]]
        triangle = polygons[:, 3] < 0
        flipped[triangle] = polygons[triangle][:, [0, 2, 1, 3]]
        polygons = flipped
    return directions, polygons


def _materials(polygons: np.ndarray) -> np.ndarray:
    angle = ring_angle_deg()[np.where(polygons < 0, polygons[:, :1], polygons)].mean(axis=1)
    return np.select([angle < PUPIL_DEG, angle < IRIS_DEG], ["pupil", "iris"], "sclera")


def centre_row(ball: np.ndarray) -> np.ndarray:
    """Weights (V,) of the vertices of one eyeball (bool (V,)) that give its centre.

    Two rings on either side of the equator balance at the centre, also after any rotation about
    it, so a turning eye never moves its joint.
    """
    front, back = RINGS_DEG.index(85.0), RINGS_DEG.index(105.0)
    ahead, behind = np.cos(np.radians(85.0)), -np.cos(np.radians(105.0))
    row = np.zeros(1 + SEGMENTS * len(RINGS_DEG) + 1)
    for ring, share in ((front, behind), (back, ahead)):
        row[1 + ring * SEGMENTS : 1 + (ring + 1) * SEGMENTS] = share / (ahead + behind) / SEGMENTS
    full = np.zeros(len(ball))
    full[ball] = row
    return full


def rotation_of(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Rotation (3, 3) that takes centred points to others best (Kabsch 1976)."""
    u, _, vt = np.linalg.svd(before.T @ after)
    sign = np.sign(np.linalg.det(u @ vt))
    return np.asarray((u @ np.diag([1.0, 1.0, sign]) @ vt).T)
