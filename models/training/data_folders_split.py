"""Training, validation and test: whole subjects, whole sessions or whole clips, never frames.

Neighbouring frames are nearly the same picture; a frame of the training that has its neighbour in
the test would let a network look good that has learned nothing but the film.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ...eifer_addon.errors import EiferError
from .data_folders import SessionClips

WAYS = ("subject", "session", "movement")
#: Fewer parts than this cannot give a test set besides training and validation.
_FOR_A_TEST = 3


@dataclass(frozen=True)
class Split:
    """Sessions of the three sides; ``by`` is what never lies on two of them.

    Attributes
    ----------
    train, val, test : list of SessionClips
        `test` may be empty where there is too little.
    by : str
        One of `WAYS`.
    sentence : str
        For the card.
    """

    train: list[SessionClips]
    val: list[SessionClips]
    test: list[SessionClips]
    by: str
    sentence: str


def split(
    sessions: Sequence[SessionClips],
    by: str = "auto",
    seed: int = 0,
    *,
    validation_share: float = 0.15,
    test_share: float = 0.15,
) -> Split:
    """Divide sessions; the same for the same names, seed and shares.

    Parameters
    ----------
    sessions : sequence of SessionClips
    by : {"auto", "subject", "session", "movement"}
        What lies on one side only. ``"movement"`` divides the clips, each a performance of a
        movement, so that movements which were performed several times lie on all sides. ``"auto"``
        takes the strictest way that leaves at least three parts.
    seed : int
    validation_share, test_share : float
        Of the parts; at least one part where the share is above 0.

    Raises
    ------
    EiferError
        When there is only one part.
    """
    way = _strictest(sessions) if by == "auto" else by
    if way not in WAYS:
        raise EiferError(f"Sessions cannot be split by '{by}'.", f"Use {', '.join(WAYS)} or auto.")
    groups = _groups(sessions, way)
    if len(groups) < 2 and validation_share + test_share > 0:
        raise EiferError(
            f"There is one {way} only, so nothing would be left to validate with.",
            "Set data.split_by to auto or movement, or add folders with --data.",
        )
    order = _ordered(groups, seed)
    n_val = max(1, round(validation_share * len(order))) if validation_share > 0 else 0
    n_test = max(1, round(test_share * len(order))) if test_share > 0 else 0
    n_test = n_test if len(order) >= _FOR_A_TEST else 0
    n_val, n_test = _leave_some(len(order), n_val, n_test)
    sides = [order[:n_test], order[n_test : n_test + n_val], order[n_test + n_val :]]
    test, val, train = (_side(sessions, way, {key for key, _ in side}) for side in sides)
    counts = f"{len(sides[2])} for training, {n_val} for validation, {n_test} for the test"
    return Split(train, val, test, way, f"by {way}: {counts} (seed {seed})")


def _strictest(sessions: Sequence[SessionClips]) -> str:
    for way in WAYS:
        if len(_groups(sessions, way)) >= _FOR_A_TEST:
            return way
    return WAYS[-1]


def _groups(sessions: Sequence[SessionClips], way: str) -> dict[tuple[str, ...], str]:
    """Keys of what must stay together, with the movement of a clip."""
    found: dict[tuple[str, ...], str] = {}
    for session in sessions:
        for clip in session.clips:
            found[_key(session, clip.name, way)] = clip.movement if way == "movement" else ""
    return found


def _key(session: SessionClips, clip: str, way: str) -> tuple[str, ...]:
    if way == "subject":
        return (session.subject,)
    whole = (session.subject, session.session, str(session.folder))
    return whole if way == "session" else (*whole, clip)


def _ordered(groups: dict[tuple[str, ...], str], seed: int) -> list[tuple[tuple[str, ...], str]]:
    """Parts in a drawn order, performances of one movement spread evenly over it."""
    random = np.random.default_rng(seed)
    by_movement: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    for key, movement in sorted(groups.items()):
        by_movement[movement].append(key)
    placed = []
    for movement, keys in sorted(by_movement.items()):
        drawn = random.permutation(len(keys))
        offset = random.random()
        for rank, k in enumerate(drawn):
            placed.append(((rank + offset) / len(keys), keys[int(k)], movement))
    return [(key, movement) for _, key, movement in sorted(placed)]


def _leave_some(n: int, n_val: int, n_test: int) -> tuple[int, int]:
    """Training keeps at least one part."""
    while n_val + n_test >= n and n_val + n_test > 0:
        if n_test >= n_val and n_test > 0:
            n_test -= 1
        else:
            n_val -= 1
    return n_val, n_test


def _side(
    sessions: Sequence[SessionClips], way: str, keys: set[tuple[str, ...]]
) -> list[SessionClips]:
    found = []
    for session in sessions:
        clips = tuple(c for c in session.clips if _key(session, c.name, way) in keys)
        if clips:
            found.append(replace(session, clips=clips))
    return found
