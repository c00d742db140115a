"""Blocks of time, and what a statistic does when other blocks had been seen.

Frames of a face are no independent samples: a smile lasts seconds. So intervals come from drawing
whole stretches of time with replacement (block bootstrap: E. Carlstein, Ann Statist 14, 1986,
1171-1179; H. R. Künsch, Ann Statist 17, 1989, 1217-1241). Whatever is a function of sums over
frames is drawn as sums of blocks, which makes a thousand draws as cheap as one product.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: Draws, and the share of them that an interval holds.
DRAWS, LEVEL = 1000, 0.95
#: With fewer blocks than this nothing is said of uncertainty.
LEAST_BLOCKS = 6
#: Length of a block in s: longer than what envelopes and movements remember.
BLOCK_S = 2.0

Interval = tuple[float, float] | None


@dataclass(frozen=True)
class Blocks:
    """Stretches of time of equal length.

    Attributes
    ----------
    starts : numpy.ndarray
        int (n_blocks,), first frame of each; the last block may be shorter.
    counts : numpy.ndarray
        float64 (n_draws, n_blocks): how often each is in each draw.
    length_s : float
    """

    starts: np.ndarray
    counts: np.ndarray
    length_s: float

    @classmethod
    def of(
        cls, times: np.ndarray, length_s: float = BLOCK_S, draws: int = DRAWS, seed: int = 0
    ) -> Blocks:
        """Blocks of frames at times (n,) in s; the same seed gives the same draws."""
        numbers = np.floor((times - times[0]) / length_s).astype(int) if len(times) else times
        starts = np.flatnonzero(np.diff(numbers, prepend=-1))
        n = len(starts)
        rng = np.random.default_rng(seed)
        counts = rng.multinomial(n, np.full(n, 1.0 / n), size=draws) if n else np.zeros((draws, 0))
        return cls(starts, counts.astype(np.float64), length_s)

    @property
    def enough(self) -> bool:
        """Whether there are enough blocks for intervals."""
        return len(self.starts) >= LEAST_BLOCKS

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Sums (n_blocks, …) of values (n_frames, …)."""
        return np.add.reduceat(values, self.starts, axis=0)

    def drawn(self, sums: np.ndarray) -> np.ndarray:
        """Sums (n_draws, …) of the drawn blocks."""
        flat = self.counts @ sums.reshape(len(sums), -1)
        return np.asarray(flat.reshape(len(flat), *sums.shape[1:]))


def interval(draws: np.ndarray, *, enough: bool = True) -> Interval:
    """The middle 95 % of a statistic's draws (n_draws,), without those that are not finite.

    None where too few blocks, or draws that say something, are there.
    """
    finite = draws[np.isfinite(draws)]
    if not enough or len(finite) < 0.9 * len(draws) or not len(finite):
        return None
    low, high = np.quantile(finite, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
