"""What the directly trained translator is judged by.

Pixels where something covered the skin, their edges, where the coverage lies, and where the
landmark network sees the face afterwards. That network is also the one that reads the films, so
what is measured with it is not independent of the training; the evaluation says so.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from ..landmark_network import SIZE, Reading

#: Sides of the squares over which colours have to be right on the whole.
_TONES = (8, 16, 32)
#: Landmarks that count most: lips, eyes with irises, brows.
_LIPS = (
    61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 185, 40, 39, 37, 0, 267, 269, 270, 409,
    78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 191, 80, 81, 82, 13, 312, 311, 310, 415,
)  # fmt: skip
_EYES = (
    33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246,
    263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466,
    *range(468, 478),
)  # fmt: skip
_BROWS = (
    70, 63, 105, 66, 107, 55, 65, 52, 53, 46, 300, 293, 334, 296, 336, 285, 295, 282, 283, 276,
)  # fmt: skip


@dataclass(frozen=True)
class Weights:
    """How much each part of the loss counts."""

    coverage: float = 1.0
    dice: float = 0.5
    covered: float = 4.0
    outside: float = 0.15
    edges: float = 4.0
    composed: float = 2.0
    tone: float = 2.0
    points: float = 0.06
    scores: float = 2.0
    features: float = 0.08
    critic: float = 0.0


def coverage_loss(logit: Tensor, target: Tensor, weights: Weights) -> Tensor:
    """Cross-entropy, and the overlap of what is found with what is there."""
    found = torch.sigmoid(logit)
    common = (found * target).sum(dim=(1, 2, 3)) + 20
    both = (found + target).sum(dim=(1, 2, 3)) / 2 + 20
    dice = 1 - (common / both).mean()
    # Missed pixels stay visible; wrongly found ones are only painted anew.
    entropy = functional.binary_cross_entropy_with_logits(
        logit, target, pos_weight=torch.tensor(2.0)
    )
    return weights.coverage * entropy + weights.dice * dice


def picture_loss(made: Tensor, clean: Tensor, target: Tensor, weights: Weights) -> Tensor:
    """Colours and edges where something lay (and a little around it), and colours elsewhere."""
    near = functional.max_pool2d(target, 7, 1, 3)
    apart = (made - clean).abs().mean(dim=1, keepdim=True)
    total = weights.covered * _mean(apart, near) + weights.outside * apart.mean()
    gap, mask = made - clean, near
    for _ in range(3):
        for axis in (2, 3):
            edge = gap.diff(dim=axis).abs().mean(dim=1, keepdim=True)
            side = mask.narrow(axis, 1, mask.shape[axis] - 1)
            total = total + weights.edges / 3 * _mean(edge, side)
        gap, mask = functional.avg_pool2d(gap, 2), functional.avg_pool2d(mask, 2)
    return total


def composed_loss(mixed: Tensor, clean: Tensor, target: Tensor, weights: Weights) -> Tensor:
    """What is seen in the end: what stayed of an electrode, and tints over larger squares.

    Parameters
    ----------
    mixed, clean : torch.Tensor
        (n, 3, h, w), the picture with the network's colours laid over it, and the truth.
    target : torch.Tensor
        (n, 1, h, w), where something lies.
    weights : Weights
    """
    near = functional.max_pool2d(target, 7, 1, 3)
    gap = mixed - clean
    total = weights.composed * _mean(gap.abs().mean(dim=1, keepdim=True), near)
    for side in _TONES:
        share = functional.avg_pool2d(near, side)
        tint = functional.avg_pool2d(gap * near, side).abs().mean(dim=1, keepdim=True)
        total = total + weights.tone / len(_TONES) * tint.sum() / (share.sum() + 64 / side**2)
    return total


def _mean(values: Tensor, weight: Tensor) -> Tensor:
    return (values * weight).sum() / (weight.sum() + 64)


def face_crops(images: Tensor, places: Tensor) -> Tensor:
    """What the landmark network looks at, (n, 3, 256, 256), by affine maps (n, 2, 3)."""
    grid = functional.affine_grid(places, [len(images), 3, SIZE, SIZE], align_corners=False)
    return functional.grid_sample(
        images, grid, mode="bilinear", padding_mode="border", align_corners=False
    )


def face_places(points: Tensor, side: int) -> Tensor:
    """Affine maps (n, 2, 3) of `landmarker.Face.region`, for landmarks (n, 478, 2) in pixels."""
    low, high = points.amin(dim=1), points.amax(dim=1)
    eyes = points[:, 263] - points[:, 33]
    angle = torch.atan2(eyes[:, 1], eyes[:, 0])
    half = 1.5 * (high - low).amax(dim=1) / side
    centre = (low + high) / side - 1
    cosine, sine = torch.cos(angle) * half, torch.sin(angle) * half
    rows = torch.stack([cosine, -sine, centre[:, 0], sine, cosine, centre[:, 1]], dim=1)
    return rows.reshape(-1, 2, 3)


def landmark_weights() -> Tensor:
    """(478,), mean 1."""
    weight = torch.ones(478)
    for places, value in ((_LIPS, 4.0), (_EYES, 2.0), (_BROWS, 3.0)):
        weight[list(places)] = value
    return weight / weight.mean()


def reading_loss(seen: Reading, true: Reading, weight: Tensor, weights: Weights) -> Tensor:
    """How far landmarks (in pixels of 256), scores and inner features are from the clean face's."""
    apart = (seen.points[..., :2] - true.points[..., :2]).abs().sum(dim=-1)
    points = (apart.clamp(max=20) * weight).mean()
    scores = (seen.scores - true.scores).abs().mean()
    features = torch.zeros(())
    for one, other in zip(seen.features[:2], true.features[:2], strict=True):
        spread = other.std().clamp_min(1e-3)
        features = features + ((one - other).abs() / spread).mean()
    return weights.points * points + weights.scores * scores + weights.features * features
