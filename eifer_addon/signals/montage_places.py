"""Where electrodes stand on the face, from the tables of a BIDS-EMG folder, and over which muscle.

Places in 3D come with landmarks (nasion and both ears, as MNE writes them) or as percentages
between landmarks that the coordinate system names in words. Both are carried to MediaPipe's
canonical face and from there to the canvas of the electrode schemes, on which the nearest known
electrode tells the muscle. Heads differ, so a score falls with the distance.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from scipy.interpolate import RBFInterpolator

from ..errors import EiferError
from ..heads.canonical import canonical_face
from ..heads.electrodes import electrode_schemes
from .montage_names import read_table

#: Distance on the canvas (about a millimetre a unit) at which a score has fallen to 1/e.
REACH = 22.0
#: A place with a lower score belongs to no muscle.
LEAST_SCORE = 0.4
#: So near to the midline (canvas units) a place has no side.
MIDLINE = 4.0
#: MediaPipe's landmarks nearest to nasion, right and left ear (before the tragus), and chin.
_NASION, _RIGHT_EAR, _LEFT_EAR, _CHIN = 168, 234, 454, 152
#: Heights over the tragus in cm: C. C. Gordon et al., 2012 Anthropometric Survey of U.S. Army
#: Personnel (tragion to top of head, mean of women and men); the tip of the mastoid process.
_VERTEX_CM, _MASTOID_CM = 13.0, -2.5
#: Breadth between the tragi in cm, same survey: the canonical face is a little larger.
_TRAGI_CM = 14.2
#: Behind this part of the way from the ears to the nasion lies no mimic muscle.
_FRONT = -0.2
#: A description is read so far, and a place is believed so near to the head (cm).
_LONGEST, _FARTHEST_CM = 2000, 100.0
_UNITS_M = {"m": 1.0, "cm": 0.01, "mm": 0.001, "um": 1e-6}
_AXIS = re.compile(
    r"\b([xyz])(?:[\s-]*axis)?\s*[:=]?\s*(?P<low>[^;\n]*?)\s*(?:→|->|=>|\bto\b)\s*(?P<high>[^;\n]*?)"
    r"(?=\s*(?:[;\n]|,\s*[xyz]\b|$))",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Place:
    """A place on the canvas and what is known to lie there.

    Attributes
    ----------
    canvas : tuple of float
        x and y; negative x is the subject's right.
    scores : mapping of str to float
        Score by muscle with side.
    nearest : str
        The electrode of a scheme that decided, such as ``"F19"``.
    muscle : str or None
        Canonical muscle without side; None when no muscle is near.
    side : str or None
        ``"left"``, ``"right"`` or ``"both"``.
    score : float
    """

    canvas: tuple[float, float]
    scores: Mapping[str, float]
    nearest: str
    muscle: str | None
    side: str | None
    score: float

    @property
    def own_side(self) -> str:
        """The side on which the place lies, whatever lies there."""
        if abs(self.canvas[0]) < MIDLINE:
            return "both"
        return "left" if self.canvas[0] > 0 else "right"


def muscle_at(canvas: tuple[float, float]) -> Place:
    """The muscle at a place on the canvas.

    Electrodes of both schemes compete; each counts by its distance and by how sure it is itself
    to stand over its muscle. Electrodes over no mimic muscle (the temple) compete, too.
    """
    places, targets, own = _anchors()
    distance = np.linalg.norm(places - np.asarray(canvas, np.float64), axis=1)
    scores = own * np.exp(-((distance / REACH) ** 2))
    best = int(np.argmax(scores))
    by_muscle: dict[str, float] = {}
    for (_, muscle, side), score in zip(targets, scores.tolist(), strict=True):
        for one in ("left", "right") if side == "both" else (side,):
            if muscle is not None:
                by_muscle[f"{muscle}.{one}"] = max(by_muscle.get(f"{muscle}.{one}", 0.0), score)
    name, muscle, side = targets[best]
    score = round(float(scores[best]), 2)
    if muscle is None or score < LEAST_SCORE:
        return Place(canvas, by_muscle, name, None, None, 0.0)
    return Place(canvas, by_muscle, name, muscle, side, score)


def electrode_places(
    electrodes: Mapping[str, Mapping[str, Any]], systems: Mapping[str, Any]
) -> tuple[dict[str, tuple[float, float]], tuple[str, ...]]:
    """Places on the canvas by electrode, and what could not be placed as sentences.

    Parameters
    ----------
    electrodes : mapping
        By name: ``x``, ``y``, ``z`` (None where not given) and perhaps ``coordinate_system``.
    systems : mapping
        The content of ``coordsystem.json``: one system, or several by name.
    """
    found: dict[str, tuple[float, float]] = {}
    notes: list[str] = []
    for label, names in _by_system(electrodes, systems).items():
        try:
            carry = _carrier(_system(systems, label))
        except EiferError as error:
            notes.append(f"The places of the electrodes were not used: {error.cause}")
            continue
        points = np.array(
            [[np.nan if electrodes[n].get(a) is None else electrodes[n][a] for a in "xyz"]
             for n in names], np.float64,
        )  # fmt: skip
        flat = carry(points)
        found |= {
            name: (float(x), float(y))
            for name, (x, y) in zip(names, flat.tolist(), strict=True)
            if np.isfinite([x, y]).all()
        }
    return found, tuple(dict.fromkeys(notes))


@cache
def _anchors() -> tuple[np.ndarray, list[tuple[str, str | None, str | None]], np.ndarray]:
    """Places (n, 2), targets and own scores of the electrodes of both schemes."""
    kuramoto = read_table("kuramoto.json")["electrodes"]
    places, targets, own = [], [], []
    for scheme in electrode_schemes().values():
        for electrode in scheme:
            places.append(electrode.canvas)
            if electrode.muscle is not None:
                muscle, _, side = electrode.muscle.partition(".")
                targets.append((electrode.name, muscle, side))
                own.append(1.0)
                continue
            entry = kuramoto[electrode.name]
            targets.append((electrode.name, entry["muscle"], entry["side"]))
            own.append(1.0 if entry["muscle"] is None else float(entry["score"]))
    return np.array(places), list(targets), np.array(own)


@cache
def _to_canvas() -> RBFInterpolator:
    """Warp from the canonical face's x and y in cm to the canvas.

    `face_canvas.canvas_positions` inverts the other warp exactly, which takes seconds to prepare;
    the two differ by less than two units, where a muscle's site is good to five.
    """
    rows = [electrode for scheme in electrode_schemes().values() for electrode in scheme]
    vertices, _ = canonical_face()
    anchors = vertices[[row.landmark for row in rows], :2]
    canvas = np.array([row.canvas for row in rows])
    anchors = np.concatenate([anchors, anchors * (-1, 1)])
    canvas = np.concatenate([canvas, canvas * (-1, 1)])
    # Several electrodes share a landmark; each place may stand only once.
    places, index = np.unique(np.round(anchors, 4), axis=0, return_inverse=True)
    mean = np.stack([np.bincount(index.ravel(), canvas[:, k]) for k in (0, 1)], axis=1)
    return RBFInterpolator(places, mean / np.bincount(index.ravel())[:, None], smoothing=1.5)


def _by_system(
    electrodes: Mapping[str, Mapping[str, Any]], systems: Mapping[str, Any]
) -> dict[str, list[str]]:
    """Electrodes by the coordinate system that they name, ``""`` for the only one."""
    groups: dict[str, list[str]] = {}
    for name, row in electrodes.items():
        label = str(row.get("coordinate_system") or "")
        known = isinstance(systems.get(label), Mapping)
        groups.setdefault(label if known else "", []).append(name)
    return groups


def _system(systems: Mapping[str, Any], label: str) -> dict[str, Any]:
    """One system's fields, without the modality that begins their names (EMG, EEG)."""
    fields = dict(systems[label]) if label else dict(systems)
    nested = [value for value in fields.values() if isinstance(value, Mapping)]
    if not label and len(nested) == 1 and "EMGCoordinateSystem" in nested[0]:
        fields = dict(nested[0])
    return {re.sub(r"^(EMG|EEG|iEEG|MEG|NIRS)(?=Coord)", "", key): v for key, v in fields.items()}


def _carrier(system: Mapping[str, Any]) -> Any:
    """What carries places (n, 3) of a system to the canvas (n, 2)."""
    units = str(system.get("CoordinateUnits", system.get("CoordinateSystemUnits", ""))).lower()
    description = str(system.get("CoordinateSystemDescription", ""))[:_LONGEST]
    if system.get("ParentCoordinateSystem"):
        raise EiferError("they are given within a grid, and how it lies on the face is not stated.")
    if units in ("percent", "%"):
        axes = _percent_axes(description)
        return lambda points: _flatten(_from_percent(points, axes))
    if units in _UNITS_M:
        ears = _landmarks(system, units)
        return lambda points: _flatten(_from_head(points * _UNITS_M[units], ears))
    raise EiferError(f"their unit '{units or 'n/a'}' is not understood.")


def _flatten(canonical: np.ndarray) -> np.ndarray:
    """Canvas places (n, 2) of places in the canonical face (n, 3) in cm; NaN behind the face."""
    vertices, _ = canonical_face()
    ear, front = vertices[_LEFT_EAR, 2], vertices[_NASION, 2]
    good = (np.abs(canonical) < _FARTHEST_CM).all(axis=1)
    good &= np.where(good, canonical[:, 2], -np.inf) > ear + _FRONT * (front - ear)
    flat = np.full((len(canonical), 2), np.nan)
    if good.any():
        flat[good] = _to_canvas()(canonical[good, :2])
    return flat


def _percent_axes(description: str) -> tuple[tuple[int, float, float], ...]:
    """Per axis x, y, z: the canonical coordinate it runs along, at 0 and at 100 percent."""
    found = {match[1].lower(): match for match in _AXIS.finditer(description)}
    axes = []
    for name in "xyz":
        if name not in found:
            continue
        low, high = _end(found[name]["low"]), _end(found[name]["high"])
        shared = [axis for axis in low if axis in high]
        if not shared:
            raise EiferError(f"the axis {name} ('{found[name][0]}') is not understood.")
        axes.append(("xyz".index(name), shared[0], low[shared[0]], high[shared[0]]))
    along = {axis for _, axis, _, _ in axes}
    if not {0, 1} <= along:
        raise EiferError("no axes are named that run from ear to ear and up the head.")
    return tuple(
        next(((axis, a, b) for k, axis, a, b in axes if k == column), (-1, 0.0, 0.0))
        for column in range(3)
    )


def _end(text: str) -> dict[int, float]:
    """Where a landmark named in words lies: canonical coordinate by axis."""
    vertices, _ = canonical_face()
    size = 2 * vertices[_LEFT_EAR, 0] / _TRAGI_CM
    tragus = vertices[_LEFT_EAR]
    words = text.lower()
    for known, place in (
        ("left", {0: float(tragus[0])}),
        ("right", {0: -float(tragus[0])}),
        (r"inion|occip|back|posterior", {2: float(2 * tragus[2] - vertices[_NASION, 2])}),
        (r"nasion|\bnas\b", {2: float(vertices[_NASION, 2]), 1: float(vertices[_NASION, 1])}),
        (r"front|anterior", {2: float(vertices[_NASION, 2])}),
        (r"mastoid", {1: float(tragus[1] + _MASTOID_CM * size)}),
        (r"vertex|crown|top of", {1: float(tragus[1] + _VERTEX_CM * size)}),
        (r"chin|menton|gnathion", {1: float(vertices[_CHIN, 1])}),
        (r"tragus|tragi|ear", {1: float(tragus[1])}),
    ):
        if re.search(known, words):
            return place
    return {}


def _from_percent(points: np.ndarray, axes: tuple[tuple[int, float, float], ...]) -> np.ndarray:
    """Canonical places (n, 3); where no axis gives the depth, all lie on the face."""
    vertices, _ = canonical_face()
    result = np.full(points.shape, vertices[_NASION, 2])
    for column, (axis, low, high) in enumerate(axes):
        if axis >= 0:
            result[:, axis] = low + points[:, column] / 100 * (high - low)
    return result


def _landmarks(system: Mapping[str, Any], units: str) -> np.ndarray:
    """Nasion, left and right ear (3, 3) in m."""
    given = system.get("AnatomicalLandmarkCoordinates")
    rows = []
    scale = _UNITS_M.get(str(system.get("AnatomicalLandmarkCoordinateUnits", units)).lower(), 0.0)
    known = {str(k).upper(): v for k, v in given.items()} if isinstance(given, Mapping) else {}
    for names in (("NAS", "NASION", "NZ"), ("LPA", "LHJ"), ("RPA", "RHJ")):
        row = next((known[name] for name in names if name in known), None)
        try:
            rows.append(np.array(row, np.float64).reshape(3))
        except (TypeError, ValueError):
            raise EiferError(
                "landmarks (NAS, LPA, RPA) are missing from the coordinate system."
            ) from None
    landmarks = np.array(rows) * scale
    if not np.isfinite(landmarks).all() or np.linalg.norm(landmarks[1] - landmarks[2]) < 0.05:
        raise EiferError("the landmarks of the coordinate system make no head.")
    return landmarks


def _frame(nasion: np.ndarray, left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, ...]:
    """Origin between the ears, unit axes (left, front, up), half width and depth."""
    across = (left - right) / np.linalg.norm(left - right)
    origin = (left + right) / 2
    to_front = nasion - origin
    to_front = to_front - across * (to_front @ across)
    depth = np.linalg.norm(to_front)
    front = to_front / max(float(depth), 1e-9)
    axes = np.stack([across, front, np.cross(front, across)])
    return origin, axes, np.array([np.linalg.norm(left - right) / 2, depth])


def _from_head(points: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Canonical places (n, 3) in cm of places on a head with the given landmarks."""
    vertices, _ = canonical_face()
    own_origin, own_axes, own_size = _frame(*landmarks)
    origin, axes, size = _frame(vertices[_NASION], vertices[_LEFT_EAR], vertices[_RIGHT_EAR])
    ratio = size / own_size
    # The ears and the nasion give no height; heads that are wide are taken for high.
    scaled = (points - own_origin) @ own_axes.T * (ratio[0], ratio[1], ratio[0])
    return np.asarray(origin + scaled @ axes)
