"""The montage: which channel of a recording stands over which muscle, and on which side.

A channel may also be a pair: the difference of two monopolar channels. What was not understood
stays listed. Sides are always the subject's own. `montage_recording` maps a whole recording, with
its sidecars; here are the montage itself and the mapping of bare names.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..errors import EiferError
from .montage_files import PairKey, read_montage, write_montage
from .montage_given import match_targets, muscle_of
from .montage_names import (
    ChannelMatch,
    muscle_names,
    plain_words,
    short_label,
)
from .montage_schemes import match_channels, scheme_notes
from .pair_names import match_pairs
from .pairs import Derivation, pair_name, split_pair

__all__ = [
    "SIDES", "ChannelMatch", "Montage", "map_channels", "match_channels", "muscle_names",
    "plain_words", "require_muscles", "resolve", "short_label", "take_sides",
]  # fmt: skip

#: What the caller may say about the sides.
SIDES = ("both", "left", "right", "swap")
_OTHER = {"left": "right", "right": "left"}
_DRIVEN = {"left": ("left",), "right": ("right",), "both": ("left", "right")}
#: Below this the user is asked to check.
_SURE = 0.8
#: So many are named in a sentence.
_NAMED = 4


@dataclass(frozen=True)
class Montage:
    """Channels and their muscles.

    Attributes
    ----------
    matches : tuple of ChannelMatch
        One per channel of the recording, in its order, then one per pair.
    origin : str
        ``"recognised"`` or where the user's montage came from.
    notes : tuple of str
        What was decided that the user may want to check.
    """

    matches: tuple[ChannelMatch, ...]
    origin: str = "recognised"
    notes: tuple[str, ...] = field(default=())

    @property
    def channels(self) -> dict[str, str]:
        """Channel or pair by muscle with side, in the order of the canonical muscles."""
        found = {
            f"{match.muscle}.{side}": match.channel
            for match in self.matches
            if match.muscle is not None
            for side in _DRIVEN[match.side or "both"]
        }
        order = [f"{muscle}.{side}" for muscle in muscle_names() for side in ("left", "right")]
        return {muscle: found[muscle] for muscle in order if muscle in found}

    @property
    def muscles(self) -> tuple[str, ...]:
        """Muscles with side that some channel stands for."""
        return tuple(self.channels)

    @property
    def names(self) -> tuple[str, ...]:
        """The channels of the recording, without the pairs."""
        return tuple(match.channel for match in self.matches if match.pair is None)

    @property
    def pairs(self) -> dict[str, tuple[str, str]]:
        """The two channels of each pair, by the pair's name."""
        return {match.channel: match.pair for match in self.matches if match.pair is not None}

    @property
    def unmapped(self) -> tuple[str, ...]:
        """Channels that belong to no muscle, by themselves or in a pair."""
        used = {name for pair in self.pairs.values() for name in pair}
        return tuple(
            match.channel
            for match in self.matches
            if match.muscle is None and match.channel not in used
        )

    def derivation(
        self, inputs: Sequence[str] | None = None, units: Sequence[str] | None = None
    ) -> Derivation:
        """What makes the montage's channels out of samples as they come, also live.

        Parameters
        ----------
        inputs : sequence of str, optional
            Channels as they come; None takes the recording's.
        units : sequence of str, optional
            Their units, so that a pair of different ones is refused.

        Returns
        -------
        Derivation
            Its `channels` are the values of :attr:`channels`, each once, in their order.
        """
        wanted = tuple(dict.fromkeys(self.channels.values()))
        return Derivation.of(self.names if inputs is None else inputs, wanted, units)

    def with_target(self, channel: str, target: str | None) -> Montage:
        """The montage with a channel or pair moved to another muscle, or to none.

        Parameters
        ----------
        channel : str
            A channel of the recording, or ``"A - B"``.
        target : str or None
            ``"zygomaticus.left"``, ``"zygomaticus"`` for both sides, or any name that is
            understood; None unmaps the channel, and dissolves a pair.

        Raises
        ------
        EiferError
            For a channel that the recording lacks or a muscle that is not known.
        """
        if channel not in self.names:
            pair = self.pairs.get(channel) or split_pair(channel, self.names)
            if pair is None:
                raise EiferError(
                    f"The recording lacks the channel '{channel}'.",
                    f"Its channels are: {', '.join(self.names)}.",
                )
            return self.with_pair(*pair, target)
        muscle, side = muscle_of(target, "given")
        score = float(muscle is not None)
        placed = tuple(m for m in self.matches if channel not in (m.pair or ()) or muscle is None)
        return Montage(placed, self.origin, self.notes)._placed(
            ChannelMatch(channel, muscle, side, score)
        )

    def with_pair(self, plus: str, minus: str, target: str | None) -> Montage:
        """The montage with the difference of two channels for a muscle.

        Parameters
        ----------
        plus, minus : str
            Two channels of the recording; other uses of theirs end.
        target : str or None
            As for :meth:`with_target`; None dissolves the pair.
        """
        for name in (plus, minus):
            if name not in self.names:
                raise EiferError(
                    f"The recording lacks the channel '{name}' of the pair "
                    f"'{pair_name(plus, minus)}'.",
                    f"Its channels are: {', '.join(self.names)}.",
                )
        if plus == minus:
            raise EiferError(f"'{plus}' is no pair with itself.", "Name two channels.")
        muscle, side = muscle_of(target, "given")
        members = {plus, minus}
        freed = tuple(
            ChannelMatch(m.channel) if m.channel in members else m
            for m in self.matches
            if not members & set(m.pair or ())
        )
        result = Montage(freed, self.origin, self.notes)
        if muscle is None:
            return result._edited()
        return result._placed(
            ChannelMatch(pair_name(plus, minus), muscle, side, 1.0, (plus, minus))
        )

    def _placed(self, new: ChannelMatch) -> Montage:
        """With `new` in, and whoever stood for its muscle out of the way."""
        taken = set(_DRIVEN[new.side or "both"]) if new.muscle is not None else set()
        matches: list[ChannelMatch] = []
        for match in self.matches:
            driven = _DRIVEN[match.side or "both"]
            left = [side for side in driven if side not in taken]
            if match.channel == new.channel:
                matches.append(new)
            elif match.muscle != new.muscle or len(left) == len(driven):
                matches.append(match)
            elif left:
                matches.append(replace(match, side=left[0]))
            elif match.pair is None:
                matches.append(ChannelMatch(match.channel))
        if all(match.channel != new.channel for match in matches):
            matches.append(new)
        return Montage(tuple(matches), self.origin, self.notes)._edited()

    def _edited(self) -> Montage:
        """Known to be edited; notes on the mapping itself may hold no longer."""
        origin = self.origin if "edited" in self.origin else f"{self.origin}, edited"
        return replace(self, origin=origin, notes=())

    def describe(self) -> str:
        """A few lines that a person can read."""
        lines = [f"Montage ({self.origin}): {len(self.muscles)} muscles"]
        part_of = {name: pair for pair, names in self.pairs.items() for name in names}
        for m in self.matches:
            if m.muscle is not None:
                target = f"{m.muscle}, {m.side} ({m.score:.2f})"
            elif m.channel in part_of:
                target = f"in the pair '{part_of[m.channel]}'"
            else:
                target = "not mapped"
            lines.append(f"  {m.channel} -> {target}{': ' * bool(m.note)}{m.note}")
        return "\n".join([*lines, *(f"  {note}" for note in self.notes)])

    def save(self, path: str | Path, *, overwrite: bool = True) -> Path:
        """Write the montage as JSON that :func:`map_channels` reads."""
        return write_montage(path, self.targets, overwrite=overwrite)

    @property
    def targets(self) -> dict[PairKey, str | None]:
        """What :func:`map_channels` takes: target by channel, and by (plus, minus) for pairs."""
        return {m.channel if m.pair is None else m.pair: m.target for m in self.matches}


def map_channels(
    names: Sequence[str], montage: Any = None, scheme: str = "auto", sides: str = "both"
) -> Montage:
    """Find the muscle and side of each channel name.

    Parameters
    ----------
    names : sequence of str
        Channel names of the recording.
    montage : Montage, mapping or path-like, optional
        The user's own: ``{channel: muscle}`` with or without side, where a channel may be a pair
        (``"A - B"`` or ``("A", "B")``), or a JSON file of it.
    scheme : {"auto", "fridlund", "kuramoto"}
        Which electrode codes are meant.
    sides : {"both", "left", "right", "swap"}
        See :func:`take_sides`.

    Returns
    -------
    Montage

    Raises
    ------
    EiferError
        When no channel belongs to a muscle, or the user's montage does not fit the recording.
    """
    if montage is not None:
        matches, origin = _given(names, montage)
        notes: tuple[str, ...] = tuple(montage.notes) if isinstance(montage, Montage) else ()
    else:
        one_sided = sides if sides in _OTHER else None
        pairs, in_pairs, notes = match_pairs(names, scheme, one_sided)
        single = match_channels(names, scheme)
        matches = tuple(ChannelMatch(m.channel) if m.channel in in_pairs else m for m in single)
        matches, origin = (*matches, *pairs), "recognised"
        notes = (*scheme_notes(names, scheme), *notes)
    matches, more = take_sides(matches, sides)
    return require_muscles(resolve(matches, origin, (*notes, *more)))


def take_sides(
    matches: tuple[ChannelMatch, ...], sides: str
) -> tuple[tuple[ChannelMatch, ...], tuple[str, ...]]:
    """Matches with the sides that the caller says, and what was done as sentences.

    Parameters
    ----------
    matches : tuple of ChannelMatch
    sides : {"both", "left", "right", "swap"}
        ``"both"`` believes the names; ``"left"`` and ``"right"`` say that only this side of the
        subject was recorded, so a name without a side means it and the other side is left out;
        ``"swap"`` is for names that mean the sides as seen in the image.
    """
    if sides not in SIDES:
        raise EiferError(f"There are no sides '{sides}'.", f"Use one of: {', '.join(SIDES)}.")
    if sides == "both":
        return matches, ()
    if sides == "swap":
        swapped = tuple(replace(m, side=_OTHER.get(m.side or "", m.side)) for m in matches)
        return swapped, ("Left and right of the names were swapped, as asked for.",)
    kept, left_out = [], []
    for match in matches:
        if match.muscle is not None and match.side == _OTHER[sides]:
            left_out.append(match.channel)
            if match.pair is None:
                kept.append(ChannelMatch(match.channel, note=f"on the {_OTHER[sides]} side"))
        else:
            kept.append(match if match.muscle is None else replace(match, side=sides))
    notes = [f"Only the subject's {sides} side is taken, as asked for."]
    if left_out:
        notes.append(f"Left out, because they are on the other side: {', '.join(left_out)}.")
    return tuple(kept), tuple(notes)


def resolve(matches: Iterable[ChannelMatch], origin: str, notes: Iterable[str] = ()) -> Montage:
    """Let the best channel stand for each muscle; the others stay listed as unmapped."""
    said = list(notes)
    taken: dict[str, str] = {}
    kept: dict[PairKey, ChannelMatch] = {}
    listed = tuple(matches)
    # A channel with a side is asked before one that would drive both sides.
    for match in sorted(listed, key=lambda m: (m.side == "both", -m.score)):
        key: PairKey = match.pair or match.channel
        wanted = [f"{match.muscle}.{side}" for side in _DRIVEN[match.side or "both"]]
        clash = next((muscle for muscle in wanted if muscle in taken), None)
        if match.muscle is None:
            kept[key] = match
        elif clash is not None:
            if match.pair is None:
                kept[key] = ChannelMatch(match.channel)
            said.append(f"'{match.channel}' is not used: '{taken[clash]}' stands for {clash}.")
        else:
            kept[key] = match
            taken.update(dict.fromkeys(wanted, match.channel))
            said.extend(_doubts(match))
    order = [kept[m.pair or m.channel] for m in listed if (m.pair or m.channel) in kept]
    guessed = [match.channel for match in order if match.pair is not None and match.score < 1]
    if guessed:
        rest = f" and {len(guessed) - _NAMED} more" if len(guessed) > _NAMED else ""
        named = ", ".join(f"'{name}'" for name in guessed[:_NAMED])
        said.append(f"Monopolar channels were made bipolar; please check: {named}{rest}.")
    return _with_side_note(Montage(tuple(order), origin, tuple(dict.fromkeys(said))))


def require_muscles(montage: Montage) -> Montage:
    """`montage`; raises `EiferError` when no channel in it belongs to a muscle."""
    if not montage.muscles:
        understood = ", ".join(f"{muscle} ({short_label(muscle)})" for muscle in muscle_names())
        raise EiferError(
            "No channel name belongs to a facial muscle; the channels are: "
            f"{', '.join(montage.names)}.",
            f"Give a montage {{channel: muscle}} (--map CHANNEL=MUSCLE); understood are: "
            f"{understood}, each with left or right, and Fridlund's F1 to F22.",
        )
    return montage


def _doubts(match: ChannelMatch) -> list[str]:
    """What the user may want to check about one match."""
    doubts = []
    if match.side == "both" and not match.note:
        doubts.append(f"'{match.channel}' names no side, so it drives {match.muscle} on both.")
    if match.score < _SURE and match.pair is None:
        doubts.append(f"'{match.channel}' was taken for {match.muscle}; please check.")
    return doubts


def _with_side_note(montage: Montage) -> Montage:
    """Say when only one side of the face was recorded."""
    found = {muscle.rpartition(".")[2] for muscle in montage.muscles}
    if len(found) != 1:
        return montage
    side = found.pop()
    note = (
        f"Only the subject's {side} side was recorded; the {_OTHER[side]} side rests, or moves "
        "alike with fill 'mirror'."
    )
    return replace(montage, notes=tuple(dict.fromkeys((*montage.notes, note))))


def _given(names: Sequence[str], montage: Any) -> tuple[tuple[ChannelMatch, ...], str]:
    """Matches of the user's own montage; channels that it does not name stay unmapped."""
    if isinstance(montage, Montage):
        needed = {n for m in montage.matches if m.muscle for n in (m.pair or (m.channel,))}
        if needed <= set(names):
            own = {m.channel: m for m in montage.matches if m.pair is None}
            pairs = (m for m in montage.matches if m.pair is not None)
            return (*(own.get(n, ChannelMatch(n)) for n in names), *pairs), montage.origin
        return match_targets(names, montage.targets, montage.origin), montage.origin
    if isinstance(montage, str | Path):
        origin = Path(montage).name
        return match_targets(names, read_montage(Path(montage)), origin), origin
    return match_targets(names, montage, "given"), "given"
