"""The One Euro filter: a low-pass whose cutoff rises with speed, so rest is calm and bursts quick.

After Casiez, Roussel and Vogel: 1 Euro Filter, CHI 2012, algorithms 1 and 2, for many columns at
once. It is causal and keeps its state, so that a recording, a replay and a live view show the
same however the frames are cut into chunks.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..errors import EiferError

#: The cutoff of the speed's own low-pass that the paper fixes.
SPEED_CUTOFF_HZ = 1.0
_MS = 1000.0


class OneEuro:
    """One Euro filters side by side, one per column.

    Parameters
    ----------
    rate_hz : float
        Frames per second.
    min_cutoff_hz : float
        Cutoff at rest, above 0; lower is calmer and later.
    beta : float
        How many hertz the cutoff rises per unit of speed (1/s), at least 0.
    speed_cutoff_hz : float
        Cutoff of the low-pass of the speed.
    """

    def __init__(
        self,
        rate_hz: float,
        min_cutoff_hz: float,
        beta: float = 0.0,
        speed_cutoff_hz: float = SPEED_CUTOFF_HZ,
    ) -> None:
        if not (rate_hz > 0 and min_cutoff_hz > 0 and beta >= 0 and speed_cutoff_hz > 0):
            raise EiferError(
                f"A One Euro filter with {min_cutoff_hz:g} Hz and beta {beta:g} at {rate_hz:g} "
                "frames/s cannot be.",
                "Rates and cutoffs are above 0, beta is at least 0.",
            )
        self.rate_hz, self.min_cutoff_hz, self.beta = rate_hz, min_cutoff_hz, beta
        self._turn_s = 1.0 / (2.0 * np.pi)
        self._speed_alpha = 1.0 / (1.0 + self._turn_s / speed_cutoff_hz * rate_hz)
        self.reset()

    def reset(self) -> None:
        """Forget everything: the next frame is the first one."""
        self._value: np.ndarray | None = None
        self._speed: np.ndarray | None = None

    def state(self) -> dict[str, np.ndarray]:
        """What the next frame depends on, as arrays; for :meth:`restore`."""
        if self._value is None or self._speed is None:
            return {}
        return {"value": self._value.copy(), "speed": self._speed.copy()}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from what :meth:`state` gave."""
        self._value, self._speed = state.get("value"), state.get("speed")

    def process(self, frames: np.ndarray) -> np.ndarray:
        """Filter the next frames.

        Parameters
        ----------
        frames : numpy.ndarray
            (n_frames, n_columns); n_frames may be anything from 0.

        Returns
        -------
        numpy.ndarray
            float64 of the same shape. The very first frame comes out as it went in.

        Raises
        ------
        EiferError
            When the number of columns is another one than before.
        """
        x = np.asarray(frames, np.float64)
        if x.ndim != 2 or (self._value is not None and x.shape[1] != len(self._value)):
            raise EiferError(
                f"Frames of shape {x.shape} do not fit this One Euro filter.",
                "Give an array (n_frames, n_columns) with as many columns as before.",
            )
        result = np.empty_like(x)
        for k, row in enumerate(x):
            result[k] = self._step(row)
        return result

    def _step(self, row: np.ndarray) -> np.ndarray:
        if self._value is None or self._speed is None:
            self._value, self._speed = row.copy(), np.zeros_like(row)
            return self._value
        speed = (row - self._value) * self.rate_hz
        self._speed = self._speed + self._speed_alpha * (speed - self._speed)
        cutoff = self.min_cutoff_hz + self.beta * np.abs(self._speed)
        # alpha = 1 / (1 + tau * rate) with tau = 1 / (2 pi cutoff), written with one division.
        alpha = cutoff / (cutoff + self._turn_s * self.rate_hz)
        self._value = self._value + alpha * (row - self._value)
        return self._value


def one_euro_delay_ms(min_cutoff_hz: float, beta: float = 0.0, speed: float = 0.0) -> float:
    """Delay of a One Euro filter for slow changes.

    Parameters
    ----------
    min_cutoff_hz, beta : float
        As for :class:`OneEuro`.
    speed : float
        How fast the signal moves at the moment, in units per second; 0 gives the longest delay.

    Returns
    -------
    float
        Time constant 1 / (2 pi cutoff) in ms, which is the group delay of a first-order low-pass
        near 0 Hz.
    """
    return _MS / (2.0 * np.pi * (min_cutoff_hz + beta * abs(speed)))
