"""What a person wears on one donning: which electrodes, how they look, where their cables go.

An outfit is drawn once and worn for a whole film, so that nothing flickers: everything in it is
said in places of the canonical face, which carry over to the skin of every frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.spatial import KDTree

from ...eifer_addon.errors import EiferError
from ...eifer_addon.heads.canonical import canonical_face
from ...eifer_addon.heads.electrodes import canonical_positions
from ...eifer_addon.heads.model import SurfacePoints
from ...eifer_addon.heads.surface import at_surface, closest_on_triangles
from .cable_routes import draw_routes
from .drawn_electrodes import electrode_layout, spread
from .electrode_looks import CABLES, TAPES, Kind, draw_kind
from .monopolar import fridlund_layout, kuramoto_layout

#: Triangles of the canonical face that are searched for an electrode's place.
_NEAREST = 24
#: How far an electrode is glued beside its place, standard deviation in cm.
_MISPLACED_CM = 0.12
#: Half widths of cables in cm.
_CABLE_CM = (0.035, 0.10)
SCHEMES = ("fridlund", "kuramoto", "both")


@dataclass(frozen=True)
class Tape:
    """Strips of tape over cables or electrodes.

    Attributes
    ----------
    electrode : numpy.ndarray
        int (t,), on whose cable or on which electrode a strip lies.
    along_cm : numpy.ndarray
        (t,) distance from the electrode along its cable; 0 is on the electrode itself.
    half_cm : numpy.ndarray
        (t, 2) half the size along and across the cable.
    turn : numpy.ndarray
        (t,) radians by which a strip is askew.
    colour : numpy.ndarray
        (t, 3) sRGB.
    opacity : numpy.ndarray
        (t,).
    """

    electrode: np.ndarray
    along_cm: np.ndarray
    half_cm: np.ndarray
    turn: np.ndarray
    colour: np.ndarray
    opacity: np.ndarray


@dataclass(frozen=True)
class Outfit:
    """Everything that is worn on one donning.

    Attributes
    ----------
    place : SurfacePoints
        n electrodes on the triangles of the canonical face.
    flat_cm : numpy.ndarray
        (n, 2) on the canonical face.
    kinds : tuple of Kind
    kind : numpy.ndarray
        int (n,) index into `kinds`.
    radius_cm : numpy.ndarray
        (n,).
    doubles : numpy.ndarray
        int (d, 2), electrodes that share one housing.
    double_colour : numpy.ndarray
        (3,) sRGB of these housings.
    routes : numpy.ndarray
        (n, 7, 3) control points of the cables' splines on the canonical face, cm.
    wired : numpy.ndarray
        bool (n,), which have a cable.
    cable_cm : float
        Half a cable's width.
    cable_colour : numpy.ndarray
        (n, 3) sRGB.
    tape : Tape
    """

    place: SurfacePoints
    flat_cm: np.ndarray
    kinds: tuple[Kind, ...]
    kind: np.ndarray
    radius_cm: np.ndarray
    doubles: np.ndarray
    double_colour: np.ndarray
    routes: np.ndarray
    wired: np.ndarray
    cable_cm: float
    cable_colour: np.ndarray
    tape: Tape

    def __len__(self) -> int:
        return len(self.flat_cm)


@cache
def scheme_places(scheme: str) -> tuple[tuple[str, ...], np.ndarray]:
    """Names and places (n, 2) in cm on the canonical face of a scheme's single electrodes.

    Parameters
    ----------
    scheme : str
        "fridlund" (44), "kuramoto" (19) or "both" (60, as in `electrode_layout`).
    """
    if scheme == "both":
        layout = electrode_layout(60)
        return layout.names, layout.flat_cm
    if scheme not in SCHEMES:
        raise EiferError(
            f"The electrode scheme '{scheme}' is not known.", "Use fridlund, kuramoto or both."
        )
    table = fridlund_layout() if scheme == "fridlund" else kuramoto_layout()
    return table.channels, spread(canonical_positions(table.places))


def draw_outfit(
    random: np.random.Generator, scheme: str | None = None, count: int | None = None
) -> Outfit:
    """Put an outfit together by chance.

    Parameters
    ----------
    random : numpy.random.Generator
    scheme : str, optional
        "fridlund", "kuramoto" or "both"; by chance when absent, "both" the most often.
    count : int, optional
        Wear only so many of the scheme's electrodes. Without a scheme and a count, a part of them
        is left out in a third of the cases.

    Returns
    -------
    Outfit
    """
    free = scheme is None
    if scheme is None:
        scheme = "both" if count is not None else SCHEMES[random.choice(3, p=(0.25, 0.15, 0.6))]
    names, flat = scheme_places(scheme)
    if free and count is None and random.uniform() < 0.33:
        count = int(random.integers(3, len(names) + 1))
    chosen = _chosen(random, names, flat, count)
    names, flat = tuple(names[k] for k in chosen), flat[chosen]
    flat = flat + random.normal(0, _MISPLACED_CM, flat.shape)
    kinds = (draw_kind(random), *((draw_kind(random),) if random.uniform() < 0.2 else ()))
    kind = random.integers(len(kinds), size=len(flat))
    radius = np.array([k.radius_cm for k in kinds])[kind]
    radius = np.minimum(radius, _room(flat)) * random.uniform(0.96, 1.04, len(flat))
    tape = _draw_tape(random, radius)
    wired = np.full(len(flat), random.uniform() > 0.03) & (random.uniform(size=len(flat)) > 0.01)
    return Outfit(
        on_canonical(names, flat), flat, kinds, kind, radius, _doubles(random, names),
        np.array(((0.12, 0.12, 0.13), (0.84, 0.84, 0.82), (0.45, 0.46, 0.48),
                  (0.18, 0.32, 0.60))[random.integers(4)]),
        draw_routes(random, flat, radius), wired, float(random.uniform(*_CABLE_CM)),
        _cable_colours(random, names), tape,
    )  # fmt: skip


def _chosen(
    random: np.random.Generator, names: tuple[str, ...], flat: np.ndarray, count: int | None
) -> np.ndarray:
    """Which electrodes are worn: all, a number by chance, or those of one part of the face."""
    if count is None or count >= len(names):
        return np.arange(len(names))
    if random.uniform() < 0.5:
        return np.sort(random.permutation(len(names))[:count])
    away = np.linalg.norm((flat - flat[random.integers(len(flat))]) * (random.integers(2), 1),
                          axis=1)  # fmt: skip
    return np.sort(np.argsort(away + random.uniform(0, 0.5, len(flat)))[:count])


def _room(flat: np.ndarray) -> np.ndarray:
    """Radii (n,) in cm with which electrodes lie beside each other, not on each other."""
    gap = np.linalg.norm(flat[:, None] - flat[None], axis=2) + np.eye(len(flat)) * 9
    return np.maximum(gap.min(axis=1) * 0.56, 0.28)


def _doubles(random: np.random.Generator, names: tuple[str, ...]) -> np.ndarray:
    """Index pairs (d, 2) of Fridlund's electrodes that share a housing; mostly none do."""
    if random.uniform() > 0.2:
        return np.zeros((0, 2), int)
    place = {name: k for k, name in enumerate(names)}
    both = [
        (place[name], place[name[:-1] + "2"])
        for name in names
        if name.endswith(" 1") and name[:-1] + "2" in place
    ]
    return np.array(both, int).reshape(-1, 2)


def _cable_colours(random: np.random.Generator, names: tuple[str, ...]) -> np.ndarray:
    """Colours (n, 3): of the channels, of the sides, or one for all."""
    table, n = np.array(CABLES), len(names)
    way = random.uniform()
    if way < 0.55:
        picked = table[random.integers(len(table), size=n)]
    elif way < 0.8:
        picked = np.repeat(table[random.integers(len(table))][None], n, axis=0)
    else:
        two = table[random.choice(len(table), 2, replace=False)]
        picked = two[random.integers(2, size=n)]
    return np.clip(picked * random.uniform(0.85, 1.1, (n, 1)), 0.02, 1)


def _draw_tape(random: np.random.Generator, radius: np.ndarray) -> Tape:
    """Strips on a share of the cables, a few on the electrodes themselves."""
    share = random.choice([0.0, 0.15, 0.3, 0.6], p=[0.2, 0.3, 0.3, 0.2])
    on_top = random.uniform() < 0.2
    worn = np.flatnonzero(random.uniform(size=len(radius)) < share)
    colour, opacity = TAPES[random.choice(len(TAPES), p=(0.45, 0.2, 0.2, 0.15))]
    t = len(worn)
    along = radius[worn] * random.uniform(1.6, 3.2, t)
    along[random.uniform(size=t) < (0.7 if on_top else 0.05)] = 0.0
    half = np.stack([random.uniform(0.25, 0.5, t), random.uniform(0.6, 1.1, t)], axis=1)
    return Tape(
        worn, along, half, random.normal(0, 0.25, t),
        np.clip(np.array(colour) * random.uniform(0.93, 1.04, (t, 1)), 0, 1), np.full(t, opacity),
    )  # fmt: skip


@cache
def _flat_triangles() -> tuple[KDTree, np.ndarray, np.ndarray]:
    """Search tree of the canonical triangles from the front, their flat corners and heights."""
    vertices, triangles = canonical_face()
    corners = vertices[triangles] * (1, 1, 0)
    return KDTree(corners.mean(axis=1)[:, :2]), corners, vertices[triangles][..., 2]


def on_canonical(names: tuple[str, ...], flat: np.ndarray) -> SurfacePoints:
    """Places (n, 2) in cm on the triangles of the canonical face; those beyond it on its rim."""
    tree, corners, heights = _flat_triangles()
    near = np.asarray(tree.query(flat, _NEAREST)[1])
    point = np.column_stack([flat, np.zeros(len(flat))])[:, None]
    weights = closest_on_triangles(point, corners[near])
    gap = np.linalg.norm(np.einsum("nfk,nfkc->nfc", weights, corners[near]) - point, axis=2)
    # Folds (nostrils, lids) put several triangles over one place: the frontmost is the skin.
    height = np.einsum("nfk,nfk->nf", weights, heights[near])
    best = np.argmax(np.where(gap <= gap.min(axis=1, keepdims=True) + 1e-6, height, -99), axis=1)
    row = np.arange(len(flat))
    return at_surface(names, near[row, best], weights[row, best])
