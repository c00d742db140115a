"""What is filmed: a head with hair and shoulders, as one mesh with what its shader needs.

Hair is the scalp lifted off the head, long hair a curtain behind it; neck and shirt are a loft from
the rim of the neck. All of it is laid onto the open head by the landmarks, so that maps and hair
fit other heads as well.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.interpolate import RBFInterpolator
from scipy.spatial import KDTree

from ...eifer_addon.heads.canonical import N_FACE
from ...eifer_addon.heads.landmarks import find_landmarks
from ...eifer_addon.heads.model import HeadModel
from ...eifer_addon.heads.open_head import load_open_head
from ...eifer_addon.heads.parts import Parts, head_parts
from .electrode_wear import similarity
from .film_raster import NormalTable
from .materials import Look, skin_colour
from .skin import texels

#: The hairline on the open head: azimuth in degrees from the front, height in m.
_HAIRLINE = ((0, 0.0815), (14, 0.0835), (30, 0.087), (42, 0.079), (54, 0.060), (62, 0.037),
             (72, 0.022), (80, 0.020), (95, 0.028), (108, 0.016), (118, -0.012), (135, -0.030),
             (180, -0.038))  # fmt: skip
_HAIR_AXIS_Z, _HAIRLINE_SOFT_M = -0.037, 0.022
#: Thickness of hair in m by its cut, on the crown.
_THICK = {"shorn": 0.002, "short": 0.010, "full": 0.021, "long": 0.017}
_CURTAIN = (10, 36)
#: Rings of the loft: drop below the rim, half width, half depth, shift backwards, in m; the first
#: that is cloth.
_RINGS = ((0.014, 0.064, 0.060, -0.052), (0.026, 0.078, 0.068, -0.054),
          (0.036, 0.108, 0.076, -0.056), (0.033, 0.1095, 0.0785, -0.056),
          (0.050, 0.165, 0.088, -0.058),
          (0.085, 0.205, 0.105, -0.056), (0.16, 0.222, 0.125, -0.050),
          (0.32, 0.226, 0.135, -0.045))  # fmt: skip
_CLOTH = 3
_AROUND = 56
#: Distance from the landmarks in m over which what they say fades.
_FACE_REACH_M = 0.03
#: On heads with shoulders of their own, the height of the collar behind, and its fall to the front.
_COLLAR_M, _COLLAR_SOFT_M = (-0.112, 0.014), 0.02
#: What a vertex is made of.
SKIN, PART, HAIR, CLOTH = 0, 1, 2, 3


@dataclass(frozen=True)
class FilmMesh:
    """A person's mesh.

    Attributes
    ----------
    head : HeadModel
    triangles : numpy.ndarray
        int32 (F, 3), the head's first (of it those that are drawn), then hair's and the body's.
    cull : numpy.ndarray
        bool (F,).
    material : numpy.ndarray
        int8 (V,): SKIN, PART (eyes, teeth, lashes: own colours), HAIR or CLOTH.
    skin_share : numpy.ndarray
        float32 (V,), 1 on skin; where it falls below a half between vertices, skin ends.
    colours : numpy.ndarray
        float32 (V, 3), linear RGB, of all but the skin.
    texel : numpy.ndarray
        float32 (V, 2) column and row in the maps.
    hair_share : numpy.ndarray
        (V,) how much hair covers the skin.
    gloss : numpy.ndarray
        float32 (V,) sheen against skin's.
    cap : numpy.ndarray
        int (c,), skin vertices over which the cap lies.
    cap_lift : numpy.ndarray
        (c,) in m along the normal.
    curtain, shoulders : numpy.ndarray
        (k, 3) rest positions in m, in the axes of the head and of the body.
    n_head_triangles : int
        The body's triangles come after so many.
    lit_by : numpy.ndarray
        int (V,), whose light a vertex takes: single hairs take that of the skin below.
    casts : numpy.ndarray
        int, triangles that cast shadows: skin, hair and cloth.
    """

    head: HeadModel
    triangles: np.ndarray
    cull: np.ndarray
    material: np.ndarray
    skin_share: np.ndarray
    colours: np.ndarray
    texel: np.ndarray
    hair_share: np.ndarray
    gloss: np.ndarray
    cap: np.ndarray
    cap_lift: np.ndarray
    curtain: np.ndarray
    shoulders: np.ndarray
    n_head_triangles: int
    lit_by: np.ndarray
    casts: np.ndarray

    def normals(self, vertices: np.ndarray) -> np.ndarray:
        """Unit normals (V, 3) of the head's own vertices."""
        return self._table.normals(vertices)

    @cached_property
    def _table(self) -> NormalTable:
        return NormalTable(self.head.n_vertices, self.head.triangles)


def laid_on_open_head(head: HeadModel) -> np.ndarray:
    """Places (V, 3) in m of a head's vertices on the open head, by the landmarks of both."""
    if head.name == "open":
        return head.template.astype(np.float64)
    base = load_open_head()
    assert base.landmarks is not None
    there = base.landmarks.positions(base.template, base.triangles)[:N_FACE]
    marks = head.landmarks or find_landmarks(head)
    here = marks.positions(head.template, head.triangles)[:N_FACE]
    scale, turn, shift = similarity(here, there)
    moved = head.template.astype(np.float64) @ turn.T * scale + shift
    beside = there - (here @ turn.T * scale + shift)
    anchors = here @ turn.T * scale + shift
    warp = RBFInterpolator(anchors[::3], beside[::3], kernel="linear", smoothing=1e-4)
    # Off the face the landmarks say nothing: there the head is only turned and scaled.
    away = KDTree(anchors).query(moved)[0]
    near = np.exp(-((away / _FACE_REACH_M) ** 2))
    at = np.flatnonzero(near > 0.01)
    moved[at] += near[at, None] * warp(moved[at])
    return moved


def hair_share(place: np.ndarray, look: Look) -> np.ndarray:
    """How much a point (n, 3) on the open head is below hair, 0 to 1."""
    turn = np.degrees(np.arctan2(place[:, 0], place[:, 2] - _HAIR_AXIS_Z))
    azimuth = np.abs(turn)
    line = np.interp(azimuth, *np.array(_HAIRLINE).T)
    # A parting at one side, from which the hair falls to the other; and a few waves.
    random = np.random.default_rng((look.seed, 0x4A4))
    part, deep = random.uniform(-32, 32), random.uniform(0, 0.016) * (random.uniform() < 0.6)
    waves = np.sin(np.radians(turn[:, None] * (5, 9)) + random.uniform(0, 6, 2)) @ (0.0016, 0.0012)
    front = np.clip(1.5 - azimuth / 60, 0, 1)
    line = line + front * (look.hairline_m + waves + deep * np.exp(-(((turn - part) / 16) ** 2)))
    return np.clip((place[:, 1] - line) / _HAIRLINE_SOFT_M + 0.5, 0, 1)


def make_mesh(head: HeadModel, identity: np.ndarray, look: Look) -> FilmMesh:
    """A person's mesh.

    Parameters
    ----------
    head : HeadModel
        With landmarks and colours.
    identity : numpy.ndarray
        Coefficients of the head, for which hair and shoulders are made.
    look : Look
    """
    assert head.landmarks is not None
    assert head.colours is not None
    parts = head_parts(head, head.landmarks)
    if "skin_vertices" in head.info:
        skin = np.arange(head.n_vertices) < head.info["skin_vertices"]
        parts = replace(parts, skin=skin, hair=np.zeros_like(skin))
    # Single teeth are as small as hairs.
    parts = replace(parts, hair=parts.hair & ~_made_of(head, "teeth"))
    place = laid_on_open_head(head)
    neutral = head.shaped(identity)
    share = np.where(parts.skin, hair_share(place, look) * _no_ears(place), 0.0)
    cap, cap_triangles, lift = _cap(head, share, place, look)
    curtain, curtain_triangles = _curtain(neutral, look)
    rim, shoulders, body_triangles = _shoulders(neutral, head, parts.skin)
    n, n_cap, n_curtain = head.n_vertices, len(cap), len(curtain)
    body_triangles = np.where(body_triangles < 0, rim[np.maximum(-body_triangles - 1, 0)],
                              body_triangles + n + n_cap + n_curtain)  # fmt: skip
    triangles = np.concatenate(
        [head.triangles, cap_triangles + n, curtain_triangles + n + n_cap, body_triangles]
    ).astype(np.int32)
    hairy = parts.hair[head.triangles[:, 0]]
    cull = np.ones(len(triangles), bool)
    cull[: len(hairy)] = ~hairy
    cull[len(head.triangles) + len(cap_triangles) :] = False
    material, skin_share, colours, gloss = _surface(
        head, parts, place, look, n_cap + n_curtain, len(shoulders)
    )
    at = np.concatenate([place, place[cap], curtain, shoulders])
    return FilmMesh(
        head, triangles, cull, material, skin_share, colours, texels(at).astype(np.float32),
        np.concatenate([share, np.zeros(len(at) - n)]), gloss, cap, lift, curtain, shoulders,
        len(triangles) - len(body_triangles), _lit_by(parts, neutral, len(at)),
        _casts(triangles, material),
    )  # fmt: skip


def _surface(
    head: HeadModel, parts: Parts, place: np.ndarray, look: Look, n_hair: int, n_body: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Materials, shares of skin, colours and gloss of the vertices of head, hair and body."""
    above, n_neck = _above_collar(head, place), _CLOTH * _AROUND
    collar = above < _COLLAR_SOFT_M
    material = np.concatenate([
        _head_materials(head, parts.skin, above), np.full(n_hair, HAIR), np.full(n_neck, PART),
        np.full(n_body - n_neck, CLOTH),
    ]).astype(np.int8)  # fmt: skip
    bare = skin_colour(look.melanin, look.blood)
    own = np.where(collar[:, None], look.shirt, _part_colours(head, parts.hair, look))
    colours = np.concatenate(
        [own, np.tile(look.hair, (n_hair, 1)), np.tile(bare, (n_neck, 1)),
         np.tile(look.shirt, (n_body - n_neck, 1))]
    )  # fmt: skip
    skin_share = (material == SKIN).astype(np.float32)
    soft = np.flatnonzero(parts.skin & collar)
    skin_share[soft] = np.clip(0.5 + above[soft] / _COLLAR_SOFT_M, 0, 1)
    eyes = parts.eyes["left"] | parts.eyes["right"]
    wet = np.where(eyes, 0.7, np.where(parts.inner, 1.2, 0.1))
    gloss = np.concatenate([
        np.where(parts.skin, 1.0, wet), np.full(n_hair, 0.9), np.full(n_neck, 0.6),
        np.zeros(n_body - n_neck),
    ])  # fmt: skip
    return material, skin_share, colours.astype(np.float32), gloss.astype(np.float32)


def _head_materials(head: HeadModel, skin: np.ndarray, above: np.ndarray) -> np.ndarray:
    """Materials (V,) of a head's own vertices."""
    found = np.where(skin & ~_mouth(head, skin), SKIN, PART)
    found[skin & (above < 0)] = CLOTH
    return found


def _above_collar(head: HeadModel, place: np.ndarray) -> np.ndarray:
    """Height (V,) in m above the collar that heads with shoulders of their own get."""
    if "skin_vertices" not in head.info:
        return np.ones(len(place))
    azimuth = np.arctan2(place[:, 0], place[:, 2] - _HAIR_AXIS_Z)
    return np.asarray(place[:, 1] - _COLLAR_M[0] + _COLLAR_M[1] * np.cos(azimuth))


def _lit_by(parts: Parts, neutral: np.ndarray, count: int) -> np.ndarray:
    """Number (count,) of each vertex, for single hairs that of the nearest skin."""
    number, skin = np.arange(count), np.flatnonzero(parts.skin)
    hairs = np.flatnonzero(parts.hair)
    if len(hairs):
        number[hairs] = skin[KDTree(neutral[skin]).query(neutral[hairs])[1]]
    return number


def _casts(triangles: np.ndarray, material: np.ndarray) -> np.ndarray:
    """Triangles that cast shadows; what lies inside the mouth and the lids need not be asked."""
    return np.flatnonzero((material[triangles] != PART).any(axis=1))


def _no_ears(place: np.ndarray) -> np.ndarray:
    """0 on the ears, 1 elsewhere; they stick out of the head below the hair."""
    out = np.clip((np.abs(place[:, 0]) - 0.0725) / 0.004, 0, 1)
    return 1 - out * (place[:, 1] < 0.045) * (place[:, 1] > -0.05) * (place[:, 2] > -0.06)


def _mouth(head: HeadModel, skin: np.ndarray) -> np.ndarray:
    """Bool (V,), skin inside the mouth and the nostrils, whose own colours are dark."""
    assert head.colours is not None
    dark = head.colours.sum(axis=1) < 0.30
    inside = _made_of(head, "mouth")
    near = (np.abs(head.template[:, 0]) < 0.03) & (head.template[:, 2] > 0.03)
    return np.asarray(skin & (inside | (dark & near & (head.template[:, 1] < 0.0))))


def _made_of(head: HeadModel, material: str) -> np.ndarray:
    """Bool (V,), vertices of polygons of a material."""
    found = np.zeros(head.n_vertices, bool)
    kind, polygons = head.polygon_material, head.polygons
    if kind is not None and polygons is not None and material in head.materials:
        chosen = polygons[kind == head.materials.index(material)]
        found[chosen[chosen >= 0]] = True
    return found


def _part_colours(head: HeadModel, hairs: np.ndarray, look: Look) -> np.ndarray:
    """Colours (V, 3): the eyes' irises and the brows' hairs are the person's own."""
    assert head.colours is not None
    colours = head.colours.astype(np.float64).copy()
    if head.polygons is None or head.polygon_material is None:
        return colours

    def of(name: str) -> np.ndarray:
        return np.flatnonzero(_made_of(head, name))

    iris = of("iris")
    tone = colours[iris].sum(axis=1, keepdims=True)
    streaked = np.array(look.iris) * tone / np.median(tone)
    limbus = np.clip(tone / np.median(tone), 0, 1)
    colours[iris] = np.clip(streaked * (0.35 + 0.65 * limbus), 0.002, 0.6)
    colours[of("pupil")] = 0.003
    brows = of("brows")
    colours[brows] = np.array(look.brow) * (0.8 + 0.4 * (brows % 7)[:, None] / 6)
    colours[np.setdiff1d(np.flatnonzero(hairs), brows)] = (0.010, 0.007, 0.006)
    colours[of("sclera")] *= (0.86, 0.82, 0.79)
    teeth = of("teeth")
    colours[teeth] *= np.array([0.92, 0.88, 0.78]) * (1 - 0.003 * max(look.age_years - 20, 0))
    return colours


def _cap(
    head: HeadModel, share: np.ndarray, place: np.ndarray, look: Look
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Hair over the scalp: skin vertices (c,), triangles in them, lifts (c,) in m."""
    if look.cut == "shorn":
        return np.zeros(0, int), np.zeros((0, 3), int), np.zeros(0)
    inside = (share[head.triangles] > 0.02).all(axis=1)
    cap, flat = np.unique(head.triangles[inside], return_inverse=True)
    random = np.random.default_rng((look.seed, 0x4A1))
    wave = np.sin(place[cap] @ random.normal(0, 75, (3, 3)) + random.uniform(0, 6, 3)).mean(axis=1)
    crown = np.clip((place[cap, 1] - 0.02) / 0.09, 0, 1)
    thick = _THICK[look.cut] * (0.55 + 0.45 * crown) * (1 + 0.35 * wave)
    triangles = flat.reshape(-1, 3)
    lift = np.clip(1.6 * share[cap] - 0.25, 0, 1) ** 0.8 * thick
    lift[_border(triangles)] = -0.0015
    return cap, triangles, lift


def _border(triangles: np.ndarray) -> np.ndarray:
    """Vertices on the open edges of some triangles."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    single, count = np.unique(np.sort(edges, axis=1), axis=0, return_counts=True)
    return np.unique(single[count == 1])


def _curtain(neutral: np.ndarray, look: Look) -> tuple[np.ndarray, np.ndarray]:
    """Long hair behind and beside the head: points (k, 3) in m and triangles."""
    if look.cut != "long":
        return np.zeros((0, 3)), np.zeros((0, 3), int)
    rows, columns = _CURTAIN
    random = np.random.default_rng((look.seed, 0x4A2))
    wide = np.percentile(np.abs(neutral[:, 0]), 99) + 0.012
    turn = np.radians(np.linspace(74, 286, columns)) + random.normal(0, 0.015, columns)
    fall = np.linspace(0, 1, rows)[:, None]
    length = random.uniform(0.10, 0.24)
    wave = 1 + 0.05 * np.sin(fall * random.uniform(4, 9) + random.uniform(0, 6, columns))
    spread = (0.93 + 0.22 * np.sin(np.pi * np.clip(fall * 0.75, 0, 1))) * wave
    x = wide * np.sin(turn) * spread
    z = -0.030 + 0.098 * np.cos(turn) * (0.96 + 0.1 * fall) * wave
    y = 0.075 - fall * (0.075 + length) + 0.012 * np.cos(2 * turn) + 0 * x
    points = np.stack([x, y, z], axis=-1).reshape(-1, 3)
    return points, _grid_triangles(rows, columns, closed=False)


def _grid_triangles(rows: int, columns: int, *, closed: bool) -> np.ndarray:
    """Triangles of a grid of points, row by row; closed joins the last column to the first."""
    last = columns if closed else columns - 1
    row, column = np.divmod(np.arange((rows - 1) * last), last)
    after = (column + 1) % columns
    a, b = row * columns + column, row * columns + after
    c, d = a + columns, b + columns
    return np.concatenate([np.stack([a, c, d], 1), np.stack([a, d, b], 1)])


def _shoulders(
    neutral: np.ndarray, head: HeadModel, skin: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rim (r,) of the neck, points (k, 3) of the loft, and triangles; -1 - i is rim vertex i."""
    rim = _rim(head, skin)
    low = neutral[rim, 1].mean()
    middle_z = neutral[rim, 2].mean()
    reach = np.abs(neutral[rim, 0]).max() / 0.0585
    turn = np.linspace(0, 2 * np.pi, _AROUND, endpoint=False)
    rings = []
    for number, (drop, wide, deep, back) in enumerate(_RINGS):
        slope = np.clip(number - 1 - (number > 2), 0, 3) / 3
        x = wide * (reach if number <= _CLOTH else 1.0) * np.sin(turn)
        z = (
            middle_z
            + (back + 0.052) * slope
            + deep * (reach if number <= _CLOTH else 1.0) * np.cos(turn)
        )
        # Collars are lower in front than behind.
        y = low - drop - 0.012 * np.cos(turn) * (number < 5) + 0 * x
        rings.append(np.stack([x, y, z], axis=1))
    points = np.concatenate(rings)
    triangles = _grid_triangles(len(_RINGS), _AROUND, closed=True)
    angle = np.arctan2(neutral[rim, 0], neutral[rim, 2] - middle_z) % (2 * np.pi)
    nearest = np.argmin(np.abs((angle[None] - turn[:, None] + np.pi) % (2 * np.pi) - np.pi), axis=1)
    after = np.roll(np.arange(_AROUND), -1)
    first = np.stack([-1 - nearest, np.arange(_AROUND), after], axis=1)
    second = np.stack([-1 - nearest, after, -1 - nearest[after]], axis=1)
    joined = np.concatenate([first, second[nearest != nearest[after]]])
    return rim, points, np.concatenate([joined, triangles])


def _rim(head: HeadModel, skin: np.ndarray) -> np.ndarray:
    """Skin vertices (r,) at the end of the neck: those that the head names, else its border."""
    if "rim" in head.info:
        return np.asarray(head.info["rim"], int)
    border = _border(head.triangles[skin[head.triangles[:, 0]]])
    low = head.template[border, 1] < head.template[skin, 1].min() + 0.035
    return border[low]
