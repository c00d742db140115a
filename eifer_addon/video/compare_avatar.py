"""An avatar's picture for comparisons: posed as a track says, seen as the film's camera saw it.

Drawn by the software rasteriser and shaded per pixel, so that it needs neither Blender nor a
display, and looks the same on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ..heads import raster
from ..heads.display import with_eye_materials
from ..heads.model import HeadModel
from ..heads.surface import vertex_parts
from ..heads.units import basis_name
from ..spaces import ARKIT52, ARKIT_NAMES
from ..track import Camera, ExpressionTrack

#: Linear reflectance by material, for heads without colours of their own.
_COLOURS = {
    "skin": (0.47, 0.36, 0.31), "sclera": (0.72, 0.70, 0.68), "iris": (0.12, 0.075, 0.045),
    "pupil": (0.01, 0.01, 0.01),
}  # fmt: skip
_SHINY = {"sclera", "iris", "pupil"}
#: Behind the head, sRGB.
PAPER = (0.955, 0.955, 0.95)
#: Direction in camera axes and strength: a window on the left, a wall on the right, the sky.
_KEY, _KEY_STRENGTH = (-0.5, 0.55, 0.95), 0.95
_FILL, _FILL_STRENGTH = (0.8, 0.05, 0.7), 0.28
_AMBIENT = 0.2
#: How far the light is wrapped around, which stands for its scattering in the skin.
_WRAP = 0.35
#: Pieces of a tile's edge over which depth is compared, and m that make a place quite dark.
_HOLLOW_SHARE, _HOLLOW_M, _HOLLOW_MOST = 0.035, 0.011, 0.62
#: Parts of so few vertices are hairs, sheets that are seen from both sides.
_MAX_HAIR = 64
_SAMPLES = 3
#: A face that fills a picture, for tracks without a camera: focal length in pixels per pixel of
#: the picture's width, as of a portrait lens.
_PORTRAIT_FOCAL = 2.0


@dataclass(frozen=True)
class View:
    """A square part of the film's picture.

    Attributes
    ----------
    left, top, edge : float
        In pixels of the film.
    size : int
        Pixels of an edge of the tile that shows it.
    """

    left: float
    top: float
    edge: float
    size: int

    @property
    def scale(self) -> float:
        """Pixels of the tile per pixel of the film."""
        return self.size / self.edge

    def camera(self, camera: Camera) -> raster.Camera:
        """The rasteriser's camera that sees this part as `camera` sees the whole."""
        x, y, z = camera.place
        centre = (
            (camera.width / 2 - self.left) * self.scale,
            (camera.height / 2 - self.top) * self.scale,
        )
        target = np.array([-x, -y, 0.0])
        focal = camera.focal_px * self.scale
        return raster.Camera(target, -z, focal, self.size, self.size, centre=centre)


class Avatar:
    """A head that takes tracks and can be drawn.

    Parameters
    ----------
    head : HeadModel
        Any head; one that shall take `arkit52` needs its units.
    """

    def __init__(self, head: HeadModel) -> None:
        self.head = with_eye_materials(head)

    def takes(self, track: ExpressionTrack) -> bool:
        """Whether a track can be shown without being carried to another space."""
        if track.space.name == ARKIT52.name:
            return self.head.units is not None
        return track.space.basis == basis_name(self.head)

    def vertices(self, track: ExpressionTrack, row: int) -> np.ndarray:
        """Posed vertices (V, 3) in m of one frame of a track that the head takes."""
        values = dict(zip(track.space.coefficients, track.coefficients[row], strict=True))
        pose = np.zeros((5, 3))
        expression = units = None
        if track.space.name == ARKIT52.name:
            units = np.array([values[name] for name in ARKIT_NAMES], np.float64)
        else:
            expression = np.array([v for n, v in values.items() if n.startswith("exp.")])
            pose[2] = [values.get(f"jaw.{axis}", 0.0) for axis in "xyz"]
            units = self._lids(values)
        moved = np.zeros(3)
        if track.head_pose is not None:
            pose[0], moved = track.head_pose[row, :3], track.head_pose[row, 3:]
        identity = self._identity(track)
        return self.head.forward(identity, expression, pose, units)[0] + moved

    def _lids(self, values: dict[str, float]) -> np.ndarray | None:
        """The blinks that stand for a space's eyelids."""
        if "eyelid.left" not in values or self.head.units is None:
            return None
        units = np.zeros(len(ARKIT_NAMES))
        units[ARKIT_NAMES.index("eyeBlinkLeft")] = values["eyelid.left"]
        units[ARKIT_NAMES.index("eyeBlinkRight")] = values["eyelid.right"]
        return units

    def fits(self, track: ExpressionTrack) -> bool:
        """Whether a track's identity, if it has one, can be this head's."""
        return track.identity is None or len(track.identity) <= self.head.n_identity

    def _identity(self, track: ExpressionTrack) -> np.ndarray | None:
        return track.identity if self.fits(track) else None

    def default_camera(self, width: int, height: int) -> Camera:
        """A camera for tracks that name none: the head from the front, as large as the picture."""
        low, high = self.head.template.min(axis=0), self.head.template.max(axis=0)
        middle, tall = (low + high) / 2, float(high[1] - low[1])
        focal = _PORTRAIT_FOCAL * min(width, height)
        place = (float(-middle[0]), float(-middle[1]), float(-_PORTRAIT_FOCAL * tall * 1.1))
        return Camera(width, height, focal, place)

    def face_points(self, vertices: np.ndarray) -> np.ndarray:
        """Points (n, 3) that bound the face: its landmarks, or the whole head without any."""
        marks = self.head.landmarks
        return vertices if marks is None else marks.positions(vertices, self.head.triangles)

    def draw(self, vertices: np.ndarray, camera: Camera, view: View) -> np.ndarray:
        """The head's picture on paper, uint8 (size, size, 3).

        Parameters
        ----------
        vertices : numpy.ndarray
            (V, 3) in m.
        camera : Camera
            The film's.
        view : View
            The part of the film's picture that is drawn.
        """
        fine = replace(view, size=view.size * _SAMPLES).camera(camera)
        seen = raster.render(vertices, self.head.triangles, camera=fine, cull=self._one_sided)
        picture = np.broadcast_to(np.array(PAPER), (*seen.triangle.shape, 3)).copy()
        hit = seen.triangle >= 0
        if hit.any():
            picture[hit] = raster.srgb(self._lit(vertices, seen, hit))
        small = picture.reshape(view.size, _SAMPLES, view.size, _SAMPLES, 3).mean(axis=(1, 3))
        return np.asarray((small * 255 + 0.5).astype(np.uint8))

    def _lit(self, vertices: np.ndarray, seen: raster.Rendering, hit: np.ndarray) -> np.ndarray:
        """Linear light (n, 3) of the pixels that show the head."""
        triangle, weights = seen.triangle[hit], seen.barycentric[hit]
        corners = self.head.triangles[triangle]
        normals = raster.vertex_normals(vertices, self.head.triangles) @ seen.camera.rotation.T
        normal = _mixed(normals[corners], weights)
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
        colours, shiny = self._surface
        light = _AMBIENT * (0.75 + 0.25 * normal[:, 1])
        for direction, strength in ((_KEY, _KEY_STRENGTH), (_FILL, _FILL_STRENGTH)):
            towards = np.asarray(direction) / np.linalg.norm(direction)
            light += strength * np.clip((normal @ towards + _WRAP) / (1 + _WRAP), 0, 1)
        open_share = 1 - _hollows(seen.depth, hit)[hit]
        base = _mixed(colours[triangle], weights)
        return base * (light * open_share)[:, None] + _gloss(normal, shiny[triangle])[:, None]

    @cached_property
    def _one_sided(self) -> np.ndarray:
        parts = vertex_parts(self.head.n_vertices, self.head.triangles)
        return np.asarray(np.bincount(parts)[parts[self.head.triangles[:, 0]]] > _MAX_HAIR)

    @cached_property
    def _surface(self) -> tuple[np.ndarray, np.ndarray]:
        """Reflectance of the triangles' corners (F, 3, 3), and whether a triangle is wet (F,)."""
        head, n = self.head, len(self.head.triangles)
        names = [head.materials[k] for k in _triangle_materials(head)] or ["skin"] * n
        shiny = np.array([name in _SHINY for name in names])
        if head.colours is not None:
            return head.colours[head.triangles].astype(np.float64), shiny
        flat = np.array([_COLOURS.get(name, _COLOURS["skin"]) for name in names])
        return np.repeat(flat[:, None], 3, axis=1), shiny


def _triangle_materials(head: HeadModel) -> np.ndarray:
    """Number of each triangle's material; empty where polygons and triangles do not agree."""
    which = head.polygon_material
    fits = which is not None and len(which) == len(head.triangles) and bool(head.materials)
    return which if fits and which is not None else np.zeros(0, np.int32)


def _mixed(corners: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Values (n, 3) between the corners' (n, 3, 3)."""
    return np.einsum("nk,nkc->nc", weights, corners)


def _gloss(normal: np.ndarray, shiny: np.ndarray) -> np.ndarray:
    """Highlights (n,) of the key light: soft on skin, small and bright on wet eyes."""
    half = np.asarray(_KEY) / np.linalg.norm(_KEY) + (0.0, 0.0, 1.0)
    facing = np.clip(normal @ (half / np.linalg.norm(half)), 0, 1)
    return np.where(shiny, 0.5 * facing**90, 0.045 * facing**14)


def _hollows(depth: np.ndarray, hit: np.ndarray) -> np.ndarray:
    """How dark the hollows are (H, W): what lies deeper than its surroundings gets less light.

    The unsharp mask of the depth (Luft, Colditz and Deussen, "Image enhancement by unsharp masking
    the depth buffer", 2006), over the head's own pixels only.
    """
    from scipy.ndimage import gaussian_filter

    inside = hit.astype(np.float32)
    known = np.where(hit, depth, 0).astype(np.float32)
    sigma = _HOLLOW_SHARE * depth.shape[0]
    around = gaussian_filter(known, sigma) / np.maximum(gaussian_filter(inside, sigma), 1e-6)
    return np.asarray(np.clip((known - around) / _HOLLOW_M, 0, _HOLLOW_MOST)) * inside
