"""Envelopes: rectified or squared EMG, smoothed with zero phase, read off at the frame times."""

from __future__ import annotations

import numpy as np
from scipy import fft, interpolate, ndimage, signal

from .presets import PRESETS, Preset, get_preset
from .zero_phase import ZeroPhase

__all__ = ["PRESETS", "Enveloper", "Preset", "get_preset", "resample_envelope"]

#: The smoothed envelope is kept at this rate before it is read off at the frames: forty times
#: the cut-off of 6 Hz, where a cubic spline's error is below 1e-5 of the amplitude.
_DENSE_RATE_HZ = 256.0
#: Taps per output sample and Kaiser's beta of the filter before decimation. What would fold
#: into the envelope's band lies 120 dB down, and the band itself passes within 1e-6.
_TAPS_PER_SAMPLE, _KAISER_BETA = 10, 12.3


class Decimator:
    """Leave out what lies above half of the kept rate, then keep every `factor`-th sample.

    It works as a product of matrices, which is faster than a transform of the long signal.

    Parameters
    ----------
    rate_hz : float
        Of the signals.
    keep_rate_hz : float
        The kept rate is the lowest whole fraction of `rate_hz` that is not below it.
    """

    def __init__(self, rate_hz: float, keep_rate_hz: float) -> None:
        self.factor = max(1, int(rate_hz // keep_rate_hz))
        taps = self.factor * _TAPS_PER_SAMPLE
        window = ("kaiser", _KAISER_BETA)
        response = signal.firwin(taps, 0.5 / self.factor, window=window, fs=1.0)
        self.parts = response.reshape(_TAPS_PER_SAMPLE, self.factor).T.astype(np.float32)
        #: Where output 0 stands among the input's samples.
        self.offset = (taps - 1) / 2

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """Decimated signal; output k stands at ``offset + k * factor``."""
        rows = len(samples) // self.factor
        products = samples[: rows * self.factor].reshape(rows, self.factor) @ self.parts
        count = rows - _TAPS_PER_SAMPLE + 1
        total = products[:count, 0].astype(np.float64)
        for k in range(1, _TAPS_PER_SAMPLE):
            total += products[k : k + count, k]
        return total


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
        numpy.float32 decimates the rectified signal before the low-pass; numpy.float64 gives
        the low-pass exactly.
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
        self.decimator: Decimator | None = None
        if not preset.cutoff_hz:
            return
        self.low_pass = ZeroPhase(
            n_samples, rate_hz, preset.low_pass(rate_hz), dtype, keep_rate_hz=_DENSE_RATE_HZ
        )
        if dtype == np.float32 and rate_hz >= 2 * _DENSE_RATE_HZ:
            self._prepare_decimation()

    def _prepare_decimation(self) -> None:
        """The low-pass of the long signal, carried out on its decimated form."""
        decimator = self.decimator = Decimator(self.rate_hz, _DENSE_RATE_HZ)
        count = self.low_pass.total // decimator.factor - _TAPS_PER_SAMPLE + 1
        self.dense_length = int(fft.next_fast_len(count, real=True))
        step_hz = self.rate_hz / decimator.factor / self.dense_length
        frequencies = np.arange(self.dense_length // 2 + 1) * step_hz
        self.gain = self.preset.power(frequencies, self.rate_hz)

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """Envelope at the frame times, float64, never below 0."""
        if self.preset.published:
            values = self._published(samples)
        elif not self.preset.cutoff_hz:
            values = self._root_mean_square(samples)
        elif self.decimator is None:
            values = self._smoothed(samples)
        else:
            values = self._decimated(samples, self.decimator)
        return np.maximum(values, 0.0)

    def _smoothed(self, samples: np.ndarray) -> np.ndarray:
        dense, ratio = self.low_pass.dense(np.abs(samples))
        return self._read_off(dense, (self.low_pass.left + self.times_s * self.rate_hz) * ratio)

    def _decimated(self, samples: np.ndarray, decimator: Decimator) -> np.ndarray:
        few = decimator(self.low_pass.extended(np.abs(samples)))
        spectrum = fft.rfft(few, self.dense_length) * self.gain
        dense = fft.irfft(spectrum, self.dense_length)
        positions = self.low_pass.left + self.times_s * self.rate_hz - decimator.offset
        return self._read_off(dense, positions / decimator.factor)

    @staticmethod
    def _read_off(dense: np.ndarray, positions: np.ndarray) -> np.ndarray:
        """Values of a cubic spline through `dense` between its samples."""
        return np.asarray(
            ndimage.map_coordinates(dense, positions[None], np.float64, order=3, mode="mirror")
        )

    def _published(self, samples: np.ndarray) -> np.ndarray:
        """RMS at every sample, then Fourier resampling, as the MaM data set has it."""
        frame_rate, n = self.preset.frame_rate_hz, len(samples)
        frames = max(2, round(n / self.rate_hz * frame_rate))
        few = signal.resample(self.every_root_mean_square(samples), frames)
        steps = self.times_s * frame_rate
        if np.allclose(steps, np.round(steps)):
            return np.asarray(few[np.minimum(np.round(steps).astype(np.int64), frames - 1)])
        curve = interpolate.PchipInterpolator(np.arange(frames) * (n / self.rate_hz / frames), few)
        return np.asarray(curve(self.times_s))

    def every_root_mean_square(self, samples: np.ndarray) -> np.ndarray:
        """RMS around every sample, shape (n_samples,), over what there is at the ends.

        A window of an even number of samples reaches one further back than ahead.
        """
        n, window = len(samples), min(round(self.preset.window_s * self.rate_hz), len(samples))
        sums = np.concatenate([[0.0], np.cumsum(np.square(samples, dtype=np.float64))])
        left = window // 2
        inside = slice(left, n - window + left + 1)
        means: np.ndarray = np.empty(n, samples.dtype)
        means[inside] = (sums[window:] - sums[: n + 1 - window]) / window
        for k in (np.arange(left), np.arange(inside.stop, n)):
            start, stop = np.maximum(k - left, 0), np.minimum(k - left + window, n)
            means[k] = (sums[stop] - sums[start]) / (stop - start)
        return np.sqrt(np.maximum(means, 0.0, out=means), out=means)

    def _root_mean_square(self, samples: np.ndarray) -> np.ndarray:
        sums = np.concatenate([[0.0], np.cumsum(np.square(samples, dtype=np.float64))])
        half = self.preset.window_s * self.rate_hz / 2
        centre = self.times_s * self.rate_hz + 0.5
        last = len(samples)
        start, stop = np.clip(centre - half, 0, last), np.clip(centre + half, 0, last)
        total = _between(sums, stop) - _between(sums, start)
        return np.asarray(np.sqrt(np.maximum(total, 0.0) / np.maximum(stop - start, 1.0)))


def _between(values: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """Linear interpolation at fractional indices."""
    low = np.minimum(positions.astype(np.int64), len(values) - 2)
    part = positions - low
    return np.asarray(values[low] * (1 - part) + values[low + 1] * part)


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
