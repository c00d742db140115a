"""A picture's electrodes replaced by what the translator drew, at the picture's full resolution.

The network works on 256 x 256 pixels. Its coverage says where something is glued on; there, and
only there, its picture is laid over the original, brought to the light of the skin around it and
given that skin's grain. All other pixels stay what they were.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from PIL import Image

from .crop import Region, shrunk
from .remove_filters import blur, doubled, halved, highest, mean
from .remove_grain import TILE, grain

#: Side of the translator's picture.
SIZE = 256
#: A face's crop is so many times the longer side of the box of its landmarks.
CROP_SCALE = 1.6
#: Coverage from which on a pixel begins to be replaced, and from which on it wholly is.
_FROM, _WHOLLY = 0.15, 0.45
#: The window (network's pixels) in which what is replaced reaches beyond what is covered: blurred
#: edges. Wider ones cost more of the skin between electrodes than they hide.
_REACH = 3
#: The window (network's pixels, halved) in which the light beside a patch is compared, how far from
#: the patch that begins (network's pixels), and a usual difference of light, in 0 to 255.
_LIGHT_WINDOW, _SHY, _USUAL_LIGHT = 11, 9, 14.0
#: By how many of the picture's pixels the window is larger in which a patch is laid over it.
_MARGIN = 24


@dataclass(frozen=True)
class Patch:
    """What replaces the covered parts of a crop.

    Attributes
    ----------
    region : Region
        Where the crop lies in the picture, upright and square.
    picture : numpy.ndarray
        uint8 (SIZE, SIZE, 3), the crop as it was.
    fill : numpy.ndarray
        float32 (SIZE, SIZE, 3) in 0 to 255, the crop without electrodes.
    coverage : numpy.ndarray
        float32 (SIZE, SIZE) in [0, 1].
    """

    region: Region
    picture: np.ndarray
    fill: np.ndarray
    coverage: np.ndarray

    @cached_property
    def alpha(self) -> np.ndarray:
        """How much of each pixel is replaced, float32 (SIZE, SIZE) in [0, 1]."""
        return alpha_of(self.coverage)

    @property
    def covered(self) -> float:
        """Share of the crop that is replaced."""
        return float(self.alpha.mean())

    def small(self) -> np.ndarray:
        """The crop with what replaces electrodes, uint8 (SIZE, SIZE, 3)."""
        alpha = self.alpha[..., None]
        mixed = self.picture + (self.fill - self.picture) * alpha
        return np.asarray(np.clip(mixed + 0.5, 0, 255).astype(np.uint8))


def face_region(landmarks: np.ndarray) -> Region:
    """The upright square around a face's landmarks (n, 2 or 3) that the translator is given."""
    low, high = landmarks[:, :2].min(axis=0), landmarks[:, :2].max(axis=0)
    x, y = (low.astype(np.float64) + high) / 2
    return Region(float(x), float(y), *(high - low).tolist()).grown(CROP_SCALE)


def cut(image: np.ndarray, region: Region) -> np.ndarray:
    """The translator's input, uint8 (SIZE, SIZE, 3)."""
    return shrunk(image, region, SIZE)


def alpha_of(coverage: np.ndarray) -> np.ndarray:
    """How much of a pixel is replaced, from how sure it is that something covers it."""
    reached = highest(coverage, _REACH)
    rising = np.clip((reached - _FROM) / (_WHOLLY - _FROM), 0, 1)
    # Sure pixels stay whole, the rim fades.
    soft = mean(rising * rising * (3 - 2 * rising), 3)
    sure = np.clip((coverage - _FROM) / (_WHOLLY - _FROM), 0, 1)
    return np.asarray(np.minimum(np.maximum(soft, sure), 1), np.float32)


def in_light(picture: np.ndarray, fill: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """A fill (n, n, 3) in the light and colour that the picture has beside the covered places.

    What picture and fill differ by where nothing is replaced is carried smoothly into the patches.
    """
    half = fill.shape[0] // 2
    # Beside a patch lie shadows, and what a camera's compression spread of a cable's colour.
    near_patch = highest(alpha > 0, _SHY)
    pairs = near_patch[0::2] | near_patch[1::2]
    differ = np.ascontiguousarray(halved(picture - fill).transpose(2, 0, 1), np.float32)
    # Hair, a nostril, the rim of a glass: what differs by much is not light.
    apart = np.square(np.square(np.abs(differ).max(axis=0) / np.float32(_USUAL_LIGHT)))
    free = np.where(pairs[:, 0::2] | pairs[:, 1::2], 0, 1 / (1 + apart)).astype(np.float32)
    stack = np.concatenate([differ * free, free[None]])
    near, far = blur(half, _LIGHT_WINDOW), blur(half, 3 * _LIGHT_WINDOW)
    # Far from free skin the wide window speaks, and where there is hardly any nobody.
    mixed = near @ stack @ near + np.float32(0.1) * (far @ stack @ far)
    change = doubled(mixed[:3] / (mixed[3:] + np.float32(2e-3)), 1 / 4)
    return np.asarray(fill + change.transpose(1, 2, 0), np.float32)


def paste(
    image: np.ndarray, patch: Patch, anchor: tuple[float, float], seed: int = 0
) -> np.ndarray:
    """Lay a patch over a picture; only covered pixels change.

    Parameters
    ----------
    image : numpy.ndarray
        uint8 RGB (H, W, 3); it is not changed.
    patch : Patch
    anchor : tuple of float
        A place of the face in pixels, to which the grain sticks.
    seed : int
        Of the grain.

    Returns
    -------
    numpy.ndarray
        uint8 RGB (H, W, 3).
    """
    window = _window(patch, image.shape[:2])
    if window is None:
        return image
    rows, columns, box = window
    size = columns.stop - columns.start, rows.stop - rows.start
    alpha = _part(patch.alpha * 255, box, size)
    fill = _part(patch.fill, box, size)
    part = image[rows, columns].copy()
    lacking = grain(part, fill, alpha, _face(patch, rows, columns), seed)
    at = np.flatnonzero(alpha)
    own, drawn = part.reshape(-1, 3), fill.reshape(-1, 3).take(at, axis=0).astype(np.float32)
    if lacking is not None:
        first = round(anchor[1] - rows.start), round(anchor[0] - columns.start)
        drawn += _repeated(lacking, first, alpha.shape).take(at)[:, None]
    before = own.take(at, axis=0)
    drawn -= before
    drawn *= (alpha.take(at) * np.float32(1 / 255))[:, None]
    drawn += before
    drawn += 0.5
    result = image.copy()
    own[at] = np.clip(drawn, 0, 255, out=drawn).astype(np.uint8)
    result[rows, columns] = part
    return result


def _repeated(tile: np.ndarray, first: tuple[int, int], shape: tuple[int, ...]) -> np.ndarray:
    """A tile (TILE, TILE) repeated over a window (h, w), in which it begins at a place."""
    begins = [-place % TILE for place in first]
    times = [-(-(begin + side) // TILE) for begin, side in zip(begins, shape, strict=True)]
    down, across = (slice(begin, begin + n) for begin, n in zip(begins, shape, strict=True))
    return np.tile(tile, times)[down, across]


def _window(
    patch: Patch, shape: tuple[int, ...]
) -> tuple[slice, slice, tuple[float, float, float, float]] | None:
    """The picture's rows and columns that a patch can change, and their box in the patch."""
    covered = patch.alpha > 0
    down, across = (np.flatnonzero(covered.any(axis=axis)) for axis in (1, 0))
    if len(down) == 0:
        return None
    region, scale = patch.region, patch.region.width / SIZE
    left, top = region.x - region.width / 2, region.y - region.height / 2
    # One of the network's pixels more, because enlarging spreads them.
    low, high = np.array([down[0], across[0]]) - 1, np.array([down[-1], across[-1]]) + 2
    first = np.floor((top, left) + low * scale).astype(int) - _MARGIN
    last = np.ceil((top, left) + high * scale).astype(int) + _MARGIN
    inner = np.ceil((top, left)), np.floor((top + region.height, left + region.width))
    first = np.maximum(np.maximum(first, inner[0]), 0).astype(int)
    last = np.minimum(np.minimum(last, inner[1]), shape).astype(int)
    if (last - first < 2).any():
        return None
    (y0, x0), (y1, x1) = ((edge - (top, left)) / scale for edge in (first, last))
    box = (max(x0, 0.0), max(y0, 0.0), min(x1, SIZE), min(y1, SIZE))
    return slice(int(first[0]), int(last[0])), slice(int(first[1]), int(last[1])), box


def _part(
    values: np.ndarray, box: tuple[float, float, float, float], size: tuple[int, int]
) -> np.ndarray:
    """A box of a crop (n, n) or (n, n, 3) in 0 to 255, resampled: uint8."""
    image = Image.fromarray(np.clip(values + 0.5, 0, 255).astype(np.uint8))
    return np.asarray(image.resize(size, Image.Resampling.BICUBIC, box=box))


def _face(patch: Patch, rows: slice, columns: slice) -> tuple[slice, slice]:
    """The window's rows and columns in which the face itself lies."""
    reach = patch.region.width / (2 * CROP_SCALE)
    return _span(rows, patch.region.y, reach), _span(columns, patch.region.x, reach)


def _span(window: slice, middle: float, reach: float) -> slice:
    ends = np.clip((middle - reach, middle + reach), window.start, window.stop).round()
    first, last = (ends - window.start).astype(int)
    return slice(int(first), int(last))
