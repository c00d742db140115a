"""Locks of hair: narrow ribbons that grow from the scalp, lie along it and end freely.

They lie over the plain volume of the hair, whose outline and hairline they break up. Each point is
tied to a vertex of the head, with which it goes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import KDTree

from .materials import Look
from .skin import HIGH, WIDE

#: By cut: locks, their length and width in m, the least and the most.
_LOCKS: dict[str, tuple[int, tuple[float, float], tuple[float, float]]] = {
    "shorn": (0, (0, 0), (0, 0)),
    "short": (1500, (0.014, 0.030), (0.0009, 0.0026)),
    "full": (1300, (0.026, 0.052), (0.0011, 0.0034)),
    "long": (480, (0.040, 0.065), (0.0020, 0.0056)),
}
#: How hair is worn, by cut, and how often.
_STYLES: dict[str, tuple[tuple[str, ...], tuple[float, ...]]] = {
    "shorn": (("forward",), (1.0,)),
    "short": (("forward", "side", "back", "curly"), (0.34, 0.28, 0.2, 0.18)),
    "full": (("forward", "side", "back", "curly"), (0.12, 0.4, 0.22, 0.26)),
    "long": (("side", "back", "middle"), (0.4, 0.25, 0.35)),
}
_SEGMENTS = 5
#: Width along a lock against its widest, from the root to the tip.
_TAPER = np.array([0.55, 1.0, 1.0, 0.85, 0.6, 0.12])
#: The whorl from which hair grows out, on the open head in m.
_WHORL = np.array([0.008, 0.118, -0.085])
#: Along a hanging lock.
_HANGING = 9


@dataclass(frozen=True)
class Tied:
    """Points that go with vertices of the head, and the triangles between them.

    Attributes
    ----------
    anchor : numpy.ndarray
        int (k,), vertices of the head.
    rest : numpy.ndarray
        (k, 3) in m, in the neutral head's axes.
    triangles : numpy.ndarray
        int (t, 3), counted within the points.
    colours : numpy.ndarray
        (k, 3), linear RGB.
    texel : numpy.ndarray
        (k, 2) columns and rows in the map of strands.
    """

    anchor: np.ndarray
    rest: np.ndarray
    triangles: np.ndarray
    colours: np.ndarray
    texel: np.ndarray


def joined(parts: list[Tied]) -> Tied:
    """All points and triangles of some."""
    starts = np.cumsum([0, *(len(part.anchor) for part in parts)])
    return Tied(
        np.concatenate([part.anchor for part in parts]).astype(int),
        np.concatenate([part.rest for part in parts]),
        np.concatenate(
            [part.triangles + start for part, start in zip(parts, starts, strict=False)]
        ).astype(int),
        np.concatenate([part.colours for part in parts]),
        np.concatenate([part.texel for part in parts]),
    )


def style_of(look: Look) -> str:
    """How a person wears the hair: forward, side, back, curly or middle."""
    names, often = _STYLES[look.cut]
    return str(np.random.default_rng((look.seed, 0x4A6)).choice(names, p=often))


@dataclass(frozen=True)
class Scalp:
    """Where hair grows.

    Attributes
    ----------
    neutral, place, normals : numpy.ndarray
        (V, 3) of the head: in m, laid onto the open head, unit vectors.
    triangles : numpy.ndarray
        int (F, 3), the skin's.
    share, lift : numpy.ndarray
        (V,) how much hair covers the skin, and how high its volume stands, in m.
    """

    neutral: np.ndarray
    place: np.ndarray
    normals: np.ndarray
    triangles: np.ndarray
    share: np.ndarray
    lift: np.ndarray


def grow(scalp: Scalp, look: Look) -> Tied:
    """Locks all over the scalp.

    Parameters
    ----------
    scalp : Scalp
    look : Look
        Its cut says how many and how long, its seed how they are worn.
    """
    count, lengths, widths = _LOCKS[look.cut]
    random = np.random.default_rng((look.seed, 0x4A7))
    root, start = _roots(scalp, count, random)
    length = random.uniform(*lengths, len(root)) * random.uniform(0.75, 1.2)
    # Hairs at the hairline are short and fine.
    edge = np.clip(scalp.share[root] / 0.7, 0.25, 1)
    width = random.uniform(*widths, len(root)) * edge
    course, above = _courses(scalp, root, start, length * edge, look, random)
    return _ribbons(course, above, width, root, look, random)


def _roots(scalp: Scalp, count: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Nearest vertices (n,) and places (n, 3) of roots, evenly over the scalp."""
    corners = scalp.triangles[(scalp.share[scalp.triangles] > 0.04).all(axis=1)]
    if not count or not len(corners):
        return np.zeros(0, int), np.zeros((0, 3))
    a, b, c = (scalp.neutral[corners[:, k]] for k in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    chosen = random.choice(len(corners), count, p=area / area.sum())
    weights = random.dirichlet((1, 1, 1), count)
    start = np.einsum("nk,nkd->nd", weights, scalp.neutral[corners[chosen]])
    share = np.einsum("nk,nk->n", weights, scalp.share[corners[chosen]])
    kept = random.uniform(0, 1, count) < 0.25 + 1.4 * share
    root = corners[chosen, weights.argmax(axis=1)]
    return root[kept], start[kept]


def _courses(
    scalp: Scalp, root: np.ndarray, start: np.ndarray, length: np.ndarray, look: Look,
    random: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Points (n, k, 3) along the locks, and the directions (n, k, 3) away from the head."""
    skin = np.unique(scalp.triangles)
    tree = KDTree(scalp.neutral[skin])
    style, part = style_of(look), _parting(look)
    height = random.uniform(0.85, 1.13, len(root))
    wild = 0.8 if style == "curly" else 0.15
    sway = random.normal(0, wild, (len(root), 3))
    at, points, ways = start, [], []
    near = root
    step = (length / _SEGMENTS)[:, None]
    for k in range(_SEGMENTS + 1):
        normal = scalp.normals[near]
        rise = scalp.lift[near] * height * (0.6, 0.92, 1.0, 1.02, 1.0, 0.97)[k] + 0.0005
        above = np.einsum("nd,nd->n", at - scalp.neutral[near], normal)
        at = at + normal * (rise - above)[:, None]
        points.append(at)
        ways.append(normal)
        flow = _flow(scalp.place[near], normal, style, part)
        sway = 0.6 * sway + random.normal(0, 0.5 * wild, sway.shape)
        way = flow + sway
        way -= normal * np.einsum("nd,nd->n", way, normal)[:, None]
        way /= np.maximum(np.linalg.norm(way, axis=1, keepdims=True), 1e-6)
        # Locks end soon where no hair grows, so that brows and ears stay free.
        free = np.clip(scalp.share[near] / 0.4, 0.12, 1)[:, None]
        at = at + way * step * free
        near = skin[tree.query(at)[1]]
    return np.stack(points, axis=1), np.stack(ways, axis=1)


def _parting(look: Look) -> float:
    """Where the hair is parted, in m from the middle."""
    random = np.random.default_rng((look.seed, 0x4A8))
    side = random.uniform(0.018, 0.038) * random.choice((-1, 1))
    return 0.0 if style_of(look) == "middle" else float(side)


def _flow(place: np.ndarray, normal: np.ndarray, style: str, part: float) -> np.ndarray:
    """Directions (n, 3) in which hair lies at places on the open head."""
    out = place - _WHORL
    out = out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-6)
    down = np.array([0.0, -1.0, -0.35]) + 0 * out
    if style == "curly":
        return 0.6 * down + 0.5 * out
    if style == "forward":
        on_top = out + np.array([0.12, 0.0, 0.25])
    elif style == "back":
        on_top = np.array([0.0, 0.1, -1.0]) + 0.25 * out
    else:
        beside = np.tanh((place[:, :1] - part) / 0.006)
        on_top = beside * np.array([1.0, 0.0, 0.0]) + np.array([0.0, -0.1, -0.28])
    top = np.clip((normal[:, 1:2] - 0.1) / 0.5, 0, 1)
    top = np.maximum(top, np.clip((place[:, 2:3] - 0.015) / 0.03, 0, 1) * (place[:, 1:2] > 0.055))
    return np.asarray(top * on_top + (1 - top) * down)


def _ribbons(
    course: np.ndarray, above: np.ndarray, width: np.ndarray, root: np.ndarray, look: Look,
    random: np.random.Generator,
) -> Tied:  # fmt: skip
    """Ribbons along courses (n, k, 3), which turn their flat side to `above` (n, k, 3)."""
    n, k = course.shape[:2]
    if not n:
        return Tied(np.zeros(0, int), np.zeros((0, 3)), np.zeros((0, 3), int), np.zeros((0, 3)),
                    np.zeros((0, 2)))  # fmt: skip
    along = np.gradient(course, axis=1)
    side = np.cross(along, above)
    side /= np.maximum(np.linalg.norm(side, axis=2, keepdims=True), 1e-9)
    tilt = random.normal(0, 0.24, (n, 1, 1))
    side = side * np.cos(tilt) + above * np.sin(tilt)
    taper = np.interp(np.linspace(0, 1, k), np.linspace(0, 1, len(_TAPER)), _TAPER)
    half = side * (0.5 * width[:, None] * taper)[..., None]
    rest = np.stack([course - half, course + half], axis=2)
    first = (np.arange(n)[:, None] * k + np.arange(k - 1)).reshape(-1) * 2
    triangles = np.concatenate(
        [np.stack([first, first + 1, first + 2], 1), np.stack([first + 1, first + 3, first + 2], 1)]
    )
    return Tied(
        np.repeat(root, 2 * k), rest.reshape(-1, 3), triangles,
        _tones(n, k, look, random), _streaks(n, k, random),
    )  # fmt: skip


def _tones(n: int, k: int, look: Look, random: np.random.Generator) -> np.ndarray:
    """Colours (n * k * 2, 3): locks differ, are darker at the root, and single ones are grey."""
    tone = np.array(look.hair) * np.exp(random.normal(-0.03, 0.2, (n, 1)))
    grey = np.array((0.34, 0.335, 0.33))
    turned = random.uniform(0, 1, (n, 1)) < np.clip((look.age_years - 38) / 60, 0, 0.35)
    tone = np.where(turned, tone + (grey - tone) * random.uniform(0.1, 0.5, (n, 1)), tone)
    shade = np.linspace(0.72, 1.14, k)[None, :, None, None]
    return np.asarray((tone[:, None, None, :] * shade * np.ones((1, 1, 2, 1))).reshape(-1, 3))


def _streaks(n: int, k: int, random: np.random.Generator) -> np.ndarray:
    """Texels (n * k * 2, 2): a lock takes strands of its own out of the map of strands."""
    column = random.uniform(8, WIDE - 16, (n, 1, 1)) + np.array([0.0, 5.0])
    row = random.uniform(0, HIGH - 130, (n, 1, 1)) + np.linspace(0, 120, k)[:, None]
    column, row = np.broadcast_arrays(column, row)
    return np.stack([column, row], axis=-1).reshape(-1, 2)


def hang(curtain: np.ndarray, shape: tuple[int, int], nearest: np.ndarray, look: Look) -> Tied:
    """Locks over the curtain of long hair.

    Parameters
    ----------
    curtain : numpy.ndarray
        (rows * columns, 3) in m, row by row from above.
    shape : tuple of int
        Rows and columns.
    nearest : numpy.ndarray
        int (columns,), vertices of the head that the columns hang from.
    look : Look
    """
    rows, columns = shape
    random = np.random.default_rng((look.seed, 0x4A9))
    grid, n = curtain.reshape(rows, columns, 3), 120
    column = random.uniform(0, columns - 1.001, n)
    low, part = column.astype(int), (column % 1)[:, None]
    fall = np.linspace(0, 1, _HANGING)[None] * random.uniform(0.82, 1.1, (n, 1))
    fall = np.clip(fall, 0, 1.1) * (rows - 1)
    above = np.minimum(fall.astype(int), rows - 2)
    down = (fall - above)[..., None]

    def at(columns_: np.ndarray) -> np.ndarray:
        rows_ = grid[above, columns_[:, None]]
        return np.asarray(rows_ + (grid[above + 1, columns_[:, None]] - rows_) * down)

    course = at(low) * (1 - part[:, None]) + at(low + 1) * part[:, None]
    outward = course * (1.0, 0.0, 1.0) - (0.0, 0.0, -0.03)
    outward /= np.linalg.norm(outward, axis=2, keepdims=True)
    wave = 0.003 * np.sin(fall / rows * random.uniform(3, 9, (n, 1)) + random.uniform(0, 6, (n, 1)))
    lift = random.uniform(0.0005, 0.006, (n, 1)) * np.linspace(0.4, 1.2, _HANGING)
    course = course + outward * (lift + wave)[..., None]
    width = random.uniform(0.002, 0.006, n)
    return _ribbons(course, outward, width, nearest[low], look, random)


def lashes(neutral: np.ndarray, cards: np.ndarray, skin: np.ndarray, colour: np.ndarray) -> Tied:
    """Lashes that together are a fringe, in place of the head's own, which are finer than pixels.

    Parameters
    ----------
    neutral : numpy.ndarray
        (V, 3) in m.
    cards : numpy.ndarray
        int (n, 4), the vertices of every lash.
    skin : numpy.ndarray
        int, vertices of the skin.
    colour : numpy.ndarray
        (3,) of the skin around, linear RGB.
    """
    away = KDTree(neutral[skin]).query(neutral[cards])[0]
    order = np.take_along_axis(cards, np.argsort(away, axis=1), axis=1)
    root, tip = order[:, :2], order[:, 2:]
    # A little before the lid, in which their roots are buried.
    foot = neutral[root].mean(axis=1) + (0.0, 0.0, 0.0009)
    # The neighbours say which way the rim of the lid runs.
    beside = KDTree(foot).query(foot, k=3)[1]
    rim = foot[beside[:, 2]] - foot[beside[:, 1]]
    rim /= np.maximum(np.linalg.norm(rim, axis=1, keepdims=True), 1e-9)
    lower = neutral[tip].mean(axis=1)[:, 1] < foot[:, 1]
    half = np.where(lower, 0.0003, 0.0006)[:, None] * rim
    top = foot + (neutral[tip].mean(axis=1) - foot) * np.where(lower, 0.8, 1.0)[:, None]
    rest = np.stack([foot - half, foot + half, top - 0.2 * half, top + 0.2 * half], axis=1)
    number = np.arange(len(cards))[:, None] * 4
    triangles = np.concatenate([number + (0, 1, 2), number + (1, 3, 2)])
    dark = np.array([0.012, 0.009, 0.008])
    tone = np.where(lower[:, None], dark + 0.55 * (colour - dark), dark + 0.10 * (colour - dark))
    tones = tone[:, None] * np.ones((1, 4, 1))
    tones[:, 2:] += 0.35 * (colour - tones[:, 2:])
    anchor = np.stack([root[:, 0], root[:, 0], tip[:, 0], tip[:, 0]], axis=1)
    return Tied(anchor.reshape(-1), rest.reshape(-1, 3), triangles, tones.reshape(-1, 3),
                np.zeros((4 * len(cards), 2)))  # fmt: skip
