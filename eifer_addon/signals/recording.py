"""A recording: raw channels with their rate, units and events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import EiferError
from ..files import load_npz, save_npz

_KIND = "recording"
_VERSION = 1
#: Under this rate a part of the EMG band (20 to 450 Hz) is lost.
FULL_BAND_RATE_HZ = 500.0
_NAMES_SHOWN = 12


@dataclass(frozen=True)
class Event:
    """Something that happened during a recording.

    Attributes
    ----------
    onset_s : float
        Seconds after the first sample.
    name : str
        What happened.
    duration_s : float
        0 for a moment.
    """

    onset_s: float
    name: str
    duration_s: float = 0.0


@dataclass(frozen=True)
class Recording:
    """Raw channels, lazily sliced.

    Attributes
    ----------
    channels : tuple of str
        Channel names as in the file.
    units : tuple of str
        One per channel; ``"?"`` where the file does not say.
    rate_hz : float
        Sampling rate.
    n_samples : int
        Samples per channel.
    read_samples : callable
        ``read_samples(start, stop) -> (n_channels, stop - start)`` float64 in the units above.
    events : tuple of Event
    source : mapping
        ``file``, ``sha256``, ``format`` and whatever the reader knows (``simulated`` …).
    holds_envelope : bool
        True when the channels are activity envelopes already, not raw EMG.
    read_channel : callable or None
        ``read_channel(index, start, stop) -> (stop - start,)``, where the format can give one
        channel without reading the others.
    opened : mapping
        ``path`` and ``choices`` that `read_recording` was given; empty for one that comes from no
        file. Not saved.
    start_s : float
        Time of the first sample on the clock that the recording was synchronised with
        (`sync_result.shifted`); 0 without one.
    """

    channels: tuple[str, ...]
    units: tuple[str, ...]
    rate_hz: float
    n_samples: int
    read_samples: Callable[[int, int], np.ndarray]
    events: tuple[Event, ...] = ()
    source: Mapping[str, Any] = field(default_factory=dict)
    holds_envelope: bool = False
    read_channel: Callable[[int, int, int], np.ndarray] | None = None
    opened: Mapping[str, Any] = field(default_factory=dict)
    start_s: float = 0.0

    @classmethod
    def from_array(
        cls, samples: np.ndarray, rate_hz: float, channels: tuple[str, ...], **details: Any
    ) -> Recording:
        """A recording over an array (n_channels, n_samples) in memory."""
        data = np.asarray(samples, np.float64)
        if data.ndim != 2 or len(data) != len(channels):
            raise EiferError(
                f"Samples of shape {data.shape} do not fit {len(channels)} channel names.",
                "Give an array (n_channels, n_samples) and one name per channel.",
            )
        details.setdefault("units", ("?",) * len(channels))
        return cls(
            channels=tuple(channels), rate_hz=float(rate_hz), n_samples=data.shape[1],
            read_samples=lambda start, stop: data[:, start:stop],
            read_channel=lambda index, start, stop: data[index, start:stop], **details,
        )  # fmt: skip

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.n_samples / self.rate_hz

    def data(self, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Samples (n_channels, n) from `start` to `stop`."""
        return self.read_samples(start, self.n_samples if stop is None else stop)

    def channel(self, index: int, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Samples (n,) of one channel from `start` to `stop`."""
        end = self.n_samples if stop is None else stop
        if self.read_channel is not None:
            return self.read_channel(index, start, end)
        return self.read_samples(start, end)[index]

    def select(self, indices: Sequence[int]) -> Recording:
        """The same recording with only the channels at `indices`, still lazy."""
        chosen = tuple(indices)
        return replace(
            self,
            channels=tuple(self.channels[k] for k in chosen),
            units=tuple(self.units[k] for k in chosen),
            read_samples=lambda start, stop: self.read_samples(start, stop)[list(chosen)],
            read_channel=lambda index, start, stop: self.channel(chosen[index], start, stop),
        )

    def describe(self) -> str:
        """A few lines that a person can read."""
        name = Path(str(self.source.get("file", "memory"))).name
        kinds = Counter(event.name for event in self.events)
        listed = ", ".join(f"{kind} ({n})" for kind, n in kinds.most_common(_NAMES_SHOWN))
        lines = [
            f"Recording {name}: {len(self.channels)} channels, {self.rate_hz:g} Hz, "
            f"{self.duration_s:.2f} s, {'envelopes' if self.holds_envelope else 'raw EMG'}",
            "  channels: "
            + ", ".join(f"{c} [{u}]" for c, u in zip(self.channels, self.units, strict=True)),
            f"  events: {len(self.events)}" + (f": {listed}" if listed else "")
            + (", …" if len(kinds) > _NAMES_SHOWN else ""),
        ]  # fmt: skip
        lines += [line for key, value in self.source.items() for line in _source_lines(key, value)]
        note = "" if self.holds_envelope else rate_note(self.rate_hz)
        return "\n".join(lines + ([f"  note: {note}"] if note else []))

    def save(self, path: str | Path, *, overwrite: bool = True) -> Path:
        """Write the recording as a versioned ``.npz``."""
        arrays = {
            "samples": self.data(),
            "onsets": np.array([e.onset_s for e in self.events], np.float64),
            "durations": np.array([e.duration_s for e in self.events], np.float64),
        }
        meta = {
            "channels": list(self.channels), "units": list(self.units), "rate_hz": self.rate_hz,
            "source": dict(self.source), "holds_envelope": self.holds_envelope,
            "start_s": self.start_s,
            "events": [e.name for e in self.events],
        }  # fmt: skip
        return save_npz(path, _KIND, _VERSION, arrays, meta, overwrite=overwrite)

    @classmethod
    def load(cls, path: str | Path) -> Recording:
        """Read a recording that :meth:`save` wrote."""
        arrays, meta, _ = load_npz(path, _KIND, _VERSION)
        try:
            rows = zip(arrays["onsets"], meta["events"], arrays["durations"], strict=True)
            return cls.from_array(
                arrays["samples"], meta["rate_hz"], tuple(meta["channels"]),
                units=tuple(meta["units"]), source=meta["source"],
                holds_envelope=meta["holds_envelope"], start_s=float(meta.get("start_s", 0.0)),
                events=tuple(Event(float(o), n, float(d)) for o, n, d in rows),
            )  # fmt: skip
        except (KeyError, ValueError, TypeError) as error:
            raise EiferError(f"{path} lacks a part of a recording: {error}.") from error


def rate_note(rate_hz: float) -> str:
    """What is lost of raw EMG at a sampling rate under 500 Hz; nothing above."""
    if rate_hz >= FULL_BAND_RATE_HZ:
        return ""
    return (
        f"Raw EMG at {rate_hz:g} Hz lacks a part of its band, which reaches 450 Hz: activity is "
        "relative within the recording, but amplitudes are not those of a faster one."
    )


def _source_lines(key: str, value: Any) -> Iterator[str]:
    """What a reader says of the source, for a person: notes one by one, tables by their size."""
    if key == "notes" and isinstance(value, list | tuple):
        yield from (f"  note: {note}" for note in value)
    elif isinstance(value, Mapping):
        if any(isinstance(row, Mapping) for row in value.values()):
            yield f"  table of {key}: {len(value)} rows"
        else:
            yield f"  {key}: " + "; ".join(f"{name} {each}" for name, each in value.items())
    elif isinstance(value, list | tuple):
        yield f"  {key}: {', '.join(map(str, value))}"
    else:
        yield f"  {key}: {value}"
