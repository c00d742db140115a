"""Results that a program writes as one numbered file per frame, taken together."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import EiferError
from ..files import sha256_of
from .archive import load_numbers

#: VHAP keeps its files in a folder of this name.
_INSIDE = "flame_param"
_MOST_FRAMES = 1_000_000


@dataclass(frozen=True)
class FrameFiles:
    """Files of consecutive frames, or one file with all of them.

    Attributes
    ----------
    paths : tuple of pathlib.Path
        In the order of their frames.
    numbers : numpy.ndarray
        int64, the frame of each file; empty when the one file is not numbered.
    """

    paths: tuple[Path, ...]
    numbers: np.ndarray

    def arrays(self, wanted: Iterable[str]) -> dict[str, np.ndarray]:
        """Arrays of the one file as they are, or of all files one row per frame."""
        wanted = tuple(wanted)
        if len(self.numbers) == 0:
            return load_numbers(self.paths[0], wanted)
        found = [load_numbers(path, wanted) for path in self.paths]
        return {name: self._stacked([one[name] for one in found], name) for name in wanted}

    def _stacked(self, values: list[np.ndarray], name: str) -> np.ndarray:
        flat = [value.reshape(-1) for value in values]
        for path, row in zip(self.paths, flat, strict=True):
            if len(row) != len(flat[0]):
                raise EiferError(
                    f"'{name}' of {path.name} has {len(row)} numbers, where {self.paths[0].name} "
                    f"has {len(flat[0])}.",
                    "Keep the files of one film in a folder.",
                )
        return np.stack(flat)

    def spread(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Rows (n, k) at their frames, with empty rows between, and which rows are filled."""
        if len(self.numbers) == 0:
            return values, np.ones(len(values))
        rows = self.numbers - self.numbers[0]
        whole = np.zeros((int(rows[-1]) + 1, values.shape[1]))
        whole[rows] = values
        filled = np.zeros(len(whole))
        filled[rows] = 1
        return whole, filled

    def first_frame(self) -> int:
        """The number of the first frame, 0 when the file is not numbered."""
        return int(self.numbers[0]) if len(self.numbers) else 0

    def source(self) -> dict[str, Any]:
        """What a track's provenance says of the files."""
        if len(self.paths) == 1:
            return {"source": self.paths[0].name, "source_sha256": sha256_of(self.paths[0])}
        together = hashlib.sha256("".join(sha256_of(path) for path in self.paths).encode())
        folder = self.paths[0].parent.name
        return {
            "source": f"{folder}/{self.paths[0].name} to {self.paths[-1].name}",
            "source_sha256": together.hexdigest(),
            "n_files": len(self.paths),
        }


def frame_files(path: Path) -> FrameFiles:
    """The file, or all numbered files beside it when its name is a number.

    Raises
    ------
    EiferError
        When frames are too far apart to belong to one film.
    """
    if not path.stem.isdecimal():
        return FrameFiles((path,), np.zeros(0, np.int64))
    numbered = _numbered(path.parent, path.suffix)
    if int(numbered[-1].stem) - int(numbered[0].stem) > _MOST_FRAMES:
        raise EiferError(
            f"The files in {path.parent} go from {numbered[0].name} to {numbered[-1].name}, which "
            "is no film.",
            "Keep the files of one film in a folder.",
        )
    numbers = np.array([int(file.stem) for file in numbered], np.int64)
    keep = np.concatenate([[True], np.diff(numbers) > 0])
    return FrameFiles(tuple(f for f, k in zip(numbered, keep, strict=True) if k), numbers[keep])


def first_frame_file(folder: Path, accept: Callable[[Path], bool]) -> Path | None:
    """The first numbered npz of a folder, or of the folder VHAP keeps in it, if it is accepted."""
    for place in (folder, folder / _INSIDE):
        if place.is_dir():
            numbered = _numbered(place, ".npz")
            if numbered and accept(numbered[0]):
                return numbered[0]
    return None


def _numbered(folder: Path, suffix: str) -> list[Path]:
    found = [file for file in folder.glob(f"*{suffix}") if file.stem.isdecimal()]
    return sorted(found, key=lambda file: (int(file.stem), file.name))
