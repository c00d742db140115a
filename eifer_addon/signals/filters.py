"""The design of the filters for raw EMG, and the search for mains hum in a spectrum.

A `FilterChain` holds second-order sections and says nothing of how they run: `zero_phase` runs
them forward and backward offline, `causal` runs them once, sample by sample.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import signal

from .recording import FULL_BAND_RATE_HZ

#: Surface EMG of the face: Fridlund and Cacioppo 1986; van Boxtel, Psychophysiology 38 (2001).
BAND_HZ = (20.0, 450.0)
BAND_ORDER = 4
#: The upper edge stays below this part of the sampling rate.
SHRUNK = 0.45
MAINS_HZ = (50.0, 60.0)
PUBLISHED_BAND_HZ, PUBLISHED_TAPS, PUBLISHED_NOTCH_QUALITY = (10.0, 500.0), 129, 2.0
#: Width of each notch between its half-power points.
NOTCH_WIDTH_HZ = 1.5
#: A mains line stands this far above the median power of its neighbourhood.
_LINE_RATIO = 8.0
#: A harmonic stands so far above the median beside it in the spectrum of the whole stretch. There,
#: noise is distributed exponentially however its size changes: 3 in 10 million bins pass.
_HARMONIC_RATIO = 22.0
_HARMONIC_REACH_HZ = 0.15
_NEIGHBOURHOOD_HZ = 8.0
_LINE_REACH_HZ = 0.75
_WELCH_S = 2.0
#: A channel that varies by less than this part of its size is flat: its rest is rounding.
FLAT = 1e-9


@dataclass(frozen=True)
class FilterChain:
    """Filters in a row and what they do, in words.

    Attributes
    ----------
    sos : numpy.ndarray
        Second-order sections (n_sections, 6).
    words : tuple of str
        One sentence part per step.
    taps : numpy.ndarray or None
        A symmetric FIR filter of odd length beside the sections.
    """

    sos: np.ndarray
    words: tuple[str, ...] = ()
    taps: np.ndarray | None = None

    def zero_phase_gain(self, frequencies_hz: np.ndarray, rate_hz: float) -> np.ndarray:
        """What zero-phase filtering multiplies a spectrum by.

        The sections run forward and backward, so their magnitude counts twice; the symmetric
        FIR filter runs once with its delay taken out, as is usual for each kind.
        """
        gain = squared_magnitude(self.sos, frequencies_hz, rate_hz)
        if self.taps is not None:
            half = len(self.taps) // 2
            phase = np.exp(2j * np.pi * np.asarray(frequencies_hz) / rate_hz)
            # Horner's rule over the taps, then the delay of half of them is taken out.
            response = np.zeros_like(phase)
            for tap in self.taps:
                response = response * phase + tap
            gain = gain * (response * phase**-half).real
        return np.asarray(gain)

    def impulse_response(self, n_samples: int) -> np.ndarray:
        """Causal response to one sample of size 1, shape (n_samples,)."""
        impulse = np.zeros(n_samples)
        impulse[0] = 1.0
        response = signal.sosfilt(self.sos, impulse)
        return np.asarray(response if self.taps is None else signal.lfilter(self.taps, 1, response))


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
    words = [f"band-pass {low:g}-{high:g} Hz (Butterworth order {BAND_ORDER}){_shrunk(rate_hz)}"]
    inside = [f for f in mains if low < f < SHRUNK * rate_hz]
    for frequency in inside:
        b, a = signal.iirnotch(frequency, frequency / NOTCH_WIDTH_HZ, fs=rate_hz)
        sections.append(signal.tf2sos(b, a))
    if inside:
        listed = ", ".join(f"{f:g}" for f in inside)
        words.append(f"notches {NOTCH_WIDTH_HZ:g} Hz wide at {listed} Hz")
    else:
        words.append("no mains hum found, so no notch")
    return FilterChain(np.vstack(sections), tuple(words))


def design_published_chain(rate_hz: float, mains: tuple[float, ...] = ()) -> FilterChain:
    """The filters of the MaM and MMM data sets (Büchner and others, Zenodo 16636409).

    A notch of quality 2 at the mains, whether there is hum or not, and an FIR band-pass of 129
    taps with a Hamming window. Made for 4096 Hz; the taps stay as many at other rates.

    Parameters
    ----------
    rate_hz : float
        Sampling rate of the raw signal.
    mains : tuple of float
        From :func:`find_mains`; tells 60 Hz from the published 50 Hz.
    """
    line = 60.0 if mains and abs(mains[0] - 60.0) < 5.0 else 50.0
    sos, notched = np.array([[1.0, 0.0, 0.0, 1.0, 0.0, 0.0]]), "no notch, the rate is too low"
    if line < SHRUNK * rate_hz:
        sos = signal.tf2sos(*signal.iirnotch(line, PUBLISHED_NOTCH_QUALITY, fs=rate_hz))
        notched = f"notch of quality {PUBLISHED_NOTCH_QUALITY:g} at {line:g} Hz"
    low, high = PUBLISHED_BAND_HZ[0], min(PUBLISHED_BAND_HZ[1], SHRUNK * rate_hz)
    taps = signal.firwin(PUBLISHED_TAPS, (low, high), pass_zero=False, window="hamming", fs=rate_hz)
    words = (
        notched,
        f"band-pass {low:g}-{high:g} Hz (FIR, {PUBLISHED_TAPS} taps, Hamming){_shrunk(rate_hz)}",
    )
    return FilterChain(sos, words, taps)


def _shrunk(rate_hz: float) -> str:
    if rate_hz >= FULL_BAND_RATE_HZ:
        return ""
    return f", shrunk because {rate_hz:g} Hz loses a part of the EMG band"


def squared_magnitude(sos: np.ndarray, frequencies_hz: np.ndarray, rate_hz: float) -> np.ndarray:
    """|H(f)|² of second-order sections, float64, shape of `frequencies_hz`."""
    # sin²(w/2) instead of cos(w): near 0 Hz, where a narrow low-pass has all its response, the
    # differences of cosines would lose eight of sixteen digits.
    s = np.sin(np.pi * np.asarray(frequencies_hz, np.float64) / rate_hz) ** 2
    power = np.ones_like(s)
    for section in np.atleast_2d(sos):
        (b0, b1, b2), (a0, a1, a2) = section[:3], section[3:]
        top = (b0 + b1 + b2) ** 2 - 4 * s * (b1 * (b0 + b2) + 4 * b0 * b2) + 16 * b0 * b2 * s * s
        bottom = (a0 + a1 + a2) ** 2 - 4 * s * (a1 * (a0 + a2) + 4 * a0 * a2) + 16 * a0 * a2 * s * s
        power *= np.maximum(top, 0.0) / bottom
    return power


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
    frequencies, power = signal.welch(segments, rate_hz, nperseg=length)
    highest = min(SHRUNK * rate_hz, BAND_HZ[1])
    ratios = {f: _line_ratios(frequencies, power, f) for f in MAINS_HZ if f < highest}
    nominal = max(ratios, key=lambda f: ratios[f].max(), default=0.0)
    if not ratios or ratios[nominal].max() < _LINE_RATIO:
        return ()
    found = _refined(segments[np.argmax(ratios[nominal])], rate_hz, nominal)
    n = segments.shape[1]
    fine = np.abs(np.fft.rfft((segments - segments.mean(axis=1)[:, None]) * np.hanning(n))) ** 2
    steps = np.arange(fine.shape[1]) * rate_hz / n
    reach = max(_HARMONIC_REACH_HZ, 1.5 * rate_hz / n)
    harmonics = [found * k for k in range(2, int(highest / found) + 1)]
    return (
        found,
        *(
            round(f, 2)
            for f in harmonics
            if _line_ratios(steps, fine, f, reach).max() >= _HARMONIC_RATIO
        ),
    )


def _refined(samples: np.ndarray, rate_hz: float, nominal_hz: float) -> float:
    """Frequency of the highest peak near `nominal_hz`, to a hundredth of a hertz."""
    n = len(samples)
    windowed = signal.detrend(samples) * np.hanning(n)
    grid = nominal_hz + np.arange(-_LINE_REACH_HZ, _LINE_REACH_HZ + 0.005, 0.01)
    spectrum = signal.zoom_fft(windowed, [grid[0], grid[-1] + 0.01], len(grid), fs=rate_hz)
    return float(round(grid[np.argmax(np.abs(spectrum))], 2))


def _line_ratios(
    frequencies: np.ndarray, power: np.ndarray, line_hz: float, reach_hz: float = _LINE_REACH_HZ
) -> np.ndarray:
    """How far a line stands above its neighbourhood in each channel (n_channels,).

    It has to stand above both sides: the edge of an amplifier's own filter is no line.
    """
    offset = frequencies - line_hz
    near = np.abs(offset) <= reach_hz
    aside = (np.abs(offset) > 2 * _LINE_REACH_HZ) & (np.abs(offset) <= _NEIGHBOURHOOD_HZ)
    sides = [aside & (offset < 0), aside & (offset > 0)]
    if not near.any() or not all(side.any() for side in sides):
        return np.zeros(len(power))
    floor = np.max([np.median(power[:, side], axis=1) for side in sides], axis=0)
    ratios: np.ndarray = power[:, near].max(axis=1) / np.where(floor > 0, floor, np.inf)
    return ratios
