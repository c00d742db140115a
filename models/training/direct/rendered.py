"""Training pairs of made-up people: expressions that portraits lack, with true electrodes.

The people are drawn here by chance; the simulator's subjects, on which networks are tested, come
from other seeds.
"""

from __future__ import annotations

import numpy as np

from ....eifer_addon.heads.open_head import load_open_head
from ....eifer_addon.spaces import ARKIT_NAMES
from ...synthetic.frames import FrameRenderer, Shape
from .pairs import SIZE, Pair, finished

#: Side of the rendering in pixels, out of which the part around the face is kept.
_DRAWN = 416
#: Frames of each person: making one costs more than drawing one.
FRAMES = 6
#: Of the seeds of looks: beyond those of the simulator's subjects.
_FIRST_SEED = 1 << 40
_SCHEMES = ("fridlund", "kuramoto", "both", "both")
#: Coefficients that move together, as faces do; each has a strength of its own.
_ACTIONS = (
    ("mouthSmile", "cheekSquint"), ("mouthFrown", "mouthShrugLower"), ("browDown", "eyeSquint"),
    ("browInnerUp", "browOuterUp"), ("jawOpen",), ("mouthPucker", "mouthFunnel"), ("noseSneer",),
    ("mouthUpperUp", "noseSneer"), ("mouthLowerDown", "jawOpen"), ("mouthPress",), ("eyeBlink",),
    ("mouthStretch", "browInnerUp"), ("mouthDimple",), ("eyeWide", "browOuterUp"), ("cheekPuff",),
)  # fmt: skip
_LOPSIDED, _STRAY = 0.15, 0.06


def rendered_pairs(rng: np.random.Generator, count: int = FRAMES) -> list[Pair]:
    """Some frames of one made-up person with electrodes."""
    head = load_open_head()
    person = Shape(
        rng.normal(0, 0.9, head.n_identity).astype(np.float32),
        _FIRST_SEED + int(rng.integers(1 << 40)), float(rng.uniform(18, 80)),
    )  # fmt: skip
    renderer = FrameRenderer(
        person, _SCHEMES[int(rng.integers(len(_SCHEMES)))], _DRAWN, donning=1,
        even_light=bool(rng.uniform() < 0.5),
    )  # fmt: skip
    pairs = []
    for number in range(count):
        coefficients, pose = expression(rng), _pose(rng)
        clean, worn, covered = renderer.frame(coefficients, pose, number=number)
        assert head.landmarks is not None
        vertices = renderer.vertices(coefficients, pose)
        points = renderer.camera.project(head.landmarks.positions(vertices, head.triangles))
        left, top = _corner(points[:, :2], rng)
        part = slice(top, top + SIZE), slice(left, left + SIZE)
        pictures = clean[part], worn[part], covered[part].astype(np.float32)
        pairs.append(finished(*pictures, points - (left, top, 0), rng))
    return pairs


def _corner(points: np.ndarray, rng: np.random.Generator) -> list[int]:
    """Left and top of a square of SIZE that has the face about in its middle."""
    middle = (points.min(axis=0) + points.max(axis=0)) / 2 + rng.normal(0, 12, 2)
    return np.clip(middle - SIZE / 2, 0, _DRAWN - SIZE).astype(int).tolist()


def expression(rng: np.random.Generator) -> np.ndarray:
    """Coefficients (52,) of a face that moves in one to four ways, and a little everywhere."""
    values = np.abs(rng.normal(0, _STRAY, len(ARKIT_NAMES)))
    for k in rng.permutation(len(_ACTIONS))[: int(rng.integers(0, 5))]:
        strength = float(rng.beta(1.3, 1.3))
        for action in _ACTIONS[k]:
            own = strength * float(rng.uniform(0.6, 1.0))
            for place, name in enumerate(ARKIT_NAMES):
                if name.startswith(action):
                    values[place] = max(values[place], own * (1 - _LOPSIDED * rng.uniform()))
    values[ARKIT_NAMES.index("tongueOut")] = 0
    return np.clip(values, 0, 1).astype(np.float32)


def _pose(rng: np.random.Generator) -> np.ndarray:
    turn = rng.normal(0, (0.13, 0.2, 0.1))
    return np.concatenate([turn, rng.normal(0, 0.006, 3)])
