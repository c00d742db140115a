"""Portraits with electrodes: pairs for training, and who is never trained on.

The portraits are photographs or generated pictures of which only the landmarks are known. A pair is
a portrait, its copy with an outfit drawn onto it, and where the two differ.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .drawn_electrodes import draw_on_portrait
from .electrode_layers import paint_outfit
from .electrode_outfit import draw_outfit
from .electrode_wear import wear_on_portrait

#: Portraits that are trained on and that are validated on, of 150; the rest is the test.
_TRAIN, _VALIDATION, _OF = 90, 10, 150
#: Share of pairs that the evaluation's own painter draws, with seeds beyond those of evaluations,
#: which are below it.
_PLAIN, FIRST_TRAINING_SEED = 0.12, 1 << 20
#: Change of a picture, in 0 to 255, from which a pixel counts as covered.
_CHANGED = 5


def portrait_split(paths: Sequence[Path]) -> tuple[list[Path], list[Path], list[Path]]:
    """Who is trained on, who is validated on and who is tested on.

    Portraits are put into the order of a hash of the last two folders' and the file's name, such
    as ``female/512/17.jpg``: it does not depend on where they lie nor on the order in which they
    are given. Of 150 the first 90 are trained on, the next 10 validated on, the last 50 tested on;
    of other numbers the same shares.

    Parameters
    ----------
    paths : sequence of pathlib.Path

    Returns
    -------
    tuple of list of pathlib.Path
        Train, validation, test.
    """
    order = sorted(
        (Path(path) for path in paths),
        key=lambda p: hashlib.sha256("/".join(p.parts[-3:]).encode()).hexdigest(),
    )
    first = round(len(order) * _TRAIN / _OF)
    second = round(len(order) * (_TRAIN + _VALIDATION) / _OF)
    return order[:first], order[first:second], order[second:]


def electrode_pair(
    image: np.ndarray,
    landmarks: np.ndarray,
    rng: np.random.Generator,
    count: int | None = None,
    scheme: str | None = None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A portrait without and with electrodes, by chance.

    Parameters
    ----------
    image : numpy.ndarray
        uint8 RGB (H, W, 3).
    landmarks : numpy.ndarray
        (478, 3) as in `landmarker.Face`, in this picture's pixels.
    rng : numpy.random.Generator
    count : int, optional
        Number of electrodes; by chance when absent, all of a scheme the most often.
    scheme : str, optional
        "fridlund", "kuramoto" or "both"; by chance when absent.

    Returns
    -------
    clean : numpy.ndarray
        The picture as it was given.
    occluded : numpy.ndarray
        uint8 (H, W, 3) with electrodes, cables, tape and their shadows.
    coverage : numpy.ndarray
        bool (H, W): elsewhere the two pictures are the same.
    """
    if count is None and scheme is None and rng.uniform() < _PLAIN:
        return _plain_pair(image, landmarks, rng)
    outfit = draw_outfit(rng, scheme, count)
    worn = wear_on_portrait(outfit, image, landmarks)
    occluded, changed = paint_outfit(outfit, worn, image.shape[:2]).over_picture(image)
    return image, occluded, changed


def _plain_pair(
    image: np.ndarray, landmarks: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A pair by the painter of evaluations, with a seed that no evaluation takes."""
    count = (16, 32, 60)[rng.integers(3)]
    seed = FIRST_TRAINING_SEED + int(rng.integers(1 << 30))
    occluded = draw_on_portrait(image, landmarks, count, seed=seed).image
    changed = np.abs(occluded.astype(np.int16) - image).max(axis=-1) >= _CHANGED
    return image, np.where(changed[..., None], occluded, image), changed
