"""The montage: which channel of a recording stands over which muscle, and on which side.

Names are parsed tolerantly (case, dots, underscores, German and English words, side words,
Fridlund's codes F1 to F22, odd on the subject's right); each match carries a score, and what
was not understood stays listed. Sides are always the subject's own.
"""

from __future__ import annotations

import difflib
import functools
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import EiferError
from ..files import atomic_path

FORMAT_VERSION = 1
_TABLE = Path(__file__).with_name("data") / "muscles.json"
_SIDES = {"left": ("left",), "right": ("right",), "both": ("left", "right")}
_LOOSE_SCORE, _PREFIX_SCORE, _SPELLING_SCORE = 0.6, 0.8, 0.9
#: A worse spelling than this is another word.
_LEAST_SIMILARITY = 0.84
_SHORTEST_PREFIX = 3
#: Beside these, F3 or F7 is a position of the 10-20 EEG system, not of Fridlund's scheme.
_EEG_ONLY = frozenset({"fz", "cz", "pz", "oz", "fp1", "fp2", "c3", "c4", "p3", "p4", "o1", "o2"})
_MARKS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})
_FRIDLUND = re.compile(r"f0?(\d{1,2})")


@dataclass(frozen=True)
class ChannelMatch:
    """What one channel was taken for.

    Attributes
    ----------
    channel : str
        Name in the recording.
    muscle : str or None
        Canonical muscle without side; None when the channel belongs to no muscle.
    side : str or None
        ``"left"``, ``"right"`` (the subject's own), or ``"both"`` for a channel that names no
        side and drives both.
    score : float
        1 for a known name, less the more was guessed, 0 for no match.
    """

    channel: str
    muscle: str | None = None
    side: str | None = None
    score: float = 0.0


@dataclass(frozen=True)
class Montage:
    """Channels and their muscles.

    Attributes
    ----------
    matches : tuple of ChannelMatch
        One per channel of the recording, in its order.
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
        """Channel by muscle with side, in the order of the canonical muscles."""
        found = {
            f"{match.muscle}.{side}": match.channel
            for match in self.matches
            if match.muscle is not None
            for side in _SIDES[match.side or "both"]
        }
        order = [f"{muscle}.{side}" for muscle in muscle_names() for side in ("left", "right")]
        return {muscle: found[muscle] for muscle in order if muscle in found}

    @property
    def muscles(self) -> tuple[str, ...]:
        """Muscles with side that some channel stands for."""
        return tuple(self.channels)

    @property
    def unmapped(self) -> tuple[str, ...]:
        """Channels that belong to no muscle."""
        return tuple(match.channel for match in self.matches if match.muscle is None)

    def describe(self) -> str:
        """A few lines that a person can read."""
        lines = [f"Montage ({self.origin}): {len(self.muscles)} muscles"]
        for m in self.matches:
            target = "not mapped" if m.muscle is None else f"{m.muscle}, {m.side} ({m.score:.2f})"
            lines.append(f"  {m.channel} -> {target}")
        return "\n".join([*lines, *(f"  {note}" for note in self.notes)])

    def save(self, path: str | Path, *, overwrite: bool = True) -> Path:
        """Write the montage as JSON that `montage_from_user` reads."""
        channels = {
            m.channel: None
            if m.muscle is None
            else m.muscle
            if m.side == "both"
            else f"{m.muscle}.{m.side}"
            for m in self.matches
        }
        document = {"format_version": FORMAT_VERSION, "channels": channels}
        with atomic_path(path, overwrite=overwrite) as temporary:
            temporary.write_text(json.dumps(document, indent=2, ensure_ascii=False), "utf-8")
        return Path(path)


@functools.cache
def _table() -> dict[str, Any]:
    document = json.loads(_TABLE.read_text("utf-8"))
    if document["format_version"] > FORMAT_VERSION:
        raise EiferError(f"{_TABLE.name} needs a newer EIFER.", "Update the add-on.")
    return dict(document)


def muscle_names() -> tuple[str, ...]:
    """The canonical muscles without side, in Fridlund's order."""
    return tuple(_table()["muscles"])


def short_label(muscle: str) -> str:
    """A label of at most 16 letters for ``"zygomaticus.left"``: ``"Zyg left"``."""
    name, _, side = muscle.partition(".")
    return f"{_table()['muscles'][name]['short']} {side}".strip()


def map_channels(names: Sequence[str], montage: Any = None) -> Montage:
    """Find the muscle and side of each channel.

    Parameters
    ----------
    names : sequence of str
        Channel names of the recording.
    montage : Montage, mapping or path-like, optional
        The user's own: ``{channel: muscle}`` with or without side, or a JSON file of it.

    Returns
    -------
    Montage

    Raises
    ------
    EiferError
        When no channel belongs to a muscle, or the user's montage does not fit the recording.
    """
    if isinstance(montage, Montage):
        montage = {m.channel: _target(m) for m in montage.matches if m.channel in names}
    result = (
        _one_channel_each(match_channels(names), "recognised")
        if montage is None
        else montage_from_user(names, montage)
    )
    if not result.muscles:
        understood = ", ".join(f"{muscle} ({short_label(muscle)})" for muscle in muscle_names())
        raise EiferError(
            f"No channel name belongs to a facial muscle; the channels are: {', '.join(names)}.",
            f"Give a montage {{channel: muscle}}; understood are: {understood}, each with left or "
            "right, and Fridlund's F1 to F22.",
        )
    return result


def match_channels(names: Iterable[str]) -> tuple[ChannelMatch, ...]:
    """The best match of each name by itself."""
    listed = list(names)
    is_eeg = any(name.strip().lower() in _EEG_ONLY for name in listed)
    return tuple(_match(name, fridlund=not is_eeg) for name in listed)


def montage_from_user(
    names: Sequence[str], montage: Mapping[str, str | None] | str | Path
) -> Montage:
    """A montage from ``{channel: muscle}`` or a JSON file; channels not named stay unmapped."""
    origin = "given"
    if isinstance(montage, str | Path):
        origin = Path(montage).name
        montage = _read(Path(montage))
    for channel in montage:
        if channel not in names:
            raise EiferError(
                f"The montage ({origin}) names the channel '{channel}', which the recording lacks.",
                f"Its channels are: {', '.join(names)}.",
            )
    matches = []
    for name in names:
        target = montage.get(name)
        match = ChannelMatch(name) if target is None else _match(str(target), fridlund=True)
        if target is not None and match.muscle is None:
            raise EiferError(
                f"The montage ({origin}) names the unknown muscle '{target}'.",
                f"Muscles are: {', '.join(muscle_names())}.",
            )
        matches.append(
            ChannelMatch(name, match.muscle, match.side, float(match.muscle is not None))
        )
    return _one_channel_each(tuple(matches), origin)


def _target(match: ChannelMatch) -> str | None:
    if match.muscle is None or match.side == "both":
        return match.muscle
    return f"{match.muscle}.{match.side}"


def _read(path: Path) -> dict[str, str | None]:
    try:
        document = json.loads(path.read_text("utf-8"))
        version, channels = int(document["format_version"]), dict(document["channels"])
    except OSError as error:
        raise EiferError(f"The montage {path} could not be read.", "Check the path.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise EiferError(
            f"{path.name} is not a montage.",
            'It must hold {"format_version": 1, "channels": {"channel": "muscle.side"}}.',
        ) from error
    if version > FORMAT_VERSION:
        raise EiferError(f"{path.name} needs a newer EIFER (montage format {version}).", "Update.")
    return channels


def _one_channel_each(matches: tuple[ChannelMatch, ...], origin: str) -> Montage:
    """Let the best channel stand for each muscle; the others stay listed as unmapped."""
    notes: list[str] = []
    taken: dict[str, str] = {}
    kept: dict[str, ChannelMatch] = {}
    # A channel with a side is asked before one that would drive both sides.
    for match in sorted(matches, key=lambda m: (m.side == "both", -m.score)):
        wanted = [f"{match.muscle}.{side}" for side in _SIDES[match.side or "both"]]
        clash = next((muscle for muscle in wanted if muscle in taken), None)
        if match.muscle is None:
            kept[match.channel] = match
        elif clash is not None:
            kept[match.channel] = ChannelMatch(match.channel)
            notes.append(f"'{match.channel}' is not used: '{taken[clash]}' stands for {clash}.")
        else:
            kept[match.channel] = match
            taken.update(dict.fromkeys(wanted, match.channel))
            if match.side == "both":
                notes.append(
                    f"'{match.channel}' names no side, so it drives {match.muscle} on both."
                )
            if match.score < _PREFIX_SCORE:
                notes.append(f"'{match.channel}' was taken for {match.muscle}; please check.")
    return Montage(tuple(kept[m.channel] for m in matches), origin, tuple(notes))


def plain_words(name: str) -> str:
    """Lower-case words without accents, punctuation or units; camel case is taken apart."""
    text = unicodedata.normalize("NFC", name)
    text = re.sub(r"[\[(]\s*[^\])]*V\s*[\])]\s*$", " ", text)
    text = re.sub(r"(?<=[a-zäöüß])(?=[A-Z])", " ", text).lower().translate(_MARKS)
    text = unicodedata.normalize("NFKD", text)
    return " ".join(re.sub(r"[^a-z0-9]+", " ", text).split())


def _match(name: str, *, fridlund: bool) -> ChannelMatch:
    table = _table()
    words = [w for w in plain_words(name).split() if w not in table["noise"]]
    code = _FRIDLUND.fullmatch("".join(words))
    if code and fridlund:
        return _match_code(name, int(code[1]))
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


def _match_code(name: str, number: int) -> ChannelMatch:
    for muscle, entry in _table()["muscles"].items():
        if f"F{number}" in entry["fridlund"]:
            return ChannelMatch(name, muscle, "right" if number % 2 else "left", 1.0)
    return ChannelMatch(name)


def _take_side(words: list[str]) -> tuple[str | None, list[str]]:
    """The side word, looked for from the end, and the other words."""
    for index in (*range(len(words) - 1, 0, -1), 0):
        for side, known in _table()["sides"].items():
            if words and words[index] in known:
                return side, words[:index] + words[index + 1 :]
    return None, words


@functools.cache
def _aliases() -> dict[str, tuple[str, float]]:
    found: dict[str, tuple[str, float]] = {}
    for muscle, entry in _table()["muscles"].items():
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
