"""Muscle activity over time, normalised per muscle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import EiferError
from ..files import load_npz, save_npz

_KIND = "activity"
_VERSION = 1


@dataclass(frozen=True)
class Activity:
    """Normalised muscle activity: 0 at rest, 1 when a muscle is strongly active.

    One is the 95th percentile of the frames in which the muscle acts, or what a calibration
    profile says; stronger moments exceed it.

    Attributes
    ----------
    values : numpy.ndarray
        float32, shape (n_frames, n_muscles), dimensionless.
    rate_hz : float
        Frames per second.
    muscles : tuple of str
        Muscle with side, for example ``"zygomaticus.left"`` (the subject's left).
    baseline, scale : numpy.ndarray
        float64 (n_muscles,): ``values = max(0, (envelope - baseline) / scale)``, in the
        channel's unit.
    channels : tuple of str
        The recording's channel behind each muscle.
    filters : tuple of str
        The filter chain in words, in order.
    delay_ms : float
        Delay of the chain; 0 for zero-phase filters.
    start_s : float
        Time of the first frame.
    unmapped : tuple of str
        Channels of the recording that belong to no muscle of the montage.
    events : tuple of tuple
        ``(onset_s, name, duration_s)``.
    source : mapping
        The recording's source and the preset used.
    unclamped : numpy.ndarray or None
        ``(envelope - baseline) / scale``, float32 (n_frames, n_muscles), also where it is below
        rest; None where that is not known any more.
    """

    values: np.ndarray
    rate_hz: float
    muscles: tuple[str, ...]
    baseline: np.ndarray
    scale: np.ndarray
    channels: tuple[str, ...]
    filters: tuple[str, ...] = ()
    delay_ms: float = 0.0
    start_s: float = 0.0
    unmapped: tuple[str, ...] = ()
    events: tuple[tuple[float, str, float], ...] = ()
    source: Mapping[str, Any] = field(default_factory=dict)
    unclamped: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.values)

    @property
    def timestamps(self) -> np.ndarray:
        """Seconds, shape (n_frames,)."""
        return self.start_s + np.arange(len(self.values)) / self.rate_hz

    @property
    def steps(self) -> tuple[str, ...]:
        """The filter chain without its remarks."""
        return tuple(words for words in self.filters if not words.endswith("."))

    @property
    def remarks(self) -> tuple[str, ...]:
        """Whole sentences among the filters: they are about channels, repairs and doubts."""
        return tuple(words for words in self.filters if words.endswith("."))

    def column(self, muscle: str) -> np.ndarray:
        """One muscle over time, shape (n_frames,)."""
        return self.values[:, self.muscles.index(muscle)]

    def describe(self) -> str:
        """A few lines that a person can read."""
        pairs = zip(self.channels, self.muscles, strict=True)
        read = self.source.get("notes", ())
        notes = (*self.remarks, *(read if isinstance(read, list | tuple) else (read,)))
        return "\n".join([
            f"Activity: {len(self.muscles)} muscles, {len(self)} frames at {self.rate_hz:g} Hz",
            f"  filters: {'; '.join(self.steps) or 'none'} (delay {self.delay_ms:g} ms)",
            "  channels: " + ", ".join(f"{c} -> {m}" for c, m in pairs),
            f"  not mapped: {', '.join(self.unmapped) or 'none'}",
            *(f"  note: {note}" for note in notes),
        ])  # fmt: skip

    def save(self, path: str | Path, *, overwrite: bool = True) -> Path:
        """Write the activity as a versioned ``.npz``."""
        arrays = {"values": self.values, "baseline": self.baseline, "scale": self.scale}
        if self.unclamped is not None:
            arrays["unclamped"] = self.unclamped
        meta = {
            "rate_hz": self.rate_hz, "muscles": list(self.muscles), "delay_ms": self.delay_ms,
            "channels": list(self.channels), "filters": list(self.filters),
            "start_s": self.start_s, "unmapped": list(self.unmapped),
            "events": [list(e) for e in self.events], "source": dict(self.source),
        }  # fmt: skip
        return save_npz(path, _KIND, _VERSION, arrays, meta, overwrite=overwrite)

    @classmethod
    def load(cls, path: str | Path) -> Activity:
        """Read an activity that :meth:`save` wrote."""
        arrays, meta, _ = load_npz(path, _KIND, _VERSION)
        try:
            return cls(
                arrays["values"], meta["rate_hz"], tuple(meta["muscles"]), arrays["baseline"],
                arrays["scale"], tuple(meta["channels"]), tuple(meta["filters"]),
                meta["delay_ms"], meta["start_s"], tuple(meta["unmapped"]),
                tuple((float(o), str(n), float(d)) for o, n, d in meta["events"]), meta["source"],
                arrays.get("unclamped"),
            )  # fmt: skip
        except (KeyError, ValueError) as error:
            raise EiferError(f"{path} lacks a part of an activity: {error}.") from error
