"""The pieces of a film as one: everybody gets a number that holds for the whole film."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import numpy as np

from .face_tracks import FrameFaces
from .faces import SAME_PERSON, SAME_PERSON_THERE, SAME_PLACE, SOON, TrackedFace, overlap
from .journal import read_end, read_frames
from .segments import Segment


def joined_frames(segments: Sequence[Segment], paths: Sequence[Path]) -> Iterator[FrameFaces]:
    """All frames in order, from the journals of the pieces.

    Where two pieces overlap, the earlier one is taken, in which the faces are followed for long.

    Parameters
    ----------
    segments : sequence of Segment
    paths : sequence of pathlib.Path
        Their journals, from the first on; there may be fewer.
    """
    people = _People()
    tail: list[FrameFaces] = []
    for segment, path in zip(segments, paths, strict=False):
        looks = {look.id: look.vector for look in read_end(path).looks}
        frames = read_frames(path)
        first, common = _common(frames, tail)
        names = _same(tail, common)
        for frame in tail:
            people.see(frame)
            yield frame
        tail = []
        for frame in chain(first, frames):
            named = people.named(frame, names, looks)
            if frame.index >= segment.stop:
                tail.append(named)
                continue
            people.see(named)
            yield named
        people.remember(names, looks)


def _common(
    frames: Iterator[FrameFaces], tail: Sequence[FrameFaces]
) -> tuple[list[FrameFaces], list[FrameFaces]]:
    """The first frame beyond the former piece's last ones, and those that both have."""
    common: list[FrameFaces] = []
    if not tail:
        return [], common
    for frame in frames:
        if frame.index > tail[-1].index:
            return [frame], common
        common.append(frame)
    return [], common


def _same(tail: Sequence[FrameFaces], common: Sequence[FrameFaces]) -> dict[int, int]:
    """Whose number in the whole film the people of a piece have, from frames that both saw."""
    before = {frame.index: frame.faces for frame in tail}
    votes: Counter[tuple[int, int]] = Counter()
    for frame in common:
        for new in frame.faces:
            for known in before.get(frame.index, ()):
                if overlap(new.box, known.box) > SAME_PLACE:
                    votes[new.id, known.id] += 1
    names: dict[int, int] = {}
    for (new_id, known_id), _ in votes.most_common():
        if new_id not in names and known_id not in names.values():
            names[new_id] = known_id
    return names


@dataclass
class _Known:
    """Somebody in the whole film."""

    look: np.ndarray | None
    row: int
    box: np.ndarray


class _People:
    """Everybody who was seen, by number."""

    def __init__(self) -> None:
        self._known: dict[int, _Known] = {}
        self._row = self._cut = -1

    def see(self, frame: FrameFaces) -> None:
        """Remember where everybody is."""
        self._row += 1
        self._cut = self._row if frame.is_cut else self._cut
        for one in frame.faces:
            known = self._known.setdefault(one.id, _Known(None, self._row, one.box))
            known.row, known.box = self._row, one.box

    def named(
        self, frame: FrameFaces, names: dict[int, int], looks: dict[int, np.ndarray]
    ) -> FrameFaces:
        """A frame of a piece with the film's numbers; newcomers are added to `names`."""
        faces = []
        for one in frame.faces:
            if one.id not in names:
                names[one.id] = self._recognised(one, looks.get(one.id), set(names.values()))
            faces.append(TrackedFace(names[one.id], one.face))
        return replace(frame, faces=tuple(faces))

    def remember(self, names: dict[int, int], looks: dict[int, np.ndarray]) -> None:
        """What everybody of a piece looked like at its end."""
        for one, name in names.items():
            if name in self._known and one in looks:
                self._known[name].look = looks[one]

    def _recognised(self, one: TrackedFace, look: np.ndarray | None, taken: set[int]) -> int:
        """As `FaceTracker` recognises people within a piece."""
        best, likeness = -1, SAME_PERSON
        for name, known in self._known.items():
            if name in taken or look is None or known.look is None:
                continue
            alike = float(look @ known.look)
            soon = self._row - known.row <= SOON and self._cut <= known.row
            if soon and overlap(known.box, one.box) > 0 and alike > SAME_PERSON_THERE:
                alike += 1  # before all who look alike elsewhere
            if alike > likeness:
                best, likeness = name, alike
        if best < 0:
            best = max(self._known, default=-1) + 1
            self._known[best] = _Known(look, self._row, one.box)
        return best
