"""Posed expressions: which coefficients belong to what the muscles did while a pose was held.

Only the held part of a pose counts, where the activity is near its strongest; there the delay
between muscle and skin, and a small error of synchronisation, do not matter.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import EiferError
from ..spaces import ExpressionSpace, get_space
from ..track import ExpressionTrack
from .activity import Activity
from .movements import REST, Windows

FORMAT_VERSION = 1
_TABLE = Path(__file__).with_name("data") / "poses.json"
#: The held part: frames with at least this part of the strongest mean activity of the pose.
_HELD_PART, _STRONGEST_PERCENTILE = 0.7, 90.0
_LEAST_FRAMES = 5
#: A track's frames that are no further from a frame of the activity than this belong to it.
_LONGEST_GAP_S = 0.25


@dataclass(frozen=True)
class PoseTable:
    """Coefficients by pose.

    Attributes
    ----------
    space : ExpressionSpace
    poses : mapping of str to numpy.ndarray
        (n_coefficients,) by the name of the movement or event.
    origin : str
        Where the table is from.
    """

    space: ExpressionSpace
    poses: Mapping[str, np.ndarray]
    origin: str


@dataclass(frozen=True)
class PosedFrames:
    """Frames of held poses and of rest, ready for regression.

    Attributes
    ----------
    space : str
    muscles : tuple of str
    activity : numpy.ndarray
        (n_frames, n_muscles)
    targets : numpy.ndarray
        (n_frames, n_coefficients)
    names : tuple of str
        The pose of each frame.
    weights : numpy.ndarray
        (n_frames,): every pose weighs the same, however long it was held.
    origin : str
        Where the coefficients are from.
    """

    space: str
    muscles: tuple[str, ...]
    activity: np.ndarray
    targets: np.ndarray
    names: tuple[str, ...]
    weights: np.ndarray
    origin: str


@functools.cache
def default_poses() -> PoseTable:
    """The eleven functional movements as they are instructed (`data/poses.json`)."""
    document = json.loads(_TABLE.read_text("utf-8"))
    return _table(document, "the instructions of the eleven movements")


def read_poses(path: str | Path) -> PoseTable:
    """Read a table of posed expressions.

    Parameters
    ----------
    path : path-like
        JSON: ``{"format_version": 1, "space": "arkit52", "poses": {"smile_open": {"mouthSmile":
        0.9, "jawOpen": 0.2}, …}}``. A coefficient without a side means both; a list gives all
        coefficients of the space in order.

    Raises
    ------
    EiferError
        When it cannot be read, or names a coefficient that the space does not have.
    """
    name = Path(path).name
    try:
        document = json.loads(Path(path).read_text("utf-8"))
        if int(document["format_version"]) > FORMAT_VERSION:
            raise EiferError(f"{name} needs a newer EIFER.", "Update the add-on.")
        return _table(document, name)
    except OSError as error:
        raise EiferError(f"{name} could not be read.", "Check the path.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise EiferError(
            f"{name} is no table of poses.",
            'Write {"format_version": 1, "space": "arkit52", "poses": {"smile_open": '
            '{"mouthSmile": 0.9}}}.',
        ) from error


def _table(document: Mapping[str, Any], origin: str) -> PoseTable:
    space = get_space(str(document["space"]))
    poses = {str(k): _coefficients(v, str(k), space) for k, v in document["poses"].items()}
    return PoseTable(space, poses, origin)


def _coefficients(entry: Any, pose: str, space: ExpressionSpace) -> np.ndarray:
    values: np.ndarray = np.zeros(len(space))
    if isinstance(entry, list):
        values[:] = entry
    else:
        for name, value in entry.items():
            places = [
                k for k, known in enumerate(space.coefficients)
                if known in (name, f"{name}Left", f"{name}Right")
            ]  # fmt: skip
            if not places:
                raise EiferError(
                    f"The pose '{pose}' names '{name}', which {space.name} does not have.",
                    f"Its coefficients are, for example: {', '.join(space.coefficients[:4])}.",
                )
            values[places] = float(value)
    if not np.isfinite(values).all():
        raise EiferError(f"The pose '{pose}' holds a value that is not a number.", "Correct it.")
    return values


def frames_of_poses(activity: Activity, windows: Windows, table: PoseTable) -> PosedFrames:
    """Frames of the poses that a table gives coefficients for.

    Parameters
    ----------
    activity : Activity
    windows : mapping of str to tuple
        Seconds ``(start, stop)`` by movement, after the first frame.
    table : PoseTable
    """
    rest = np.zeros(len(table.space))
    rows: list[tuple[str, np.ndarray, np.ndarray]] = []
    for name, window in windows.items():
        known = name if name in table.poses else name.split(" ")[0]
        frames = _held(activity, window, is_rest=known == REST)
        if known in table.poses and len(frames):
            target = rest if known == REST else table.poses[known]
            rows.append((known, frames, np.tile(target, (len(frames), 1))))
    if not any(name != REST for name, _, _ in rows):
        raise EiferError(
            f"None of the movements ({', '.join(windows)}) is a pose of {table.origin}.",
            f"Its poses are: {', '.join(table.poses)}.",
        )
    return _joined(activity, table.space, rows, table.origin)


def frames_of_track(activity: Activity, windows: Windows, track: ExpressionTrack) -> PosedFrames:
    """Frames of the poses, with the coefficients that a track shows at the same time.

    Parameters
    ----------
    activity : Activity
    windows : mapping of str to tuple
        Seconds ``(start, stop)`` by movement, after the first frame.
    track : ExpressionTrack
        Of the same session on the activity's clock, for example from its video. What it shows
        at rest is taken off, because rest is 0 here.
    """
    seen = track.confidence > 0
    if not seen.any():
        raise EiferError("The track has no frame with confidence.", "Choose another track.")
    times, values = track.timestamps[seen], track.coefficients[seen].astype(np.float64)
    rest = _rest_of(activity, windows, times, values)
    rows = []
    for name, window in windows.items():
        frames = _held(activity, window, is_rest=name.split(" ")[0] == REST)
        at = activity.timestamps[frames]
        near = np.abs(times[_nearest(times, at)] - at) <= _LONGEST_GAP_S
        if near.any():
            inside = np.stack([np.interp(at[near], times, column) for column in values.T], axis=1)
            rows.append((name, frames[near], inside - rest))
    if not rows:
        raise EiferError(
            "The track and the recording share no posed expression.",
            "Check the synchronisation (eifer sync).",
        )
    origin = str(track.provenance.get("source") or "a track")
    return _joined(activity, track.space, rows, origin)


def _rest_of(
    activity: Activity, windows: Windows, times: np.ndarray, values: np.ndarray
) -> np.ndarray:
    """Coefficients at rest: in the rest window, else where the activity is weakest."""
    start, stop = windows.get(REST, (np.nan, np.nan))
    inside = (times >= activity.start_s + start) & (times <= activity.start_s + stop)
    if not inside.any():
        mean = np.interp(times, activity.timestamps, activity.values.mean(axis=1))
        inside = mean <= np.percentile(mean, 20.0)
    return np.asarray(np.median(values[inside], axis=0))


def _nearest(times: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    after = np.clip(np.searchsorted(times, wanted), 1, max(len(times) - 1, 1))
    after = np.minimum(after, len(times) - 1)
    before = np.maximum(after - 1, 0)
    closer = np.abs(times[before] - wanted) < np.abs(times[after] - wanted)
    return np.where(closer, before, after)


def _held(activity: Activity, window: tuple[float, float], *, is_rest: bool) -> np.ndarray:
    """Frames of the held part; at rest all of them."""
    start, stop = (round(seconds * activity.rate_hz) for seconds in window)
    frames = np.arange(max(start, 0), min(stop, len(activity)))
    if is_rest or not len(frames):
        return frames
    strength = activity.values[frames].mean(axis=1)
    held = frames[strength >= _HELD_PART * np.percentile(strength, _STRONGEST_PERCENTILE)]
    return held if len(held) >= _LEAST_FRAMES else frames


def _joined(
    activity: Activity,
    space: ExpressionSpace,
    rows: list[tuple[str, np.ndarray, np.ndarray]],
    origin: str,
) -> PosedFrames:
    frames = np.concatenate([frames for _, frames, _ in rows])
    return PosedFrames(
        space.name,
        activity.muscles,
        activity.values[frames].astype(np.float64),
        np.concatenate([targets for _, _, targets in rows]),
        tuple(name for name, part, _ in rows for _ in part),
        np.concatenate([np.full(len(part), 1.0 / len(part)) for _, part, _ in rows]),
        origin,
    )
