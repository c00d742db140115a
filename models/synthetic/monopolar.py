"""What single electrodes against a common reference see: near muscles most, others too, and late.

A muscle lies along a course on the canvas of the electrode schemes. An electrode sees it the
weaker the farther it is from the nearest part of the course, and the potentials run along the
fibres, so that two electrodes one behind the other see the same signal at different times. This
is what makes a bipolar pair along the fibres see the muscle, and hum cancel.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .script import SIDES, read_expressions

#: Canvas units over which a muscle's potential falls to 1/e at a single electrode; more than for
#: a bipolar pair, whose difference takes out what comes from far. No study of the face gives it.
REACH = 18.0
#: Metres per canvas unit, and the speed of potentials along the fibres: 4 m/s is usual (Merletti
#: and Parker, Electromyography, 2004).
UNIT_M, SPEED_M_S = 0.001, 4.0
#: Half the distance between the two electrodes of a pair; Fridlund and Cacioppo (1986) put them a
#: centimetre apart.
HALF_PAIR = 5.0
_SCHEMES = Path(__file__).parents[2] / "eifer_addon" / "heads" / "data" / "electrodes.json"
_SUFFIX = {"left": "li", "right": "re"}


@dataclass(frozen=True)
class Layout:
    """Single electrodes on the face.

    Attributes
    ----------
    channels : tuple of str
    places : numpy.ndarray
        (n_channels, 2) on the canvas; negative x is the subject's right.
    """

    channels: tuple[str, ...]
    places: np.ndarray

    @property
    def pick_up(self) -> tuple[np.ndarray, np.ndarray]:
        """Gain and delay in s, each (n_channels, n_muscles), of every muscle at every electrode.

        Muscles as in `script`: each left, then right.
        """
        gains, delays = [], []
        for site in read_expressions()["sites"].values():
            for side in SIDES:
                distance, along = _nearest(self.places, _course(site, side))
                gains.append(np.exp(-distance / REACH))
                delays.append(along * UNIT_M / SPEED_M_S)
        return np.stack(gains, axis=1), np.stack(delays, axis=1)


def kuramoto_layout() -> Layout:
    """The 19 electrodes of Kuramoto's scheme at their places."""
    rows = _scheme("kuramoto")
    return Layout(tuple(r["name"] for r in rows), np.array([r["canvas"] for r in rows], float))


def fridlund_layout() -> Layout:
    """Fridlund's 22 sites with two electrodes each, one behind the other along the fibres."""
    channels, places = [], []
    for site in read_expressions()["sites"].values():
        for side in SIDES:
            course = _course(site, side)
            x, y = site["position"]
            centre = np.array([x if side == "left" else -x, y], float)
            direction = _direction(centre, course)
            for number, way in ((1, -HALF_PAIR), (2, HALF_PAIR)):
                channels.append(f"{site['label']} {_SUFFIX[side]} {number}")
                places.append(centre + way * direction)
    return Layout(tuple(channels), np.array(places))


@functools.cache
def _scheme(name: str) -> list[dict[str, Any]]:
    """A scheme's rows; the table is the muscle map's, of which this is no second copy."""
    return list(json.loads(_SCHEMES.read_text("utf-8"))["schemes"][name]["electrodes"])


def _course(site: dict[str, Any], side: str) -> np.ndarray:
    return np.array(site["course"], float) * ((1 if side == "left" else -1), 1)


def _nearest(places: np.ndarray, course: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distance to a course, and how far along it the nearest point lies, each (n,)."""
    steps = np.diff(course, axis=0)
    lengths = np.linalg.norm(steps, axis=1)
    offset = places[:, None] - course[None, :-1]
    part = np.clip(np.einsum("nsk,sk->ns", offset, steps) / lengths**2, 0, 1)
    distance = np.linalg.norm(offset - part[..., None] * steps, axis=2)
    best = distance.argmin(axis=1)
    row = np.arange(len(places))
    before = np.concatenate([[0.0], np.cumsum(lengths)[:-1]])
    return distance[row, best], before[best] + part[row, best] * lengths[best]


def _direction(place: np.ndarray, course: np.ndarray) -> np.ndarray:
    """Unit direction of the part of a course that is nearest to a place."""
    steps = np.diff(course, axis=0)
    middles = course[:-1] + steps / 2
    step = steps[np.linalg.norm(middles - place, axis=1).argmin()]
    return np.asarray(step / np.linalg.norm(step))
