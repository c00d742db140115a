"""How good each channel is while it runs: the measures of `signals.quality`, a few at a time.

The last seconds of the raw samples are kept. Looking at all channels at once would hold up the
coefficients, so each turn looks at one, and all have had theirs after a few seconds.
"""

from __future__ import annotations

import numpy as np

from ..signals.quality import LEVELS, check_quality
from ..signals.recording import Recording

#: Codes in shared memory; the levels of `signals.quality` follow.
UNKNOWN = 0
_MEMORY_S, _ROUND_S = 3.0, 3.0


class QualityWatch:
    """Levels and sentences of the channels that drive muscles.

    Parameters
    ----------
    channels : tuple of str
        Those that are judged.
    rate_hz : float

    Attributes
    ----------
    levels : numpy.ndarray
        uint8 (n_channels,): 0 unknown, 1 good, 2 doubtful, 3 bad.
    sentences : dict of str to str
        By channel, where something is not good.
    """

    def __init__(self, channels: tuple[str, ...], rate_hz: float) -> None:
        self.channels, self.rate_hz = channels, rate_hz
        self.levels = np.zeros(len(channels), np.uint8)
        self.sentences: dict[str, str] = {}
        self._kept = np.zeros((len(channels), max(2, round(_MEMORY_S * rate_hz))), np.float32)
        self._count = self._since = self._next = 0
        self._every = max(1, round(_ROUND_S * rate_hz / max(1, len(channels))))

    def add(self, samples: np.ndarray) -> None:
        """Take in samples (n_channels, n), and judge a channel when it is its turn."""
        length, n = self._kept.shape[1], samples.shape[1]
        start = self._count % length
        if start + n <= length:
            self._kept[:, start : start + n] = samples
        else:
            places = (self._count + np.arange(max(0, n - length), n)) % length
            self._kept[:, places] = samples[:, max(0, n - length) :]
        self._count += n
        self._since += n
        if self._since >= self._every and self._count >= length:
            self._since = 0
            self._judge()

    def _judge(self) -> None:
        index = self._next
        self._next = (index + 1) % len(self.channels)
        name = self.channels[index]
        kept = np.roll(self._kept[index], -(self._count % self._kept.shape[1]))
        recording = Recording.from_array(kept[None], self.rate_hz, (name,))
        findings = check_quality(recording, [name])[name].findings.values()
        self.levels[index] = 1 + max((LEVELS.index(level) for level, _ in findings), default=0)
        self.sentences.pop(name, None)
        if findings:
            self.sentences[name] = " ".join(sentence for _, sentence in findings)
