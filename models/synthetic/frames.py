"""Films of made-up people: every frame without and with electrodes, and where these are.

A `FrameRenderer` belongs to one person on one day: skin, hair, clothes, room, light and outfit stay
as they are, while expression and pose change from frame to frame. The same arguments give the same
bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.ndimage import gaussian_filter

from ...eifer_addon.heads.canonical import N_FACE
from ...eifer_addon.heads.model import HeadModel, rodrigues
from ...eifer_addon.heads.open_head import load_open_head
from ...eifer_addon.heads.raster import Camera, srgb
from .electrode_head import HeadOutfit, wear_on_head
from .electrode_layers import paint_outfit
from .electrode_outfit import draw_outfit
from .film_mesh import make_mesh
from .film_shader import Shader, pose_mesh
from .lights import draw_lights
from .materials import draw_look

#: Samples of a pixel along an axis.
_SAMPLES = 2
#: Height in m that the picture shows at the head, and the camera's distance.
_SHOWN_M, _DISTANCE_M = 0.325, 1.15
#: Noise of the sensor, of 255, in the dark and from the light; levels that count as a change.
_READ_NOISE, _SHOT_NOISE, _CHANGED = 1.0, 1.2, 2.0


class Person(Protocol):
    """What of a subject is seen; `subject.Subject` has it."""

    @property
    def identity(self) -> np.ndarray:
        """Coefficients of the head."""
        ...

    @property
    def skin_seed(self) -> int:
        """Of everything about the looks that is no shape."""
        ...

    @property
    def age_years(self) -> float:
        """Age."""
        ...


@dataclass(frozen=True)
class Shape:
    """A person of whom only the shape and a seed are known."""

    identity: np.ndarray
    skin_seed: int
    age_years: float


class FrameRenderer:
    """Draws a person frame by frame.

    Parameters
    ----------
    subject : Person
        Identity, skin seed and age.
    scheme : str or None
        "fridlund", "kuramoto" or "both": electrodes that are worn; None for none.
    size : int
        Pixels of an edge of the square picture.
    donning : int
        Number of the session: its outfit, light, room and camera.
    head : HeadModel, optional
        The open head when absent; its identities and units are used.
    even_light : bool
        A laboratory's frontal light; False for light by chance.
    """

    def __init__(
        self,
        subject: Person,
        scheme: str | None = None,
        size: int = 286,
        *,
        donning: int = 0,
        head: HeadModel | None = None,
        even_light: bool = True,
    ) -> None:
        self.head = head or load_open_head()
        self.size = size
        self._seed = (int(subject.skin_seed), int(donning))
        random = np.random.default_rng((*self._seed, 0xF1))
        look = draw_look(subject.skin_seed, subject.age_years)
        self.lights = draw_lights(random, even=even_light)
        self.identity = np.asarray(subject.identity, np.float32)
        assert self.head.units is not None
        self._neutral = self.head.shaped(self.identity, dtype=np.float32)
        self._units = self.head.units.reshape(len(self.head.units), -1).astype(np.float32)
        self._root = self.head.joint_regressor[0].astype(np.float64) @ self._neutral
        mesh = make_mesh(self.head, self.identity, look)
        self.camera = self._camera(random)
        self._shader = Shader(mesh, look, self.lights, self.identity)
        self._ground = _background(random, look.wall, size * _SAMPLES)
        self._blur = float(random.uniform(0.3, 0.6)) * size / 286
        self._noise = float(random.uniform(0.6, 1.4))
        self.outfit = None
        if scheme is not None:
            wear = np.random.default_rng((*self._seed, 0xE1))
            self.outfit = HeadOutfit(draw_outfit(wear, scheme), self.head)

    def _camera(self, random: np.random.Generator) -> Camera:
        assert self.head.landmarks is not None
        face = self.head.landmarks.positions(self._neutral, self.head.triangles)[:N_FACE]
        middle = (face.min(axis=0) + face.max(axis=0)) / 2
        target = np.array([0.0, middle[1] + 0.004, middle[2] - 0.06])
        target[:2] += random.normal(0, 0.006, 2)
        shown = _SHOWN_M * random.uniform(0.92, 1.08)
        size = self.size
        focal = size * _DISTANCE_M / shown
        return Camera(target, _DISTANCE_M, focal, size, size)

    def vertices(self, coefficients: np.ndarray, head_pose: np.ndarray | None = None) -> np.ndarray:
        """Vertices (V, 3) in m as they are filmed; parameters as for :meth:`frame`."""
        units = np.asarray(coefficients, np.float32)
        shaped = self._neutral + (units @ self._units).reshape(-1, 3)
        if head_pose is None:
            return shaped
        pose = np.asarray(head_pose, np.float64)
        moved = (shaped - self._root) @ rodrigues(pose[:3]).T + self._root + pose[3:6]
        return np.asarray(moved, np.float32)

    def frame(
        self, coefficients: np.ndarray, head_pose: np.ndarray | None = None, *, number: int = 0
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """One frame.

        Parameters
        ----------
        coefficients : numpy.ndarray
            (52,) of `arkit52`.
        head_pose : numpy.ndarray, optional
            (6,) as in `ExpressionTrack.head_pose`: axis-angle in radians about the root joint, then
            translation in m.
        number : int
            Of the frame: it seeds the sensor's noise.

        Returns
        -------
        clean, worn : numpy.ndarray
            uint8 (size, size, 3), without and with electrodes; the same where none are worn.
        coverage : numpy.ndarray
            bool (size, size): elsewhere the two are the same.
        """
        vertices = self.vertices(coefficients, head_pose)
        posed = pose_mesh(self._shader.mesh, vertices, head_pose)
        drawn = self._shader.draw(
            posed, np.asarray(coefficients), self.camera, _SAMPLES, self._ground
        )
        clean = srgb(drawn.light).astype(np.float32)
        random = np.random.default_rng((*self._seed, 0x9E, number))
        grain = self._grain(random, clean)
        if self.outfit is None:
            picture = self._developed(clean, grain)
            return picture, picture.copy(), np.zeros(clean.shape[:2], bool)
        worn = wear_on_head(self.outfit, vertices, drawn, self.camera, self.lights)
        layers = paint_outfit(self.outfit.outfit, worn, clean.shape[:2], drawn.head_depth)
        kept = ((1 - layers.shadow) * (1 - layers.opacity))[..., None]
        dressed = clean * kept + np.clip(layers.colour, 0, 1)
        change = gaussian_filter(dressed - clean, (self._blur, self._blur, 0))
        covered = np.abs(change).max(axis=-1) > _CHANGED / 255
        picture = self._developed(clean, grain)
        other = self._developed(dressed, grain)
        return picture, np.where(covered[..., None], other, picture), covered

    def _grain(self, random: np.random.Generator, clean: np.ndarray) -> np.ndarray:
        """Noise of the sensor, in 0 to 255; a codec has taken the finest of it."""
        noise = random.standard_normal(clean.shape, np.float32)
        noise[1:] = 0.75 * noise[1:] + 0.45 * noise[:-1]
        level = _READ_NOISE + _SHOT_NOISE * np.sqrt(clean)
        return np.asarray(self._noise * level * noise, np.float32)

    def _developed(self, light: np.ndarray, grain: np.ndarray) -> np.ndarray:
        """Blur of the lens, noise, 8 bits."""
        soft = gaussian_filter(light, (self._blur, self._blur, 0))
        return np.clip(soft * 255 + grain + 0.5, 0, 255).astype(np.uint8)


def _background(
    random: np.random.Generator, wall: tuple[float, float, float], size: int
) -> np.ndarray:
    """A blurred room behind the person, linear RGB float32 (size, size, 3)."""
    ground = np.ones((size, size, 3)) * wall
    x, y = np.meshgrid(np.linspace(-1, 1, size), np.linspace(-1, 1, size))
    slope = random.normal(0, 0.16, 2)
    ground *= (1 + slope[0] * x + slope[1] * y)[..., None]
    for _ in range(int(random.integers(0, 5))):
        cx, cy = random.uniform(-1.2, 1.2, 2)
        wide, high = random.uniform(0.1, 0.6, 2)
        inside = (np.abs(x - cx) < wide) & (np.abs(y - cy) < high)
        ground[inside] = ground[inside] * random.uniform(0.5, 1.35) + random.normal(0, 0.02, 3)
    soft = gaussian_filter(np.clip(ground, 0.005, 0.9), (size / 45, size / 45, 0))
    glow = 1 - 0.22 * (x**2 + y**2)
    return np.asarray(soft * glow[..., None], np.float32)
