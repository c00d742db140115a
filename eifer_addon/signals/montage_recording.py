"""The montage of a recording: names, what a BIDS folder says about channels, and places.

A name is believed before a place; where they contradict each other a note says so. Monopolar
channels with known places become pairs where two of them lie over one muscle.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from .montage import (
    ChannelMatch,
    Montage,
    map_channels,
    match_channels,
    require_muscles,
    resolve,
    take_sides,
)
from .montage_files import PairKey
from .montage_names import match_name
from .montage_places import LEAST_SCORE, Place, electrode_places
from .montage_schemes import scheme_notes
from .pair_names import match_pairs
from .pair_places import Lead, bipolar_leads, pairs_by_place
from .pairs import flat_pairs
from .recording import Recording

#: What a user may give as a montage.
GivenMontage = Montage | Mapping[PairKey, str | None] | Mapping[str, str | None] | str | Path
#: A muscle from the table of channels is what was aimed at, not what was labelled.
_AIMED_SCORE = 0.9
#: A place may contradict a name from this score on.
_SURE_PLACE = 0.5
_OTHER = {"left": "right", "right": "left"}


def map_recording(
    recording: Recording,
    montage: GivenMontage | None = None,
    scheme: str = "auto",
    sides: str = "both",
) -> Montage:
    """Which channel or pair of a recording stands over which muscle.

    Parameters
    ----------
    recording : Recording
    montage : Montage, mapping or path-like, optional
        The user's own; nothing is recognised then.
    scheme : {"auto", "fridlund", "kuramoto"}
        Which electrode codes are meant.
    sides : {"both", "left", "right", "swap"}
        See `montage.take_sides`.

    Returns
    -------
    Montage
        Without muscles when nothing was understood, so that it can be edited;
        `montage.require_muscles` raises then.

    Raises
    ------
    EiferError
        When the user's montage does not fit the recording.
    """
    if montage is not None:
        found = map_channels(recording.channels, montage, scheme, sides)
    else:
        found = _recognised(recording, scheme, sides)
    notes = flat_pairs(recording, found.pairs.values())
    if not found.muscles:
        notes = (*notes, "No channel belongs to a facial muscle as it is; map the channels.")
    return replace(found, notes=tuple(dict.fromkeys((*found.notes, *notes))))


def required(recording: Recording, montage: Any, scheme: str, sides: str) -> Montage:
    """As :func:`map_recording`, but at least one channel must belong to a muscle."""
    return require_muscles(map_recording(recording, montage, scheme, sides))


def _recognised(recording: Recording, scheme: str, sides: str) -> Montage:
    names = recording.channels
    pairs: tuple[ChannelMatch, ...] = ()
    in_pairs: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    if not recording.holds_envelope:
        pairs, in_pairs, notes = match_pairs(names, scheme, sides if sides in _OTHER else None)
    single = match_channels(names, scheme)
    leads, place_notes = _leads(recording)
    by_place = () if recording.holds_envelope else _pairs_by_place(single, in_pairs, leads)
    in_pairs |= {name for match in by_place for name in match.pair or ()}
    paired = {match.target for match in (*pairs, *by_place)}
    matches: list[ChannelMatch] = []
    said: list[str] = [*scheme_notes(names, scheme), *notes, *place_notes]
    wrong_sides: list[str] = []
    for named in single:
        lead = leads.get(named.channel)
        found = ChannelMatch(named.channel) if named.channel in in_pairs else named
        if lead is not None and named.channel not in in_pairs:
            found, doubt = _weighed(named, lead)
            said.extend([doubt] if doubt else [])
            wrong_sides.extend([found.channel] if _on_other_side(found, lead.place) else [])
            if named.muscle is None and found.target in paired:
                found = ChannelMatch(named.channel, note=f"a pair stands for {found.target}")
        matches.append(found)
    if len(wrong_sides) > 1:
        said.append(
            f"{len(wrong_sides)} channels are named for the side on which they do not lie "
            f"({', '.join(wrong_sides)}); if the names mean the sides as seen in the image, "
            "choose sides 'swap'."
        )
    taken, more_notes = take_sides((*matches, *pairs, *by_place), sides)
    return resolve(taken, "recognised", (*said, *more_notes))


def _pairs_by_place(
    single: tuple[ChannelMatch, ...], in_pairs: frozenset[str], leads: Mapping[str, Lead]
) -> tuple[ChannelMatch, ...]:
    """Pairs of leads whose names say nothing else."""
    named = {match.channel: match.muscle for match in single}
    free = [
        lead
        for lead in leads.values()
        if lead.channel not in in_pairs
        and lead.place is not None
        and named[lead.channel] in (None, lead.place.muscle)
    ]
    return pairs_by_place(free)


def _leads(recording: Recording) -> tuple[dict[str, Lead], tuple[str, ...]]:
    """What the sidecars tell about each channel: its muscle, its electrodes and their places."""
    rows, electrodes = recording.source.get("channels"), recording.source.get("electrodes")
    systems = recording.source.get("coordinate_system")
    rows = rows if isinstance(rows, Mapping) else {}
    places: dict[str, tuple[float, float]] = {}
    notes: tuple[str, ...] = ()
    if isinstance(electrodes, Mapping) and isinstance(systems, Mapping):
        places, notes = electrode_places(electrodes, systems)
    if not rows and not places:
        return {}, ()
    reference = str(recording.source.get("EMGReference", ""))
    return bipolar_leads(recording.channels, rows, places, reference), notes


def _weighed(match: ChannelMatch, lead: Lead) -> tuple[ChannelMatch, str]:
    """A channel's match by its name, its table and its place, and what contradicts it."""
    named = match
    if named.muscle is None and lead.aimed_at:
        aimed = next(
            (m for m in map(match_name, lead.aimed_at) if m.muscle is not None), ChannelMatch("")
        )
        if aimed.muscle is None:  # the tongue is no guess worth a place
            return ChannelMatch(
                match.channel, note=f"channels.tsv names {', '.join(lead.aimed_at)}"
            ), ""
        note = "the muscle that channels.tsv names"
        named = replace(
            aimed, channel=match.channel, score=round(aimed.score * _AIMED_SCORE, 2), note=note
        )
    place = lead.place
    if place is None:
        return named, ""
    if named.muscle is None:
        if place.muscle is None:
            return ChannelMatch(match.channel, note=match.note or "no muscle near its place"), ""
        note = f"by its place, nearest to {place.nearest}"
        return ChannelMatch(match.channel, place.muscle, place.side, place.score, note=note), ""
    if named.side == "both" and place.own_side != "both" and not match.note:
        note = f"{named.note + ', ' if named.note else ''}on the {place.own_side} by its place"
        named = replace(named, side=place.own_side, note=note)
    return named, _contradiction(named, place)


def _contradiction(named: ChannelMatch, place: Place) -> str:
    sides = ("left", "right") if named.side == "both" else (named.side,)
    mirrored = [_OTHER.get(side or "", "") for side in sides]
    here = max(place.scores.get(f"{named.muscle}.{side}", 0.0) for side in (*sides, *mirrored))
    if here >= LEAST_SCORE:
        return ""  # the muscle is right; the sides are told together
    if place.muscle is not None and place.score >= _SURE_PLACE:
        where = f"nearest to {place.muscle} ({place.nearest})"
    elif place.muscle is None:
        where = "near no mimic muscle"
    else:
        where = f"rather near {place.muscle} ({place.nearest})"
    return (
        f"'{named.channel}' is named for {named.muscle}, but its place is {where}; the name was "
        "taken, please check."
    )


def _on_other_side(match: ChannelMatch, place: Place | None) -> bool:
    return place is not None and match.side in _OTHER and place.own_side == _OTHER[match.side]
