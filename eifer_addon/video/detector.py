"""BlazeFace short-range: where the faces are in an image.

Bazarevsky et al., "BlazeFace: Sub-millisecond neural face detection on mobile GPUs", 2019, as
MediaPipe's Face Landmarker runs it: 128 x 128 RGB in [-1, 1], 896 anchors, six key points.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from .crop import Region, sample, tiles, whole

SIZE = 128
_MIN_SCORE = 0.5
_MAX_OVERLAP = 0.3
#: Raw scores are limited before the sigmoid, as in MediaPipe.
_SCORE_LIMIT = 100.0
_N_KEYPOINTS = 6
#: How much larger than the detected box the landmark network's region is.
_ROI_SCALE = 1.5


@dataclass(frozen=True)
class Detection:
    """A face's box and key points in image pixels.

    Attributes
    ----------
    score : float
        In [0, 1].
    box : numpy.ndarray
        (4,) left, top, right, bottom.
    keypoints : numpy.ndarray
        (6, 2): right eye, left eye, nose, mouth, right ear, left ear (the subject's sides).
    """

    score: float
    box: np.ndarray
    keypoints: np.ndarray

    def region(self) -> Region:
        """The square that the landmark network looks at, level with the eye line."""
        (left, top, right, bottom), (dx, dy) = self.box, self.keypoints[1] - self.keypoints[0]
        box = Region(
            (left + right) / 2, (top + bottom) / 2, right - left, bottom - top, np.arctan2(dy, dx)
        )
        return box.grown(_ROI_SCALE)


def anchor_centres() -> np.ndarray:
    """(896, 2) cell centres in [0, 1]: a 16 x 16 grid with two anchors each, then 8 x 8 with six.

    All anchors have size one, so that only their centres matter.
    """
    grids = []
    for cells, repeats in ((16, 2), (8, 6)):
        steps = (np.arange(cells) + 0.5) / cells
        x, y = np.meshgrid(steps, steps)
        grids.append(np.repeat(np.stack([x.ravel(), y.ravel()], axis=1), repeats, axis=0))
    return np.concatenate(grids)


_ANCHORS = anchor_centres()


def decode(regressors: np.ndarray, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Network outputs as scores (n,) and points (n, 8, 2) in [0, 1], above the threshold.

    The first two points are the box's corners, the others the key points.
    """
    limited = np.clip(logits.ravel().astype(np.float64), -_SCORE_LIMIT, _SCORE_LIMIT)
    scores = 1 / (1 + np.exp(-limited))
    keep = scores >= _MIN_SCORE
    values = regressors.reshape(-1, 2 + _N_KEYPOINTS, 2)[keep] / SIZE
    centre, half = values[:, :1] + _ANCHORS[keep, None], values[:, 1:2] / 2
    points = values[:, 2:] + _ANCHORS[keep, None]
    return scores[keep], np.concatenate([centre - half, centre + half, points], axis=1)


def merge(scores: np.ndarray, points: np.ndarray) -> list[tuple[float, np.ndarray]]:
    """Weighted non-maximum suppression: overlapping boxes become their score-weighted mean."""
    left = np.argsort(-scores)
    merged = []
    while len(left):
        best = left[0]
        group = _overlap(points[best, :2], points[left, :2]) > _MAX_OVERLAP
        group[0] = True
        weight = scores[left[group]]
        mean = np.average(points[left[group]], axis=0, weights=weight)
        merged.append((float(scores[best]), mean))
        left = left[~group]
    return merged


def _overlap(one: np.ndarray, many: np.ndarray) -> np.ndarray:
    """Intersection over union (n,) of a box (2, 2) with boxes (n, 2, 2)."""
    size = np.minimum(one[1], many[:, 1]) - np.maximum(one[0], many[:, 0])
    common = np.prod(np.maximum(size, 0), axis=1)
    union = np.prod(one[1] - one[0]) + np.prod(many[:, 1] - many[:, 0], axis=1) - common
    return np.asarray(common / np.maximum(union, 1e-12))


def detect(
    network: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
    image: np.ndarray,
    *,
    thorough: bool = True,
) -> list[Detection]:
    """Faces in an image, best first.

    Parameters
    ----------
    network : callable
        Takes (1, 128, 128, 3) in [-1, 1], gives regressors (1, 896, 16) and logits (1, 896, 1).
    image : numpy.ndarray
        uint8 RGB (H, W, 3).
    thorough : bool
        When nothing is found at MediaPipe's one scale, look farther away (a face that fills the
        image) and then in tiles (a small face).
    """
    found = search(network, image, [whole(image)])
    if found or not thorough:
        return found
    for regions in ([whole(image, 1.6), whole(image, 2.4)], tiles(image, 0.6), tiles(image, 0.3)):
        found = search(network, image, regions)
        if found:
            return found
    return []


def search(
    network: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
    image: np.ndarray,
    regions: Iterable[Region],
) -> list[Detection]:
    """Detections over several square regions of an image, merged, best first, in image pixels."""
    scores, points = [], []
    for region in regions:
        crop = sample(image, region, SIZE) / 127.5 - 1.0
        score, unit = decode(*network(crop[None]))
        scores.append(score)
        points.append(region.to_image(unit))
    merged = merge(np.concatenate(scores), np.concatenate(points))
    return [Detection(score, mean[:2].ravel(), mean[2:]) for score, mean in merged]
