"""Envelopes: rectified or squared EMG, smoothed with zero phase, read off at the frame times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import interpolate, signal

from ..errors import EiferError
from .filters import ZeroPhase

#: The smoothed envelope is kept at this rate before it is read off at the frames: forty times
#: the cut-off of 6 Hz, where a cubic spline's error is below 1e-5 of the amplitude.
_DENSE_RATE_HZ = 256.0


@dataclass(frozen=True)
class Preset:
    """How raw EMG becomes an envelope.

    Attributes
    ----------
    name, words : str
        For the user and for the track's filter text.
    cutoff_hz, order : float, int
        Low-pass of the rectified signal; 0 where `window_s` is used.
    window_s : float
        Length of the centred window of a moving root mean square; 0 where `cutoff_hz` is used.
    """

    name: str
    words: str
    cutoff_hz: float = 0.0
    order: int = 0
    window_s: float = 0.0


PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset("clinical", "rectified; low-pass 6 Hz (Butterworth order 4, zero-phase)", 6.0, 4),
        Preset("rms100", "root mean square over 100 ms, centred", window_s=0.1),
    )
}


def get_preset(name: str) -> Preset:
    """The preset called `name`; `EiferError` with the names there are."""
    if name not in PRESETS:
        raise EiferError(f"There is no preset '{name}'.", f"Choose one of: {', '.join(PRESETS)}.")
    return PRESETS[name]


class Enveloper:
    """Band-passed signals of one length in, envelopes at the frame times out.

    Parameters
    ----------
    preset : Preset
    n_samples : int
        Length of the signals.
    rate_hz : float
        Their sampling rate.
    times_s : numpy.ndarray
        Where the envelope is wanted, seconds after the first sample.
    dtype : type
        Of the transforms.
    """

    def __init__(
        self,
        preset: Preset,
        n_samples: int,
        rate_hz: float,
        times_s: np.ndarray,
        dtype: type = np.float32,
    ) -> None:
        self.preset, self.rate_hz, self.times_s = preset, rate_hz, times_s
        if preset.cutoff_hz:
            sos = signal.butter(preset.order, preset.cutoff_hz, fs=rate_hz, output="sos")
            self.low_pass = ZeroPhase(n_samples, rate_hz, sos, dtype, keep_rate_hz=_DENSE_RATE_HZ)

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """Envelope at the frame times, float64, never below 0."""
        smooth = self._smoothed if self.preset.cutoff_hz else self._root_mean_square
        return np.maximum(smooth(samples), 0.0)

    def _smoothed(self, samples: np.ndarray) -> np.ndarray:
        dense, ratio = self.low_pass.dense(np.abs(samples))
        spline = interpolate.CubicSpline(np.arange(len(dense)), dense)
        positions = (self.low_pass.left + self.times_s * self.rate_hz) * ratio
        return np.asarray(spline(positions), np.float64)

    def _root_mean_square(self, samples: np.ndarray) -> np.ndarray:
        sums = np.concatenate([[0.0], np.cumsum(np.square(samples, dtype=np.float64))])
        half = self.preset.window_s * self.rate_hz / 2
        centre = self.times_s * self.rate_hz + 0.5
        last = len(samples)
        start, stop = np.clip(centre - half, 0, last), np.clip(centre + half, 0, last)
        index = np.arange(last + 1)
        total = np.interp(stop, index, sums) - np.interp(start, index, sums)
        return np.asarray(np.sqrt(np.maximum(total, 0.0) / np.maximum(stop - start, 1.0)))


def resample_envelope(values: np.ndarray, rate_hz: float, times_s: np.ndarray) -> np.ndarray:
    """An envelope that a file holds, read off at other times without overshoot.

    Parameters
    ----------
    values : numpy.ndarray
        (n_samples,) envelope.
    rate_hz : float
        Its rate.
    times_s : numpy.ndarray
        Where it is wanted; when that is coarser, it is low-passed first.
    """
    wanted_hz = 1 / (times_s[1] - times_s[0]) if len(times_s) > 1 else rate_hz
    if len(values) < 2:
        return np.full(len(times_s), values[0], np.float64)
    if wanted_hz < 0.99 * rate_hz:
        sos = signal.butter(4, 0.4 * wanted_hz, fs=rate_hz, output="sos")
        values = ZeroPhase(len(values), rate_hz, sos, np.float64)(values)
    frames = np.arange(len(values)) / rate_hz
    curve = interpolate.PchipInterpolator(frames, values)
    return np.asarray(curve(np.clip(times_s, 0, frames[-1])), np.float64)
