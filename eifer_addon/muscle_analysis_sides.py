"""Left against right: an index of asymmetry with its interval, predicted and measured.

``100 (L - R) / (L + R)`` of the mean activity above rest, as M. Naeije, R. S. McCarroll and W. A.
Weijs (J Oral Rehabil 16, 1989, 63-70) use for muscle pairs: 0 is symmetric, 100 is the left side
alone, -100 the right. Measured sides are compared in the recording's unit, because activity is
normalised side by side, which would take the asymmetry away; predicted sides as the model gives
them, without the fitted gains, which would bring the measured asymmetry in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .muscle_analysis_blocks import Blocks, Interval, interval
from .muscle_analysis_moves import Movement
from .muscle_analysis_pairs import Paired

#: Frames count in which a side reaches this part of its own 99th percentile.
_ACTIVE_PART = 0.2
_LEAST_ACTIVITY, _LEAST_S = 0.15, 0.2
#: Length of the blocks in s, of what acts in the whole film and within one movement.
_BLOCK_S, _SHORT_BLOCK_S = 1.0, 0.2
WHOLE = "all"


@dataclass(frozen=True)
class Asymmetry:
    """The index of one muscle pair.

    Attributes
    ----------
    muscle : str
        Without side.
    movement : str
        ``"all"`` for the whole film.
    n : int
        Frames in which the pair acts.
    predicted, measured : float or None
        Percent, positive when the left side is stronger; None where it is not known.
    predicted_interval, measured_interval : tuple of float or None
        95 %.
    """

    muscle: str
    movement: str
    n: int
    predicted: float | None
    measured: float | None
    predicted_interval: Interval = None
    measured_interval: Interval = None


def find_asymmetries(
    paired: Paired, measured: np.ndarray | None, movements: Sequence[Movement], draws: int,
    seed: int,
) -> tuple[Asymmetry, ...]:  # fmt: skip
    """The index of every pair over the whole film and in each movement in which it acts.

    Parameters
    ----------
    paired : Paired
    measured : numpy.ndarray or None
        (n, n_muscles), shifted onto the frames.
    movements : sequence of Movement
    draws, seed : int
        Of the bootstrap.
    """
    found = []
    for muscle, left, right in _sides(paired):
        both = paired.usable[:, left] & paired.usable[:, right]
        ours = np.maximum(paired.predicted[:, [left, right]], 0.0)
        theirs = None
        if measured is not None:
            theirs = np.maximum(measured[:, [left, right]], 0.0) * paired.scale[[left, right]]
        leading = ours if theirs is None else theirs
        active = both & _active(paired, measured, left, right, leading)
        spans: list[tuple[str, np.ndarray, float]] = [(WHOLE, active, _BLOCK_S)]
        spans += [(m.label, active & m.holds(paired.times), _SHORT_BLOCK_S) for m in movements]
        for name, here, block_s in spans:
            if here.sum() < max(3, _LEAST_S * paired.rate_hz):
                continue
            times = paired.times[here]
            blocks = Blocks.of(times, block_s, draws, seed)
            own = _index(ours[here], blocks)
            other = (None, None) if theirs is None else _index(theirs[here], blocks)
            found.append(
                Asymmetry(muscle, name, int(here.sum()), own[0], other[0], own[1], other[1])
            )
    return tuple(found)


def _sides(paired: Paired) -> list[tuple[str, int, int]]:
    """Muscles with both sides, each with a channel of its own, and their columns."""
    found = []
    for column, name in enumerate(paired.muscles):
        stem, _, side = name.rpartition(".")
        other = f"{stem}.right"
        if side == "left" and other in paired.muscles and name not in paired.shared:
            found.append((stem, column, paired.muscles.index(other)))
    return found


def _active(
    paired: Paired, measured: np.ndarray | None, left: int, right: int, leading: np.ndarray
) -> np.ndarray:
    """Frames (n,) in which the pair acts, by what was measured where it was."""
    level = paired.predicted if measured is None else measured
    strong = np.percentile(level[:, [left, right]], 99, axis=0).max() >= _LEAST_ACTIVITY
    top = float(np.percentile(leading.max(axis=1), 99))
    acts = leading.max(axis=1) >= _ACTIVE_PART * top if strong and top > 0 else False
    return np.broadcast_to(acts, len(leading))


def _index(sides: np.ndarray, blocks: Blocks) -> tuple[float | None, Interval]:
    """The index of values (n, 2), left and right, and its interval."""
    sums = blocks.sums(sides)
    whole = _percent(sums.sum(axis=0)[None])[0]
    if not np.isfinite(whole):
        return None, None
    return float(whole), interval(_percent(blocks.drawn(sums)), enough=blocks.enough)


def _percent(sums: np.ndarray) -> np.ndarray:
    left, right = sums.T
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(100.0 * (left - right) / (left + right))
