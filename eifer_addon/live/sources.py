"""Where samples come from: a stream of Lab Streaming Layer, or a recording that is played.

Both give the same: facts about the channels, and whatever samples have come since the last call.
Asking never waits. Time stamps are in seconds of the source's own `clock`; they are free of
jitter, and a gap in them is told, never filled.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ..errors import EiferError
from ..signals.readers.base import LOWEST_RAW_RATE_HZ
from ..signals.recording import Recording
from .settings import LiveSettings
from .stream_facts import StreamFacts
from .timing import Gap

#: Samples that one call gives at most: what is left waits for the next one.
MOST_S = 0.5
#: A recording is read in blocks: some formats cannot give a few samples quickly.
_READ_AHEAD_S = 4.0


@dataclass(frozen=True)
class Chunk:
    """Samples that came since the last call.

    Attributes
    ----------
    raw : numpy.ndarray
        (n, n_channels) in the source's own type.
    received : numpy.ndarray
        float64 (n,) time stamps as the sender gave them.
    times : numpy.ndarray
        float64 (n,) the same without jitter, in seconds of `Source.clock`.
    gap : Gap or None
        What is missing before these samples.
    """

    raw: np.ndarray
    received: np.ndarray
    times: np.ndarray
    gap: Gap | None = None

    @property
    def samples(self) -> np.ndarray:
        """(n_channels, n) float64."""
        return np.asarray(self.raw.T, np.float64)

    def __len__(self) -> int:
        return len(self.raw)


@dataclass(frozen=True)
class Marker:
    """Something that happened.

    Attributes
    ----------
    time_s : float
        In seconds of `Source.clock`.
    name : str
    stream : str
        Who says so.
    """

    time_s: float
    name: str
    stream: str = ""


class SourceLostError(EiferError):
    """The source is gone; it may come back."""


class SourceEndedError(EiferError):
    """The source has come to its end."""


class Source(Protocol):
    """A source of samples.

    Attributes
    ----------
    facts : StreamFacts
        Name, channels, units and rate.
    dtype : numpy.dtype
        Of the samples as they are sent.
    envelopes : bool
        Whether the channels are known to be envelopes.
    simulated : bool
        Whether the source says that it is simulated.
    """

    facts: StreamFacts
    dtype: np.dtype[Any]
    envelopes: bool
    simulated: bool

    def pull(self, least: int = 1) -> Chunk | None:
        """What has come, at most half a second of it; None when nothing has.

        Parameters
        ----------
        least : int
            Fewer samples may be left waiting for a few milliseconds.

        Raises
        ------
        SourceLostError, SourceEndedError
        """

    @property
    def rate_hz(self) -> float:
        """The rate by the time stamps."""

    def clock(self) -> float:
        """Now, in the time of the samples' stamps."""

    def drain_notes(self) -> list[dict[str, float]]:
        """Measurements of the sender's clock since the last call, for the journal."""

    def close(self) -> None:
        """Give the source back."""


def check_facts(facts: StreamFacts, *, envelopes: bool = False) -> None:
    """Refuse what cannot be used as a source.

    Raises
    ------
    EiferError
        For strings, no channels, an irregular rate, and a rate too low for raw EMG.
    """
    name = f"The stream '{facts.name}'"
    if facts.channel_format in ("string", "undefined"):
        raise EiferError(f"{name} holds markers, no signal.", "Choose a stream of numbers.")
    if facts.n_channels < 1:
        raise EiferError(f"{name} has no channels.", "Choose another stream.")
    if not facts.rate_hz > 0:
        raise EiferError(
            f"{name} has an irregular rate, so its samples cannot be filtered.",
            "Stream with a fixed sampling rate, or resample at the sender.",
        )
    if facts.rate_hz < LOWEST_RAW_RATE_HZ and not envelopes:
        raise EiferError(
            f"{name} is sampled at {facts.rate_hz:g} Hz, too slow for raw EMG (at least "
            f"{LOWEST_RAW_RATE_HZ:g} Hz).",
            "Stream the raw signal, or say that the channels are envelopes already.",
        )


class ReplaySource:
    """A recording that is played in real time, faster or slower.

    Stamps are in the recording's own time: a second of the recording is a second of stamps,
    whatever the speed.

    Parameters
    ----------
    recording : Recording
    speed : float
    loop : bool
        Begin again at the end, without a gap.
    """

    def __init__(self, recording: Recording, speed: float = 1.0, *, loop: bool = False) -> None:
        self.recording, self.speed, self.loop = recording, speed, loop
        self.dtype: np.dtype[Any] = np.dtype(np.float64)
        self.envelopes = recording.holds_envelope
        self.simulated = bool(recording.source.get("simulated", False))
        name = str(recording.source.get("take") or recording.source.get("file") or "recording")
        self.facts = StreamFacts(
            name=name, type="EMG", source_id=str(recording.source.get("sha256", ""))[:16],
            n_channels=len(recording.channels), rate_hz=recording.rate_hz,
            channel_format="double64", channels=recording.channels, units=recording.units,
        )  # fmt: skip
        self._begun = time.monotonic()
        self._given, self._marked_s = 0, 0.0
        self._block, self._block_start = np.zeros((len(recording.channels), 0)), 0

    @property
    def rate_hz(self) -> float:
        """The recording's rate."""
        return self.recording.rate_hz

    def clock(self) -> float:
        """Seconds of the recording since its first sample."""
        return (time.monotonic() - self._begun) * self.speed

    def pull(self, least: int = 1) -> Chunk | None:  # noqa: ARG002  # what is due is there
        """Samples that are due."""
        rate, length = self.recording.rate_hz, self.recording.n_samples
        due = int(self.clock() * rate)
        stop = min(due, self._given + max(1, int(MOST_S * rate)))
        if not self.loop:
            if self._given >= length:
                raise SourceEndedError(f"{self.facts.name} was played to its end.")
            stop = min(stop, length)
        if stop <= self._given:
            return None
        start, self._given = self._given, stop
        times = np.arange(start, stop) / rate
        return Chunk(np.ascontiguousarray(self._samples(start, stop).T), times, times)

    def _samples(self, start: int, stop: int) -> np.ndarray:
        length = self.recording.n_samples
        parts = []
        while start < stop:
            first = start % length
            count = min(stop - start, length - first)
            parts.append(self._read(first, first + count))
            start += count
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)

    def _read(self, start: int, stop: int) -> np.ndarray:
        """Samples, out of a block that was read ahead where it holds them."""
        low, high = self._block_start, self._block_start + self._block.shape[1]
        if not low <= start <= stop <= high:
            ahead = max(stop, start + int(_READ_AHEAD_S * self.recording.rate_hz))
            self._block = self.recording.data(start, min(ahead, self.recording.n_samples))
            self._block_start = low = start
        return self._block[:, start - low : stop - low]

    def drain_notes(self) -> list[dict[str, float]]:
        """None: a recording has one clock."""
        return []

    def markers(self) -> list[Marker]:
        """Events of the recording that were passed since the last call."""
        length, rate = self.recording.n_samples, self.recording.rate_hz
        now_s, found = self._given / rate, []
        loops = range(int(self._marked_s * rate / length), int(self._given / length) + 1)
        for event in self.recording.events:
            times = (loop * length / rate + event.onset_s for loop in loops)
            found += [Marker(at, event.name) for at in times if self._marked_s <= at < now_s]
        self._marked_s = now_s
        return sorted(found, key=lambda marker: marker.time_s)

    def close(self) -> None:
        """Nothing is held."""


def open_recording(path: str | Path, reading: Mapping[str, Any]) -> Recording:
    """A recording in any format, also one that EIFER saved as ``.npz``."""
    if Path(path).suffix.lower() == ".npz":
        return Recording.load(path)
    from ..signals.readers import read_recording

    return read_recording(path, **reading)


class ReplaySearch:
    """Opens the recording that the settings name; the counterpart of a search on the network."""

    def __init__(self, settings: LiveSettings) -> None:
        self._settings = settings
        self._source: ReplaySource | None = None

    def markers(self) -> list[Marker]:
        """The recording's events."""
        return [] if self._source is None else self._source.markers()

    def poll(self) -> Source:
        """The recording, at once."""
        settings = self._settings
        recording = open_recording(settings.recording, settings.reading)
        source = ReplaySource(recording, settings.speed, loop=settings.loop)
        check_facts(source.facts, envelopes=settings.envelopes or recording.holds_envelope)
        self._source = source
        return source

    def close(self) -> None:
        """Nothing is held."""


class Search(Protocol):
    """Looks for the source, also after it was lost."""

    def poll(self) -> Source | None:
        """The source when it is there; `EiferError` when it is there and cannot be used."""

    def markers(self) -> list[Marker]:
        """What was marked since the last call, by the source's clock."""

    def close(self) -> None:
        """Stop looking."""


def search_for(settings: LiveSettings) -> Search:
    """What looks for the source of the settings."""
    if settings.recording:
        return ReplaySearch(settings)
    from .lsl_source import LslSearch

    return LslSearch(settings)
