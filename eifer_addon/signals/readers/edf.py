"""EDF and EDF+ through edfio, sliced lazily.

The layout is that of Kemp and others, "A simple format for exchange of digitized polygraphic
recordings" (1992) and of EDF+ (2003). The fixed header is checked here before edfio sees the
file, so that a damaged one is refused with its place and nothing large is allocated.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import edfio
import numpy as np

from ...errors import EiferError
from ...files import sha256_of
from ..recording import Event, Recording
from .base import Choices, Reader, unique_names

_FIXED = 256
_MAX_SIGNALS = 4096
_BYTES_PER_SAMPLE = 2
#: Where fields of eight characters begin in a signal's 256 header bytes.
_PHYSICAL_FIELDS, _DIGITAL_FIELDS, _SAMPLES_FIELD = (104, 112), (120, 128), 216
_FIELD = 8


def recognises(path: Path, head: bytes) -> bool:
    """True for EDF content, or for the suffix, so that a damaged EDF is named as such."""
    return head.startswith(b"0       ") or path.suffix.lower() == ".edf"


def read(path: Path, choices: Choices) -> Recording:
    """Read an EDF or EDF+ file; see `readers.read_recording`."""
    notes = check_layout(path, partial=choices.partial)
    edf = _open(path)
    _check_continuous(path, edf)
    rate, kept = _one_rate(path, edf, choices.rate_hz, notes)
    names, repeats = unique_names(signal.label for signal in kept)
    identification = f"{edf.local_patient_identification} {edf.local_recording_identification}"
    source: dict[str, Any] = {"file": str(path), "sha256": sha256_of(path), "format": "edf"}
    if "simulated" in identification.lower():
        source["simulated"] = True
    if notes or repeats:
        source["notes"] = notes + repeats
    prefiltering = " ".join(signal.prefiltering.lower() for signal in kept)
    one = _channel_reader(kept, rate)
    return Recording(
        channels=names,
        units=tuple(_unit(signal.physical_dimension) for signal in kept),
        rate_hz=rate,
        n_samples=edf.num_data_records * kept[0].samples_per_data_record,
        read_samples=lambda start, stop: np.stack([one(k, start, stop) for k in range(len(kept))]),
        events=_events(path, edf),
        source=source,
        holds_envelope="envelope" in prefiltering,
        read_channel=one,
    )


def check_layout(path: Path, *, partial: bool = False) -> list[str]:
    """Check the fixed header against the file's size.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    partial : bool
        Accept a truncated file and say what is missing as a note.

    Returns
    -------
    list of str
        Notes about what is odd but readable.

    Raises
    ------
    EiferError
        For anything that is not a whole EDF file; a missing record is named.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        fixed = stream.read(_FIXED)
        if len(fixed) < _FIXED or not fixed.startswith(b"0       "):
            raise EiferError(
                f"{path.name} is not an EDF file: its header is missing or damaged.",
                "Choose an EDF file, or export the recording again.",
            )
        n_records = _whole(path, fixed[236:244], "number of data records")
        n_signals = _whole(path, fixed[252:256], "number of signals")
        duration = _number(path, fixed[244:252], "duration of a data record")
        if not 0 < n_signals <= _MAX_SIGNALS:
            raise _damaged(path, f"it announces {n_signals} signals")
        header_bytes = _FIXED * (n_signals + 1)
        signals = stream.read(_FIXED * n_signals)
    if len(signals) < _FIXED * n_signals:
        raise EiferError(
            f"{path.name} is truncated inside its header ({size} of {header_bytes} bytes).",
            "Copy the file again.",
        )
    counts = [int(n) for n in _per_signal(path, signals, _SAMPLES_FIELD, "number of samples")]
    if min(counts) <= 0 or duration <= 0 or _whole(path, fixed[184:192], "header") != header_bytes:
        raise _damaged(path, "its header contradicts itself")
    notes = _check_ranges(path, signals)
    record_bytes = sum(counts) * _BYTES_PER_SAMPLE
    return notes + _check_records(
        path, n_records, size - header_bytes, record_bytes, duration, partial
    )


def _per_signal(path: Path, signals: bytes, start: int, what: str) -> list[float]:
    """One header field of every signal."""
    count = len(signals) // _FIXED
    first = start * count
    fields = [signals[first + _FIELD * k : first + _FIELD * (k + 1)] for k in range(count)]
    return [_number(path, text, f"{what} of signal {k + 1}") for k, text in enumerate(fields)]


def _check_ranges(path: Path, signals: bytes) -> list[str]:
    """A note for each signal whose values cannot be put into its unit."""
    notes = []
    for what, starts in (("physical", _PHYSICAL_FIELDS), ("digital", _DIGITAL_FIELDS)):
        low, high = (_per_signal(path, signals, start, f"{what} range") for start in starts)
        notes += [
            f"Signal {k + 1} has no {what} range, so its values are counts without a unit."
            for k in range(len(low))
            if low[k] == high[k]
        ]
    return notes


def _check_records(
    path: Path, announced: int, data_bytes: int, record_bytes: int, duration: float, partial: bool
) -> list[str]:
    whole, rest = divmod(data_bytes, record_bytes)
    if whole == 0:
        raise EiferError(f"{path.name} holds no whole data record.", "Copy the file again.")
    if announced <= 0:  # -1 is allowed while a recorder is still writing
        return [f"The header does not say how many records there are; {whole} were found."]
    if whole < announced:
        missing = announced - whole
        which = (
            f"record {announced} is" if missing == 1 else f"records {whole + 1} to {announced} are"
        )
        what = (
            f"{path.name} is truncated: data {which} missing "
            f"({whole * duration:g} s of {announced * duration:g} s are there)"
        )
        if partial:
            return [f"{what}."]
        raise EiferError(
            f"{what}.", "Copy the file again, or read what is there with partial=True."
        )
    notes = []
    if whole > announced:
        notes.append(f"The header announces {announced} records; all {whole} found were read.")
    if rest:
        notes.append(f"{rest} bytes after the last whole record were left out.")
    return notes


def _open(path: Path) -> edfio.Edf:
    try:
        with warnings.catch_warnings():
            # edfio warns of what check_layout has already refused or noted.
            warnings.simplefilter("ignore")
            # Some recorders write a micro sign, which ASCII lacks.
            edf = edfio.read_edf(path, lazy_load_data=True, header_encoding="latin-1")
            if not edf.signals:
                raise EiferError(f"{path.name} holds annotations only.", "Choose a recording.")
            return edf
    except (ValueError, KeyError, IndexError, ArithmeticError, TypeError) as error:
        raise _damaged(path, f"edfio says: {error}") from error


def _check_continuous(path: Path, edf: edfio.Edf) -> None:
    # EDF+C promises continuity, and edfio compares its printed times to the last digit, where
    # writers leave dust; so only a file that calls itself discontinuous is looked at closely.
    if not edf.reserved.startswith("EDF+D"):
        return
    try:
        continuous = edf.is_continuous
    except (ValueError, ArithmeticError, IndexError) as error:
        raise _damaged(path, "its time-keeping annotations cannot be read") from error
    if not continuous:
        raise EiferError(
            f"{path.name} is discontinuous (EDF+D): it has gaps between its data records.",
            "Export it as a continuous recording (EDF+C), one file per stretch.",
        )


def _one_rate(
    path: Path, edf: edfio.Edf, wanted: float | None, notes: list[str]
) -> tuple[float, list[edfio.EdfSignal]]:
    """The signals of one rate: the wanted one, else the fastest, which in EMG files is the EMG."""
    rates = sorted({signal.sampling_frequency for signal in edf.signals}, reverse=True)
    rate = rates[0]
    if wanted is not None:
        rate = min(rates, key=lambda candidate: abs(candidate - wanted))
        if not math.isclose(rate, wanted, rel_tol=1e-3):
            listed = ", ".join(f"{r:g}" for r in rates)
            raise EiferError(
                f"{path.name} has no channel at {wanted:g} Hz.",
                f"Its rates are {listed} Hz; an EDF file states its own.",
            )
    for other in rates:
        if other != rate:
            left = [s.label for s in edf.signals if s.sampling_frequency == other]
            notes.append(
                f"Channels at {other:g} Hz were left out beside those at {rate:g} Hz: "
                f"{', '.join(left)}."
            )
    return rate, [s for s in edf.signals if s.sampling_frequency == rate]


def _channel_reader(
    signals: list[edfio.EdfSignal], rate: float
) -> Callable[[int, int, int], np.ndarray]:
    def read_channel(index: int, start: int, stop: int) -> np.ndarray:
        return signals[index].get_data_slice(start / rate, stop / rate)

    return read_channel


def _events(path: Path, edf: edfio.Edf) -> tuple[Event, ...]:
    try:
        found = edf.annotations
    except (ValueError, ArithmeticError, IndexError) as error:
        raise _damaged(path, "its annotations cannot be read") from error
    return tuple(Event(float(a.onset), a.text, float(a.duration or 0.0)) for a in found)


def _unit(text: str) -> str:
    unit = text.strip().replace("Â", "").replace("µ", "u").replace("μ", "u")
    return unit or "?"


def _whole(path: Path, field: bytes, what: str) -> int:
    value = _number(path, field, what)
    if value != int(value):
        raise _damaged(path, f"the {what} is {value:g}")
    return int(value)


def _number(path: Path, field: bytes, what: str) -> float:
    try:
        value = float(field.decode("ascii").strip("\0 "))
    except (ValueError, UnicodeDecodeError) as error:
        raise _damaged(path, f"the {what} is not a number") from error
    if not math.isfinite(value):
        raise _damaged(path, f"the {what} is not a number")
    return value


def _damaged(path: Path, why: str) -> EiferError:
    return EiferError(
        f"{path.name} is a damaged EDF file: {why}.", "Copy or export the recording again."
    )


READER = Reader("edf", "EDF and EDF+ (.edf)", recognises, read)
