"""Filters over a track's own times: no lag, nothing smeared over a gap or a cut."""

from __future__ import annotations

import json

import numpy as np

from ..track import ExpressionTrack

#: A step in time longer than this many usual ones separates stretches.
_LONGEST_STEP = 3.5
#: A Gaussian is cut off here, in standard deviations.
_REACH = 3.0
#: A frame of low confidence counts this little at least.
_LEAST_WEIGHT = 0.05
#: Where a video's provenance tells of camera cuts: times in s at which another shot begins.
CUTS = "cuts"


def sigma_of(cutoff_hz: float) -> float:
    """Standard deviation in s of the Gaussian that has half power at `cutoff_hz`."""
    return float(np.sqrt(np.log(2.0)) / (2.0 * np.pi * cutoff_hz))


def stretches(track: ExpressionTrack) -> list[slice]:
    """Frames that follow each other: between gaps, missing frames and camera cuts."""
    seen = np.asarray(track.confidence) > 0
    if not len(seen):
        return []
    steps = np.diff(track.timestamps)
    usual = float(np.median(steps)) if len(steps) else 1.0
    parted = (steps > _LONGEST_STEP * usual) | (seen[1:] != seen[:-1])
    told = track.provenance.get(CUTS, ())
    # A take's note holds the list as JSON.
    cuts = np.asarray(json.loads(told) if isinstance(told, str) else told, np.float64)
    at = np.searchsorted(track.timestamps, cuts - 0.25 * usual)
    parted[at[(at > 0) & (at < len(seen))] - 1] = True
    edges = [0, *(np.flatnonzero(parted) + 1), len(seen)]
    return [
        slice(int(a), int(b)) for a, b in zip(edges[:-1], edges[1:], strict=True) if seen[a]
    ]  # fmt: skip


def groups_of(track: ExpressionTrack) -> np.ndarray:
    """A number per frame (n,): the same within a stretch, another for every frame of a gap."""
    groups = -1 - np.arange(len(track))
    for k, part in enumerate(stretches(track)):
        groups[part] = k
    return groups


def smoothed(
    times: np.ndarray,
    values: np.ndarray,
    cutoff_hz: float,
    weights: np.ndarray | None = None,
    groups: np.ndarray | None = None,
) -> np.ndarray:
    """Values (n, k), smoothed by a straight line under a Gaussian at each frame.

    A local line has no phase, keeps slopes to the very ends, and needs no even frame rate.

    Parameters
    ----------
    times : numpy.ndarray
        (n,) s, increasing.
    values : numpy.ndarray
        (n, k).
    cutoff_hz : float
        Frequency of half power; 0 leaves the values as they are.
    weights : numpy.ndarray, optional
        (n,), how much each frame counts.
    groups : numpy.ndarray, optional
        (n,), frames only see those of the same number.
    """
    n = len(times)
    if not cutoff_hz or n < 3:
        return values
    sigma = sigma_of(cutoff_hz)
    reach = int(np.clip(np.ceil(_REACH * sigma / np.median(np.diff(times))), 1, n - 1))
    near, width = np.lib.stride_tricks.sliding_window_view, 2 * reach + 1
    apart = near(np.pad(times, reach, mode="edge"), width) - times[:, None]
    count = np.ones(n) if weights is None else np.maximum(weights, _LEAST_WEIGHT)
    kernel = np.exp(-0.5 * (apart / sigma) ** 2) * near(np.pad(count, reach), width)
    if groups is not None:
        kernel *= near(np.pad(groups, reach), width) == groups[:, None]
    s0, s1 = kernel.sum(axis=1), (kernel * apart).sum(axis=1)
    s2 = np.einsum("nw,nw,nw->n", kernel, apart, apart)
    spread = s0 * s2 - s1**2
    # A frame by itself has no slope.
    alone = spread <= 1e-9 * s0**2 * sigma**2
    tilt = np.where(alone, 0.0, s1) / np.where(alone, 1.0, spread)
    level = np.where(alone, 1.0 / s0, s2 / np.where(alone, 1.0, spread))
    kernel *= level[:, None] - tilt[:, None] * apart
    padded = np.pad(values, ((reach, reach), (0, 0)), mode="edge")
    result = np.zeros(np.shape(values))
    for k in range(width):
        result += kernel[:, k : k + 1] * padded[k : k + n]
    return result


def running(values: np.ndarray, frames: int, how: str) -> np.ndarray:
    """Median or maximum of values (n, k) over `frames` frames to either side."""
    padded = np.pad(values, ((frames, frames), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * frames + 1, axis=0)
    return np.asarray(np.median(windows, axis=-1) if how == "median" else windows.max(axis=-1))


def smooth_step(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 up to `low`, 1 from `high` on, without a corner between."""
    x = np.clip((values - low) / (high - low), 0.0, 1.0)
    return np.asarray(x * x * (3.0 - 2.0 * x))


def runs(flags: np.ndarray) -> list[tuple[int, int]]:
    """First frame and one past the last of every run of True in flags (n,)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
