"""Several reconstructions of one film beside each other: common times, disagreement, peaks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from ..errors import EiferError
from ..heads.canonical import N_FACE
from ..heads.model import HeadModel, rodrigues
from ..heads.retarget import retarget
from ..spaces import ARKIT52, ARKIT_NAMES
from ..track import ExpressionTrack
from .film import Video

#: Rows of two tracks are one frame when they are no further apart than this part of a frame.
SAME_FRAME = 0.6
_ONE_FRAME_S = 1 / 25
#: Glances count little when frames are chosen, because they say little of expression.
_LESS = {"eyeBlink": 0.5, "eyeLook": 0.1, "eyeSquint": 0.5, "tongueOut": 0.0}
#: Eyes that close for less than half of this time blink; by so much they are closed then.
_BLINK_S, _BLINK = 0.8, 0.2
#: Frames over which expressions are smoothed before peaks are looked for.
_CALM = 5
#: Chosen frames are at least the film's length over this many times their number apart.
_CROWD = 2.0
_MM_PER_M = 1e3


@dataclass(frozen=True)
class Aligned:
    """Tracks of one film on common times, in `arkit52`.

    Attributes
    ----------
    labels : tuple of str
    times : numpy.ndarray
        float64 (n,), s; of the track with the most frames.
    values : numpy.ndarray
        float64 (n_methods, n, 52), NaN where a method has no frame or does not see the face.
    turns : numpy.ndarray
        float64 (n_methods, n, 3), axis-angle of the head in rad, NaN also where it is not known.
    """

    labels: tuple[str, ...]
    times: np.ndarray
    values: np.ndarray
    turns: np.ndarray

    @property
    def seen(self) -> np.ndarray:
        """Bool (n_methods, n), where a method sees the face."""
        return np.asarray(np.isfinite(self.values[..., 0]))


@dataclass(frozen=True)
class Disagreement:
    """How far methods are apart, frame by frame; NaN where fewer than two see the face.

    Attributes
    ----------
    mm : numpy.ndarray
        (n,) distance of the 468 face landmarks of the open head when it makes the expressions of
        two methods, without pose and identity: the mean over landmarks and over pairs of methods.
    arkit : numpy.ndarray
        (n,) mean absolute difference of the 52 coefficients, the mean over pairs.
    degrees : numpy.ndarray
        (n,) angle between the heads' rotations, the mean over pairs. Where two methods mean
        another position by "frontal", it holds that constant too.
    pairs : dict
        (label, label) to the mm of that pair, (n,).
    """

    mm: np.ndarray
    arkit: np.ndarray
    degrees: np.ndarray
    pairs: dict[tuple[str, str], np.ndarray]


def align(tracks: Mapping[str, ExpressionTrack]) -> Aligned:
    """Put tracks on common times and into `arkit52`.

    Parameters
    ----------
    tracks : mapping of str to ExpressionTrack
        Label to track; their timestamps are the film's.

    Raises
    ------
    EiferError
        When there is no track, or one cannot be carried to `arkit52`.
    """
    if not tracks or not any(map(len, tracks.values())):
        raise EiferError("There is no track to compare.", "Name back ends or track files.")
    times = max(tracks.values(), key=len).timestamps
    step = float(np.median(np.diff(times))) if len(times) > 1 else _ONE_FRAME_S
    shape = (len(tracks), len(times))
    values, turns = np.full((*shape, len(ARKIT_NAMES)), np.nan), np.full((*shape, 3), np.nan)
    for k, track in enumerate(tracks.values()):
        carried = retarget(track, ARKIT52.name)
        rows = _nearest(carried.timestamps, times)
        near = np.abs(carried.timestamps[rows] - times) <= SAME_FRAME * step
        good = near & (carried.confidence[rows] > 0)
        values[k, good] = carried.coefficients[rows[good]]
        if carried.head_pose is not None:
            turns[k, good] = carried.head_pose[rows[good], :3]
    return Aligned(tuple(tracks), np.asarray(times), values, turns)


def _nearest(known: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """For each wanted time the place of the nearest of the known ones, which increase."""
    after = np.clip(np.searchsorted(known, wanted), 1, max(len(known) - 1, 1))
    after = np.minimum(after, len(known) - 1)
    before = np.maximum(after - 1, 0)
    return np.where(wanted - known[before] <= known[after] - wanted, before, after)


def disagreement(aligned: Aligned, head: HeadModel | None = None) -> Disagreement:
    """How far the methods are apart in every frame.

    Parameters
    ----------
    aligned : Aligned
    head : HeadModel, optional
        With units and landmarks; None is the open head.
    """
    shapes = _landmark_shapes(head)
    pairs, arkit, degrees = {}, [], []
    for a, b in combinations(range(len(aligned.labels)), 2):
        apart = aligned.values[a] - aligned.values[b]
        moved = np.einsum("nk,kpc->npc", apart, shapes)
        mm = np.linalg.norm(moved, axis=2).mean(axis=1) * _MM_PER_M
        pairs[aligned.labels[a], aligned.labels[b]] = mm
        arkit.append(np.abs(apart).mean(axis=1))
        degrees.append(_angle_between(aligned.turns[a], aligned.turns[b]))
    n = len(aligned.times)
    return Disagreement(
        _mean_known(list(pairs.values()), n), _mean_known(arkit, n), _mean_known(degrees, n), pairs
    )


def _landmark_shapes(head: HeadModel | None) -> np.ndarray:
    """Displacement (52, 468, 3) in m of the face's landmarks by each ARKit unit."""
    from ..heads.open_head import load_open_head

    model = head or load_open_head()
    if model.units is None or model.landmarks is None:
        raise EiferError(f"The head '{model.name}' has no ARKit units.", "Use the open head.")
    moved = model.landmarks.positions(model.units.astype(np.float64), model.triangles)
    return np.asarray(moved[:, :N_FACE])


def _angle_between(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Degrees (n,) of the rotation from one axis-angle (n, 3) to another."""
    between = np.swapaxes(rodrigues(one), 1, 2) @ rodrigues(other)
    cosine = (np.trace(between, axis1=1, axis2=2) - 1) / 2
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


def _mean_known(columns: Sequence[np.ndarray], n: int) -> np.ndarray:
    """The mean (n,) of what is known, NaN where nothing is."""
    table = np.array(columns).reshape(len(columns), n)
    known = np.isfinite(table)
    total, count = np.where(known, table, 0).sum(axis=0), known.sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def expression_peaks(aligned: Aligned, count: int = 6) -> np.ndarray:
    """Frames that show the film's different expressions best.

    The first is the one furthest from the face's median, each further one is that whose expression
    is furthest from all that are chosen already (Gonzalez, "Clustering to minimize the maximum
    intercluster distance", 1985) and that is not too near in time to any. Glances count little,
    frames within a blink are left out (eyes that stay closed are an expression), and only frames
    that every method sees are taken while there are some.

    Parameters
    ----------
    aligned : Aligned
    count : int
        How many at most.

    Returns
    -------
    numpy.ndarray
        int, rows of `aligned.times`, increasing.
    """
    usable = aligned.seen.all(axis=0)
    if not usable.any():
        usable = aligned.seen.any(axis=0)
    rows = np.flatnonzero(usable)
    if not len(rows) or count < 1:
        return np.zeros(0, np.int64)
    known = np.isfinite(aligned.values)
    total = np.where(known, aligned.values, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    face = _calm(total[rows])
    blinks = _leave_blinks_out(face, aligned.times[rows])
    face *= _weights()
    distance = np.linalg.norm(face - np.median(face, axis=0), axis=1)
    apart_s = float(np.ptp(aligned.times[rows])) / (_CROWD * count)
    chosen: list[int] = []
    free = ~blinks if not blinks.all() else np.ones(len(rows), bool)
    while len(chosen) < count and free.any() and distance[free].max() > 0:
        best = int(np.argmax(np.where(free, distance, -1)))
        away = np.linalg.norm(face - face[best], axis=1)
        distance = away if not chosen else np.minimum(distance, away)
        free &= np.abs(aligned.times[rows] - aligned.times[rows[best]]) > apart_s
        chosen.append(best)
    # A face that never moves is shown once.
    chosen = chosen or [0]
    return np.sort(rows[chosen])


def _weights() -> np.ndarray:
    return np.array(
        [
            next((w for begin, w in _LESS.items() if name.startswith(begin)), 1.0)
            for name in ARKIT_NAMES
        ]
    )


def _leave_blinks_out(face: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Take short closures of the eyes out of `face` (n, 52), and tell where they were, (n,)."""
    from scipy.ndimage import median_filter

    step = float(np.median(np.diff(times))) if len(times) > 1 else _ONE_FRAME_S
    length = max(1, min(len(times), round(_BLINK_S / step))) // 2 * 2 + 1
    lids = [k for k, name in enumerate(ARKIT_NAMES) if name.startswith("eyeBlink")]
    slow = median_filter(face[:, lids], size=(length, 1), mode="nearest")
    blinks = (face[:, lids] - slow > _BLINK).any(axis=1)
    face[:, lids] = slow
    return np.asarray(blinks)


def _calm(values: np.ndarray) -> np.ndarray:
    """Values (n, k) with a running median over some frames, so that no jitter is a peak."""
    from scipy.ndimage import median_filter

    return np.asarray(median_filter(values, size=(min(_CALM, len(values)), 1), mode="nearest"))


def frame_at(video: Video, time_s: float) -> int:
    """Number of the film's frame that is nearest to a time, by the film's own timestamps."""
    n = video.facts.n_frames
    guess = min(max(round(time_s * video.facts.rate_hz), 0), n - 1)
    if abs(time_of(video, guess) - time_s) < 1e-4:
        return guess
    low, high = 0, n - 1
    while high - low > 1:
        middle = (low + high) // 2
        if time_of(video, middle) <= time_s:
            low = middle
        else:
            high = middle
    return min((low, high), key=lambda number: abs(time_of(video, number) - time_s))


def time_of(video: Video, number: int) -> float:
    """Seconds of a frame of the film, infinite when it cannot be decoded."""
    frame = next(video.frames(number, number + 1), None)
    return float("inf") if frame is None else frame.timestamp_s
