"""The 478 landmarks on any head: draw it, let the landmark network look, cast the points back.

The head is drawn from several sides, each picture is read twice (also mirrored, because the
network is not quite symmetric), and the points are averaged on the surface. Nothing depends on
the head's layout, so that a FLAME file, a scan or a character is treated alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from scipy.interpolate import RBFInterpolator
from scipy.ndimage import distance_transform_edt

from ..errors import EiferError
from ..files import save_npz
from .caching import cache_path, read_kept
from .canonical import N_FACE, canonical_face, mirrored_landmarks
from .model import JOINT_NAMES, HeadModel, SurfacePoints
from .raster import Camera, Light, Rendering, render
from .surface import at_surface, closest_points, head_hash, vertex_parts

if TYPE_CHECKING:
    from ..video.landmarker import Face, FaceLandmarker

N_LANDMARKS = 478
NAMES = tuple(str(k) for k in range(N_LANDMARKS))
_IRIS = slice(N_FACE, N_LANDMARKS)
#: The inner rim of the lips; on a closed mouth the two rims lie on one another.
UPPER_INNER_LIP = (191, 80, 81, 82, 13, 312, 311, 310, 415)
LOWER_INNER_LIP = (95, 88, 178, 87, 14, 317, 402, 318, 324)
#: Radians that the jaw is opened to tell the lips' inner rims apart.
_JAW_OPEN = 0.22
_MIN_JAW_MOTION = 0.004
#: Metres around a landmark of the lips in which its lip is looked for.
_LIP_REACH = 0.015
_SIZE = 448
#: Parts of so few vertices are hairs of lashes and brows.
_MAX_HAIR = 64
#: A first reading this sure needs no other way of drawing.
_SURE = 0.97
#: Yaw and pitch in degrees; the landmark network is at its best near the front.
_VIEWS = ((0, 0), (0, 0), (-14, 0), (14, 0), (0, 10), (0, -10))
_LIGHTS = (
    Light((0.0, 0.5, 1.0)),
    Light((0.35, 0.5, 1.0)),
    Light((0.0, 0.8, 0.6), key=1.0, ambient=0.15),
    Light((0.0, 0.1, 1.0), key=0.6, ambient=0.5),
)
_DISTANCES = (1.2, 0.6)
#: Smoothing of the bent canonical face (cm), and the distance in m from which a point is wrong.
_SMOOTHING = 2.0
_MIN_OUTLIER = 0.0035
#: A point seen this squarely in all is moved half-way to the bent face.
_PRIOR_TRUST = 0.03
#: Views that differ by this many metres from the mean count half.
_AGREEMENT = 0.003
#: The version goes up when landmarks come to be found otherwise, so that old ones are not kept.
_KIND, _VERSION = "surface_points", 3


@dataclass(frozen=True)
class _Scene:
    """A head as it is drawn: geometry, colours, and which part of it is skin."""

    vertices: np.ndarray
    triangles: np.ndarray
    colours: np.ndarray | None
    parts: np.ndarray

    def draw(self, camera: Camera, light: Light, samples: int = 2) -> Rendering:
        # Hairs are sheets with one side: drawn from both, the two eyes look alike.
        size = np.bincount(self.parts)[self.parts[self.triangles[:, 0]]]
        return render(
            self.vertices, self.triangles, self.colours, camera,
            light=light, samples=samples, cull=size > _MAX_HAIR,
        )  # fmt: skip


def find_landmarks(
    head: HeadModel, landmarker: FaceLandmarker | None = None, *, use_cache: bool = True
) -> SurfacePoints:
    """The 478 MediaPipe landmarks on a head's neutral surface.

    Parameters
    ----------
    head : HeadModel
        Any head; its colours are used when it has some, a grey head works too.
    landmarker : FaceLandmarker, optional
        The networks; by default those among the add-on's assets.
    use_cache : bool
        Keep the result under the hash of the head's content and take it from there.

    Returns
    -------
    SurfacePoints
        Names "0" to "477". All but the irises' ten lie on visible skin.

    Raises
    ------
    EiferError
        When no face is recognised on any picture of the head.
    """
    key = head_hash(head, "colours", "weights", "joint_regressor")
    path = cache_path("landmarks", f"{key}.npz")
    kept = read_kept(path, _KIND, _VERSION) if use_cache else None
    if kept is not None:
        arrays, meta = kept
        return SurfacePoints(tuple(meta["names"]), arrays["triangles"], arrays["barycentric"])
    points = _find(head, landmarker or _default_landmarker())
    if use_cache:
        arrays = {"triangles": points.triangles, "barycentric": points.barycentric}
        save_npz(path, _KIND, _VERSION, arrays, {"names": list(points.names)})
    return points


def find_bare_landmarks(head: HeadModel) -> SurfacePoints:
    """Landmarks of a head drawn without its colours and without hairs.

    What the network sees shifts it a little: painted brows and irises pull its points. Two heads
    that are to be compared, one of them grey, are therefore both read bare.
    """
    part = vertex_parts(head.n_vertices, head.triangles)
    size = np.bincount(part)[part[head.triangles[:, 0]]]
    kept = np.flatnonzero(size > _MAX_HAIR)
    found = find_landmarks(head.replace(triangles=head.triangles[kept], colours=None))
    return SurfacePoints(found.names, kept[found.triangles].astype(np.int32), found.barycentric)


def _default_landmarker() -> FaceLandmarker:
    from ..video.landmarker import FaceLandmarker

    return FaceLandmarker()


def _find(head: HeadModel, landmarker: FaceLandmarker) -> SurfacePoints:
    parts = vertex_parts(head.n_vertices, head.triangles)
    scene, box = _recognise(head, parts, landmarker)
    positions, trust, skin = _consensus(scene, box, landmarker)
    positions[:N_FACE] = _settle(positions[:N_FACE], trust[:N_FACE])
    triangle, weights, _ = closest_points(positions, scene.vertices, scene.triangles, skin)
    iris = positions[_IRIS]
    triangle[_IRIS], weights[_IRIS], _ = closest_points(iris, scene.vertices, scene.triangles)
    motion = _lip_motion(head, scene, box, landmarker)
    if motion is not None:
        for number, sheet in _lip_sheets(scene, skin, positions, *motion):
            point = positions[number : number + 1]
            place = closest_points(point, scene.vertices, scene.triangles, sheet)
            triangle[number], weights[number] = place[0][0], place[1][0]
    return at_surface(NAMES, triangle, weights)


def _recognise(
    head: HeadModel, parts: np.ndarray, landmarker: FaceLandmarker
) -> tuple[_Scene, np.ndarray]:
    """The way of drawing on which the network is surest of a face, and the face's corner points."""
    vertices = head.template.astype(np.float64)
    styles = [head.colours, None] if head.colours is not None else [None]
    best: tuple[float, _Scene, np.ndarray] | None = None
    for colours, distance, light in product(styles, _DISTANCES, _LIGHTS):
        scene = _Scene(vertices, head.triangles, colours, parts)
        drawn = scene.draw(Camera.facing(vertices, _SIZE, distance=distance), light, samples=1)
        faces = landmarker.detect(drawn.image, max_faces=1)
        if faces and (best is None or faces[0].presence > best[0] + 0.02):
            best = (faces[0].presence, scene, _first_points(scene, drawn, faces[0]))
        if best is not None and best[0] > _SURE:
            break
    if best is None:
        raise EiferError(
            f"No face was recognised on the head '{head.name}'.",
            "Check that it is in metres, looks along +z with +y up, and has a human face.",
        )
    return best[1], best[2]


def _first_points(scene: _Scene, drawn: Rendering, face: Face) -> np.ndarray:
    """Surface positions (468, 3) of a first reading: where to aim the camera."""
    hit = drawn.triangle >= 0
    return _lift(scene, drawn, face.landmarks[:N_FACE, :2], hit)[0]


def _consensus(
    scene: _Scene, box: np.ndarray, landmarker: FaceLandmarker
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions (478, 3) averaged over the views, their trust (478,), and the skin seen."""
    readings, squareness, seen = [], [], []
    for number, (yaw, pitch) in enumerate(_VIEWS):
        camera = Camera.facing(
            box, _SIZE, margin=1.7, distance=0.6 if number else 1.0,
            yaw=np.radians(yaw), pitch=np.radians(pitch),
        )  # fmt: skip
        drawn = scene.draw(camera, _LIGHTS[0])
        pixels = _read_both(drawn.image, landmarker)
        if pixels is None:
            continue
        skin = _skin_pixels(scene, drawn, pixels)
        seen.append(np.unique(drawn.triangle[skin]))
        points, square = _lift(scene, drawn, pixels, skin)
        points[_IRIS], _ = _lift(scene, drawn, pixels[_IRIS], drawn.triangle >= 0)
        readings.append(points)
        squareness.append(square)
    if not readings:
        raise EiferError("The face was lost when the camera came near.", "Check the head's mesh.")
    positions, trust = _average(np.array(readings), np.array(squareness))
    return positions, trust, np.unique(np.concatenate(seen))


def _average(readings: np.ndarray, squareness: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean positions (n, 3) of readings (views, n, 3) that saw the place squarely and agree.

    The second value, (n,), sums up how squarely and how unanimously each was seen.

    At the contour a frontal view sees the cheek edge-on, and a turned one lets the far contour
    slide: both look at the surface at a grazing angle and count little.
    """
    weights = squareness**3 + 1e-6
    for _ in range(3):
        mean = np.average(
            readings, axis=0, weights=np.broadcast_to(weights[..., None], readings.shape)
        )
        gap = np.linalg.norm(readings - mean, axis=2)
        weights = squareness**3 / (1 + (gap / _AGREEMENT) ** 2) + 1e-6
    return np.asarray(mean), weights.sum(axis=0)


def _settle(positions: np.ndarray, trust: np.ndarray) -> np.ndarray:
    """Positions (468, 3) with points that were badly seen put where their neighbours say.

    The canonical face is bent smoothly onto the points. One that left the face, say onto an ear,
    is replaced by the bent face; one that was only seen edge-on moves towards it.
    """
    canonical, _ = canonical_face()
    mirror = mirrored_landmarks()[:N_FACE]
    # A landmark and its mirror image are trusted alike, which keeps an even face even.
    trust = np.minimum(trust, trust[mirror])
    good = np.ones(len(positions), bool)
    for _ in range(2):
        smooth = RBFInterpolator(
            canonical[good], positions[good], smoothing=_SMOOTHING / trust[good], neighbors=80
        )
        expected = smooth(canonical)
        error = np.linalg.norm(expected - positions, axis=1)
        good = error < max(_MIN_OUTLIER, 6 * float(np.median(error)))
        good &= good[mirror]
    share = np.where(good, trust / (trust + _PRIOR_TRUST), 0.0)[:, None]
    return share * positions + (1 - share) * expected


def _read_both(image: np.ndarray, landmarker: FaceLandmarker) -> np.ndarray | None:
    """Landmark pixels (478, 2), the mean of a picture and its mirror image."""
    mirrored = np.ascontiguousarray(image[:, ::-1])
    straight, flipped = (
        landmarker.detect(picture, max_faces=1, refine=1) for picture in (image, mirrored)
    )
    if not straight or not flipped:
        return None
    back = flipped[0].landmarks[mirrored_landmarks(), :2] * (-1, 1) + (image.shape[1], 0)
    mean: np.ndarray = (straight[0].landmarks[:, :2] + back) / 2
    return mean


def _skin_pixels(scene: _Scene, drawn: Rendering, pixels: np.ndarray) -> np.ndarray:
    """Which pixels (H, W) show skin: the part that most of the landmarks lie on."""
    part = np.where(drawn.triangle >= 0, scene.parts[scene.triangles[drawn.triangle, 0]], -1)
    rows, columns = _inside(pixels[:N_FACE], part.shape)
    under = part[rows, columns]
    return np.asarray(part == np.bincount(under[under >= 0]).argmax())


def _inside(pixels: np.ndarray, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Row and column of the pixels that hold continuous positions (n, 2)."""
    columns, rows = np.floor(pixels).astype(int).T
    return np.clip(rows, 0, shape[0] - 1), np.clip(columns, 0, shape[1] - 1)


def _lift(
    scene: _Scene, drawn: Rendering, pixels: np.ndarray, valid: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Surface positions (n, 3) behind continuous pixels (n, 2), and how squarely they are seen.

    A point beside the valid pixels is taken to the nearest valid one. Within a pixel the ray meets
    the plane of the pixel's triangle.
    """
    rows, columns = _inside(pixels, valid.shape)
    nearest = distance_transform_edt(~valid, return_distances=False, return_indices=True)
    there = valid[rows, columns]
    rows, columns = nearest[:, rows, columns]
    aim = np.where(there[:, None], pixels, np.stack([columns, rows], axis=1) + 0.5)
    corners = scene.vertices[scene.triangles[drawn.triangle[rows, columns]]]
    camera = drawn.camera
    across, up = aim[:, 0] - camera.width / 2, camera.height / 2 - aim[:, 1]
    ray = np.stack([across, up, np.full(len(aim), -camera.focal)], axis=1) @ camera.rotation
    origin = camera.target + camera.distance * camera.rotation[2]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    facing = np.sum(ray * normal, axis=1)
    along = np.sum((corners[:, 0] - origin) * normal, axis=1) / np.where(facing, facing, 1)
    exact = origin + along[:, None] * ray
    centre = np.einsum("nk,nkc->nc", drawn.barycentric[rows, columns], corners)
    # A grazing plane sends the foot point far away within one pixel: keep the pixel's centre then.
    limit = np.linalg.norm(corners[:, 1] - corners[:, 0], axis=1)
    near = np.linalg.norm(exact - centre, axis=1) < limit
    length = np.linalg.norm(ray, axis=1) * np.linalg.norm(normal, axis=1)
    return np.where(near[:, None], exact, centre), np.abs(facing) / np.maximum(length, 1e-30)


def _lip_motion(
    head: HeadModel, scene: _Scene, box: np.ndarray, landmarker: FaceLandmarker
) -> tuple[np.ndarray, np.ndarray] | None:
    """How far each vertex (V,) and each landmark (478,) goes when the jaw opens.

    The landmarks are those read on the open mouth. None for a head whose jaw does not move.
    """
    pose = np.zeros((5, 3))
    pose[JOINT_NAMES.index("jaw"), 0] = _JAW_OPEN
    vertices, _ = head.forward(pose=pose)
    motion = np.linalg.norm(vertices - scene.vertices, axis=1)
    if motion.max() < _MIN_JAW_MOTION:
        return None
    opened = _Scene(vertices, scene.triangles, scene.colours, scene.parts)
    camera = Camera.facing(box, _SIZE, margin=1.9, distance=0.6)
    drawn = opened.draw(camera, _LIGHTS[0])
    pixels = _read_both(drawn.image, landmarker)
    if pixels is None:
        return None
    skin = _skin_pixels(opened, drawn, pixels)
    places, _ = _lift(opened, drawn, _frontmost(drawn, skin, pixels), skin)
    seen = np.unique(drawn.triangle[skin])
    triangle, weights, _ = closest_points(places, vertices, opened.triangles, seen)
    return motion, np.einsum("nk,nk->n", weights, motion[scene.triangles[triangle]])


def _lip_sheets(
    scene: _Scene, skin: np.ndarray, positions: np.ndarray, motion: np.ndarray, read: np.ndarray
) -> Iterator[tuple[int, np.ndarray]]:
    """For each landmark of the lips' inner rims the skin triangles of its own lip.

    On a closed mouth both rims fall on one line, and a point may be cast onto the wrong lip; the
    lips are told apart by how far they go with the jaw.
    """
    centres = scene.vertices[scene.triangles[skin]].mean(axis=1)
    goes = motion[scene.triangles[skin]].mean(axis=1)
    for upper, lower in zip(UPPER_INNER_LIP, LOWER_INNER_LIP, strict=True):
        if read[lower] - read[upper] < _MIN_JAW_MOTION / 2:
            continue
        middle = (read[upper] + read[lower]) / 2
        near = np.linalg.norm(centres - positions[upper], axis=1) < _LIP_REACH
        for number, own in ((upper, goes < middle), (lower, goes > middle)):
            if (near & own).any():
                yield number, skin[near & own]


def _frontmost(
    drawn: Rendering, valid: np.ndarray, pixels: np.ndarray, radius: int = 4
) -> np.ndarray:
    """Pixels (n, 2) moved to the nearest-to-front place around, off the depth of the mouth.

    Only a step in depth counts: where the neighbourhood is smooth the pixel stays.
    """
    step = 0.004
    offsets = np.stack(np.meshgrid(*[np.arange(-radius, radius + 1)] * 2), axis=-1).reshape(-1, 2)
    around = pixels[:, None] + offsets
    rows, columns = _inside(around.reshape(-1, 2), valid.shape)
    depth = np.where(valid, drawn.depth, np.inf)[rows, columns].reshape(len(pixels), -1)
    front = depth.min(axis=1, keepdims=True)
    reach = np.linalg.norm(offsets, axis=1)
    cost = np.where(depth < front + step, reach, np.inf)
    best = np.argmin(cost, axis=1)
    return np.asarray(around[np.arange(len(pixels)), best])
