"""Where each muscle's activity is shown: weights over a head's skin, and over the flat face.

Both are linear in the activity, so that a moment of a recording is one product with a matrix, in
a figure as in Blender.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from scipy.interpolate import RBFInterpolator
from scipy.sparse import coo_array, csr_array, diags_array
from scipy.sparse.csgraph import dijkstra

from .electrodes import electrode_scheme, place_electrodes, place_sites, site
from .face_canvas import face_outline
from .model import HeadModel, SurfacePoints
from .refine import Patch, refined
from .surface import at_surface, closest_points

#: Muscles are shown by the scheme whose electrodes each lie over one muscle.
SCHEME = "fridlund"
#: How far a muscle's colour reaches, in parts of the distance between the two farthest electrodes
#: (the masseters: 142 mm on the open head, so that it reaches 36 mm).
_REACH = 0.25
#: The kernels that make the map exact reach so much less far.
_MENDING = 0.6
#: Nearer than this part of the reach, a place is the electrode itself.
_AT_ELECTRODE = 1e-6
#: The flat map runs to zero on the outline of the face, drawn so much wider than its landmarks:
#: across, and down and up from the middle (the forehead goes on to the hair).
_ACROSS, _DOWN, _UP = 1.12, 1.12, 1.3
_CANVAS_UNIT = 10.0
_COLOURS = Path(__file__).parent / "data" / "colour_map.json"


@dataclass(frozen=True)
class MuscleWeights:
    """How much of each muscle's activity is seen at each vertex of a head.

    Attributes
    ----------
    muscles : tuple of str
        Muscles with side, in the order of the electrodes.
    values : numpy.ndarray
        float32 (V, n_muscles). ``values @ activity``, clipped at 0, is the map: at a muscle's
        electrode it is that muscle's activity, beyond a muscle's reach 2 % of it at most.
    covered : numpy.ndarray
        float32 (V,) in [0, 1]: whether electrodes are near enough to say anything, smooth at the
        rim.
    electrodes : SurfacePoints
        One per muscle, named as the scheme's electrodes.
    """

    muscles: tuple[str, ...]
    values: np.ndarray
    covered: np.ndarray
    electrodes: SurfacePoints


def muscles_shown() -> tuple[str, ...]:
    """The muscles of the map with their sides, one per electrode of the scheme."""
    return tuple(str(electrode.muscle) for electrode in electrode_scheme(SCHEME))


def electrode_places(sites: Sequence[str]) -> np.ndarray:
    """Canvas positions (n, 2) of muscles, electrodes or pairs; KeyError for one without a place."""
    places = [site(name) for name in sites]
    if None in places:
        raise KeyError(sites[places.index(None)])
    return np.array(places, np.float64).reshape(-1, 2)


def muscle_weights(head: HeadModel, sites: Mapping[str, str] | None = None) -> MuscleWeights:
    """Weights of every muscle over a head's skin.

    A compact smooth kernel around each electrode, by distance along the skin, says where anything
    is known; within, neighbours share by the inverse squared distance (Franke and Nielson, "Smooth
    interpolation of large sets of scattered data", 1980), so that the map takes each muscle's own
    activity at its electrode. Eyes, teeth and hairs are parts of their own, which no path along
    the skin reaches.

    Parameters
    ----------
    head : HeadModel
        Its electrodes are used; they are placed when it has none.
    sites : mapping of str to str, optional
        Where each muscle that was recorded stands: an electrode or a pair that :func:`.site`
        knows. By default all of Fridlund's muscles at his electrodes.

    Returns
    -------
    MuscleWeights
    """
    if sites is None:
        points = head.electrodes.get(SCHEME) or place_electrodes(head)[SCHEME]
        return weights_at(head, points, muscles_shown())
    return weights_at(head, place_sites(head, tuple(sites.values())), tuple(sites))


def refined_weights(
    head: HeadModel, sites: Mapping[str, str] | None = None, longest_m: float = 0.005,
    polygons: np.ndarray | None = None,
) -> tuple[Patch, MuscleWeights]:  # fmt: skip
    """The covered skin as a finer mesh, with the weights there.

    Parameters
    ----------
    head, sites
        As for :func:`muscle_weights`.
    longest_m : float
        Of an edge, in m.
    polygons : numpy.ndarray, optional
        int (F,): the polygon that each triangle is a part of; polygons are covered as a whole.

    Returns
    -------
    patch : Patch
    weights : MuscleWeights
        At the patch's vertices; its electrodes lie on the patch's triangles.
    """
    coarse = muscle_weights(head, sites)
    is_near = (coarse.covered[head.triangles] > 0).any(axis=1)
    if polygons is not None:
        is_near = np.isin(polygons, polygons[is_near])
    patch = refined(head, np.flatnonzero(is_near), longest_m)
    places = coarse.electrodes.positions(head.template.astype(np.float64), head.triangles)
    triangle, shares, _ = closest_points(places, patch.vertices, patch.triangles)
    points = at_surface(coarse.electrodes.names, triangle, shares)
    return patch, weights_at(patch.as_head(head), points, coarse.muscles)


def weights_at(head: HeadModel, points: SurfacePoints, muscles: tuple[str, ...]) -> MuscleWeights:
    """Weights of muscles that stand at given points of a head, one each."""
    places = points.positions(head.template.astype(np.float64), head.triangles)
    span = np.linalg.norm(places[:, None] - places[None], axis=2).max()
    distance = _along_skin(head, points, places, _REACH * float(span)) / (_REACH * span)
    kernels = _kernel(distance)
    covered = 1.0 - np.prod(1.0 - kernels, axis=1)
    near = np.maximum(distance, _AT_ELECTRODE)
    shares = (np.maximum(1.0 - near, 0.0) / near) ** 2
    total = shares.sum(axis=1, keepdims=True)
    values = covered[:, None] * np.divide(shares, total, out=np.zeros_like(shares), where=total > 0)
    smooth = _smoothing(head)
    values = _made_exact(smooth @ values, smooth @ _kernel(distance / _MENDING), head, points)
    return MuscleWeights(muscles, values.astype(np.float32), covered.astype(np.float32), points)


def _kernel(distance: np.ndarray) -> np.ndarray:
    """1 at 0, 0 from 1 on, with two continuous derivatives."""
    return np.maximum(1.0 - distance**2, 0.0) ** 3


def _smoothing(head: HeadModel) -> csr_array:
    """What takes values of the vertices to means with their neighbours.

    Where vertices are as far apart as electrodes (on foreheads), a map that changes within one
    triangle shows the triangles.
    """
    near = _neighbours(head)
    near = near + diags_array(np.asarray(near.sum(axis=1)).ravel())
    mean = diags_array(1.0 / np.maximum(np.asarray(near.sum(axis=1)).ravel(), 1.0)) @ near
    return csr_array(mean @ mean)


def _neighbours(head: HeadModel) -> csr_array:
    """1 for every edge, (V, V), symmetrical."""
    n, triangles = head.n_vertices, head.triangles
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    edges = np.unique(np.sort(edges, axis=1), axis=0)
    graph = coo_array((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(n, n)).tocsr()
    return csr_array(graph + graph.T)


def _made_exact(
    values: np.ndarray, kernels: np.ndarray, head: HeadModel, points: SurfacePoints
) -> np.ndarray:
    """Weights (V, n) that read exactly 1 and 0 at the electrodes, by adding some of the kernels."""
    corners = head.triangles[points.triangles]

    def read(field: np.ndarray) -> np.ndarray:
        return np.asarray(np.einsum("pkn,pk->pn", field[corners], points.barycentric))

    missing = np.eye(len(corners)) - read(values)
    return values + kernels @ np.linalg.solve(read(kernels), missing)


def _along_skin(
    head: HeadModel, points: SurfacePoints, places: np.ndarray, limit: float
) -> np.ndarray:
    """Distance (V, n) in m from each electrode along the surface, infinite beyond `limit`.

    Shortest paths over edges and over pairs of edges, which end within 3 % of the true distance
    on an even mesh, where edges alone are up to 15 % too long.
    """
    n, k = head.n_vertices, len(places)
    single = _neighbours(head)
    pairs = (single + single @ single).tocoo()
    rows, columns = pairs.coords
    corners = head.triangles[points.triangles]
    electrodes, starts = [], []
    for number, triangle in enumerate(corners):
        reached = np.unique(np.concatenate([triangle, single[triangle].tocoo().coords[1]]))
        electrodes.append(np.full(len(reached), n + number))
        starts.append(reached)
    rows = np.concatenate([rows, *electrodes])
    columns = np.concatenate([columns, *starts])
    everything = np.concatenate([head.template.astype(np.float64), places])
    length = np.linalg.norm(everything[rows] - everything[columns], axis=1)
    graph = csr_array(coo_array((length, (rows, columns)), shape=(n + k, n + k)))
    found = dijkstra(graph, indices=n + np.arange(k), limit=limit)
    return np.asarray(found[:, :n].T)


def disc_points(
    head: HeadModel, points: SurfacePoints, radius_m: float, n_around: int
) -> tuple[SurfacePoints, SurfacePoints]:
    """Small discs that lie on the skin around surface points.

    Parameters
    ----------
    head : HeadModel
    points : SurfacePoints
        The n centres.
    radius_m : float
        Of a disc, in m.
    n_around : int
        Points on each rim.

    Returns
    -------
    centres, rims : SurfacePoints
        n and n * n_around points, each fixed to its own triangle, so that discs bend with the skin.
    """
    vertices = head.template.astype(np.float64)
    centres = points.positions(vertices, head.triangles)
    corners = vertices[head.triangles[points.triangles]]
    first = corners[:, 1] - corners[:, 0]
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    normal = np.cross(first, corners[:, 2] - corners[:, 0])
    second = np.cross(normal / np.linalg.norm(normal, axis=1, keepdims=True), first)
    angle = np.linspace(0.0, 2 * np.pi, n_around, endpoint=False)
    circle = np.cos(angle)[:, None] * first[:, None] + np.sin(angle)[:, None] * second[:, None]
    rim = (centres[:, None] + radius_m * circle).reshape(-1, 3)
    near = np.linalg.norm(
        vertices[head.triangles].mean(axis=1)[:, None] - centres[None], axis=2
    ).min(axis=1)
    allowed = np.flatnonzero(near < 8 * radius_m)
    triangle, weights, _ = closest_points(rim, vertices, head.triangles, allowed)
    names = tuple(f"{name}.{k}" for name in points.names for k in range(n_around))
    return points, at_surface(names, triangle, weights)


@cache
def hull() -> np.ndarray:
    """The outline on which the flat map is zero, (n, 2) on the canvas, closed, read-only."""
    outline = face_outline()
    centre = (outline.max(axis=0) + outline.min(axis=0)) / 2
    offset = outline - centre
    wide = centre + offset * np.where(offset[:, 1:] > 0, (_ACROSS, _UP), (_ACROSS, _DOWN))
    wide.setflags(write=False)
    return wide


def flat_weights(canvas: np.ndarray, muscles: Sequence[str] | None = None) -> np.ndarray:
    """Weights of muscles over places on the flat face.

    A thin-plate spline through the electrodes and through zeros on the :func:`hull`, all in the
    canvas's coordinates (Bookstein, "Principal warps", 1989). It is exact at the electrodes; what
    it swings below zero between them is no activity, so clip ``flat_weights(…) @ activity`` at 0.

    Parameters
    ----------
    canvas : numpy.ndarray
        (n, 2) canvas positions.
    muscles : sequence of str, optional
        Those that were recorded, or the electrodes or pairs; nothing is claimed of the others.
        All of Fridlund's muscles by default.

    Returns
    -------
    numpy.ndarray
        float64 (n, n_muscles), in the order of `muscles`; zero off the face.

    Raises
    ------
    KeyError
        For a name that has no place on the canvas.
    """
    canvas = np.asarray(canvas, np.float64)
    places = electrode_places(muscles_shown() if muscles is None else muscles)
    anchors = hull()[:-1]
    known = np.concatenate([places, anchors]) / _CANVAS_UNIT
    values = np.concatenate([np.eye(len(places)), np.zeros((len(anchors), len(places)))])
    spline = RBFInterpolator(known, values, kernel="thin_plate_spline")
    found = np.zeros((len(canvas), len(places)))
    inside = within(hull(), canvas)
    found[inside] = spline(canvas[inside] / _CANVAS_UNIT)
    return found


def within(polygon: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Bool (n,): which points (n, 2) lie in a closed polygon (m, 2), by the even-odd rule."""
    inside = np.zeros(len(points), bool)
    x, y = points.T
    for (x0, y0), (x1, y1) in zip(polygon[:-1], polygon[1:], strict=True):
        crosses = (y0 > y) != (y1 > y)
        if crosses.any():
            at = x0 + (y[crosses] - y0) / (y1 - y0) * (x1 - x0)
            inside[crosses] ^= x[crosses] < at
    return inside


@cache
def colour_stops() -> np.ndarray:
    """The map's colours (n, 3) in linear RGB, evenly from 0 to 1, read-only."""
    encoded = np.array(json.loads(_COLOURS.read_text("utf-8"))["srgb"])
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    linear.setflags(write=False)
    return linear
