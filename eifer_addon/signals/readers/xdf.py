"""XDF, the format of LabRecorder: streams of different clocks in one file.

One stream of numbers is read lazily; the texts and markers of the others become its events. The
layout is checked by `xdf_chunks` before anything is allocated, `xdf_clock` brings all times to one
clock.
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ...errors import EiferError
from ...files import sha256_of
from ..recording import Event, Recording
from ..words import stream_unit
from .base import Choices, Reader, Row, damaged, unique_names
from .lazy import Grouped
from .xdf_chunks import MAGIC, STAMP, Buffer, StreamInfo, numbers_of, scan, texts_of
from .xdf_clock import synchronised

#: The clocks of a stream may drift this far over a recording before the measured rate is taken.
_DRIFT_S = 0.005
#: A measured rate that differs by more than this part is no drift: stamps or statement are wrong.
_MOST_DRIFT = 0.25
#: Times further apart than this, in seconds and in samples, are a break.
_BREAK_S, _BREAK_SAMPLES = 1.0, 500
_MOST_LISTED = 20


def recognises(path: Path, head: bytes) -> bool:
    """True for XDF's first four bytes, or for the suffix, so a damaged one is named as such."""
    return head.startswith(MAGIC) or path.suffix.lower() == ".xdf"


def contents(path: Path) -> list[Row]:
    """One row per stream."""
    streams, _ = scan(path, partial=True)
    return [
        {"stream": s.number, "name": s.name, "type": s.type, "channels": s.n_channels,
         "numbers": s.format, "rate_hz": s.rate_hz, "samples": s.n_samples}
        for s in streams
    ]  # fmt: skip


def read(path: Path, choices: Choices) -> Recording:
    """Read one signal stream with the markers of the others; see `readers.read_recording`."""
    streams, notes = scan(path, partial=choices.partial)
    streams = [_with_rate(s, choices.rate_hz) for s in streams]
    chosen, left = _choose(path, streams, choices.stream)
    markers = [s for s in streams if s.holds_markers]
    data = _map(path)
    times = _times(path, data, chosen)
    start, stop = _stretch(path, chosen, times, choices.segment)
    first, rate, more = _timing(path, chosen, times[start:stop], choices.rate_hz)
    others = [s for s in left if not s.holds_markers]
    notes += more + [
        f"Stream '{s.name}' ({s.type}, {s.n_channels} channels, {s.rate_hz:g} Hz) was left out."
        for s in others
    ]
    last = first + (stop - start) / rate
    events, outside = _events(path, data, markers, first, last)
    if outside:
        notes.append(f"{outside} markers before or after the signal were left out.")
    names, repeats = unique_names(chosen.labels)
    numbers = Grouped(_Numbers(data, chosen, start).columns, len(names))
    return Recording(
        channels=names,
        units=tuple(stream_unit(unit) for unit in chosen.units),
        rate_hz=rate,
        n_samples=stop - start,
        read_samples=numbers.read_samples,
        read_channel=numbers.read_channel,
        events=events,
        source={
            "file": str(path), "sha256": sha256_of(path), "format": "xdf", "stream": chosen.name,
            "stream_type": chosen.type, "first_timestamp_s": first,
            "notes": notes + repeats,
        },
    )  # fmt: skip


def _with_rate(stream: StreamInfo, rate_hz: float | None) -> StreamInfo:
    """The given rate for a stream of numbers that calls itself irregular, as some boards do."""
    irregular = stream.format != "string" and stream.rate_hz == 0 and not stream.holds_markers
    return replace(stream, rate_hz=rate_hz) if irregular and rate_hz else stream


def _choose(
    path: Path, streams: list[StreamInfo], wanted: str | None
) -> tuple[StreamInfo, list[StreamInfo]]:
    """The stream to read and the others; asks when the file leaves a choice."""
    signals = [s for s in streams if s.holds_signal]
    listed = "; ".join(
        f"{s.number}: '{s.name}' ({s.type}, {s.n_channels} channels, {s.rate_hz:g} Hz)"
        for s in signals
    )
    if not signals:
        numbers = [s.name for s in streams if s.format != "string" and s.n_samples]
        raise EiferError(
            f"{path.name} holds no stream of numbers with a rate.",
            f"Give the rate of '{numbers[0]}' with rate_hz=."
            if numbers
            else "Choose another file.",
        )
    found = signals
    if wanted is not None:
        text = wanted.strip().lower()
        tiers = [[str(s.number) == text, s.name.lower() == text, s.type.lower() == text]
                 for s in signals]  # fmt: skip
        for tier in range(3):
            found = [s for s, match in zip(signals, tiers, strict=True) if match[tier]]
            if found:
                break
        if not found:
            raise EiferError(
                f"{path.name} has no signal stream '{wanted}'.", f"Its signal streams are {listed}."
            )
    elif len(signals) > 1:
        found = [s for s in signals if "emg" in s.type.lower()] or signals
    if len(found) > 1:
        raise EiferError(
            f"{path.name} holds {len(found)} signal streams that could be meant.",
            f"Choose one by number or name with stream=; there are {listed}.",
        )
    return found[0], [s for s in streams if s.number != found[0].number]


def _map(path: Path) -> mmap.mmap:
    """The bytes of the file; closed when nothing refers to them any more."""
    with path.open("rb") as stream:
        return mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)


def _times(path: Path, data: Buffer, stream: StreamInfo) -> np.ndarray:
    """Times (n_samples,) by the recorder's clock; a sample without one follows its predecessor."""
    if stream.format == "string":
        times = texts_of(data, stream)[0]
    else:
        found = [numbers_of(data, stream, chunk, slice(0))[0] for chunk in stream.chunks]
        times = np.concatenate(found)
        whole = all(chunk.stamp_bytes == STAMP for chunk in stream.chunks)
        if whole and not np.all(np.isfinite(times)):
            raise damaged(path, "XDF file", f"times of stream '{stream.name}' are not numbers")
    known = np.flatnonzero(~np.isnan(times))
    if len(known) < len(times):
        step = 1 / stream.rate_hz if stream.rate_hz else 0.0
        # Before the first known time the clock stands at 0, as it does for pyxdf.
        places, base = np.concatenate([[-1], known]), np.concatenate([[0.0], times[known]])
        last = np.searchsorted(places, np.arange(len(times)), side="right") - 1
        times = base[last] + (np.arange(len(times)) - places[last]) * step
    return synchronised(times, stream.offsets)


@dataclass
class _Numbers:
    """Samples of one stream, decoded chunk by chunk when asked for."""

    data: Buffer
    stream: StreamInfo
    start: int

    def __post_init__(self) -> None:
        self._ends = np.cumsum([chunk.count for chunk in self.stream.chunks])

    def columns(self, columns: slice, start: int, stop: int) -> np.ndarray:
        """Numbers (n, k) from `start` to `stop`, counted from the first sample of the stretch."""
        begin, end = self.start + start, self.start + stop
        first = int(np.searchsorted(self._ends, begin, side="right"))
        parts = [np.zeros((0, self.stream.n_channels), self.stream.dtype)[:, columns]]
        for chunk, chunk_end in zip(self.stream.chunks[first:], self._ends[first:], strict=True):
            if chunk_end - chunk.count >= end:
                break
            offset = int(chunk_end) - chunk.count
            rows = numbers_of(self.data, self.stream, chunk, columns)[1]
            parts.append(rows[max(begin - offset, 0) : end - offset])
        return np.concatenate(parts)


def _stretch(
    path: Path, stream: StreamInfo, times: np.ndarray, wanted: int | None
) -> tuple[int, int]:
    """First sample and end of the stretch to read; asks when the stream has a gap."""
    if not np.all(np.isfinite(times)):
        raise damaged(path, "XDF file", f"times of stream '{stream.name}' are not numbers")
    # The rule by which pyxdf cuts a stream into pieces.
    longest = max(_BREAK_S, _BREAK_SAMPLES / stream.rate_hz)
    breaks = [int(k) + 1 for k in np.flatnonzero(np.abs(np.diff(times)) > longest)]
    segments = list(zip([0, *breaks], [*breaks, len(times)], strict=True))
    if wanted is None and len(segments) == 1:
        return segments[0]
    if wanted is not None and 0 <= wanted < len(segments):
        return segments[wanted]
    listed = ", ".join(
        f"{k}: {b - a} samples from {times[a] - times[0]:.1f} s to {times[b - 1] - times[0]:.1f} s"
        for k, (a, b) in enumerate(segments[:_MOST_LISTED])
    ) + (", …" if len(segments) > _MOST_LISTED else "")
    if wanted is not None:
        raise EiferError(
            f"Stream '{stream.name}' of {path.name} has no stretch {wanted}.",
            f"Its stretches are {listed}.",
        )
    raise EiferError(
        f"Stream '{stream.name}' of {path.name} has gaps: {len(segments)} stretches without a "
        "break, where samples were lost or a clock was reset.",
        f"Choose one with segment=; there are {listed}.",
    )


def _timing(
    path: Path, stream: StreamInfo, times: np.ndarray, wanted: float | None
) -> tuple[float, float, list[str]]:
    """Time of the first sample, and the stated rate, or the measured one when that drifts.

    Times carry the jitter of the transmission, so a line is fitted through them.
    """
    index = np.arange(len(times)) - (len(times) - 1) / 2
    step = float(index @ (times - times.mean()) / (index @ index)) if len(times) > 1 else 0.0
    first = float(times.mean() + index[0] * step)
    if wanted is not None:
        return first, wanted, []
    if step <= 0:
        raise EiferError(
            f"Stream '{stream.name}' of {path.name} has fewer than two samples at different times.",
            "Choose another stream with stream=, or record again.",
        )
    if abs(len(times) * (step - 1 / stream.rate_hz)) <= _DRIFT_S:
        return first, stream.rate_hz, []
    if abs(1 / step / stream.rate_hz - 1) > _MOST_DRIFT:
        raise EiferError(
            f"Stream '{stream.name}' of {path.name} states {stream.rate_hz:g} Hz, but its times "
            f"say {1 / step:.4g} Hz.",
            "Give the true rate with rate_hz=.",
        )
    note = f"The stream states {stream.rate_hz:g} Hz; its clock measured {1 / step:.6g} Hz."
    return first, 1 / step, [note]


def _events(
    path: Path, data: Buffer, markers: list[StreamInfo], first: float, last: float
) -> tuple[tuple[Event, ...], int]:
    """Markers of all streams within the signal, and how many lay outside."""
    events, outside = [], 0
    for stream in markers:
        if stream.format == "string":
            texts = texts_of(data, stream)[1]
        else:
            rows = np.concatenate([numbers_of(data, stream, c)[1] for c in stream.chunks])
            texts = [" ".join(f"{value:g}" for value in row) for row in rows.tolist()]
        for time, text in zip(_times(path, data, stream), texts, strict=True):
            if first <= time <= last:
                name = text if len(markers) == 1 else f"{stream.name}: {text}"
                events.append(Event(float(time - first), name))
            else:
                outside += 1
    return tuple(sorted(events, key=lambda event: event.onset_s)), outside


READER = Reader("xdf", "XDF, the streams of LabRecorder (.xdf)", recognises, read, contents)
