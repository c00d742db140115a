"""Faces of films, cut out once and kept: wide crops, landmarks, and the truth where there is one.

The crops are twice as wide as SMIRK's box around the landmarks, so that every training can cut its
own ones out of them; they lie in the cache under the film's content.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np

from ....eifer_addon.files import atomic_path, save_npz, sha256_of
from ....eifer_addon.heads.caching import cache_path, read_kept
from ....eifer_addon.video.decode import Frame, Video, open_video
from ...reconstructors.base import box_to_square, square_to_crop
from ...reconstructors.smirk import cut
from .looking import Looking

#: Pixels of a kept crop's edge, and its width over SMIRK's box around the landmarks.
EDGE, SCALE = 320, 2.0
#: Landmarks have the first pixel's centre at 0.5, crop rules at 0.
_HALF = 0.5
#: The version goes up when crops come to be cut otherwise.
_KIND, _VERSION = "cycle_crops", 2


@dataclass(frozen=True)
class Crops:
    """Faces of one film, n of them.

    Attributes
    ----------
    pictures : numpy.ndarray
        uint8 (n, edge, edge, 3).
    points : numpy.ndarray
        float32 (n, 478, 2), MediaPipe's landmarks in pixels of the crops, the first pixel's centre
        at 0.5.
    truth : numpy.ndarray or None
        uint8 (n, edge, edge, 3), the same faces without electrodes, of simulated films.
    lost : int
        Frames of the film that were looked at and in which no face was found.
    """

    pictures: np.ndarray
    points: np.ndarray
    truth: np.ndarray | None = None
    lost: int = 0

    def __len__(self) -> int:
        return len(self.pictures)


def read_crops(
    film: Path, count: int, look: Looking, truth: Path | None = None, *, worn: bool = False
) -> Crops:
    """About `count` faces of a film, spread evenly over it; none where no face is found.

    Parameters
    ----------
    film : pathlib.Path
    count : int
    look : Looking
    truth : pathlib.Path, optional
        The same film without electrodes, frame by frame.
    worn : bool
        Whether the film shows electrodes.

    Raises
    ------
    EiferError
        When a film cannot be decoded.
    """
    through = look.key(worn=worn)
    key = f"{sha256_of(film)[:24]}_{count}" + (f"_through_{through}" if through else "")
    truth_key = f"{sha256_of(truth)[:24]}_of_{key}" if truth is not None else ""
    kept = read_kept(cache_path("crops", f"{key}.npz"), _KIND, _VERSION)
    files = [cache_path("crops", f"{name}.npy") for name in (key, truth_key) if name]
    if kept is None or not all(file.is_file() for file in files):
        look.film(worn=worn)
        _keep(film, count, look, truth, key, files)
        kept = read_kept(cache_path("crops", f"{key}.npz"), _KIND, _VERSION)
    points, lost = np.zeros((0, 478, 2), np.float32), 0
    if kept is not None:
        points, lost = kept[0]["points"], int(kept[1]["lost"])
    # Mapped into memory, because the films of a person have gigabytes.
    arrays = [np.load(file, mmap_mode="r", allow_pickle=False) for file in files]
    return Crops(arrays[0], points, arrays[1] if len(arrays) > 1 else None, lost)


def _keep(
    film: Path, count: int, look: Looking, truth: Path | None, key: str, files: list[Path]
) -> None:
    """Find the faces and write them into the cache."""
    found: list[list[np.ndarray]] = [[] for _ in files]
    points: list[np.ndarray] = []
    lost = 0
    for frame, clean in _frames(film, count, truth):
        if truth is not None and clean is None:
            continue
        face = look(frame.image)
        if face is None:
            lost += 1
            continue
        matrix = wide_crop(face.landmarks)
        pictures = [frame.image] + ([clean.image] if clean is not None else [])
        for place, picture in zip(found, pictures, strict=True):
            place.append(cut(picture, matrix, EDGE).astype(np.uint8))
        points.append(into_crop(face.landmarks, matrix))
    shape = (0, EDGE, EDGE, 3)
    for file, pictures in zip(files, found, strict=True):
        with atomic_path(file) as temporary:
            np.save(temporary, np.stack(pictures) if pictures else np.zeros(shape, np.uint8))
    together = np.stack(points) if points else np.zeros((0, 478, 2))
    arrays, meta = {"points": together.astype(np.float32)}, {"film": film.name, "lost": lost}
    save_npz(cache_path("crops", f"{key}.npz"), _KIND, _VERSION, arrays, meta)


def _frames(film: Path, count: int, truth: Path | None) -> Iterator[tuple[Frame, Frame | None]]:
    """Every k-th frame of a film beside that of its truth."""
    video: Video = open_video(film)
    step = max(1, video.facts.n_frames // count)
    beside = open_video(truth).frames(step=step, keep_going=True) if truth is not None else ()
    for frame, clean in zip_longest(video.frames(step=step, keep_going=True), beside):
        if frame is not None:
            yield frame, clean


def wide_crop(landmarks: np.ndarray) -> np.ndarray:
    """The similarity (2, 3) to a kept crop, by SMIRK's rule but wider."""
    points = landmarks[:, :2].astype(np.float64)
    return square_to_crop(box_to_square(points.min(axis=0), points.max(axis=0), SCALE), EDGE)


def into_crop(landmarks: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Landmarks (n, 2) in pixels of the crop that a similarity (2, 3) cuts out."""
    points = landmarks[:, :2].astype(np.float64) - _HALF
    return np.asarray(points @ matrix[:, :2].T + matrix[:, 2] + _HALF)
