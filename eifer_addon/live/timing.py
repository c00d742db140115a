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
        self._count = self._reference = 0
        self._sums = np.zeros(5)  # of 1, x, y, x², x y; x counts from the reference
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
        numbers = self._count + np.arange(len(stamps), dtype=np.float64)
        if self._count == 0:
            self._origin = float(stamps[0])
        lead = stamps - self._line(numbers)
        gap = self._gap(lead) if self._count else None
        if gap is not None:
            self._begin()
            self._origin = float(stamps[0])
            numbers -= numbers[0]
        # Stamps later than late ones usually are do not move the line, nor do those far behind:
        # a gap, or a clock that was set back, may come of them.
        ahead = lead.min() - self._highest > self._least
        behind = lead.max() < -max(_LEAST_BACK_S, self._least)
        if gap is not None or not self._settled or not (ahead or behind):
            self._learn(numbers, stamps)
        times = self._line(numbers)
        self._count += len(stamps)
        return self._increasing(times, back=gap is not None and gap.missing == 0), gap

    def _line(self, numbers: np.ndarray) -> np.ndarray:
        """Times on the line of samples by their numbers."""
        nominal = self._origin + numbers * self._period
        return np.asarray(nominal + self._height + self._slope * (numbers - self._reference))

    def _learn(self, numbers: np.ndarray, stamps: np.ndarray) -> None:
        """Draw the line anew with more stamps."""
        n = len(numbers)
        one, x, y, xx, xy = self._sums * 0.5 ** (n * self._period / _HALF_LIFE_S)
        # The reference moves with the newest sample, so that no sum grows for ever.
        move = numbers[-1] - self._reference
        xx, xy, x = xx - 2 * move * x + move * move * one, xy - move * y, x - move * one
        self._reference = numbers[-1]
        new_x = numbers - self._reference
        new_y = stamps - self._origin - numbers * self._period
        one, x, y = one + n, x + new_x.sum(), y + new_y.sum()
        xx, xy = xx + new_x @ new_x, xy + new_x @ new_y
        self._sums = np.array([one, x, y, xx, xy])
        # Stamps of a short while tell where the line lies, not how steep it is.
        prior = (_TRUST_S / self._period) ** 3 / 12.0
        self._slope = (xy - x * y / one) / (xx - x * x / one + prior)
        self._height = y / one - self._slope * x / one

    def _gap(self, lead: np.ndarray) -> Gap | None:
        """Judge how far stamps run ahead of the line."""
        newest = float(lead[-1])
        if abs(newest) > _AT_ONCE_S:
            return self._missing(newest) if newest > 0 else _SET_BACK
        window = self._window
        window.seconds += len(lead) * self._period
        window.low, window.high = min(window.low, lead.min()), max(window.high, lead.max())
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
            step = _CLOSEST * self._period
            times = np.maximum(times, self.last_s + step * (1 + np.arange(len(times))))
        self.last_s = float(times[-1])
        return np.asarray(times)
