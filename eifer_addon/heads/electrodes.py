"""Where the electrodes of a scheme lie on a head.

A scheme is drawn on a flat canvas. Its electrodes' nearest landmarks tie the canvas to MediaPipe's
canonical face by a smooth warp, and the landmarks on the head carry the canonical face to the
head's surface.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from scipy.interpolate import RBFInterpolator

from ..errors import EiferError
from .canonical import N_FACE, canonical_face
from .landmarks import find_landmarks
from .model import HeadModel, SurfacePoints
from .surface import at_surface, closest_on_triangles, closest_points, vertex_parts

_DATA = Path(__file__).parent / "data" / "electrodes.json"
#: The canvas runs to 100; in tens its warp is well conditioned.
_CANVAS_UNIT = 10.0
#: An electrode lies near its landmark, not on it: half a centimetre is within the table's rounding.
_SMOOTHING = 1.5
#: Electrodes by the schemes' codes, "E" being another letter for Kuramoto's; two make a pair.
_CODE = re.compile(r"^\s*([fke])0?(\d{1,2})\s*$", re.IGNORECASE)
_BETWEEN = re.compile(r"\s*[-–/_:]\s*")


@dataclass(frozen=True)
class Electrode:
    """One electrode, or one bipolar pair, of a scheme.

    Attributes
    ----------
    name : str
        For example ``"F19"``.
    muscle : str or None
        The muscle below with its side, ``"zygomaticus.right"``; None for monopolar schemes.
    canvas : tuple of float
        x and y on the scheme's canvas; negative x is the subject's right.
    landmark : int
        The nearest of MediaPipe's landmarks.
    """

    name: str
    muscle: str | None
    canvas: tuple[float, float]
    landmark: int


@cache
def electrode_schemes() -> Mapping[str, tuple[Electrode, ...]]:
    """The known schemes by name: "fridlund" (22 bipolar pairs) and "kuramoto" (19 electrodes)."""
    table = json.loads(_DATA.read_text("utf-8"))
    return {
        name: tuple(
            Electrode(row["name"], row["muscle"], tuple(row["canvas"]), row["landmark"])
            for row in scheme["electrodes"]
        )
        for name, scheme in table["schemes"].items()
    }


def electrode_scheme(name: str) -> tuple[Electrode, ...]:
    """One scheme; raises `EiferError` for a name that is not known."""
    try:
        return electrode_schemes()[name]
    except KeyError:
        known = ", ".join(electrode_schemes())
        raise EiferError(f"The electrode scheme '{name}' is not known.", f"Use {known}.") from None


def site(name: str) -> tuple[float, float] | None:
    """Where something lies on the canvas; None for what has no place.

    Parameters
    ----------
    name : str
        A muscle of Fridlund's scheme with its side (``"zygomaticus.left"``), an electrode
        (``"F20"``, ``"K6"``, also ``"E6"``), or a bipolar pair of Kuramoto's (``"K6-K8"``), which
        lies in the middle between its two electrodes.
    """
    named = _named_sites()
    if name in named:
        return named[name]
    found = [named.get(code) for code in map(_code, _BETWEEN.split(name))]
    if len(found) not in (1, 2) or None in found:
        return None
    x, y = np.mean([place for place in found if place is not None], axis=0).tolist()
    return x, y


def is_kuramoto(name: str, *, letters: str = "k") -> bool:
    """Whether a name is an electrode of Kuramoto's scheme, or a pair of two, by its letter."""
    parts = _BETWEEN.split(name)
    codes = [_CODE.match(part) for part in parts]
    return site(name) is not None and all(c is not None and c[1].lower() in letters for c in codes)


def sites_of(
    muscles: Sequence[str],
    channels: Sequence[str],
    scheme: str | None = None,
    filters: Sequence[str] = (),
) -> dict[int, str]:
    """The site of each muscle that has one, by its number.

    Parameters
    ----------
    muscles, channels : sequence of str
        An activity's, one channel per muscle.
    scheme : str, optional
        ``"fridlund"`` puts each muscle where Fridlund's electrode is, ``"kuramoto"`` where the
        channel's own electrode or pair is. None takes the channel's where its name is a code of
        Kuramoto's (K1 …), else the muscle's.
    filters : sequence of str
        The activity's; where they name Kuramoto's scheme, names such as E1 are his codes, too.

    Returns
    -------
    dict of int to str
        Names that :func:`site` knows, each once: a channel that stands for both sides is one.

    Raises
    ------
    EiferError
        For a scheme that is not known.
    """
    if scheme is not None:
        electrode_scheme(scheme)
    by_name = "ke" if any("Kuramoto" in step for step in filters) else "k"
    letters = {"fridlund": "", "kuramoto": "ke", None: by_name}[scheme]
    found: dict[int, str] = {}
    for number, (muscle, channel) in enumerate(zip(muscles, channels, strict=True)):
        own = channel.strip() if letters and is_kuramoto(channel, letters=letters) else muscle
        if scheme == "kuramoto" and own == muscle and not is_kuramoto(muscle, letters=letters):
            continue
        if site(own) is not None and own not in found.values():
            found[number] = own
    return found


def _code(text: str) -> str:
    """``"K5"`` for ``"k05"`` and ``"E5"``, what is no code as it is."""
    match = _CODE.match(text)
    if match is None:
        return text
    letter = match[1].upper()
    return f"{'K' if letter == 'E' else letter}{int(match[2])}"


@cache
def _named_sites() -> Mapping[str, tuple[float, float]]:
    """Electrodes and Fridlund's muscles with their places."""
    rows = [electrode for scheme in electrode_schemes().values() for electrode in scheme]
    return {row.name: row.canvas for row in rows} | {
        row.muscle: row.canvas for row in rows if row.muscle is not None
    }


@cache
def _canvas_warp() -> RBFInterpolator:
    """Thin-plate warp from the canvas to the canonical face's x and y in cm."""
    rows = [electrode for scheme in electrode_schemes().values() for electrode in scheme]
    vertices, _ = canonical_face()
    canvas = np.array([row.canvas for row in rows]) / _CANVAS_UNIT
    anchors = vertices[[row.landmark for row in rows], :2]
    # Both sides of every anchor: the warp is even although the table is not quite (K15, K16).
    canvas = np.concatenate([canvas, canvas * (-1, 1) + (1e-6, 0)])
    anchors = np.concatenate([anchors, anchors * (-1, 1)])
    return RBFInterpolator(canvas, anchors, smoothing=_SMOOTHING)


def canonical_positions(canvas: np.ndarray) -> np.ndarray:
    """X and y in cm on the canonical face, (n, 2), of canvas positions (n, 2)."""
    return np.asarray(_canvas_warp()(np.asarray(canvas, np.float64) / _CANVAS_UNIT))


def place_electrodes(head: HeadModel) -> dict[str, SurfacePoints]:
    """Every known scheme on a head's neutral surface, by its name; see :func:`place_sites`."""
    return {
        name: place_sites(head, tuple(electrode.name for electrode in scheme))
        for name, scheme in electrode_schemes().items()
    }


def place_sites(head: HeadModel, names: Sequence[str]) -> SurfacePoints:
    """Places of the schemes on a head's neutral surface.

    Parameters
    ----------
    head : HeadModel
        Its landmarks are used; they are found when it has none.
    names : sequence of str
        Muscles, electrodes or pairs, each of which :func:`site` knows.

    Returns
    -------
    SurfacePoints
        One per name.
    """
    places = np.array([site(name) for name in names], np.float64)
    return place_on_canvas(head, names, places)


def place_on_canvas(head: HeadModel, names: Sequence[str], places: np.ndarray) -> SurfacePoints:
    """Places (n, 2) on the schemes' canvas, carried to a head's neutral surface under `names`."""
    landmarks = head.landmarks or find_landmarks(head)
    points = landmarks.positions(head.template.astype(np.float64), head.triangles)[:N_FACE]
    triangle, weights, _ = closest_points(
        _on_head(canonical_positions(places), points), head.template.astype(np.float64),
        head.triangles, _skin_triangles(head, landmarks),
    )  # fmt: skip
    return at_surface(tuple(names), triangle, weights)


def _skin_triangles(head: HeadModel, landmarks: SurfacePoints) -> np.ndarray:
    """Triangles of the part of the head on which most landmarks lie."""
    part = vertex_parts(head.n_vertices, head.triangles)[head.triangles[:, 0]]
    skin = np.bincount(part[landmarks.triangles[:N_FACE]]).argmax()
    return np.flatnonzero(part == skin)


def _on_head(flat: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Positions (n, 3) in m on a head of canonical x and y (n, 2) in cm.

    Within the canonical face the triangle's corners carry over; beyond it the smooth warp of all
    landmarks goes on.
    """
    vertices, triangles = canonical_face()
    flattened = np.column_stack([vertices[:, :2], np.zeros(len(vertices))])
    point = np.column_stack([flat, np.zeros(len(flat))])
    corners = flattened[triangles]
    bary = closest_on_triangles(point[:, None], corners[None])
    gap = np.linalg.norm(np.einsum("nfk,fkc->nfc", bary, corners) - point[:, None], axis=2)
    # Folds (nostrils, lids) put several triangles over one place: the frontmost is the skin.
    height = np.einsum("nfk,fk->nf", bary, vertices[triangles][..., 2])
    best = np.argmax(
        np.where(gap <= gap.min(axis=1, keepdims=True) + 1e-6, height, -np.inf), axis=1
    )
    row = np.arange(len(flat))
    inside = np.einsum("nk,nkc->nc", bary[row, best], landmarks[triangles[best]])
    smooth = RBFInterpolator(vertices[:, :2], landmarks, smoothing=1.0)(flat)
    return np.where((gap[row, best] < 1e-6)[:, None], inside, smooth)
