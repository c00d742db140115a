"""Lights of a made-up room, and what they do to skin: diffuse, soft below the surface, sheen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: How far light wraps round an edge in red, green and blue: it wanders the farthest in red
#: (Jensen and others, "A practical model for subsurface light transport", SIGGRAPH 2001).
_WRAP = np.array([0.34, 0.20, 0.14], np.float32)
#: Reflectance of skin seen straight on (index of refraction 1.4).
_FRESNEL = 0.028


@dataclass(frozen=True)
class Lamp:
    """A distant light.

    Attributes
    ----------
    direction : numpy.ndarray
        (3,) unit vector towards it: right, up, to the viewer.
    colour : numpy.ndarray
        (3,) linear RGB strength.
    soft : float
        From 0, a point, to 1, a large window: its sheen is wider and its shadows are weaker.
    """

    direction: np.ndarray
    colour: np.ndarray
    soft: float


@dataclass(frozen=True)
class Lights:
    """The lamps of a room, the first the strongest, and the light from everywhere.

    Attributes
    ----------
    lamps : tuple of Lamp
    sky, ground : numpy.ndarray
        (3,) linear RGB of the light from above and from below.
    """

    lamps: tuple[Lamp, ...]
    sky: np.ndarray
    ground: np.ndarray


def draw_lights(random: np.random.Generator, *, even: bool = False) -> Lights:
    """One to three lamps by chance.

    Parameters
    ----------
    random : numpy.random.Generator
    even : bool
        A laboratory's light: frontal, soft and white, as recordings of faces are made in.
    """
    warm = random.normal(0, 0.03 if even else 0.09)
    tint = np.array([1 + warm, 1.0, 1 - 1.2 * warm])
    spread = 0.35 if even else 0.95
    key = _lamp(random, spread, tint, random.uniform(0.52, 0.72), random.uniform(0.5, 1.0))
    lamps = [key]
    for _ in range(int(random.integers(1, 3) if even else random.integers(0, 3))):
        cold = tint + random.normal(0, 0.06) * np.array([1, 0, -1.0])
        lamps.append(_lamp(random, 1.2, cold, random.uniform(0.08, 0.30), random.uniform(0.3, 1)))
    level = random.uniform(0.20, 0.32) if even else random.uniform(0.08, 0.30)
    bounce = np.array([1.02, 1.0, 0.96]) * random.uniform(0.35, 0.8)
    return Lights(tuple(lamps), level * tint, level * tint * bounce)


def _lamp(
    random: np.random.Generator, spread: float, tint: np.ndarray, strength: float, soft: float
) -> Lamp:
    direction = np.array([random.normal(0, spread * 0.8), random.uniform(0.05, 0.75), 1.0])
    return Lamp(direction / np.linalg.norm(direction), strength * tint, float(soft))


def shade(
    normals: np.ndarray, towards: np.ndarray, lights: Lights, open_sky: np.ndarray,
    key_seen: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Light on a surface.

    Parameters
    ----------
    normals, towards : numpy.ndarray
        float32 (V, 3) unit vectors in the camera's axes: of the surface, and to the viewer.
    lights : Lights
    open_sky : numpy.ndarray
        (V,) share of the surroundings that a point sees.
    key_seen : numpy.ndarray
        (V,) share of the first lamp that a point sees.

    Returns
    -------
    diffuse : numpy.ndarray
        float32 (V, 3), to be multiplied with the reflectance.
    sheen : numpy.ndarray
        float32 (V, 3), to be added.
    """
    up = 0.5 + 0.5 * normals[:, 1:2]
    around = lights.ground + (lights.sky - lights.ground) * up
    # Light that has been in crevices comes out red.
    diffuse = around * open_sky[:, None] ** np.array([0.85, 1.1, 1.2], np.float32)
    sheen = np.zeros_like(diffuse)
    grazing = (1 - np.clip(np.sum(normals * towards, axis=1), 0, 1)) ** 5
    fresnel = _FRESNEL + (1 - _FRESNEL) * 0.55 * grazing
    for number, lamp in enumerate(lights.lamps):
        facing = normals @ lamp.direction.astype(np.float32)
        wrapped = np.clip((facing[:, None] + _WRAP) / (1 + _WRAP), 0, 1)
        seen = key_seen if number == 0 else open_sky
        hidden = (1 - seen)[:, None] * (1 - 0.45 * lamp.soft) * np.array([0.88, 1.0, 1.0])
        diffuse += wrapped**1.15 * lamp.colour * (1 - hidden)
        half = towards + lamp.direction
        half /= np.linalg.norm(half, axis=1, keepdims=True)
        mirror = np.clip(np.sum(normals * half, axis=1), 0, 1)
        power = 26 - 16 * lamp.soft
        lobe = (power + 2) / 8 * mirror**power * np.clip(facing, 0, 1)
        sheen += (lobe * fresnel * seen)[:, None] * lamp.colour
    return diffuse.astype(np.float32), sheen.astype(np.float32)
