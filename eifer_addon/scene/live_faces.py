"""The avatars of a live session together: who follows, what they show, and what when it is lost."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ..errors import EiferError
from ..spaces import ARKIT52, get_space
from .live_avatars import LiveAvatar, to_hub, wanted_objects

if TYPE_CHECKING:
    from collections.abc import Callable

    import bpy

    from ..live.session import Snapshot

#: Ease to neutral: after this time a third is left.
_EASE_S = 0.3
#: A face this near to rest is at rest.
_STILL = 1e-3
_NOTHING = np.zeros(0, np.float32)


class Faces:
    """See the module.

    Attributes
    ----------
    avatars : list of LiveAvatar
    moved : bool
        Whether an avatar was moved since this was last set to False.
    """

    def __init__(self) -> None:
        self.avatars: list[LiveAvatar] = []
        self.moved = False
        self._frame = -1
        self._shown = np.zeros(len(ARKIT52), np.float32)
        self._hub: tuple[str, Callable[[np.ndarray], np.ndarray]] = ("", lambda row: row)

    def follow(self, context: bpy.types.Context) -> list[str]:
        """Let those follow that are ticked or chosen now; sentences about those that cannot."""
        wanted = {obj.session_uid: obj for obj in wanted_objects(context)}
        for avatar in [a for a in self.avatars if a.uid not in wanted]:
            avatar.end()
            self.avatars.remove(avatar)
        known = {avatar.uid for avatar in self.avatars}
        refused = []
        for uid, obj in wanted.items():
            if uid not in known:
                try:
                    self.avatars.append(LiveAvatar.of(obj))
                except EiferError as error:
                    refused.append(str(error))
        self.again()
        return refused

    def again(self) -> None:
        """Show the newest frame again, though it was shown before."""
        self._frame = -1

    def release(self) -> None:
        """Put the avatars back to how they were; those that still follow begin anew later."""
        for avatar in self.avatars:
            avatar.end()
        self.again()

    def clear(self) -> None:
        """Put them back, and let nobody follow."""
        self.release()
        self.avatars = []
        self._shown = np.zeros(len(ARKIT52), np.float32)

    def show_live(self, snapshot: Snapshot) -> None:
        """Show the newest frame, if there is a new one."""
        if snapshot.n_frames == self._frame or len(snapshot.coefficients) == 0:
            return
        self._frame = snapshot.n_frames
        if self._hub[0] != snapshot.space:
            self._hub = (snapshot.space, to_hub(get_space(snapshot.space)))
        for avatar in self.avatars:
            avatar.hide(hidden=False)
        self.show(self._hub[1](snapshot.coefficients), snapshot.activity, snapshot.muscles)

    def show_lost(self, how: str, since_s: float) -> None:
        """Hold, ease to neutral, or hide.

        Parameters
        ----------
        how : str
            ``"hold"``, ``"ease"`` or ``"hide"``.
        since_s : float
            Since the last call.
        """
        if how == "hide":
            for avatar in self.avatars:
                avatar.hide(hidden=True)
        elif how == "ease" and self._shown.max(initial=0.0) > 0.0:
            values = self._shown * math.exp(-since_s / _EASE_S)
            values[values < _STILL] = 0.0
            self.show(values.astype(np.float32))

    def show(
        self,
        coefficients: np.ndarray,
        activity: np.ndarray = _NOTHING,
        muscles: tuple[str, ...] = (),
    ) -> None:
        """Set values on all avatars; those that are gone are forgotten.

        Parameters
        ----------
        coefficients : numpy.ndarray
            float32 (52,) in `arkit52`.
        activity : numpy.ndarray
            float32 (n_muscles,).
        muscles : tuple of str
        """
        self._shown, self.moved = coefficients, True
        gone = [a for a in self.avatars if not a.show(coefficients, activity, muscles)]
        for avatar in gone:
            self.avatars.remove(avatar)
