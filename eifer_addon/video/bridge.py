"""Where a face must have been in frames in which it was not seen.

Under electrodes the landmark network loses a face for some frames, though it has hardly moved. Our
own encoder can read it there, if it is told where to look.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .face_tracks import FaceTrack

#: A face that is not seen for longer is somewhere else, or gone; before the first and after the
#: last time that it is seen, where nothing tells from the other side, less is risked.
LONGEST_S, AT_THE_END_S = 1.5, 0.4
#: How much a place that was not seen is believed.
_BELIEF = 0.5
#: What is read belongs to a face at the expected place: its middle is off by less than this share
#: of its size, and its size by less than this factor.
_OFF, _LARGER = 0.25, 1.3


def bridged(faces: FaceTrack) -> FaceTrack:
    """A face's track whose short gaps have places, between those before and after.

    At the beginning and the end the nearest place is kept for a while; nothing is carried over a
    cut. Rows that were filled have half the presence of their neighbours.
    """
    gaps, before, after, share = _neighbours(faces)
    presence = np.array(faces.presence)
    presence[gaps] = _BELIEF * np.minimum(presence[before], presence[after])

    def between(values: np.ndarray) -> np.ndarray:
        result = np.array(values)
        part = share.reshape(-1, *(1,) * (values.ndim - 1)).astype(values.dtype)
        result[gaps] = (1 - part) * values[before] + part * values[after]
        return result

    return replace(
        faces, presence=presence, landmarks=between(faces.landmarks),
        blendshapes=between(faces.blendshapes), boxes=between(faces.boxes),
    )  # fmt: skip


def _neighbours(faces: FaceTrack) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Rows to be filled, the rows before and after them, and the share (m,) of those after."""
    times, shot = faces.timestamps_s, np.cumsum(faces.is_cut)
    seen, gaps = np.flatnonzero(~faces.is_gap), np.flatnonzero(faces.is_gap)
    if len(seen) == 0:
        return (np.zeros(0, np.int64),) * 3 + (np.zeros(0),)
    place = np.searchsorted(seen, gaps)
    before, after = seen[np.maximum(place - 1, 0)], seen[np.minimum(place, len(seen) - 1)]
    has_before = (place > 0) & (shot[before] == shot[gaps])
    has_after = (place < len(seen)) & (shot[after] == shot[gaps])
    both = has_before & has_after
    # Where one side is missing, the other one stands for both.
    before, after = np.where(has_before, before, after), np.where(has_after, after, before)
    near = np.minimum(np.abs(times[gaps] - times[before]), np.abs(times[after] - times[gaps]))
    length = times[after] - times[before]
    kept = (both & (length <= LONGEST_S)) | ((has_before | has_after) & (near <= AT_THE_END_S))
    # A face that is seen on both sides, but long apart, is looked for near either of them.
    nearer = np.abs(times[gaps] - times[before]) > np.abs(times[after] - times[gaps])
    smooth = (times[gaps] - times[before]) / np.maximum(length, 1e-9)
    share = np.where(both & (length <= LONGEST_S), smooth, nearer.astype(float))
    return gaps[kept], before[kept], after[kept], share[kept]


def is_there(expected: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Whether landmarks (n, 478, 3) lie where a face was expected, bool (n,)."""
    sizes, middles = [], []
    for points in (expected, found):
        low, high = points[..., :2].min(axis=1), points[..., :2].max(axis=1)
        sizes.append((high - low).max(axis=1))
        middles.append((low + high) / 2)
    off = np.linalg.norm(middles[1] - middles[0], axis=1) / sizes[0]
    larger = np.abs(np.log(sizes[1] / sizes[0]))
    return np.asarray((off < _OFF) & (larger < np.log(_LARGER)))
