"""How good each channel is while it runs: the measures of `signals.quality`, a few at a time.

The last seconds of the raw samples are kept. Looking at all channels at once would hold up the
coefficients, so each call looks at a few, and all have had their turn after about two seconds.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from ..signals.quality import LEVELS, check_quality
from ..signals.recording import Recording

#: Codes in shared memory; the levels of `signals.quality` follow.
UNKNOWN = 0
_MEMORY_S, _ROUND_S = 3.0, 2.0
_AT_ONCE = 4


class QualityWatch:
    """Levels and sentences of the channels that drive muscles.

    Parameters
    ----------
    channels : tuple of str
        Of the stream.
    used : tuple of str
        Those that are judged.
    rate_hz : float

    Attributes
    ----------
    channels : tuple of str
        The judged channels.
    levels : numpy.ndarray
        uint8 (n_used,): 0 unknown, 1 good, 2 doubtful, 3 bad.
    sentences : dict of str to str
        By channel, where something is not good.
    """

    def __init__(self, channels: tuple[str, ...], used: tuple[str, ...], rate_hz: float) -> None:
        self.channels, self.rate_hz = used, rate_hz
        self._rows = [channels.index(name) for name in used]
        self.levels = np.zeros(len(used), np.uint8)
        self.sentences: dict[str, str] = {}
        self._length = max(2, round(_MEMORY_S * rate_hz))
        self._kept: deque[np.ndarray] = deque()
        self._count = 0
        groups = -(-len(used) // _AT_ONCE)
        self._every = max(1, round(_ROUND_S * rate_hz / groups))
        self._since = self._next = 0

    def add(self, samples: np.ndarray) -> None:
        """Take in samples (n_channels, n), and judge a few channels when it is their turn."""
        self._kept.append(samples)
        self._count += samples.shape[1]
        while self._count - self._kept[0].shape[1] >= self._length:
            self._count -= self._kept.popleft().shape[1]
        self._since += samples.shape[1]
        if self._since >= self._every and self._count >= self._length:
            self._since = 0
            self._judge()

    def _judge(self) -> None:
        first = self._next
        stop = min(first + _AT_ONCE, len(self.channels))
        self._next = stop % len(self.channels)
        rows, names = self._rows[first:stop], self.channels[first:stop]
        kept = np.concatenate([part[rows] for part in self._kept], axis=1)
        recording = Recording.from_array(kept, self.rate_hz, names)
        for k, found in enumerate(check_quality(recording, list(names)).channels):
            # Neighbours in the stream are too few to tell cross-talk by.
            findings = {f: v for f, v in found.findings.items() if f != "crosstalk"}
            level = max((LEVELS.index(v[0]) for v in findings.values()), default=0)
            self.levels[first + k] = 1 + level
            self.sentences.pop(names[k], None)
            if findings:
                self.sentences[names[k]] = " ".join(v[1] for v in findings.values())
