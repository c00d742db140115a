"""The header that EDF and BDF share, checked against the size of the file.

Layout: Kemp and others, "A simple format for exchange of digitized polygraphic recordings" (1992),
EDF+ (2003), and BioSemi's BDF, which has three bytes per sample. All fields are ASCII text.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from ...errors import EiferError
from .base import Row, damaged, one_line, plain_unit

_FIXED = 256
_MAX_SIGNALS = 4096
_FIELD = 8
#: Where fields begin in a signal's 256 header bytes, and how long those are that are not numbers.
_LABEL, _UNIT, _PREFILTER = (0, 16), (96, 8), (136, 80)
_PHYSICAL_FIELDS, _DIGITAL_FIELDS, _SAMPLES_FIELD = (104, 112), (120, 128), 216


@dataclass(frozen=True)
class Kind:
    """EDF or BDF: its name with an article, its first bytes and the bytes of a sample."""

    name: str
    article: str
    magic: bytes
    sample_bytes: int


EDF = Kind("EDF file", "an", b"0       ", 2)
BDF = Kind("BDF file", "a", b"\xffBIOSEMI", 3)


@dataclass(frozen=True)
class Signal:
    """One signal of the header; `offset` counts samples from the begin of a data record."""

    label: str
    unit: str
    physical: tuple[float, float]
    digital: tuple[float, float]
    prefilter: str
    n_samples: int
    offset: int


@dataclass(frozen=True)
class Header:
    """What the header says and the size of the file confirms.

    Attributes
    ----------
    first_byte : int
        Where the data records begin.
    n_records : int
        Whole data records in the file.
    record_s : float
        Length of a data record.
    record_samples : int
        Samples of all signals in a data record.
    identification, reserved : str
        Texts about the recording, and the mark of EDF+ and BDF+.
    notes : tuple of str
        What is odd but readable.
    """

    first_byte: int
    n_records: int
    record_s: float
    record_samples: int
    signals: tuple[Signal, ...]
    identification: str
    reserved: str
    notes: tuple[str, ...]


def header_rows(header: Header) -> list[Row]:
    """One row per signal, for `eifer inspect`."""
    return [
        {"signal": one_line(s.label), "unit": plain_unit(s.unit),
         "rate_hz": s.n_samples / header.record_s, "samples": s.n_samples * header.n_records,
         "prefilter": one_line(s.prefilter) or None}
        for s in header.signals
    ]  # fmt: skip


def read_header(path: Path, kind: Kind, *, partial: bool = False) -> Header:
    """Read the header and check it against the file's size.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    kind : Kind
        `EDF` or `BDF`.
    partial : bool
        Accept a truncated file and say what is missing as a note.

    Raises
    ------
    EiferError
        For anything that is not a whole file; a missing record is named.
    """
    return _Check(path, kind).header(partial=partial)


@dataclass(frozen=True)
class _Check:
    path: Path
    kind: Kind

    def header(self, *, partial: bool) -> Header:
        size = self.path.stat().st_size
        with self.path.open("rb") as stream:
            fixed = stream.read(_FIXED)
            if len(fixed) < _FIXED or not fixed.startswith(self.kind.magic):
                raise EiferError(
                    f"{self.path.name} is not {self.kind.article} {self.kind.name}: its header is "
                    "missing or damaged.",
                    f"Choose {self.kind.article} {self.kind.name}, or export the recording again.",
                )
            n_records = self._whole(fixed[236:244], "number of data records")
            n_signals = self._whole(fixed[252:256], "number of signals")
            duration = self._number(fixed[244:252], "duration of a data record")
            if not 0 < n_signals <= _MAX_SIGNALS:
                raise self._damaged(f"it announces {n_signals} signals")
            header_bytes = _FIXED * (n_signals + 1)
            fields = stream.read(_FIXED * n_signals)
        if len(fields) < _FIXED * n_signals:
            raise EiferError(
                f"{self.path.name} is truncated inside its header "
                f"({size} of {header_bytes} bytes).",
                "Copy the file again.",
            )
        counts = [int(n) for n in self._per_signal(fields, _SAMPLES_FIELD, "number of samples")]
        if duration == 0 and fixed[192:196] in (b"EDF+", b"BDF+"):
            raise EiferError(
                f"{self.path.name} holds annotations only: its data records last 0 s.",
                "Choose the recording that they belong to.",
            )
        if (min(counts) <= 0 or duration <= 0
                or self._whole(fixed[184:192], "header") != header_bytes):  # fmt: skip
            raise self._damaged("its header contradicts itself")
        notes = self._check_ranges(fields)
        whole, more = self._check_records(
            n_records, size - header_bytes, sum(counts) * self.kind.sample_bytes, duration, partial
        )
        return Header(
            header_bytes, whole, duration, sum(counts), self._signals(fields, counts),
            fixed[8:168].decode("latin-1"), fixed[192:236].decode("latin-1"), (*notes, *more),
        )  # fmt: skip

    def _signals(self, fields: bytes, counts: list[int]) -> tuple[Signal, ...]:
        physical = [self._per_signal(fields, start, "range") for start in _PHYSICAL_FIELDS]
        digital = [self._per_signal(fields, start, "range") for start in _DIGITAL_FIELDS]
        return tuple(
            Signal(
                _text(fields, _LABEL, k, len(counts)), _text(fields, _UNIT, k, len(counts)),
                (physical[0][k], physical[1][k]), (digital[0][k], digital[1][k]),
                _text(fields, _PREFILTER, k, len(counts)), counts[k], sum(counts[:k]),
            )
            for k in range(len(counts))
        )  # fmt: skip

    def _per_signal(self, fields: bytes, start: int, what: str) -> list[float]:
        """One header field of every signal."""
        count = len(fields) // _FIXED
        first = start * count
        texts = [fields[first + _FIELD * k : first + _FIELD * (k + 1)] for k in range(count)]
        return [self._number(text, f"{what} of signal {k + 1}") for k, text in enumerate(texts)]

    def _check_ranges(self, fields: bytes) -> list[str]:
        """A note for each signal whose values cannot be put into its unit."""
        notes = []
        for what, starts in (("physical", _PHYSICAL_FIELDS), ("digital", _DIGITAL_FIELDS)):
            low, high = (self._per_signal(fields, start, f"{what} range") for start in starts)
            notes += [
                f"Signal {k + 1} has no {what} range, so its values are counts without a unit."
                for k in range(len(low))
                if low[k] == high[k]
            ]
        return notes

    def _check_records(
        self, announced: int, data_bytes: int, record_bytes: int, duration: float, partial: bool
    ) -> tuple[int, list[str]]:
        """Whole records in the file, and what is odd about their number."""
        name = self.path.name
        whole, rest = divmod(data_bytes, record_bytes)
        if whole == 0:
            raise EiferError(f"{name} holds no whole data record.", "Copy the file again.")
        if announced <= 0:  # -1 is allowed while a recorder is still writing
            note = f"The header does not say how many records there are; {whole} were found."
            return whole, [note]
        if whole < announced:
            missing = announced - whole
            which = (
                f"record {announced} is"
                if missing == 1
                else f"records {whole + 1} to {announced} are"
            )
            what = (
                f"{name} is truncated: data {which} missing "
                f"({whole * duration:g} s of {announced * duration:g} s are there)"
            )
            if partial:
                return whole, [f"{what}."]
            raise EiferError(
                f"{what}.", "Copy the file again, or read what is there with partial=True."
            )
        notes = []
        if whole > announced:
            notes.append(f"The header announces {announced} records; all {whole} found were read.")
        if rest:
            notes.append(f"{rest} bytes after the last whole record were left out.")
        return whole, notes

    def _whole(self, field: bytes, what: str) -> int:
        value = self._number(field, what)
        if value != int(value):
            raise self._damaged(f"the {what} is {value:g}")
        return int(value)

    def _number(self, field: bytes, what: str) -> float:
        try:
            value = float(field.decode("ascii").strip("\0 "))
        except (ValueError, UnicodeDecodeError) as error:
            raise self._damaged(f"the {what} is not a number") from error
        if not math.isfinite(value):
            raise self._damaged(f"the {what} is not a number")
        return value

    def _damaged(self, why: str) -> EiferError:
        return damaged(self.path, self.kind.name, why)


def _text(fields: bytes, place: tuple[int, int], index: int, count: int) -> str:
    first = place[0] * count + place[1] * index
    return fields[first : first + place[1]].decode("latin-1").strip("\0 ")
