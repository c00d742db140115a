"""EDF and EDF+ through edfio, sliced lazily.

The layout is that of Kemp and others, "A simple format for exchange of digitized polygraphic
recordings" (1992) and of EDF+ (2003). The fixed header is checked here before edfio sees the
file (`edf_header`), so that a damaged one is refused with its place and nothing large is allocated.
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
from .base import Choices, Reader, Row, damaged, plain_unit, unique_names
from .edf_header import EDF, header_rows, read_header


def recognises(path: Path, head: bytes) -> bool:
    """True for EDF content, or for the suffix, so that a damaged EDF is named as such."""
    return head.startswith(b"0       ") or path.suffix.lower() == ".edf"


def read(path: Path, choices: Choices) -> Recording:
    """Read an EDF or EDF+ file; see `readers.read_recording`."""
    notes = list(read_header(path, EDF, partial=choices.partial).notes)
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
        units=tuple(plain_unit(signal.physical_dimension) for signal in kept),
        rate_hz=rate,
        n_samples=edf.num_data_records * kept[0].samples_per_data_record,
        read_samples=lambda start, stop: np.stack([one(k, start, stop) for k in range(len(kept))]),
        events=_events(path, edf),
        source=source,
        holds_envelope="envelope" in prefiltering,
        read_channel=one,
    )


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


def _damaged(path: Path, why: str) -> EiferError:
    return damaged(path, "EDF file", why)


def contents(path: Path) -> list[Row]:
    """One row per signal."""
    return header_rows(read_header(path, EDF, partial=True))


READER = Reader("edf", "EDF and EDF+ (.edf)", recognises, read, contents)
