"""Short films of a man who smiles, with green dots on his face and without, and his landmarks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from smile_films import smile_pictures
from tiny_translator import dotted

from eifer.eifer_addon.video.landmarker import Face, FaceLandmarker


@dataclass(frozen=True)
class Dotted:
    """Frame by frame: as filmed, with dots, what they cover, and the face."""

    clean: list[np.ndarray]
    worn: list[np.ndarray]
    covered: list[np.ndarray]
    faces: list[Face]


def dotted_pictures(test_data: Path, frames: Sequence[int]) -> Dotted:
    """Frames of the man who smiles, uint8 (180, 320, 3), with and without dots."""
    landmarker = FaceLandmarker()
    clean = smile_pictures(test_data, frames)
    faces: list[Face] = []
    for picture in clean:
        face = landmarker.track(picture, faces[-1]) if faces else None
        faces.append(face or landmarker.detect(picture, refine=1)[0])
    pairs = [dotted(p, f.landmarks) for p, f in zip(clean, faces, strict=True)]
    return Dotted(clean, [worn for worn, _ in pairs], [covered for _, covered in pairs], faces)
