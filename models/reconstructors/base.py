"""What a reconstructor is: its crop rule, its decode rule and its expression space.

A reconstructor sees a square cut out of the picture and answers with one row of numbers. The crop
rule says where the square lies, `cut` samples it as the official code does, and the decode rule
turns a row into expression, identity, rotation and where the head stands in the square.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .warp import warp

#: Landmarks (478, 3) in pixels of the picture (x to the right, y down, MediaPipe's order) to the
#: similarity (2, 3) that takes pixels of the picture to pixels of the crop, in the convention of
#: the official code (integers are pixel centres in scikit-image and OpenCV).
CropRule = Callable[[np.ndarray], np.ndarray]
#: The picture uint8 (H, W, 3) RGB, a similarity (2, 3) of the crop rule and the crop's edge in
#: pixels to the crop, float32 (edge, edge, 3) in 0 to 255.
CutRule = Callable[[np.ndarray, np.ndarray, int], np.ndarray]
#: The network's output, float (n, n_outputs), to its meaning.
DecodeRule = Callable[[np.ndarray], "Decoded"]


@dataclass(frozen=True)
class Decoded:
    """The meaning of n rows of a network's output.

    Attributes
    ----------
    coefficients : numpy.ndarray
        (n, n_coefficients) in the order and within the bounds of the reconstructor's space.
    identity : numpy.ndarray
        (n, n_identity).
    rotation : numpy.ndarray
        (n, 3) axis-angle in radians of the head about its pivot, in the axes of `HeadModel`
        (+x the subject's left, +y up, +z forward, towards the camera).
    scale : numpy.ndarray
        (n,) pixels of the crop per metre, at the depth of the head's origin; above 0.
    origin : numpy.ndarray
        (n, 2) where the origin of the turned head is seen, in pixels of the crop: a point
        (x, y, z) of it in m appears at ``origin + scale * (x, -y)``.
    """

    coefficients: np.ndarray
    identity: np.ndarray
    rotation: np.ndarray
    scale: np.ndarray
    origin: np.ndarray


@dataclass(frozen=True)
class Backend:
    """What a person wants to know of a reconstructor before choosing it.

    Attributes
    ----------
    name : str
        As on the command line, for example ``"smirk"``.
    title : str
        As its authors write it.
    space : str
        Name of the expression space of its tracks.
    licence : str
        In words.
    citation : str
        Whose work it is.
    """

    name: str
    title: str
    space: str
    licence: str
    citation: str


@dataclass(frozen=True)
class Reconstructor(Backend):
    """A back end whose network is the user's own file.

    Attributes
    ----------
    checkpoint : str
        File name of the official checkpoint, for example ``"SMIRK_em1.pt"``.
    source : str
        Where it comes from, in words.
    outputs : tuple of str
        Names of the network's outputs in order.
    crop : callable
        The crop rule.
    decode : callable
        The decode rule.
    signs : tuple of str
        Beginnings of parameter names by which its checkpoint is told from others.
    cut : callable
        How the crop is sampled; bilinearly as scikit-image does, unless said otherwise.
    image_size : int
        The crop's edge in pixels.
    turns_about_root : bool
        Whether the head is turned about its root joint, as in FLAME. A face model without one has
        axes of its own: then `Decoded` gives scale and origin of the middle of the face, which is
        the mean of MediaPipe's landmarks.
    """

    checkpoint: str
    source: str
    outputs: tuple[str, ...]
    crop: CropRule
    decode: DecodeRule
    signs: tuple[str, ...]
    cut: CutRule = warp
    image_size: int = 224
    turns_about_root: bool = True


def numbered(**groups: int) -> tuple[str, ...]:
    """Names of outputs, ``shape.000`` and so on, for groups with their sizes."""
    return tuple(f"{group}.{k:03d}" for group, size in groups.items() for k in range(size))


def box_to_square(left_top: np.ndarray, right_bottom: np.ndarray, scale: float) -> np.ndarray:
    """Centre and edge (3,) of the square around a box: the mean of its sides times `scale`.

    The edge is a whole number of pixels, as in the code of DECA (Feng et al. 2021), which SMIRK
    and EMOCA share.
    """
    edge = int(float(np.mean(right_bottom - left_top)) * scale)
    return np.array([*((left_top + right_bottom) / 2), max(edge, 1)], np.float64)


def square_to_crop(square: np.ndarray, image_size: int = 224) -> np.ndarray:
    """The similarity (2, 3) that takes a square (centre x, centre y, edge) to the whole crop.

    The square's corners fall on the centres of the crop's corner pixels, as in DECA's code.
    """
    x, y, edge = square
    scale = (image_size - 1) / edge
    return np.array([[scale, 0, scale * (edge / 2 - x)], [0, scale, scale * (edge / 2 - y)]])


def seen_weakly(camera: np.ndarray, image_size: int = 224) -> tuple[np.ndarray, np.ndarray]:
    """`Decoded.scale` and `origin` of weak-perspective cameras (n, 3): scale, x, y.

    A point is seen at scale * (x + tx) from -1, the crop's left edge, to 1, and at
    scale * (y + ty) from -1, the lower edge, to 1 (DECA, SMIRK and EMOCA).
    """
    half = image_size / 2
    scale = half * camera[:, 0]
    across, up = camera[:, 1] * scale, camera[:, 2] * scale
    return scale, np.stack([half + across, half - up], axis=1)
