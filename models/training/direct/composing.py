"""Where the network's colours replace the picture's, and what free colours say of covered places.

The same rules as at run time (`eifer_addon.video.remove_blend`), so that losses see what users see,
but for a wider reach: colours are to be right a little beyond where they are needed.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

#: Coverage from which a pixel is replaced a little and wholly, and the window in which that reaches
#: beyond what is covered.
RAMP, REACH = (0.15, 0.45), 5
#: Halvings of the picture while colours are spread.
_LEVELS = 5
_LEAST = 1e-4


def opacity(coverage: Tensor, reach: int = REACH) -> Tensor:
    """How much of the network's colour a pixel (n, 1, h, w) takes, from its coverage in [0, 1]."""
    low, high = RAMP
    reached = functional.max_pool2d(coverage, reach, 1, reach // 2)
    rising = ((reached - low) / (high - low)).clamp(0, 1)
    soft = _mean3(rising * rising * (3 - 2 * rising))
    return torch.maximum(soft, ((coverage - low) / (high - low)).clamp(0, 1))


def composed(image: Tensor, made: Tensor, coverage: Tensor) -> Tensor:
    """The picture with the network's colours where something covers it, as at run time."""
    return image + opacity(coverage) * (made - image)


def spread(image: Tensor, free: Tensor) -> Tensor:
    """Colours (n, 3, h, w) of free pixels, carried over the others.

    Parameters
    ----------
    image : torch.Tensor
        (n, 3, h, w), sides multiples of 32.
    free : torch.Tensor
        (n, 1, h, w) in [0, 1], how much a pixel counts.
    """
    colours, weights = [image * free], [free]
    for _ in range(_LEVELS):
        colours.append(functional.avg_pool2d(colours[-1], 2))
        weights.append(functional.avg_pool2d(weights[-1], 2))
    around = functional.adaptive_avg_pool2d(colours[-1], 1)
    whole = around / functional.adaptive_avg_pool2d(weights[-1], 1).clamp_min(_LEAST)
    filled = whole.expand_as(colours[-1])
    for level in reversed(range(_LEVELS + 1)):
        colour, weight = colours[level], weights[level]
        if level < _LEVELS:
            filled = _mean3(functional.interpolate(filled, scale_factor=2.0, mode="nearest"))
        known = (weight * 2**level).clamp(max=1)
        filled = filled + known * (colour / weight.clamp_min(_LEAST) - filled)
    return filled


def _mean3(values: Tensor) -> Tensor:
    return functional.avg_pool2d(values, 3, 1, 1, count_include_pad=False)
