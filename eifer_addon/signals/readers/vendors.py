"""Text exports of amplifier makers that a general table reader would misread.

Delsys (EMGworks, Trigno): lines of text, then a column of times beside every channel, at rates of
their own. Noraxon (MR): lines of text, then time, activity, markers and channels. emteqPRO: ``#``
lines, then columns such as ``Emg/Raw[LeftZygomaticus]`` among those of other sensors. Written after
public descriptions and other people's readers of these exports; no originals were at hand.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ...errors import EiferError
from ...files import sha256_of
from ..recording import Event, Recording
from .base import Choices, Reader, check_finite, plain_unit, unique_names
from .table import rate_of_times
from .text import Layout, load_columns, load_texts, sniff

_HEAD_BYTES = 1 << 16
_MOST_PREAMBLE = 200
_DELSYS_TIME = re.compile(r"^X\s*[\[(]s[\])]$")
_UNIT = re.compile(r"\s*(?:[\[(]\s*([^\])]{1,6})\s*[\])]|,\s*([munµμ]?V))\s*$")
_EMTEQ = re.compile(r"^Emg/(Raw|Filtered|Amplitude)\[(\w+)\]$", re.IGNORECASE)
_NORAXON_EXTRA = ("time", "activity", "marker", "frame", "index", "sync")
_SIDE_WORDS = (("LT ", "left "), ("RT ", "right "))
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?")


@dataclass(frozen=True)
class _Export:
    """The maker, the layout of the numbers and the lines above them."""

    maker: str
    layout: Layout
    preamble: str


def recognises(path: Path, head: bytes) -> bool:
    """True for an export of one of the three makers."""
    return _find(path, head) is not None


def read(path: Path, choices: Choices) -> Recording:
    """Read an export; see `readers.read_recording`."""
    with path.open("rb") as stream:
        export = _find(path, stream.read(_HEAD_BYTES))
    if export is None:
        raise EiferError(
            f"{path.name} is no export of Delsys, Noraxon or emteqPRO.",
            "Leave format= out, so that the format is recognised.",
        )
    recording, notes = _MAKERS[export.maker](path, export, choices)
    for name, samples in zip(recording.channels, recording.data(), strict=True):
        if name not in choices.drop:
            check_finite(path.name, name, samples, recording.rate_hz)
    source = {"file": str(path), "sha256": sha256_of(path), "format": export.maker}
    return replace(recording, source={**source, **({"notes": notes} if notes else {})})


def _find(path: Path, head: bytes) -> _Export | None:
    """The export in the first bytes of a file, None when it is another table or none."""
    if b"\0" in head[:1024] and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return None
    if not any(word in head for word in (b"X[s]", b"X [s]", b"X(s)", b"X (s)", b"Emg/", b"arker")):
        return None
    lines = head.splitlines(keepends=True)
    for start in range(min(len(lines), _MOST_PREAMBLE)):
        cells = re.split(rb"[,;\t]", lines[start])
        if len(cells) < 2 or lines[start].startswith((b"#", b"%")):
            continue
        names = [cell.strip().strip(b'"').decode("utf-8-sig", "replace") for cell in cells]
        maker = _maker(names)
        if maker is None:
            continue
        layout = sniff(path.name, b"".join(lines[start:]))
        # The layout has a damaged header as a row of its own: then it is no table of this maker.
        if layout is None or len(layout.names) != len(layout.numeric):
            return None
        if _maker(list(layout.names)) != maker:
            return None
        preamble = b"".join(lines[:start]).decode("utf-8-sig", "replace")
        return _Export(maker, replace(layout, skip=layout.skip + start), preamble)
    return None


def _maker(names: list[str]) -> str | None:
    if any(_DELSYS_TIME.match(name) for name in names):
        return "delsys"
    if any(_EMTEQ.match(name) for name in names):
        return "emteq"
    plain = [name.lower() for name in names]
    if "time" in plain[0] and "activity" in plain and any("marker" in name for name in plain):
        return "noraxon"
    return None


def _split_unit(name: str) -> tuple[str, str]:
    match = _UNIT.search(name)
    if match is None:
        return name.strip(), "?"
    return name[: match.start()].strip(), plain_unit(match[1] or match[2])


def _delsys(path: Path, export: _Export, choices: Choices) -> tuple[Recording, list[str]]:
    """Channels of the fastest rate; each has its own times, and may end before the others."""
    found = _delsys_channels(path, export.layout)
    rates = sorted({rate for rate, _, _ in found}, reverse=True)
    if not rates:
        raise EiferError(f"{path.name} has no channel with times.", "Export it again.")
    wanted = choices.rate_hz
    rate = rates[0] if wanted is None else min(rates, key=lambda r: abs(r - wanted))
    notes = []
    kept = [entry for entry in found if entry[0] == rate]
    left = [name for other, name, _ in found if other != rate]
    if left:
        notes.append(f"Channels at other rates than {rate:g} Hz were left out: {', '.join(left)}.")
    n_samples = min(len(samples) for _, _, samples in kept)
    if any(len(samples) != n_samples for _, _, samples in kept):
        notes.append(f"Channels of different length were cut to {n_samples} samples.")
    split = [_split_unit(name) for _, name, _ in kept]
    labels, repeats = unique_names(name for name, _ in split)
    recording = Recording.from_array(
        np.stack([samples[:n_samples] for _, _, samples in kept]), rate, labels,
        units=tuple(unit for _, unit in split),
    )  # fmt: skip
    return recording, notes + repeats


def _delsys_channels(path: Path, layout: Layout) -> list[tuple[float, str, np.ndarray]]:
    """Rate, name and samples of every channel that has times."""
    names = layout.names[: len(layout.numeric)]
    times = [k for k, name in enumerate(names) if _DELSYS_TIME.match(name)]
    pairs = [
        (time, k)
        for time, end in zip(times, [*times[1:], len(names)], strict=True)
        for k in range(time + 1, end)
        if names[k]
    ]
    columns = sorted({k for pair in pairs for k in pair})
    if not columns:
        return []
    values = load_columns(path, columns, layout).values
    at = {k: position for position, k in enumerate(columns)}
    found = []
    for time, k in pairs:
        own = values[:, at[time]]
        length = int(np.count_nonzero(np.isfinite(own)))
        if length > 1:
            rate, _ = rate_of_times(path, layout, own[:length], "X [s]")
            found.append((round(rate, 3), names[k], values[:length, at[k]]))
    return found


def _noraxon(path: Path, export: _Export, choices: Choices) -> tuple[Recording, list[str]]:
    layout = export.layout
    names = layout.names[: len(layout.numeric)]
    plain = [name.strip().lower() for name in names]
    channels = [
        k
        for k, name in enumerate(plain)
        if k and name and layout.numeric[k] and not name.startswith(_NORAXON_EXTRA)
    ]
    if not channels:
        raise EiferError(f"{path.name} has no channel beside time and markers.", "Export it again.")
    values = load_columns(path, [0, *channels], layout).values
    rate, notes = (
        (choices.rate_hz, [])
        if choices.rate_hz is not None
        else rate_of_times(path, layout, values[:, 0], names[0])
    )
    split = [_split_unit(names[k]) for k in channels]
    labels, repeats = unique_names(_spelled_side(name) for name, _ in split)
    marker = next(k for k, name in enumerate(plain) if "marker" in name)
    texts = load_texts(path, marker, layout)
    events = tuple(
        Event(k / rate, text)
        for k, text in enumerate(texts)
        if text not in ("", "0", "0.0") and (k == 0 or texts[k - 1] != text)
    )
    recording = Recording.from_array(
        np.ascontiguousarray(values[:, 1:].T), rate, labels,
        units=tuple(unit for _, unit in split), events=events,
    )  # fmt: skip
    return recording, notes + repeats


def _spelled_side(name: str) -> str:
    """Noraxon's LT and RT in words."""
    for short, word in _SIDE_WORDS:
        if name.upper().startswith(short):
            return word + name[len(short) :]
    return name


def _emteq(path: Path, export: _Export, choices: Choices) -> tuple[Recording, list[str]]:
    """The raw channels, else the filtered ones, else the amplitudes, which are envelopes."""
    layout = export.layout
    names = layout.names[: len(layout.numeric)]
    by_kind: dict[str, list[tuple[int, str]]] = {"raw": [], "filtered": [], "amplitude": []}
    for k, name in enumerate(names):
        match = _EMTEQ.match(name)
        if match:
            by_kind[match[1].lower()].append((k, match[2]))
    kinds = [kind for kind, columns in by_kind.items() if columns]
    kind = kinds[-1] if choices.envelope else kinds[0]
    time = next((k for k, name in enumerate(names) if name.lower().startswith("time")), None)
    columns = [k for k, _ in by_kind[kind]]
    values = load_columns(path, columns if time is None else [*columns, time], layout).values
    notes: list[str] = []
    if choices.rate_hz is not None:
        rate = choices.rate_hz
    elif time is not None:
        rate, notes = rate_of_times(path, layout, values[:, -1], names[time])
    else:
        raise EiferError(f"{path.name} has no column of times.", "Give the rate with rate_hz=.")
    notes = [*notes, f"The columns Emg/{kind.capitalize()}[…] were read."]
    divisor = _divisor(export.preamble)
    samples = np.ascontiguousarray(values[:, : len(columns)].T)
    if kind == "raw" and divisor is not None:
        samples, unit = samples / divisor, "V"
    else:
        unit = "?"
    labels, repeats = unique_names(_words(name) for _, name in by_kind[kind])
    recording = Recording.from_array(samples, rate, labels, units=(unit,) * len(labels))
    return replace(recording, holds_envelope=kind == "amplitude"), notes + repeats


def _words(name: str) -> str:
    """``LeftZygomaticus`` as two words."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)


def _divisor(preamble: str) -> float | None:
    """What turns raw counts into volts, where the lines above the table say it."""
    for line in preamble.splitlines():
        if "rawtovoltagedivisor" in line.lower():
            number = _NUMBER.search(re.split(r"divisor", line, flags=re.IGNORECASE)[1])
            value = float(number[0]) if number else 0.0
            return value if np.isfinite(value) and value > 0 else None
    return None


_MAKERS = {"delsys": _delsys, "noraxon": _noraxon, "emteq": _emteq}

READER = Reader(
    "vendor", "text exports of Delsys, Noraxon and emteqPRO (.csv, .txt)", recognises, read
)
