"""One training pair: a portrait, moved into another face, without and with electrodes.

The portraits are few, so that each is changed every time before electrodes are drawn: the places
around mouth, brows, eyes and jaw are moved (a smooth warp, with the landmarks), which gives other
shapes of faces and expressions that nobody was photographed with.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from ....eifer_addon.video.crop import Region
from ...synthetic.drawn_electrodes import glue_on_portrait
from ...synthetic.electrode_paint import Glued, paint
from ...synthetic.loose_cables import add_loose_cables
from ...synthetic.portraits import FIRST_TRAINING_SEED, electrode_pair

#: Side of a stored pair in pixels: larger than the network's input, to leave room for shifts.
SIZE = 320
#: A crop's side over the longer side of the landmarks' box, as the runtime cuts it.
CROP_SCALE = 1.6
#: Landmarks that are moved on their own, the reach of the movement and its spread, both as a share
#: of the box's longer side: mouth corners, lips, inner and outer brows, lids, chin, cheeks, nose.
_HANDLES = (
    (61, 0.10, 0.035), (291, 0.10, 0.035), (13, 0.07, 0.016), (14, 0.07, 0.022),
    (105, 0.10, 0.022), (334, 0.10, 0.022), (107, 0.08, 0.018), (336, 0.08, 0.018),
    (159, 0.05, 0.008), (386, 0.05, 0.008), (145, 0.05, 0.006), (374, 0.05, 0.006),
    (152, 0.20, 0.030), (205, 0.12, 0.016), (425, 0.12, 0.016), (4, 0.10, 0.014),
)  # fmt: skip
#: Of the evaluation's painter, the share that wears all sixty where not all electrodes are said to.
_ALL = 0.5
#: Changes of a picture, in 0 to 255, from which a shadow counts as covering, and until it is all.
_CHANGED = (4, 10)
#: Pairs of the list above that usually move alike.
_TWINS = ((0, 1), (4, 5), (6, 7), (8, 9), (10, 11), (13, 14))
_ALIKE = 0.65


@dataclass(frozen=True)
class Wear:
    """What is worn in the pairs of a bank, as shares of them.

    Attributes
    ----------
    many_makes : float
        Electrodes of many makes; the others wear those of the evaluation's painter.
    jittered : float
        Of the latter, with other counts, places and sizes.
    recoloured : float
        Of the latter, with colours that the painter does not know.
    loose : float
        Bundles of cables that run past the face, besides.
    """

    many_makes: float = 0.45
    jittered: float = 1.0
    recoloured: float = 0.65
    loose: float = 0.0


#: All sixty electrodes, mostly as the evaluation's painter draws them: the hardest to see a face
#: under.
DENSE = Wear(many_makes=0.1, jittered=0.3, recoloured=0.25, loose=0.3)
VALIDATED = Wear(many_makes=0.3, jittered=0.6, recoloured=0.3, loose=0.2)


@dataclass(frozen=True)
class Pair:
    """A face without and with electrodes.

    Attributes
    ----------
    clean, occluded : numpy.ndarray
        uint8 RGB (SIZE, SIZE, 3).
    coverage : numpy.ndarray
        uint8 (SIZE, SIZE), 255 where electrodes, cables, tape or their shadows lie.
    landmarks : numpy.ndarray
        float32 (478, 2) in pixels of the clean picture; not a number where they are not known.
    """

    clean: np.ndarray
    occluded: np.ndarray
    coverage: np.ndarray
    landmarks: np.ndarray


@dataclass(frozen=True)
class Portrait:
    """A picture at several sizes, each half the former, and its landmarks in the largest."""

    levels: tuple[np.ndarray, ...]
    landmarks: np.ndarray

    @classmethod
    def of(cls, image: np.ndarray, landmarks: np.ndarray) -> Portrait:
        """Make the smaller sizes of a uint8 RGB picture (H, W, 3)."""
        levels = [image]
        while min(levels[-1].shape[:2]) > SIZE:
            high, wide = levels[-1].shape[:2]
            half = Image.fromarray(levels[-1]).resize((wide // 2, high // 2), Image.Resampling.BOX)
            levels.append(np.asarray(half))
        return cls(tuple(levels), landmarks.astype(np.float64))


def portrait_pair(
    portrait: Portrait, rng: np.random.Generator, wear: Wear | None = None, *, plain: bool = False
) -> Pair:
    """A pair from a portrait, different in every call.

    Parameters
    ----------
    portrait : Portrait
    rng : numpy.random.Generator
    wear : Wear, optional
    plain : bool
        Do not change the face.
    """
    wear = wear or Wear()
    base, places = view(portrait, rng, plain=plain)
    if rng.uniform() < wear.many_makes:
        _, worn, changed = electrode_pair(base, places, rng)
        covered = changed.astype(np.float32)
    else:
        worn, covered = _painted(base, places, rng, wear)
    if rng.uniform() < wear.loose:
        drawn = add_loose_cables(worn, places, rng)
        worn, covered = drawn.image, np.maximum(covered, drawn.coverage)
        covered = np.maximum(covered, _shaded(worn, base))
    return finished(base, worn, covered, places, rng)


def _painted(
    base: np.ndarray, places: np.ndarray, rng: np.random.Generator, wear: Wear
) -> tuple[np.ndarray, np.ndarray]:
    """A picture with what the evaluation's painter draws, and how much of a pixel that takes."""
    glued = glue_on_portrait(places, 60)
    if rng.uniform() < wear.jittered:
        glued = _jittered(glued, rng)
    drawn = paint(base, glued, FIRST_TRAINING_SEED + int(rng.integers(1 << 30)))
    worn = drawn.image
    if rng.uniform() < wear.recoloured:
        worn = _other_colours(worn, drawn.coverage, rng)
    return worn, np.maximum(drawn.coverage, _shaded(worn, base))


def _shaded(worn: np.ndarray, base: np.ndarray) -> np.ndarray:
    """How much a pixel counts as covered because it is changed: shadows."""
    change = np.abs(worn.astype(np.int16) - base).max(axis=-1)
    return np.asarray(np.clip((change - _CHANGED[0]) / _CHANGED[1], 0, 1), np.float32)


def finished(
    clean: np.ndarray, worn: np.ndarray, coverage: np.ndarray, places: np.ndarray,
    rng: np.random.Generator,
) -> Pair:  # fmt: skip
    """Bring pictures of SIZE or twice that to SIZE, sometimes through a camera's compression."""
    factor = clean.shape[0] // SIZE
    if factor > 1:
        clean, worn = (np.asarray(Image.fromarray(one).reduce(factor)) for one in (clean, worn))
        coverage = coverage.reshape(SIZE, factor, SIZE, factor).mean(axis=(1, 3))
    if rng.uniform() < 0.35:
        worn = _compressed(worn, int(rng.integers(35, 92)))
    points = (places[:, :2] / factor).astype(np.float32)
    return Pair(clean, worn, (coverage * 255 + 0.5).astype(np.uint8), points)


def view(
    portrait: Portrait, rng: np.random.Generator, *, plain: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """A changed part of a portrait, (n, n, 3) with n SIZE or twice that, and its landmarks."""
    size = SIZE * (2 if rng.uniform() < 0.25 else 1)
    points = portrait.landmarks[:, :2]
    low, high = points.min(axis=0), points.max(axis=0)
    longer = float((high - low).max())
    is_wide = rng.uniform() < 0.22
    scale = np.exp(rng.uniform(*np.log((2.2, 5.0) if is_wide else (1.55, 2.3))))
    side = longer * scale
    shift = rng.normal(0, 0.06 if not is_wide else 0.2, 2) * side * 0.5
    x, y = ((low + high) / 2 + np.clip(shift, -0.3 * side, 0.3 * side)).tolist()
    region = Region(x, y, side, side, float(rng.normal(0, 0.12)))
    steps = (np.arange(size) + 0.5) / size
    unit = np.stack(np.meshgrid(steps, steps), axis=-1).astype(np.float64)
    to_crop = _inverse(region)
    centres = to_crop(points)
    reach = longer / side
    handles = np.zeros((0, 2)), np.zeros(0), np.zeros((0, 2))
    if not plain:
        handles = _movements(centres, reach, rng)
    source = region.to_image(unit + _displaced(unit, *handles))
    moved = centres.copy()
    for _ in range(6):
        moved = centres - _displaced(moved, *handles)
    level = 0
    while level + 1 < len(portrait.levels) and side / 2 ** (level + 1) >= 0.9 * size:
        level += 1
    image = bilinear(portrait.levels[level], source / 2**level)
    depth = portrait.landmarks[:, 2:] / side * size
    return image, np.concatenate([moved * size, depth], axis=1).astype(np.float32)


def _inverse(region: Region) -> Callable[[np.ndarray], np.ndarray]:
    """What takes pixels (..., 2) of the picture to positions from 0 to 1 over a region."""
    cosine, sine = np.cos(region.angle), np.sin(region.angle)

    def to_unit(points: np.ndarray) -> np.ndarray:
        offset = points - (region.x, region.y)
        x = offset[..., 0] * cosine + offset[..., 1] * sine
        y = -offset[..., 0] * sine + offset[..., 1] * cosine
        return np.stack([x / region.width, y / region.height], axis=-1) + 0.5

    return to_unit


def _movements(
    points: np.ndarray, reach: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Centres (n, 2), radii (n,) and shifts (n, 2) of a smooth warp, in shares of the crop."""
    index = [handle[0] for handle in _HANDLES]
    radius = np.array([handle[1] for handle in _HANDLES])
    spread = np.array([handle[2] for handle in _HANDLES])
    shift = rng.normal(0, 1, (len(index), 2)) * spread[:, None] * rng.uniform(0.2, 1.3)
    for one, other in _TWINS:
        if rng.uniform() < _ALIKE:
            shift[other] = shift[one] * (-1, 1)
    # Beside what faces do, what makes them another's: wide, slow movements anywhere.
    n = 7
    around = np.column_stack([rng.uniform(points.min(0)[k], points.max(0)[k], n) for k in (0, 1)])
    broad = rng.uniform(0.18, 0.4, n)
    wide = rng.normal(0, 0.028, (n, 2)) * rng.uniform(0.2, 1.2)
    return (
        np.concatenate([points[index], around]),
        np.concatenate([radius, broad]) * reach,
        np.concatenate([shift, wide]) * reach,
    )


def _displaced(
    unit: np.ndarray, centres: np.ndarray, radii: np.ndarray, shifts: np.ndarray
) -> np.ndarray:
    """Where from, relative to itself, a point (..., 2) is taken."""
    total = np.zeros_like(unit)
    for centre, radius, shift in zip(centres, radii, shifts, strict=True):
        offset = (unit - centre) / radius
        weight = np.exp(-0.5 * (offset**2).sum(axis=-1))
        total -= weight[..., None] * shift
    return total


def bilinear(image: np.ndarray, places: np.ndarray) -> np.ndarray:
    """A uint8 picture (H, W, 3) at places (..., 2) in pixels; its border goes on for ever."""
    high, wide = image.shape[:2]
    x = np.clip(places[..., 0] - 0.5, 0, wide - 1.001).astype(np.float32)
    y = np.clip(places[..., 1] - 0.5, 0, high - 1.001).astype(np.float32)
    i, j = x.astype(np.int32), y.astype(np.int32)
    u, v = (x - i)[..., None], (y - j)[..., None]
    i2, j2 = np.minimum(i + 1, wide - 1), np.minimum(j + 1, high - 1)
    above = image[j, i] * (1 - u) + image[j, i2] * u
    below = image[j2, i] * (1 - u) + image[j2, i2] * u
    return (above * (1 - v) + below * v + 0.5).astype(np.uint8)


def _jittered(glued: Glued, rng: np.random.Generator) -> Glued:
    """Some of the electrodes, of another size and not quite at their places."""
    n = len(glued.centres)
    count = n if rng.uniform() < _ALL else int(rng.integers(4, n + 1))
    worn = np.zeros(n, bool)
    worn[rng.permutation(n)[:count]] = True
    axes = glued.axes * rng.uniform(0.75, 1.35)
    sway = rng.normal(0, 0.3 * rng.uniform(), (n, 1, 2)) @ axes
    return replace(
        glued, centres=glued.centres + sway[:, 0], axes=axes, visible=glued.visible & worn
    )


def _other_colours(worn: np.ndarray, coverage: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Electrodes, cables and tape of other colours than the painter knows."""
    colour = worn.astype(np.float32) / 255
    mixed = np.abs(np.eye(3) + rng.normal(0, 0.35, (3, 3))).astype(np.float32)
    mixed /= mixed.sum(axis=1, keepdims=True)
    changed = np.clip(colour @ mixed.T, 1e-3, 1) ** np.exp(rng.normal(0, 0.3))
    changed *= np.exp(rng.normal(0, 0.15, 3)).astype(np.float32)
    if rng.uniform() < 0.15:
        changed = 1 - changed
    alpha = coverage[..., None]
    return (np.clip(colour + alpha * (changed - colour), 0, 1) * 255 + 0.5).astype(np.uint8)


def _compressed(image: np.ndarray, quality: int) -> np.ndarray:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "JPEG", quality=quality)
    return np.asarray(Image.open(stream).convert("RGB"))
