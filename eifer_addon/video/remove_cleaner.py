"""Electrodes taken off the faces of a film that is shown frame by frame.

A face that was seen in the frame before says where to look now: its square goes through the
translator, and the landmarks are read from what comes out. Where no face is known, the whole
picture goes through first: with many electrodes on, the detector does not see the face.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from scipy.ndimage import binary_dilation, label

from .crop import Region, tiles, whole
from .faces import CutDetector, box_of, look_of, overlap
from .landmarker import Face, FaceLandmarker
from .remove_blend import SIZE, Patch, cut, face_region, paste
from .remove_steady import Steady

#: Belief of the landmark network below which a face counts as lost.
_SURE = 0.55
#: A face that moved within its square by more than this share of the side gets another one at once.
_OFF_CENTRE = 0.12
#: A square stays while the face's own one differs by less than these shares of it.
_STAYS, _STAYS_SIDE = 0.03, 0.06
#: A face that is lost is cleaned where it was for so many frames: a hand, a blink of the network.
_HELD = 12
#: A face is looked for among newcomers so often, in frames, where all people are cleaned.
_NEWCOMERS_EVERY = 8
#: Two boxes that overlap by more than this (of the smaller one) are the same face.
_SAME = 0.5
#: Share of a crop from which on something is found to be glued on.
NOTICED = 0.002
#: Coverage with which a cable leaves a face's square, in so many pixels of its border at least, and
#: how much larger the square is in which its way is followed.
_LEAVES, _FEWEST, _BEYOND = 0.4, 3, 2.5
_WIDE, _MOST_SEEN = 1.25, 6


class Translator(Protocol):
    """What takes electrodes off; see `models.translator`."""

    def clean(self, crops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pictures (n, 256, 256, 3) without electrodes, and coverage (n, 256, 256)."""


@dataclass(frozen=True)
class CleanFrame:
    """A frame without electrodes.

    Attributes
    ----------
    image : numpy.ndarray
        uint8 RGB (H, W, 3).
    faces : int
        How many faces were found.
    covered : float
        The largest share of a face's square that was covered and is replaced.
    """

    image: np.ndarray
    faces: int
    covered: float


@dataclass
class _Person:
    """A face that is followed."""

    face: Face
    region: Region
    steady: Steady
    outer: Steady
    lost: int = 0

    @property
    def anchor(self) -> tuple[float, float]:
        x, y = self.face.landmarks[:, :2].mean(axis=0)
        return float(x), float(y)


@dataclass(frozen=True)
class Whose:
    """Whose face is cleaned.

    Attributes
    ----------
    rule : str
        "largest", "central", or "all".
    look : numpy.ndarray or None
        What the person looks like (see `faces.look_of`), where several people are in the film.
    """

    rule: str = "largest"
    look: np.ndarray | None = field(default=None, compare=False)


class FrameCleaner:
    """Takes electrodes off, frame after frame.

    Parameters
    ----------
    translator : Translator
    landmarker : FaceLandmarker, optional
    whose : Whose
    max_faces : int
        How many faces are cleaned at once at most.
    smooth : bool
        Whether patches are steadied from frame to frame.
    seed : int
        Of the grain.
    """

    def __init__(
        self,
        translator: Translator,
        landmarker: FaceLandmarker | None = None,
        *,
        whose: Whose | None = None,
        max_faces: int = 4,
        smooth: bool = True,
        seed: int = 0,
    ) -> None:
        self._translator, self._landmarker = translator, landmarker or FaceLandmarker()
        self._whose = whose or Whose()
        self._max = max_faces if self._whose.rule == "all" else 1
        self._smooth, self._seed = smooth, seed
        self._cuts = CutDetector()
        self._people: list[_Person] = []
        self._now = -1

    def __call__(self, image: np.ndarray) -> CleanFrame:
        """The next frame, uint8 RGB (H, W, 3), without electrodes."""
        self._now += 1
        if self._cuts(image):
            self._people = []
        done = [(person, self._followed(image, person)) for person in self._people]
        self._people = [person for person, _ in done if person.lost <= _HELD]
        patches = {id(person): patch for person, patch in done}
        if self._is_searching():
            for person in self._newcomers(image, patches):
                patches[id(person)] = self._followed(image, person)
        result, covered = image, 0.0
        for person in self._people:
            patch = patches[id(person)]
            covered = max(covered, patch.covered)
            beyond = self._beyond(image, person, patch)
            if beyond is not None:
                result = paste(result, beyond, person.anchor, self._seed)
            result = paste(result, patch, person.anchor, self._seed)
        return CleanFrame(result, sum(person.lost == 0 for person in self._people), covered)

    def _is_searching(self) -> bool:
        if not self._people or any(person.lost for person in self._people):
            return True
        return len(self._people) < self._max and self._now % _NEWCOMERS_EVERY == 0

    def _person(self, face: Face) -> _Person:
        steady, outer = (Steady(smooth=self._smooth) for _ in range(2))
        return _Person(face, face_region(face.landmarks), steady, outer)

    def _patch(self, image: np.ndarray, region: Region) -> Patch:
        picture = cut(image, region)
        clean, coverage = self._translator.clean(picture[None])
        return Patch(region, picture, clean[0].astype(np.float32), coverage[0])

    def _followed(self, image: np.ndarray, person: _Person) -> Patch:
        """A known face in the next frame; where it is lost, what covers the place where it was."""
        patch = self._patch(image, person.region)
        face = self._read(patch, person.face)
        if face is not None:
            moved = _square(face, person.region)
            if _distance(moved, person.region) > _OFF_CENTRE:
                patch = self._patch(image, moved)
                face = self._read(patch, face) or face
            person.face, person.lost = face, 0
            person.region = _square(face, person.region)
        else:
            person.lost += 1
            person.steady.forget()
        points = None if face is None else face.landmarks[:, :2].astype(np.float64)
        return person.steady(patch, points)

    def _beyond(self, image: np.ndarray, person: _Person, patch: Patch) -> Patch | None:
        """What covers the picture beyond a face's square and hangs together with what is in it.

        Cables are followed so; what looks like one elsewhere in the picture stays.
        """
        if _leaving(patch, image.shape[:2]) < _FEWEST:
            person.outer.forget()
            return None
        wide = self._patch(image, patch.region.grown(_BEYOND))
        rim = round(SIZE * (1 - 1 / _BEYOND) / 2)
        inner: np.ndarray = np.zeros((SIZE, SIZE), bool)
        inner[rim:-rim, rim:-rim] = True
        parts, _ = label((wide.coverage > _LEAVES) | inner)
        kept = (parts == parts[SIZE // 2, SIZE // 2]) & ~inner
        kept = binary_dilation(kept, iterations=2) & ~inner
        # Within the square the two agree, so that nothing of it counts for the light outside.
        picture = np.where(inner[..., None], wide.fill, wide.picture).astype(np.uint8)
        points = person.face.landmarks[:, :2].astype(np.float64) if person.lost == 0 else None
        return person.outer(
            Patch(wide.region, picture, wide.fill, np.where(kept, wide.coverage, 0)), points
        )

    def _read(self, patch: Patch, expected: Face) -> Face | None:
        """The landmarks in a crop without electrodes, in the picture's pixels."""
        region, scale = patch.region, patch.region.width / SIZE
        left, top = region.x - region.width / 2, region.y - region.height / 2
        before = expected.region()
        side = before.width / scale
        within = Region((before.x - left) / scale, (before.y - top) / scale, side, side,
                        before.angle)  # fmt: skip
        found = self._landmarker.read(patch.small(), within)
        if found is None or found.presence < _SURE:
            return None
        points = found.landmarks * scale + np.array([left, top, 0.0])
        return replace(found, landmarks=points.astype(np.float32))

    def _newcomers(self, image: np.ndarray, patches: dict[int, Patch]) -> list[_Person]:
        """People who are not followed yet, added; where somebody was lost, who stands for them."""
        found = [
            face for face in self.search(image)
            if not any(
                overlap(box_of(face), box_of(person.face)) > _SAME
                for person in self._people if person.lost == 0
            )
        ]  # fmt: skip
        known = [person for person in self._people if person.lost == 0]
        chosen = self._chosen(image, found)[: max(self._max - len(known), 0)]
        if not chosen:
            return []
        for person in self._people:
            if person not in known:
                patches.pop(id(person), None)
        new = [self._person(face) for face in chosen]
        self._people = [*known, *new]
        return new

    def search(self, image: np.ndarray) -> list[Face]:
        """Faces in a picture, found after the whole of it went through the translator."""
        for regions in _wide_passes(image):
            coarse = image
            for region in regions:
                patch = self._patch(image, region)
                if patch.covered > 0:
                    coarse = paste(coarse, patch, (region.x, region.y), self._seed)
            faces = self._seen(coarse)
            if faces:
                return _apart(faces)
        return []

    def _seen(self, image: np.ndarray) -> list[Face]:
        """Faces that the detector sees in a picture."""
        if self._max == 1:
            return self._landmarker.detect(image, max_faces=_MOST_SEEN, refine=1)
        # Others may be small beside the largest.
        places = [whole(image), whole(image, 1.6), *tiles(image, 0.6)]
        faces = []
        for found in self._landmarker.search(image, places)[:_MOST_SEEN]:
            face = self._landmarker.read(image, found.region())
            face = face and self._landmarker.read(image, face.region())
            if face is not None and overlap(box_of(face), found.box) > _SAME:
                faces.append(face)
        return faces or self._landmarker.detect(image, max_faces=_MOST_SEEN, refine=1)

    def _chosen(self, image: np.ndarray, faces: Sequence[Face]) -> list[Face]:
        """The faces that are wanted, the most wanted first."""
        look = self._whose.look
        if look is not None:
            return sorted(faces, key=lambda face: -float(look_of(image, face) @ look))
        if self._whose.rule == "central":
            middle = np.array(image.shape[1::-1]) / 2
            return sorted(faces, key=lambda face: _away(face, middle))
        return sorted(faces, key=lambda face: -_area(face))


def _leaving(patch: Patch, shape: tuple[int, ...]) -> int:
    """How many pixels of a crop's border are covered; what lies beyond the picture is no border."""
    region, middle = patch.region, (np.arange(SIZE) + 0.5) / SIZE - 0.5
    across = middle * region.width + region.x
    down = middle * region.height + region.y
    shown = ((down >= 0) & (down < shape[0]))[:, None] & (across >= 0) & (across < shape[1])
    leaves = (patch.coverage > _LEAVES) & shown
    leaves[1:-1, 1:-1] = False
    return int(leaves.sum())


def _wide_passes(image: np.ndarray) -> list[list[Region]]:
    """The squares of the first pass: the whole picture, then squares of its shorter side."""
    high, wide = image.shape[:2]
    passes = [[whole(image)]]
    side = float(min(high, wide))
    if max(high, wide) > _WIDE * side:
        places = np.linspace(side / 2, max(high, wide) - side / 2, 3)
        passes.append([
            Region(float(p), high / 2, side, side) if wide > high
            else Region(wide / 2, float(p), side, side) for p in places
        ])  # fmt: skip
    return passes


def _apart(faces: Sequence[Face]) -> list[Face]:
    """Faces without those that are another one found twice."""
    kept: list[Face] = []
    for face in faces:
        if not any(overlap(box_of(face), box_of(other)) > _SAME for other in kept):
            kept.append(face)
    return kept


def _square(face: Face, now: Region) -> Region:
    """The face's square, the present one while that still fits, so that crops do not tremble."""
    own = face_region(face.landmarks)
    is_same_size = abs(own.width / now.width - 1) < _STAYS_SIDE
    return now if is_same_size and _distance(own, now) < _STAYS else own


def _distance(one: Region, other: Region) -> float:
    """Between the centres of two squares, as a share of the side."""
    return float(np.hypot(one.x - other.x, one.y - other.y) / other.width)


def _area(face: Face) -> float:
    box = box_of(face)
    return float(np.prod(box[2:] - box[:2]))


def _away(face: Face, point: np.ndarray) -> float:
    box = box_of(face)
    return float(np.linalg.norm((box[:2] + box[2:]) / 2 - point))
