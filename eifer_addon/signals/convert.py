"""From a recording to muscle activity: the offline chain, channel by channel."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import EiferError
from .activity import Activity
from .envelope import Enveloper, get_preset, resample_envelope
from .filters import FLAT, ZeroPhase, design_chain, find_mains
from .montage import Montage, map_channels
from .normalise import normalise
from .readers.base import check_finite, check_rate, file_name
from .recording import Recording

#: Frames per second when the caller names none, unless the recording is slower.
DEFAULT_RATE_HZ = 100.0
_SHORTEST_S = 0.25
#: The spectrum for the mains is taken from this much of the middle.
_MAINS_S = 20.0
#: Above this many samples per channel the transforms run in single precision.
_DOUBLE_UP_TO = 300_000
#: Each thread holds a few copies of one channel; two keep ten minutes at 4096 Hz under 1 GB.
_THREADS = 2


def to_activity(
    recording: Recording,
    preset: str = "clinical",
    rate_hz: float | None = None,
    profile: Mapping[str, Any] | str | Path | None = None,
    montage: Montage | Mapping[str, str | None] | str | Path | None = None,
) -> Activity:
    """Turn a recording into normalised muscle activity.

    Raw EMG loses its mean, is band-passed (20 to 450 Hz, or up to 0.45 of the sampling rate),
    freed of mains hum where the spectrum shows some, made an envelope by the preset, and read
    off at the frame times; all with zero phase. Envelopes skip the filters. Then rest becomes
    0 and strong activity 1 (see `signals.normalise`).

    Parameters
    ----------
    recording : Recording
    preset : str
        ``"clinical"`` (rectified, 6 Hz low-pass) or ``"rms100"`` (RMS over 100 ms).
    rate_hz : float, optional
        Frames per second; the lower of the recording's own and 100 when not given.
    profile : mapping or path-like, optional
        Baseline and scale per muscle from a calibration.
    montage : Montage, mapping or path-like, optional
        Which channel is which muscle, when the names do not tell.

    Returns
    -------
    Activity
        Columns in the order of the canonical muscles, left before right.

    Raises
    ------
    EiferError
        For an unknown preset, too slow or too short a recording, channels with values that
        are not numbers, or when no channel belongs to a muscle.
    """
    chosen = get_preset(preset)
    check_rate(recording)
    _check_length(recording)
    rate = _frame_rate(recording, rate_hz)
    found = map_channels(recording.channels, montage)
    times = np.arange(
        int(np.floor((recording.n_samples - 1) / recording.rate_hz * rate + 1e-9)) + 1
    )
    channels = list(dict.fromkeys(found.channels.values()))
    indices = [recording.channels.index(name) for name in channels]
    if recording.holds_envelope:
        envelopes, words = _held_envelopes(recording, indices, times / rate)
    else:
        envelopes, words = _envelopes(recording, indices, times / rate, chosen.name)
    columns = [channels.index(found.channels[muscle]) for muscle in found.muscles]
    normal = normalise(envelopes[:, columns], rate, found.muscles, profile)
    return Activity(
        values=normal.apply(envelopes[:, columns]),
        rate_hz=rate,
        muscles=found.muscles,
        baseline=normal.baseline,
        scale=normal.scale,
        channels=tuple(found.channels.values()),
        filters=(*words, f"resampled to {rate:g} frames/s", *normal.words, *found.notes),
        unmapped=found.unmapped,
        events=tuple((e.onset_s, e.name, e.duration_s) for e in recording.events),
        source={
            **recording.source,
            "preset": "none" if recording.holds_envelope else preset,
            "montage": found.origin,
            "silent": list(normal.silent),
        },
    )


def _check_length(recording: Recording) -> None:
    if recording.n_samples < 2 or recording.duration_s < _SHORTEST_S:
        raise EiferError(
            f"{file_name(recording)} lasts {recording.duration_s:.3f} s; at least "
            f"{_SHORTEST_S:g} s are needed.",
            "Choose a longer recording.",
        )


def _frame_rate(recording: Recording, wanted: float | None) -> float:
    if wanted is None:
        return min(recording.rate_hz, DEFAULT_RATE_HZ)
    rate = float(wanted)
    if not 1.0 <= rate <= 1000.0:
        raise EiferError(f"A frame rate of {rate:g} Hz is out of range.", "Choose 1 to 1000.")
    return rate


def _held_envelopes(
    recording: Recording, indices: list[int], times_s: np.ndarray
) -> tuple[np.ndarray, tuple[str, ...]]:
    columns = []
    for index in indices:
        values = np.asarray(recording.channel(index), np.float64)
        check_finite(file_name(recording), recording.channels[index], values, recording.rate_hz)
        columns.append(np.maximum(resample_envelope(values, recording.rate_hz, times_s), 0.0))
    words = ("the recording holds envelopes already, so no filter was applied", "clamped at 0")
    return np.stack(columns, axis=1), words


def _envelopes(
    recording: Recording, indices: list[int], times_s: np.ndarray, preset: str
) -> tuple[np.ndarray, tuple[str, ...]]:
    n, rate, chosen = recording.n_samples, recording.rate_hz, get_preset(preset)
    dtype = np.float64 if n <= _DOUBLE_UP_TO else np.float32
    mains = find_mains(_middle(recording, indices), rate)
    chain = design_chain(rate, mains)
    band = ZeroPhase(n, rate, chain.sos, dtype, mains)
    enveloper = Enveloper(chosen, n, rate, times_s, dtype)

    def one(index: int) -> np.ndarray:
        raw = recording.channel(index)
        check_finite(file_name(recording), recording.channels[index], raw, rate)
        centred = raw - raw.mean()
        if np.abs(centred).max() <= FLAT * np.abs(raw).max():
            return np.zeros(len(times_s))  # the mean leaves dust, which is no signal
        return enveloper(band(centred.astype(dtype)))

    with ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1)) as pool:
        columns = list(pool.map(one, indices))
    words = ("mean removed", *chain.words, chosen.words, "clamped at 0")
    return np.stack(columns, axis=1), words


def _middle(recording: Recording, indices: list[int]) -> np.ndarray:
    """Some seconds from the middle of each channel, for the spectrum."""
    length = min(recording.n_samples, round(_MAINS_S * recording.rate_hz))
    start = (recording.n_samples - length) // 2
    parts = [recording.channel(index, start, start + length) for index in indices]
    return np.nan_to_num(np.stack(parts), posinf=0.0, neginf=0.0)
