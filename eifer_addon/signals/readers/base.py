"""What all readers share: the registry entry, the user's choices, and the common checks."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import EiferError
from .. import words
from ..recording import Recording

#: Readers find here all that they share.
one_line, plain_unit, unique_names = words.one_line, words.plain_unit, words.unique_names
#: Below this rate no facial EMG is left: its band is 20 to 450 Hz, so 100 Hz keeps 20 to 45 Hz.
LOWEST_RAW_RATE_HZ = 100.0
#: Above this a header is wrong: no EMG amplifier samples faster.
HIGHEST_RATE_HZ = 1e6
_FRAMES_NAMED = 5
#: One row of what `eifer inspect` prints.
Row = dict[str, Any]


@dataclass(frozen=True)
class Choices:
    """What the user says about a file; see `readers.read_recording`."""

    rate_hz: float | None = None
    units: str | tuple[str, ...] | None = None
    format: str | None = None
    envelope: bool | None = None
    drop: tuple[str, ...] = ()
    partial: bool = False
    stream: str | None = None
    segment: int | None = None
    dataset: str | None = None
    axis: int | None = None
    names: tuple[str, ...] = ()
    recording: str | None = None
    clip: str | None = None

    @classmethod
    def parse(cls, values: Mapping[str, Any]) -> Choices:
        """Check names and types of the keyword arguments of `read_recording`."""
        known = {f.name for f in fields(cls)}
        for name in values:
            if name not in known:
                listed = ", ".join(sorted(known))
                raise EiferError(f"Reading knows no choice '{name}'.", f"Choices are: {listed}.")
        cleaned = dict(values)
        if cleaned.get("rate_hz") is not None:
            cleaned["rate_hz"] = _rate(cleaned["rate_hz"])
        if cleaned.get("units") is not None and not isinstance(cleaned["units"], str):
            cleaned["units"] = tuple(cleaned["units"])
        for name in ("drop", "names"):
            listing = cleaned.get(name) or ()
            cleaned[name] = (listing,) if isinstance(listing, str) else tuple(listing)
        for name in ("stream", "dataset", "recording", "clip", "format"):
            if cleaned.get(name) is not None:
                cleaned[name] = str(cleaned[name])
        for name in ("segment", "axis"):
            if cleaned.get(name) is not None:
                cleaned[name] = _index(name, cleaned[name])
        return cls(**cleaned)


@dataclass(frozen=True)
class Reader:
    """One format.

    Attributes
    ----------
    name : str
        For the choice `format`.
    what : str
        The format in words, with its usual suffixes.
    recognises : callable
        ``recognises(path, head_bytes) -> bool``.
    read : callable
        ``read(path, choices) -> Recording``.
    contents : callable or None
        ``contents(path) -> list of rows``: what is in the file, a mapping of column to value per
        row. It should succeed also where `read` has to ask for a choice.
    takes_folder : bool
        True for formats that are folders; they get empty `head_bytes`.
    """

    name: str
    what: str
    recognises: Callable[[Path, bytes], bool]
    read: Callable[[Path, Choices], Recording]
    contents: Callable[[Path], list[Row]] | None = None
    takes_folder: bool = False


def unreadable(path: Path, error: OSError) -> EiferError:
    """Say in one sentence why `path` could not be read."""
    if isinstance(error, FileNotFoundError):
        return EiferError(f"{path} does not exist.", "Check the path.")
    if isinstance(error, PermissionError):
        return EiferError(
            f"There is no permission to read {path}.", "Change its permissions or copy it."
        )
    return EiferError(f"{path} could not be read: {error.strerror or error}.", "Copy it again.")


def check_readable(path: Path) -> None:
    """Raise `EiferError` unless `path` is a folder or a file with content that may be read."""
    try:
        if path.is_dir():
            return
        size = path.stat().st_size
    except OSError as error:
        raise unreadable(path, error) from error
    if not os.access(path, os.R_OK):
        raise unreadable(path, PermissionError())
    if size == 0:
        raise EiferError(f"{path.name} is empty (0 bytes).", "Copy or export it again.")


def finish(recording: Recording, choices: Choices) -> Recording:
    """Apply the user's choices that mean the same in every format, then check."""
    if choices.names:
        recording = replace(recording, channels=_names(recording, choices.names))
    if choices.drop:
        recording = _without(recording, choices.drop)
    if choices.envelope is not None:
        recording = replace(recording, holds_envelope=bool(choices.envelope))
    if choices.units is not None:
        recording = replace(recording, units=_units(recording, choices.units))
    check_rate(recording)
    return recording


def check_rate(recording: Recording) -> None:
    """Raise `EiferError` for a rate that cannot hold EMG."""
    name = file_name(recording)
    rate = check_rate_value(name, recording.rate_hz)
    if not recording.holds_envelope and rate < LOWEST_RAW_RATE_HZ:
        raise EiferError(
            f"{name} is sampled at {rate:g} Hz, too slow for raw EMG "
            f"(at least {LOWEST_RAW_RATE_HZ:g} Hz).",
            "Export the raw signal at its own rate, or say envelope=True when the channels are "
            "activity envelopes.",
        )


def check_rate_value(name: str, rate_hz: float) -> float:
    """`rate_hz` when it can be a sampling rate, else `EiferError` about the file `name`."""
    if not np.isfinite(rate_hz) or not 0 < rate_hz <= HIGHEST_RATE_HZ:
        raise EiferError(
            f"{name} says it was sampled at {rate_hz:g} Hz, which cannot be.",
            "Give the true rate with rate_hz=.",
        )
    return rate_hz


def check_finite(recording_name: str, channel: str, samples: np.ndarray, rate_hz: float) -> None:
    """Raise `EiferError` naming the frames of `samples` (n,) that are not numbers."""
    if np.isfinite(np.sum(samples, dtype=np.float64)):
        return
    bad = np.flatnonzero(~np.isfinite(samples))
    if len(bad) == 0:
        return
    remedy = f"Repair the export, or leave the channel out with drop=['{channel}']."
    if len(bad) == len(samples):
        raise EiferError(
            f"Channel '{channel}' of {recording_name} holds no numbers at all.", remedy
        )
    listed = ", ".join(str(k) for k in bad[:_FRAMES_NAMED])
    more = f" and {len(bad) - _FRAMES_NAMED} more" if len(bad) > _FRAMES_NAMED else ""
    raise EiferError(
        f"Channel '{channel}' of {recording_name} has {len(bad)} of {len(samples)} values that are "
        f"not numbers (frame {listed}{more}; the first at {bad[0] / rate_hz:.3f} s).",
        remedy,
    )


def file_name(recording: Recording) -> str:
    """The short name of a recording for sentences."""
    return Path(str(recording.source.get("file", "The recording"))).name


def channel_rows(
    names: Sequence[str], units: Sequence[str], rate_hz: float, n_samples: int
) -> list[Row]:
    """The contents of a file whose channels share one rate: a row per channel."""
    return [
        {"channel": name, "unit": plain_unit(unit), "rate_hz": rate_hz, "samples": n_samples}
        for name, unit in zip(names, units, strict=True)
    ]


def damaged(path: Path, kind: str, why: str) -> EiferError:
    """The error for a file whose content contradicts itself."""
    reason = one_line(why).rstrip(".")
    return EiferError(f"{path.name} is a damaged {kind}: {reason}.", "Copy or export it again.")


def _index(name: str, value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError) as error:
        raise EiferError(f"{name}={value!r} is not a whole number.", "Count from 0.") from error


def _rate(value: Any) -> float:
    try:
        rate = float(value)
    except (TypeError, ValueError) as error:
        raise EiferError(f"rate_hz={value!r} is not a number.", "Give it in Hz.") from error
    if not np.isfinite(rate) or not 0 < rate <= HIGHEST_RATE_HZ:
        raise EiferError(f"rate_hz={rate:g} is not a sampling rate.", "Give it in Hz.")
    return rate


def _units(recording: Recording, units: str | tuple[str, ...]) -> tuple[str, ...]:
    if isinstance(units, str):
        return (units,) * len(recording.channels)
    if len(units) != len(recording.channels):
        raise EiferError(
            f"{len(units)} units were given for {len(recording.channels)} channels.",
            "Give one unit for all or one per channel.",
        )
    return units


def _names(recording: Recording, names: tuple[str, ...]) -> tuple[str, ...]:
    count = len(recording.channels)
    if len(names) != count or len(set(names)) != count:
        raise EiferError(
            f"{len(set(names))} different names were given for {count} channels.",
            "Give one name per channel, in the order of the file.",
        )
    return tuple(str(name) for name in names)


def _without(recording: Recording, drop: tuple[str, ...]) -> Recording:
    missing = [name for name in drop if name not in recording.channels]
    if missing:
        raise EiferError(
            f"{file_name(recording)} has no channel '{missing[0]}' to leave out.",
            f"Its channels are: {', '.join(recording.channels)}.",
        )
    keep = [k for k, name in enumerate(recording.channels) if name not in drop]
    if not keep:
        raise EiferError("Every channel was left out.", "Keep at least one.")
    return recording.select(keep)
