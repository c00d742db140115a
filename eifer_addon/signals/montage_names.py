"""Channel names in words: which muscle and side they say.

Names are parsed tolerantly: case, dots, underscores, German, English and Latin words, side words,
abbreviations, slips of spelling. Each match carries a score. Sides are always the subject's own.
"""

from __future__ import annotations

import difflib
import functools
import json
import re
import unicodedata
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import EiferError

#: Up to this version the tables in ``data`` are understood.
TABLE_VERSION = 1
DATA = Path(__file__).with_name("data")
_LOOSE_SCORE, _PREFIX_SCORE, _SPELLING_SCORE, _NUMBERED_SCORE = 0.6, 0.8, 0.9, 0.7
#: A worse spelling than this is another word.
_LEAST_SIMILARITY = 0.84
_SHORTEST_PREFIX = 3
#: What a monopolar channel was measured against, as EDF's labels say it ("Zyg re-Ref").
_AGAINST = re.compile(r"\s*[-–/]\s*(ref|a1|a2|m1|m2|avg|car|gnd)\s*$", re.IGNORECASE)
_BETWEEN = re.compile(r"\s*[-–/:]\s*")
_MARKS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})


@dataclass(frozen=True)
class ChannelMatch:
    """What one channel, or one pair of channels, was taken for.

    Attributes
    ----------
    channel : str
        Name in the recording, or ``"A - B"`` for a pair.
    muscle : str or None
        Canonical muscle without side; None when the channel belongs to no muscle.
    side : str or None
        ``"left"``, ``"right"`` (the subject's own), or ``"both"`` for a channel that names no
        side and drives both.
    score : float
        1 for a known name, less the more was guessed, 0 for no match.
    pair : tuple of str or None
        For a pair the two channels, of which the second is subtracted from the first.
    note : str
        Why, where the name alone does not tell.
    """

    channel: str
    muscle: str | None = None
    side: str | None = None
    score: float = 0.0
    pair: tuple[str, str] | None = None
    note: str = ""

    @property
    def target(self) -> str | None:
        """``"zygomaticus.left"``, ``"zygomaticus"`` for both sides, None for no muscle."""
        if self.muscle is None or self.side == "both":
            return self.muscle
        return f"{self.muscle}.{self.side}"


@functools.cache
def read_table(name: str) -> dict[str, Any]:
    """One of the JSON tables in ``data``."""
    document = json.loads((DATA / name).read_text("utf-8"))
    if document["format_version"] > TABLE_VERSION:
        raise EiferError(f"{name} needs a newer EIFER.", "Update the add-on.")
    return dict(document)


def muscles() -> dict[str, Any]:
    """The table's muscles with their aliases, in Fridlund's order."""
    return dict(read_table("muscles.json")["muscles"])


def muscle_names() -> tuple[str, ...]:
    """The canonical muscles without side, in Fridlund's order."""
    return tuple(muscles())


def short_label(muscle: str) -> str:
    """A label of at most 16 letters for ``"zygomaticus.left"``: ``"Zyg left"``."""
    name, _, side = muscle.partition(".")
    return f"{muscles()[name]['short']} {side}".strip()


def plain_words(name: str) -> str:
    """Lower-case words without accents, punctuation or units; camel case is taken apart."""
    text = unicodedata.normalize("NFC", name)
    text = re.sub(r"[\[(]\s*[^\])]*V\s*[\])]\s*$", " ", text)
    text = re.sub(r"(?<=[a-zäöüß])(?=[A-Z])", " ", text).lower().translate(_MARKS)
    text = unicodedata.normalize("NFKD", text)
    return " ".join(re.sub(r"[^a-z0-9]+", " ", text).split())


def telling_words(name: str) -> list[str]:
    """The words of a name without those that say nothing, such as "emg" or "ch"."""
    noise = read_table("muscles.json")["noise"]
    words = plain_words(_AGAINST.sub("", name)).split()
    if len(words) > 1:  # the number of a channel before its name: "Ch1 Zyg re", "03 Corr li"
        words = [word for word in words[:-1] if word.rstrip("0123456789") not in noise] + words[-1:]
        while len(words) > 1 and words[0].isdigit():
            words = words[1:]
    return [word for word in words if word not in noise]


def side_of_word(word: str) -> str | None:
    """``"left"`` or ``"right"`` for a word that says so in German or English."""
    sides = read_table("muscles.json")["sides"]
    return next((side for side, known in sides.items() if word in known), None)


def match_name(name: str) -> ChannelMatch:
    """The muscle and side that a name says in words."""
    match = _match_numbered(name)
    parts = _BETWEEN.split(_AGAINST.sub("", name).strip())
    if match.muscle is None and len(parts) == 2:  # "ZygR1-ZygR2": bipolar already
        first, second = (_match_numbered(part) for part in parts)
        if first.muscle is not None and first.target == second.target:
            return replace(first, channel=name)
    return match


def _match_numbered(name: str) -> ChannelMatch:
    words = telling_words(name)
    match = _match_words(name, words)
    if match.muscle is not None or not words:
        return match
    if words[-1].isdigit() and len(words) > 1:
        words = words[:-1]  # "Zyg re 1", without a second electrode
    elif words[-1].rstrip("0123456789") != words[-1]:
        words = [*words[:-1], words[-1].rstrip("0123456789")]
    else:
        return match
    match = _match_words(name, [word for word in words if word])
    return replace(match, score=round(match.score * _NUMBERED_SCORE, 2))


def _match_words(name: str, words: list[str]) -> ChannelMatch:
    side, words = _take_side(words)
    if not words:
        return ChannelMatch(name)
    muscle, score = _muscle(words)
    attached = words[-1][-1]
    if side is None and score < 1 and attached in "lr" and len(words[-1]) > _SHORTEST_PREFIX:
        known = _aliases().get(" ".join([*words[:-1], words[-1][:-1]]))
        if known:  # "zygl"
            side = "left" if attached == "l" else "right"
            muscle, score = known
    if muscle is None:
        return ChannelMatch(name)
    return ChannelMatch(name, muscle, side or "both", score)


def _take_side(words: list[str]) -> tuple[str | None, list[str]]:
    """The side word, looked for from the end, and the other words."""
    for index in (*range(len(words) - 1, 0, -1), 0):
        side = side_of_word(words[index]) if words else None
        if side is not None:
            return side, words[:index] + words[index + 1 :]
    return None, words


@functools.cache
def _aliases() -> dict[str, tuple[str, float]]:
    found: dict[str, tuple[str, float]] = {}
    for muscle, entry in muscles().items():
        for alias in (muscle.replace("_", " "), *entry["aliases"]):
            found[alias] = found[alias.replace(" ", "")] = (muscle, 1.0)
        for alias in entry["loose"]:
            found.setdefault(alias, (muscle, _LOOSE_SCORE))
    return found


def _muscle(words: list[str]) -> tuple[str | None, float]:
    known = _aliases()
    text = " ".join(words)
    exact = known.get(text) or known.get(text.replace(" ", ""))
    if exact:
        return exact
    by_prefix = {
        muscle
        for alias, (muscle, score) in known.items()
        if score == 1.0 and _abbreviates(words, alias.split())
    }
    if len(by_prefix) == 1:
        return by_prefix.pop(), _PREFIX_SCORE
    close = difflib.get_close_matches(text, known, n=1, cutoff=_LEAST_SIMILARITY)
    # Two letters more or less are a slip; three are a word that is missing ("depressor").
    if close and len(text) > _SHORTEST_PREFIX and abs(len(text) - len(close[0])) < 3:
        likeness = difflib.SequenceMatcher(None, text, close[0]).ratio()
        return known[close[0]][0], round(_SPELLING_SCORE * likeness, 2)
    return None, 0.0


def _abbreviates(words: list[str], alias: list[str]) -> bool:
    """True when each word begins the alias's word at its place ("corrug superc")."""
    return len(words) == len(alias) and all(
        len(word) >= _SHORTEST_PREFIX and full.startswith(word)
        for word, full in zip(words, alias, strict=True)
    )
