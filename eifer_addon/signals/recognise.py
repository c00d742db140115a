"""Which of the eleven movements a stretch of activity is, by its muscles and by the order.

Each stretch is compared with what the muscles do in each movement (`data/poses.json`), and the
stretches are laid along the script so that the order is kept, movements may be left out or done
twice, and a stretch may be none of them (dynamic programming, as R. A. Wagner and M. J. Fischer,
J ACM 21, 1974, align texts).
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

_TABLE = Path(__file__).with_name("data") / "poses.json"
#: With fewer different muscles the movements cannot be told apart.
_LEAST_MUSCLES = 6
#: A stretch is a movement from this similarity on (cosine); below, it is none.
_LEAST_SIMILARITY = 0.55
#: What leaving a movement out and doing it again cost, in similarity.
_LEFT_OUT, _AGAIN = 0.15, 0.12
#: Fewer recognised stretches than these, and the names are not believed.
_LEAST_STRETCHES, _LEAST_PART = 3, 0.6


@functools.cache
def expected_levels() -> Mapping[str, Mapping[str, float]]:
    """Levels of the muscles (without side) in each movement but rest, in the script's order."""
    return dict(json.loads(_TABLE.read_text("utf-8"))["muscles"])


def name_stretches(levels: np.ndarray, muscles: Sequence[str]) -> list[str | None]:
    """Name stretches of activity by the movements of the script.

    Parameters
    ----------
    levels : numpy.ndarray
        (n_stretches, n_muscles): how strongly each muscle acts, 1 at its strongest.
    muscles : sequence of str
        With side.

    Returns
    -------
    list of str or None
        A movement per stretch; None for none of them, and for all where too few muscles were
        recorded or too few stretches are recognised.
    """
    nothing: list[str | None] = [None] * len(levels)
    kinds = [muscle.partition(".")[0] for muscle in muscles]
    expected = expected_levels()
    known = {muscle for row in expected.values() for muscle in row}
    if len(known & set(kinds)) < _LEAST_MUSCLES or not len(levels):
        return nothing
    names = list(expected)
    wanted = np.array([[expected[name].get(kind, 0.0) for kind in kinds] for name in names])
    similar = _unit(levels) @ _unit(wanted).T
    path = _align(similar - _LEAST_SIMILARITY)
    recognised = sum(k is not None for k in path)
    if recognised < max(_LEAST_STRETCHES, _LEAST_PART * len(levels)):
        return nothing
    return [None if k is None else names[k] for k in path]


def _unit(rows: np.ndarray) -> np.ndarray:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9))


def _align(gain: np.ndarray) -> list[int | None]:
    """The movement of each stretch that gains most in all, in order of the script.

    ``best[i, j]``: the most that the first i stretches gain when the script is at movement j - 1.
    """
    n, m = gain.shape
    best: np.ndarray = np.full((n + 1, m + 1), -np.inf)
    best[0, 0] = 0.0
    came: np.ndarray = np.zeros((n + 1, m + 1), int)
    for i in range(1, n + 1):
        for j in range(m + 1):
            best[i, j], came[i, j] = best[i - 1, j], -1  # the stretch is none
            for before in range(j):
                value = best[i - 1, before] + gain[i - 1, j - 1] - _LEFT_OUT * (j - 1 - before)
                if value > best[i, j]:
                    best[i, j], came[i, j] = value, before
            if j and best[i - 1, j] + gain[i - 1, j - 1] - _AGAIN > best[i, j]:
                best[i, j], came[i, j] = best[i - 1, j] + gain[i - 1, j - 1] - _AGAIN, j
    # Movements after the last one that was done count as left out as well.
    j = int(np.argmax(best[n] - _LEFT_OUT * (m - np.arange(m + 1))))
    path: list[int | None] = []
    for i in range(n, 0, -1):
        before = int(came[i, j])
        path.append(None if before < 0 else j - 1)
        j = j if before < 0 else before
    return path[::-1]
