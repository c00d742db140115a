"""Predicted and measured activity of the same muscles, frame by frame of the film.

The film's frames are the frames of the comparison: what was predicted is never resampled, the
measured envelope is read off where a frame needs it. Times are those of the measured clock, of the
muscle itself: the delay of a filter chain is taken off on both sides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy.interpolate import PchipInterpolator

from .errors import EiferError
from .signals.activity import Activity

#: Less than this in common cannot be compared.
LEAST_OVERLAP_S = 2.0
#: The measured curves are kept at this rate or their own; between its points they are lines.
_FINE_HZ = 200.0


@dataclass(frozen=True)
class LeftOut:
    """Something that does not count, and why.

    Attributes
    ----------
    what : str
        A muscle, a channel, or a kind of frame.
    why : str
        A sentence.
    frames : int
        How many frames of the film; 0 where a whole muscle is meant.
    """

    what: str
    why: str
    frames: int = 0


@dataclass(frozen=True)
class Paired:
    """What is compared.

    Attributes
    ----------
    times : numpy.ndarray
        float64 (n,), s: frames of the film on the measured clock.
    muscles : tuple of str
        Those that were both predicted and measured.
    predicted : numpy.ndarray
        float64 (n, n_muscles).
    usable : numpy.ndarray
        bool (n, n_muscles): face seen, channel good.
    baseline, scale : numpy.ndarray
        float64 (n_muscles,), of the measured envelope in its unit.
    shared : tuple of str
        Muscles whose channel also stands for the other side.
    rate_hz : float
        Of the film.
    left_out : tuple of LeftOut
    """

    times: np.ndarray
    muscles: tuple[str, ...]
    predicted: np.ndarray
    usable: np.ndarray
    baseline: np.ndarray
    scale: np.ndarray
    shared: tuple[str, ...]
    rate_hz: float
    left_out: tuple[LeftOut, ...]
    fine_start_s: float = field(repr=False, default=0.0)
    fine: np.ndarray = field(repr=False, default_factory=lambda: np.zeros((0, 0)))

    def measured(self, late_s: float = 0.0) -> np.ndarray:
        """Measured activity (n, n_muscles) as it was `late_s` before each frame, below rest too."""
        return np.stack(
            [self.measured_of(k, late_s) for k in range(len(self.muscles))], axis=1
        ).reshape(len(self.times), -1)

    def measured_of(self, column: int, late_s: float | np.ndarray = 0.0) -> np.ndarray:
        """One muscle, (n,); with delays (k,) an array (n, k)."""
        late = np.asarray(late_s, np.float64)
        at = (self.times.reshape(-1, *(1,) * late.ndim) - late - self.fine_start_s) * _FINE_HZ
        return np.asarray(np.interp(at, np.arange(len(self.fine)), self.fine[:, column]))


def pair(
    predicted: Activity,
    measured: Activity,
    *,
    seen: np.ndarray | None = None,
    good: Mapping[str, np.ndarray] | None = None,
    bad: Mapping[str, str] | None = None,
) -> Paired:
    """Lay predicted and measured activity on each other; they are on one clock already.

    Parameters
    ----------
    predicted, measured : Activity
    seen : numpy.ndarray, optional
        bool (n_frames,) of `predicted`: frames in which the face was seen.
    good : mapping of str to numpy.ndarray, optional
        By channel of `measured`, bool per second of the recording: whether it can be trusted.
    bad : mapping of str to str, optional
        Channels that are left out as a whole, each with the reason.

    Returns
    -------
    Paired

    Raises
    ------
    EiferError
        When no muscle is common, less than two seconds are, or no frame shows the face.
    """
    names, columns, left_out = _common(predicted, measured, bad or {})
    times = predicted.timestamps - predicted.delay_ms / 1e3
    theirs = measured.timestamps - measured.delay_ms / 1e3
    inside = _overlap(times, theirs)
    watched = np.ones(len(times), bool) if seen is None else np.asarray(seen, bool)
    if not (watched & inside).any():
        raise EiferError(
            "No frame in which the face was seen lies within the recording.",
            "Check the film, or how its clock lies to the recording's (--sync).",
        )
    left_out += _lost_frames(inside, watched)
    own = [predicted.muscles.index(name) for name in names]
    usable = np.repeat((watched & inside)[:, None], len(names), axis=1)
    for k, column in enumerate(columns):
        seconds = (good or {}).get(measured.channels[column])
        if seconds is None or not len(seconds):
            continue
        at = np.clip((times - measured.start_s).astype(int), 0, len(seconds) - 1)
        left_out += _bad_seconds(names[k], usable[:, k] & ~seconds[at])
        usable[:, k] &= seconds[at]
    curves = (measured.values if measured.unclamped is None else measured.unclamped)[:, columns]
    channels = [measured.channels[k] for k in columns]
    keep = inside
    return Paired(
        times[keep], names, predicted.values[keep][:, own].astype(np.float64), usable[keep],
        np.asarray(measured.baseline, np.float64)[columns],
        np.asarray(measured.scale, np.float64)[columns],
        tuple(n for n, c in zip(names, channels, strict=True) if channels.count(c) > 1),
        predicted.rate_hz, tuple(left_out), *_finely(theirs, curves),
    )  # fmt: skip


def _common(
    predicted: Activity, measured: Activity, bad: Mapping[str, str]
) -> tuple[tuple[str, ...], list[int], list[LeftOut]]:
    """Muscles on both sides in the measured order, their columns there, and who is not."""
    left_out = [
        LeftOut(name, "It was measured, but the model does not predict it.")
        for name in measured.muscles if name not in predicted.muscles
    ]  # fmt: skip
    left_out += [
        LeftOut(name, "It was predicted, but no channel measured it.")
        for name in predicted.muscles if name not in measured.muscles
    ]  # fmt: skip
    left_out += [
        LeftOut(channel, "No muscle is known for this channel.") for channel in measured.unmapped
    ]
    both = [name for name in measured.muscles if name in predicted.muscles]
    if not both:
        raise EiferError(
            f"No muscle was both predicted and measured (predicted: {_few(predicted.muscles)}; "
            f"measured: {_few(measured.muscles)}).",
            "Map the channels to muscles (--map, --montage), or choose the model's scheme.",
        )
    kept = []
    for name in both:
        channel = measured.channels[measured.muscles.index(name)]
        if channel in bad:
            left_out.append(LeftOut(name, bad[channel]))
        else:
            kept.append(name)
    if not kept:
        raise EiferError(
            "All channels of the muscles that were predicted are bad.",
            "Look at them with 'eifer inspect --quality', or keep them with --keep-bad.",
        )
    return tuple(kept), [measured.muscles.index(name) for name in kept], left_out


def _few(names: tuple[str, ...]) -> str:
    return ", ".join(names[:4]) + (", …" if len(names) > 4 else "") if names else "none"


def _overlap(times: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """Frames (n,) that lie within the recording.

    Raises
    ------
    EiferError
        When both hardly overlap.
    """
    if len(times) < 2 or len(theirs) < 2:
        raise EiferError(
            "The film or the recording has fewer than two frames.", "Choose a longer one."
        )
    inside = (times >= theirs[0]) & (times <= theirs[-1])
    common_s = float(np.ptp(times[inside])) if inside.any() else 0.0
    if common_s < LEAST_OVERLAP_S:
        what = (
            f"The film ({times[0]:.1f} to {times[-1]:.1f} s) and the recording ({theirs[0]:.1f} to "
            f"{theirs[-1]:.1f} s)"
        )
        how = f"overlap by only {common_s:.1f} s" if inside.any() else "do not overlap"
        raise EiferError(
            f"{what} {how}; at least {LEAST_OVERLAP_S:g} s are needed.",
            "Choose the recording of this film, or say how their clocks lie (--sync, --offset).",
        )
    return inside


def _lost_frames(inside: np.ndarray, seen: np.ndarray) -> list[LeftOut]:
    found = []
    if outside := int((~inside).sum()):
        found.append(LeftOut("frames", "They lie outside of the recording.", outside))
    if unseen := int((inside & ~seen).sum()):
        found.append(LeftOut("frames", "The face was not seen (confidence 0).", unseen))
    return found


def _bad_seconds(muscle: str, lost: np.ndarray) -> list[LeftOut]:
    count = int(lost.sum())
    why = "Its channel was bad in these seconds."
    return [LeftOut(muscle, why, count)] if count else []


def _finely(times: np.ndarray, curves: np.ndarray) -> tuple[float, np.ndarray]:
    """Start and values (n_fine, n_muscles) at 200 Hz, without overshoot between the samples."""
    grid = np.arange(times[0], times[-1], 1.0 / _FINE_HZ)
    smooth = PchipInterpolator(times, np.asarray(curves, np.float64), axis=0)
    return float(times[0]), np.asarray(smooth(grid))
