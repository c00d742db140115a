"""A recording as chunks of samples with their times: what a player sends, without the sending."""

from __future__ import annotations

import bisect
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from ..errors import EiferError
from ..signals.recording import Recording
from .play_settings import PlaySettings

#: The marker at each seam of a looped recording.
SEAM = "loop"
_BLOCK_S = 1.0
_TYPES = {"float32": np.float32, "double64": np.float64, "int16": np.int16, "int32": np.int32}


@dataclass(frozen=True)
class Chunk:
    """Samples that are sent at once.

    Attributes
    ----------
    samples : numpy.ndarray
        (n, n_channels) in the stream's number format.
    stamp_s : float
        Time of the last sample, in s after the first sample of all.
    due_s : float
        When to send it, in s after the first sample of all; never before an earlier chunk.
    markers : tuple of (float, str)
        Events within the chunk, with their times in s after the first sample of all.
    n_seams : int
        How often the recording had begun anew by the end of the chunk.
    """

    samples: np.ndarray
    stamp_s: float
    due_s: float
    markers: tuple[tuple[float, str], ...]
    n_seams: int


def chunks_of(recording: Recording, settings: PlaySettings) -> Generator[Chunk, None, None]:
    """The chunks of a recording in the order of sending, without end when it is looped.

    Times follow from sample indices alone, so that they are exact after any time.

    Raises
    ------
    EiferError
        When the recording is empty or cannot be read.
    """
    if recording.n_samples == 0 or not recording.channels:
        raise EiferError("The recording holds no samples.", "Choose another recording.")
    rate = recording.rate_hz * settings.speed
    late = np.random.default_rng(settings.seed)
    places, due_s = _places(recording), 0.0
    for first, samples in _blocks(recording, settings):
        end = first + len(samples)
        stamp_s = (end - 1) / rate
        due_s = max(due_s, stamp_s + settings.jitter_ms / 1000 * late.random())
        within = _markers(places, first, end, recording.n_samples)
        markers = tuple((place / rate, name) for place, name in within)
        yield Chunk(samples, stamp_s, due_s, markers, (end - 1) // recording.n_samples)


def _blocks(recording: Recording, settings: PlaySettings) -> Iterator[tuple[int, np.ndarray]]:
    """Index of the first sample and the samples of each chunk; the next second is read ahead."""
    chunk = settings.chunk
    block = chunk * max(1, round(_BLOCK_S * recording.rate_hz * settings.speed / chunk))
    kind = _TYPES[settings.channel_format]
    first = 0
    with ThreadPoolExecutor(1, thread_name_prefix="reading") as ahead:
        waiting = ahead.submit(_read, recording, first, block, settings.loop)
        while len(samples := waiting.result()):
            waiting = ahead.submit(_read, recording, first + block, block, settings.loop)
            values = _as_numbers(samples, kind)
            for start in range(0, len(values), chunk):
                yield first + start, values[start : start + chunk]
            first += block


def _read(recording: Recording, first: int, n: int, loop: bool) -> np.ndarray:
    """Samples (n, n_channels) from an index on, which counts on through the seams."""
    total = recording.n_samples
    if not loop:
        return recording.data(min(first, total), min(first + n, total)).T
    parts, missing = [], n
    while missing:
        start = (first + n - missing) % total
        parts.append(recording.data(start, min(start + missing, total)))
        missing -= parts[-1].shape[1]
    return np.concatenate(parts, axis=1).T


def _as_numbers(samples: np.ndarray, kind: type) -> np.ndarray:
    """Samples in the stream's number format; whole numbers are rounded and kept in range."""
    if np.issubdtype(kind, np.integer):
        limits = np.iinfo(kind)
        samples = np.clip(np.rint(np.nan_to_num(samples)), limits.min, limits.max)
    return np.ascontiguousarray(samples, dtype=kind)


def _places(recording: Recording) -> list[tuple[float, str]]:
    """Place in samples and name of the recording's events, in order."""
    rate, total = recording.rate_hz, recording.n_samples
    found = [(event.onset_s * rate, event.name) for event in recording.events]
    return sorted((place, name) for place, name in found if 0 <= place < total)


def _markers(
    places: list[tuple[float, str]], first: int, end: int, total: int
) -> Iterator[tuple[float, str]]:
    """The events from one index to another, which both count on through the seams."""
    for turn in range(first // total, (end - 1) // total + 1):
        offset = turn * total
        if turn and first <= offset:
            yield float(offset), SEAM
        begin = bisect.bisect_left(places, float(first - offset), key=lambda row: row[0])
        for place, name in places[begin:]:
            if offset + place >= end:
                break
            yield offset + place, name
