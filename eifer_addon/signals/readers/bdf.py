"""BDF and BDF+: the layout of EDF with 24 bits per sample, decoded lazily.

edfio reads all of a BDF file at once (measured: ten minutes of 64 channels at 4096 Hz take 9 to
12 s and 3.45 GB), so the three bytes of each sample are picked out of the file here when they are
asked for.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import EiferError
from ...files import sha256_of
from ..recording import Event, Recording
from .base import Choices, Reader, Row, damaged, plain_unit, unique_names, unreadable
from .edf_header import BDF, Header, Signal, header_rows, read_header
from .lazy import widened

_ANNOTATIONS = "BDF Annotations"
_STATUS = "status"
#: The lower half of the status channel's 24 bits are the trigger inputs of a BioSemi box.
_TRIGGER_BITS = 0xFFFF
_TAL = re.compile(rb"([+-]\d+(?:\.\d*)?)(?:\x15(\d+(?:\.\d*)?))?\x14([^\0]*)\x14\0")
#: Printed times of records carry dust in the last digits.
_TIME_DUST_S = 1e-3


def recognises(path: Path, head: bytes) -> bool:
    """True for BDF content, or for the suffix, so that a damaged BDF is named as such."""
    return head.startswith(BDF.magic) or path.suffix.lower() == ".bdf"


def contents(path: Path) -> list[Row]:
    """One row per signal."""
    return header_rows(read_header(path, BDF, partial=True))


def read(path: Path, choices: Choices) -> Recording:
    """Read a BDF or BDF+ file; see `readers.read_recording`."""
    header = read_header(path, BDF, partial=choices.partial)
    notes = list(header.notes)
    events = _annotations(path, header) if header.reserved.startswith("BDF+") else ()
    signals = [s for s in header.signals if s.label not in (_ANNOTATIONS, "")]
    status = [s for s in signals if s.label.lower() == _STATUS]
    kept = _one_rate(path, header, [s for s in signals if s not in status], choices, notes)
    rate = kept[0].n_samples / header.record_s
    if status:
        events = tuple(sorted(events + _triggers(path, header, status[0]), key=lambda e: e.onset_s))
        notes.append("The channel 'Status' was read as triggers.")
    names, repeats = unique_names(s.label for s in kept)
    samples = _Samples(path, header, kept)
    return Recording(
        channels=names,
        units=tuple(plain_unit(s.unit) for s in kept),
        rate_hz=rate,
        n_samples=header.n_records * kept[0].n_samples,
        read_samples=samples.read_samples,
        read_channel=samples.read_channel,
        events=events,
        source={
            "file": str(path), "sha256": sha256_of(path), "format": "bdf",
            **({"simulated": True} if "simulated" in header.identification.lower() else {}),
            **({"notes": notes + repeats} if notes or repeats else {}),
        },
        holds_envelope="envelope" in " ".join(s.prefilter.lower() for s in kept),
    )  # fmt: skip


def _one_rate(
    path: Path, header: Header, signals: list[Signal], choices: Choices, notes: list[str]
) -> list[Signal]:
    """The signals of the wanted rate, else of the fastest, which in EMG files is the EMG."""
    if not signals:
        raise EiferError(f"{path.name} holds no signal.", "Choose a recording.")
    rates = sorted({s.n_samples / header.record_s for s in signals}, reverse=True)
    rate = rates[0]
    if choices.rate_hz is not None:
        wanted = choices.rate_hz
        rate = min(rates, key=lambda candidate: abs(candidate - wanted))
        if not math.isclose(rate, wanted, rel_tol=1e-3):
            listed = ", ".join(f"{r:g}" for r in rates)
            raise EiferError(
                f"{path.name} has no channel at {wanted:g} Hz.",
                f"Its rates are {listed} Hz; a BDF file states its own.",
            )
    notes += [
        f"Channels at {other:g} Hz were left out beside those at {rate:g} Hz: "
        + ", ".join(s.label for s in signals if s.n_samples / header.record_s == other) + "."
        for other in rates if other != rate
    ]  # fmt: skip
    return [s for s in signals if s.n_samples / header.record_s == rate]


def _records(path: Path, header: Header) -> np.ndarray:
    """The data records as bytes (n_records, record_samples, 3), mapped."""
    shape = (header.n_records, header.record_samples, BDF.sample_bytes)
    try:
        return np.memmap(path, np.uint8, "r", header.first_byte, shape)
    except (OSError, ValueError) as error:  # it was whole when it was opened
        raise unreadable(path, OSError(str(error))) from error


@dataclass(frozen=True)
class _Samples:
    path: Path
    header: Header
    signals: list[Signal]

    def read_channel(self, index: int, start: int, stop: int) -> np.ndarray:
        signal = self.signals[index]
        first, last = start // signal.n_samples, -(-stop // signal.n_samples)
        part = slice(signal.offset, signal.offset + signal.n_samples)
        counts = widened(_records(self.path, self.header)[first:last, part]).reshape(-1)
        values = counts[start - first * signal.n_samples :][: stop - start].astype(np.float64)
        (low, high), (bottom, top) = signal.physical, signal.digital
        if low != high and bottom != top:
            gain = (high - low) / (top - bottom)
            values = (values - bottom) * gain + low
        return values

    def read_samples(self, start: int, stop: int) -> np.ndarray:
        return np.stack([self.read_channel(k, start, stop) for k in range(len(self.signals))])


def _triggers(path: Path, header: Header, status: Signal) -> tuple[Event, ...]:
    """An event where the trigger inputs change to something other than 0."""
    samples = _Samples(path, header, [status])
    total, step = header.n_records * status.n_samples, max(1, 1 << 22)
    events, before = [], 0
    for start in range(0, total, step):
        part = slice(status.offset, status.offset + status.n_samples)
        first = start // status.n_samples
        last = -(-min(start + step, total) // status.n_samples)
        counts = widened(_records(samples.path, header)[first:last, part]).reshape(-1)
        codes = counts[start - first * status.n_samples :][:step] & _TRIGGER_BITS
        changed = np.flatnonzero(np.diff(codes, prepend=before) != 0)
        rate = status.n_samples / header.record_s
        events += [Event((start + int(k)) / rate, str(codes[k])) for k in changed if codes[k]]
        before = int(codes[-1]) if len(codes) else before
    return tuple(events)


def _annotations(path: Path, header: Header) -> tuple[Event, ...]:
    """Annotations of BDF+, and the check that its records follow each other without gaps."""
    found: list[Event] = []
    begins: list[float] = []
    for signal in header.signals:
        if signal.label != _ANNOTATIONS:
            continue
        part = slice(signal.offset, signal.offset + signal.n_samples)
        for number, record in enumerate(_records(path, header)[:, part]):
            lists = _TAL.findall(record.tobytes())
            if not found and not lists and not begins:
                raise damaged(path, "BDF file", f"data record {number + 1} has no time")
            for onset, duration, texts in lists:
                words = [text.decode("utf-8", "replace") for text in texts.split(b"\x14")]
                if words[0] == "" and len(begins) == number:
                    begins.append(float(onset))
                found += [Event(float(onset), w, float(duration or 0)) for w in words if w]
    if header.reserved.startswith("BDF+D") and begins:
        steps = np.abs(np.diff(begins) - header.record_s)
        if len(steps) and float(steps.max()) > _TIME_DUST_S:
            raise EiferError(
                f"{path.name} is discontinuous (BDF+D): it has gaps between its data records.",
                "Export it as a continuous recording (BDF+C), one file per stretch.",
            )
    start = begins[0] if begins else 0.0
    return tuple(Event(e.onset_s - start, e.name, e.duration_s) for e in found)


READER = Reader("bdf", "BDF and BDF+ (.bdf)", recognises, read, contents)
