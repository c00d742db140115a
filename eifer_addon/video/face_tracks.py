"""The faces of a whole video as arrays: who is where in which frame, and whose face is wanted."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import EiferError
from ..progress import OnProgress
from ..spaces import ARKIT_NAMES
from .faces import FaceTracker, TrackedFace, overlap
from .film import Frame, Video
from .landmarker import N_LANDMARKS, FaceLandmarker

#: So many frames are kept to look for a newcomer in the frames before it was noticed.
_LOOK_BACK, _LOOK_BACK_BYTES = 12, 256 << 20
#: A face that moved farther than this between two frames is another one.
_SAME_PLACE = 0.3


@dataclass(frozen=True)
class FrameFaces:
    """The faces of one frame.

    Attributes
    ----------
    index : int
        The frame's number in the file.
    timestamp_s : float
    faces : tuple of TrackedFace
    is_cut : bool
        Whether a cut lies before this frame.
    """

    index: int
    timestamp_s: float
    faces: tuple[TrackedFace, ...]
    is_cut: bool = False


def follow_faces(
    video: Video,
    landmarker: FaceLandmarker | None = None,
    *,
    start: int = 0,
    stop: int | None = None,
    step: int = 1,
    max_faces: int = 4,
    keep_going: bool = False,
    tracker: FaceTracker | None = None,
) -> Iterator[FrameFaces]:
    """Faces frame by frame, a few frames late, in memory that does not grow.

    Parameters
    ----------
    video : Video
    landmarker : FaceLandmarker, optional
        By default one with the add-on's own networks.
    start, stop, step, keep_going
        As for `Video.frames`.
    max_faces : int
        How many faces are followed at once.
    tracker : FaceTracker, optional
        A fresh one of the caller's, who wants to know afterwards whom it saw.

    Yields
    ------
    FrameFaces
        One for each frame, also for those without a face.

    Raises
    ------
    EiferError
        When a frame cannot be decoded.
    """
    landmarker = FaceLandmarker() if landmarker is None else landmarker
    tracker = FaceTracker(landmarker, max_faces) if tracker is None else tracker
    facts = video.facts
    kept = int(np.clip(_LOOK_BACK_BYTES // (3 * facts.width * facts.height), 1, _LOOK_BACK))
    recent: deque[tuple[Frame, FrameFaces]] = deque()
    for frame in video.frames(start, stop, step, keep_going=keep_going):
        faces = tuple(tracker.step(frame.image))
        now = FrameFaces(frame.index, frame.timestamp_s, faces, tracker.is_cut)
        if tracker.is_cut:
            yield from (found for _, found in recent)
            recent.clear()
        for newcomer in faces:
            if newcomer.id in tracker.born:
                _look_back(recent, newcomer, landmarker, max_faces)
        recent.append((frame, now))
        if len(recent) > kept:
            yield recent.popleft()[1]
    yield from (found for _, found in recent)


def _look_back(
    recent: deque[tuple[Frame, FrameFaces]],
    newcomer: TrackedFace,
    landmarker: FaceLandmarker,
    max_faces: int,
) -> None:
    """Add a newcomer to the frames in which it was there already and not yet noticed."""
    later = newcomer
    for k in range(len(recent) - 1, -1, -1):
        frame, known = recent[k]
        face = landmarker.track(frame.image, later.face)
        if face is None or len(known.faces) >= max_faces:
            return
        earlier = TrackedFace(newcomer.id, face)
        others = [other.box for other in known.faces]
        if overlap(earlier.box, later.box) < _SAME_PLACE or any(
            overlap(earlier.box, box) > _SAME_PLACE for box in others
        ):
            return
        if any(other.id == newcomer.id for other in known.faces):
            return
        faces = (*known.faces, earlier)
        recent[k] = frame, FrameFaces(known.index, known.timestamp_s, faces, known.is_cut)
        later = earlier


@dataclass(frozen=True)
class FaceTrack:
    """One face over a video, a row for each frame; rows without the face are gaps.

    Attributes
    ----------
    id : int
        The person's number, -1 when there is no face in the video.
    indices : numpy.ndarray
        int64 (n,), numbers of the frames in the file.
    timestamps_s : numpy.ndarray
        float64 (n,), seconds after the file's first frame.
    landmarks : numpy.ndarray
        float32 (n, 478, 3) in pixels as in `landmarker.Face`, NaN in gaps.
    blendshapes : numpy.ndarray
        float32 (n, 52) in `ARKIT_NAMES` order, NaN in gaps.
    presence : numpy.ndarray
        float32 (n,) in [0, 1], 0 in gaps.
    boxes : numpy.ndarray
        float32 (n, 4) left, top, right, bottom in pixels, NaN in gaps.
    is_cut : numpy.ndarray
        bool (n,), whether a cut lies before the frame.
    size : tuple of int
        The picture's width and height.
    """

    id: int
    indices: np.ndarray
    timestamps_s: np.ndarray
    landmarks: np.ndarray
    blendshapes: np.ndarray
    presence: np.ndarray
    boxes: np.ndarray
    is_cut: np.ndarray
    size: tuple[int, int]

    @property
    def is_gap(self) -> np.ndarray:
        """Frames in which the face was not seen, bool (n,)."""
        return np.asarray(self.presence == 0)


@dataclass(frozen=True)
class FaceTracks:
    """All faces of a video.

    Attributes
    ----------
    frames : tuple of FrameFaces
    size : tuple of int
        The picture's width and height.
    name : str
        The video's file name.
    """

    frames: tuple[FrameFaces, ...]
    size: tuple[int, int]
    name: str

    @property
    def ids(self) -> tuple[int, ...]:
        """Everybody's number, in the order of appearance."""
        return tuple(sorted({face.id for frame in self.frames for face in frame.faces}))

    def choose(self, who: str | int | tuple[int, float, float] = "largest") -> FaceTrack:
        """One person's face.

        Parameters
        ----------
        who : str, int or tuple
            "largest": who fills the most of the picture, summed over the video; "central": who
            stays nearest to its centre, frames without the face counting as its corner; a
            person's number; or (frame, x, y): who is at, or else nearest to, a point in pixels
            in that frame of the file.

        Raises
        ------
        EiferError
            When the number, or a face in that frame, does not exist.
        """
        one = choose_face(self.frames, self.size, self.name, who)
        return face_rows(self.frames, len(self.frames), one, self.size)


def choose_face(
    frames: Iterable[FrameFaces],
    size: tuple[int, int],
    name: str,
    who: str | int | tuple[int, float, float],
) -> int:
    """The number of the wanted person, from one pass over the frames; -1 when there is nobody.

    Parameters
    ----------
    frames : iterable of FrameFaces
    size : tuple of int
        The picture's width and height.
    name : str
        The video's file name, for messages.
    who : str, int or tuple
        See `FaceTracks.choose`, which names the errors too.
    """
    if isinstance(who, str) and who not in {"largest", "central"}:
        raise EiferError(f'"{who}" is no choice of a face.', 'Say "largest" or "central".')
    if isinstance(who, tuple):
        return _at(frames, name, *who)
    score: dict[int, float] = {}
    centre = np.array(size) / 2
    for frame in frames:
        for face in frame.faces:
            low, high = face.box[:2], face.box[2:]
            away = float(np.linalg.norm((low + high) / 2 - centre))
            near = float(np.linalg.norm(centre)) - away
            gain = near if who == "central" else float(np.prod(high - low))
            score[face.id] = score.get(face.id, 0.0) + gain
    if isinstance(who, int):
        if who not in score:
            known = ", ".join(map(str, sorted(score))) or "none"
            raise EiferError(f"{name} has no face {who}.", f"Its faces are: {known}.")
        return who
    return max(sorted(score), key=lambda one: score[one], default=-1)


def _at(frames: Iterable[FrameFaces], name: str, index: int, x: float, y: float) -> int:
    faces: Sequence[TrackedFace] = next((f.faces for f in frames if f.index == index), ())
    if not faces:
        raise EiferError(f"No face was found in frame {index} of {name}.", "Choose another frame.")

    def away(face: TrackedFace) -> tuple[float, float]:
        low, high = face.box[:2], face.box[2:]
        outside = np.maximum(np.maximum(low - (x, y), (x, y) - high), 0)
        return float(np.linalg.norm(outside)), float(np.prod(high - low))

    return min(faces, key=away).id


def face_rows(
    frames: Iterable[FrameFaces],
    n: int,
    one: int,
    size: tuple[int, int],
    keep: Callable[[np.ndarray], object] | None = None,
) -> FaceTrack:
    """One person's rows of all frames.

    Parameters
    ----------
    frames : iterable of FrameFaces
    n : int
        How many there are.
    one : int
        The person's number.
    size : tuple of int
        The picture's width and height.
    keep : callable, optional
        Takes the landmarks (478, 3) of each row, NaN in gaps, where they are not to lie in
        memory; those of the track are empty then.
    """
    landmarks = np.empty((n if keep is None else 0, N_LANDMARKS, 3), np.float32)
    nothing = np.full((N_LANDMARKS, 3), np.nan, np.float32)
    blendshapes = np.full((n, len(ARKIT_NAMES)), np.nan, np.float32)
    boxes, presence = np.full((n, 4), np.nan, np.float32), np.zeros(n, np.float32)
    indices, times, cuts = np.zeros(n, np.int64), np.zeros(n), np.zeros(n, bool)
    for row, frame in enumerate(frames):
        indices[row], times[row], cuts[row] = frame.index, frame.timestamp_s, frame.is_cut
        found = next((face for face in frame.faces if face.id == one), None)
        points = nothing if found is None else found.face.landmarks
        if keep is None:
            landmarks[row] = points
        else:
            keep(points)
        if found is None:
            continue
        presence[row] = found.face.presence
        blendshapes[row], boxes[row] = found.face.blendshapes, found.box
    return FaceTrack(one, indices, times, landmarks, blendshapes, presence, boxes, cuts, size)


def track_faces(
    video: Video,
    landmarker: FaceLandmarker | None = None,
    *,
    start: int = 0,
    stop: int | None = None,
    step: int = 1,
    max_faces: int = 4,
    keep_going: bool = False,
    on_progress: OnProgress | None = None,
) -> FaceTracks:
    """Follow all faces of a video; parameters as for `follow_faces`.

    Parameters
    ----------
    on_progress : callable, optional
        Called with the number of frames done and of all.

    Returns
    -------
    FaceTracks
        About 6 kB for a face in a frame.
    """
    end = video.facts.n_frames if stop is None else min(stop, video.facts.n_frames)
    total = len(range(start, end, step))
    frames = []
    for found in follow_faces(
        video,
        landmarker,
        start=start,
        stop=stop,
        step=step,
        max_faces=max_faces,
        keep_going=keep_going,
    ):
        frames.append(found)
        if on_progress is not None:
            on_progress(len(frames), max(total, len(frames)))
    return FaceTracks(tuple(frames), (video.facts.width, video.facts.height), video.path.name)
