"""BrainVision: a header (.vhdr), a marker file (.vmrk) and the numbers (.eeg), read lazily.

Layout: "BrainVision Core Data Format 1.0", Brain Products GmbH.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import EiferError
from ...files import sha256_of
from ..recording import Event, Recording
from .base import (
    Choices,
    Reader,
    Row,
    channel_rows,
    check_rate_value,
    damaged,
    one_line,
    plain_unit,
    unique_names,
)
from .lazy import Grouped, Interleaved

_KIND = "BrainVision file"
_FIRST_LINE = re.compile(
    rb"(\xef\xbb\xbf)?Brain ?Vision (Data Exchange|Core Data Format) Header File", re.IGNORECASE
)
_NUMBERS = {"INT_16": "i2", "UINT_16": "u2", "INT_32": "i4", "IEEE_FLOAT_32": "f4"}
_MARKER = re.compile(r"([^,]*),(.*),(\d+),(\d+),-?\d+(?:,\d*)?")
_NEW_SEGMENT = "new segment"
_MAX_CHANNELS = 65536
_MAX_TEXT = 1 << 26


@dataclass(frozen=True)
class _Header:
    path: Path
    data: Path
    markers: Path | None
    names: tuple[str, ...]
    units: tuple[str, ...]
    gain: np.ndarray
    rate_hz: float
    number: str
    by_channel: bool
    n_samples: int
    notes: tuple[str, ...]


def recognises(path: Path, head: bytes) -> bool:
    """True for a header, or for one of the other two files when the header lies beside it."""
    if _FIRST_LINE.match(head) or path.suffix.lower() == ".vhdr":
        return True
    return path.suffix.lower() in (".eeg", ".vmrk") and path.with_suffix(".vhdr").is_file()


def contents(path: Path) -> list[Row]:
    """One row per channel."""
    header = _read_header(path, partial=True)
    return channel_rows(header.names, header.units, header.rate_hz, header.n_samples)


def read(path: Path, choices: Choices) -> Recording:
    """Read a BrainVision recording; see `readers.read_recording`."""
    header = _read_header(path, partial=choices.partial)
    notes = list(header.notes)
    names, repeats = unique_names(header.names)
    rate = choices.rate_hz or header.rate_hz
    events, breaks = _events(header, rate)
    start, stop = _stretch(header, breaks, choices.segment)
    matrix = Interleaved(
        header.data, 0, header.number, header.n_samples, len(names), header.by_channel
    )
    numbers = Grouped(
        lambda columns, a, b: matrix.columns(columns, start + a, start + b), len(names), header.gain
    )
    return Recording(
        channels=names,
        units=tuple(plain_unit(unit) for unit in header.units),
        rate_hz=rate,
        n_samples=stop - start,
        read_samples=numbers.read_samples,
        read_channel=numbers.read_channel,
        events=tuple(
            Event(e.onset_s - start / rate, e.name, e.duration_s)
            for e in events
            if start <= round(e.onset_s * rate) < stop
        ),
        source={
            "file": str(header.path), "sha256": sha256_of(header.data), "format": "brainvision",
            **({"notes": notes + repeats} if notes or repeats else {}),
        },
    )  # fmt: skip


def _read_header(path: Path, *, partial: bool) -> _Header:
    path = path if path.suffix.lower() == ".vhdr" else path.with_suffix(".vhdr")
    text, sections = _sections(path)
    if not _FIRST_LINE.match(text.encode("utf-8", "replace")):
        raise EiferError(
            f"{path.name} is not a BrainVision header: its first line does not say so.",
            "Choose the .vhdr file of a recording.",
        )
    common, binary = sections.get("common infos", {}), sections.get("binary infos", {})
    if common.get("dataformat", "BINARY").upper() != "BINARY":
        raise EiferError(
            f"{path.name} describes numbers written as text, which are not read.",
            "Export the recording in binary form.",
        )
    number = binary.get("binaryformat", "INT_16").upper()
    if number not in _NUMBERS:
        raise damaged(path, _KIND, f"it announces numbers of kind '{number[:20]}'")
    order = ">" if binary.get("usebigendianorder", "NO").upper() == "YES" else "<"
    count = _number(path, common, "numberofchannels")
    interval = _number(path, common, "samplinginterval")
    if not 0 < count <= _MAX_CHANNELS or count != int(count) or interval <= 0:
        raise damaged(path, _KIND, f"it announces {count:g} channels every {interval:g} us")
    channels = _channels(path, sections.get("channel infos", {}), int(count))
    data, notes = _beside(path, common.get("datafile", ""), (".eeg", ".dat"))
    markers = common.get("markerfile")
    found, more = (None, []) if not markers else _beside(path, markers, (".vmrk",), needed=False)
    if data is None:  # _beside has refused it
        raise damaged(path, _KIND, "it names no data file")
    sample_bytes = int(count) * np.dtype(_NUMBERS[number]).itemsize
    n_samples, odd = _count(path, data, common, sample_bytes, partial)
    rate = check_rate_value(path.name, 1e6 / interval)
    return _Header(
        path, data, found, *channels, rate, order + _NUMBERS[number],
        common.get("dataorientation", "MULTIPLEXED").upper() == "VECTORIZED", n_samples,
        (*notes, *more, *odd),
    )  # fmt: skip


def _sections(path: Path) -> tuple[str, dict[str, dict[str, str]]]:
    """The text and its sections; keys in lower case."""
    if path.stat().st_size > _MAX_TEXT:
        raise damaged(path, _KIND, "it is too long for a header")
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("cp1252", "replace")
    sections: dict[str, dict[str, str]] = {}
    current: dict[str, str] = {}
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("[") and stripped.endswith("]"):
            current = sections.setdefault(stripped[1:-1].strip().lower(), {})
        elif "=" in stripped and not stripped.startswith(";"):
            key, _, value = stripped.partition("=")
            current[key.strip().lower()] = value.strip()
    return text, sections


def _number(path: Path, common: dict[str, str], key: str) -> float:
    try:
        value = float(common.get(key, "").replace(",", "."))
    except ValueError:
        value = float("nan")
    if not np.isfinite(value):
        raise damaged(path, _KIND, f"its '{key}' is not a number")
    return value


def _channels(
    path: Path, infos: dict[str, str], count: int
) -> tuple[tuple[str, ...], tuple[str, ...], np.ndarray]:
    """Names, units and gains. Without a unit it is microvolts, by the format's definition."""
    names, units, gains = [], [], []
    for k in range(1, count + 1):
        if f"ch{k}" not in infos:
            raise damaged(path, _KIND, f"it announces {count} channels but does not name Ch{k}")
        name, _, gain, unit = (infos[f"ch{k}"].split(",") + [""] * 3)[:4]
        try:
            gains.append(float(gain or 1))
        except ValueError as error:
            raise damaged(path, _KIND, f"the resolution of Ch{k} is not a number") from error
        if not np.isfinite(gains[-1]) or gains[-1] == 0:
            raise damaged(path, _KIND, f"the resolution of Ch{k} is {gain}")
        names.append(one_line(name.replace("\\1", ",")))
        units.append(unit.strip() or "uV")
    return tuple(names), tuple(units), np.array(gains)


def _beside(
    path: Path, named: str, suffixes: tuple[str, ...], *, needed: bool = True
) -> tuple[Path | None, list[str]]:
    """A file that the header names, or, when the files were renamed, the one of its own name."""
    # Only the last part counts: no header sends the reader into another folder.
    last = re.split(r"[\\/]", named.replace("$b", path.stem))[-1]
    if last and "\0" not in last and (path.parent / last).is_file():
        return path.parent / last, []
    for suffix in suffixes:
        if path.with_suffix(suffix).is_file():
            note = f"The header names '{one_line(last)}'; {path.stem}{suffix} was read instead."
            return path.with_suffix(suffix), [note]
    if needed:
        raise EiferError(
            f"{path.name} names its data file '{one_line(last)}', which is not beside it.",
            "Copy all three files of the recording (.vhdr, .eeg, .vmrk) into one folder.",
        )
    return None, [f"The marker file '{one_line(last)}' is missing, so there are no events."]


def _count(
    path: Path, data: Path, common: dict[str, str], sample_bytes: int, partial: bool
) -> tuple[int, list[str]]:
    """Whole samples in the data file, against the announced number where there is one."""
    found, rest = divmod(data.stat().st_size, sample_bytes)
    announced = int(_number(path, common, "datapoints")) if "datapoints" in common else found
    if found == 0:
        raise EiferError(f"{data.name} holds no whole sample.", "Copy it again.")
    if rest or found < announced:
        what = (
            f"{data.name} is truncated: {found} of {announced} samples are whole"
            if found < announced
            else f"{data.name} ends inside a sample, after {found} whole ones"
        )
        if not partial:
            raise EiferError(f"{what}.", "Copy it again, or read what is there with partial=True.")
        return found, [f"{what}."]
    return found, []


def _events(header: _Header, rate: float) -> tuple[list[Event], list[int]]:
    """Markers, and the samples at which the recording was interrupted."""
    events: list[Event] = []
    breaks: list[int] = []
    if header.markers is None:
        return events, breaks
    for key, value in _sections(header.markers)[1].get("marker infos", {}).items():
        match = _MARKER.fullmatch(value)
        if not key.startswith("mk") or match is None:
            continue
        kind, text = match[1].strip(), one_line(match[2].replace("\\1", ","))
        position, size = int(match[3][:18]) - 1, int(match[4][:18])
        if kind.lower() == _NEW_SEGMENT:
            breaks.append(position)
            continue
        duration = size / rate if size > 1 else 0.0
        events.append(Event(position / rate, text or one_line(kind), duration))
    return sorted(events, key=lambda event: event.onset_s), breaks


def _stretch(header: _Header, breaks: list[int], wanted: int | None) -> tuple[int, int]:
    """First sample and end of the stretch to read; asks when the recording was interrupted."""
    inner = sorted({b for b in breaks if 0 < b < header.n_samples})
    stretches = list(zip([0, *inner], [*inner, header.n_samples], strict=True))
    if wanted is None and len(stretches) == 1:
        return stretches[0]
    if wanted is not None and 0 <= wanted < len(stretches):
        return stretches[wanted]
    listed = ", ".join(f"{k}: {b - a} samples" for k, (a, b) in enumerate(stretches[:20]))
    cause = "has gaps" if wanted is None else f"has no stretch {wanted}"
    raise EiferError(
        f"{header.path.name} {cause}: it was interrupted {len(inner)} times.",
        f"Choose one with segment=; there are {listed}.",
    )


READER = Reader("brainvision", "BrainVision (.vhdr)", recognises, read, contents)
