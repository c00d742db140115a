"""Colour of every vertex, linear RGB: skin that varies over the face, lips, eyes, teeth."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from .crop import smooth_step
from .eyes import ring_angle_deg
from .hairs import brow_density
from .part import Part
from .source import Source
from .teeth import ARCHES, crown_shade

#: Linear RGB.
SKIN = np.array([0.50, 0.285, 0.195])
LIPS = np.array([0.42, 0.19, 0.155])
FLUSH = np.array([0.52, 0.215, 0.150])
SHADE = np.array([0.33, 0.165, 0.115])
MOUTH = np.array([0.16, 0.035, 0.03])
BROWS = np.array([0.056, 0.033, 0.021])
LASHES = np.array([0.012, 0.008, 0.006])
TEETH = np.array([0.82, 0.77, 0.66])
GUMS = np.array([0.38, 0.12, 0.11])
TONGUE = np.array([0.42, 0.13, 0.12])
SCLERA = np.array([0.78, 0.74, 0.71])
LIMBUS = np.array([0.030, 0.022, 0.018])
IRIS = (np.array([0.060, 0.036, 0.018]), np.array([0.165, 0.095, 0.040]))
PUPIL = np.array([0.002, 0.002, 0.002])
#: Where blood shows: centre (dm, left side), radius, strength. Cheek, nose tip, chin.
_FLUSHED = (((0.42, 7.08, 1.25), 0.30, 0.45), ((0.0, 7.02, 1.62), 0.16, 0.45),
            ((0.0, 6.47, 1.35), 0.18, 0.20), ((0.72, 7.15, 0.35), 0.30, 0.35))  # fmt: skip
#: The hairline: azimuth in degrees from the front about a vertical axis, height in dm.
_HAIRLINE = ((0, 8.0), (14, 8.02), (30, 8.06), (42, 7.98), (54, 7.78), (62, 7.55), (72, 7.42),
             (80, 7.44), (95, 7.52), (108, 7.4), (118, 7.12), (135, 6.95), (180, 6.86))  # fmt: skip
_HAIRLINE_SOFT = 0.2
_SCALP_AXIS_Z = 0.35
#: The hollow of the left nostril (dm) and how far its dark reaches.
_NOSTRIL = np.array([0.091, 6.957, 1.483])
_NOSTRIL_RADII = np.array([0.034, 0.020, 0.034])
NOSTRIL = np.array([0.055, 0.018, 0.014])
HAIR = np.array([0.062, 0.043, 0.035])


def blend(base: np.ndarray, other: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Mix colours (n, 3) with one colour by shares (n,)."""
    return base + (other - base) * np.clip(share, 0.0, 1.0)[:, None]


def sample_mask(mask: np.ndarray, uv: np.ndarray) -> np.ndarray:
    """Bilinear values (n,) of a mask at texture coordinates (n, 2)."""
    height, width = mask.shape
    rows, columns = (1.0 - uv[:, 1]) * height - 0.5, uv[:, 0] * width - 0.5
    return ndimage.map_coordinates(mask, [rows, columns], order=1, mode="nearest")


def vertex_uv(part: Part) -> np.ndarray:
    """One texture coordinate (n, 2) for every vertex (any of its corners')."""
    uv = np.zeros((len(part.offset), 2))
    used = part.polygons >= 0
    uv[part.polygons[used]] = part.uv[part.polygon_uv[used]]
    return uv


def paint(part: Part, source: Source, neutral: np.ndarray) -> np.ndarray:
    """Colours (n, 3) of all vertices."""
    points = part.place(neutral)
    colours = np.empty_like(points)
    skin = np.isin(part.tags, ["skin", "cap"])
    colours[skin] = _paint_skin(points[skin], vertex_uv(part)[skin], source)
    for name in ("left_eye", "right_eye"):
        colours[part.tags == name] = _paint_eye()
    for tag in np.unique(part.tags):
        if "lashes" in tag:
            colours[part.tags == tag] = LASHES
        elif "brow" in tag:
            colours[part.tags == tag] = _vary(BROWS, points[part.tags == tag])
    tongue = part.tags == "tongue"
    # The throat is dark: no light reaches the back of the tongue.
    depth = np.interp(points[tongue][:, 2], [0.7, 1.28], [0.12, 1.0])
    colours[tongue] = TONGUE * depth[:, None]
    for arch in ARCHES:
        for tag, colour in ((f"{arch}-teeth", TEETH), (f"{arch}-gums", GUMS)):
            piece = part.tags == tag
            depth = np.interp(points[piece][:, 2], [0.95, 1.25], [0.3, 1.0])
            shade = crown_shade() if colour is TEETH else 1.0
            colours[piece] = colour * (depth * shade)[:, None]
    return colours


def _paint_skin(points: np.ndarray, uv: np.ndarray, source: Source) -> np.ndarray:
    colours = np.repeat(SKIN[None], len(points), axis=0)
    mirrored = np.concatenate([np.abs(points[:, :1]), points[:, 1:]], axis=1)
    for centre, radius, strength in _FLUSHED:
        gap = np.linalg.norm(mirrored - np.array(centre), axis=1)
        colours = blend(colours, FLUSH, strength * np.exp(-0.5 * (2.0 * gap / radius) ** 2 * 0.5))
    ears = sample_mask(source.mask("ears"), uv)
    colours = blend(colours, HAIR, 0.86 * scalp_share(points) * (1.0 - ears))
    colours = blend(colours, SHADE, 0.5 * sample_mask(source.mask("eyelids"), uv))
    hollow = np.linalg.norm((mirrored - _NOSTRIL) / _NOSTRIL_RADII, axis=1)
    colours = blend(colours, NOSTRIL, 0.92 * smooth_step(1.35 - hollow))
    colours = blend(colours, MOUTH, sample_mask(source.mask("inside-mouth"), uv))
    colours = blend(colours, LIPS, 1.25 * sample_mask(source.mask("lips"), uv))
    return blend(colours, BROWS, 0.6 * brow_density(points))


def _paint_eye() -> np.ndarray:
    angle = ring_angle_deg()
    inner, outer = IRIS
    across = np.clip((angle - 9.0) / 11.0, 0.0, 1.0)
    # Streaks: a fixed pattern of lighter and darker fibres around the pupil.
    turn = np.r_[0, np.tile(np.arange(32), (len(angle) - 2) // 32), 0]
    fibre = 1.0 + 0.12 * np.cos(np.pi * turn) * np.cos(1.9 * turn)
    iris = (inner + (outer - inner) * (1.0 - across)[:, None]) * fibre[:, None]
    colours = np.where((angle < 9.0)[:, None], PUPIL, iris)
    colours = np.where((angle > 20.5)[:, None], LIMBUS, colours)
    return np.where((angle > 22.0)[:, None], SCLERA, colours)


def scalp_share(points: np.ndarray) -> np.ndarray:
    """How much a skin point (n, 3) in dm carries shorn hair, 0 to 1, soft at the hairline."""
    azimuth = np.degrees(np.arctan2(np.abs(points[:, 0]), points[:, 2] - _SCALP_AXIS_Z))
    line = np.interp(azimuth, *np.array(_HAIRLINE).T)
    return smooth_step((points[:, 1] - line) / _HAIRLINE_SOFT + 0.5)


def _vary(colour: np.ndarray, points: np.ndarray) -> np.ndarray:
    shade = 1.0 + 0.3 * np.sin(points @ np.array([131.0, 97.0, 61.0]))
    return colour * shade[:, None]


def skin_materials(part: Part, source: Source, neutral: np.ndarray) -> np.ndarray:
    """Material names (P,), where skin polygons of the lips and the mouth have their own."""
    materials = part.materials.astype("U12").copy()
    uv = vertex_uv(part)
    corner = np.where(part.polygons < 0, part.polygons[:, :1], part.polygons)
    for name, mask in (("lips", "lips"), ("mouth", "inside-mouth")):
        share = sample_mask(source.mask(mask), uv)[corner].mean(axis=1)
        materials[(part.materials == "skin") & (share > 0.5)] = name
    shorn = scalp_share(part.place(neutral)) * (1.0 - sample_mask(source.mask("ears"), uv))
    materials[(materials == "skin") & (shorn[corner].mean(axis=1) > 0.5)] = "scalp"
    return materials
