"""Journals of live takes (``.eiflog``) as recordings; see `signals.journal_format`."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import EiferError
from ...files import sha256_of
from ..journal_format import DATA, GAPS, HEAD, MAGIC, MARK, SUFFIX, Journal, Samples
from ..recording import Event, Recording
from .base import Choices, Reader, Row, channel_rows, plain_unit

#: A nominal rate that is off by more than this over the take gives way to the measured one.
_DRIFT_S = 0.01
#: A break between two chunks that no chunk explains: one between them was damaged.
_BREAK_SAMPLES = 1.5
_MOST_LISTED = 10


@dataclass(frozen=True)
class Stretch:
    """Chunks of samples without a gap between them."""

    rows: tuple[Samples, ...]

    @property
    def n_samples(self) -> int:
        """Samples in all chunks."""
        return sum(row.count for row in self.rows)

    @property
    def start_s(self) -> float:
        """Time of the first sample."""
        return self.rows[0].time_s

    @property
    def stop_s(self) -> float:
        """Time of the last sample."""
        last = self.rows[-1]
        return last.time_s + (last.count - 1) * last.period_s


def stretches(journal: Journal) -> list[Stretch]:
    """The journal's samples, cut where samples are missing."""
    found: list[list[Samples]] = [[]]
    for chunk in journal.chunks:
        if chunk.kind in (GAPS, HEAD) and found[-1]:
            found.append([])
        elif chunk.kind == DATA:
            row = journal.samples(chunk)
            before = found[-1][-1] if found[-1] else None
            if before is not None and row.first != before.first + before.count:
                found.append([])
            found[-1].append(row)
    return [Stretch(tuple(rows)) for rows in found if rows]


def _read(path: Path, choices: Choices) -> Recording:
    journal = Journal(path)
    stretch = _choose(journal, choices.segment)
    n, header = stretch.n_samples, journal.header
    rate, notes = _rate(journal, stretch, choices.rate_hz)
    samples = _Chunks(journal, stretch)
    channels = tuple(str(name) for name in header["channels"])
    return Recording(
        channels=channels,
        units=tuple(plain_unit(str(unit)) for unit in header.get("units", ["?"] * len(channels))),
        rate_hz=rate, n_samples=n,
        read_samples=samples.read_samples, read_channel=samples.read_channel,
        events=_events(journal, stretch),
        source={
            "file": str(path), "sha256": sha256_of(path), "format": "eiflog",
            "stream": str(header.get("stream", {}).get("name", "")),
            "take": str(header.get("take", "")), "subject": str(header.get("subject", "")),
            "recorded": str(header.get("created", "")), "first_timestamp_s": stretch.start_s,
            "simulated": bool(header.get("simulated", False)),
            "notes": [*journal.notes, *notes],
        },
        holds_envelope=bool(header.get("settings", {}).get("envelopes", False)),
    )  # fmt: skip


def _choose(journal: Journal, wanted: int | None) -> Stretch:
    found = stretches(journal)
    if not found:
        raise EiferError(f"{journal.path.name} holds no samples.", "Choose another take.")
    if wanted is None and len(found) == 1:
        return found[0]
    zero = found[0].start_s
    listed = ", ".join(
        f"{k}: {s.n_samples} samples from {s.start_s - zero:.1f} s to {s.stop_s - zero:.1f} s"
        for k, s in enumerate(found[:_MOST_LISTED])
    ) + (", …" if len(found) > _MOST_LISTED else "")
    if wanted is None:
        raise EiferError(
            f"{journal.path.name} has gaps: {len(found)} stretches without a break.",
            f"Choose one with segment=; there are {listed}.",
        )
    if not 0 <= wanted < len(found):
        raise EiferError(
            f"{journal.path.name} has no stretch {wanted}.", f"Its stretches are {listed}."
        )
    return found[wanted]


def _rate(journal: Journal, stretch: Stretch, wanted: float | None) -> tuple[float, list[str]]:
    """The nominal rate, or the measured one where that is clearly another."""
    nominal, n = journal.rate_hz, stretch.n_samples
    length = stretch.stop_s - stretch.start_s
    if wanted is not None:
        return wanted, []
    if n < 2 or length <= 0 or abs(length - (n - 1) / nominal) <= _DRIFT_S:
        return nominal, []
    measured = (n - 1) / length
    return measured, [f"The stream states {nominal:g} Hz; its clock measured {measured:.6g} Hz."]


def _events(journal: Journal, stretch: Stretch) -> tuple[Event, ...]:
    found = [journal.document(chunk) for chunk in journal.of_kind(MARK)]
    rows = [(float(e["timestamp_s"]), str(e["name"])) for e in found]
    return tuple(
        Event(time_s - stretch.start_s, name)
        for time_s, name in sorted(rows)
        if stretch.start_s <= time_s <= stretch.stop_s
    )


class _Chunks:
    """Samples out of the chunks of a stretch."""

    def __init__(self, journal: Journal, stretch: Stretch) -> None:
        self._journal, self._rows = journal, stretch.rows
        self._starts = np.cumsum([0, *(row.count for row in stretch.rows)]).tolist()

    def _parts(self, start: int, stop: int, channels: Any) -> list[np.ndarray]:
        parts = []
        first = max(0, bisect_right(self._starts, start) - 1)
        for row, (low, high) in zip(
            self._rows[first:], pairwise(self._starts[first:]), strict=True
        ):
            if low >= stop:
                break
            inside = slice(max(start - low, 0), min(stop, high) - low)
            parts.append(self._journal.raw(row)[inside, channels])
        return parts

    def read_samples(self, start: int, stop: int) -> np.ndarray:
        """(n_channels, stop - start) float64."""
        parts = self._parts(start, stop, slice(None))
        if not parts:
            return np.zeros((self._journal.n_channels, 0))
        return np.ascontiguousarray(np.concatenate(parts).T, np.float64)

    def read_channel(self, index: int, start: int, stop: int) -> np.ndarray:
        """(stop - start,) float64."""
        parts = self._parts(start, stop, index)
        return np.concatenate(parts).astype(np.float64) if parts else np.zeros(0)


def _contents(path: Path) -> list[Row]:
    journal = Journal(path)
    n = sum(stretch.n_samples for stretch in stretches(journal))
    channels = [str(name) for name in journal.header["channels"]]
    units = [str(unit) for unit in journal.header.get("units", ["?"] * len(channels))]
    return channel_rows(channels, units, journal.rate_hz, n)


READER = Reader(
    "eiflog", f"journals of live takes ({SUFFIX})",
    lambda _path, head: head.startswith(MAGIC), _read, _contents,
)  # fmt: skip
