"""Showing a take on the avatars without writing anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .. import api
from ..errors import EiferError
from ..spaces import ARKIT52

if TYPE_CHECKING:
    from ..signals.activity import Activity
    from ..track import ExpressionTrack


class Audition:
    """A take that plays in real time.

    Parameters
    ----------
    name : str
    track : ExpressionTrack
    activity : Activity
        At the track's timestamps.
    now : float
        `time.monotonic`, when it begins.

    Raises
    ------
    EiferError
        When the take holds no usable frame.
    """

    def __init__(self, name: str, track: ExpressionTrack, activity: Activity, now: float) -> None:
        if track.space.name != ARKIT52.name:
            track = api.retarget(track, ARKIT52.name)
        if not len(track):
            raise EiferError(f"The take '{name}' holds no frame.", "Choose another.")
        self.name, self.muscles = name, activity.muscles
        self._times = track.timestamps - track.timestamps[0]
        self._coefficients, self._activity = track.coefficients, activity.values
        self._began = now

    @property
    def duration_s(self) -> float:
        """How long it plays."""
        return float(self._times[-1])

    def share(self, now: float) -> float:
        """Part that has been played, 0 to 1."""
        return min(1.0, (now - self._began) / max(self.duration_s, 1e-6))

    def at(self, now: float) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]] | None:
        """Coefficients, activity and muscles of the moment; None when it is over."""
        moment = now - self._began
        if moment > self.duration_s:
            return None
        k = max(0, int(np.searchsorted(self._times, moment, side="right")) - 1)
        return self._coefficients[k], self._activity[k], self.muscles
