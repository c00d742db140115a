"""Procedural skin: maps of reflectance and of wrinkles over a cylinder about the head.

Maps belong to the open head's neutral surface (azimuth about the head's axis, height), so that one
map fits every head that is laid onto it by its landmarks.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter, gaussian_filter1d, zoom

from ...eifer_addon.heads.open_head import load_open_head
from .materials import Look, skin_colour

#: Texels around and upwards; the heights in m that they span, and the axis of the cylinder.
WIDE, HIGH = 1024, 640
BOTTOM_M, TOP_M, AXIS_Z_M = -0.125, 0.135, -0.02
_OUTER_LIPS = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39,
               40, 185)  # fmt: skip
#: Lower and upper edge of each brow, from the nose outwards.
_BROWS = (((55, 65, 52, 53, 46), (107, 66, 105, 63, 70)),
          ((285, 295, 282, 283, 276), (336, 296, 334, 293, 300)))  # fmt: skip
_EYES = (
    (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246),
    (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466),
)  # fmt: skip
#: Groups of wrinkles; each deepens with age and with its own movement.
WRINKLES = ("forehead", "glabella", "crow", "fold")


@dataclass(frozen=True)
class Skin:
    """Maps of one person's skin.

    Attributes
    ----------
    reflectance : numpy.ndarray
        float32 (HIGH, WIDE, 3), linear RGB.
    oil : numpy.ndarray
        float32 (HIGH, WIDE), how much the skin shines, about 1.
    wrinkles : numpy.ndarray
        float32 (HIGH, WIDE, 4) of `WRINKLES`: change of brightness at full depth.
    lasting : numpy.ndarray
        (4,) depth of each group at rest.
    """

    reflectance: np.ndarray
    oil: np.ndarray
    wrinkles: np.ndarray
    lasting: np.ndarray


def texels(points: np.ndarray) -> np.ndarray:
    """Column and row (..., 2), as floats, of points (..., 3) in m laid onto the open head."""
    azimuth = np.arctan2(points[..., 0], points[..., 2] - AXIS_Z_M)
    column = (azimuth / (2 * np.pi) + 0.5) * WIDE
    row = (TOP_M - points[..., 1]) / (TOP_M - BOTTOM_M) * HIGH
    # Below the map it is mirrored, so that the skin of the neck has no streaks.
    row = np.where(row > HIGH - 1, 2 * (HIGH - 1) - row, row)
    return np.stack([column, np.clip(row, 0, HIGH - 1)], axis=-1)


@cache
def _marks() -> np.ndarray:
    """Texels (478, 2) of the open head's landmarks."""
    head = load_open_head()
    assert head.landmarks is not None
    return texels(head.landmarks.positions(head.template, head.triangles))


def make_skin(look: Look) -> Skin:
    """A person's skin.

    Parameters
    ----------
    look : Look
    """
    random = np.random.default_rng((look.seed, 0x5C1))
    melanin, blood = _pigments(look, random)
    colour = skin_colour(melanin, blood)
    lips = lip_share()
    red = skin_colour(0.8 * look.melanin + 0.018, look.blood + 0.55 + 0.6 * look.make_up)
    colour += (red - colour) * (0.85 * lips)[..., None]
    colour *= (1 + 0.035 * _noise(random, 1.0) * (1 - lips))[..., None]
    colour = _with_hairs(colour, look, random)
    oil = look.oil * (0.55 + 0.75 * _oily() + 0.35 * lips) * (1 + 0.12 * _noise(random, 1.5))
    age = np.clip((look.age_years - 22) / 55, 0, 1)
    lasting = age * np.array([0.75, 0.6, 0.8, 0.9]) * random.uniform(0.5, 1.1, 4)
    return Skin(
        np.clip(colour, 0.004, 0.95).astype(np.float32), np.clip(oil, 0.05, 3).astype(np.float32),
        _wrinkle_maps(look.seed), lasting + np.array([0, 0, 0, 0.12]),
    )  # fmt: skip


def _pigments(look: Look, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Melanin and blood of every texel."""
    marks = _marks()
    flush = np.zeros((HIGH, WIDE))
    for number, wide, strength in (
        (205, 26, 0.5), (425, 26, 0.5), (4, 14, 0.45), (152, 18, 0.2), (234, 26, 0.3),
        (454, 26, 0.3),
    ):  # fmt: skip
        flush += strength * _bump(marks[number], wide)
    lids = _around_eyes(marks)
    coarse, middle = _noise(random, 30), _noise(random, 7)
    blood = look.blood * (1 + 0.55 * flush + 0.12 * look.blotches * (middle + 0.6 * coarse))
    blood = blood + 0.10 * lids
    spots = np.clip(_noise(random, 1.6) - 1.5, 0, 1.2) * gaussian_filter(_face_share(), 20)
    age = np.clip((look.age_years - 45) / 35, 0, 1)
    old = np.clip(_noise(random, 3.2) - 1.75, 0, 1)
    melanin = look.melanin * (1 + 0.06 * coarse + 0.04 * middle + 0.25 * lids)
    melanin = melanin + 0.05 * look.freckles * spots + 0.045 * age * old
    return np.clip(melanin, 0.006, 0.4), np.clip(blood, 0.05, 1.2)


def _noise(random: np.random.Generator, size: float) -> np.ndarray:
    """Smooth noise of unit variance with blobs of so many texels."""
    shrink = max(int(size), 1)
    shape = (HIGH // shrink + 2, WIDE // shrink + 2)
    field = gaussian_filter(random.standard_normal(shape), size / shrink, mode="wrap")
    if shrink > 1:
        field = zoom(field, shrink, order=1)[:HIGH, :WIDE]
    field = field[:HIGH, :WIDE]
    return np.asarray((field - field.mean()) / field.std())


@cache
def _grid() -> tuple[np.ndarray, np.ndarray]:
    return np.arange(WIDE)[None, :] + 0.5, np.arange(HIGH)[:, None] + 0.5


def _bump(centre: np.ndarray, wide: float, high: float | None = None) -> np.ndarray:
    x, y = _grid()
    return np.asarray(
        np.exp(-(((x - centre[0]) / wide) ** 2 + ((y - centre[1]) / (high or wide)) ** 2) / 2)
    )


def _polygon(points: np.ndarray, soft: float) -> np.ndarray:
    """Share of each texel within an outline (n, 2), with a soft edge."""
    picture = Image.new("L", (WIDE * 2, HIGH * 2))
    ImageDraw.Draw(picture).polygon([tuple(p) for p in (points * 2).tolist()], fill=255)
    mask = np.asarray(picture.resize((WIDE, HIGH), Image.Resampling.BOX), np.float64) / 255
    return np.asarray(gaussian_filter(mask, soft))


@cache
def lip_share() -> np.ndarray:
    """(HIGH, WIDE), 1 on the lips."""
    return _polygon(_marks()[list(_OUTER_LIPS)], 1.6)


def _around_eyes(marks: np.ndarray) -> np.ndarray:
    return sum(
        (gaussian_filter(_polygon(_grown(marks[list(eye)], 1.35), 2.0), 5) for eye in _EYES),
        start=np.zeros((HIGH, WIDE)),
    )


def _grown(points: np.ndarray, factor: float) -> np.ndarray:
    middle = points.mean(axis=0)
    return np.asarray(middle + (points - middle) * factor)


@cache
def _face_share() -> np.ndarray:
    marks = _marks()
    x, y = _grid()
    middle, top, low = marks[4], marks[10, 1], marks[152, 1]
    half = 0.5 * (marks[454, 0] - marks[234, 0])
    return np.asarray(
        ((np.abs(x - middle[0]) < 0.9 * half) & (y > top) & (y < low)).astype(np.float64)
    )


def _oily() -> np.ndarray:
    """Forehead, nose and chin shine the most."""
    marks = _marks()
    found = _bump(marks[151], 45, 26) + 1.1 * _bump(marks[4], 12, 20) + 0.5 * _bump(marks[199], 20)
    return found + 0.45 * (_bump(marks[50], 16) + _bump(marks[280], 16))


def _with_hairs(colour: np.ndarray, look: Look, random: np.random.Generator) -> np.ndarray:
    """Brows and the shade of a beard over reflectances (HIGH, WIDE, 3)."""
    if look.stubble > 0:
        fine = np.clip(0.75 + 0.22 * _noise(random, 0.7), 0.2, 1.3)
        share = look.stubble * beard_share() * fine * 0.62
        dark = np.array(look.hair) * 0.6 + 0.012
        colour = colour + (dark - colour) * np.clip(share, 0, 0.92)[..., None]
    brows = brow_strokes(random, look.brow_density)
    return np.asarray(colour + (np.array(look.brow) - colour) * (0.92 * brows)[..., None])


@cache
def beard_share() -> np.ndarray:
    """(HIGH, WIDE), where beards grow: jaw, chin, upper lip, below the cheek bones."""
    marks = _marks()
    outline = (234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397,
               288, 361, 323, 454, 425, 426, 327, 2, 98, 206, 205)  # fmt: skip
    points = marks[list(outline)].copy()
    points[5:16, 1] += 16
    share = gaussian_filter(_polygon(points, 2.0), 5)
    inner = _polygon(_grown(marks[list(_OUTER_LIPS)], 1.08), 2.0)
    return np.asarray(share * (1 - np.clip(1.3 * inner, 0, 1)))


def brow_strokes(random: np.random.Generator, density: float) -> np.ndarray:
    """(HIGH, WIDE), covered by the single hairs of both brows."""
    scale, marks = 4, _marks()
    low = marks[list(_BROWS[0][0] + _BROWS[0][1] + _BROWS[1][0] + _BROWS[1][1])].min(axis=0) - 16
    high = marks[list(_BROWS[0][0] + _BROWS[0][1] + _BROWS[1][0] + _BROWS[1][1])].max(axis=0) + 16
    first = np.floor(low).astype(int)
    size = np.ceil(high).astype(int) - first
    picture = Image.new("L", tuple((size * scale).tolist()))
    pen = ImageDraw.Draw(picture)
    for under, over in _BROWS:
        edges = [(marks[list(row)] - first) * scale for row in (under, over)]
        out = np.sign(edges[0][-1, 0] - edges[0][0, 0])
        for _ in range(int(330 * density)):
            along, across = random.uniform(0, 4) ** 0.97, random.beta(1.6, 1.6)
            k, part = min(int(along), 3), along - min(int(along), 3)
            rim = [edge[k] + part * (edge[k + 1] - edge[k]) for edge in edges]
            # The landmarks' band is wider than the hairs of most people.
            root = rim[0] + (0.18 + 0.62 * across) * (rim[1] - rim[0])
            lean = np.array([out * (0.35 + 0.22 * along), -1.0 + 0.42 * along])
            lean += random.normal(0, 0.16, 2)
            length = scale * random.uniform(5, 10) * (1 - 0.12 * along)
            tip = root + length * lean / np.linalg.norm(lean)
            pen.line([*root.tolist(), *tip.tolist()], fill=int(random.integers(120, 235)), width=3)
    small = picture.resize(tuple(size.tolist()), Image.Resampling.BOX)
    strokes = np.zeros((HIGH, WIDE))
    strokes[first[1] : first[1] + size[1], first[0] : first[0] + size[0]] = (
        np.asarray(small, np.float64) / 255
    )
    return np.clip(0.85 * strokes + 0.35 * gaussian_filter(strokes, 2.2), 0, 1)


def _wrinkle_maps(seed: int) -> np.ndarray:
    """(HIGH, WIDE, 4) change of brightness: a dark line with a bright lower edge."""
    random = np.random.default_rng((seed, 0x3A1))
    marks = _marks()
    courses = {
        "forehead": _forehead(marks, random), "glabella": _glabella(marks, random),
        "crow": _crow(marks, random), "fold": _folds(marks),
    }  # fmt: skip
    maps = []
    for name in WRINKLES:
        picture = Image.new("L", (WIDE * 2, HIGH * 2))
        pen = ImageDraw.Draw(picture)
        for course, wide, depth in courses[name]:
            pen.line([tuple(p) for p in (course * 2).tolist()], fill=int(depth * 255), width=wide,
                     joint="curve")  # fmt: skip
        drawn = np.asarray(picture.resize((WIDE, HIGH), Image.Resampling.BOX), np.float64) / 255
        line = gaussian_filter(drawn, 3.0 if name == "fold" else 1.5)
        edge = gaussian_filter1d(line, 1.5, axis=0, order=1)
        maps.append(np.clip(-0.62 * line + 0.55 * edge, -0.6, 0.25))
    return np.stack(maps, axis=-1).astype(np.float32)


_Course = tuple[np.ndarray, int, float]


def _forehead(marks: np.ndarray, random: np.random.Generator) -> list[_Course]:
    left, right = marks[103, 0], marks[332, 0]
    top, low = marks[10, 1] + 8, marks[9, 1] - 12
    found = []
    for y in np.linspace(top, low, 4) + random.normal(0, 3, 4):
        x = np.linspace(left + random.uniform(4, 30), right - random.uniform(4, 30), 24)
        bend = 5 * np.cos((x - (left + right) / 2) / (right - left) * 6.0)
        found.append((np.stack([x, y - bend + random.normal(0, 0.7, 24).cumsum() * 0.5], 1), 4,
                      float(random.uniform(0.6, 1.0))))  # fmt: skip
    return found


def _glabella(marks: np.ndarray, random: np.random.Generator) -> list[_Course]:
    found = []
    for number, lean in ((107, 1.0), (336, -1.0)):
        y = np.linspace(-16, 14, 8) + random.normal(0, 2)
        x = marks[number, 0] + lean * (3.5 + 0.008 * y**2 + random.normal(0, 1))
        found.append((np.stack([x, marks[9, 1] + y], axis=1), 5, 1.0))
    return found


def _crow(marks: np.ndarray, random: np.random.Generator) -> list[_Course]:
    found = []
    for number, out in ((33, -1.0), (263, 1.0)):
        for angle in (-0.55, -0.1, 0.3, 0.65):
            t = np.linspace(0, 1, 8)
            turn = angle + random.normal(0, 0.08)
            reach = random.uniform(13, 24)
            x = marks[number, 0] + out * (8 + reach * t * np.cos(turn))
            y = marks[number, 1] + reach * t * np.sin(turn) + 4 * t**2
            found.append((np.stack([x, y], axis=1), 3, float(random.uniform(0.6, 1.0))))
    return found


def _folds(marks: np.ndarray) -> list[_Course]:
    courses = ((129, 203, 206, 216, 212), (358, 423, 426, 436, 432))
    return [(marks[list(course)], 8, 0.85) for course in courses]
