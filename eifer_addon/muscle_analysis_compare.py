"""The analysis of muscle activity from a face, alone or beside a measured recording."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .errors import EiferError
from .muscle_analysis_blocks import BLOCK_S, DRAWS, Blocks
from .muscle_analysis_delay import Delays, find_delays
from .muscle_analysis_moves import (
    Movement,
    MuscleInMovement,
    find_in_curves,
    movements_of_events,
    muscles_in_movements,
)
from .muscle_analysis_pairs import LeftOut, Paired, pair
from .muscle_analysis_scores import Score, score_muscles
from .muscle_analysis_sides import Asymmetry, find_asymmetries
from .signals.activity import Activity

#: What the measured curves are shifted by before they are compared.
COMMON, NONE = "common", "none"
_LEAST_S = 1.0


@dataclass(frozen=True)
class Comparison:
    """What the numbers say.

    Attributes
    ----------
    paired : Paired
        Frames and curves; without a recording, all predicted muscles.
    measured : numpy.ndarray or None
        float64 (n, n_muscles), measured activity shifted onto the frames, below rest too.
    late_ms : float
        By how much it was shifted.
    delays : Delays or None
        Electro-mechanical delays: of the face behind the muscles.
    behind : Delays or None
        Of the prediction behind the measurement; a model may know the usual delay and have taken
        it out. The same as `delays` where only the prediction is known.
    scores : tuple of Score
    movements : tuple of Movement
        On the clock of the frames, shifted like the measured curves.
    courses : tuple of MuscleInMovement
    asymmetries : tuple of Asymmetry
    left_out : tuple of LeftOut
    """

    paired: Paired
    measured: np.ndarray | None
    late_ms: float
    delays: Delays | None
    scores: tuple[Score, ...]
    movements: tuple[Movement, ...]
    courses: tuple[MuscleInMovement, ...]
    asymmetries: tuple[Asymmetry, ...]
    left_out: tuple[LeftOut, ...] = ()
    behind: Delays | None = None

    @property
    def gains(self) -> np.ndarray:
        """The fitted gain of each muscle (n_muscles,); 1 where nothing was measured."""
        found = [score.gain for score in self.scores] or [1.0] * len(self.paired.muscles)
        return np.nan_to_num(np.array(found), nan=1.0)

    def score_of(self, muscle: str) -> Score | None:
        """The score of a muscle, where it was measured."""
        return next((score for score in self.scores if score.muscle == muscle), None)


@dataclass(frozen=True)
class Choices:
    """How it is computed.

    Attributes
    ----------
    delay : str or float
        ``"common"`` (one delay for all muscles), ``"none"`` or milliseconds.
    draws, seed : int
        Of the bootstrap.
    """

    delay: str | float = COMMON
    draws: int = DRAWS
    seed: int = 0

    def __post_init__(self) -> None:
        if isinstance(self.delay, str) and self.delay not in (COMMON, NONE):
            raise EiferError(
                f"'{self.delay}' is no delay.", f"Give '{COMMON}', '{NONE}' or milliseconds."
            )
        if not 100 <= self.draws <= 100_000:
            raise EiferError(
                f"{self.draws} draws give no interval.", "Give a number from 100 to 100,000."
            )


def compare_activities(
    predicted: Activity,
    measured: Activity | None = None,
    *,
    seen: np.ndarray | None = None,
    good: Mapping[str, np.ndarray] | None = None,
    bad: Mapping[str, str] | None = None,
    face: tuple[Activity, np.ndarray] | None = None,
    movements: Sequence[tuple[float, str, float]] | None = None,
    choices: Choices | None = None,
) -> Comparison:
    """Compare what was predicted from a face with what was measured at the same time.

    Parameters
    ----------
    predicted : Activity
        From the face, on the clock of `measured` (see `muscle_analysis_clocks`).
    measured : Activity, optional
        None analyses the prediction alone.
    seen : numpy.ndarray, optional
        bool (n_frames,) of `predicted`: frames in which the face was seen.
    good, bad : mapping, optional
        As for :func:`.muscle_analysis_pairs.pair`.
    face : (Activity, numpy.ndarray), optional
        From :func:`.muscle_analysis_face.face_activity`, for the electro-mechanical delay.
    movements : sequence of (onset in s, name, duration in s), optional
        On the same clock; None takes the events of `measured`, else of `predicted`, else what is
        found in the curves.
    choices : Choices, optional

    Returns
    -------
    Comparison

    Raises
    ------
    EiferError
        When there is nothing in common, or less than a second to analyse.
    """
    how = choices or Choices()
    events = movements if movements is not None else (measured or predicted).events
    if measured is None:
        return _alone(predicted, seen, events, how)
    paired = pair(predicted, measured, seen=seen, good=good, bad=bad)
    blocks = Blocks.of(paired.times, BLOCK_S, how.draws, how.seed)
    behind = delays = find_delays(paired, blocks)
    if face is not None:
        shown = pair(face[0], measured, seen=face[1], good=good, bad=bad)
        own = Blocks.of(shown.times, BLOCK_S, how.draws, how.seed)
        delays = find_delays(shown, own)
    late_ms = _late(how, behind)
    shifted = paired.measured(late_ms / 1e3)
    scores = score_muscles(paired, shifted, blocks)
    # Events are marked on the muscles' clock; the face shows them later.
    marked = [(onset + late_ms / 1e3, name, length) for onset, name, length in events]
    moves = movements_of_events(marked, paired.times)
    moves = moves or find_in_curves(np.maximum(shifted, 0.0), paired.times, paired.rate_hz)
    gains = np.nan_to_num(np.array([score.gain for score in scores]), nan=1.0)
    rows = muscles_in_movements(paired, shifted, gains, moves, late_ms / 1e3)
    sides = find_asymmetries(paired, shifted, moves, how.draws, how.seed)
    return Comparison(
        paired, shifted, late_ms, delays, scores, moves, rows, sides, paired.left_out, behind
    )


def _late(how: Choices, delays: Delays) -> float:
    if isinstance(how.delay, int | float):
        return float(how.delay)
    return (delays.common_ms or 0.0) if how.delay == COMMON else 0.0


def _alone(
    predicted: Activity, seen: np.ndarray | None, events: Sequence[tuple[float, str, float]],
    how: Choices,
) -> Comparison:  # fmt: skip
    n, times = len(predicted.muscles), predicted.timestamps - predicted.delay_ms / 1e3
    watched = np.ones(len(predicted), bool) if seen is None else np.asarray(seen, bool)
    if len(predicted) < _LEAST_S * predicted.rate_hz:
        raise EiferError(
            f"The film is too short ({len(predicted) / predicted.rate_hz:.2f} s).",
            f"At least {_LEAST_S:g} s are needed.",
        )
    if not watched.any():
        raise EiferError(
            "The face was seen in no frame of the film, so there is nothing to analyse.",
            "Choose another film, or another person in it (--face).",
        )
    lost = int((~watched).sum())
    left_out = (LeftOut("frames", "The face was not seen (confidence 0).", lost),) if lost else ()
    paired = Paired(
        times, predicted.muscles, predicted.values.astype(np.float64),
        np.repeat(watched[:, None], n, axis=1), np.zeros(n), np.ones(n), (), predicted.rate_hz,
        left_out,
    )  # fmt: skip
    moves = movements_of_events(events, times)
    seen_only = np.where(watched[:, None], predicted.values, 0.0)
    moves = moves or find_in_curves(seen_only, times, predicted.rate_hz)
    rows = muscles_in_movements(paired, None, np.ones(n), moves, 0.0)
    sides = find_asymmetries(paired, None, moves, how.draws, how.seed)
    return Comparison(paired, None, 0.0, None, (), moves, rows, sides, left_out)


@dataclass(frozen=True)
class Summary:
    """A few numbers over all muscles that acted.

    Attributes
    ----------
    n_muscles, n_frames : int
    rho, smape, rms : tuple of float
        Mean and standard deviation over the muscles.
    onset_error_ms : tuple of float
        Median, and half the distance between the quartiles, over muscles and movements.
    n_onsets : int
    """

    n_muscles: int
    n_frames: int
    rho: tuple[float, float]
    smape: tuple[float, float]
    rms: tuple[float, float]
    onset_error_ms: tuple[float, float]
    n_onsets: int
    notes: Mapping[str, Any] = field(default_factory=dict)


def summary_of(found: Comparison) -> Summary | None:
    """The summary; None without a recording or when no muscle acted."""
    acted = [score for score in found.scores if score.acted]
    if not acted:
        return None
    errors = np.array([row.onset_error_ms for row in found.courses])
    errors = errors[np.isfinite(errors)]
    middle = spread = float("nan")
    if len(errors):
        low, middle, high = (float(q) for q in np.quantile(errors, [0.25, 0.5, 0.75]))
        spread = (high - low) / 2
    return Summary(
        len(acted), len(found.paired.times), _mean([s.rho for s in acted]),
        _mean([s.smape for s in acted]), _mean([s.rms for s in acted]), (middle, spread),
        len(errors),
    )  # fmt: skip


def _mean(values: Sequence[float]) -> tuple[float, float]:
    known = np.array([value for value in values if np.isfinite(value)])
    if not len(known):
        return float("nan"), float("nan")
    return float(known.mean()), float(known.std(ddof=1)) if len(known) > 1 else 0.0
