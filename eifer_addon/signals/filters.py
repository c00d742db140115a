"""Filters described once and applied with zero phase through the frequency domain.

A zero-phase filter (forward and backward, as ``scipy.signal.sosfiltfilt`` does it) multiplies
the spectrum by the squared magnitude of the filter. Doing just that costs two transforms for
the whole chain, however many notches it has, and equals ``sosfiltfilt`` away from the edges.
The chain keeps its second-order sections, so a causal path can run the same description.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft, signal

#: Surface EMG of the face: Fridlund and Cacioppo 1986; van Boxtel, Psychophysiology 38 (2001).
BAND_HZ = (20.0, 450.0)
BAND_ORDER = 4
#: The upper edge stays below this part of the sampling rate.
SHRUNK = 0.45
#: Under this rate a part of the EMG band is lost.
FULL_BAND_RATE_HZ = 500.0
MAINS_HZ = (50.0, 60.0)
#: Width of each notch between its half-power points.
NOTCH_WIDTH_HZ = 1.5
#: A mains line stands this far above the median power of its neighbourhood.
_LINE_RATIO = 8.0
_HARMONIC_RATIO = 5.0
_NEIGHBOURHOOD_HZ = 8.0
_LINE_REACH_HZ = 0.75
_WELCH_S = 2.0
#: A channel that varies by less than this part of its size is flat: its rest is rounding.
FLAT = 1e-9
#: Extension at each end: a second at full size, longer than any filter here rings, and a
#: second of fading out.
_PAD_S = 2.0


@dataclass(frozen=True)
class FilterChain:
    """Second-order sections and what they do, in words.

    Attributes
    ----------
    sos : numpy.ndarray
        (n_sections, 6), applied once forward and once backward.
    words : tuple of str
        One sentence part per step.
    """

    sos: np.ndarray
    words: tuple[str, ...]

    def power(self, frequencies_hz: np.ndarray, rate_hz: float) -> np.ndarray:
        """Squared magnitude at `frequencies_hz`: what forward and backward filtering multiplies."""
        return squared_magnitude(self.sos, frequencies_hz, rate_hz)


def design_chain(rate_hz: float, mains: tuple[float, ...] = ()) -> FilterChain:
    """The band-pass for `rate_hz`, and a notch at each frequency of `mains` inside it.

    Parameters
    ----------
    rate_hz : float
        Sampling rate of the raw signal.
    mains : tuple of float
        Mains frequency and harmonics in Hz, from :func:`find_mains`.
    """
    low, high = BAND_HZ[0], min(BAND_HZ[1], SHRUNK * rate_hz)
    sections = [signal.butter(BAND_ORDER, (low, high), "bandpass", fs=rate_hz, output="sos")]
    text = f"band-pass {low:g}-{high:g} Hz (Butterworth order {BAND_ORDER}, zero-phase)"
    if rate_hz < FULL_BAND_RATE_HZ:
        text += f", shrunk because {rate_hz:g} Hz loses a part of the EMG band"
    words = [text]
    inside = [f for f in mains if low < f < SHRUNK * rate_hz]
    for frequency in inside:
        b, a = signal.iirnotch(frequency, frequency / NOTCH_WIDTH_HZ, fs=rate_hz)
        sections.append(signal.tf2sos(b, a))
    if inside:
        listed = ", ".join(f"{f:g}" for f in inside)
        words.append(f"notches {NOTCH_WIDTH_HZ:g} Hz wide at {listed} Hz (zero-phase)")
    else:
        words.append("no mains hum found, so no notch")
    return FilterChain(np.vstack(sections), tuple(words))


def squared_magnitude(sos: np.ndarray, frequencies_hz: np.ndarray, rate_hz: float) -> np.ndarray:
    """|H(f)|² of second-order sections, float64, shape of `frequencies_hz`."""
    cos1 = np.cos(2 * np.pi * np.asarray(frequencies_hz, np.float64) / rate_hz)
    cos2 = 2 * cos1 * cos1 - 1
    power = np.ones_like(cos1)
    for b0, b1, b2, a0, a1, a2 in sos:
        # |b0 + b1 z + b2 z²|² on the unit circle, without complex numbers.
        top = b0**2 + b1**2 + b2**2 + 2 * b1 * (b0 + b2) * cos1 + 2 * b0 * b2 * cos2
        bottom = a0**2 + a1**2 + a2**2 + 2 * a1 * (a0 + a2) * cos1 + 2 * a0 * a2 * cos2
        power *= np.maximum(top, 0.0) / bottom
    return power


class ZeroPhase:
    """One zero-phase gain for many signals of the same length.

    Parameters
    ----------
    n_samples : int
        Length of the signals.
    rate_hz : float
        Their sampling rate.
    sos : numpy.ndarray
        Sections to apply forward and backward.
    dtype : type
        numpy.float32 halves time and memory; numpy.float64 for comparisons.
    lines_hz : tuple of float
        Mains hum in the signals. Beyond the ends it is continued in phase; a mere reflection
        would break its phase there, and each notch would ring into the signal for 0.3 s.
    keep_rate_hz : float
        For a low-pass: :meth:`dense` gives the signal at about this rate, because leaving out
        the empty high part of the spectrum resamples without a further filter.
    """

    def __init__(
        self, n_samples: int, rate_hz: float, sos: np.ndarray, dtype: type = np.float32,
        lines_hz: tuple[float, ...] = (), keep_rate_hz: float = np.inf,
    ) -> None:  # fmt: skip
        self.n_samples, self.rate_hz, self.dtype = n_samples, rate_hz, dtype
        self.left = max(1, min(n_samples - 1, round(_PAD_S * rate_hz)))
        self.total = int(fft.next_fast_len(n_samples + 2 * self.left, real=True))
        wanted = int(np.ceil(self.total * min(1.0, keep_rate_hz / rate_hz)))
        self.kept = min(self.total, int(fft.next_fast_len(wanted, real=True)))
        frequencies = np.arange(self.kept // 2 + 1) * (rate_hz / self.total)
        self.gain: np.ndarray = squared_magnitude(sos, frequencies, rate_hz).astype(dtype)
        fade = np.minimum(2 * np.arange(self.left) / self.left, 1.0)
        ramp = 0.5 - 0.5 * np.cos(np.pi * fade)
        # The tapered ends meet at zero, so the wrap-around of the transform carries nothing.
        self.taper: np.ndarray = ramp.astype(dtype)
        # Sines and cosines over the pad and as much of the signal, time 0 at the first sample.
        phase = np.outer(np.arange(-self.left, self.left + 1), lines_hz) * (2 * np.pi / rate_hz)
        self.lines = np.hstack([np.sin(phase), np.cos(phase)])
        self.fit = np.linalg.pinv(self.lines[self.left :])

    def __call__(self, samples: np.ndarray) -> np.ndarray:
        """The filtered signal, shape (n_samples,), at its own rate."""
        back: np.ndarray = fft.irfft(self._spectrum(samples), self.total)
        return back[self.left : self.left + self.n_samples]

    def dense(self, samples: np.ndarray) -> tuple[np.ndarray, float]:
        """The extended filtered signal at the kept rate, and kept samples per sample.

        Sample k of the signal stands at ``(left + k) * ratio``.
        """
        ratio = self.kept / self.total
        return fft.irfft(self._spectrum(samples), self.kept) * ratio, ratio

    def _spectrum(self, samples: np.ndarray) -> np.ndarray:
        values: np.ndarray = fft.rfft(self._extended(samples))[: len(self.gain)]
        values *= self.gain
        return values

    def _extended(self, samples: np.ndarray) -> np.ndarray:
        x: np.ndarray = np.zeros(self.total, self.dtype)
        n, left = self.n_samples, self.left
        x[left : left + n] = samples
        x[:left] = self._before(samples[: left + 1]) * self.taper
        after = self._before(samples[: -left - 2 : -1] if n > left + 1 else samples[::-1])
        x[left + n : 2 * left + n] = (after * self.taper)[::-1]
        return x

    def _before(self, start: np.ndarray) -> np.ndarray:
        """What stands before `start` (left + 1,): the hum continued, the rest reflected oddly."""
        amplitudes = self.fit @ start
        rest = start - self.lines[self.left :] @ amplitudes
        reflected: np.ndarray = 2 * rest[0] - rest[:0:-1]
        return reflected + self.lines[: self.left] @ amplitudes


def find_mains(segments: np.ndarray, rate_hz: float) -> tuple[float, ...]:
    """Mains frequency and its harmonics that stand out of the spectrum.

    Parameters
    ----------
    segments : numpy.ndarray
        (n_channels, n_samples) of raw signal; ten seconds are plenty.
    rate_hz : float
        Sampling rate.

    Returns
    -------
    tuple of float
        In Hz, fundamental first, to a hundredth of a hertz, because neither the grid nor the
        recorder's clock keeps 50.00; empty when nothing stands out in any channel.
    """
    length = min(segments.shape[1], round(_WELCH_S * rate_hz))
    if length < rate_hz / 4:
        return ()
    flat = np.ptp(segments, axis=1) <= FLAT * np.abs(segments).max(axis=1)
    segments = segments[~flat]
    if not len(segments):
        return ()
    frequencies, power = signal.welch(segments, rate_hz, nperseg=length, detrend="linear")
    highest = min(SHRUNK * rate_hz, BAND_HZ[1])
    ratios = {f: _line_ratios(frequencies, power, f) for f in MAINS_HZ if f < highest}
    nominal = max(ratios, key=lambda f: ratios[f].max(), default=0.0)
    if not ratios or ratios[nominal].max() < _LINE_RATIO:
        return ()
    found = _refined(segments[np.argmax(ratios[nominal])], rate_hz, nominal)
    harmonics = [found * k for k in range(2, int(highest / found) + 1)]
    return (
        found,
        *(
            round(f, 2)
            for f in harmonics
            if _line_ratios(frequencies, power, f).max() >= _HARMONIC_RATIO
        ),
    )


def _refined(samples: np.ndarray, rate_hz: float, nominal_hz: float) -> float:
    """Frequency of the highest peak near `nominal_hz`, to a hundredth of a hertz."""
    n = len(samples)
    windowed = signal.detrend(samples) * np.hanning(n)
    grid = nominal_hz + np.arange(-_LINE_REACH_HZ, _LINE_REACH_HZ + 0.005, 0.01)
    spectrum = signal.zoom_fft(windowed, [grid[0], grid[-1] + 0.01], len(grid), fs=rate_hz)
    return float(round(grid[np.argmax(np.abs(spectrum))], 2))


def _line_ratios(frequencies: np.ndarray, power: np.ndarray, line_hz: float) -> np.ndarray:
    """How far a line stands above its neighbourhood in each channel (n_channels,).

    It has to stand above both sides: the edge of an amplifier's own filter is no line.
    """
    offset = frequencies - line_hz
    near = np.abs(offset) <= _LINE_REACH_HZ
    aside = (np.abs(offset) > 2 * _LINE_REACH_HZ) & (np.abs(offset) <= _NEIGHBOURHOOD_HZ)
    sides = [aside & (offset < 0), aside & (offset > 0)]
    if not near.any() or not all(side.any() for side in sides):
        return np.zeros(len(power))
    floor = np.max([np.median(power[:, side], axis=1) for side in sides], axis=0)
    ratios: np.ndarray = power[:, near].max(axis=1) / np.where(floor > 0, floor, np.inf)
    return ratios
