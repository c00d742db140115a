"""Where fibres and electrodes lie on a person's head, in mm, and how electrodes are put on anew."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from ...eifer_addon.heads.electrodes import place_on_canvas
from ...eifer_addon.heads.model import SurfacePoints
from ...eifer_addon.heads.open_head import load_open_head
from .face_muscles import FaceMuscle
from .monopolar import fridlund_layout, kuramoto_layout
from .subject import Subject

#: The canvas as a grid: the skin between its nodes is interpolated.
_X, _Y, _STEP = (-90.0, 90.0), (-114.0, 96.0), 6.0
#: Positions are rounded to this many decimals of a mm, so that no library's last bit matters.
_DECIMALS = 3
#: How far a placement errs, in mm: a pair (or single electrode) as a whole, and each electrode.
_PAIR_ERROR_MM, _ELECTRODE_ERROR_MM = 1.6, 0.7


@dataclass(frozen=True)
class Skin:
    """The skin of one person over the canvas of the electrode schemes.

    Attributes
    ----------
    nodes : numpy.ndarray
        (rows, columns, 3) in mm, row 0 the lowest.
    """

    nodes: np.ndarray

    def at(self, canvas: np.ndarray) -> np.ndarray:
        """Positions (n, 3) in mm of canvas places (n, 2); beyond the canvas its rim."""
        rows, columns = self.nodes.shape[:2]
        u = np.clip((canvas[:, 0] - _X[0]) / _STEP, 0, columns - 1.001)
        v = np.clip((canvas[:, 1] - _Y[0]) / _STEP, 0, rows - 1.001)
        i, j = u.astype(int), v.astype(int)
        a, b = (u - i)[:, None], (v - j)[:, None]
        lower = (1 - a) * self.nodes[j, i] + a * self.nodes[j, i + 1]
        upper = (1 - a) * self.nodes[j + 1, i] + a * self.nodes[j + 1, i + 1]
        return np.asarray((1 - b) * lower + b * upper)

    def normals(self, canvas: np.ndarray) -> np.ndarray:
        """Unit normals (n, 3), outwards."""
        right = self.at(canvas + (_STEP, 0)) - self.at(canvas - (_STEP, 0))
        up = self.at(canvas + (0, _STEP)) - self.at(canvas - (0, _STEP))
        normal = np.cross(right, up)
        length = np.sqrt((normal**2).sum(axis=1, keepdims=True))
        return np.asarray(normal / np.maximum(length, 1e-9))


@functools.cache
def _grid() -> tuple[SurfacePoints, tuple[int, int]]:
    """The canvas's nodes on the open head, and how many rows and columns there are."""
    x, y = np.arange(_X[0], _X[1] + 1, _STEP), np.arange(_Y[0], _Y[1] + 1, _STEP)
    places = np.stack(np.meshgrid(x, y), axis=-1)
    names = tuple(str(k) for k in range(places[..., 0].size))
    points = place_on_canvas(load_open_head(), names, places.reshape(-1, 2))
    return points, (len(y), len(x))


@functools.lru_cache(maxsize=4)
def _skin(identity: bytes) -> Skin:
    head, (points, shape) = load_open_head(), _grid()
    coefficients = np.frombuffer(identity, np.float64)
    used = np.flatnonzero(coefficients)
    vertices = head.template.astype(np.float64)
    for k in used:  # one after the other: sums that no library splits over threads
        vertices = vertices + coefficients[k] * head.identity_basis[..., k]
    nodes = points.positions(vertices, head.triangles) * 1000
    return Skin(np.round(nodes, _DECIMALS).reshape(*shape, 3))


def skin_of(identity: np.ndarray | None = None) -> Skin:
    """The skin of identity coefficients of the open head, None for the head as it is."""
    values = np.zeros(1) if identity is None else np.asarray(identity, np.float64)
    return _skin(values.tobytes())


@dataclass(frozen=True)
class Montage3D:
    """Single electrodes as one session has them on.

    Attributes
    ----------
    names : tuple of str
        All of Fridlund's 44 single electrodes, then Kuramoto's 19.
    places_mm : numpy.ndarray
        (63, 3) on the head.
    gains : numpy.ndarray
        (63,) about 1: what this donning's contacts let through.
    poor : numpy.ndarray
        (63,) 1 for a usual contact, several times as much hum, noise and drift for a bad one.
    """

    names: tuple[str, ...]
    places_mm: np.ndarray
    gains: np.ndarray
    poor: np.ndarray


#: Spread of gains between donnings (log), and the chance that an electrode sits badly all session.
_GAIN, _BAD = 0.10, 0.012


@functools.cache
def electrode_names() -> tuple[str, ...]:
    """Fridlund's 44 single electrodes, then Kuramoto's 19."""
    return (*fridlund_layout().channels, *kuramoto_layout().channels)


def nominal_canvas() -> np.ndarray:
    """(63, 2) where the schemes want the electrodes."""
    return np.concatenate([fridlund_layout().places, kuramoto_layout().places])


def don(subject: Subject, rec: str) -> Montage3D:
    """Put the electrodes on for one session: near their places, with contacts of their own."""
    rng = subject.rng("donning", rec)
    n, pairs = len(electrode_names()), len(fridlund_layout().channels) // 2
    whole = rng.normal(0, _PAIR_ERROR_MM, (n - pairs, 2))
    error = np.concatenate([np.repeat(whole[:pairs], 2, axis=0), whole[pairs:]])
    error += rng.normal(0, _ELECTRODE_ERROR_MM, (n, 2))
    places = skin_of(subject.identity).at(nominal_canvas() + error)
    gains = np.exp(rng.normal(0, _GAIN, n))
    poor = np.where(
        rng.uniform(size=n) < _BAD, rng.uniform(4, 12, n), np.exp(rng.normal(0, 0.3, n))
    )
    return Montage3D(electrode_names(), places, gains, poor)


def along(muscle: FaceMuscle, part: np.ndarray, aside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Canvas places and unit directions, each (n, 2), of a muscle's course.

    Parameters
    ----------
    muscle : FaceMuscle
    part : numpy.ndarray
        (n,) how far along the course, 0 to 1.
    aside : numpy.ndarray
        (n,) canvas units to the left of the direction.
    """
    step = np.diff(muscle.course, axis=0)
    length = np.sqrt((step**2).sum(axis=1))
    ends = np.concatenate([[0.0], np.cumsum(length)])
    where = np.clip(part, 0, 1) * ends[-1]
    k = np.clip(np.searchsorted(ends, where, side="right") - 1, 0, len(step) - 1)
    direction = step[k] / length[k, None]
    across = np.stack([-direction[:, 1], direction[:, 0]], axis=1)
    place = muscle.course[k] + direction * (where - ends[k])[:, None]
    return place + across * aside[:, None], direction
