"""Raw surface EMG as band-limited noise, and everything an electrode picks up besides it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

#: A power spectral density: frequencies in Hz to power in any unit.
Spectrum = Callable[[np.ndarray], np.ndarray]

#: Shape of the EMG spectrum after E. Shwedyk, R. Balasubramanian, R. N. Scott (1977), "A
#: nonstationary model for the electromyogram", IEEE Trans Biomed Eng 24:417-424; corner
#: frequencies in Hz, chosen so that the power peaks near 90 Hz, as small surface electrodes on the
#: face show it (C. J. De Luca 1997 gives 50 to 150 Hz for the dominant part).
LOW_CORNER_HZ, HIGH_CORNER_HZ = 80.0, 170.0
BAND_HZ = (20.0, 450.0)
MAINS_HZ = 50.0
#: Amplitudes in µV, RMS: what a clean laboratory recording of a face shows.
MAINS_UV, NOISE_UV, DRIFT_UV, MOVEMENT_UV = 3.0, 1.5, 25.0, 40.0


def emg_spectrum(frequency_hz: np.ndarray) -> np.ndarray:
    """Power spectral density of surface EMG, any unit, zero outside of `BAND_HZ`.

    ``P(f) = f^2 fh^4 / ((f^2 + fl^2) (f^2 + fh^2)^2)`` (Shwedyk and others 1977).
    """
    f2 = np.asarray(frequency_hz, np.float64) ** 2
    low, high = LOW_CORNER_HZ**2, HIGH_CORNER_HZ**2
    power = f2 * high**2 / ((f2 + low) * (f2 + high) ** 2)
    inside = (f2 >= BAND_HZ[0] ** 2) & (f2 <= BAND_HZ[1] ** 2)
    return np.where(inside, power, 0.0)


def interference(n_samples: int, rate_hz: float, rng: np.random.Generator) -> np.ndarray:
    """Interference pattern of many motor units, shape (n_samples,), RMS 1."""
    return shaped_noise(n_samples, rate_hz, emg_spectrum, rng)


def drift(n_samples: int, rate_hz: float, rng: np.random.Generator) -> np.ndarray:
    """Slow wandering of the electrode's half-cell potential below 1 Hz, RMS 1."""
    return shaped_noise(
        n_samples, rate_hz, lambda f: np.where((f > 0) & (f < 1), 1 / (f + 0.05) ** 2, 0.0), rng
    )


def movement(n_samples: int, rate_hz: float, rng: np.random.Generator) -> np.ndarray:
    """Movement of skin and cables, 0.5 to 8 Hz, RMS 1; to be weighted by how the face moves."""
    return shaped_noise(n_samples, rate_hz, lambda f: ((f > 0.5) & (f < 8)) / (f + 1.0), rng)


def mains(n_samples: int, rate_hz: float, rng: np.random.Generator) -> np.ndarray:
    """Mains hum with its third harmonic and a slowly changing size, RMS near 1."""
    t = np.arange(n_samples) / rate_hz
    phase, third = rng.uniform(0, 2 * np.pi, 2)
    size = 1 + 0.2 * np.sin(2 * np.pi * 0.11 * t + phase)
    wave = np.sin(2 * np.pi * MAINS_HZ * t + phase)
    return np.asarray(size * np.sqrt(2) * (wave + 0.15 * np.sin(6 * np.pi * MAINS_HZ * t + third)))


def shaped_noise(
    n_samples: int,
    rate_hz: float,
    spectrum: Spectrum,
    rng: np.random.Generator,
) -> np.ndarray:
    """Gaussian noise (n_samples,) with the power spectrum `spectrum(frequency_hz)`, RMS 1."""
    transform = np.fft.rfft(rng.standard_normal(n_samples))
    transform *= np.sqrt(spectrum(np.fft.rfftfreq(n_samples, 1 / rate_hz)))
    noise = np.fft.irfft(transform, n_samples)
    rms = float(np.sqrt(np.mean(noise**2)))
    return np.asarray(noise / rms if rms > 0 else noise)
