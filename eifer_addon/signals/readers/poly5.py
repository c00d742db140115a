"""TMSi Poly5: blocks of 32-bit numbers behind a header of fixed fields, read lazily.

The layout (versions 2.03 and 2.04) follows the reader and the writer of TMSi's Python interface and
FieldTrip's `read_tmsi_poly5`; no sample was at hand.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import EiferError
from ...files import sha256_of
from ..recording import Recording
from .base import (
    Choices,
    Reader,
    Row,
    channel_rows,
    damaged,
    one_line,
    plain_unit,
    unique_names,
    unreadable,
)
from .lazy import Grouped

MAGIC = b"POLY SAMPLE FILE"
_KIND = "Poly5 file"
_VERSIONS = {203: 31, 204: 32}
#: After the mark: version, name, rate, storage rate, storage type, signals, samples, date, blocks.
_HEADER = struct.Struct("<H81phhBHi4x14xiHHH64x")
_SIGNAL = struct.Struct("<41p4x11pffffHH60x")
_BLOCK_HEADER = 86
_LOW = "(Lo) "


@dataclass(frozen=True)
class _Header:
    names: tuple[str, ...]
    units: tuple[str, ...]
    gain: np.ndarray
    shift: np.ndarray
    rate_hz: float
    n_samples: int
    block_samples: int
    first_byte: int
    notes: tuple[str, ...]


def recognises(path: Path, head: bytes) -> bool:
    """True for Poly5's first bytes, or for the suffix, so that a damaged one is named as such."""
    return head.startswith(MAGIC) or path.suffix.lower() == ".poly5"


def contents(path: Path) -> list[Row]:
    """One row per channel."""
    header = _read_header(path, partial=True)
    return channel_rows(header.names, header.units, header.rate_hz, header.n_samples)


def read(path: Path, choices: Choices) -> Recording:
    """Read a Poly5 file; see `readers.read_recording`."""
    header = _read_header(path, partial=choices.partial)
    names, repeats = unique_names(header.names)
    blocks = _Blocks(path, header)
    numbers = Grouped(blocks.columns, len(names), header.gain, header.shift)
    notes = [*header.notes, *repeats]
    return Recording(
        channels=names,
        units=tuple(plain_unit(unit) for unit in header.units),
        rate_hz=choices.rate_hz or header.rate_hz,
        n_samples=header.n_samples,
        read_samples=numbers.read_samples,
        read_channel=numbers.read_channel,
        source={
            "file": str(path), "sha256": sha256_of(path), "format": "poly5",
            **({"notes": notes} if notes else {}),
        },
    )  # fmt: skip


def _read_header(path: Path, *, partial: bool) -> _Header:
    with path.open("rb") as stream:
        fixed = stream.read(max(_VERSIONS.values()) + _HEADER.size)
        if not fixed.startswith(MAGIC):
            raise EiferError(
                f"{path.name} is not a Poly5 file: its first bytes do not say so.",
                "Choose a file of TMSi's programs.",
            )
        version, start = _version(path, fixed)
        fields = _HEADER.unpack_from(fixed, start)
        rate, count, total, n_blocks, block_samples = (fields[k] for k in (2, 5, 6, 7, 8))
        if rate <= 0 or count == 0 or total < 0 or block_samples == 0 or n_blocks < 0:
            raise damaged(
                path, _KIND, f"it announces {count} signals, {total} samples and {rate} Hz"
            )
        stream.seek(start + _HEADER.size)
        described = stream.read(count * _SIGNAL.size)
    if len(described) < count * _SIGNAL.size:
        raise damaged(path, _KIND, "it ends inside its header")
    signals = [_SIGNAL.unpack_from(described, k * _SIGNAL.size) for k in range(count)]
    names = _names(path, version, [one_line(s[0].decode("latin-1")) for s in signals])
    gain, shift, notes = _scales([s[2:6] for s in signals[::2]])
    first = start + _HEADER.size + count * _SIGNAL.size
    found = _samples_there(path, first, block_samples, count // 2)
    what = f"{path.name} is truncated: {found} of {total} samples are there"
    if found < total and not partial:
        raise EiferError(f"{what}.", "Copy it again, or read what is there with partial=True.")
    n_samples = min(found, total)
    if n_samples == 0:
        raise damaged(path, _KIND, "it holds no sample")
    odd = [f"{what}."] if found < total else []
    if found >= total + block_samples:
        odd.append(f"The header announces {total} samples; {found} are there, the rest was left.")
    return _Header(
        names,
        tuple(s[1].decode("latin-1") for s in signals[::2]), gain, shift, float(rate), n_samples,
        block_samples, first, (*notes, *odd),
    )  # fmt: skip


def _names(path: Path, version: int, described: list[str]) -> tuple[str, ...]:
    """Names of channels, each of which is a low and a high half of 16 bits."""
    mark = _LOW.strip()
    if len(described) % 2 or not all(name.startswith(mark) for name in described[::2]):
        raise EiferError(
            f"{path.name} holds 16-bit numbers (version {version}), which are not read.",
            "Convert it with TMSi's program to 32-bit Poly5 or EDF.",
        )
    return tuple(name.removeprefix(mark).strip() for name in described[::2])


def _version(path: Path, fixed: bytes) -> tuple[int, int]:
    """The version and where it is written."""
    for version, start in _VERSIONS.items():
        if len(fixed) >= start + _HEADER.size and fixed[start : start + 2] == struct.pack(
            "<H", version
        ):
            return version, start
    raise damaged(path, _KIND, "its version is unknown or its header is cut off")


def _scales(ranges: list[tuple[float, ...]]) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Gain and shift per channel; a range without extent leaves the numbers as they are."""
    gain, shift, notes = np.ones(len(ranges)), np.zeros(len(ranges)), []
    for k, (unit_low, unit_high, low, high) in enumerate(ranges):
        span, width = float(unit_high) - unit_low, float(high) - low
        if np.isfinite([span, width]).all() and span and width:
            gain[k] = span / width
            shift[k] = unit_low - low * gain[k]
        else:
            notes.append(f"Channel {k + 1} states no range; its numbers were taken as they are.")
    return gain, shift, notes


def _samples_there(path: Path, first: int, block_samples: int, channels: int) -> int:
    """Whole samples in the file; the last block may be shorter."""
    size = path.stat().st_size - first
    whole, rest = divmod(size, _BLOCK_HEADER + 4 * block_samples * channels)
    return whole * block_samples + max(rest - _BLOCK_HEADER, 0) // (4 * channels)


@dataclass(frozen=True)
class _Blocks:
    path: Path
    header: _Header

    def columns(self, columns: slice, start: int, stop: int) -> np.ndarray:
        """Numbers (stop - start, k) of some columns."""
        header, width = self.header, len(self.header.names)
        whole = header.n_samples // header.block_samples
        block = np.dtype([("head", f"V{_BLOCK_HEADER}"),
                          ("data", "<f4", (header.block_samples, width))])  # fmt: skip
        try:
            parts = []
            if whole:
                mapped = np.memmap(self.path, block, "r", header.first_byte, (whole,))["data"]
                first, last = start // header.block_samples, -(-stop // header.block_samples)
                rows = mapped[first:last, :, columns].reshape(-1, len(range(width)[columns]))
                skip = start - first * header.block_samples
                parts.append(rows[max(skip, 0) : max(skip, 0) + stop - start])
            inside = whole * header.block_samples
            if header.n_samples > inside and stop > inside:
                offset = header.first_byte + whole * block.itemsize + _BLOCK_HEADER
                shape = (header.n_samples - inside, width)
                tail = np.memmap(self.path, "<f4", "r", offset, shape)[:, columns]
                parts.append(tail[max(start - inside, 0) : stop - inside])
        except (OSError, ValueError) as error:  # it was whole when it was opened
            raise unreadable(self.path, OSError(str(error))) from error
        return np.concatenate(parts) if parts else np.zeros((0, len(range(width)[columns])), "<f4")


READER = Reader("poly5", "TMSi Poly5 (.poly5)", recognises, read, contents)
