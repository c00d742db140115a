"""The causal chain: the same presets, sample by sample, with the state carried along.

What comes out does not depend on how the samples are cut into chunks, so a live view, a replay
and a recording that goes through at once show the same envelope.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import signal

from ..errors import EiferError
from .presets import Preset, get_preset

try:
    # What `scipy.signal.sosfilt` runs when it has looked at its arguments, which takes ten times as
    # long as filtering two milliseconds of live samples.
    from scipy.signal._sosfilt import _sosfilt
except ImportError:  # of a SciPy that keeps it elsewhere
    _sosfilt = None


class CausalChain:
    """Raw EMG in, envelopes out, chunk after chunk.

    Parameters
    ----------
    preset : Preset or str
    rate_hz : float
        Sampling rate.
    n_channels : int
    mains : tuple of float
        What `filters.find_mains` found in the seconds before, for the notches.

    Attributes
    ----------
    delay_ms : float
        Delay of a burst of EMG through the whole chain.
    """

    def __init__(
        self,
        preset: Preset | str,
        rate_hz: float,
        n_channels: int,
        mains: tuple[float, ...] = (),
    ) -> None:
        self.preset = get_preset(preset) if isinstance(preset, str) else preset
        self.rate_hz, self.n_channels = rate_hz, n_channels
        chain = self.preset.band(rate_hz, mains)
        self.words = (*chain.words, self.preset.words, "all causal")
        self.delay_ms = self.preset.causal_delay_ms(rate_hz, mains)
        self._band = np.ascontiguousarray(chain.sos, np.float64)
        #: State of the sections after a 1 that was there all along.
        self._still = signal.sosfilt_zi(self._band)
        self._taps = chain.taps
        self._low_pass = self.preset.low_pass(rate_hz) if self.preset.cutoff_hz else None
        self.reset()

    def reset(self) -> None:
        """Forget everything: the next chunk is the first one."""
        self._band_state: np.ndarray | None = None
        self._fir_state: np.ndarray | None = None
        self._smooth_state: np.ndarray | None = None
        self._window: MovingMean | None = None
        if self._low_pass is None:
            length = max(1, round(self.preset.window_s * self.rate_hz))
            self._window = MovingMean(length, self.n_channels)

    def restart_channels(self, which: np.ndarray, samples: np.ndarray) -> None:
        """Begin some channels anew, as if they had been still before their next sample.

        Parameters
        ----------
        which : numpy.ndarray
            bool (n_channels,).
        samples : numpy.ndarray
            (n_channels,) the next samples.
        """
        if self._band_state is None:
            return  # the next chunk is the first one for all
        self._band_state[which] = self._still * samples[which, None, None]
        if self._fir_state is not None:
            self._fir_state[which] = 0.0
        if self._smooth_state is not None:
            self._smooth_state[which] = 0.0
        if self._window is not None:
            self._window.clear(which)

    def state(self) -> dict[str, np.ndarray]:
        """What the next sample depends on, as arrays; for :meth:`restore`."""
        found = {
            "band": self._band_state, "fir": self._fir_state, "smooth": self._smooth_state,
            **({} if self._window is None else self._window.state()),
        }  # fmt: skip
        return {name: array.copy() for name, array in found.items() if array is not None}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from what :meth:`state` gave."""
        self.reset()
        kept = {name: np.array(array) for name, array in state.items()}
        self._band_state = kept.get("band")
        self._fir_state = kept.get("fir")
        self._smooth_state = kept.get("smooth")
        if self._window is not None:
            self._window.restore(state)

    def process(self, samples: np.ndarray) -> np.ndarray:
        """Envelope of the next samples.

        Parameters
        ----------
        samples : numpy.ndarray
            (n_channels, n) raw EMG in any unit; n may be anything from 0.

        Returns
        -------
        numpy.ndarray
            (n_channels, n) float64 in the same unit, never below 0.

        Raises
        ------
        EiferError
            When the number of channels is another one.
        """
        x = np.asarray(samples, np.float64)
        if x.ndim != 2 or len(x) != self.n_channels:
            raise EiferError(
                f"Samples of shape {x.shape} do not fit a chain of {self.n_channels} channels.",
                "Give an array (n_channels, n).",
            )
        if x.shape[1] == 0:
            return np.empty_like(x)
        x = self.band_pass(x)
        if self._window is not None:
            return np.sqrt(self._window.process(x * x))
        low_pass = self._low_pass
        assert low_pass is not None  # one of the two smooths
        if self._smooth_state is None:
            self._smooth_state = np.zeros((self.n_channels, len(low_pass), 2))
        return np.maximum(run_sections(low_pass, np.abs(x), self._smooth_state), 0.0)

    def band_pass(self, samples: np.ndarray) -> np.ndarray:
        """Only band-pass and notches of the next samples; begins as if at rest before."""
        if self._band_state is None:
            # The first sample counts as the offset that was there all along.
            self._band_state = self._still * samples[:, :1, None]
        y = run_sections(self._band, samples, self._band_state)
        if self._taps is None:
            return y
        if self._fir_state is None:
            settled = np.full((self.n_channels, len(self._taps) - 1), 1.0) * y[:, :1]
            self._fir_state = signal.lfilter(self._taps, 1.0, settled, axis=1,
                                             zi=np.zeros_like(settled))[1]  # fmt: skip
        z, self._fir_state = signal.lfilter(self._taps, 1.0, y, axis=1, zi=self._fir_state)
        return np.asarray(z)


def run_sections(sos: np.ndarray, samples: np.ndarray, state: np.ndarray) -> np.ndarray:
    """Second-order sections over the next samples.

    Parameters
    ----------
    sos : numpy.ndarray
        (n_sections, 6).
    samples : numpy.ndarray
        (n_channels, n) float64.
    state : numpy.ndarray
        (n_channels, n_sections, 2), which is moved on in place.

    Returns
    -------
    numpy.ndarray
        (n_channels, n).
    """
    if _sosfilt is None:
        result, moved = signal.sosfilt(sos, samples, axis=1, zi=state.transpose(1, 0, 2))
        state[:] = moved.transpose(1, 0, 2)
        return np.asarray(result)
    filtered = np.array(samples, np.float64, order="C")
    _sosfilt(sos, filtered, state)
    return filtered


class MovingMean:
    """Mean over the newest `length` samples of values that are never negative.

    A running sum would lose the small values after a large one to rounding. Here every window
    is the end of one block plus the beginning of the next, both summed in a fixed order, so
    nothing is ever subtracted and chunks do not matter.

    Parameters
    ----------
    length : int
        Samples per window.
    n_channels : int
    """

    def __init__(self, length: int, n_channels: int) -> None:
        self.length = length
        # A whole block of the past and what there is of the present one.
        self._kept = np.zeros((n_channels, length))
        self._seen = 0

    def clear(self, which: np.ndarray) -> None:
        """Let the past of some channels be 0."""
        self._kept = self._kept.copy()
        self._kept[which] = 0.0

    def state(self) -> dict[str, np.ndarray]:
        """What the next sample depends on."""
        return {"window": self._kept, "window_seen": np.array(self._seen)}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from what :meth:`state` gave."""
        self._kept, self._seen = np.array(state["window"]), int(state["window_seen"])

    def process(self, values: np.ndarray) -> np.ndarray:
        """Means ending at each of the next samples, shape (n_channels, n).

        Before `length` samples have come, the mean is over those that have.
        """
        length, n = self.length, values.shape[1]
        begun = self._kept.shape[1] - length
        x = np.concatenate([self._kept, values], axis=1)
        n_blocks = -(-x.shape[1] // length)
        whole = np.zeros((len(x), n_blocks * length))
        whole[:, : x.shape[1]] = x
        blocks = whole.reshape(len(x), n_blocks, length)
        heads = np.cumsum(blocks, axis=2)
        tails = np.zeros_like(blocks)
        tails[:, :, :-1] = np.cumsum(blocks[:, :, :0:-1], axis=2)[:, :, ::-1]
        sums = (heads[:, 1:] + tails[:, :-1]).reshape(len(x), -1)[:, begun : begun + n]
        counts = np.minimum(self._seen + 1 + np.arange(n), length)
        self._seen += n
        last_block = (x.shape[1] // length - 1) * length
        self._kept = x[:, last_block:]
        return np.asarray(sums / counts)
