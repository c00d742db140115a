"""Electrode codes in channel names: Fridlund's F1 to F22, and Kuramoto's K1 to K24 or E1 to E24.

Fridlund's codes stand for muscles. Kuramoto's electrodes stand between muscles; which one each
is taken for, how surely and why, stands in ``data/kuramoto.json``. Codes look like positions of
EEG caps and like plain numbering, so the letter E is believed only when the numbers are
Kuramoto's, unless the user names the scheme.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from ..errors import EiferError
from .montage_names import (
    ChannelMatch,
    match_name,
    muscles,
    read_table,
    side_of_word,
    telling_words,
)

SCHEMES = ("auto", "fridlund", "kuramoto")
#: Beside these, F3 or F7 is a position of the 10-20 EEG system, not of Fridlund's scheme.
_EEG_ONLY = frozenset({"fz", "cz", "pz", "oz", "fp1", "fp2", "c3", "c4", "p3", "p4", "o1", "o2"})
_CODE = re.compile(r"([fke])0?(\d{1,2})")
#: So many of Kuramoto's 19 electrodes named E1 to E24 are no chance.
_ENOUGH_E = 12
#: Plain numbering runs through 11, 12, 21 to 23, which Kuramoto's scheme leaves out.
_BEYOND_PLAIN = 13
#: Of a name whose code says something else than its words.
_CONTRADICTED = 0.5


def check_scheme(scheme: str) -> str:
    """`scheme`; raises `EiferError` where it is none of `SCHEMES`."""
    if scheme not in SCHEMES:
        raise EiferError(f"There is no scheme '{scheme}'.", f"Use one of: {', '.join(SCHEMES)}.")
    return scheme


def match_channels(names: Iterable[str], scheme: str = "auto") -> tuple[ChannelMatch, ...]:
    """The best match of each name by itself.

    Parameters
    ----------
    names : iterable of str
    scheme : {"auto", "fridlund", "kuramoto"}
        Which electrode codes are meant; names in words are understood in any case.
    """
    listed = list(names)
    letters = _letters(listed, check_scheme(scheme))
    return tuple(_match(name, letters) for name in listed)


def fridlund_code(text: str) -> ChannelMatch | None:
    """The muscle of a text such as ``"F19"``; None when it is no code of Fridlund's."""
    code = _code(text)
    return _fridlund(text, code[1]) if code is not None and code[0] == "f" else None


def scheme_notes(names: Sequence[str], scheme: str) -> tuple[str, ...]:
    """What was decided about codes, or left open, as sentences."""
    letters = _letters(names, scheme)
    codes = [code for code in map(_code, names) if code is not None]
    notes = []
    if "k" in letters or "e" in letters:
        taken = [letter for letter, number in codes if letter in letters and letter != "f"]
        if taken:
            notes.append(
                f"{len(taken)} channels were taken for electrodes of Kuramoto's scheme; they are "
                "monopolar and see their neighbours more than bipolar ones do."
            )
    elif scheme == "auto" and any(letter == "e" and _kuramoto("", n) for letter, n in codes):
        notes.append(
            "Names such as E1 may be plain numbers or Kuramoto's electrodes; scheme 'kuramoto' "
            "takes them for the latter."
        )
    if scheme == "auto" and "f" not in letters and any(letter == "f" for letter, _ in codes):
        notes.append(
            "Names such as F3 were taken for places of an EEG cap; scheme 'fridlund' takes them "
            "for Fridlund's sites."
        )
    return tuple(notes)


def _letters(names: Sequence[str], scheme: str) -> frozenset[str]:
    """The letters whose codes are believed among these names."""
    if scheme == "fridlund":
        return frozenset("f")
    if scheme == "kuramoto":
        return frozenset("ke")
    codes = [code for code in map(_code, names) if code is not None]
    by_letter = {letter: {n for own, n in codes if own == letter} for letter in "fke"}
    believed = set()
    if not any(name.strip().lower() in _EEG_ONLY for name in names):
        believed.add("f")
    known = {int(name[1:]) for name in read_table("kuramoto.json")["electrodes"]}
    if by_letter["k"] and by_letter["k"] <= known:
        believed.add("k")
    e = by_letter["e"]
    if len(e) >= _ENOUGH_E and e <= known and max(e) >= _BEYOND_PLAIN:
        believed.add("e")
    return frozenset(believed)


def _code(name: str) -> tuple[str, int] | None:
    """Letter and number of a name that is a code and nothing else."""
    words = telling_words(name)
    # "F 19" is a code, "F1 9" is the ninth of something.
    joined = "".join(words) if len(words) == 1 or (words and words[0] in "fke") else ""
    code = _CODE.fullmatch(joined)
    return None if code is None else (code[1], int(code[2]))


def _match(name: str, letters: frozenset[str]) -> ChannelMatch:
    code = _code(name)
    if code is None or code[0] not in letters:
        return _match_both(name, letters)
    return _of_code(name, code)


def _of_code(name: str, code: tuple[str, int]) -> ChannelMatch:
    letter, number = code
    found = _fridlund(name, number) if letter == "f" else _kuramoto(name, number)
    return found or ChannelMatch(name)


def _match_both(name: str, letters: frozenset[str]) -> ChannelMatch:
    """The match of a name in words, which may hold a code, too: "F19 Zyg re"."""
    words = telling_words(name)
    codes = {word: code for word in words if (code := _code(word)) is not None}
    rest = [word for word in words if word not in codes]
    if len(codes) != 1 or not rest:
        return match_name(name)
    said = replace(match_name(" ".join(rest)), channel=name)
    side = said.side if said.muscle is not None else side_of_word(" ".join(rest))
    code = next(iter(codes.values()))
    coded = _of_code(name, code) if code[0] in letters else ChannelMatch(name)
    if coded.muscle is None or side is None:
        return said
    if said.muscle in (None, coded.muscle) and side in (coded.side, "both"):
        return coded
    told = replace(said if said.muscle is not None else coded, side=side)
    note = f"{next(iter(codes)).upper()} would be {coded.target}, the words were taken"
    return replace(told, score=_CONTRADICTED, note=note)


def _fridlund(name: str, number: int) -> ChannelMatch | None:
    for muscle, entry in muscles().items():
        if f"F{number}" in entry["fridlund"]:
            return ChannelMatch(name, muscle, "right" if number % 2 else "left", 1.0)
    return None


def _kuramoto(name: str, number: int) -> ChannelMatch | None:
    entry = read_table("kuramoto.json")["electrodes"].get(f"K{number}")
    if entry is None:
        return None
    return ChannelMatch(
        name, entry["muscle"], entry["side"], float(entry["score"]), note=str(entry["reason"])
    )
