"""The presets: one description of each chain, for zero-phase and for causal use alike.

A `Preset` says what is done to raw EMG; `Preset.band` and `Preset.low_pass` design it for a
sampling rate. `convert` runs it over a recording with zero phase, `causal` sample by sample.
Both build their filters from the same second-order sections, so they cannot drift apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import signal

from ..errors import EiferError
from .filters import FilterChain, design_chain, design_published_chain, squared_magnitude

_MS = 1000.0
#: A second and a half of impulse response holds more than 1 - 1e-6 of the energy of any chain.
_RESPONSE_S = 1.5


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
        Length of the window of a moving root mean square; 0 where `cutoff_hz` is used. Offline
        it is centred, live it ends at the newest sample.
    family : str
        Of the low-pass: ``"butterworth"`` or ``"bessel"`` (its -3 dB point at `cutoff_hz`).
    causal : bool
        True when a recording goes through the causal chain too, so that it shows exactly what
        a live view would have shown.
    published : bool
        True for the chain of the MaM and MMM data sets, with a band-pass of its own.
    frame_rate_hz : float
        Frames per second that belong to the preset; 0 when it has none.
    """

    name: str
    words: str
    cutoff_hz: float = 0.0
    order: int = 0
    window_s: float = 0.0
    family: str = "butterworth"
    causal: bool = False
    published: bool = False
    frame_rate_hz: float = 0.0

    def band(self, rate_hz: float, mains: tuple[float, ...] = ()) -> FilterChain:
        """Band-pass and notches for raw EMG at `rate_hz`, as second-order sections.

        Parameters
        ----------
        rate_hz : float
        mains : tuple of float
            What `filters.find_mains` found.
        """
        return (design_published_chain if self.published else design_chain)(rate_hz, mains)

    def low_pass(self, rate_hz: float) -> np.ndarray:
        """The low-pass of the rectified signal, (n_sections, 6)."""
        options: dict[str, Any] = {"fs": rate_hz, "output": "sos"}
        if self.family == "bessel":
            return np.asarray(signal.bessel(self.order, self.cutoff_hz, norm="mag", **options))
        return np.asarray(signal.butter(self.order, self.cutoff_hz, **options))

    def power(self, frequencies_hz: np.ndarray, rate_hz: float) -> np.ndarray:
        """Squared magnitude of the low-pass for signals at `rate_hz`."""
        return squared_magnitude(self.low_pass(rate_hz), frequencies_hz, rate_hz)

    def smoothing_delay_ms(self, rate_hz: float) -> float:
        """Delay of the causal smoothing alone: group delay at 0 Hz, or half the window."""
        if self.window_s:
            window = round(self.window_s * rate_hz)
            return _MS * (window - 1) / 2 / rate_hz
        response = FilterChain(self.low_pass(rate_hz)).impulse_response(
            round(_RESPONSE_S * rate_hz)
        )
        return _MS * float(np.arange(len(response)) @ response / response.sum()) / rate_hz

    def causal_delay_ms(self, rate_hz: float, mains: tuple[float, ...] = ()) -> float:
        """Delay of the whole causal chain for a burst of EMG.

        The power of noise leaves a filter later by the centroid of its squared impulse
        response; the smoothing adds its group delay.
        """
        band = self.band(rate_hz, mains)
        energy = band.impulse_response(round(_RESPONSE_S * rate_hz)) ** 2
        band_ms = _MS * float(np.arange(len(energy)) @ energy / energy.sum()) / rate_hz
        return round(band_ms + self.smoothing_delay_ms(rate_hz), 1)


PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset("clinical", "rectified; low-pass 6 Hz (Butterworth order 4)", 6.0, 4),
        Preset(
            "live", "rectified; low-pass 6 Hz (Bessel order 2)", 6.0, 2,
            family="bessel", causal=True,
        ),
        Preset("rms100", "root mean square over 100 ms", window_s=0.1),
        Preset(
            "mam", "root mean square over 500 ms, Fourier-resampled to 30 Hz", window_s=0.5,
            published=True, frame_rate_hz=30.0,
        ),
    )
}  # fmt: skip


def get_preset(name: str) -> Preset:
    """The preset called `name`; `EiferError` with the names there are."""
    if name not in PRESETS:
        raise EiferError(f"There is no preset '{name}'.", f"Choose one of: {', '.join(PRESETS)}.")
    return PRESETS[name]
