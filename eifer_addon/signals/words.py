"""Names and units out of other people's files and streams, as the rest of the package writes them.

Imports nothing but the standard library, so that a list of streams in Blender costs no SciPy.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

#: As LSL's streams (microvolts) and TMSi's files (uVolt) write it.
_SPELLED_VOLTS = re.compile(r"(micro|milli|nano|[umn]?)volts?", re.IGNORECASE)

#: As MNE-LSL writes volts: by the power of ten.
_POWERS_OF_VOLTS = {"0": "V", "-3": "mV", "-6": "uV", "-9": "nV"}


def unique_names(names: Iterable[str]) -> tuple[tuple[str, ...], list[str]]:
    """Names made unique by numbering repeats, and a note for each change."""
    seen: dict[str, int] = {}
    unique, notes = [], []
    for index, raw in enumerate(names):
        name = one_line(raw) or f"channel {index + 1}"
        count = seen[name] = seen.get(name, 0) + 1
        if count > 1:
            notes.append(
                f"The channel name '{name}' occurs again; it is called '{name} ({count})'."
            )
        unique.append(name if count == 1 else f"{name} ({count})")
    return tuple(unique), notes


def plain_unit(text: str) -> str:
    """A unit as the rest of the package writes it: ``uV`` for every kind of micro, ``?`` for none.

    ``Â`` is what is left of a micro sign whose two bytes of UTF-8 were read as Latin-1.
    """
    unit = one_line(text).replace("Â", "").replace("µ", "u").replace("μ", "u")
    spelled = _SPELLED_VOLTS.fullmatch(unit)
    if spelled:
        return {"micro": "u", "milli": "m", "nano": "n"}.get(spelled[1].lower(), spelled[1]) + "V"
    return unit or "?"


def stream_unit(text: str) -> str:
    """A unit out of the description of a stream, live or recorded by LabRecorder."""
    return _POWERS_OF_VOLTS.get(text.strip()) or plain_unit(text)


def one_line(text: str) -> str:
    """A text from a file without line breaks and control characters, for names and sentences."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
