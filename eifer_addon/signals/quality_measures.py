"""What `quality` judges by, measured in stretches of a second, all channels at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import fft, signal

from .filters import BAND_HZ, FLAT, MAINS_HZ, SHRUNK
from .recording import Recording

MEASURES = (
    "flat", "clipped", "contact_lost", "mains_ratio", "movement_ratio", "signal_to_rest",
    "crosstalk",
)  # fmt: skip
STRETCH_S = 1.0
_READ_AT_ONCE = 8
#: Below this a Hann window lets what is left of the drift through.
_LOWEST_HZ = 2.0
_LINE_REACH_HZ = 1.5
#: A sample this near (in parts of the channel's range) to an end of the range touches it.
_TOUCH = 1e-4
#: So many equal samples in a row at the end of the range are cut off, fewer are a peak.
_CLIPPED_RUN = 3
#: Strong EMG that is cut off at both ends is clipped; an open input stays at one of them.
_SATURATED_PART = 0.9
#: An open input is an antenna: so many times the channel's usual hum, and hum above all else.
_ANTENNA_OVER_USUAL, _ANTENNA_OVER_EMG = 100.0, 10.0
_STRONG_PERCENTILE, _REST_PERCENTILE = 95.0, 10.0
_MOVING_PERCENTILE = 90.0
#: In fewer there need be no rest and no movement.
_LEAST_STRETCHES = 5


@dataclass(frozen=True)
class Stretches:
    """Measures per channel and stretch.

    Attributes
    ----------
    length_s : float
        Seconds per stretch.
    flat, clipped, contact_lost : numpy.ndarray
        bool (n_channels, n_stretches).
    mains_ratios, movement_ratios : numpy.ndarray
        (n_channels, n_stretches), power over the power of the EMG band.
    amplitudes : numpy.ndarray
        (n_channels, n_stretches), RMS in the EMG band.
    correlation : numpy.ndarray
        (n_channels, n_channels), at zero lag in the EMG band, without the mains, diagonal 0.
    correlations : numpy.ndarray
        (n_channels, n_stretches), with the channel that it runs along with most in that stretch.
    """

    length_s: float
    flat: np.ndarray
    clipped: np.ndarray
    contact_lost: np.ndarray
    mains_ratios: np.ndarray
    movement_ratios: np.ndarray
    amplitudes: np.ndarray
    correlation: np.ndarray
    correlations: np.ndarray

    @property
    def partner(self) -> np.ndarray:
        """For each channel the one that it runs along with most, (n_channels,)."""
        return np.asarray(np.argmax(self.correlation, axis=1))

    def measure(self, name: str) -> np.ndarray:
        """One of `MEASURES` for the recording as a whole, (n_channels,)."""
        if name in ("flat", "clipped", "contact_lost"):
            return np.asarray(getattr(self, name).mean(axis=1))
        if name == "crosstalk":
            return np.asarray(self.correlation.max(axis=1))
        living = ~(self.flat | self.contact_lost)
        if name == "signal_to_rest":
            if living.shape[1] < _LEAST_STRETCHES:
                return np.zeros(len(living))
            strong = _percentiles(self.amplitudes, living, _STRONG_PERCENTILE)
            rest = _percentiles(self.amplitudes, living, _REST_PERCENTILE)
            return np.asarray(np.where(rest > 0, strong / np.where(rest > 0, rest, 1.0), 0.0))
        if name == "mains_ratio":
            return _percentiles(self.mains_ratios, living, 50.0)
        return _percentiles(self.movement_ratios, living, _MOVING_PERCENTILE)

    def series(self, name: str) -> np.ndarray:
        """One of `MEASURES` over time, (n_channels, n_stretches)."""
        if name in ("flat", "clipped", "contact_lost"):
            return np.asarray(getattr(self, name))
        if name == "crosstalk":
            return self.correlations
        if name != "signal_to_rest":
            return np.asarray(getattr(self, f"{name}s"))
        living = ~(self.flat | self.contact_lost)
        rest = _percentiles(self.amplitudes, living, _REST_PERCENTILE)[:, None]
        return np.asarray(np.where(rest > 0, self.amplitudes / np.where(rest > 0, rest, 1.0), 0.0))


def _percentiles(values: np.ndarray, living: np.ndarray, percentile: float) -> np.ndarray:
    rows = zip(values, living, strict=True)
    return np.array([np.percentile(row[ok], percentile) if ok.any() else 0.0 for row, ok in rows])


def measure_stretches(recording: Recording) -> Stretches:
    """Measure all channels of a recording, reading a few seconds at a time."""
    length = min(recording.n_samples, max(2, round(STRETCH_S * recording.rate_hz)))
    bands = _Bands(length, recording.rate_hz)
    parts: list[dict[str, np.ndarray]] = []
    shared: np.ndarray = np.zeros((len(recording.channels),) * 2)
    for read in _blocks(recording, length):
        missing = ~np.isfinite(read).all(axis=2)
        block = np.nan_to_num(read, posinf=0.0, neginf=0.0) if missing.any() else read
        part = _extremes(block) | {"missing": missing}
        if recording.holds_envelope:
            zero = np.zeros(missing.shape)
            part |= {"mains": zero, "low": zero, "emg": block.mean(axis=2) ** 2, "shared": zero}
        else:
            powers, common = bands.measure(block)
            part |= powers
            shared += common
        parts.append(part)
    whole = {key: np.concatenate([p[key] for p in parts], axis=1) for key in parts[0]}
    return _stretches(whole, shared, length / recording.rate_hz)


def cross_powers(recording: Recording) -> tuple[np.ndarray, int]:
    """Cross-power of all pairs of channels in the EMG band, second by second.

    Returns
    -------
    powers : numpy.ndarray
        (n_stretches, n_channels, n_channels), at zero lag, without the mains.
    bins : int
        Independent values behind each number, for its standard error.
    """
    length = min(recording.n_samples, max(2, round(STRETCH_S * recording.rate_hz)))
    bands = _Bands(length, recording.rate_hz)
    found = [np.zeros((0, len(recording.channels), len(recording.channels)))]
    for block in _blocks(recording, length):
        inside = bands.spectrum(np.nan_to_num(block, posinf=0.0, neginf=0.0))[..., bands.emg]
        inside = inside.transpose(1, 0, 2)
        found.append((inside @ inside.conj().transpose(0, 2, 1)).real.astype(np.float64))
    return np.concatenate(found), int(bands.emg.sum())


def _blocks(recording: Recording, length: int) -> Iterator[np.ndarray]:
    """Samples as (n_channels, n_stretches, length); what is left at the end is left out."""
    count = recording.n_samples // length
    for first in range(0, count, _READ_AT_ONCE):
        stop = min(first + _READ_AT_ONCE, count)
        samples = np.asarray(recording.data(first * length, stop * length), np.float64)
        yield samples.reshape(len(samples), stop - first, length)


def _extremes(block: np.ndarray) -> dict[str, np.ndarray]:
    """Lowest and highest value, and how the samples touch them."""
    low, high = block.min(axis=2), block.max(axis=2)
    near = _TOUCH * (high - low)[..., None]
    found = {"low_end": low, "high_end": high}
    for side, touching in (
        ("low", block <= low[..., None] + near),
        ("high", block >= high[..., None] - near),
    ):
        run = touching.copy()
        for k in range(1, _CLIPPED_RUN):
            run[..., :-k] &= touching[..., k:]
            run[..., -k:] = False
        found[f"{side}_run"] = run.any(axis=2)
        found[f"{side}_part"] = touching.mean(axis=2)
    return found


class _Bands:
    """Power of the EMG, of the mains and below 20 Hz, from one transform per stretch."""

    def __init__(self, length: int, rate_hz: float) -> None:
        self.window = np.asarray(signal.windows.hann(length, sym=False), np.float32)
        self.scale = 2.0 / (length * float(np.sum(self.window.astype(np.float64) ** 2)))
        frequencies = np.fft.rfftfreq(length, 1 / rate_hz)
        highest = min(BAND_HZ[1], SHRUNK * rate_hz)
        self.low = (frequencies >= _LOWEST_HZ) & (frequencies < BAND_HZ[0])
        inside = (frequencies >= BAND_HZ[0]) & (frequencies <= highest)
        self.lines, self.emg = [], inside
        for mains in MAINS_HZ:
            harmonic = np.maximum(np.round(frequencies / mains), 1.0) * mains
            line = inside & (np.abs(frequencies - harmonic) <= _LINE_REACH_HZ)
            self.lines.append(line)
            self.emg = self.emg & ~line

    def spectrum(self, block: np.ndarray) -> np.ndarray:
        """Spectra (n_channels, n_stretches, n_frequencies), complex64."""
        level = (block - block.mean(axis=2, keepdims=True)).astype(np.float32)
        level *= self.window
        return np.asarray(fft.rfft(level, axis=2))

    def measure(self, block: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """Powers (n_channels, n_stretches) and the cross-power (n_channels, n_channels)."""
        spectrum = self.spectrum(block)
        power = spectrum.real**2 + spectrum.imag**2
        lines = [power[..., line].sum(axis=2) for line in self.lines]
        mains = max(lines, key=lambda values: float(np.sum(values)))
        powers = {
            "mains": mains * self.scale,
            "low": power[..., self.low].sum(axis=2) * self.scale,
            "emg": power[..., self.emg].sum(axis=2) * self.scale,
        }
        inside = spectrum[..., self.emg].transpose(1, 0, 2)
        common = (inside @ inside.conj().transpose(0, 2, 1)).real
        powers["shared"] = _highest_correlation(common).T
        return powers, common.sum(axis=0)


def _highest_correlation(common: np.ndarray) -> np.ndarray:
    """Each channel's highest correlation with another, (n_stretches, n_channels), 0 to 1."""
    own = np.sqrt(np.maximum(np.einsum("kii->ki", common), np.finfo(np.float32).tiny))
    correlation = np.abs(common) / (own[:, :, None] * own[:, None, :])
    np.einsum("kii->ki", correlation)[...] = 0.0
    return np.asarray(correlation.max(axis=2))


def _stretches(whole: dict[str, np.ndarray], shared: np.ndarray, length_s: float) -> Stretches:
    lowest = whole["low_end"].min(axis=1, keepdims=True)
    highest = whole["high_end"].max(axis=1, keepdims=True)
    span = whole["high_end"] - whole["low_end"]
    size = np.maximum(np.abs(highest), np.abs(lowest))
    still = span <= FLAT * size
    reach = _TOUCH * (highest - lowest)
    at_low = (whole["low_end"] <= lowest + reach) & ~still
    at_high = (whole["high_end"] >= highest - reach) & ~still
    saturated = (at_low & (whole["low_part"] >= _SATURATED_PART)) | (
        at_high & (whole["high_part"] >= _SATURATED_PART)
    )
    usual = np.median(whole["mains"], axis=1, keepdims=True)
    antenna = (whole["mains"] > _ANTENNA_OVER_USUAL * usual) & (
        whole["mains"] > _ANTENNA_OVER_EMG * whole["emg"]
    )
    own = np.sqrt(np.maximum(np.diag(shared), np.finfo(float).tiny))
    correlation = np.abs(shared) / np.outer(own, own)
    np.fill_diagonal(correlation, 0.0)
    emg = np.maximum(whole["emg"], np.finfo(np.float32).tiny)
    return Stretches(
        length_s=length_s,
        flat=still,
        clipped=((at_low & whole["low_run"]) | (at_high & whole["high_run"])) & ~saturated,
        contact_lost=saturated | (antenna & (usual > 0)) | whole["missing"],
        mains_ratios=np.where(still, 0.0, whole["mains"] / emg),
        movement_ratios=np.where(still, 0.0, whole["low"] / emg),
        amplitudes=np.sqrt(whole["emg"]),
        correlation=correlation,
        correlations=np.where(still, 0.0, whole["shared"]),
    )
