"""One of the field's reconstructors over a film: crops, network, meaning, track.

The landmarks of the first pass say where the crops lie; a second pass over the film cuts them out
and runs the user's network on them, some at a time, so that memory does not grow with the film.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from ...models.reconstructors.base import Reconstructor
from ...models.sessions import Model
from ..errors import EiferError
from ..progress import OnProgress
from ..spaces import get_space
from ..track import ExpressionTrack
from .face_tracks import FaceTrack
from .film import Video
from .fit import part_of
from .fit_person import first_lens
from .reconstruct_place import HeadPoints, placed

if TYPE_CHECKING:
    from ..heads.model import HeadModel

#: Crops that go through the network at once; more gain nothing and cost memory.
_BATCH = 8
#: Rows, crops (n, 3, edge, edge) and similarities of some frames; then the outputs instead.
_Batch = tuple[np.ndarray, np.ndarray, np.ndarray]
_Answer = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Rows:
    """What a network answered.

    Attributes
    ----------
    rows : numpy.ndarray
        int64 (m,), which frames of the face's track they belong to.
    outputs : numpy.ndarray
        float32 (m, n_outputs).
    crops : numpy.ndarray
        float64 (m, 2, 3), the similarities that took the picture to each crop.
    """

    rows: np.ndarray
    outputs: np.ndarray
    crops: np.ndarray


def reconstruct_faces(
    video: Video,
    faces: FaceTrack,
    rules: Reconstructor,
    network: Model,
    *,
    head: HeadModel | None = None,
    fov_deg: float | None = None,
    workers: int | None = None,
    keep_going: bool = False,
    on_progress: OnProgress | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> ExpressionTrack:
    """Run a reconstructor on one person's face.

    Parameters
    ----------
    video : Video
        The film.
    faces : FaceTrack
        The person's landmarks, as `face_tracks.FaceTracks.choose` gives them.
    rules : Reconstructor
    network : Model
        Both from `models.reconstructors.installed.load_reconstructor`.
    head : HeadModel, optional
        A head of the reconstructor's basis, whose root joint the head's place depends on; by
        default the open head, whose root lies nearly where FLAME's does.
    fov_deg : float, optional
        Angle across the picture's width, where it is known.
    workers : int, optional
        Threads for the network; one for each core by default.
    keep_going : bool
        Leave damaged places of the film out.
    on_progress : callable, optional
        Called with the number of frames done and of all.
    should_stop : callable, optional
        Asked after each frame; when it says True, what is done by then is the result.

    Returns
    -------
    ExpressionTrack
        In the reconstructor's own space, at the film's timestamps; identity is the median over
        the frames, confidence the landmark network's belief in a face, 0 in gaps.

    Raises
    ------
    EiferError
        When the network fails or gives values that are not numbers, or a frame is damaged.
    """
    answered, n_done = answers(
        video, faces, rules, network, workers, keep_going, on_progress, should_stop
    )
    return _track(part_of(faces, 0, n_done), rules, network, answered, head, fov_deg)


def answers(
    video: Video,
    faces: FaceTrack,
    rules: Reconstructor,
    network: Model,
    workers: int | None = None,
    keep_going: bool = False,
    on_progress: OnProgress | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> tuple[Rows, int]:
    """The network's output for the frames that show the face, and how many frames were done.

    Raises
    ------
    EiferError
        As `reconstruct_faces` does.
    """
    workers = workers or os.cpu_count() or 1
    done: list[_Answer] = []
    waiting: deque[tuple[_Batch, Future[np.ndarray]]] = deque()
    total = n_done = len(faces.indices)
    with ThreadPoolExecutor(workers) as pool:
        for batch in _batches(_cut(video, faces, rules, keep_going)):
            waiting.append((batch, pool.submit(network.run, batch[1])))
            while len(waiting) > workers or (waiting and waiting[0][1].done()):
                done.append(_finished(waiting.popleft()))
                if on_progress is not None:
                    on_progress(int(done[-1][0][-1]) + 1, total)
            if should_stop is not None and should_stop():
                n_done = int(batch[0][-1]) + 1
                break
        done += [_finished(one) for one in waiting]
    if on_progress is not None:
        on_progress(n_done, total)
    answered = _joined(done, len(rules.outputs))
    _check(answered, network, faces)
    return answered, n_done


def _cut(
    video: Video, faces: FaceTrack, rules: Reconstructor, keep_going: bool
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Row, crop (3, edge, edge) in 0 to 1 and similarity of each frame that shows the face."""
    if faces.is_gap.all():
        return
    row_of = {int(index): row for row, index in enumerate(faces.indices)}
    there = np.flatnonzero(~faces.is_gap)
    first, last = int(faces.indices[there[0]]), int(faces.indices[there[-1]])
    step = int(np.gcd.reduce(np.diff(faces.indices))) if len(faces.indices) > 1 else 1
    for frame in video.frames(first, last + 1, max(step, 1), keep_going=keep_going):
        row = row_of.get(frame.index)
        if row is None or faces.presence[row] == 0:
            continue
        matrix = rules.crop(faces.landmarks[row])
        picture = rules.cut(frame.image, matrix, rules.image_size)
        yield row, np.ascontiguousarray(picture.transpose(2, 0, 1) / 255, np.float32), matrix


def _batches(cuts: Iterator[tuple[int, np.ndarray, np.ndarray]]) -> Iterator[_Batch]:
    while group := list(islice(cuts, _BATCH)):
        rows, pictures, crops = zip(*group, strict=True)
        yield np.array(rows, np.int64), np.stack(pictures), np.stack(crops)


def _finished(one: tuple[_Batch, Future[np.ndarray]]) -> _Answer:
    (rows, _, crops), answer = one
    return rows, answer.result(), crops


def _joined(done: list[_Answer], width: int) -> Rows:
    if not done:
        return Rows(np.zeros(0, np.int64), np.zeros((0, width)), np.zeros((0, 2, 3)))
    rows, outputs, crops = (np.concatenate(part) for part in zip(*done, strict=True))
    return Rows(rows, outputs, crops)


def _check(answered: Rows, network: Model, faces: FaceTrack) -> None:
    """Refuse a network that gives no numbers."""
    wrong = np.flatnonzero(~np.isfinite(answered.outputs).all(axis=1))
    if len(wrong):
        frame = int(faces.indices[answered.rows[wrong[0]]])
        raise EiferError(
            f"The model {network.where} gives values that are not numbers for frame {frame} "
            f"({len(wrong)} of {len(answered.rows)} frames).",
            "Import its checkpoint again; when it stays so, the checkpoint is damaged.",
        )


def _track(
    faces: FaceTrack,
    rules: Reconstructor,
    network: Model,
    answered: Rows,
    head: HeadModel | None,
    fov_deg: float | None,
) -> ExpressionTrack:
    """The meaning of the network's answers, in every frame of the face's track."""
    space, n = get_space(rules.space), len(faces.indices)
    coefficients = np.zeros((n, len(space)), np.float32)
    confidence, pose = np.zeros(n, np.float32), np.zeros((n, 6), np.float32)
    identity, camera = None, None
    if len(answered.rows):
        decoded = rules.decode(answered.outputs)
        identity = np.median(decoded.identity, axis=0).astype(np.float32)
        coefficients[answered.rows] = space.clip(decoded.coefficients)
        confidence[answered.rows] = faces.presence[answered.rows]
        pose[answered.rows], camera = placed(
            decoded, answered.crops, first_lens(faces.size, fov_deg),
            # A face model without a neck is no avatar: the place is that of the open head then.
            _points(head if rules.turns_about_root else None, identity),
            turns_about_root=rules.turns_about_root,
        )  # fmt: skip
    return ExpressionTrack(
        space, coefficients, faces.timestamps_s, confidence, pose, identity,
        provenance(rules, network), camera,
    )  # fmt: skip


def _points(head: HeadModel | None, identity: np.ndarray) -> HeadPoints:
    if head is not None:
        return HeadPoints.of(head, identity[: head.n_identity])
    from ..heads.open_head import load_open_head

    return HeadPoints.of(load_open_head())


def provenance(rules: Reconstructor, network: Model) -> dict[str, Any]:
    """Which reconstructor and which network a track was made by."""
    return {
        "backend": rules.name,
        "reconstructor": rules.title,
        "citation": rules.citation,
        "model": network.card.name,
        "model_sha256": network.sha256,
        "model_sources": list(network.card.sources),
        "simulated": False,
    }
