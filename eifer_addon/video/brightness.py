"""The brightness of parts of a video over time, and where in the picture a light flashes.

Videos are decoded frame by frame with their own timestamps (which need not be regular), and only
numbers are kept, so memory does not grow with the length. Time 0 is the first frame.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from ..errors import EiferError
from .decode import open_video

#: Longer side of the picture in which a light is searched for, in pixels.
_SEARCH_SIDE = 240
_BINS = 128
#: Light is proportional to (value / 255) to this power, roughly, in video.
GAMMA = 2.2
#: A frame in which more of the picture jumps than this is a cut or a change of exposure.
_CUT_PART = 0.3
_LEAST_JUMP = 4.0
#: Two levels are less than this part of 255 apart: noise.
_LEAST_STEP = 0.03
_PEAK_PART = 0.5
#: The picture is searched in so many by so many tiles.
_TILES = 7
#: A light fills less of the picture than this.
_LARGEST_PART = 0.1


@dataclass(frozen=True)
class Rectangle:
    """A part of the picture, in pixels; `x`, `y` is the upper left corner."""

    x: int
    y: int
    width: int
    height: int

    @property
    def words(self) -> str:
        """As it is given on the command line."""
        return f"{self.x},{self.y},{self.width},{self.height}"


@dataclass(frozen=True)
class Brightness:
    """Light in parts of a video.

    Attributes
    ----------
    times_s : numpy.ndarray
        float64 (n_frames,), seconds after the first frame.
    light : numpy.ndarray
        float64 (n_frames, n_rectangles), mean light, 0 to 1, without the video's gamma.
    rectangles : tuple of Rectangle
    """

    times_s: np.ndarray
    light: np.ndarray
    rectangles: tuple[Rectangle, ...]


def frames_of(
    path: str | Path, size: tuple[int, int] | None = None
) -> Iterator[tuple[float, np.ndarray]]:
    """Decode a video, one frame at a time.

    Parameters
    ----------
    path : path-like
    size : tuple of int, optional
        Width and height to scale to, by averaging.

    Yields
    ------
    time_s : float
        Seconds after the first frame, by the file's own timestamps.
    picture : numpy.ndarray
        uint8 (height, width, 3) RGB.

    Raises
    ------
    EiferError
        When the file is no video or is damaged.
    """
    for frame in open_video(path).frames():
        picture = frame.image
        if size is not None and size != picture.shape[1::-1]:
            picture = np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BOX))
        yield frame.timestamp_s, picture


def video_size(path: str | Path) -> tuple[int, int]:
    """Width and height of a video in pixels, upright."""
    facts = open_video(path).facts
    return facts.width, facts.height


def read_brightness(path: str | Path, rectangles: Sequence[Rectangle]) -> Brightness:
    """Mean light in some rectangles, frame by frame.

    Parameters
    ----------
    path : path-like
    rectangles : sequence of Rectangle
        Parts that lie outside of the picture are cut off.

    Raises
    ------
    EiferError
        When a rectangle lies outside of the picture, or the video cannot be read.
    """
    # The strongest of red, green and blue: a coloured light must not hide in the grey value.
    table = (np.arange(256) / 255.0) ** GAMMA
    times, rows = [], []
    for time_s, picture in frames_of(path):
        times.append(time_s)
        rows.append([table[_part(picture, r, path).max(axis=2)].mean() for r in rectangles])
    if len(times) < 2:
        raise EiferError(f"{Path(path).name} holds fewer than two frames.", "Choose another.")
    return Brightness(np.array(times), np.array(rows, np.float64), tuple(rectangles))


def _part(picture: np.ndarray, r: Rectangle, path: str | Path) -> np.ndarray:
    part = picture[max(r.y, 0) : max(r.y + r.height, 0), max(r.x, 0) : max(r.x + r.width, 0)]
    if part.size == 0:
        height, width = picture.shape[:2]
        raise EiferError(
            f"The rectangle {r.words} lies outside of {Path(path).name} ({width} x {height}).",
            "Give x, y, width and height in pixels from the upper left corner.",
        )
    return part


def find_flashing(path: str | Path) -> tuple[Rectangle, ...]:
    """Find where in the picture something switches between two brightnesses.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    tuple of Rectangle
        At most one for each of the tiles into which the picture is cut, the likeliest first: what
        moves in one part of the picture must not hide a dim light in another. Empty when nothing
        flashes. A blinking eye may be among them; only a trigger tells for sure.
    """
    width, height = video_size(path)
    shrink = min(1.0, _SEARCH_SIDE / max(width, height))
    size = max(2, round(width * shrink)), max(2, round(height * shrink))
    watch = _Watch(size)
    for _, picture in frames_of(path, size):
        watch.add(picture.max(axis=2))
    score = watch.score()
    found: dict[Rectangle, float] = {}
    for rows in np.array_split(np.arange(size[1]), min(_TILES, size[1])):
        for columns in np.array_split(np.arange(size[0]), min(_TILES, size[0])):
            tile = score[np.ix_(rows, columns)]
            row, column = np.unravel_index(int(np.argmax(tile)), tile.shape)
            peak = rows[row], columns[column]
            if score[peak] <= 0:
                continue
            labels, _ = ndimage.label(score >= _PEAK_PART * score[peak])
            region = labels == labels[peak]
            if region.mean() <= _LARGEST_PART:
                place = _rectangle(region, width / size[0], height / size[1], (width, height))
                found[place] = max(found.get(place, 0.0), float(score[peak]))
    return tuple(sorted(found, key=lambda place: -found[place]))


def _rectangle(
    region: np.ndarray, across: float, down: float, picture: tuple[int, int]
) -> Rectangle:
    rows, columns = np.flatnonzero(region.any(axis=1)), np.flatnonzero(region.any(axis=0))
    x, y = int(columns[0] * across), int(rows[0] * down)
    right = min(int(np.ceil((columns[-1] + 1) * across)), picture[0])
    bottom = min(int(np.ceil((rows[-1] + 1) * down)), picture[1])
    return Rectangle(x, y, right - x, bottom - y)


class _Watch:
    """Per pixel: a histogram of its values, and how much of its change came in jumps."""

    def __init__(self, size: tuple[int, int]) -> None:
        self.shape = size[1], size[0]
        n = size[0] * size[1]
        self.histogram = np.zeros((n, _BINS), np.uint32)
        self.squares: np.ndarray = np.zeros(n)
        self.changes: np.ndarray = np.zeros(n)
        self.last: np.ndarray | None = None
        self.before: np.ndarray | None = None

    def add(self, picture: np.ndarray) -> None:
        """One more frame (height, width)."""
        # Neighbours together: a light has an area, the camera's noise has not.
        values = ndimage.uniform_filter(picture.astype(np.float32), 3).ravel()
        self.histogram[np.arange(len(values)), (values * (_BINS / 256.0)).astype(int)] += 1
        if self.last is not None:
            change = np.abs(values - self.last)
            change[change < _LEAST_JUMP] = 0.0
            if (change > 0).mean() < _CUT_PART:
                # Over two frames, because a partly lit frame halves a jump.
                over_two = np.abs(values - self.before) if self.before is not None else change
                self.squares += change * np.maximum(over_two, change)
                self.changes += change
        self.before, self.last = self.last, values

    def score(self) -> np.ndarray:
        """How much each pixel looks like a light that flashes, (height, width), 0 at the least."""
        centres = (np.arange(_BINS) + 0.5) / _BINS
        total = self.histogram.sum(axis=1, keepdims=True).astype(np.float64)
        share = self.histogram / np.maximum(total, 1)
        below = np.cumsum(share, axis=1)[:, :-1]
        sums = np.cumsum(share * centres, axis=1)
        mean, low_sum = sums[:, -1:], sums[:, :-1]
        ok = (below > 0) & (below < 1 - 1e-12)
        part = np.where(ok, below, 0.5)
        between = np.where(ok, (mean * part - low_sum) ** 2 / (part * (1 - part)), 0.0)
        best = np.argmax(between, axis=1)[:, None]
        variance = (share * centres**2).sum(axis=1) - mean[:, 0] ** 2 + 1e-12
        in_two = np.take_along_axis(between, best, axis=1)[:, 0] / variance
        p = np.take_along_axis(part, best, axis=1)[:, 0]
        step = np.sqrt(np.take_along_axis(between, best, axis=1)[:, 0] / (p * (1 - p)))
        # All change in jumps of the full step: 1. Gradual or unequal change: near 0.
        jumps = self.squares / np.maximum(self.changes, 1e-9) / np.maximum(step * 255.0, 1e-9)
        # How dim it is counts little, how clean its two levels are counts much.
        score = np.sqrt(step) * in_two**2 * np.clip(jumps, 0.0, 1.0) ** 2
        score[(step < _LEAST_STEP) | (self.changes == 0)] = 0.0
        return np.asarray(score.reshape(self.shape))
