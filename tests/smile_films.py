"""Short films of a man who smiles, cut from the shared test data, for tests of whole jobs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from film_writer import write_film
from PIL import Image

from eifer.eifer_addon.video.decode import open_video

SIZE = (320, 180)


def smile_pictures(test_data: Path, frames: Sequence[int]) -> list[np.ndarray]:
    """Frames of a man who smiles from about the 20th on, uint8 (180, 320, 3)."""
    film = open_video(test_data / "video" / "pyfeat_single_face.mp4")
    wanted = set(frames)
    found = {
        frame.index: np.asarray(Image.fromarray(frame.image).resize(SIZE))
        for frame in film.frames(0, max(frames) + 1)
        if frame.index in wanted
    }
    return [found[number] for number in frames]


def smile_film(path: Path, test_data: Path, frames: Sequence[int]) -> Path:
    """A film of those frames at 30 frames/s; a frame may be named several times."""
    unique = sorted(set(frames))
    pictures = dict(zip(unique, smile_pictures(test_data, unique), strict=True))
    return write_film(path, [pictures[number] for number in frames])
