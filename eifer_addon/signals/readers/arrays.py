"""What MAT and HDF5 files have in common: named arrays, of which one is the recording.

Neither format says which array holds the signal, which of its axes is time, or how fast it was
sampled; what names and shapes tell without doubt is taken, the rest is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...errors import EiferError
from ..recording import Recording
from .base import Choices, Row, check_rate_value, one_line, plain_unit, unique_names
from .lazy import Grouped

_TIME = re.compile(r"^(t|time|times|timestamps?|time_?axis|zeit)$", re.IGNORECASE)
_RATE = re.compile(
    r"^(fs|sfreq|srate|fsamp|f_?s(ample)?|s?rate|freq|sampl\w*|abtastrate)(_?hz)?$", re.IGNORECASE
)
_NAMES = re.compile(r"(chan|label|name|muscle|electrode)", re.IGNORECASE)
_UNITS = re.compile(r"^(phys\w*)?_?units?$", re.IGNORECASE)
_EMG = re.compile(r"emg", re.IGNORECASE)
#: An array with fewer values along its time is no recording.
_FEWEST_SAMPLES = 32
#: The axis of time must be this much longer than the other to be taken without asking.
_CLEARLY_LONGER = 2.0
_MOST_CHANNELS = 4096
_MOST_LISTED = 20
#: Times are even when no step differs from the usual by more than this part of it.
_UNEVEN = 0.5


@dataclass(frozen=True)
class Entry:
    """One array or text of a file.

    Attributes
    ----------
    name : str
        With its groups or structs, separated by ``/`` or ``.``.
    shape : tuple of int
    kind : str
        ``"number"``, ``"text"`` or what else the file calls it.
    values : numpy.ndarray or tuple of str or None
        The numbers of small arrays, and texts.
    """

    name: str
    shape: tuple[int, ...]
    kind: str
    values: np.ndarray | tuple[str, ...] | None = None

    @property
    def last(self) -> str:
        """The name without its groups."""
        return re.split(r"[/.]", self.name)[-1].lstrip("@")


def rows(entries: list[Entry]) -> list[Row]:
    """One row per array, for `eifer inspect`."""
    return [
        {"data set": entry.name, "shape": "x".join(map(str, entry.shape)) or "one value",
         "kind": entry.kind, "value": _shown(entry)}
        for entry in entries
    ]  # fmt: skip


def _shown(entry: Entry) -> str | None:
    if isinstance(entry.values, tuple):
        return ", ".join(entry.values[:6]) + (", …" if len(entry.values) > 6 else "")
    if entry.values is not None and entry.values.size == 1:
        return f"{float(entry.values.reshape(-1)[0]):g}"
    return None


def to_recording(
    path: Path, entry: Entry, entries: list[Entry], choices: Choices,
    load: Callable[[Entry], np.ndarray],
) -> tuple[Recording, list[str]]:  # fmt: skip
    """The recording in one array of a file, and notes on what was decided.

    Parameters
    ----------
    entry : Entry
        The array, see `choose_signal`.
    entries : list of Entry
        Everything else that the file holds.
    load : callable
        ``load(entry) -> numpy.ndarray``, the numbers of an array.

    Raises
    ------
    EiferError
        Naming the choice to make: `axis` or `rate_hz`.
    """
    axis = _time_axis(path, entry, choices.axis)
    n_samples = entry.shape[axis]
    n_channels = entry.shape[1 - axis] if len(entry.shape) == 2 else 1
    if n_channels > _MOST_CHANNELS:
        raise EiferError(
            f"'{entry.name}' of {path.name} would have {n_channels} channels.",
            "Choose the axis of time with axis=, or another array with dataset=.",
        )
    near = sorted(entries, key=lambda other: -_shared(other.name, entry.name))
    rate = choices.rate_hz or check_rate_value(path.name, _rate(path, near, n_samples, load))
    names, repeats = unique_names(_names(near, n_channels))
    loaded = load(entry)
    if loaded.shape != entry.shape or loaded.dtype.kind not in "biuf":
        raise EiferError(f"'{entry.name}' of {path.name} is damaged.", "Save the file again.")
    matrix = loaded[:, None] if loaded.ndim == 1 else loaded if axis == 0 else loaded.T
    numbers = Grouped(lambda part, start, stop: matrix[start:stop, part], n_channels)
    recording = Recording(
        channels=names, units=_units(near, n_channels), rate_hz=rate, n_samples=n_samples,
        read_samples=numbers.read_samples, read_channel=numbers.read_channel,
        source={"dataset": entry.name},
    )  # fmt: skip
    return recording, repeats


def choose_signal(path: Path, entries: list[Entry], wanted: str | None, notes: list[str]) -> Entry:
    """The array that is the signal; `EiferError` asks for `dataset` when several could be.

    What was decided without asking is added to `notes`.
    """
    signals = [
        e for e in entries
        if e.kind == "number" and len(e.shape) in (1, 2)
        and max(e.shape) >= _FEWEST_SAMPLES and min(e.shape) > 0 and not _TIME.match(e.last)
    ]  # fmt: skip
    listed = ", ".join(
        f"'{e.name}' ({'x'.join(map(str, e.shape))})" for e in signals[:_MOST_LISTED]
    )
    if wanted is not None:
        found = [e for e in signals if wanted.strip("/") in (e.name, e.name.lstrip("/"))]
        if not found:
            raise EiferError(
                f"{path.name} has no array '{wanted}' with one or two axes that could be a signal.",
                f"It has {listed or 'none'}.",
            )
        return found[0]
    if len(signals) > 1:
        named = [e for e in signals if _EMG.search(e.last)]
        if len(named) == 1:
            left = ", ".join(e.name for e in signals if e is not named[0])
            notes.append(
                f"The array '{named[0].name}' was read for its name; there are also {left}."
            )
            return named[0]
    if len(signals) != 1:
        raise EiferError(
            f"{path.name} holds {len(signals)} arrays that could be the signal.",
            f"Choose one with dataset=; there are {listed}."
            if signals
            else "Choose a file with an array of at least 32 samples.",
        )
    return signals[0]


def _time_axis(path: Path, entry: Entry, wanted: int | None) -> int:
    if wanted is not None:
        if not 0 <= wanted < len(entry.shape):
            raise EiferError(
                f"'{entry.name}' of {path.name} has no axis {wanted}.",
                f"Its axes are 0 to {len(entry.shape) - 1}.",
            )
        return wanted
    if len(entry.shape) == 1:
        return 0
    longer = int(np.argmax(entry.shape))
    if entry.shape[longer] < _CLEARLY_LONGER * entry.shape[1 - longer]:
        raise EiferError(
            f"'{entry.name}' of {path.name} is {entry.shape[0]} x {entry.shape[1]}: which axis is "
            "time cannot be seen.",
            "Say so with axis=0 or axis=1.",
        )
    return longer


def _shared(name: str, other: str) -> int:
    """How many groups two names have in common, so that a rate beside the signal comes first."""
    parts, others = re.split(r"[/.]", name), re.split(r"[/.]", other)
    return sum(
        all(a == b for a, b in zip(parts[:k], others[:k], strict=False))
        for k in range(1, min(len(parts), len(others)) + 1)
    )


def _rate(
    path: Path, entries: list[Entry], n_samples: int, load: Callable[[Entry], np.ndarray]
) -> float:
    """A scalar called a rate, else the steps of an array of times."""
    for entry in entries:
        value = entry.values
        if _RATE.match(entry.last) and isinstance(value, np.ndarray) and value.size == 1:
            return float(value.reshape(-1)[0])
    for entry in entries:
        if entry.kind != "number" or not _TIME.match(entry.last):
            continue
        if np.prod(entry.shape, dtype=float) == n_samples:
            times = load(entry).astype(np.float64).reshape(-1)
            steps = np.diff(times)
            usual = float(np.median(steps))
            if usual > 0 and bool(np.all(np.abs(steps - usual) < _UNEVEN * usual)):
                return (n_samples - 1) / float(times[-1] - times[0])
            raise EiferError(
                f"The times '{entry.name}' of {path.name} are not even.",
                "Give the rate with rate_hz= to take the samples as evenly spaced.",
            )
    raise EiferError(
        f"{path.name} says no sampling rate that could be found.",
        "Give the rate with rate_hz=, for example rate_hz=1000.",
    )


def _names(entries: list[Entry], count: int) -> list[str]:
    for entry in entries:
        texts = entry.values
        if isinstance(texts, tuple) and len(texts) == count and _NAMES.search(entry.last):
            return [one_line(text) for text in texts]
    return [f"channel {k + 1}" for k in range(count)]


def _units(entries: list[Entry], count: int) -> tuple[str, ...]:
    for entry in entries:
        texts = entry.values
        if isinstance(texts, tuple) and len(texts) in (1, count) and _UNITS.match(entry.last):
            units = tuple(plain_unit(text) for text in texts)
            return units * count if len(units) == 1 else units
    return ("?",) * count
