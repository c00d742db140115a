"""The calibration wizard: rest, then the movements one by one with a countdown each.

The wizard only keeps the time and marks the take; what was recorded meanwhile becomes the
subject's profile by :func:`profile_of_take`. The marks are named like the movements, so the take
can also be calibrated by later programs that know nothing of the wizard.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import EiferError
from ..signals.calibration import Profile, calibrate
from ..signals.movements import REST, Windows, movement_names
from ..signals.posed import default_poses
from ..signals.readers import read_recording
from ..signals.recording import Event
from ..spaces import ARKIT52

#: What a held movement is followed by in the take's marks.
RELAX = "relax"
_BROKEN_OFF = "broken off"
#: A person needs so long to begin; the first part of a hold does not count.
REACTION_S = 0.5
_SHORTEST_HOLD_S = 1.0

#: The instructions of Schaede et al. (2017), in short, to the subject.
INSTRUCTIONS: dict[str, tuple[str, str]] = {
    "face_at_rest": ("Face at rest", "Relax the whole face and look ahead"),
    "forehead": ("Wrinkle the forehead", "Raise both eyebrows as far as you can"),
    "eye_gentle": ("Close the eyes gently", "Close both eyes as when falling asleep"),
    "eye_tight": ("Close the eyes tightly", "Squeeze both eyes shut as tightly as you can"),
    "nose_pucker": ("Wrinkle the nose", "Wrinkle the nose as at a bad smell"),
    "smile_closed": ("Smile, mouth closed", "Smile with closed lips"),
    "smile_open": ("Smile, mouth open", "Smile as broadly as you can and show the teeth"),
    "lip_pucker": ("Pucker the lips", "Purse the lips as for whistling"),
    "cheeks": ("Blow out the cheeks", "Fill both cheeks with air and hold it"),
    "snarl": ("Snarl", "Draw the upper lip up and show the upper teeth"),
    "depress_lip": ("Lower the lower lip", "Draw the lower lip down and show the lower teeth"),
}


@dataclass(frozen=True)
class Timing:
    """Seconds of the wizard's phases.

    Attributes
    ----------
    rest_s, hold_s : float
        How long rest lasts, and every movement is held.
    prepare_s : float
        The countdown before each.
    """

    rest_s: float = 5.0
    hold_s: float = 3.0
    prepare_s: float = 3.0

    def __post_init__(self) -> None:
        if min(self.rest_s, self.hold_s) < _SHORTEST_HOLD_S or self.prepare_s < 0:
            raise EiferError(
                "The calibration's times are too short.",
                f"Give rest and movements at least {_SHORTEST_HOLD_S:g} s.",
            )


@dataclass(frozen=True)
class Stage:
    """Where the wizard is.

    Attributes
    ----------
    phase : str
        ``prepare`` (countdown), ``hold``, ``done`` or ``aborted``.
    movement, title, instruction : str
    number, count : int
        Which of how many, from 1.
    left_s : float
        Until the phase ends.
    share : float
        Part of the phase that is over, 0 to 1.
    """

    phase: str
    movement: str = ""
    title: str = ""
    instruction: str = ""
    number: int = 0
    count: int = 0
    left_s: float = 0.0
    share: float = 0.0

    @property
    def is_over(self) -> bool:
        """Whether there is nothing more to come."""
        return self.phase in ("done", "aborted")

    def target(self) -> np.ndarray:
        """What the avatar shows, (52,) float32 in `arkit52`; it eases in while one prepares."""
        pose = default_poses().poses.get(self.movement)
        if pose is None or self.is_over:
            return np.zeros(len(ARKIT52), np.float32)
        # Half of the countdown is enough to see the movement come; a smooth step looks alive.
        way = min(1.0, 2.0 * self.share) if self.phase == "prepare" else 1.0
        return (np.asarray(pose) * (way * way * (3.0 - 2.0 * way))).astype(np.float32)


class CalibrationWizard:
    """Rest and movements in order; the caller asks :meth:`step` as often as it likes.

    Parameters
    ----------
    mark : callable
        ``mark(name)`` notes an event in the take, now.
    now : float
        `time.monotonic` at the start.
    timing : Timing, optional
    movements : tuple of str, optional
        Names out of `movements.json`, rest first; by default all eleven.

    Raises
    ------
    EiferError
        For movements without rest at the beginning, or with unknown names.
    """

    def __init__(
        self,
        mark: Callable[[str], object],
        now: float,
        timing: Timing | None = None,
        movements: Iterable[str] | None = None,
    ) -> None:
        self.timing = timing or Timing()
        self.movements = tuple(movement_names() if movements is None else movements)
        unknown = [name for name in self.movements if name not in INSTRUCTIONS]
        if unknown or self.movements[:1] != (REST,) or len(self.movements) < 2:
            raise EiferError(
                f"The movements {', '.join(self.movements) or 'none'} cannot be calibrated by.",
                f"Begin with {REST}, then name some of {', '.join(INSTRUCTIONS)}.",
            )
        self._mark = mark
        self._index, self._phase, self._since = 0, "prepare", now
        self._held: set[str] = set()

    @property
    def held(self) -> tuple[str, ...]:
        """Movements that were held to their end, in order."""
        return tuple(name for name in self.movements if name in self._held)

    def step(self, now: float) -> Stage:
        """Go on when it is time, and tell where the wizard is.

        Parameters
        ----------
        now : float
            `time.monotonic`. After a pause of the caller, phases do not get shorter: what was
            not shown was not done.
        """
        if self._phase == "prepare" and now - self._since >= self.timing.prepare_s:
            self._enter("hold", now)
            self._mark(self.movements[self._index])
        elif self._phase == "hold" and now - self._since >= self._hold_s:
            self._mark(RELAX)
            self._held.add(self.movements[self._index])
            self._next(now)
        return self._stage(now)

    def skip(self, now: float) -> None:
        """Leave this movement out and go on with the next."""
        if not self._is_over:
            self._break_off()
            self._held.discard(self.movements[self._index])
            self._next(now)

    def repeat(self, now: float) -> None:
        """Do this movement again; in its countdown the one before."""
        if self._is_over:
            return
        self._break_off()
        if self._phase == "prepare" and self._index:
            self._index -= 1
        self._enter("prepare", now)

    def abort(self) -> None:
        """Give up."""
        if not self._is_over:
            self._break_off()
            self._phase = "aborted"

    @property
    def _is_over(self) -> bool:
        return self._phase in ("done", "aborted")

    @property
    def _hold_s(self) -> float:
        is_rest = self.movements[self._index] == REST
        return self.timing.rest_s if is_rest else self.timing.hold_s

    def _break_off(self) -> None:
        if self._phase == "hold":
            self._mark(_BROKEN_OFF)

    def _enter(self, phase: str, now: float) -> None:
        self._phase, self._since = phase, now

    def _next(self, now: float) -> None:
        if self._index + 1 < len(self.movements):
            self._index += 1
            self._enter("prepare", now)
        else:
            self._enter("done", now)

    def _stage(self, now: float) -> Stage:
        count = len(self.movements)
        if self._is_over:
            return Stage(self._phase, number=count, count=count, share=1.0)
        movement = self.movements[self._index]
        title, instruction = INSTRUCTIONS[movement]
        length = self._hold_s if self._phase == "hold" else self.timing.prepare_s
        spent = min(max(0.0, now - self._since), length)
        return Stage(
            self._phase, movement, title, instruction, self._index + 1, count, length - spent,
            spent / length if length else 1.0,
        )  # fmt: skip


def windows_of(events: Iterable[Event]) -> Windows:
    """Seconds ``(start, stop)`` of the movements that were held to their end.

    Parameters
    ----------
    events : iterable of Event
        Of a take that the wizard marked; of a movement that was repeated, the last time counts.
        Markers of other streams, or of the recording that is played, may lie between.
    """
    windows: Windows = {}
    ours = [e for e in events if e.name in INSTRUCTIONS or e.name in (RELAX, _BROKEN_OFF)]
    listed = sorted(ours, key=lambda event: event.onset_s)
    for event, following in zip(listed, listed[1:], strict=False):
        start, stop = event.onset_s + REACTION_S, following.onset_s
        if event.name in INSTRUCTIONS and following.name == RELAX and start < stop:
            windows[event.name] = (start, stop)
    return windows


def profile_of_take(
    path: str | Path,
    *,
    montage: Mapping[str, str | None] | str | Path | None = None,
    preset: str = "live",
    subject: str = "",
    crosstalk: bool = False,
    **reading: Any,
) -> Profile:
    """The subject's profile out of a take that the wizard marked.

    Parameters
    ----------
    path : path-like
        The journal.
    montage, preset, subject, crosstalk
        As for `signals.calibration.calibrate`.
    **reading
        Choices of the reader, such as ``segment``.

    Returns
    -------
    Profile

    Raises
    ------
    EiferError
        When rest or all movements are missing, or nothing moved.
    """
    recording = read_recording(path, **reading)
    windows = windows_of(recording.events)
    if REST not in windows or len(windows) < 2:
        raise EiferError(
            "The calibration has no rest, or no movement that was held to its end.",
            "Calibrate again and do not skip rest.",
        )
    return calibrate(
        recording, windows=windows, preset=preset, montage=montage, subject=subject,
        crosstalk=crosstalk,
    )  # fmt: skip
