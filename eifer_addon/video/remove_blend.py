"""A picture's electrodes replaced by what the translator drew, at the picture's full resolution.

The network works on 256 x 256 pixels. Its coverage says where something is glued on; there, and
only there, its picture is laid over the original, brought to the light of the skin around it and
given that skin's grain. All other pixels stay what they were.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image
from scipy.ndimage import grey_dilation, uniform_filter

from .crop import Region, shrunk

#: Side of the translator's picture.
SIZE = 256
#: A face's crop is so many times the longer side of the box of its landmarks.
CROP_SCALE = 1.6
#: Coverage from which on a pixel begins to be replaced, and from which on it wholly is.
_FROM, _WHOLLY = 0.25, 0.6
#: The window (network's pixels) in which what is replaced reaches beyond what is covered: blurred
#: edges. Wider ones cost more of the skin between electrodes than they hide.
_REACH = 3
#: The window (network's pixels, halved) in which the light beside a patch is compared, how far from
#: the patch that begins (network's pixels), and a usual difference of light, in 0 to 255.
_LIGHT_WINDOW, _SHY, _USUAL_LIGHT = 11, 9, 14.0
#: Windows of the two bands of grain, in the picture's pixels, and the most that is added.
_FINE, _COARSE, _MOST_GRAIN = 3, 7, 6.0
#: Blocks of so many pixels tell the grain, at least so many of them, so many pixels from a patch;
#: the quietest ones count, because outlines, hair and wrinkles are no grain. Of grain alone, they
#: have so much of the mean.
_BLOCK, _FEWEST, _GRAIN_AWAY, _QUIET, _OF_MEAN = 4, 24, 13, 0.1, 0.8
_MARGIN = 24
_TILE = 512
_LEAST_ALPHA = 1 / 255
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


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

    @property
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
    reached = grey_dilation(coverage, size=(_REACH, _REACH))
    rising = np.clip((reached - _FROM) / (_WHOLLY - _FROM), 0, 1)
    # Sure pixels stay whole, the rim fades.
    soft = uniform_filter(rising * rising * (3 - 2 * rising), 3)
    sure = np.clip((coverage - _FROM) / (_WHOLLY - _FROM), 0, 1)
    return np.asarray(np.maximum(soft, sure), np.float32)


def in_light(picture: np.ndarray, fill: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """A fill (n, n, 3) in the light and colour that the picture has beside the covered places.

    What picture and fill differ by where nothing is replaced is carried smoothly into the patches.
    """
    half = fill.shape[0] // 2
    # Beside a patch lie shadows, and what a camera's compression spread of a cable's colour.
    near_patch = grey_dilation((alpha > 0).astype(np.float32), size=(_SHY, _SHY))
    free = (1 - near_patch).reshape(half, 2, half, 2).min(axis=(1, 3))
    differ = (picture.astype(np.float32) - fill).reshape(half, 2, half, 2, 3).mean(axis=(1, 3))
    # Hair, a nostril, the rim of a glass: what differs by much is not light.
    free = free / (1 + (np.abs(differ).max(axis=2) / _USUAL_LIGHT) ** 4)
    stack = np.concatenate([differ * free[..., None], free[..., None]], axis=2)
    near, far = stack, stack
    for _ in range(2):
        near = uniform_filter(near, (_LIGHT_WINDOW, _LIGHT_WINDOW, 1), mode="constant")
        far = uniform_filter(far, (3 * _LIGHT_WINDOW, 3 * _LIGHT_WINDOW, 1), mode="constant")
    # Far from free skin the wide window speaks, and where there is hardly any nobody.
    mixed = near + 0.1 * far
    change = mixed[..., :3] / (mixed[..., 3:] + 2e-3)
    wide = np.stack([_resized(change[..., k], fill.shape[:2]) for k in range(3)], axis=2)
    return np.asarray(fill + wide, np.float32)


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
    alpha = _part(patch.alpha, box, size)
    alpha = np.where(alpha < _LEAST_ALPHA, 0, np.minimum(alpha, 1)).astype(np.float32)
    fill = np.stack([_part(patch.fill[..., k], box, size) for k in range(3)], axis=2)
    part = image[rows, columns].astype(np.float32)
    place = anchor[0] - columns.start, anchor[1] - rows.start
    fill += _grain(part, fill, alpha, _free(patch, alpha, rows, columns), place, seed)
    mixed = np.clip(part + (fill - part) * alpha[..., None] + 0.5, 0, 255).astype(np.uint8)
    result = image.copy()
    result[rows, columns] = np.where(alpha[..., None] > 0, mixed, image[rows, columns])
    return result


def _window(
    patch: Patch, shape: tuple[int, ...]
) -> tuple[slice, slice, tuple[float, float, float, float]] | None:
    """The picture's rows and columns that a patch can change, and their box in the patch."""
    covered = np.argwhere(patch.alpha > 0)
    if len(covered) == 0:
        return None
    region, scale = patch.region, patch.region.width / SIZE
    left, top = region.x - region.width / 2, region.y - region.height / 2
    # One of the network's pixels more, because enlarging spreads them.
    low, high = covered.min(axis=0) - 1, covered.max(axis=0) + 2
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
    image = Image.fromarray(np.ascontiguousarray(values, np.float32))
    return np.array(image.resize(size, Image.Resampling.BICUBIC, box=box))


def _free(
    patch: Patch, alpha: np.ndarray, rows: slice, columns: slice
) -> tuple[np.ndarray, np.ndarray]:
    """Where the picture tells its grain: away from patches, on the face and everywhere."""
    free = grey_dilation(alpha > 0, size=(_GRAIN_AWAY, _GRAIN_AWAY)) == 0
    reach = patch.region.width / (2 * CROP_SCALE)
    down = np.abs(np.arange(rows.start, rows.stop) - patch.region.y) < reach
    across = np.abs(np.arange(columns.start, columns.stop) - patch.region.x) < reach
    return free & down[:, None] & across, free


def _grain(
    part: np.ndarray,
    fill: np.ndarray,
    alpha: np.ndarray,
    free: tuple[np.ndarray, np.ndarray],
    anchor: tuple[float, float],
    seed: int,
) -> np.ndarray:
    """Grain (h, w, 1) that a fill lacks against the skin around it, in two bands."""
    grain: np.ndarray = np.zeros(alpha.shape, np.float32)
    bands = zip(_bands(part @ _LUMA), _bands(fill @ _LUMA), _noise(seed), strict=True)
    shift = round(anchor[1]) % _TILE, round(anchor[0]) % _TILE
    rows = (np.arange(alpha.shape[0]) - shift[0]) % _TILE
    columns = (np.arange(alpha.shape[1]) - shift[1]) % _TILE
    for own, filled, noise in bands:
        # Leaves behind a person, and wrinkles, have a texture besides: the calmer place counts.
        there = [value for value in (_usual(own, where) for where in free) if value is not None]
        strength = min(there, default=0.0)
        lacking = max(strength**2 - (_usual(filled, alpha > 0.5) or 0.0) ** 2, 0.0) ** 0.5
        if lacking > 0:
            # The mean of a normal value's size is 0.8 of its deviation.
            grain += min(lacking / 0.8, _MOST_GRAIN) * noise[np.ix_(rows, columns)]
    return grain[..., None]


def _usual(values: np.ndarray, where: np.ndarray) -> float | None:
    """How strong values usually are where something holds, outlines and hair left aside.

    None where too little of it holds.
    """
    high, wide = (side // _BLOCK for side in values.shape)
    whole = np.s_[: high * _BLOCK, : wide * _BLOCK]
    blocks = high, _BLOCK, wide, _BLOCK
    is_there = where[whole].reshape(blocks).all(axis=(1, 3))
    if is_there.sum() < _FEWEST:
        return None
    strength = np.abs(values[whole]).reshape(blocks).mean(axis=(1, 3))
    return float(np.quantile(strength[is_there], _QUIET)) / _OF_MEAN


def _resized(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    image = Image.fromarray(np.ascontiguousarray(values, np.float32))
    return np.asarray(image.resize((shape[1], shape[0]), Image.Resampling.BILINEAR))


def _bands(luma: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    fine, coarse = uniform_filter(luma, _FINE), uniform_filter(luma, _COARSE)
    return luma - fine, fine - coarse


@cache
def _noise(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two bands of noise (_TILE, _TILE) of deviation 1 that repeat without seams."""
    white = np.random.default_rng(seed).standard_normal((_TILE, _TILE)).astype(np.float32)
    fine = uniform_filter(white, _FINE, mode="wrap")
    bands = white - fine, fine - uniform_filter(white, _COARSE, mode="wrap")
    first, second = (np.asarray(band / band.std(), np.float32) for band in bands)
    return first, second
