"""Several faces followed through a video, each with its number.

A number is kept while the face is seen, and taken up when the same person comes back.
From frame to frame a face's landmarks say where to look next, as in MediaPipe; where the landmark
network no longer believes in a face, or the picture was cut, the detector searches again. Beside
that, it looks all the time for newcomers: in the whole picture and, in turn, in tiles of it, in
which a face of a twentieth of the picture's height is large enough.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import cycle

import numpy as np

from ..errors import EiferError
from .crop import Region, sample, tiles, whole
from .detector import Detection
from .landmarker import Face, FaceLandmarker

#: Shares of the picture's shorter side that one search takes in.
_TILE_SHARES = (0.6, 0.3)
#: So many tiles are searched in a frame without a face, and so often (in frames) the rest.
_TILES_WHEN_ALONE, _WHOLE_EVERY, _TILE_EVERY = 8, 8, 4
#: Two boxes that overlap by more than this (of the smaller one) are the same face.
SAME_PLACE = 0.5
#: A newcomer has to be believed in a little more than one who is already known.
_BIRTH_PRESENCE = 0.7
#: How much wider than the lost face the first search for it is.
_NEARBY = 3.0
_LOOK_EDGE, _LOOK_EVERY, _LOOK_SHARE = 24, 10, 0.2
LOOK_SIZE = 3 * _LOOK_EDGE**2
#: Correlation of looks from which on two faces are one person's. Measured on the test clips:
#: at least 0.55 within 20 s of film, at most 0.41 between nine of ten pairs of people.
SAME_PERSON = 0.5
#: One who vanished where a face now is needs to look alike less.
SAME_PERSON_THERE, SOON = 0.2, 30
_THUMBNAIL = 32
#: A cut changes the mean pixel by so much, and by so many times more than the frames before.
_CUT_CHANGE, _CUT_TIMES = 14.0, 4.0


@dataclass(frozen=True)
class TrackedFace:
    """A face in one frame.

    Attributes
    ----------
    id : int
        The person's number, from 0 in the order of appearance.
    face : Face
        478 landmarks in pixels, 52 ARKit scores, and the network's belief.
    box : numpy.ndarray
        float32 (4,) left, top, right, bottom of the landmarks, in pixels.
    """

    id: int
    face: Face

    @property
    def box(self) -> np.ndarray:
        """Left, top, right, bottom in pixels."""
        return box_of(self.face)


def box_of(face: Face) -> np.ndarray:
    """Left, top, right, bottom (4,) of a face's landmarks."""
    points = face.landmarks[:, :2]
    return np.concatenate([points.min(axis=0), points.max(axis=0)])


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """The common part of two boxes (4,), as a share of the smaller one."""
    sides = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    smaller = min(float(np.prod(box[2:] - box[:2])) for box in (one, other))
    return float(np.prod(np.maximum(sides, 0))) / max(smaller, 1e-9)


def look_of(image: np.ndarray, face: Face) -> np.ndarray:
    """What a face looks like, upright and small, so that the product of two is a correlation."""
    crop = sample(image, face.region(), _LOOK_EDGE, replicate=True).reshape(-1, 3)
    vector = (crop - crop.mean(axis=0)).ravel().astype(np.float64)
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-9))


@dataclass(frozen=True)
class Look:
    """What somebody looks like, to be recognised by.

    Attributes
    ----------
    id : int
        The person's number.
    vector : numpy.ndarray
        float64 (LOOK_SIZE,); the product of two is a correlation.
    """

    id: int
    vector: np.ndarray


@dataclass
class _Person:
    """Somebody who is or was in the picture."""

    id: int
    look: np.ndarray
    face: Face
    seen: int
    age: int = 0
    box: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.box = box_of(self.face)

    def update(self, image: np.ndarray, face: Face, now: int) -> None:
        self.face, self.box, self.seen = face, box_of(face), now
        self.age += 1
        if self.age % _LOOK_EVERY == 0:
            mixed = (1 - _LOOK_SHARE) * self.look + _LOOK_SHARE * look_of(image, face)
            self.look = mixed / max(float(np.linalg.norm(mixed)), 1e-9)


class CutDetector:
    """Tells the first frame after a cut by how much the whole picture changed."""

    def __init__(self) -> None:
        self._last: np.ndarray | None = None
        self._usual = 0.0

    def __call__(self, image: np.ndarray) -> bool:
        """Whether a cut lies before this frame."""
        step = max(min(image.shape[:2]) // _THUMBNAIL, 1)
        small = image[step // 2 :: step, step // 2 :: step].astype(np.float32)
        last, self._last = self._last, small
        if last is None:
            return False
        change = float(np.abs(small - last).mean())
        cut = change > max(_CUT_CHANGE, _CUT_TIMES * self._usual)
        self._usual = 0.0 if cut else 0.8 * self._usual + 0.2 * change
        return cut


class FaceTracker:
    """Follows the faces of a video that is shown to it frame by frame.

    Parameters
    ----------
    landmarker : FaceLandmarker
    max_faces : int
        How many faces are followed at once; with more, the larger ones.

    Attributes
    ----------
    is_cut : bool
        Whether a cut lies before the latest frame.
    born : frozenset of int
        Who was found by a search in the latest frame, and not followed from the one before.
    """

    def __init__(self, landmarker: FaceLandmarker, max_faces: int = 4) -> None:
        if max_faces < 1:
            raise EiferError(f"{max_faces} faces cannot be followed.", "Give at least 1.")
        self._landmarker, self._max = landmarker, max_faces
        self._cuts = CutDetector()
        self._now = -1
        self._here: list[_Person] = []
        self._gone: list[_Person] = []
        self._count = 0
        self._turns: Iterator[Region] = iter(())
        self.is_cut = False
        self.born: frozenset[int] = frozenset()

    @property
    def looks(self) -> tuple[Look, ...]:
        """Everybody who was seen by now."""
        people = sorted(self._here + self._gone, key=lambda person: person.id)
        return tuple(Look(person.id, person.look) for person in people)

    def step(self, image: np.ndarray) -> list[TrackedFace]:
        """The faces in the next frame, uint8 RGB (H, W, 3), those known for longest first."""
        self._now += 1
        self.is_cut = self._cuts(image)
        self.born = frozenset()
        if self.is_cut:
            self._gone += self._here
            self._here = []
        self._follow(image)
        if len(self._here) < self._max:
            regions = self._regions(image)
            found = self._landmarker.search(image, regions) if regions else []
            self._welcome(image, found)
        return [TrackedFace(person.id, person.face) for person in self._here]

    def _follow(self, image: np.ndarray) -> None:
        still: list[_Person] = []
        for person in self._here:
            face = self._landmarker.track(image, person.face) or self._nearby(image, person)
            # Two who follow the same face: the one known for longer stays.
            if face is None or self._is_taken(box_of(face), still):
                self._gone.append(person)
                continue
            person.update(image, face, self._now)
            still.append(person)
        self._here = still

    def _nearby(self, image: np.ndarray, person: _Person) -> Face | None:
        """A face that moved too fast to be followed."""
        region = replace(person.face.region(), angle=0.0).grown(_NEARBY)
        for found in self._landmarker.search(image, [region])[:1]:
            return self._read(image, found)
        return None

    def _read(self, image: np.ndarray, found: Detection) -> Face | None:
        face = self._landmarker.read(image, found.region())
        face = face and self._landmarker.read(image, face.region())
        if face is None or face.presence < _BIRTH_PRESENCE:
            return None
        return face if overlap(box_of(face), found.box) > SAME_PLACE else None

    @staticmethod
    def _is_taken(box: np.ndarray, people: Sequence[_Person]) -> bool:
        return any(overlap(box, person.box) > SAME_PLACE for person in people)

    def _regions(self, image: np.ndarray) -> list[Region]:
        """Where to search for newcomers in this frame."""
        everything = [whole(image), whole(image, 1.6), whole(image, 2.4)]
        if self._now == 0 or self.is_cut:
            small = [tile for share in _TILE_SHARES for tile in tiles(image, share)]
            self._turns = cycle(small)
            return everything + small
        if not self._here:
            return [*everything, *(next(self._turns) for _ in range(_TILES_WHEN_ALONE))]
        if self._now % _WHOLE_EVERY == 0:
            return everything[:1]
        return [next(self._turns)] if self._now % _TILE_EVERY == 1 else []

    def _welcome(self, image: np.ndarray, found: Sequence[Detection]) -> None:
        """Read faces where the detector saw some, and find out who they are."""
        born = set()
        for one in sorted(found, key=lambda f: -float(np.prod(f.box[2:] - f.box[:2]))):
            if len(self._here) >= self._max:
                break
            if self._is_taken(one.box, self._here):
                continue
            face = self._read(image, one)
            if face is None or self._is_taken(box_of(face), self._here):
                continue
            person = self._recognised(image, face)
            self._here.append(person)
            born.add(person.id)
        self.born = frozenset(born)

    def _recognised(self, image: np.ndarray, face: Face) -> _Person:
        look = look_of(image, face)
        likeness = [float(look @ person.look) for person in self._gone]
        for k, person in enumerate(self._gone):
            soon = self._now - person.seen <= SOON and not self.is_cut
            if soon and overlap(person.box, box_of(face)) > 0 and likeness[k] > SAME_PERSON_THERE:
                likeness[k] += 1  # before all who look alike elsewhere
        if likeness and max(likeness) > SAME_PERSON:
            person = self._gone.pop(int(np.argmax(likeness)))
            person.update(image, face, self._now)
            return person
        self._count += 1
        return _Person(self._count - 1, look, face, self._now)
