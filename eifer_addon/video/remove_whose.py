"""Whose face is cleaned, found in a few frames of the whole film before the work begins.

Pieces of a film are cleaned at the same time, so each has to know the person by what he or she
looks like.
"""

from __future__ import annotations

import numpy as np

from ..errors import EiferError
from .face_tracks import FrameFaces, choose_face
from .faces import SAME_PERSON, TrackedFace, look_of
from .film import Video
from .landmarker import Face, FaceLandmarker
from .options import Who
from .remove_cleaner import FrameCleaner, Translator, Whose

#: So many frames are looked at, at most, and so many frames lie between two.
_MOST, _APART = 8, 40
ALL = "all"


def look_for(
    film: Video,
    tools: tuple[Translator, FaceLandmarker],
    who: Who,
    start: int,
    stop: int | None,
    step: int,
) -> tuple[str, list[float] | None]:
    """The rule for choosing among faces, and the look of the wanted person.

    Parameters
    ----------
    film : Video
    tools : tuple
        Translator and landmarker.
    who : str, int or tuple
        See `remove_job.remove_electrodes`.
    start, stop, step : int
        What of the film is wanted.

    Returns
    -------
    rule : str
        See `remove_cleaner.Whose`.
    look : list of float or None
        None where no two people were seen, or all are wanted.

    Raises
    ------
    EiferError
        When the person does not exist.
    """
    if isinstance(who, str) and who not in {"largest", "central", ALL}:
        raise EiferError(f'"{who}" is no choice of a face.', 'Say "largest", "central" or "all".')
    if who == ALL:
        return ALL, None
    chosen = tuple(who) if isinstance(who, list) else who
    rule = chosen if isinstance(chosen, str) else "largest"
    end = film.facts.n_frames if stop is None else min(stop, film.facts.n_frames)
    frames, looks = _people(film, tools, _wanted(range(start, end, step), chosen))
    if isinstance(chosen, str) and len(looks) < 2:
        return rule, None
    one = choose_face(frames, (film.facts.width, film.facts.height), film.path.name, chosen)
    return rule, None if one < 0 else [float(value) for value in looks[one]]


def _wanted(frames: range, who: Who) -> list[int]:
    """Numbers of the frames that are looked at."""
    count = int(np.clip(len(frames) // _APART, 1, _MOST))
    found = {frames[int(k)] for k in np.linspace(0, len(frames) - 1, count + 2)[1:-1]}
    if isinstance(who, tuple):
        found.add(int(who[0]))
    return sorted(found)


def _people(
    film: Video, tools: tuple[Translator, FaceLandmarker], numbers: list[int]
) -> tuple[list[FrameFaces], list[np.ndarray]]:
    """Faces in some frames, each person with a number, and what everybody looks like."""
    cleaner = FrameCleaner(tools[0], tools[1], whose=Whose(ALL))
    looks: list[np.ndarray] = []
    result = []
    for number in numbers:
        frame = next(film.frames(number, number + 1, keep_going=True), None)
        if frame is None:
            continue
        faces = tuple(
            TrackedFace(_known(frame.image, face, looks), face)
            for face in cleaner.search(frame.image)
        )
        result.append(FrameFaces(frame.index, frame.timestamp_s, faces))
    return result, looks


def _known(image: np.ndarray, face: Face, looks: list[np.ndarray]) -> int:
    """The person's number; a newcomer's look is added."""
    look = look_of(image, face)
    likeness = [float(look @ other) for other in looks]
    if likeness and max(likeness) > SAME_PERSON:
        return int(np.argmax(likeness))
    looks.append(look)
    return len(looks) - 1
