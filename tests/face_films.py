"""Films of people who do not exist: portraits that stand or move over a background."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from film_writer import write_film
from PIL import Image

WIDE, HIGH = 640, 360
#: Where a portrait stands in a frame: which one, its centre, and its edge in pixels.
Placed = tuple[int, float, float, int]
Portrait = Callable[[int, int], np.ndarray]


def portraits(test_data: Path) -> Portrait:
    """A function that gives a portrait by number, at a size in pixels."""
    folder = test_data / "images" / "faker_CC0"
    paths = [
        sorted((folder / sex / "512").iterdir())[k] for k in (3, 8) for sex in ("female", "male")
    ]

    @cache
    def read(number: int, edge: int) -> np.ndarray:
        picture = Image.open(paths[number]).convert("RGB")
        return np.array(picture.resize((edge, edge), Image.Resampling.LANCZOS))

    return read


def background(width: int = WIDE, height: int = HIGH, seed: int = 0) -> np.ndarray:
    """Blurred blobs of colour, without a face."""
    blobs = np.random.default_rng(seed).integers(40, 200, (6, 9, 3), dtype=np.uint8)
    return np.array(Image.fromarray(blobs).resize((width, height), Image.Resampling.BICUBIC))


def film_of(
    path: Path,
    portrait: Portrait,
    scenes: Sequence[Sequence[Placed]],
    grounds: Sequence[int] | None = None,
    **options: object,
) -> Path:
    """Film portraits over a background and return the path.

    Parameters
    ----------
    path : pathlib.Path
    portrait : callable
        From `portraits`.
    scenes : sequence
        Who is where, frame by frame.
    grounds : sequence of int, optional
        A number for each frame's background.
    **options
        For `write_film`.
    """
    pictures = []
    for k, scene in enumerate(scenes):
        picture = background(seed=grounds[k] if grounds else 0)
        for number, x, y, edge in scene:
            left, top = round(x - edge / 2), round(y - edge / 2)
            x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + edge, WIDE), top + edge
            if x1 > x0:
                part = portrait(number, edge)[: HIGH - top, x0 - left : x1 - left]
                picture[y0:y1, x0:x1] = part
        pictures.append(picture)
    return write_film(path, pictures, **options)
