"""Drawings of made-up people of which everything is known, and what the networks read in them.

The source of the fit's noise model (`fit_learn`): faces of the open head with chance identities,
expressions, poses, lights and complexions, each person in several frames.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from ..heads.model import HeadModel
from ..heads.raster import Camera, Light, render
from ..spaces import ARKIT_NAMES
from .crop import Region
from .fit_model import LandmarkModel
from .fit_view import Lens, Poses, gaps, pose_features
from .landmarker import Face, FaceLandmarker

_PAIRS = tuple(
    name[:-4] for name in ARKIT_NAMES
    if name.endswith("Left") and not name.startswith(("eyeLook", "jaw", "mouthLeft"))
)  # fmt: skip
_SINGLE = (
    "browInnerUp", "cheekPuff", "jawForward", "jawLeft", "jawRight", "mouthClose", "mouthFunnel",
    "mouthPucker", "mouthLeft", "mouthRight", "mouthRollLower", "mouthRollUpper",
    "mouthShrugLower", "mouthShrugUpper",
)  # fmt: skip
_MOUTH = np.array([name.startswith("mouth") for name in ARKIT_NAMES])
_MOST_MOUTH = 3.0
#: Standard deviations of yaw and pitch in radians, and their limits.
_TURN, _MOST_TURN = np.radians([20.0, 11.0]), np.array([0.8, 0.5])


@dataclass(frozen=True)
class Readings:
    """What was read in n drawings, beside the truth.

    Attributes
    ----------
    person : numpy.ndarray
        int (n,).
    offsets : numpy.ndarray
        (n, 2, 478) in m: read beside true landmarks, as `fit_view.gaps` has them.
    features, seen : numpy.ndarray
        (n, 6) and (n, 3, 3): the pose.
    units, scores : numpy.ndarray
        (n, 52): the truth, and what the blendshape network says.
    """

    person: np.ndarray
    offsets: np.ndarray
    features: np.ndarray
    seen: np.ndarray
    units: np.ndarray
    scores: np.ndarray

    @classmethod
    def joined(cls, parts: list[Readings]) -> Readings:
        """One after the other."""
        names = [field.name for field in fields(cls)]
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def chance_expression(random: np.random.Generator) -> np.ndarray:
    """Coefficients (52,): a few units at once, paired ones mostly on both sides."""
    controls: dict[str, float] = {}
    items = (*_PAIRS, *_SINGLE)
    count = 0 if random.random() < 0.12 else min(1 + random.poisson(2.0), 8)
    for number in random.choice(len(items), count, replace=False):
        name, much = items[number], float(random.uniform(0.1, 1))
        if name not in _PAIRS:
            controls[name] = much
            continue
        both = random.random() < 0.65
        for side in ("Left", "Right") if both else (("Left", "Right")[random.integers(2)],):
            controls[name + side] = float(np.clip(much * random.normal(1, 0.12), 0, 1))
    if random.random() < 0.35:
        controls["jawOpen"] = float(random.uniform(0.05, 0.9))
    if random.random() < 0.4:
        controls |= _gaze(*random.uniform(-1, 1, 2))
    controls["mouthClose"] = min(controls.get("mouthClose", 0.0), controls.get("jawOpen", 0.0))
    for left, right in (("jawLeft", "jawRight"), ("mouthLeft", "mouthRight")):
        if left in controls:
            controls.pop(right, None)
    units = np.array([controls.get(name, 0.0) for name in ARKIT_NAMES])
    units[_MOUTH] *= min(1.0, _MOST_MOUTH / max(float(units[_MOUTH].sum()), 1e-9))
    return units


def _gaze(left: float, up: float) -> dict[str, float]:
    """Both eyes to the subject's left and up, in [-1, 1]."""
    return {
        "eyeLookOutLeft": max(left, 0.0), "eyeLookInRight": max(left, 0.0),
        "eyeLookInLeft": max(-left, 0.0), "eyeLookOutRight": max(-left, 0.0),
        "eyeLookUpLeft": max(up, 0.0), "eyeLookUpRight": max(up, 0.0),
        "eyeLookDownLeft": max(-up, 0.0), "eyeLookDownRight": max(-up, 0.0),
    }  # fmt: skip


def read_person(
    number: int, head: HeadModel, model: LandmarkModel, landmarker: FaceLandmarker, n_frames: int
) -> Readings | None:
    """Some drawings of one made-up person, whom the number makes; None when none is recognised."""
    random = np.random.default_rng(number)
    identity = random.normal(0, random.choice([0.6, 1.0]), head.n_identity)
    colours = None
    if random.random() > 0.35 and head.colours is not None:
        tone = np.exp(random.normal(-0.1, 0.35)) * np.exp(random.normal(0, 0.06, 3))
        colours = np.clip(head.colours * tone, 0, 1)
    towards = (random.uniform(-0.9, 0.9), random.uniform(-0.1, 1.2), random.uniform(0.4, 1))
    light = Light(towards, key=random.uniform(0.5, 1.0), ambient=random.uniform(0.12, 0.5))
    rows = []
    for k in range(n_frames):
        units = chance_expression(random)
        if k == 0 and random.random() < 0.5:
            units = np.zeros_like(units)
        middle = model.neutral(identity).mean(axis=0)
        points = model.neutral(identity) + model.units @ units
        camera = _chance_camera(random, points)
        vertices = head.shaped(identity, units=units)
        drawn = render(vertices, head.triangles, colours, camera, light=light, samples=2)
        image = np.where((drawn.triangle < 0)[..., None], random.integers(0, 255, 3), drawn.image)
        image = image + random.normal(0, random.uniform(0, 6), image.shape)
        face = _read(np.clip(image, 0, 255).astype(np.uint8), camera.project(points), landmarker)
        if face is not None:
            rows.append(_reading(number, camera, middle, points, units, face))
    return Readings.joined(rows) if rows else None


def _chance_camera(random: np.random.Generator, points: np.ndarray) -> Camera:
    yaw, pitch = np.clip(random.normal(0, _TURN), -_MOST_TURN, _MOST_TURN)
    return Camera.facing(
        points[:468], int(random.integers(220, 420)), margin=random.uniform(1.5, 2.2),
        distance=float(np.exp(random.uniform(np.log(0.4), np.log(1.6)))), yaw=yaw, pitch=pitch,
    )  # fmt: skip


def _read(image: np.ndarray, pixels: np.ndarray, landmarker: FaceLandmarker) -> Face | None:
    """The face as in a film: its region comes from the frame before."""
    low, high = pixels[:468, :2].min(axis=0), pixels[:468, :2].max(axis=0)
    (x, y), (width, height) = (low + high) / 2, high - low
    face = landmarker.read(image, Region(x, y, width, height, 0.0).grown(1.5))
    for _ in range(2):
        face = face and landmarker.track(image, face)
    return face


def _reading(
    person: int, camera: Camera, middle: np.ndarray, points: np.ndarray, units: np.ndarray,
    face: Face,
) -> Readings:  # fmt: skip
    """One frame's row."""
    rotation = camera.rotation
    centre = rotation @ (middle - camera.target) - [0, 0, camera.distance]
    poses = Poses(rotation[None], centre[None])
    rays = Lens(camera.width, camera.height, camera.focal).rays(face.landmarks[None, :, :2])
    found = gaps(poses, (points - middle)[None], rays)
    seen = poses.seen()
    return Readings(
        np.array([person]), found.offsets, pose_features(seen), seen, units[None],
        face.blendshapes[None].astype(np.float64),
    )  # fmt: skip
