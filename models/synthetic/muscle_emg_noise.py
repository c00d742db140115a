"""What electrodes pick up besides muscles: noise, hum, drift, movement, and contacts that fail."""

from __future__ import annotations

import numpy as np
from scipy import fft

from .movements import FRAME_HZ
from .muscle_emg_places import Montage3D
from .muscle_emg_units import RAW_HZ

#: RMS in µV of one electrode against the reference. White noise of contact and amplifier in the
#: EMG band; hum of the reference, which all electrodes share, and of each one's own; slow drift of
#: the half-cell potential; what a strong movement of the skin under an electrode adds.
NOISE_UV, COMMON_HUM_UV, HUM_UV, DRIFT_UV, MOVEMENT_UV = 1.0, 18.0, 0.9, 2.0, 22.0
_MAINS_HZ, _HARMONICS = 50.0, ((1, 1.0), (2, 0.06), (3, 0.22), (5, 0.09))
#: Below this the noise of a contact rises as 1/f.
_CORNER_HZ = 25.0
_DRIFT_HZ, _MOVEMENT_HZ = 1.0, 9.0
#: Spread (log) of drift between contacts and clips: most are still, some wander far.
_DRIFTING = 0.8
#: Chance for a contact to fail for a moment in a clip, how long it lasts in s, and what it shows.
_LOSS, _LOSS_S, _LOST_HUM_UV, _LOST_STEP_UV = 0.0025, (0.08, 0.9), 220.0, 900.0
#: Coefficients that move by so much in a second shake the skin at full strength.
_FAST_PER_S = 5.0


def add_everything_else(
    samples: np.ndarray, montage: Montage3D, movement: np.ndarray, rng: np.random.Generator
) -> None:
    """Add noise, hum, drift, movement artefacts and failing contacts to potentials in place.

    Parameters
    ----------
    samples : numpy.ndarray
        (n_electrodes, n_samples) float64 in µV at 4096 Hz.
    montage : Montage3D
    movement : numpy.ndarray
        (n_frames, 52) coefficients at 30 Hz.
    rng : numpy.random.Generator
    """
    n_electrodes, n = samples.shape
    poor = montage.poor[:, None]
    samples += _coloured(n_electrodes, n, poor, rng)
    time = np.arange(n) / RAW_HZ
    samples += COMMON_HUM_UV * np.exp(rng.normal(0, 0.5)) * _hum(time, rng, 1)
    samples += HUM_UV * poor * _hum(time, rng, n_electrodes)
    samples += MOVEMENT_UV * _shaking(movement, time) * _band(n_electrodes, n, _MOVEMENT_HZ, rng)
    for row in np.flatnonzero(rng.uniform(size=n_electrodes) < _LOSS * montage.poor):
        _lose(samples[row], time, rng)


def _coloured(n_rows: int, n: int, poor: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Contact noise and drift as one noise, (n_rows, n) in µV."""
    length = fft.next_fast_len(n + n // 4, real=True)  # longer, so that it does not close a ring
    frequency = np.fft.rfftfreq(length, 1 / RAW_HZ)
    band = RAW_HZ / 2
    white = NOISE_UV**2 / band * (1 + _CORNER_HZ / np.maximum(frequency, 0.5))
    slow = np.where((frequency > 0) & (frequency < _DRIFT_HZ), 1 / (frequency + 0.1) ** 2, 0.0)
    slow *= DRIFT_UV**2 / max(float(slow.sum()) * RAW_HZ / length, 1e-12)
    wander = np.exp(rng.normal(0, _DRIFTING, (n_rows, 1)))
    density = white * poor**2 + slow * poor * wander**2
    draw = rng.standard_normal((n_rows, 2 * len(frequency))).view(np.complex128)
    draw *= np.sqrt(density * RAW_HZ * length) / 2
    draw[:, 0] = 0
    return np.asarray(fft.irfft(draw, length, axis=1)[:, :n])


def _hum(time: np.ndarray, rng: np.random.Generator, n_rows: int) -> np.ndarray:
    """Mains with harmonics, (n_rows, n), RMS near 1; its size and frequency waver a little."""
    frequency = _MAINS_HZ + rng.normal(0, 0.015)
    out = np.zeros((n_rows, len(time)))
    wander = 1 + 0.15 * np.sin(2 * np.pi * 0.13 * time + rng.uniform(0, 6.28))
    for harmonic, share in _HARMONICS:
        cosine = np.cos(2 * np.pi * harmonic * frequency * time)
        sine = np.sin(2 * np.pi * harmonic * frequency * time)
        phase = rng.uniform(0, 2 * np.pi, n_rows) if harmonic > 1 else rng.normal(0, 0.5, n_rows)
        size = share * np.sqrt(2) * np.exp(rng.normal(0, 0.35, n_rows))
        out += (size * np.cos(phase))[:, None] * cosine + (size * np.sin(phase))[:, None] * sine
    return np.asarray(out * wander)


def _shaking(movement: np.ndarray, time: np.ndarray) -> np.ndarray:
    """How fast the face moves, 0 to 1, (n,)."""
    change = np.abs(np.gradient(movement, axis=0)).max(axis=1) * FRAME_HZ / _FAST_PER_S
    return np.interp(time, np.arange(len(movement)) / FRAME_HZ, np.clip(change, 0, 1))


def _band(n_rows: int, n: int, below_hz: float, rng: np.random.Generator) -> np.ndarray:
    """Noise (n_rows, n) between 0.5 Hz and a limit, made at its own pace, RMS near 1."""
    pace = 8 * below_hz
    coarse = int(np.ceil(n / RAW_HZ * pace)) + 8
    frequency = np.fft.rfftfreq(coarse, 1 / pace)
    weight = np.where((frequency > 0.5) & (frequency < below_hz), 1 / (frequency + 1), 0.0)
    weight /= np.sqrt(max(float((weight**2).sum()), 1e-12)) / np.sqrt(coarse / 2)
    draw = rng.standard_normal((n_rows, 2 * len(frequency))).view(np.complex128) / np.sqrt(2)
    rows = np.fft.irfft(draw * weight, coarse, axis=1) * np.sqrt(coarse)
    at = np.arange(n) * (pace / RAW_HZ)
    k = at.astype(int)
    part = at - k
    return np.asarray(rows[:, k] * (1 - part) + rows[:, k + 1] * part)


def _lose(row: np.ndarray, time: np.ndarray, rng: np.random.Generator) -> None:
    """Let one contact fail for a moment: the muscle is gone, hum and a step are there."""
    length = rng.uniform(*_LOSS_S)
    start = rng.uniform(time[0], max(time[-1] - length, time[0] + 1e-3))
    lost = (time >= start) & (time < start + length)
    since = time[lost] - start
    hum = _LOST_HUM_UV * np.exp(rng.normal(0, 0.5)) * _hum(time[lost], rng, 1)[0]
    step = _LOST_STEP_UV * rng.normal(0, 0.6) * (1 - np.exp(-since / 0.02))
    row[lost] = 0.05 * row[lost] + hum + step
    settling = time >= start + length
    last = float(step[-1]) if len(step) else 0.0
    row[settling] += last * np.exp(-(time[settling] - start - length) / 0.05)
