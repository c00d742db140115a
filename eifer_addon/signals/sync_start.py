"""Synchronisation by a mark of the film in the recording: its beginning, or each of its frames."""

from __future__ import annotations

import numpy as np

from ..errors import EiferError
from .edges import Edges
from .sync_result import START, Sync

#: Fewer pulses than this, or a number that far from that of the frames, are no frame pulses.
_LEAST_PULSES, _TOLERATED = 10, 0.02


def sync_by_start(trigger: Edges, frame_times_s: np.ndarray) -> Sync:
    """Lay a film onto a recording in which the camera left its mark.

    Parameters
    ----------
    trigger : Edges
        On the recording's clock. As many pulses as the film has frames (within 2 %) are taken for
        its frames, which tells the drift; else the first pulse is the first frame.
    frame_times_s : numpy.ndarray
        (n,) the film's own times in s.

    Returns
    -------
    Sync

    Raises
    ------
    EiferError
        When there is no pulse.
    """
    onsets = trigger.times_s[trigger.is_on]
    frames = np.asarray(frame_times_s, np.float64)
    if not len(onsets) or not len(frames):
        raise EiferError("No pulse marks the film's beginning.", "Choose another trigger.")
    if len(onsets) < _LEAST_PULSES or abs(len(onsets) - len(frames)) > _TOLERATED * len(frames):
        more = len(onsets) - 1
        note = f"The first of {len(onsets)} pulses is taken for it." if more else ""
        return Sync(
            float(onsets[0] - frames[0]), 0.0, 0.5 if more else 0.8, START, 1,
            notes=(note,) if note else (),
        )  # fmt: skip
    count = min(len(onsets), len(frames))
    drift, offset = np.polyfit(frames[:count], onsets[:count], 1)
    left = onsets[:count] - (offset + drift * frames[:count])
    rms = float(np.sqrt(np.mean(left**2)))
    lost = abs(len(onsets) - len(frames))
    spread = float(np.std(frames[:count])) * np.sqrt(count)
    notes = (f"{lost} pulses or frames are lost at the end, or between.",) if lost else ()
    confidence = float(np.clip(1.0 - rms / 0.02, 0.1, 1.0)) * (0.7 if lost else 1.0)
    return Sync(
        float(offset), float(1e6 * (drift - 1.0)), confidence, START, count, 1e3 * rms,
        1e6 * rms / spread, notes, 1e3 * rms / np.sqrt(count),
    )  # fmt: skip
