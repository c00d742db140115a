"""From the stream's channels to the channels that drive muscles: montage, cross-talk, lost ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import EiferError
from ..signals.crosstalk import unmix_by_profile
from ..signals.montage import map_channels
from ..signals.pairs import with_pairs
from ..signals.recording import Recording

#: After its last value that was no number a channel counts as lost for so long: its filters have
#: begun anew.
RECOVERY_S = 0.3


@dataclass(frozen=True)
class Return:
    """Channels that give numbers again.

    Attributes
    ----------
    at : int
        Place of the first such sample among those that were given.
    channels : numpy.ndarray
        bool (n_used,).
    """

    at: int
    channels: np.ndarray


class ChannelFront:
    """Samples of all channels in, samples of the used ones out, always numbers.

    Parameters
    ----------
    channels : tuple of str
        Of the stream.
    rate_hz : float
    montage : optional
        As for `to_activity`.
    profile : mapping
        A profile's document, empty for none.
    unmix : bool
    units : tuple of str, optional
        Of raw channels; the two of a bipolar pair must have the same. None for envelopes.

    Attributes
    ----------
    montage : Montage
    used : tuple of str
        Channels that drive muscles, each once.
    columns : list of int
        For each muscle of the montage its place among `used`.
    words : tuple of str
        What is done here, for the filter text.
    """

    def __init__(
        self,
        channels: tuple[str, ...],
        rate_hz: float,
        montage: Any,
        profile: Mapping[str, Any],
        unmix: bool = False,
        units: tuple[str, ...] | None = None,
    ) -> None:
        self.montage = map_channels(channels, montage)
        self.used = tuple(dict.fromkeys(self.montage.channels.values()))
        self.columns = [self.used.index(name) for name in self.montage.channels.values()]
        self.n_channels = len(channels)
        if self.montage.pairs and units is None:
            raise EiferError(
                f"'{next(iter(self.montage.pairs))}' cannot be made of envelopes.",
                "Stream the raw signal, or map the channels one by one.",
            )
        self._derivation = self.montage.derivation(channels, units)
        self._weights: np.ndarray | None = None
        self.words: tuple[str, ...] = ()
        if unmix:
            # What unmixing does to each channel alone is all there is to know about it.
            probe = Recording.from_array(np.eye(len(channels)), rate_hz, channels)
            mixed, words = unmix_by_profile(with_pairs(probe, self.used), profile)
            take = [mixed.channels.index(name) for name in self.used]
            self._weights, self.words = mixed.data()[take], (words,)
        self._recovery = round(RECOVERY_S * rate_hz)
        self._held = np.zeros(len(self.used))
        self._last_lost = np.full(len(self.used), -self._recovery - 1, np.int64)
        self._seen = 0

    def derive(self, samples: np.ndarray) -> np.ndarray:
        """The used channels of (n_channels, n) as they are, (n_used, n)."""
        return self._derivation.apply(samples)

    def process(
        self, samples: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray | None, tuple[Return, ...]]:
        """The next samples of the used channels.

        Parameters
        ----------
        samples : numpy.ndarray
            (n_channels, n), n above 0; values that are not numbers mark a lost channel.

        Returns
        -------
        used : numpy.ndarray
            (n_used, n) float64; a lost channel stays at its last value.
        lost : numpy.ndarray or None
            bool of the same shape; None when nothing is lost.
        returns : tuple of Return
            Where channels give numbers again.
        """
        values = self._unmixed(samples)
        n = values.shape[1]
        finite = np.isfinite(values)
        lost: np.ndarray | None = None
        returns: tuple[Return, ...] = ()
        if not finite.all() or (self._seen - self._last_lost <= self._recovery).any():
            returns = self._returns(finite)
            values, lost = self._hold(values, finite)
        self._held = values[:, -1].copy()
        self._seen += n
        return values, lost, returns

    def _returns(self, finite: np.ndarray) -> tuple[Return, ...]:
        before = self._last_lost != self._seen - 1
        back = finite & ~np.column_stack([before, finite[:, :-1]])
        return tuple(Return(int(k), back[:, k]) for k in np.flatnonzero(back.any(axis=0)))

    def _unmixed(self, samples: np.ndarray) -> np.ndarray:
        if self._weights is None:
            return self.derive(samples)
        # Summed channel by channel: a product of matrices rounds differently for other lengths.
        total = np.zeros((len(self._weights), samples.shape[1]))
        for weights, channel in zip(self._weights.T, samples, strict=True):
            if weights.any():
                total += np.where(weights == 0.0, 0.0, weights)[:, None] * channel
        return total

    def _hold(self, values: np.ndarray, finite: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        n = values.shape[1]
        steps = np.arange(n)
        newest = np.maximum.accumulate(np.where(finite, steps, -1), axis=1)
        found = np.take_along_axis(values, np.maximum(newest, 0), axis=1)
        held = np.where(newest >= 0, found, self._held[:, None])
        times = self._seen + steps
        since = np.where(finite, np.iinfo(np.int64).min, times)
        since[:, 0] = np.maximum(since[:, 0], self._last_lost)
        last = np.maximum.accumulate(since, axis=1)
        self._last_lost = last[:, -1]
        return held, times - last <= self._recovery

    @property
    def lost(self) -> np.ndarray:
        """Which of the used channels give no numbers now, bool (n_used,)."""
        return np.asarray(self._seen - 1 - self._last_lost <= self._recovery)

    def state(self) -> dict[str, np.ndarray]:
        """What the next sample depends on, as arrays; for :meth:`restore`."""
        return {
            "held": self._held.copy(), "last_lost": self._last_lost.copy(),
            "seen": np.array(self._seen),
        }  # fmt: skip

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from what :meth:`state` gave."""
        self._held, self._last_lost = np.array(state["held"]), np.array(state["last_lost"])
        self._seen = int(state["seen"])
