"""Electrodes drawn onto portraits, and what is left of them after they were taken off.

A portrait is read as it is, with electrodes drawn onto it, and after the translator. What the
landmark network sees is one measure, but the translator is trained with that network; beside it
stand measures that know nothing of it: colours where something lay, likeness of what was not
covered, and a small classifier of expressions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image
from scipy.ndimage import binary_dilation, uniform_filter

from ...models.synthetic.drawn_electrodes import draw_on_portrait
from ..spaces import ARKIT_NAMES
from ..video.landmarker import Face, FaceLandmarker

#: Portraits are read at this size.
SIZE = 512
#: Where the drawn picture differs by so much (0 to 255), something covers the portrait.
_CHANGED = 5
#: Pixels around what is covered that count neither as covered nor as free.
_RIM = 2
_SMILES = [ARKIT_NAMES.index(f"mouthSmile{side}") for side in ("Left", "Right")]
_EYES = (33, 263)
#: Window and constants of the structural similarity (Wang and others, "Image quality assessment",
#: IEEE Transactions on Image Processing, 2004), for values from 0 to 255.
_WINDOW, _C1, _C2 = 7, (0.01 * 255) ** 2, (0.03 * 255) ** 2
#: Share of the landmarks' box around the face in which likeness is measured.
_AROUND = 0.3


class Cleaner(Protocol):
    """What takes electrodes off a picture."""

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """The picture, uint8 RGB (H, W, 3), without them."""


@dataclass(frozen=True)
class Portrait:
    """A picture of a face and what the landmark network sees in it.

    Attributes
    ----------
    name : str
    image : numpy.ndarray
        uint8 RGB (H, W, 3).
    face : Face
    """

    name: str
    image: np.ndarray
    face: Face


@dataclass(frozen=True)
class Seen:
    """One portrait as it was seen with something done to it, against the portrait itself.

    Attributes
    ----------
    lost : bool
        No face was found; then all that follows is not a number.
    smile : float
        Mean difference of the two mouthSmile scores.
    scores : float
        Mean difference of all scores but the tongue's.
    landmarks : float
        Mean distance of landmarks, as a share of the eyes'.
    """

    lost: bool
    smile: float = np.nan
    scores: float = np.nan
    landmarks: float = np.nan


@dataclass(frozen=True)
class Outcome:
    """A portrait with electrodes, before and after the translator.

    Attributes
    ----------
    name : str
    count, seed : int
        Of the electrodes.
    worn, restored : Seen
    likeness_outside : float
        Structural similarity of what was not covered, around the face, restored against portrait.
    unchanged_outside : float
        Share of those pixels that are what they were, to the bit.
    inside_worn, inside : float
        Mean difference, in 0 to 255, of colours where something lay on the face, before and after.
    likeness_inside_worn, likeness_inside : float
        Structural similarity there, before and after.
    emotions : tuple of str
        What a classifier says of the portrait, with electrodes, and restored; empty without one.
    """

    name: str
    count: int
    seed: int
    worn: Seen
    restored: Seen
    likeness_outside: float
    unchanged_outside: float
    inside_worn: float
    inside: float
    likeness_inside_worn: float
    likeness_inside: float
    emotions: tuple[str, ...] = ()


@dataclass
class Table:
    """Outcomes of one number of electrodes.

    Attributes
    ----------
    count : int
    outcomes : list of Outcome
    """

    count: int
    outcomes: list[Outcome] = field(default_factory=list)

    def values(self) -> dict[str, float]:
        """The means by name; shares of faces from 0 to 1."""
        rows = self.outcomes
        result = {"pictures": float(len(rows))}
        for name in ("worn", "restored"):
            seen = [getattr(row, name) for row in rows]
            result[f"{name}_lost"] = float(np.mean([one.lost for one in seen]))
            for measure in ("smile", "scores", "landmarks"):
                values = [getattr(one, measure) for one in seen if not one.lost]
                result[f"{name}_{measure}"] = float(np.mean(values)) if values else np.nan
        for measure in (
            "likeness_outside", "unchanged_outside", "inside_worn", "inside",
            "likeness_inside_worn", "likeness_inside",
        ):  # fmt: skip
            result[measure] = float(np.mean([getattr(row, measure) for row in rows]))
        judged = [row.emotions for row in rows if row.emotions]
        if judged:
            result["worn_emotion"] = float(np.mean([e[0] == e[1] for e in judged]))
            result["restored_emotion"] = float(np.mean([e[0] == e[2] for e in judged]))
        return result


def read_portraits(paths: Sequence[Path], landmarker: FaceLandmarker) -> list[Portrait]:
    """Portraits in which a face is found, at the size at which they are judged."""
    found = []
    for path in paths:
        image = np.asarray(
            Image.open(path).convert("RGB").resize((SIZE, SIZE), Image.Resampling.LANCZOS)
        )
        faces = landmarker.detect(image, max_faces=1, refine=1)
        if faces:
            found.append(Portrait("/".join(path.parts[-3:]), image, faces[0]))
    return found


def outcomes(
    portraits: Sequence[Portrait],
    cleaner: Callable[[], Cleaner],
    landmarker: FaceLandmarker,
    counts: Sequence[int] = (16, 32, 60),
    seeds: Sequence[int] = (1, 2, 3),
    classify: Callable[[np.ndarray, Face], str] | None = None,
) -> Iterator[Outcome]:
    """Draw electrodes onto portraits, take them off again, and judge both.

    Parameters
    ----------
    portraits : sequence of Portrait
        None that was trained on: `models.synthetic.portraits.portrait_split`.
    cleaner : callable
        Makes what takes electrodes off, anew for every picture.
    landmarker : FaceLandmarker
    counts, seeds : sequence of int
        Electrodes, and what they look like; every portrait gets every seed.
    classify : callable, optional
        The expression of a face in a picture, by name.
    """
    for count in counts:
        for portrait in portraits:
            for seed in seeds:
                yield _outcome(portrait, cleaner(), landmarker, count, seed, classify)


def tables(results: Sequence[Outcome]) -> list[Table]:
    """Outcomes by number of electrodes."""
    return [
        Table(count, [one for one in results if one.count == count])
        for count in sorted({one.count for one in results})
    ]


def covered_by(clean: np.ndarray, worn: np.ndarray) -> np.ndarray:
    """Where two pictures (H, W, 3) differ visibly, bool (H, W)."""
    change = np.abs(worn.astype(np.int16) - clean).max(axis=-1)
    return np.asarray(change >= _CHANGED)


def compare(face: Face, found: Face | None) -> Seen:
    """How far a face is from what was seen in the portrait."""
    if found is None:
        return Seen(True)
    apart = np.abs(found.blendshapes - face.blendshapes)
    gap = np.linalg.norm(found.landmarks[:, :2] - face.landmarks[:, :2], axis=1)
    eyes = face.landmarks[_EYES[0], :2] - face.landmarks[_EYES[1], :2]
    distance = float(np.linalg.norm(eyes))
    return Seen(
        False, float(apart[_SMILES].mean()), float(apart[:-1].mean()), float(gap.mean()) / distance
    )


def structural_similarity(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Similarity (H, W) in [-1, 1] of two pictures, uint8 (H, W, 3), by their brightness."""
    weights = np.array([0.299, 0.587, 0.114])
    x, y = (picture.astype(np.float64) @ weights for picture in (one, other))
    mx, my = uniform_filter(x, _WINDOW), uniform_filter(y, _WINDOW)
    vx = uniform_filter(x * x, _WINDOW) - mx * mx
    vy = uniform_filter(y * y, _WINDOW) - my * my
    cov = uniform_filter(x * y, _WINDOW) - mx * my
    top = (2 * mx * my + _C1) * (2 * cov + _C2)
    return np.asarray(top / ((mx**2 + my**2 + _C1) * (vx + vy + _C2)))


def _outcome(
    portrait: Portrait, clean: Cleaner, landmarker: FaceLandmarker, count: int, seed: int,
    classify: Callable[[np.ndarray, Face], str] | None,
) -> Outcome:  # fmt: skip
    image, face = portrait.image, portrait.face
    worn = draw_on_portrait(image, face.landmarks, count, seed=seed).image
    restored = clean(worn)
    seen = [_first(landmarker, picture, face) for picture in (worn, restored)]
    covered = covered_by(image, worn)
    around, within = _places(face, covered.shape)
    free = around & ~binary_dilation(covered, iterations=_RIM)
    skin = covered & within
    same = (restored == image).all(axis=2)
    alike, alike_worn = (structural_similarity(image, one) for one in (restored, worn))
    # A window that reaches into what is covered says nothing about what is not.
    apart = around & ~binary_dilation(covered, iterations=_RIM + _WINDOW // 2)
    inside = [_difference(picture, image, skin) for picture in (worn, restored)]
    emotions: tuple[str, ...] = ()
    if classify is not None:
        # The same square of all three pictures: a lost face is judged as well.
        emotions = tuple(classify(picture, face) for picture in (image, worn, restored))
    return Outcome(
        portrait.name, count, seed, compare(face, seen[0]), compare(face, seen[1]),
        float(alike[apart].mean()), float(same[free].mean()), inside[0], inside[1],
        float(alike_worn[skin].mean()), float(alike[skin].mean()), emotions,
    )  # fmt: skip


def _first(landmarker: FaceLandmarker, image: np.ndarray, face: Face) -> Face | None:
    """The face that is found, as a film's first frame is read; elsewhere is not found."""
    found = landmarker.detect(image, max_faces=1, refine=1)
    if not found:
        return None
    middle = found[0].landmarks[:, :2].mean(axis=0) - face.landmarks[:, :2].mean(axis=0)
    size = np.ptp(face.landmarks[:, :2], axis=0).max()
    return found[0] if np.linalg.norm(middle) < size / 2 else None


def _places(face: Face, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Around the face, and within the box of its landmarks, bool (H, W) each."""
    low, high = face.landmarks[:, :2].min(axis=0), face.landmarks[:, :2].max(axis=0)
    made = []
    for margin in (_AROUND * (high - low).max(), 0.0):
        mask: np.ndarray = np.zeros(shape, bool)
        (x0, y0), (x1, y1) = (low - margin).astype(int), (high + margin).astype(int) + 1
        mask[max(y0, 0) : y1, max(x0, 0) : x1] = True
        made.append(mask)
    return made[0], made[1]


def _difference(one: np.ndarray, other: np.ndarray, mask: np.ndarray) -> float:
    return float(np.abs(one[mask].astype(np.float64) - other[mask]).mean())
