"""Pairs made once and kept in a folder, from which training reads them at random."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from ....eifer_addon.video.landmarker import FaceLandmarker
from .pairs import SIZE, Pair, Portrait, Wear, portrait_pair
from .rendered import FRAMES, rendered_pairs

#: What is stored of each pair: name, type and shape behind the first axis.
_ARRAYS = (
    ("clean", np.uint8, (SIZE, SIZE, 3)), ("occluded", np.uint8, (SIZE, SIZE, 3)),
    ("coverage", np.uint8, (SIZE, SIZE)), ("landmarks", np.float32, (478, 2)),
)  # fmt: skip
_CHUNK = 8
#: Share of pairs whose face is not changed.
_PLAIN = 0.25
_FACTS = "bank.json"
#: Counted up when the same seed makes other pairs than before: kept banks are then made anew.
_VERSION = 2


@dataclass(frozen=True)
class Bank:
    """Pairs in memory-mapped arrays, first axis the pair."""

    clean: np.ndarray
    occluded: np.ndarray
    coverage: np.ndarray
    landmarks: np.ndarray

    def __len__(self) -> int:
        return len(self.clean)

    @classmethod
    def open(cls, folder: str | Path) -> Bank:
        """Pairs that `make_bank` left in a folder."""
        root = Path(folder)
        return cls(*(np.load(root / f"{name}.npy", mmap_mode="r") for name, _, _ in _ARRAYS))


@cache
def _portrait(path: str) -> Portrait | None:
    image = np.asarray(Image.open(path).convert("RGB"))
    faces = _landmarker().detect(image, max_faces=1, refine=1)
    return Portrait.of(image, faces[0].landmarks) if faces else None


@cache
def _landmarker() -> FaceLandmarker:
    return FaceLandmarker()


class _Task(NamedTuple):
    """Some neighbouring pairs of a bank."""

    paths: tuple[str, ...]
    wear: Wear
    seed: int
    first: int
    last: int


def _from_portraits(task: _Task) -> tuple[int, list[Pair]]:
    pairs = []
    for k in range(task.first, task.last):
        rng = np.random.default_rng((task.seed, k))
        portrait = None
        while portrait is None:
            portrait = _portrait(task.paths[int(rng.integers(len(task.paths)))])
        plain = bool(rng.uniform() < _PLAIN)
        pairs.append(portrait_pair(portrait, rng, task.wear, plain=plain))
    return task.first, pairs


def _from_renderings(task: _Task) -> tuple[int, list[Pair]]:
    random = np.random.default_rng((task.seed, task.first))
    return task.first, rendered_pairs(random, task.last - task.first)


@contextmanager
def _mapping(workers: int) -> Iterator[Callable[..., Iterable[tuple[int, list[Pair]]]]]:
    """A map over tasks, in processes or, with one worker, here."""
    if workers <= 1:
        yield map
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield pool.map


def make_bank(
    folder: str | Path,
    paths: Sequence[Path],
    count: int,
    seed: int,
    workers: int = 2,
    wear: Wear | None = None,
) -> Bank:
    """Make pairs, or open those that are there already; the same arguments give the same bytes.

    Parameters
    ----------
    folder : path-like
        Where they are kept.
    paths : sequence of pathlib.Path
        Portraits; without any, made-up people are rendered.
    count, seed : int
    workers : int
        Processes that make pairs.
    wear : Wear, optional
        What is worn on the portraits.
    """
    root, wear = Path(folder), wear or Wear()
    facts = {
        "count": count, "seed": seed, "portraits": [str(path) for path in paths],
        "wear": asdict(wear), "version": _VERSION,
    }  # fmt: skip
    if (root / _FACTS).is_file() and json.loads((root / _FACTS).read_text("utf-8")) == facts:
        return Bank.open(root)
    root.mkdir(parents=True, exist_ok=True)
    (root / _FACTS).unlink(missing_ok=True)
    arrays = {
        name: np.lib.format.open_memmap(root / f"{name}.npy", "w+", dtype, (count, *shape))
        for name, dtype, shape in _ARRAYS
    }
    make, step = (_from_portraits, _CHUNK) if paths else (_from_renderings, FRAMES)
    names = tuple(map(str, paths))
    tasks = [_Task(names, wear, seed, k, min(k + step, count)) for k in range(0, count, step)]
    with _mapping(workers) as over:
        for first, pairs in over(make, tasks):
            for k, pair in enumerate(pairs, first):
                for name, array in arrays.items():
                    array[k] = getattr(pair, name)
    for array in arrays.values():
        array.flush()
    (root / _FACTS).write_text(json.dumps(facts), "utf-8")
    return Bank.open(root)
