"""Time stamps without jitter, and samples that are missing by their time stamps.

A sender stamps samples by its clock when it gets hold of them, so stamps jitter and whole chunks
come late, while the device's own clock runs evenly. `Clockwork` fits a line through stamps over
sample numbers, which forgets with a half-life of a minute and a half (as liblsl's own does), and
reads times off it. Samples are counted all the while:

- A late chunk is followed by one in time; missing samples put all stamps ahead of the line for
  good. So the least lead in windows of a quarter of a second is compared with what it usually is.
- A jump of five seconds counts at once. Stamps that fall behind mean a clock that was set back.

Nothing is ever put in the place of missing samples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_HALF_LIFE_S = 90.0
_WINDOW_S, _AT_ONCE_S = 0.25, 5.0
#: Missing are at least so many samples, so much time, and so many times the usual spread.
_LEAST_SAMPLES, _LEAST_S, _LEAST_SPREADS = 1.5, 0.002, 8.0
_LEAST_BACK_S = 0.25
#: Smaller leads are judged from here on: the line has to be drawn first.
_SETTLING_S = 2.0
#: How far a window moves what is usual, later and at first.
_USUAL_PART, _FIRST_PART = 0.1, 0.5
#: The nominal rate counts as much as stamps of so long.
_TRUST_S = 0.5
#: Least step of times, in periods.
_CLOSEST = 0.1

#: Chunks are short, and making a small array anew takes longer than working with it.
_AHEAD = np.arange(4096.0)


def _ahead(n: int) -> np.ndarray:
    """0, 1, …, n - 1 as float64; not to be changed."""
    return _AHEAD[:n] if n <= len(_AHEAD) else np.arange(float(n))


def increasing(times: np.ndarray, last_s: float, step_s: float) -> np.ndarray:
    """Evenly rising times, at least `step_s` apart from `last_s` on."""
    if times[0] >= last_s + step_s:
        return times
    return np.asarray(np.maximum(times, last_s + step_s * (1 + _ahead(len(times)))))


@dataclass(frozen=True)
class Gap:
    """Samples that never came.

    Attributes
    ----------
    missing : int
        How many; 0 where that cannot be known.
    reason : str
        A few words.
    """

    missing: int
    reason: str


_SET_BACK = Gap(0, "the sender's clock was set back")


@dataclass
class _Window:
    seconds: float = 0.0
    low: float = np.inf
    high: float = -np.inf


class Clockwork:
    """Stamps of one stream in, even times and gaps out.

    Parameters
    ----------
    rate_hz : float
        The nominal sampling rate.
    """

    def __init__(self, rate_hz: float) -> None:
        self.nominal_hz = rate_hz
        self.last_s = -np.inf
        self._period, self._slope = 1.0 / rate_hz, 0.0
        self._begin()

    @property
    def rate_hz(self) -> float:
        """The rate by the stamps."""
        return 1.0 / (self._period + self._slope)

    def _begin(self) -> None:
        """Forget where the line lies, not how steep it is: the next stamps draw a new one."""
        self._period += self._slope
        self._count, self._reference = 0, 0.0
        self._sums = (0.0,) * 5  # of 1, x, y, x², x y; x counts from the reference
        self._origin = self._slope = self._height = 0.0
        self._window = _Window()
        #: The least and the largest lead of a window, usually, and how far the least varies.
        self._lowest = self._highest = self._spread = 0.0

    def process(self, stamps: np.ndarray) -> tuple[np.ndarray, Gap | None]:
        """Even times of the next samples.

        Parameters
        ----------
        stamps : numpy.ndarray
            float64 (n,) in s; n above 0.

        Returns
        -------
        times : numpy.ndarray
            float64 (n,), increasing, except when a clock was set back.
        gap : Gap or None
            Found to lie before these samples, or shortly before them.
        """
        n = len(stamps)
        if self._count == 0:
            self._origin = float(stamps[0])
        numbers = self._count + _ahead(n)
        even = self._origin + numbers * self._period
        beside = stamps - even
        lead = beside - self._line(numbers)
        low, high = float(lead.min()), float(lead.max())
        gap = self._gap(low, high, float(lead[-1]), n) if self._count else None
        if gap is not None:
            self._begin()
            self._origin = float(stamps[0])
            numbers = _ahead(n)
            even = self._origin + numbers * self._period
            beside = stamps - even
        # Stamps later than late ones usually are do not move the line, nor do those far behind:
        # a gap, or a clock that was set back, may come of them.
        runs = low - self._highest > self._least or high < -max(_LEAST_BACK_S, self._least)
        if gap is not None or not self._settled or not runs:
            self._learn(beside)
        times = even + self._line(numbers)
        self._count += n
        return self._increasing(times, back=gap is not None and gap.missing == 0), gap

    def _line(self, numbers: np.ndarray) -> np.ndarray:
        """How far the line runs beside the nominal rate, at samples by their numbers."""
        return np.asarray((self._height - self._slope * self._reference) + self._slope * numbers)

    def _learn(self, beside: np.ndarray) -> None:
        """Draw the line anew with the newest stamps, less the nominal rate's."""
        n = len(beside)
        weight = 0.5 ** (n * self._period / _HALF_LIFE_S)
        one, x, y, xx, xy = (weight * value for value in self._sums)
        # The reference moves with the newest sample, so that no sum grows for ever.
        last = self._count + n - 1.0
        move = last - self._reference
        xx, xy, x = xx - 2 * move * x + move * move * one, xy - move * y, x - move * one
        self._reference = last
        # The new samples stand at 1 - n, …, -1, 0.
        total = float(beside.sum())
        one, x, y = one + n, x - n * (n - 1) / 2, y + total
        xx += (n - 1) * n * (2 * n - 1) / 6
        xy += float(_ahead(n) @ beside) - (n - 1) * total
        self._sums = (one, x, y, xx, xy)
        # Stamps of a short while tell where the line lies, not how steep it is.
        prior = (_TRUST_S / self._period) ** 3 / 12.0
        self._slope = (xy - x * y / one) / (xx - x * x / one + prior)
        self._height = y / one - self._slope * x / one

    def _gap(self, low: float, high: float, newest: float, n: int) -> Gap | None:
        """Judge how far stamps run ahead of the line."""
        if abs(newest) > _AT_ONCE_S:
            return self._missing(newest) if newest > 0 else _SET_BACK
        window = self._window
        window.seconds += n * self._period
        window.low, window.high = min(window.low, low), max(window.high, high)
        if window.seconds < _WINDOW_S:
            return None
        self._window = _Window()
        if self._settled:
            if window.low - self._lowest > self._least:
                return self._missing(window.low - self._lowest)
            if window.high < -max(_LEAST_BACK_S, self._least):
                return _SET_BACK
        part = _USUAL_PART if self._settled else _FIRST_PART
        self._spread += part * (abs(window.low - self._lowest) - self._spread)
        self._lowest += part * (window.low - self._lowest)
        self._highest += part * (window.high - self._highest)
        return None

    @property
    def _settled(self) -> bool:
        return self._count * self._period >= _SETTLING_S

    @property
    def _least(self) -> float:
        """By how much stamps have to run ahead, in s, to tell of missing samples."""
        return max(_LEAST_SAMPLES * self._period, _LEAST_S, _LEAST_SPREADS * self._spread)

    def _missing(self, lead_s: float) -> Gap:
        missing = round(lead_s / self._period)
        return Gap(missing, f"{missing} samples are missing by their time stamps")

    def _increasing(self, times: np.ndarray, *, back: bool) -> np.ndarray:
        """Times that go on behind the last one, closer together for a while when they overlap."""
        if not back:
            times = increasing(times, self.last_s, _CLOSEST * self._period)
        self.last_s = float(times[-1])
        return np.asarray(times)
