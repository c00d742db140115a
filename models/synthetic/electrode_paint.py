"""The paint of drawn electrodes: discs, cables and tape as coverage and colour over a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

#: Adhesive rings, housings and cables, sRGB in [0, 1]; one of each is worn by a person, but for
#: the cables, whose colours tell the channels apart.
_RINGS = ((0.93, 0.92, 0.89), (0.90, 0.84, 0.76), (0.80, 0.88, 0.94))
_HOUSINGS = ((0.12, 0.12, 0.13), (0.86, 0.86, 0.84), (0.20, 0.33, 0.58))
_CABLES = (
    (0.13, 0.13, 0.14), (0.75, 0.16, 0.14), (0.16, 0.32, 0.66), (0.18, 0.50, 0.26),
    (0.88, 0.78, 0.22), (0.86, 0.86, 0.84), (0.50, 0.31, 0.17), (0.45, 0.25, 0.55),
)  # fmt: skip
_STUD, _TAPE = (0.78, 0.77, 0.74), (0.93, 0.91, 0.86)
#: Radii of housing and stud, the shadow's reach, cable width and tape size, in radii of the ring.
_HOUSING, _STUD_RADIUS, _SHADOW, _CABLE, _TAPE_SIZE = 0.62, 0.24, 1.35, 0.17, (0.95, 2.1)
#: Towards the light in the picture: right, down, to the viewer.
_LIGHT = np.array([-0.35, -0.55, 0.76])
_TAPED, _TAPE_OPACITY = 0.3, 0.82
#: On the canonical face, cm: above this cables go up, round the eyes.
_ABOVE_EYES_CM = 2.8
#: Pixels beyond the picture in which a cable is still drawn, the fewest points of its way that make
#: one, and the weight from which a pixel is touched.
_MARGIN, _SHORTEST, _FAINTEST = 16, 3, 1e-3
#: Brightness of skin, in 0 to 255, at which things have the colours above.
_USUAL_LIGHT = 165.0


@dataclass(frozen=True)
class Glued:
    """Electrodes as a picture shows them.

    Attributes
    ----------
    centres : numpy.ndarray
        (n, 2) in pixels, y downwards.
    axes : numpy.ndarray
        (n, 2, 2) in pixels: where the radius to the side and the one upwards end, from the centre.
    facing : numpy.ndarray
        (n,) cosine between the skin's normal and the viewer.
    visible : numpy.ndarray
        bool (n,).
    flat_cm : numpy.ndarray
        (n, 2) places on the canonical face, which say to which side cables leave.
    frame : numpy.ndarray
        (4,) left, top, right, bottom of the face in pixels.
    depth_m : numpy.ndarray or None
        (n,): what is nearer to the camera than this hides the electrode.
    """

    centres: np.ndarray
    axes: np.ndarray
    facing: np.ndarray
    visible: np.ndarray
    flat_cm: np.ndarray
    frame: np.ndarray
    depth_m: np.ndarray | None = None


@dataclass(frozen=True)
class Drawn:
    """A picture with electrodes or with cables alone.

    Attributes
    ----------
    image : numpy.ndarray
        uint8 RGB (H, W, 3).
    coverage : numpy.ndarray
        float32 (H, W) in [0, 1], how much of a pixel the electrodes, cables and tape take.
    glued : Glued or None
        Where the electrodes are; None where there are only cables.
    """

    image: np.ndarray
    coverage: np.ndarray
    glued: Glued | None = None


class _Canvas:
    """A picture that is painted over, and the share of it that is covered."""

    def __init__(self, image: np.ndarray, depth: np.ndarray | None) -> None:
        self.colour = image.astype(np.float32) / 255
        self.coverage: np.ndarray = np.zeros(image.shape[:2], np.float32)
        self.depth = depth

    def over(
        self, window: tuple[slice, slice], colour: np.ndarray, opacity: np.ndarray, *, covers: bool
    ) -> None:
        """Lay a colour (h, w, 3) with an opacity (h, w) over a part of the picture."""
        part = self.colour[window]
        part += (colour - part) * opacity[..., None]
        if covers:
            there = self.coverage[window]
            there += (1 - there) * opacity

    def over_pixels(
        self, y: np.ndarray, x: np.ndarray, colour: np.ndarray, opacity: np.ndarray, *, covers: bool
    ) -> None:
        """Lay colours (n, 3) with opacities (n,) over single pixels."""
        under = self.colour[y, x]
        self.colour[y, x] = under + (colour - under) * opacity[:, None]
        if covers:
            self.coverage[y, x] += (1 - self.coverage[y, x]) * opacity

    def window(self, low: np.ndarray, high: np.ndarray) -> tuple[slice, slice] | None:
        """Rows and columns of a box in pixels, None when it is outside."""
        rows, columns = self.coverage.shape
        first = np.clip(np.floor(low).astype(int), 0, (columns, rows))
        last = np.clip(np.ceil(high).astype(int) + 1, 0, (columns, rows))
        if (last <= first).any():
            return None
        return slice(first[1], last[1]), slice(first[0], last[0])


def paint(image: np.ndarray, glued: Glued, seed: int = 0, depth: np.ndarray | None = None) -> Drawn:
    """Paint electrodes, their cables and tape over a picture.

    Parameters
    ----------
    image : numpy.ndarray
        uint8 RGB (H, W, 3).
    glued : Glued
    seed : int
        Of colours, cables and tape.
    depth : numpy.ndarray, optional
        (H, W) in m, of a rendering; what lies before an electrode stays before it.
    """
    canvas = _Canvas(image, depth)
    random = np.random.default_rng(seed)
    ring, housing = (np.array(kind[random.integers(len(kind))]) for kind in (_RINGS, _HOUSINGS))
    n = len(glued.centres)
    colours = np.array(_CABLES)[random.integers(len(_CABLES), size=n)]
    turns = random.normal(0, 0.35, n)
    sway = random.normal(0, 1, (n, 3))
    taped = random.uniform(size=n) < _TAPED
    radius = np.sqrt(np.maximum(np.abs(np.linalg.det(glued.axes)), 1e-6)).max()
    light = np.array([_light_at(image, c, radius) for c in glued.centres])
    for k in np.flatnonzero(glued.visible).tolist():
        _disc(canvas, glued, k, ring * light[k], housing * light[k])
    for k in np.flatnonzero(glued.visible).tolist():
        course = _course(glued, k, float(turns[k]), sway[k], radius)
        _cable(canvas, course, radius * _CABLE, colours[k] * light[k])
        if taped[k]:
            _tape(canvas, glued, k, course, light[k])
    picture = (np.clip(canvas.colour, 0, 1) * 255 + 0.5).astype(np.uint8)
    return Drawn(picture, canvas.coverage, glued)


def paint_cables(
    image: np.ndarray, courses: Sequence[np.ndarray], halves: np.ndarray, colours: np.ndarray
) -> Drawn:
    """Paint cables alone over a picture, the last on top.

    Parameters
    ----------
    image : numpy.ndarray
        uint8 RGB (H, W, 3).
    courses : sequence of numpy.ndarray
        The way (m, 2) of each cable in pixels, its points less than a pixel apart.
    halves : numpy.ndarray
        (n,) half of their widths in pixels.
    colours : numpy.ndarray
        (n, 3) sRGB in [0, 1].
    """
    canvas = _Canvas(image, None)
    for course, half, colour in zip(courses, halves, colours, strict=True):
        _cable(canvas, course, float(half), colour)
    return Drawn((np.clip(canvas.colour, 0, 1) * 255 + 0.5).astype(np.uint8), canvas.coverage)


def _light_at(image: np.ndarray, centre: np.ndarray, radius: float) -> float:
    """How bright things look at a place of the picture, against usual skin."""
    rows, columns = image.shape[:2]
    reach = max(int(3 * radius), 2)
    x, y = np.clip(centre.astype(int), 0, (columns - 1, rows - 1))
    part = image[max(y - reach, 0) : y + reach + 1, max(x - reach, 0) : x + reach + 1]
    return float(np.clip(part.mean() / _USUAL_LIGHT, 0.25, 1.12))


def _within(
    canvas: _Canvas, glued: Glued, k: int, axes: np.ndarray, centre: np.ndarray, reach: float
) -> tuple[tuple[slice, slice], np.ndarray, np.ndarray] | None:
    """A window around an electrode, its pixels in radii (h, w, 2), and where nothing hides it."""
    half = reach * np.abs(axes).sum(axis=0) + 1
    window = canvas.window(centre - half, centre + half)
    if window is None:
        return None
    y, x = np.mgrid[window]
    offset = np.stack([x, y], axis=-1) + 0.5 - centre
    local = offset @ np.linalg.inv(axes + 1e-6 * np.eye(2))
    free = np.ones(offset.shape[:2], np.float32)
    if canvas.depth is not None and glued.depth_m is not None:
        free = (canvas.depth[window] > glued.depth_m[k]).astype(np.float32)
    return window, local, free


def _disc(canvas: _Canvas, glued: Glued, k: int, ring: np.ndarray, housing: np.ndarray) -> None:
    """One electrode: its shadow on the skin, the ring, the domed housing and the stud."""
    axes = glued.axes[k]
    found = _within(canvas, glued, k, axes, glued.centres[k], _SHADOW + 0.3)
    if found is None:
        return
    window, local, free = found
    edge = 1 / np.sqrt(max(abs(float(np.linalg.det(axes))), 1e-6))  # one pixel, in radii
    r = np.linalg.norm(local, axis=-1)
    shifted = np.linalg.norm(local + _LIGHT[:2] @ np.linalg.inv(axes + 1e-6 * np.eye(2)) * 1.5,
                             axis=-1)  # fmt: skip
    shade = 0.45 * np.clip((_SHADOW - shifted) / (_SHADOW - 0.9), 0, 1)
    canvas.over(window, np.zeros(3), (shade * free).astype(np.float32), covers=False)
    for radius, colour, dome, gloss in (
        (1.0, ring, 0.25, 0.0), (_HOUSING, housing, 0.8, 0.25), (_STUD_RADIUS, None, 1.2, 0.6)
    ):  # fmt: skip
        base = np.array(_STUD) * ring.max() if colour is None else colour
        shaded = _shaded(base, local / radius, axes, dome, gloss)
        inside = np.clip((radius - r) / edge + 0.5, 0, 1) * free
        canvas.over(window, shaded, inside.astype(np.float32), covers=True)


def _shaded(
    colour: np.ndarray, local: np.ndarray, axes: np.ndarray, dome: float, gloss: float
) -> np.ndarray:
    """Colours (h, w, 3) of a dome whose rim, at distance 1, leans outwards."""
    unit = axes / np.maximum(np.linalg.norm(axes, axis=1, keepdims=True), 1e-6)
    distance = np.linalg.norm(local, axis=-1, keepdims=True)
    lean = dome * np.clip(distance, 0, 1) ** 3 * local / np.maximum(distance, 1e-6)
    flat = lean @ unit
    normal = np.concatenate([flat, np.ones((*flat.shape[:2], 1))], axis=-1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    lit = np.clip(normal @ _LIGHT, 0, 1)
    shine = gloss * lit**24
    return np.asarray(colour * (0.42 + 0.72 * lit)[..., None] + shine[..., None])


def _course(glued: Glued, k: int, turn: float, sway: np.ndarray, radius: float) -> np.ndarray:
    """A cable's way (m, 2): off the electrode outwards, then in a bow to the bundle at the side."""
    side = 1.0 if glued.flat_cm[k, 0] >= 0 else -1.0
    (left, top, right, bottom), start = glued.frame, glued.centres[k]
    wide, high = right - left, bottom - top
    middle = (left + right) / 2
    spread = sway[:2] * (0.03 * wide, 0.03 * high)
    if glued.flat_cm[k, 1] > _ABOVE_EYES_CM:
        # No eye is looked through cables: those of the forehead go round the temples.
        bundle = np.array([middle + side * 0.60 * wide, top + 0.20 * high]) + spread
        way = np.array([side, 0.25 * np.sin(turn) - 0.25])
        second = bundle + np.array([side * 0.02 * wide, -0.15 * high])
    else:
        level = np.clip((start[1] - top) / high, 0, 1)
        bundle = np.array([middle + side * 0.62 * wide, bottom + (0.25 * level - 0.15) * high])
        bundle += spread
        way = np.array([side * np.cos(turn), 0.30 + 0.7 * np.sin(turn)])
        second = bundle + np.array([side * 0.05 * wide, -0.22 * high])
    way /= np.linalg.norm(way)
    first = start + way * radius * (4 + abs(sway[2]))
    t = np.linspace(0, 1, max(int(1.6 * np.linalg.norm(bundle - start)), 8))[:, None]
    bow = (1 - t) ** 3 * start + 3 * t * (1 - t) ** 2 * first
    bow += 3 * t**2 * (1 - t) * second + t**3 * bundle
    fall = np.array([side * 0.08 * wide, 2.4 * high])
    below = bundle + np.linspace(0, 1, max(int(3 * high), 8))[1:, None] * fall
    inside = np.linalg.norm(bow - start, axis=1) > radius * _HOUSING
    return np.concatenate([bow[inside], below])


def _cable(canvas: _Canvas, course: np.ndarray, half: float, colour: np.ndarray) -> None:
    """A round cable along a way (m, 2) with its soft shadow."""
    limit = np.array(canvas.coverage.shape[::-1])
    course = course[((course > -_MARGIN) & (course < limit + _MARGIN)).all(axis=1)]
    if len(course) < _SHORTEST:
        return
    steps = np.gradient(course, axis=0)
    across = np.stack([-steps[:, 1], steps[:, 0]], axis=1)
    across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-6)
    half = max(half, 0.55)
    offsets = np.linspace(-1, 1, max(int(np.ceil(4 * half)), 3))
    lit = np.sqrt(np.maximum(1 - offsets**2, 0))
    tone = np.broadcast_to(0.45 + 0.6 * lit[None, :], (len(course), len(offsets)))
    places = course[:, None] + offsets[None, :, None] * half * across[:, None]
    _splat(canvas, places - 1.4 * half * _LIGHT[:2], tone, np.zeros(3), 0.35, covers=False)
    _splat(canvas, places, tone, colour, 1.0, covers=True)


def _splat(
    canvas: _Canvas, places: np.ndarray, tone: np.ndarray, colour: np.ndarray, opacity: float,
    *, covers: bool,
) -> None:  # fmt: skip
    """Lay a dense sheet of points (m, k, 2) with tones (m, k) over the picture."""
    points, tones = places.reshape(-1, 2) - 0.5, tone.ravel()
    window = canvas.window(points.min(axis=0), points.max(axis=0) + 1)
    if window is None:
        return
    rows, columns = (part.stop - part.start for part in window)
    points = points - (window[1].start, window[0].start)
    whole = np.floor(points).astype(int)
    rest = points - whole
    weight, shade = np.zeros(rows * columns), np.zeros(rows * columns)
    for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
        x, y = whole[:, 0] + dx, whole[:, 1] + dy
        share = np.abs(1 - dx - rest[:, 0]) * np.abs(1 - dy - rest[:, 1])
        inside = (x >= 0) & (y >= 0) & (x < columns) & (y < rows)
        flat = y[inside] * columns + x[inside]
        weight += np.bincount(flat, share[inside], rows * columns)
        shade += np.bincount(flat, (share * tones)[inside], rows * columns)
    touched = np.flatnonzero(weight > _FAINTEST)
    y, x = np.divmod(touched, columns)
    # Points lie about 2.5 to the pixel, so that half of that is a pixel fully covered.
    alpha = opacity * np.clip(weight[touched] / 1.2, 0, 1)
    tint = colour * (shade[touched] / weight[touched])[:, None]
    canvas.over_pixels(y + window[0].start, x + window[1].start, tint, alpha, covers=covers)


def _tape(canvas: _Canvas, glued: Glued, k: int, course: np.ndarray, light: float) -> None:
    """A strip across the cable, a little way from the electrode, in the skin's plane."""
    axes = glued.axes[k]
    size = float(np.sqrt(abs(np.linalg.det(axes))))
    away = np.linalg.norm(course - course[0], axis=1)
    at = int(np.argmax(away > 1.9 * size))
    if at == 0 or at + 1 >= len(course):
        return
    along = (course[at + 1] - course[at - 1]) @ np.linalg.inv(axes + 1e-6 * np.eye(2))
    along /= max(float(np.linalg.norm(along)), 1e-6)
    found = _within(canvas, glued, k, axes, course[at], float(np.hypot(*_TAPE_SIZE)))
    if found is None:
        return
    window, local, free = found
    turned = np.stack([local @ along, local @ np.array([-along[1], along[0]])], axis=-1)
    inside = np.clip((np.array(_TAPE_SIZE) - np.abs(turned)) * size + 0.5, 0, 1).prod(axis=-1)
    weave = 0.97 + 0.03 * np.sin(9 * turned[..., :1]) * np.sin(9 * turned[..., 1:])
    bump = 1 + 0.12 * np.exp(-((turned[..., 1:] / 0.3) ** 2))
    colour = np.array(_TAPE) * light * weave * bump * 0.95
    canvas.over(window, colour, (_TAPE_OPACITY * inside * free).astype(np.float32), covers=True)
