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
from .hair_strands import Scalp, Tied, grow, hang, joined, lashes
from .hair_volume import (
    CURTAIN,
    HAIR_AXIS_Z,
    border,
    grid_triangles,
    hair_share,
    lifted_scalp,
    long_curtain,
    no_ears,
)  # fmt: skip
from .materials import Look, skin_colour
from .skin import texels

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
    tied : numpy.ndarray
        int (k,), vertices of the head with which the points of curtain, locks and lashes go.
    tied_shift : numpy.ndarray
        (k, 3) from there to the points in m, in the head's axes.
    n_curtain : int
        The curtain's points are so many of these, and the first.
    shoulders : numpy.ndarray
        (k, 3) rest positions in m, in the axes of the body.
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
    tied: np.ndarray
    tied_shift: np.ndarray
    n_curtain: int
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
    place, neutral = laid_on_open_head(head), head.shaped(identity)
    share = np.where(parts.skin, hair_share(place, look) * no_ears(place), 0.0)
    cap, cap_triangles, lift = lifted_scalp(head, share, place, look)
    tied, n_curtain, n_lash = _tied(head, parts, look, (neutral, place, share), (cap, lift))
    rim, shoulders, body_triangles = _shoulders(neutral, head, parts.skin)
    own = head.triangles[~_left_out(head, look, parts)]
    n, n_cap = head.n_vertices, len(cap)
    first, after = n + n_cap, n + n_cap + len(tied.anchor)
    body_triangles = np.where(
        body_triangles < 0, rim[np.maximum(-body_triangles - 1, 0)], body_triangles + after
    )
    triangles = np.concatenate(
        [own, cap_triangles + n, tied.triangles + first, body_triangles]
    ).astype(np.int32)
    cull = np.ones(len(triangles), bool)
    cull[: len(own)] = ~parts.hair[own[:, 0]]
    cull[len(own) + len(cap_triangles) :] = False
    material, skin_share, colours, gloss = _surface(
        head, parts, place, look, after - n, len(shoulders)
    )
    colours[first:after] = tied.colours
    material[after - n_lash : after], gloss[after - n_lash : after] = PART, 0.1
    rest = np.concatenate([neutral, neutral[cap], tied.rest, shoulders])
    texel = np.concatenate([texels(place), texels(place[cap]), tied.texel, texels(shoulders)])
    hairs = np.concatenate([np.flatnonzero(parts.hair), np.arange(after - n_lash, after)])
    return FilmMesh(
        head, triangles, cull, material, skin_share, colours, texel.astype(np.float32),
        np.concatenate([share, np.zeros(len(rest) - n)]), gloss, cap, lift, tied.anchor,
        tied.rest - neutral[tied.anchor], n_curtain, shoulders,
        len(triangles) - len(body_triangles), _lit_by(parts, rest, hairs),
        _casts(triangles, material, (first + n_curtain, after)),
    )  # fmt: skip


def _tied(
    head: HeadModel, parts: Parts, look: Look,
    laid: tuple[np.ndarray, np.ndarray, np.ndarray], cap: tuple[np.ndarray, np.ndarray],
) -> tuple[Tied, int, int]:  # fmt: skip
    """Curtain, locks and lashes, and how many of their points are curtain's and lashes'."""
    neutral, place, share = laid
    height = np.zeros(head.n_vertices)
    height[cap[0]] = np.maximum(cap[1], 0)
    normals = NormalTable(head.n_vertices, head.triangles).normals(neutral)
    skin = head.triangles[parts.skin[head.triangles[:, 0]]]
    locks = grow(Scalp(neutral, place, normals, skin, share, height), look)
    points, triangles = long_curtain(neutral, look)
    grown = np.flatnonzero(share > 0.9)
    anchor = grown[KDTree(neutral[grown]).query(points)[1]] if len(points) else np.zeros(0, int)
    colours = np.tile(np.array(look.hair) * 0.75, (len(points), 1))
    found = [Tied(anchor, points, triangles, colours, texels(points)), locks]
    if len(points):
        found.append(hang(points, CURTAIN, anchor[: CURTAIN[1]], look))
    cards = _cards(head, parts, "lashes")
    if len(cards):
        bare = skin_colour(look.melanin, look.blood)
        found.append(lashes(neutral, cards, np.flatnonzero(parts.skin), bare))
    return joined(found), len(points), cards.size


def _cards(head: HeadModel, parts: Parts, material: str) -> np.ndarray:
    """Vertices int (n, 4) of the hairs of a material that are single quads."""
    chosen = np.flatnonzero(_made_of(head, material) & parts.hair)
    order = chosen[np.argsort(parts.part[chosen], kind="stable")]
    _, count = np.unique(parts.part[order], return_counts=True)
    return order.reshape(-1, 4) if (count == 4).all() else np.zeros((0, 4), int)


def _left_out(head: HeadModel, look: Look, parts: Parts) -> np.ndarray:
    """Bool (F,), hairs that are drawn otherwise: lashes, and some of the brows' beside strokes."""
    random = np.random.default_rng((look.seed, 0x4AA))
    kept = random.uniform(0, 1, parts.part.max() + 1) < 0.45 * look.brow_density
    out = _made_of(head, "brows") & parts.hair & ~kept[parts.part]
    out[_cards(head, parts, "lashes")] = True
    return np.asarray(out[head.triangles[:, 0]])


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
    azimuth = np.arctan2(place[:, 0], place[:, 2] - HAIR_AXIS_Z)
    return np.asarray(place[:, 1] - _COLLAR_M[0] + _COLLAR_M[1] * np.cos(azimuth))


def _lit_by(parts: Parts, rest: np.ndarray, hairs: np.ndarray) -> np.ndarray:
    """Number (W,) of each vertex of `rest` (W, 3), for single hairs that of the nearest skin."""
    number, skin = np.arange(len(rest)), np.flatnonzero(parts.skin)
    if len(hairs):
        number[hairs] = skin[KDTree(rest[skin]).query(rest[hairs])[1]]
    return number


def _casts(triangles: np.ndarray, material: np.ndarray, locks: tuple[int, int]) -> np.ndarray:
    """Triangles that cast shadows: not what lies inside the mouth and the lids, nor locks."""
    lock = (triangles[:, 0] >= locks[0]) & (triangles[:, 0] < locks[1])
    return np.flatnonzero((material[triangles] != PART).any(axis=1) & ~lock)


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
    triangles = grid_triangles(len(_RINGS), _AROUND, closed=True)
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
    edge = border(head.triangles[skin[head.triangles[:, 0]]])
    low = head.template[edge, 1] < head.template[skin, 1].min() + 0.035
    return edge[low]
