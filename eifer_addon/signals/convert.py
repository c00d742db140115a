"""From a recording to muscle activity: the offline chain, channel by channel."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import EiferError
from ..seals import RECIPE, sealed
from .activity import Activity
from .causal import CausalChain
from .crosstalk import unmix_by_profile
from .envelope import Enveloper, resample_envelope
from .filters import FLAT, find_mains
from .montage import Montage
from .montage_recording import required
from .normalise import load_document, normalise
from .origin import origin_of
from .pairs import with_pairs
from .presets import Preset, get_preset
from .readers.base import check_finite, check_rate, file_name
from .recording import Recording
from .repair import blank_bad_seconds, calibrated_as, find_bad_seconds, repair_montage
from .zero_phase import ZeroPhase

#: ``on_progress(share)``; it may raise `Cancelled`.
OnShare = Callable[[float], None]
#: Frames per second when the caller names none, unless the recording is slower.
DEFAULT_RATE_HZ = 100.0
_SHORTEST_S = 0.25
#: The spectrum for the mains is taken from this much of the middle.
_MAINS_S = 10.0
#: Above this many samples per channel the transforms run in single precision.
_DOUBLE_UP_TO = 300_000
#: Each thread holds a few copies of one channel; two keep ten minutes at 4096 Hz under 1 GB.
_THREADS = 2


def to_activity(
    recording: Recording,
    preset: str = "clinical",
    rate_hz: float | None = None,
    profile: Any = None,
    montage: Montage | Mapping[str, str | None] | str | Path | None = None,
    repair: Mapping[str, str] | None = None,
    unmix: bool = False,
    on_progress: OnShare | None = None,
    *,
    scheme: str = "auto",
    sides: str = "both",
) -> Activity:
    """Turn a recording into normalised muscle activity.

    Raw EMG loses its mean, is band-passed (20 to 450 Hz, or up to 0.45 of the sampling rate),
    freed of mains hum where the spectrum shows some, made an envelope by the preset, and read
    off at the frame times; all with zero phase, except with the preset ``"live"``. Envelopes
    skip the filters. Then rest becomes 0 and strong activity 1 (see `signals.normalise`).

    Parameters
    ----------
    recording : Recording
    preset : str
        ``"clinical"`` (rectified, 6 Hz low-pass), ``"rms100"`` (RMS over 100 ms), ``"live"``
        (what a live view shows, with its delay) or ``"mam"`` (as the MaM data set has it).
    rate_hz : float, optional
        Frames per second; when not given the preset's own, else the lower of the recording's
        and 100.
    profile : Profile, mapping or path-like, optional
        Baseline and scale per muscle from `calibration.calibrate`.
    montage : Montage, mapping or path-like, optional
        Which channel or pair is which muscle, when the names do not tell.
    repair : mapping of str to str, optional
        ``{channel: "drop" | "mirror" | "interpolate"}``: leave a bad channel out, let the other
        side stand for it, or bridge its bad seconds. Without it nothing is left out or changed;
        ``source["repair"]`` keeps what was asked for.
    unmix : bool
        Take out the cross-talk that the profile's calibration found.
    on_progress : callable, optional
        Called in the caller's thread with the share of the channels that is done, 0 to 1; it may
        raise `Cancelled`, which stops the work.
    scheme : {"auto", "fridlund", "kuramoto"}
        Which electrode codes the channels' names mean.
    sides : {"both", "left", "right", "swap"}
        Which side was recorded, or that the names mean the sides as seen in the image.

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
    _check(recording)
    rate = _frame_rate(recording, rate_hz, chosen)
    repair = dict(repair or {})
    mapped = required(recording, montage, scheme, sides)
    document = None if profile is None else dict(load_document(profile))
    told = {"preset": preset, "rate_hz": rate_hz, "profile": document, "repair": repair}
    origin = origin_of(recording, mapped, **told, unmix=unmix)
    recording, unmixed = _derived(recording, mapped, profile, unmix=unmix)
    found = repair_montage(mapped, repair)
    used = "none" if recording.holds_envelope else preset
    envelopes, words, delay_ms = _muscle_envelopes(
        recording, found, frame_times(recording, rate), chosen, repair, on_progress
    )
    normal = normalise(envelopes, rate, found.muscles, profile, used, calibrated_as(mapped, found))
    unclamped = normal.unclamped(envelopes)
    values = np.maximum(unclamped, 0.0)
    words = (*unmixed, *words, f"resampled to {rate:g} frames/s", *normal.words, *found.notes)
    notes: dict[str, Any] = {"preset": used, "montage": found.origin, "silent": list(normal.silent)}
    notes |= _notes(repair, document)
    notes |= {RECIPE: sealed(origin, values)} if origin else {}
    return Activity(
        values, rate, found.muscles, normal.baseline, normal.scale,
        channels=tuple(found.channels.values()), filters=words, delay_ms=delay_ms,
        unmapped=found.unmapped, source={**recording.source, **notes}, unclamped=unclamped,
        start_s=recording.start_s, events=_events(recording),
    )  # fmt: skip


def _notes(repair: Mapping[str, str], profile: Mapping[str, Any] | None) -> dict[str, Any]:
    """What was repaired, and the subject's gains for `api.emg_to_expression` to find."""
    gains = profile.get("gains") if profile else None
    return ({"repair": repair} if repair else {}) | ({"gains": gains} if gains else {})


def _events(recording: Recording) -> tuple[tuple[float, str, float], ...]:
    """Onset on the activity's clock, name and duration."""
    return tuple((recording.start_s + e.onset_s, e.name, e.duration_s) for e in recording.events)


def _derived(
    recording: Recording, montage: Montage, profile: Any, *, unmix: bool
) -> tuple[Recording, tuple[str, ...]]:
    """The recording with the montage's pairs, without cross-talk where that is asked for."""
    recording = with_pairs(recording, montage.channels.values())
    if not unmix:
        return recording, ()
    if profile is None:
        raise EiferError("Unmixing needs a profile.", "Give one, or leave unmixing off.")
    unmixed, words = unmix_by_profile(recording, load_document(profile))
    return unmixed, (words,)


def envelopes_of_muscles(
    recording: Recording,
    preset: str,
    rate_hz: float,
    montage: Montage | Mapping[str, str | None] | str | Path | None = None,
) -> tuple[Montage, np.ndarray, float]:
    """Envelopes in the channels' units, before normalisation, for calibrating.

    Parameters
    ----------
    recording, preset, montage
        As for :func:`to_activity`.
    rate_hz : float
        Frames per second wanted; fewer when the recording is slower.

    Returns
    -------
    montage : Montage
    envelopes : numpy.ndarray
        (n_frames, n_muscles) float64.
    rate_hz : float
    """
    chosen = get_preset(preset)
    _check(recording)
    rate = min(rate_hz, recording.rate_hz)
    found = required(recording, montage, "auto", "both")
    recording = with_pairs(recording, found.channels.values())
    times_s = frame_times(recording, rate)
    return found, _muscle_envelopes(recording, found, times_s, chosen, {})[0], rate


def _muscle_envelopes(
    recording: Recording,
    found: Montage,
    times_s: np.ndarray,
    preset: Preset,
    repair: Mapping[str, str],
    on_progress: OnShare | None = None,
) -> tuple[np.ndarray, tuple[str, ...], float]:
    """Envelope of each muscle of the montage, the steps in words, and the delay in ms."""
    channels = list(dict.fromkeys(found.channels.values()))
    indices = [recording.channels.index(name) for name in channels]
    bad = find_bad_seconds(recording, repair)
    blanked = blank_bad_seconds(recording, bad)
    if recording.holds_envelope:
        envelopes, words, delay_ms = _held_envelopes(blanked, indices, times_s)
    else:
        envelopes, words, delay_ms = filtered_envelopes(
            blanked, indices, times_s, preset, on_progress
        )
    for channel, gaps in bad.items():
        k = channels.index(channel)
        envelopes[:, k] = gaps.bridge(envelopes[:, k], times_s)
        words = (*words, gaps.words)
    columns = [channels.index(name) for name in found.channels.values()]
    return envelopes[:, columns], words, delay_ms


def frame_times(recording: Recording, rate_hz: float) -> np.ndarray:
    """Seconds after the first sample of the frames at `rate_hz` within the recording."""
    last = int(np.floor((recording.n_samples - 1) / recording.rate_hz * rate_hz + 1e-9))
    return np.arange(last + 1) / rate_hz


def _check(recording: Recording) -> None:
    check_rate(recording)
    if recording.n_samples < 2 or recording.duration_s < _SHORTEST_S:
        raise EiferError(
            f"{file_name(recording)} lasts {recording.duration_s:.3f} s; at least "
            f"{_SHORTEST_S:g} s are needed.",
            "Choose a longer recording.",
        )


def _frame_rate(recording: Recording, wanted: float | None, preset: Preset) -> float:
    if wanted is None:
        own = DEFAULT_RATE_HZ if recording.holds_envelope else preset.frame_rate_hz
        return min(recording.rate_hz, own or DEFAULT_RATE_HZ)
    rate = float(wanted)
    if not 1.0 <= rate <= 1000.0:
        raise EiferError(f"A frame rate of {rate:g} Hz is out of range.", "Choose 1 to 1000.")
    return rate


def _held_envelopes(
    recording: Recording, indices: list[int], times_s: np.ndarray
) -> tuple[np.ndarray, tuple[str, ...], float]:
    columns = []
    for index in indices:
        values = np.asarray(recording.channel(index), np.float64)
        check_finite(file_name(recording), recording.channels[index], values, recording.rate_hz)
        columns.append(np.maximum(resample_envelope(values, recording.rate_hz, times_s), 0.0))
    words = ("the recording holds envelopes already, so no filter was applied", "clamped at 0")
    return np.stack(columns, axis=1), words, 0.0


def filtered_envelopes(
    recording: Recording,
    indices: list[int],
    times_s: np.ndarray,
    preset: Preset,
    on_progress: OnShare | None = None,
) -> tuple[np.ndarray, tuple[str, ...], float]:
    """Envelopes of raw channels by a preset, before any normalisation.

    Parameters
    ----------
    recording : Recording
    indices : list of int
        Channels.
    times_s : numpy.ndarray
        Where the envelopes are wanted, seconds after the first sample.
    preset : Preset
    on_progress : callable, optional
        As for :func:`to_activity`.

    Returns
    -------
    envelopes : numpy.ndarray
        (n_frames, n_channels) float64, in the channels' units.
    words : tuple of str
        The chain in words, in order.
    delay_ms : float
        0 for zero-phase chains.
    """
    n, rate = recording.n_samples, recording.rate_hz
    mains = find_mains(_middle(recording, indices), rate)
    run, words, delay_ms = _runner(preset, n, rate, times_s, mains)

    def one(index: int) -> np.ndarray:
        raw = recording.channel(index)
        with np.errstate(invalid="ignore"):  # infinities are named below
            low, high, mean = raw.min(), raw.max(), raw.mean()
        if not np.isfinite(mean):
            check_finite(file_name(recording), recording.channels[index], raw, rate)
        if max(high - mean, mean - low) <= FLAT * max(high, -low):
            return np.zeros(len(times_s))  # the mean leaves dust, which is no signal
        centred: np.ndarray = np.empty(len(raw), _precision(n))
        return run(np.subtract(raw, mean, out=centred, casting="same_kind"))

    columns = list(_in_pairs(one, indices, on_progress))
    return np.stack(columns, axis=1), ("mean removed", *words, "clamped at 0"), delay_ms


def _in_pairs(
    one: Callable[[int], np.ndarray], indices: list[int], on_progress: OnShare | None
) -> Iterator[np.ndarray]:
    """``one(index)`` for all, a few at a time, so that a cancelled job leaves no thread at work."""
    at_once = min(_THREADS, os.cpu_count() or 1)
    with ThreadPoolExecutor(at_once) as pool:
        for start in range(0, len(indices), at_once):
            yield from pool.map(one, indices[start : start + at_once])
            if on_progress is not None:
                on_progress(min(1.0, (start + at_once) / len(indices)))


def _runner(
    preset: Preset, n_samples: int, rate_hz: float, times_s: np.ndarray, mains: tuple[float, ...]
) -> tuple[Callable[[np.ndarray], np.ndarray], tuple[str, ...], float]:
    """What turns one centred channel into its envelope, in words too, and its delay in ms."""
    if preset.causal:
        chain = CausalChain(preset, rate_hz, 1, mains)

        def causal(samples: np.ndarray) -> np.ndarray:
            own = CausalChain(preset, rate_hz, 1, mains)
            every = own.process(samples[None])[0]
            return np.interp(times_s * rate_hz, np.arange(n_samples), every)

        return causal, chain.words, chain.delay_ms
    dtype = _precision(n_samples)
    filters = preset.band(rate_hz, mains)
    band = ZeroPhase(n_samples, rate_hz, filters, dtype, mains)
    enveloper = Enveloper(preset, n_samples, rate_hz, times_s, dtype)

    def zero_phase(samples: np.ndarray) -> np.ndarray:
        return enveloper(band(samples))

    return zero_phase, (*filters.words, preset.words, "all zero-phase"), 0.0


def _precision(n_samples: int) -> type:
    return np.float64 if n_samples <= _DOUBLE_UP_TO else np.float32


def _middle(recording: Recording, indices: list[int]) -> np.ndarray:
    """Some seconds from the middle of each channel, for the spectrum."""
    length = min(recording.n_samples, round(_MAINS_S * recording.rate_hz))
    start = (recording.n_samples - length) // 2
    parts = [recording.channel(index, start, start + length) for index in indices]
    return np.nan_to_num(np.stack(parts), posinf=0.0, neginf=0.0)
