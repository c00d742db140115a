"""How the clock of a film lies to that of the recording, kept apart from the muscles' delay.

An offset that is known from a trigger, a light, an event or a common clock leaves the
electro-mechanical delay to be measured. One that was found by the curves holds that delay already;
then only differences between muscles can be told, and the result says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from .errors import EiferError
from .signals.activity import Activity
from .signals.recording import Recording
from .signals.sync import find_offset
from .signals.sync_result import BY_HAND, CURVES, START, Sync, shifted
from .signals.sync_ways import synchronise
from .track import ExpressionTrack

#: Ways to say how the clocks lie, besides a `Sync`, its file, or seconds.
AUTO, ONE_CLOCK = "auto", "one clock"
WAYS = (AUTO, ONE_CLOCK, CURVES)
#: ``event:NAME`` is the event of the recording at which the film began.
EVENT = "event:"
#: An offset by the curves up to this is the muscles' delay and not that of the clocks.
_A_DELAY_S = 0.6
#: A confidence below this says nothing.
_TELLING = 0.3
#: So many frames may a film and a recording of its frames differ in.
_SAME_LENGTH = 3


@dataclass(frozen=True)
class Clock:
    """How the clocks lie, and how that is known.

    Attributes
    ----------
    sync : Sync
        From the film's clock to the recording's.
    delay_is_known : bool
        False where the offset holds the electro-mechanical delay, too.
    sentence : str
    """

    sync: Sync
    delay_is_known: bool
    sentence: str


def find_clock(
    predicted: Activity,
    measured: Activity,
    way: str | Path | float | Sync | Mapping[str, Any] = AUTO,
    *,
    track: ExpressionTrack | None = None,
    recording: Recording | None = None,
) -> Clock:
    """Find how the film's clock lies to the recording's.

    Parameters
    ----------
    predicted, measured : Activity
        Each on its own clock.
    way : str, path-like, float, Sync or mapping
        ``"auto"``, ``"one clock"``, ``"curves"``, ``"event:NAME"`` (at which the film began), a
        file of ``eifer sync --save``, seconds (what the recording's clock shows when the film's
        shows 0), or a synchronisation.
    track : ExpressionTrack, optional
        The film's, for its frames.
    recording : Recording, optional
        What was measured, for its events.

    Returns
    -------
    Clock

    Raises
    ------
    EiferError
        For an unknown way, a damaged file, or curves that do not agree anywhere.
    """
    if isinstance(way, Mapping):
        way = Sync.from_document(way)
    if isinstance(way, Sync):
        return _of_sync(way)
    if isinstance(way, int | float):
        return _of_sync(Sync(float(way), method=BY_HAND))
    text = str(way)
    if text == ONE_CLOCK:
        return _one("Film and recording are taken to be on one clock, as was asked for.")
    if text == CURVES:
        return _by_curves(predicted, measured)
    if text.startswith(EVENT):
        name = text.removeprefix(EVENT)
        film = track if track is not None else _frames(predicted)
        found = synchronise(recording or measured, film, method=START, event=name)
        return Clock(found, True, f"The film begins at the event '{name}' ({_said(found)}).")
    if text != AUTO:
        if not Path(text).is_file():
            raise EiferError(
                f"'{text}' is no way to lay the clocks, and no file.",
                f"Give {', '.join(WAYS)}, {EVENT}NAME, seconds, or a file of 'eifer sync --save'.",
            )
        return _of_sync(Sync.load(text))
    return _automatic(predicted, measured)


def _automatic(predicted: Activity, measured: Activity) -> Clock:
    """One clock where that is known or looks like it, else the curves."""
    if "sync" in measured.source or "sync" in predicted.source:
        return _one("Film and recording were synchronised before.")
    n = abs(len(predicted) - len(measured))
    if n <= _SAME_LENGTH and abs(predicted.rate_hz - measured.rate_hz) < 0.1:
        return _one("The recording has a row for each frame of the film, so they share a clock.")
    try:
        found = _offset(predicted, measured)
    except EiferError:
        return _one("Film and recording are taken to be on one clock; their curves tell nothing.")
    if found.confidence < _TELLING:
        return _one(
            "Film and recording are taken to be on one clock; their curves do not tell "
            f"(confidence {found.confidence:.2f}). Please check."
        )
    if abs(found.seconds) <= _A_DELAY_S:
        return _one(
            "Film and recording are taken to be on one clock, because their curves agree best "
            f"{1e3 * abs(found.seconds):.0f} ms from there."
        )
    return _as_curves(found)


def _by_curves(predicted: Activity, measured: Activity) -> Clock:
    return _as_curves(_offset(predicted, measured))


def _as_curves(found: Sync) -> Clock:
    return Clock(
        found, False,
        f"The clocks were laid by the curves ({_said(found)}), so the offset holds the delay that "
        "all muscles have in common.",
    )  # fmt: skip


def _offset(predicted: Activity, measured: Activity) -> Sync:
    """The offset at which the curves of the common muscles agree best."""
    both = [name for name in measured.muscles if name in predicted.muscles]
    if not both:
        # The comparison says this better.
        return Sync(0.0, confidence=0.0, method=CURVES)
    ours = np.stack([predicted.column(name) for name in both], axis=1)
    theirs = np.stack([measured.column(name) for name in both], axis=1)
    found = find_offset(
        theirs, measured.rate_hz, ours, predicted.rate_hz,
        longest_s=max(len(ours) / predicted.rate_hz, len(theirs) / measured.rate_hz),
    )  # fmt: skip
    start = (measured.start_s - measured.delay_ms / 1e3) - (
        predicted.start_s - predicted.delay_ms / 1e3
    )
    return Sync(found.seconds + start, confidence=found.confidence, method=CURVES)


def _of_sync(sync: Sync) -> Clock:
    known = sync.method != CURVES
    words = f"The clocks were laid {'by hand' if sync.method == BY_HAND else f'by {sync.method}'}"
    more = "" if known else ", so the offset holds the delay that all muscles have in common"
    return Clock(sync, known, f"{words} ({_said(sync)}){more}.")


def _one(sentence: str) -> Clock:
    return Clock(Sync(0.0, method=BY_HAND), True, sentence)


def _said(sync: Sync) -> str:
    words = f"the film's 0 is at {sync.seconds:.3f} s of the recording"
    if np.isfinite(sync.error_ms):
        words += f", standard error {sync.error_ms:.1f} ms"
    if sync.drift_ppm:
        words += f", drift {sync.drift_ppm:+.0f} ppm"
    return words


def _frames(activity: Activity) -> ExpressionTrack:
    """Something with the frames of a film whose track is not at hand."""
    from .spaces import ARKIT52

    n = len(activity)
    return ExpressionTrack(
        ARKIT52, np.zeros((n, len(ARKIT52)), np.float32), activity.timestamps,
        np.ones(n, np.float32),
    )  # fmt: skip


def on_clock(predicted: Activity, clock: Clock) -> Activity:
    """The film's activity on the recording's clock."""
    if clock.sync.seconds == 0.0 and clock.sync.drift_ppm == 0.0:
        return predicted
    moved = shifted(predicted, clock.sync)
    return replace(moved, events=tuple(moved.events))
