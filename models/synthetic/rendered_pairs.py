"""Pairs of rendered faces for training: anybody, any expression, light and pose, with the truth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...eifer_addon.heads.model import HeadModel
from ...eifer_addon.heads.open_head import load_open_head
from ...eifer_addon.heads.raster import Camera
from ...eifer_addon.spaces import ARKIT_NAMES
from .frames import FrameRenderer, Shape
from .ict_render import FILE, load_ict_head

#: Spread of identities in units of each head's own population.
_SPREAD = {"open": 0.9, "ict": 0.7}
#: Coefficients that go together in people's faces; units without a side are raised on both.
_NATURAL: tuple[dict[str, float], ...] = (
    {"mouthSmile": 0.8, "cheekSquint": 0.5, "eyeSquint": 0.3},
    {"jawOpen": 0.4, "mouthSmile": 0.9, "cheekSquint": 0.7, "eyeSquint": 0.4, "mouthUpperUp": 0.3},
    {"jawOpen": 0.5, "browInnerUp": 0.8, "browOuterUp": 0.8, "eyeWide": 0.7},
    {"browDown": 0.9, "noseSneer": 0.4, "mouthPress": 0.6, "eyeSquint": 0.4},
    {"browInnerUp": 0.8, "mouthFrown": 0.8, "mouthShrugLower": 0.4},
    {"noseSneer": 0.8, "mouthUpperUp": 0.7, "browDown": 0.5, "eyeSquint": 0.4},
    {"browInnerUp": 0.8, "eyeWide": 0.8, "mouthStretch": 0.7, "jawOpen": 0.2},
    {"eyeBlink": 0.9, "browDown": 0.3}, {"mouthPucker": 0.9}, {"cheekPuff": 0.9, "mouthPress": 0.4},
    {"jawOpen": 0.25, "mouthFunnel": 0.7}, {"mouthLowerDown": 0.8, "mouthStretch": 0.5}, {},
)  # fmt: skip
_OWN_SIDE = ("mouthLeft", "mouthRight", "jawLeft", "jawRight")
#: Spread of the head's turn in radians (nod, turn, tilt) and of its place in m.
_TURN, _SHIFT = (0.13, 0.26, 0.09), 0.012
_SCHEMES, _SCHEME_SHARES = ("both", "fridlund", "kuramoto"), (0.6, 0.25, 0.15)


@dataclass(frozen=True)
class RenderedTruth:
    """What is known of a rendered pair.

    Attributes
    ----------
    coefficients : numpy.ndarray
        (52,) of `arkit52`.
    head_pose : numpy.ndarray
        (6,) as in `ExpressionTrack.head_pose`.
    identity : numpy.ndarray
        Coefficients of the head.
    vertices : numpy.ndarray
        float32 (V, 3) in m, posed, as they were filmed.
    landmarks : numpy.ndarray
        (478, 3) pixel x, pixel y (downwards) and depth in m.
    camera : Camera
    head : HeadModel
    """

    coefficients: np.ndarray
    head_pose: np.ndarray
    identity: np.ndarray
    vertices: np.ndarray
    landmarks: np.ndarray
    camera: Camera
    head: HeadModel


def draw_expression(rng: np.random.Generator) -> np.ndarray:
    """Coefficients (52,) of an expression by chance: a natural one, some units besides."""
    one = _NATURAL[rng.integers(len(_NATURAL))]
    sides = rng.uniform(0.7, 1.1, 2) if rng.uniform() < 0.7 else rng.uniform(0.1, 1.1, 2)
    strength = rng.uniform(0.2, 1.15)
    values = np.zeros(len(ARKIT_NAMES))
    for number, name in enumerate(ARKIT_NAMES):
        pair = name.removesuffix("Left").removesuffix("Right")
        if name in _OWN_SIDE or pair == name:
            values[number] = one.get(name, 0.0)
        else:
            values[number] = one.get(pair, 0.0) * sides[int(name.endswith("Right"))]
    values *= strength
    besides = rng.integers(len(ARKIT_NAMES), size=int(rng.integers(0, 4)))
    values[besides] += rng.uniform(0.1, 0.7, len(besides))
    return np.asarray(np.clip(values, 0, 1), np.float32)


def render_pair(
    rng: np.random.Generator, size: int = 256, *, heads: Path | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, RenderedTruth]:
    """One picture of somebody by chance, without and with electrodes.

    Making somebody (skin, hair, open sky) takes about ten times as long as a frame; for many
    pictures of a person keep a `FrameRenderer`.

    Parameters
    ----------
    rng : numpy.random.Generator
    size : int
        Pixels of an edge.
    heads : pathlib.Path, optional
        A folder with ICT FaceKit's packed head: a third of the people then have its shapes.

    Returns
    -------
    clean, occluded : numpy.ndarray
        uint8 (size, size, 3).
    coverage : numpy.ndarray
        bool (size, size): elsewhere the two are the same.
    truth : RenderedTruth
    """
    return pair_of(somebody(rng, size, heads=heads), rng)


def somebody(
    rng: np.random.Generator, size: int = 256, *, heads: Path | None = None
) -> FrameRenderer:
    """A person by chance, of the open head's or of ICT's shapes; see `render_pair`."""
    scheme = _SCHEMES[rng.choice(len(_SCHEMES), p=_SCHEME_SHARES)]
    head = load_open_head()
    if heads is not None and rng.uniform() < 1 / 3:
        head = load_ict_head(Path(heads) / FILE)
    spread = _SPREAD[head.name]
    identity = np.clip(rng.normal(0, spread, head.n_identity), -2.2 * spread, 2.2 * spread)
    shape = Shape(identity, int(rng.integers(1 << 31)), float(rng.uniform(18, 80)))
    even = bool(rng.uniform() < 0.4)
    return FrameRenderer(
        shape, scheme, size, donning=int(rng.integers(1 << 31)), head=head, even_light=even
    )


def pair_of(
    renderer: FrameRenderer, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray, RenderedTruth]:
    """Another picture of a person: expression and pose by chance; see `render_pair`."""
    coefficients = draw_expression(rng)
    pose = np.concatenate([rng.normal(0, _TURN), rng.normal(0, _SHIFT, 3)])
    clean, occluded, coverage = renderer.frame(
        coefficients, pose, number=int(rng.integers(1 << 31))
    )
    vertices = renderer.vertices(coefficients, pose)
    marks = renderer.head.landmarks
    assert marks is not None
    landmarks = renderer.camera.project(marks.positions(vertices, renderer.head.triangles))
    truth = RenderedTruth(
        coefficients, pose, renderer.identity, vertices, landmarks, renderer.camera, renderer.head
    )
    return clean, occluded, coverage, truth
