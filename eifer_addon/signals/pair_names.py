"""Pairs of monopolar channels by their names: "Zyg re 1" and "Zyg re 2", "F19a" and "F19b".

Names of monopolar channels are those of their muscle and a mark of the electrode: a number, a
letter, or a sign. Where more than two electrodes lie in a row, the two in its middle are taken.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .montage_names import ChannelMatch, match_name, side_of_word, telling_words
from .montage_schemes import match_channels
from .pairs import pair_name

#: Marks that come in twos, the first being the one from which the other is subtracted.
_OPPOSITES = (("plus", "minus"), ("pos", "neg"), ("positive", "negative"), ("p", "n"),
              ("active", "reference"), ("act", "ref"))  # fmt: skip
#: How sure a pair is by the kind of its marks: numbers may count takes or devices.
_SCORE = {"number": 0.7, "letter": 0.75}
_SIGN_SCORE = 0.9
_NUMBERED = re.compile(r"([a-z]{2,})([1-9])")
_LETTERED = re.compile(r"(f\d{1,2})([a-d])")
_SIGNED = re.compile(r"[\s_.(\[]*([+\-−–])[\s)\]]*$")
_SIGNS = {"+": "plus", "-": "minus", "−": "minus", "–": "minus"}


@dataclass(frozen=True)
class _Electrode:
    """A channel name taken apart: the name without its mark, the mark's kind and its place."""

    channel: str
    stem: str
    kind: str
    place: int


def match_pairs(
    names: Sequence[str], scheme: str = "auto", one_sided: str | None = None
) -> tuple[tuple[ChannelMatch, ...], frozenset[str], tuple[str, ...]]:
    """Pairs that the names say, and the channels that they are about.

    Parameters
    ----------
    names : sequence of str
    scheme : {"auto", "fridlund", "kuramoto"}
    one_sided : {"left", "right"}, optional
        The side that was recorded, where the names say none.

    Returns
    -------
    pairs : tuple of ChannelMatch
    members : frozenset of str
        The monopolar channels, which stand for no muscle by themselves.
    notes : tuple of str
        Names that may be pairs or the two sides.
    """
    groups: dict[tuple[str, str], dict[int, str]] = {}
    for electrode in (e for name in names for e in [_take_apart(name)] if e is not None):
        members = groups.setdefault((electrode.stem, electrode.kind), {})
        members.setdefault(electrode.place, electrode.channel)
    groups = {key: group for key, group in groups.items() if _neighbours(group) is not None}
    stems = list(dict.fromkeys(stem for stem, _ in groups))
    known = dict(zip(stems, match_channels([*stems, *names], scheme), strict=False))
    pairs: list[ChannelMatch] = []
    members_of_pairs: set[str] = set()
    notes: list[str] = []
    for (stem, kind), group in groups.items():
        match = known[stem]
        if match.muscle is None or match.note:  # Kuramoto's electrodes are no pairs
            continue
        members_of_pairs.update(group.values())
        plus, minus = _neighbours(group) or ("", "")
        side = one_sided if match.side == "both" else match.side
        if side is None:
            notes.append(
                f"'{plus}' and '{minus}' may be a pair or the two sides of {match.muscle}; name "
                f"the side that was recorded, or map them."
            )
            continue
        score = round(match.score * _SCORE.get(kind, _SIGN_SCORE), 2)
        note = "two monopolar channels by their names"
        pairs.append(
            ChannelMatch(pair_name(plus, minus), match.muscle, side, score, (plus, minus), note)
        )
    return tuple(pairs), frozenset(members_of_pairs), tuple(notes)


def _neighbours(group: dict[int, str]) -> tuple[str, str] | None:
    """The two neighbouring electrodes nearest to the middle of a row."""
    adjacent = [(group[k], group[k + 1]) for k in sorted(group) if k + 1 in group]
    return adjacent[(len(adjacent) - 1) // 2] if adjacent else None


def _take_apart(name: str) -> _Electrode | None:
    """The stem and the mark of a name; None when it has no mark."""
    if "bip" in name.lower():
        return None  # it says that it is a pair already
    signed = _SIGNED.search(name)
    if signed is not None and name[: signed.start()].strip():
        words = [*telling_words(name[: signed.start()]), _SIGNS[signed[1]]]
    else:
        words = telling_words(name)
    if len(words) > 1 and side_of_word(words[-1]) is not None:
        places = [len(words) - 2]  # "Zyg1 re", "Zyg 1 re"
    else:
        places = [len(words) - 1]
    for k in places:
        found = _mark(words[k]) if words else None
        if found is None:
            continue
        rest, kind, place = found
        stem = " ".join([*words[:k], *([rest] if rest else []), *words[k + 1 :]])
        # What is a name as it stands ("Ment a") is none with a mark; signs are never read.
        if stem and (kind in _SIGNS.values() or match_name(name).score < 1):
            return _Electrode(name, stem, kind, place)
    return None


def _mark(word: str) -> tuple[str, str, int] | None:
    """What is left of a word without its mark, the mark's kind and its place in the row."""
    if word.isdigit() and len(word) == 1 and word != "0":
        return "", "number", int(word)
    if len(word) == 1 and word in "abcd":
        return "", "letter", "abcd".index(word)
    for first, second in _OPPOSITES:
        if word in (first, second):
            return "", first, int(word == second)
    numbered = _NUMBERED.fullmatch(word)
    if numbered is not None:
        return numbered[1], "number", int(numbered[2])
    lettered = _LETTERED.fullmatch(word)
    if lettered is not None:
        return lettered[1], "letter", "abcd".index(lettered[2])
    return None
