"""Write a recording as EDF+ through edfio, keeping as much of 16 bits as the data need."""

from __future__ import annotations

import math
import warnings
from pathlib import Path

import edfio
import numpy as np

from ..errors import EiferError
from ..files import atomic_path
from .montage import match_channels, short_label
from .readers.base import check_finite, file_name
from .recording import Recording

_LABEL_LENGTH = 16
_UNIT_LENGTH = 8
#: A range narrower than this is lost in the header's eight characters; a finer unit helps.
_LEAST_SPAN = 1e-2
_FINER = {"V": ("uV", 1e6), "mV": ("uV", 1e3), "uV": ("nV", 1e3)}
#: EDF recommends records of about a second and at most 61440 bytes.
_LONGEST_RECORD_S = 10.0
_SHORTEST_RECORD_S = 0.05
_DURATION_CHARACTERS = 8


def write_edf(recording: Recording, path: str | Path, *, overwrite: bool = True) -> Path:
    """Write a recording as a continuous EDF+ file with its events as annotations.

    Parameters
    ----------
    recording : Recording
        When ``source["simulated"]`` is true, the header says "simulated".
    path : path-like
        The file to write.
    overwrite : bool
        When False, an existing file is an error and stays as it is.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    EiferError
        For values that are not numbers, labels that do not fit, or a refused write.
    """
    duration_s, padding = _record_length(recording)
    labels = _labels(recording)
    signals = [_signal(recording, k, labels[k], padding) for k in range(len(labels))]
    additional = ("simulated",) if recording.source.get("simulated") else ()
    edf = edfio.Edf(
        signals,
        recording=edfio.Recording(equipment_code="EIFER", additional=additional),
        data_record_duration=duration_s,
        annotations=[
            edfio.EdfAnnotation(round(e.onset_s, 6), e.duration_s or None, e.name)
            for e in recording.events
        ],
    )
    with atomic_path(path, overwrite=overwrite) as temporary:
        edf.write(temporary)
    return Path(path)


def _signal(recording: Recording, index: int, label: str, padding: int) -> edfio.EdfSignal:
    samples = np.asarray(recording.channel(index), np.float64)
    name, unit = recording.channels[index], recording.units[index]
    check_finite(file_name(recording), name, samples, recording.rate_hz)
    unit = unit.replace("µ", "u").replace("μ", "u")
    span = float(np.ptp(samples))
    while 0 < span < _LEAST_SPAN and unit in _FINER:
        unit, factor = _FINER[unit]
        samples, span = samples * factor, span * factor
    if 0 < span < _LEAST_SPAN:
        raise EiferError(
            f"Channel '{name}' spans only {span:.2g} {unit}, which EDF's header cannot hold.",
            "Scale it to microvolts, or name its unit (V or mV) so that it is scaled.",
        )
    if padding:
        samples = np.concatenate([samples, np.full(padding, samples[-1])])
    low, high = float(samples.min()), float(samples.max())
    if low == high:
        low, high = low - 1.0, high + 1.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return edfio.EdfSignal(
            samples,
            recording.rate_hz,
            label=label,
            physical_range=(low, high),
            physical_dimension="" if unit == "?" else unit[:_UNIT_LENGTH],
            prefiltering="envelope" if recording.holds_envelope else "",
        )


def _labels(recording: Recording) -> list[str]:
    """Labels of at most 16 ASCII letters, abbreviated by muscle where the name is longer."""
    labels = []
    for match in match_channels(recording.channels):
        label = match.channel
        if len(label) > _LABEL_LENGTH and match.muscle is not None:
            side = "" if match.side == "both" else f".{match.side}"
            label = short_label(f"{match.muscle}{side}")
        if len(label) > _LABEL_LENGTH or not label.isascii():
            raise EiferError(
                f"The channel name '{match.channel}' does not fit into EDF "
                f"({_LABEL_LENGTH} ASCII letters).",
                "Rename the channel.",
            )
        labels.append(label)
    for label in labels:
        if labels.count(label) > 1:
            raise EiferError(
                f"Two channels would both be called '{label}' in EDF.", "Rename one of them."
            )
    return labels


def _record_length(recording: Recording) -> tuple[float, int]:
    """Record duration in s that the header holds exactly, and samples to add to fill records.

    Of the durations that need the fewest added samples it is the one nearest to a second.
    """
    n, rate = recording.n_samples, recording.rate_hz
    if n < 1:
        raise EiferError("A recording without samples cannot be written.", "Record something.")
    sizes = range(max(1, math.ceil(_SHORTEST_RECORD_S * rate)), int(_LONGEST_RECORD_S * rate) + 1)
    fitting = [size for size in sizes if size <= n and _fits_header(size / rate)]
    if not fitting:
        raise EiferError(
            f"{n} samples at {rate:g} Hz do not fit into EDF's header.",
            "Resample to a whole number of hertz.",
        )
    size = min(fitting, key=lambda size: (-n % size, abs(math.log(size / rate))))
    return size / rate, -n % size


def _fits_header(seconds: float) -> bool:
    """True when a duration is exact in the header's eight characters."""
    return len(f"{seconds:.12f}".rstrip("0").rstrip(".")) <= _DURATION_CHARACTERS
