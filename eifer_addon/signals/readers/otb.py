"""OTB+ and OTB4 of OT Bioelettronica: a tar of numbers and XML, read lazily in place.

The layouts follow the readers that OT Bioelettronica and MNE publish; no sample was at hand.
"""

from __future__ import annotations

import math
import tarfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree as ET

import numpy as np

from ...errors import EiferError
from ...files import sha256_of
from ..recording import Recording
from .base import Choices, Reader, Row, check_rate_value, damaged, one_line, unique_names
from .lazy import Grouped, Interleaved

_KIND = "OTB file"
_TRACKS = "Tracks_000.xml"
_MAX_XML, _MAX_MEMBERS, _MAX_CHANNELS = 1 << 24, 4096, 8192
_TAR_ERRORS = (tarfile.TarError, ValueError, OverflowError, EOFError, IndexError, KeyError)
#: Adapters that carry no muscle signal.
_OTHER = ("control", "quaternion", "aux", "loadcell", "buffer", "ramp")
_UNNAMED = ("", "not defined", "undefined", "none", "-")
#: Input range in V, which an OTB+ file does not state: 5 for mains-powered amplifiers, else 3.3.
_RANGE_V, _LARGE_RANGE_V, _LARGE_RANGE_DEVICES = 3.3, 5.0, ("QUATTRO", "EMG-USB", "EMGUSB")
_UV_PER_V, _UV_PER_MV = 1e6, 1e3


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
         "samples": members[c.file].size // (c.n_columns * np.dtype(c.dtype).itemsize)}
        for c in channels
    ]  # fmt: skip


def read(path: Path, choices: Choices) -> Recording:
    """Read an OTB+ or OTB4 file; see `readers.read_recording`."""
    members = _members(path)
    channels, notes = _channels(path, members)
    channels = _chosen(path, channels, choices, notes)
    matrices: dict[str, Interleaved] = {}
    for channel in channels:
        member, size = members[channel.file], channel.n_columns * np.dtype(channel.dtype).itemsize
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


def _channels(path: Path, members: dict[str, _Member]) -> tuple[list[_Channel], list[str]]:
    signals = sorted(name for name in members if name.lower().endswith(".sig"))
    if not signals:
        raise damaged(path, _KIND, "it holds no signal (.sig)")
    notes: list[str] = []
    if _TRACKS in members:
        channels = _tracks(path, _xml(path, members, _TRACKS), members, notes)
    else:
        channels = []
        for signal in signals:
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
    if bits != 16:
        raise EiferError(
            f"{path.name} holds numbers of {bits} bits, of which no layout is published.",
            "Export it from OTBioLab+ as MAT or CSV.",
        )
    name = one_line(root.get("Name", "?"))
    large = name.upper().startswith(_LARGE_RANGE_DEVICES)  # Sessantaquattro is none of them
    volts = _LARGE_RANGE_V if large else _RANGE_V
    notes.append(f"The input range of '{name}' is not stated; {volts:g} V was assumed.")
    channels, left = [], []
    for adapter in root.iter("Adapter"):
        kind = one_line(adapter.get("ID", ""))
        start = _whole(path, adapter.get("ChannelStartIndex"), "first channel", _MAX_CHANNELS)
        gain = _number(path, adapter.get("Gain", "1"), "gain")
        for channel in adapter.iter("Channel"):
            index = start + _whole(path, channel.get("Index"), "index", _MAX_CHANNELS)
            label = _label(channel, f"{kind} {index + 1}")
            if any(word in f"{kind} {channel.get('ID', '')}".lower() for word in _OTHER):
                left.append(label)
                continue
            if index >= total:
                raise damaged(path, _KIND, f"channel {index + 1} of {total} is announced")
            own = gain * (_number(path, channel.get("Gain", "1"), "gain") or 1.0)
            if own == 0:
                raise damaged(path, _KIND, f"the gain of channel {index + 1} is 0")
            scale = volts * _UV_PER_V / 2**bits / own
            channels.append(_Channel(label, signal, index, total, "<i2", scale, rate))
    if left:
        notes.append(f"Channels that are not EMG were left out: {', '.join(left)}.")
    return channels


def _label(channel: ET.Element, numbered: str) -> str:
    muscle, side = (one_line(channel.get(key, "")) for key in ("Muscle", "Side"))
    if muscle.lower() in _UNNAMED:
        return numbered
    return muscle if side.lower() in _UNNAMED else f"{muscle} {side}"


def _tracks(
    path: Path, root: ET.Element, members: dict[str, _Member], notes: list[str]
) -> list[_Channel]:
    """Channels of an OTB4 file: tracks that are neither control nor quaternion."""
    channels, left = [], []
    for track in root.iter("TrackInfo"):
        title = one_line(track.findtext("Title") or track.findtext("SubTitle") or "track")
        bits = _whole(path, track.findtext("ADC_Nbits"), "number of bits", 64)
        control = (track.findtext("IsControl") or "").strip().lower() == "true"
        if control or bits == 0 or any(word in title.lower() for word in _OTHER):
            left.append(title)
            continue
        file = one_line(PurePosixPath(track.findtext("SignalStreamPath") or "").name)
        if file not in members:
            raise damaged(path, _KIND, f"the signal '{file}' of track '{title}' is missing")
        count = _whole(path, track.findtext("NumberOfChannels"), "channels", _MAX_CHANNELS)
        start = _whole(path, track.findtext("AcquisitionChannel"), "first channel", _MAX_CHANNELS)
        total = _whole(path, track.findtext("TotalChannelsInFile"), "channels", _MAX_CHANNELS)
        size = _whole(path, track.findtext("SampleSize") or "4", "bytes of a sample", 8)
        gain = _number(path, track.findtext("Gain"), "gain")
        if size not in (2, 4) or gain == 0 or start + count > total:
            raise damaged(path, _KIND, f"track '{title}' contradicts itself")
        # The published readers give millivolts for a range that is stated in volts.
        scale = _number(path, track.findtext("ADC_Range"), "range") / 2**bits / gain
        rate = _number(path, track.findtext("SamplingFrequency"), "rate")
        channels += [
            _Channel(f"{title} {k + 1}" if count > 1 else title, file, start + k, total,
                     "<i4" if size == 4 else "<i2", scale * 1000 * _UV_PER_MV, rate)
            for k in range(count)
        ]  # fmt: skip
    if left:
        notes.append(f"Tracks that are not EMG were left out: {', '.join(left)}.")
    return channels


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
