"""Zero-phase filtering through the frequency domain, exactly or in blocks.

A zero-phase filter (forward and backward, as ``scipy.signal.sosfiltfilt`` does it) multiplies
the spectrum by the squared magnitude of the filter. Doing just that costs two transforms for
the whole chain, however many notches it has, and equals ``sosfiltfilt`` away from the edges.
Long recordings in single precision go through in overlapping blocks, whose transforms stay in
the processor's cache and run several at a time: five times as fast.
"""

from __future__ import annotations

import numpy as np
from scipy import fft

from .filters import FilterChain

#: Extension at each end: a second at full size, longer than any filter here rings, and a
#: second of fading out.
_PAD_S = 2.0
#: How far a block looks to each side. The narrowest filter, a notch 1.5 Hz wide run both ways,
#: has less than 1e-5 of its response beyond.
_REACH_S = 3.0
_REACHES_PER_BLOCK = 10


class ZeroPhase:
    """One zero-phase gain for many signals of the same length.

    Parameters
    ----------
    n_samples : int
        Length of the signals.
    rate_hz : float
        Their sampling rate.
    filters : FilterChain or numpy.ndarray
        What to apply, or just sections (n_sections, 6) to run forward and backward.
    dtype : type
        numpy.float32 halves memory and goes through in blocks; numpy.float64 is exact.
    lines_hz : tuple of float
        Mains hum in the signals. Beyond the ends it is continued in phase; a mere reflection
        would break its phase there, and each notch would ring into the signal for 0.3 s.
    keep_rate_hz : float
        For a low-pass: :meth:`dense` gives the signal at about this rate, because leaving out
        the empty high part of the spectrum resamples without a further filter.
    """

    def __init__(
        self, n_samples: int, rate_hz: float, filters: FilterChain | np.ndarray,
        dtype: type = np.float32,
        lines_hz: tuple[float, ...] = (), keep_rate_hz: float = np.inf,
    ) -> None:  # fmt: skip
        chain = filters if isinstance(filters, FilterChain) else FilterChain(filters)
        self.n_samples, self.rate_hz, self.dtype = n_samples, rate_hz, dtype
        self.left = max(1, min(n_samples - 1, round(_PAD_S * rate_hz)))
        self.total = int(fft.next_fast_len(n_samples + 2 * self.left, real=True))
        wanted = int(np.ceil(self.total * min(1.0, keep_rate_hz / rate_hz)))
        self.kept = min(self.total, int(fft.next_fast_len(wanted, real=True)))
        self.blocks: _Blocks | None = None
        if dtype == np.float32 and not np.isfinite(keep_rate_hz):
            self.blocks = _Blocks.when_worth_it(self.total, rate_hz, chain)
        if self.blocks is None:
            frequencies = np.arange(self.kept // 2 + 1) * (rate_hz / self.total)
            self.gain: np.ndarray = chain.zero_phase_gain(frequencies, rate_hz).astype(dtype)
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
        if self.blocks is not None:
            return self.blocks(self.extended(samples), self.left, self.n_samples)
        back: np.ndarray = fft.irfft(self._spectrum(samples), self.total)
        return back[self.left : self.left + self.n_samples]

    def dense(self, samples: np.ndarray) -> tuple[np.ndarray, float]:
        """The extended filtered signal at the kept rate, and kept samples per sample.

        Sample k of the signal stands at ``(left + k) * ratio``.
        """
        ratio = self.kept / self.total
        return fft.irfft(self._spectrum(samples), self.kept) * ratio, ratio

    def _spectrum(self, samples: np.ndarray) -> np.ndarray:
        values: np.ndarray = fft.rfft(self.extended(samples))[: len(self.gain)]
        values *= self.gain
        return values

    def extended(self, samples: np.ndarray) -> np.ndarray:
        """The signal continued at both ends until it has faded out, shape (total,)."""
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


class _Blocks:
    """Overlap-save: blocks with a margin to each side, transformed several at a time."""

    def __init__(self, rate_hz: float, chain: FilterChain) -> None:
        self.reach = int(np.ceil(_REACH_S * rate_hz))
        self.length = int(fft.next_fast_len(_REACHES_PER_BLOCK * self.reach, real=True))
        frequencies = np.arange(self.length // 2 + 1) * (rate_hz / self.length)
        self.gain: np.ndarray = chain.zero_phase_gain(frequencies, rate_hz).astype(np.float32)

    @classmethod
    def when_worth_it(cls, total: int, rate_hz: float, chain: FilterChain) -> _Blocks | None:
        """Blocks, unless the signal is hardly longer than one of them."""
        blocks = cls(rate_hz, chain)
        return blocks if total > 2 * blocks.length else None

    def __call__(self, extended: np.ndarray, start: int, count: int) -> np.ndarray:
        """The filtered part of `extended` from `start` on, shape (count,)."""
        step = self.length - 2 * self.reach
        n_blocks = -(-count // step)
        before = max(0, self.reach - start)
        after = max(0, start - self.reach + before + (n_blocks - 1) * step + self.length)
        padded = np.zeros(max(after, before + len(extended)), extended.dtype)
        padded[before : before + len(extended)] = extended
        first = start - self.reach + before
        views = np.lib.stride_tricks.sliding_window_view(padded[first:], self.length)[::step]
        spectrum = fft.rfft(views[:n_blocks], axis=1)
        spectrum *= self.gain
        back = fft.irfft(spectrum, self.length, axis=1, overwrite_x=True)
        kept: np.ndarray = back[:, self.reach : self.reach + step].reshape(-1)[:count]
        return kept
