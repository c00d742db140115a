"""Pairs of monopolar channels by their places: two neighbours over one muscle, along its fibres."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .montage_names import ChannelMatch, muscles
from .montage_places import LEAST_SCORE, Place, muscle_at
from .pairs import pair_name

#: Electrodes of a pair lie this far apart on the canvas (about a millimetre a unit); Fridlund and
#: Cacioppo (1986) place them a centimetre apart. Farther ones see what lies beside the muscle.
_NEAREST, _FARTHEST = 3.0, 25.0
#: Two electrodes of a bipolar channel farther apart than this have no place in common.
_ONE_PLACE = 35.0
#: Across the fibres a pair sees the same potentials twice and counts only so much.
_ACROSS = 0.5
#: A reference of so many channels is a common one.
_COMMON = 3


@dataclass(frozen=True)
class Lead:
    """What the sidecars tell about a channel.

    Attributes
    ----------
    channel : str
    aimed_at : tuple of str
        Muscles that ``target_muscle`` lists.
    place : Place or None
        Of its electrode, or between the two of a bipolar channel.
    monopolar : bool
        True when its reference is known to be a common one.
    """

    channel: str
    aimed_at: tuple[str, ...] = ()
    place: Place | None = None
    monopolar: bool = False


def bipolar_leads(
    channels: Sequence[str],
    rows: Mapping[str, Mapping[str, str]],
    places: Mapping[str, tuple[float, float]],
    common_reference: str,
) -> dict[str, Lead]:
    """The lead of each channel.

    Parameters
    ----------
    channels : sequence of str
    rows : mapping
        ``channels.tsv`` by channel, with ``signal_electrode``, ``reference``, ``target_muscle``
        where they are known.
    places : mapping
        Canvas place by electrode.
    common_reference : str
        ``EMGReference`` of ``emg.json``.
    """
    counts = Counter(row.get("reference", "") for row in rows.values())
    leads = {}
    for channel in channels:
        row = rows.get(channel, {})
        electrode = row.get("signal_electrode", channel)
        reference = row.get("reference", "")
        common = counts[reference] >= _COMMON or reference not in places
        if not reference:
            common = bool(common_reference) and not re.search(
                r"bipol|differ", common_reference, re.IGNORECASE
            )
        own, other = places.get(electrode), places.get(reference)
        if own is not None and other is not None and not common and _gap(own, other) <= _ONE_PLACE:
            own = ((own[0] + other[0]) / 2, (own[1] + other[1]) / 2)
        aimed = tuple(part.strip() for part in re.split(r"[,;/]", row.get("target_muscle", "")))
        leads[channel] = Lead(
            channel, tuple(part for part in aimed if part),
            None if own is None else muscle_at(own), common,
        )  # fmt: skip
    return leads


def pairs_by_place(leads: Sequence[Lead]) -> tuple[ChannelMatch, ...]:
    """Pairs of monopolar leads over the same muscle, each lead in one pair at most.

    The two must be nearest to the same muscle on the same side. Of several, the pair wins whose
    middle lies nearest to the muscle's site and whose line runs along its fibres.
    """
    placed = [lead for lead in leads if lead.monopolar and lead.place is not None]
    candidates: list[tuple[float, Lead, Lead, Place]] = []
    for first, second in itertools.combinations(placed, 2):
        found = _scored(first, second)
        if found is not None:
            candidates.append((found[0], first, second, found[1]))
    used: set[str] = set()
    chosen = []
    for score, first, second, place in sorted(candidates, key=lambda c: -c[0]):
        target = f"{place.muscle}.{place.side}"
        if {first.channel, second.channel, target} & used:
            continue
        used |= {first.channel, second.channel, target}
        pair = first.channel, second.channel
        note = f"two neighbouring electrodes by their places, nearest to {place.nearest}"
        chosen.append(
            ChannelMatch(pair_name(*pair), place.muscle, place.side, round(score, 2), pair, note)
        )
    return tuple(chosen)


def _scored(first: Lead, second: Lead) -> tuple[float, Place] | None:
    """Score and middle of a possible pair."""
    assert first.place is not None
    assert second.place is not None
    a, b = first.place, second.place
    if a.muscle is None or (a.muscle, a.side) != (b.muscle, b.side) or a.side == "both":
        return None
    gap = _gap(a.canvas, b.canvas)
    middle = muscle_at(((a.canvas[0] + b.canvas[0]) / 2, (a.canvas[1] + b.canvas[1]) / 2))
    if not _NEAREST <= gap <= _FARTHEST or middle.muscle != a.muscle:
        return None
    line = np.subtract(b.canvas, a.canvas) / gap
    along = abs(float(line @ _fibres(a.muscle, a.side or "left")))
    score = middle.score * (_ACROSS + (1 - _ACROSS) * along)
    return (score, middle) if score >= LEAST_SCORE else None


def _fibres(muscle: str, side: str) -> np.ndarray:
    """Direction of a muscle's fibres on the canvas, of length 1."""
    (x0, y0), (x1, y1) = muscles()[muscle]["course"]
    direction = np.array([(x1 - x0) * (1 if side == "left" else -1), y1 - y0], np.float64)
    return np.asarray(direction / np.linalg.norm(direction))


def _gap(first: tuple[float, float], second: tuple[float, float]) -> float:
    return float(np.hypot(first[0] - second[0], first[1] - second[1]))
