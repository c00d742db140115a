"""OTB+ and OTB4 of OT Bioelettronica: a tar of numbers and XML, read lazily in place.

The layouts follow the readers that OT Bioelettronica (OTB-Matlab: OpenOTBfilesConvFact and
OpenOTB4_v2) and MNE (`mne.io.otb`) publish; no sample was at hand.
"""

from __future__ import annotations

import math
import re
import tarfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree as ET

import numpy as np

from ...errors import EiferError
from ...files import sha256_of
from ..recording import Event, Recording
from .base import Choices, Reader, Row, check_rate_value, damaged, one_line, unique_names
from .lazy import INT24, Grouped, Interleaved, bytes_of

_KIND = "OTB file"
_TRACKS = re.compile(r"Tracks_\d+\.xml", re.IGNORECASE)
_MARKERS = re.compile(r"marker.*\.xml", re.IGNORECASE)
_MAX_XML, _MAX_MEMBERS, _MAX_CHANNELS = 1 << 24, 4096, 8192
_TAR_ERRORS = (tarfile.TarError, ValueError, OverflowError, EOFError, IndexError, KeyError)
#: Adapters and tracks that carry no muscle signal.
_OTHER = ("control", "quaternion", "aux", "loadcell", "load cell", "force", "buffer", "ramp",
          "direct connection")  # fmt: skip
_UNNAMED = ("", "not defined", "undefined", "none", "-")
_VOLTS = ("", "v", "mv", "uv", "µv", "μv", "nv")
#: Input range in V and gain by device, which OTB+ files leave to the maker's reader.
_MAKERS_TABLE = {"QUATTROCENTO": (5.0, 150.0), "QUATTRO": (5.0, 150.0), "DUE": (5.0, 200.0),
                 "DUE+": (3.3, 202.0), "QUATTRO+": (3.3, 202.0)}  # fmt: skip
#: Of every other device; with 24 bits the gain is 1.
_OTHERS_TABLE = (4.8, 256.0)
#: Types of numbers by their bytes; eight bytes hold what was computed from a signal.
_TYPES = {2: "<i2", 3: INT24, 4: "<i4"}
_UV_PER_V, _MS = 1e6, 1e3


@dataclass(frozen=True)
class _Member:
    offset: int
    size: int


@dataclass(frozen=True)
class _Channel:
    """One channel: where it lies and what turns its number into microvolts."""

    name: str
    file: str
    column: int
    n_columns: int
    dtype: str
    gain: float
    rate_hz: float


def recognises(path: Path, head: bytes) -> bool:
    """True for the suffixes; a tar alone says nothing of what is in it."""
    del head
    return path.suffix.lower() in (".otb+", ".otb4", ".otb")


def contents(path: Path) -> list[Row]:
    """One row per channel."""
    members = _members(path)
    channels, _ = _channels(path, members)
    return [
        {"channel": c.name, "signal file": c.file, "rate_hz": c.rate_hz,
         "samples": members[c.file].size // (c.n_columns * bytes_of(c.dtype))}
        for c in channels
    ]  # fmt: skip


def read(path: Path, choices: Choices) -> Recording:
    """Read an OTB+ or OTB4 file; see `readers.read_recording`."""
    members = _members(path)
    channels, notes = _channels(path, members)
    channels = _chosen(path, channels, choices, notes)
    matrices: dict[str, Interleaved] = {}
    for channel in channels:
        member, size = members[channel.file], channel.n_columns * bytes_of(channel.dtype)
        n_samples, rest = divmod(member.size, size)
        if rest:
            notes.append(f"{channel.file} ends inside a sample; the rest was left out.")
        matrices[channel.file] = Interleaved(
            path, member.offset, channel.dtype, n_samples, channel.n_columns
        )
    n_samples = min(matrix.n_samples for matrix in matrices.values())
    if n_samples == 0:
        raise EiferError(f"{path.name} holds no whole sample.", "Copy it again.")
    names, repeats = unique_names(c.name for c in channels)

    def columns(part: slice, start: int, stop: int) -> np.ndarray:
        picked = [
            matrices[c.file].columns(np.array([c.column]), start, stop) for c in channels[part]
        ]
        return np.concatenate(picked, axis=1)

    numbers = Grouped(columns, len(channels), np.array([c.gain for c in channels]))
    notes = list(dict.fromkeys(notes)) + repeats
    return Recording(
        channels=names, units=("uV",) * len(names),
        rate_hz=choices.rate_hz or check_rate_value(path.name, channels[0].rate_hz),
        n_samples=n_samples, read_samples=numbers.read_samples, read_channel=numbers.read_channel,
        events=_events(path, members),
        source={"file": str(path), "sha256": sha256_of(path), "format": "otb", "notes": notes},
    )  # fmt: skip


def _members(path: Path) -> dict[str, _Member]:
    """The files in the tar by name."""
    found: dict[str, _Member] = {}
    size = path.stat().st_size
    try:
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                if member.isreg():
                    name = PurePosixPath(member.name.replace("\\", "/")).name
                    found[one_line(name)] = _Member(member.offset_data, member.size)
                if len(found) > _MAX_MEMBERS:
                    break
    except _TAR_ERRORS as error:
        raise damaged(path, _KIND, f"it is not a whole tar archive ({error})") from error
    for name, file in found.items():
        if file.size < 0 or file.offset < 0 or file.offset + file.size > size:
            raise EiferError(
                f"{path.name} is truncated: '{name}' in it is not whole.", "Copy the file again."
            )
    return found


def _xml(path: Path, members: dict[str, _Member], name: str) -> ET.Element:
    member = members.get(name)
    if member is None or member.size > _MAX_XML:
        raise damaged(path, _KIND, f"'{name}' is missing from it or too long")
    with path.open("rb") as stream:
        stream.seek(member.offset)
        text = stream.read(member.size)
    try:
        return ET.fromstring(text)
    except (ET.ParseError, ValueError, LookupError) as error:
        raise damaged(path, _KIND, f"'{name}' in it is not XML") from error


def _events(path: Path, members: dict[str, _Member]) -> tuple[Event, ...]:
    """Markers with their times in milliseconds; the same one stands in several files."""
    found = set()
    for name in members:
        if not _MARKERS.fullmatch(name):
            continue
        for marker in _xml(path, members, name).iter("Marker"):
            onset = _number(path, marker.findtext("Milliseconds"), "time of a marker") / _MS
            found.add((onset, one_line(marker.findtext("Description") or "") or "marker"))
    return tuple(Event(onset, text) for onset, text in sorted(found))


def _channels(path: Path, members: dict[str, _Member]) -> tuple[list[_Channel], list[str]]:
    signals = sorted(name for name in members if name.lower().endswith(".sig"))
    if not signals:
        raise damaged(path, _KIND, "it holds no signal (.sig)")
    notes: list[str] = []
    tracks = sorted(name for name in members if _TRACKS.fullmatch(name))
    channels = []
    for about in tracks:
        channels += _tracks(path, _xml(path, members, about), members, notes)
    for signal in [] if tracks else signals:
        about = f"{signal[:-4]}.xml"
        if about in members:
            channels += _device(path, _xml(path, members, about), signal, notes)
    if not channels:
        raise EiferError(f"{path.name} describes no EMG channel.", "Choose another recording.")
    return channels, notes


def _device(path: Path, root: ET.Element, signal: str, notes: list[str]) -> list[_Channel]:
    """Channels of an OTB+ file: adapters with a start and a gain, channels with an index."""
    rate = _number(path, root.get("SampleFrequency"), "rate")
    total = _whole(path, root.get("DeviceTotalChannels"), "number of channels", _MAX_CHANNELS)
    bits = _whole(path, root.get("ad_bits"), "number of bits", 64)
    if bits not in (16, 24):
        raise EiferError(
            f"{path.name} holds numbers of {bits} bits, of which no layout is published.",
            "Export it from OTBioLab+ as MAT or CSV.",
        )
    device = one_line(root.get("Name", "?"))
    channels, left = [], []
    for adapter in root.iter("Adapter"):
        kind = one_line(adapter.get("ID", ""))
        start = _whole(path, adapter.get("ChannelStartIndex"), "first channel", _MAX_CHANNELS)
        volts, gain = _conversion(device, kind, bits)
        stated = _number(path, adapter.get("Gain", "1"), "gain")
        about = [
            f"Range and gain of '{device}' are {volts:g} V and {gain:g} by the maker's reader; "
            "the file does not state the range."
        ]
        if stated not in (0.0, 1.0, gain):
            about.insert(0, f"Adapter '{kind}' states a gain of {stated:g}; {gain:g} was taken.")
        for channel in adapter.iter("Channel"):
            index = start + _whole(path, channel.get("Index"), "index", _MAX_CHANNELS)
            label = _label(channel, f"{kind} {index + 1}")
            if any(word in f"{kind} {channel.get('ID', '')}".lower() for word in _OTHER):
                left.append(label)
                continue
            if index >= total:
                raise damaged(path, _KIND, f"channel {index + 1} of {total} is announced")
            own = gain * (_number(path, channel.get("Gain", "1"), "gain") or 1.0)
            scale = volts * _UV_PER_V / 2**bits / own
            channels.append(_Channel(label, signal, index, total, _TYPES[bits // 8], scale, rate))
            notes += about
    if left:
        notes.append(f"Channels that are not EMG were left out: {', '.join(left)}.")
    return channels


def _conversion(device: str, adapter: str, bits: int) -> tuple[float, float]:
    """Input range in V and gain, as the maker's reader has them."""
    if device.upper() == "SYNCSTATION" and adapter.upper() in ("DUE+", "QUATTRO+"):
        return _MAKERS_TABLE["DUE+"]
    volts, gain = _MAKERS_TABLE.get(device.upper(), _OTHERS_TABLE)
    return volts, 1.0 if bits == 24 and device.upper() not in _MAKERS_TABLE else gain


def _label(channel: ET.Element, numbered: str) -> str:
    muscle, side = (one_line(channel.get(key, "")) for key in ("Muscle", "Side"))
    if muscle.lower() in _UNNAMED:
        return numbered
    return muscle if side.lower() in _UNNAMED else f"{muscle} {side}"


def _tracks(
    path: Path, root: ET.Element, members: dict[str, _Member], notes: list[str]
) -> list[_Channel]:
    """Channels of an OTB4 file: tracks in volts that are neither control nor computed."""
    channels, left = [], []
    for track in root.iter("TrackInfo"):
        texts = [one_line(track.findtext(key) or "") for key in ("Title", "SubTitle")]
        title = " ".join(dict.fromkeys(text for text in texts if text)) or "track"
        bits = _whole(path, track.findtext("ADC_Nbits"), "number of bits", 64)
        size = _whole(path, track.findtext("SampleSize") or ("2" if bits <= 16 else "4"),
                      "bytes of a sample", 8)  # fmt: skip
        if not _is_signal(track, title, bits, size):
            left.append(title)
            continue
        file = one_line(PurePosixPath(track.findtext("SignalStreamPath") or "").name)
        if file not in members:
            raise damaged(path, _KIND, f"the signal '{file}' of track '{title}' is missing")
        count = _whole(path, track.findtext("NumberOfChannels"), "channels", _MAX_CHANNELS)
        start = _whole(path, track.findtext("AcquisitionChannel"), "first channel", _MAX_CHANNELS)
        total = _whole(path, track.findtext("TotalChannelsInFile"), "channels", _MAX_CHANNELS)
        gain = _number(path, track.findtext("Gain"), "gain")
        if size not in _TYPES or gain == 0 or start + count > total:
            raise damaged(path, _KIND, f"track '{title}' contradicts itself")
        scale = _number(path, track.findtext("ADC_Range"), "range") * _UV_PER_V / 2**bits / gain
        rate = _number(path, track.findtext("SamplingFrequency"), "rate")
        channels += [
            _Channel(name, file, start + k, total, _TYPES[size], scale, rate)
            for k, name in enumerate(_track_names(track, title, count))
        ]
    if left:
        notes.append(f"Tracks that are not EMG were left out: {', '.join(left)}.")
    return channels


def _is_signal(track: ET.Element, title: str, bits: int, size: int) -> bool:
    told = [(track.findtext(key) or "").strip().lower() for key in ("IsControl", "IsProcessing")]
    unit = (track.findtext("UnitOfMeasurement") or "").strip().lower()
    other = any(word in title.lower() for word in _OTHER)
    return "true" not in told and bits > 0 and size < 8 and unit in _VOLTS and not other


def _track_names(track: ET.Element, title: str, count: int) -> list[str]:
    """The channels' own names where they have any beside a number, else the track's, numbered."""
    labels = [
        one_line(channel.findtext("Label") or "")
        for channel in track.iter("ChannelRapresentation")  # as the files spell it
    ]
    numbered = [f"{title} {k + 1}" if count > 1 else title for k in range(count)]
    if len(labels) != count:
        return numbered
    return [
        other if not label or label.replace(".", "").isdigit() else label
        for label, other in zip(labels, numbered, strict=True)
    ]


def _chosen(
    path: Path, channels: list[_Channel], choices: Choices, notes: list[str]
) -> list[_Channel]:
    """Channels of one signal file by the choice `stream`, and of the fastest rate."""
    files = list(dict.fromkeys(c.file for c in channels))
    if choices.stream is not None:
        channels = [c for c in channels if choices.stream in (c.file, c.file.removesuffix(".sig"))]
        if not channels:
            raise EiferError(
                f"{path.name} has no signal '{choices.stream}'.", f"It has {', '.join(files)}."
            )
    rate = max(c.rate_hz for c in channels)
    left = [c.name for c in channels if c.rate_hz != rate]
    if left:
        notes.append(f"Channels slower than {rate:g} Hz were left out: {', '.join(left)}.")
    return [c for c in channels if c.rate_hz == rate]


def _number(path: Path, text: str | None, what: str) -> float:
    try:
        value = float((text or "").strip().replace(",", "."))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise damaged(path, _KIND, f"a {what} in it is not a number")
    return value


def _whole(path: Path, text: str | None, what: str, most: int) -> int:
    value = _number(path, text, what)
    if value != int(value) or not 0 <= value <= most:
        raise damaged(path, _KIND, f"a {what} in it is {value:g}")
    return int(value)


READER = Reader("otb", "OTB+ and OTB4 of OT Bioelettronica", recognises, read, contents)
