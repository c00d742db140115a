"""Rest, sides and the head of a track: the neutral frame, mirroring, the head's motion."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..errors import EiferError
from ..regions import OPPOSED, opposite, region_of
from ..spaces import ARKIT52, ExpressionSpace
from ..track import ExpressionTrack
from .clean_up_filters import groups_of, smoothed, stretches
from .track_edits import CALM, TrackEdits

#: A rest pose is the median of this long, and never more than this much of a full movement.
NEUTRAL_S, _HIGHEST_REST = 0.3, 0.9
_CALM_S = 0.5
#: What is turned or bent the other way by a flip of left and right: a rotation's y and z, and x.
_FLIPPED = np.array([1.0, -1.0, -1.0, -1.0, 1.0, 1.0])


def neutral_time(track: ExpressionTrack, edits: TrackEdits) -> float:
    """The middle of the frames that become rest, in s.

    Raises
    ------
    EiferError
        When the chosen frame is a gap or lies outside of the track, or nothing is calm enough.
    """
    if edits.neutral == CALM:
        return calmest(track)
    usual = float(np.median(np.diff(track.timestamps))) if len(track) > 1 else 1.0
    frame = int(np.argmin(np.abs(track.timestamps - edits.neutral_s)))
    if abs(track.timestamps[frame] - edits.neutral_s) > usual:
        raise EiferError(
            f"The track has no frame at {edits.neutral_s:g} s; it goes from "
            f"{track.timestamps[0]:g} to {track.timestamps[-1]:g} s.",
            "Choose another moment for the neutral face.",
        )
    if track.confidence[frame] <= 0:
        raise EiferError(
            f"No face was seen at {edits.neutral_s:g} s (frame {frame}), so it cannot be neutral.",
            "Choose a frame with a face.",
        )
    return float(track.timestamps[frame])


def calmest(track: ExpressionTrack) -> float:
    """Time in s of the middle of the stretch in which the face moves and shows least.

    Raises
    ------
    EiferError
        When no stretch of half a second is without a gap.
    """
    still = np.array([region_of(name) != "gaze" for name in track.space.coefficients])
    best, found = np.inf, None
    values = track.coefficients[:, still].astype(np.float64)
    shown = np.abs(values).mean(axis=1)
    moved = np.abs(np.gradient(values, axis=0)).mean(axis=1) if len(track) > 1 else shown * 0.0
    seen = track.confidence > 0
    scale = [max(float(np.median(part[seen])), 1e-9) if seen.any() else 1.0 for part in
             (shown, moved)]  # fmt: skip
    score = shown / scale[0] + moved / scale[1]
    for part in stretches(track):
        times = track.timestamps[part]
        frames = int(np.searchsorted(times - times[0], _CALM_S)) + 1
        if frames > len(times):
            continue
        total = np.convolve(score[part], np.ones(frames) / frames, "valid")
        first = int(np.argmin(total))
        if total[first] < best:
            best = float(total[first])
            found = float(times[first : first + frames].mean())
    if found is None:
        raise EiferError(
            f"The track has no {_CALM_S:g} s without a gap.", "Choose a neutral frame by hand."
        )
    return found


def rest_pose(track: ExpressionTrack, moment: float) -> np.ndarray:
    """The frames around a moment: a mask (n_frames,) over the stretch that it lies in."""
    near = np.abs(track.timestamps - moment) <= NEUTRAL_S / 2
    for part in stretches(track):
        inside = np.zeros(len(track), bool)
        inside[part] = True
        if (near & inside).any() and track.timestamps[part][0] <= moment:
            within = near & inside
            if moment <= track.timestamps[part][-1]:
                return within
    frame = int(np.argmin(np.where(track.confidence > 0, abs(track.timestamps - moment), np.inf)))
    return np.arange(len(track)) == frame


def with_neutral(values: np.ndarray, rest: np.ndarray, space: ExpressionSpace) -> np.ndarray:
    """Values (n, k) with the pose `rest` (k,) as rest.

    What ends at 1 keeps its end; what moves both ways, and what has no end, is shifted.
    """
    if space.name != ARKIT52.name:
        bounded = np.isfinite(space.upper) & np.array(
            [name.startswith("eyelid.") for name in space.coefficients]
        )
        base = np.where(bounded, np.clip(rest, 0.0, _HIGHEST_REST), 0.0)
        return np.where(bounded, (values - base) / (1.0 - base), values - rest)
    base = np.clip(rest, 0.0, _HIGHEST_REST)
    result = np.maximum(values - base, 0.0) / (1.0 - base)
    names = space.coefficients
    for one, other in OPPOSED:
        a, b = names.index(one), names.index(other)
        way = (values[:, a] - values[:, b]) - (rest[a] - rest[b])
        result[:, a], result[:, b] = np.maximum(way, 0.0), np.maximum(-way, 0.0)
    return np.asarray(result)


def mirrored(track: ExpressionTrack) -> ExpressionTrack:
    """The track of the flipped film: face, head pose and camera.

    Raises
    ------
    EiferError
        When the space does not tell left from right.
    """
    if track.space.name != ARKIT52.name:
        raise EiferError(
            f"A track in {track.space.name} cannot be mirrored: its coefficients have no sides.",
            "Carry it over with api.retarget(track, 'arkit52') first.",
        )
    names = track.space.coefficients
    order = [names.index(opposite(name)) for name in names]
    camera = track.camera
    if camera is not None:
        x, y, z = camera.place
        camera = replace(camera, place=(-x, y, z))
    pose = track.head_pose
    return replace(
        track, coefficients=track.coefficients[:, order], camera=camera,
        head_pose=None if pose is None else (pose * _FLIPPED).astype(pose.dtype),
    )  # fmt: skip


def symmetrical(values: np.ndarray, space: ExpressionSpace, amount: float) -> np.ndarray:
    """Both sides moved towards their mean, but not gaze, which turns together."""
    if space.name != ARKIT52.name:
        raise EiferError(
            f"A track in {space.name} cannot be made symmetrical: its coefficients have no sides.",
            "Carry it over with api.retarget(track, 'arkit52') first.",
        )
    names = space.coefficients
    order = [k if region_of(n) == "gaze" else names.index(opposite(n)) for k, n in enumerate(names)]
    return np.asarray((1.0 - amount / 2.0) * values + amount / 2.0 * values[:, order])


def cleaned_head(
    track: ExpressionTrack, edits: TrackEdits, rest: np.ndarray | None
) -> np.ndarray | None:
    """The head's pose (n, 6), levelled, smoothed and scaled.

    Parameters
    ----------
    track : ExpressionTrack
    edits : TrackEdits
    rest : numpy.ndarray or None
        Mask (n,) of the frames whose pose becomes straight ahead; None takes all.
    """
    pose = track.head_pose
    seen = track.confidence > 0
    if pose is None or not seen.any():
        return pose
    from scipy.spatial.transform import Rotation

    turned = Rotation.from_rotvec(pose[:, :3])
    place = pose[:, 3:].astype(np.float64)
    if edits.level_head:
        frames = seen if rest is None else rest
        straight = turned[frames].mean()
        turned = straight.inv() * turned
        place = straight.inv().apply(place - place[frames].mean(axis=0))
    vectors = turned.as_quat()
    # q and -q are the same rotation; smoothing needs neighbours that are close.
    flips = np.where((vectors[1:] * vectors[:-1]).sum(axis=1) < 0, -1.0, 1.0)
    vectors = vectors * np.concatenate([[1.0], np.cumprod(flips)])[:, None]
    both = np.hstack([vectors, place])
    both = smoothed(
        track.timestamps, both, edits.head_smoothing_hz, track.confidence, groups_of(track)
    )
    way = Rotation.from_quat(both[:, :4]).as_rotvec()
    return np.hstack([way, both[:, 4:]]).astype(np.float32) * np.float32(edits.head_motion)
