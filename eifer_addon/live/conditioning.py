"""The last step before the face: dead zone, gain, One Euro smoothing and bounds of coefficients."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..signals.one_euro import OneEuro
from ..spaces import ExpressionSpace
from .settings import Conditioning


class Conditioner:
    """Coefficients of the model in, coefficients for the face out.

    Parameters
    ----------
    conditioning : Conditioning
    space : ExpressionSpace
    rate_hz : float
        Frames per second.
    """

    def __init__(self, conditioning: Conditioning, space: ExpressionSpace, rate_hz: float) -> None:
        self.space, self.rate_hz = space, rate_hz
        self._lower, self._upper = np.asarray(space.lower), np.asarray(space.upper)
        self.smoother: OneEuro | None = None
        self.set(conditioning)

    def set(self, conditioning: Conditioning) -> None:
        """Go on with other conditioning from the next frame; smoothing keeps where it is."""
        kept = {} if self.smoother is None else self.smoother.state()
        self.conditioning, self.smoother = conditioning, None
        if conditioning.min_cutoff_hz:
            self.smoother = OneEuro(self.rate_hz, conditioning.min_cutoff_hz, conditioning.beta)
            self.smoother.restore(kept)

    def process(self, coefficients: np.ndarray) -> np.ndarray:
        """The next frames, (n_frames, n_coefficients) float32."""
        chosen = self.conditioning
        values = coefficients.astype(np.float64)
        if chosen.dead_zone:
            # Coefficients without bounds may be negative; both signs have a dead zone.
            size = np.abs(values)
            values = np.copysign(np.clip(2.0 * (size - chosen.dead_zone), 0.0, size), values)
        if chosen.gain != 1.0:
            values *= chosen.gain
        if self.smoother is not None:
            values = self.smoother.process(values)
        if chosen.clamp:
            values = np.clip(values, self._lower, self._upper)
        return values.astype(np.float32)

    def state(self) -> dict[str, np.ndarray]:
        """What the next frame depends on."""
        return {} if self.smoother is None else self.smoother.state()

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from what :meth:`state` gave."""
        if self.smoother is not None:
            self.smoother.restore(state)
