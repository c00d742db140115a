"""Films of rendered heads of which every coefficient is known: people, expressions, poses, light.

A clip is about a second of one person who makes two expressions while turning the head. Frames are
drawn with `heads.raster` before a blurred background and with sensor noise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from ict_head import ict_head, ict_units
from scipy.ndimage import gaussian_filter

from eifer.eifer_addon.heads.landmarks import find_landmarks
from eifer.eifer_addon.heads.model import HeadModel, rodrigues
from eifer.eifer_addon.heads.open_head import load_open_head
from eifer.eifer_addon.heads.raster import Camera, Light, Rendering, render, vertex_normals
from eifer.eifer_addon.heads.surface import vertex_parts
from eifer.eifer_addon.spaces import ARKIT_NAMES

RATE_HZ = 25.0
#: The landmark network's noise was learned on other people, with seeds far from these.
FIRST_SEED = 1000
LIGHTS = {
    "front": Light((0.1, 0.35, 1.0)),
    "side": Light((0.9, 0.35, 0.55), key=0.95, ambient=0.14),
    "above": Light((-0.2, 1.0, 0.45), key=0.95, ambient=0.18),
}
SIZES = {"480p": (854, 480), "720p": (1280, 720), "1080p": (1920, 1080)}
#: Units without a side are raised on both.
COMBINED: dict[str, dict[str, float]] = {
    "smile": {"mouthSmile": 0.8, "cheekSquint": 0.5, "eyeSquint": 0.3},
    "laugh": {"jawOpen": 0.4, "mouthSmile": 0.9, "cheekSquint": 0.7, "eyeSquint": 0.4,
              "mouthUpperUp": 0.3},
    "surprise": {"jawOpen": 0.5, "browInnerUp": 0.8, "browOuterUp": 0.8, "eyeWide": 0.7},
    "anger": {"browDown": 0.9, "noseSneer": 0.4, "mouthPress": 0.6, "eyeSquint": 0.4},
    "sadness": {"browInnerUp": 0.8, "mouthFrown": 0.8, "mouthShrugLower": 0.4},
    "disgust": {"noseSneer": 0.8, "mouthUpperUp": 0.7, "browDown": 0.5, "eyeSquint": 0.4},
    "fear": {"browInnerUp": 0.8, "browOuterUp": 0.4, "eyeWide": 0.8, "mouthStretch": 0.7,
             "jawOpen": 0.2},
    "wink left": {"eyeBlinkLeft": 1.0, "mouthSmileLeft": 0.6, "cheekSquintLeft": 0.5},
    "wink right": {"eyeBlinkRight": 1.0, "mouthSmileRight": 0.6, "cheekSquintRight": 0.5},
    "kiss": {"mouthPucker": 0.9, "eyeSquint": 0.2},
    "wry smile": {"mouthSmileRight": 0.8, "mouthRight": 0.3, "browOuterUpRight": 0.5},
    "speech o": {"jawOpen": 0.25, "mouthFunnel": 0.7},
    "speech e": {"jawOpen": 0.15, "mouthStretch": 0.5, "mouthLowerDown": 0.4},
    "pressed lips": {"mouthPress": 0.7, "mouthRollLower": 0.4, "mouthRollUpper": 0.4},
    "look left": {"eyeLookOutLeft": 0.8, "eyeLookInRight": 0.8},
    "look down": {"eyeLookDown": 0.7, "eyeBlink": 0.25},
}  # fmt: skip
#: Raised alone, on both sides or on one by chance.
SINGLE = (
    "browDown", "browInnerUp", "browOuterUp", "eyeBlink", "eyeSquint", "eyeWide", "jawOpen",
    "jawLeft", "jawRight", "mouthFrown", "mouthFunnel", "mouthLeft", "mouthLowerDown", "mouthPress",
    "mouthPucker", "mouthRight", "mouthShrugUpper", "mouthShrugLower", "mouthSmile", "mouthStretch",
    "mouthUpperUp", "noseSneer", "mouthDimple", "mouthRollLower",
)  # fmt: skip
#: The order of ICT FaceKit's vertices after its README; from the shells on (tears, blends, cards of
#: lashes) all are made to be drawn with transparent textures, and left out.
_ICT_EYES, _ICT_SHELLS = ((21451, 23021), (23021, 24591)), 24591
_ICT_MOUTH = (11248, 13294)
_ICT_GUMS, _ICT_TEETH = (14062, 17039), (17039, 21451)
_SKIN, _LIPS, _BROWS = (0.62, 0.40, 0.31), (0.50, 0.19, 0.17), (0.10, 0.07, 0.05)
_OUTER_LIPS = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39,
               40, 185)  # fmt: skip
_BROW_RIGHT = (70, 63, 105, 66, 107, 55, 65, 52, 53, 46)
_BROW_LEFT = (300, 293, 334, 296, 336, 285, 295, 282, 283, 276)
OVAL = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152,
    148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip


@dataclass(frozen=True)
class Clip:
    """What is known of a clip.

    Attributes
    ----------
    head : str
        "open" or "ict".
    seed : int
    size, light : str
        Names in `SIZES` and `LIGHTS`.
    identity : numpy.ndarray
    units : numpy.ndarray
        (n, 52) in `ARKIT_NAMES` order.
    turns_deg : numpy.ndarray
        (n, 3) pitch (positive looks down), yaw (positive to the subject's left) and roll.
    shift_m : numpy.ndarray
        (n, 3) of the head before the camera.
    """

    head: str
    seed: int
    size: str
    light: str
    identity: np.ndarray
    units: np.ndarray
    turns_deg: np.ndarray
    shift_m: np.ndarray

    @property
    def timestamps_s(self) -> np.ndarray:
        """(n,) seconds."""
        return np.arange(len(self.units)) / RATE_HZ


def raised(controls: dict[str, float]) -> np.ndarray:
    """Units (52,) of controls; those without a side are raised on both."""
    values = [
        controls.get(name, controls.get(name.removesuffix("Left").removesuffix("Right"), 0.0))
        if name not in ("mouthLeft", "mouthRight", "jawLeft", "jawRight")
        else controls.get(name, 0.0)
        for name in ARKIT_NAMES
    ]
    return np.array(values)


def make_clip(head: str, seed: int, size: str, light: str, n_frames: int = 24) -> Clip:
    """A clip by chance: one single unit and one natural expression, between two poses."""
    random = np.random.default_rng(seed)
    combined = list(COMBINED.values())[random.integers(len(COMBINED))]
    name = SINGLE[random.integers(len(SINGLE))]
    if f"{name}Left" in ARKIT_NAMES and random.uniform() < 0.5:
        name += ("Left", "Right")[random.integers(2)]
    single = {name: float(random.uniform(0.6, 1.0))}
    targets = [raised(single), raised(combined) * random.uniform(0.7, 1.0)]
    if random.uniform() < 0.5:
        targets.reverse()
    t = np.linspace(0, 1, n_frames)
    first = _step((t - 0.05) / 0.25) - _step((t - 0.42) / 0.2)
    second = _step((t - 0.5) / 0.25)
    units = first[:, None] * targets[0] + second[:, None] * targets[1]
    limit = np.array([22.0, 40.0, 12.0])
    ends = random.uniform(-1, 1, (2, 3)) * limit
    way = _step(t)[:, None]
    basis = model_of(head).identity_basis.shape[2] if head == "open" else 10
    spread = 1.0 if head == "open" else 0.7
    identity = np.clip(random.normal(0, spread, basis), -2 * spread, 2 * spread)
    shift = random.uniform(-1, 1, 3) * (0.05, 0.03, 0.04)
    drift = random.uniform(-1, 1, 3) * (0.02, 0.01, 0.02)
    return Clip(
        head, seed, size, light, identity, np.clip(units, 0, 1),
        ends[0] + way * (ends[1] - ends[0]), shift + way * drift,
    )  # fmt: skip


def _step(x: np.ndarray) -> np.ndarray:
    x = np.clip(x, 0, 1)
    return np.asarray(x**3 * (10 - 15 * x + 6 * x**2))


@cache
def model_of(head: str, data: Path | None = None) -> HeadModel:
    """The head that is filmed: "open", or "ict" from the shared data, with its own units."""
    if head == "open":
        return load_open_head()
    if data is None:
        raise ValueError("the ICT head lies in the shared data")
    grey = ict_head(data)
    own = ict_units(data)
    zero = np.zeros_like(grey.template)
    units = np.stack([own.get(name, zero) for name in ARKIT_NAMES])
    corner = grey.triangles[:, 0]
    shown = corner < _ICT_SHELLS
    head_model = grey.replace(triangles=grey.triangles[shown], units=units)
    found = find_landmarks(head_model.replace(colours=_ict_eyes(head_model)))
    points = found.positions(grey.template, head_model.triangles)
    return head_model.replace(landmarks=found, colours=_ict_colours(head_model, points))


def _ict_eyes(head: HeadModel) -> np.ndarray:
    """Colours (V, 3): skin, teeth and eyes with iris and pupil."""
    colours = np.tile(np.array(_SKIN, np.float32), (head.n_vertices, 1))
    colours[slice(*_ICT_MOUTH)] = (0.35, 0.10, 0.09)
    colours[slice(*_ICT_GUMS)] = (0.50, 0.17, 0.16)
    colours[slice(*_ICT_TEETH)] = (0.75, 0.72, 0.64)
    for first, last in _ICT_EYES:
        ball = head.template[first:last].astype(np.float64)
        ray = ball - (ball.min(axis=0) + ball.max(axis=0)) / 2
        angle = np.degrees(np.arccos(ray[:, 2] / np.linalg.norm(ray, axis=1)))
        white, iris = np.array((0.72, 0.70, 0.68)), np.array((0.13, 0.20, 0.24))
        colours[first:last] = np.where((angle < 29)[:, None], iris, white)
        colours[first:last][angle < 11] = 0.01
    return colours


def _ict_colours(head: HeadModel, points: np.ndarray) -> np.ndarray:
    """Colours (V, 3) with lips and brows, painted between the landmarks."""
    colours = _ict_eyes(head)
    skin = slice(0, 9409)
    place = head.template[skin, :2]
    front = head.template[skin, 2] > points[234, 2]
    for outline, colour in ((_OUTER_LIPS, _LIPS), (_BROW_RIGHT, _BROWS), (_BROW_LEFT, _BROWS)):
        inside = _in_polygon(place, points[list(outline), :2]) & front
        colours[skin][inside] = colour
    return colours


def _in_polygon(points: np.ndarray, polygon: np.ndarray) -> np.ndarray:
    """Whether points (n, 2) lie in a polygon (m, 2), by counting crossings."""
    inside = np.zeros(len(points), bool)
    for a, b in zip(polygon, np.roll(polygon, 1, axis=0), strict=True):
        cuts = (a[1] > points[:, 1]) != (b[1] > points[:, 1])
        at = (b[0] - a[0]) * (points[:, 1] - a[1]) / np.where(b[1] == a[1], 1e-12, b[1] - a[1])
        inside ^= cuts & (points[:, 0] < at + a[0])
    return inside


def face_region(head: HeadModel) -> np.ndarray:
    """Bool (V,): skin in front within the face's oval."""
    assert head.landmarks is not None
    points = head.landmarks.positions(head.template, head.triangles)
    part = vertex_parts(head.n_vertices, head.triangles)
    skin = np.bincount(part[head.triangles[head.landmarks.triangles[:468], 0]]).argmax()
    inside = _in_polygon(head.template[:, :2], points[list(OVAL), :2])
    ahead = vertex_normals(head.template, head.triangles)[:, 2] > 0
    behind = head.template[:, 2] < points[list(OVAL), 2].min() - 0.005
    return np.asarray((part == skin) & inside & ahead & ~behind)


def vertices_of(head: HeadModel, identity: np.ndarray, units: np.ndarray) -> np.ndarray:
    """Unposed vertices (V, 3) in m."""
    return head.shaped(identity, units=units)


def turn_of(clip: Clip, frame: int) -> np.ndarray:
    """Rotation (3, 3) of the head in the camera's axes; the identity looks into the camera."""
    pitch, yaw, roll = np.radians(clip.turns_deg[frame])
    turn = rodrigues(np.array([0, yaw, 0])) @ rodrigues(np.array([pitch, 0, 0]))
    return np.asarray(turn @ rodrigues(np.array([0, 0, roll])))


def draw(head: HeadModel, clip: Clip, frame: int, samples: int = 2) -> tuple[Rendering, np.ndarray]:
    """A frame's rendering with its background, and the vertices that were drawn."""
    width, height = SIZES[clip.size]
    vertices = vertices_of(head, clip.identity, clip.units[frame])
    assert head.landmarks is not None
    pivot = head.template[head.triangles[head.landmarks.triangles[1]]].mean(axis=0)
    pivot = pivot - np.array([0, 0.0, 0.09])
    posed = (vertices - pivot) @ turn_of(clip, frame).T + pivot + clip.shift_m[frame]
    # A face of nearly half of the picture's height, at arm's length from a camera of 31 degrees.
    camera = Camera(pivot, 0.75, height / 2 / np.tan(np.radians(15.5)), width, height)
    drawn = render(
        posed, head.triangles, head.colours, camera, light=LIGHTS[clip.light], samples=samples
    )
    picture = _before_background(drawn, clip.seed, frame)
    return Rendering(picture, drawn.depth, drawn.triangle, drawn.barycentric, camera), posed


def _before_background(drawn: Rendering, seed: int, frame: int) -> np.ndarray:
    """The picture before blurred blobs of colour, with the noise of a sensor."""
    ground = _background(seed, drawn.image.shape[:2])
    hidden = gaussian_filter((drawn.triangle >= 0).astype(np.float32), 0.7)[..., None]
    random = np.random.default_rng((seed, frame))
    mixed = drawn.image * hidden + ground * (1 - hidden)
    mixed = mixed + random.normal(0, 2.5, mixed.shape)
    return np.clip(mixed, 0, 255).astype(np.uint8)


@cache
def _background(seed: int, shape: tuple[int, int]) -> np.ndarray:
    random = np.random.default_rng(seed)
    blobs = random.uniform(40, 180, (*shape, 1)) + random.uniform(-18, 18, (*shape, 3))
    blobs = blobs[::40, ::40]
    fine = np.kron(blobs, np.ones((40, 40, 1)))[: shape[0], : shape[1]]
    blurred = gaussian_filter(fine, (25, 25, 0))
    return np.asarray(blurred, np.float32)


def frames(head: HeadModel, clip: Clip, samples: int = 2) -> Iterator[tuple[Rendering, np.ndarray]]:
    """All frames of a clip: rendering and drawn vertices."""
    for frame in range(len(clip.units)):
        yield draw(head, clip, frame, samples)
