"""The take that is being recorded: asked for, begun when samples come, tended, ended."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import EiferError
from ..signals.journal_format import CLCK, FORMAT_VERSION, STOPPED
from ..version import software_version
from .journal import JournalWriter
from .pipeline import Frames, LivePipeline
from .settings import LiveSettings
from .sources import Source


class Recorder:
    """Journals on behalf of an engine.

    Attributes
    ----------
    told : dict
        What the parent is told about the take: ``path``, ``state``, ``sentence``, ….
    """

    def __init__(self) -> None:
        self.told: dict[str, Any] = {}
        self._wanted: dict[str, Any] | None = None
        self._writer: JournalWriter | None = None
        self._pipeline: LivePipeline | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether a take was asked for and could not begin yet."""
        return self._wanted is not None and self._writer is None

    @property
    def size_bytes(self) -> int:
        """Bytes in the journal."""
        return 0 if self._writer is None else self._writer.size_bytes

    @property
    def seconds(self) -> float:
        """How long the take has been running."""
        return 0.0 if self._writer is None else time.monotonic() - self._writer.started

    def ask(self, message: Mapping[str, Any]) -> None:
        """Want a take; it begins with :meth:`begin`.

        Parameters
        ----------
        message : mapping
            ``path``, ``name``, and ``append`` for one that was interrupted.
        """
        self._wanted = dict(message)
        self.told = {"path": str(message["path"]), "state": "waiting", "sentence": ""}

    def begin(self, pipeline: LivePipeline, source: Source, settings: LiveSettings) -> None:
        """Open the journal of the take that was asked for."""
        wanted = self._wanted
        assert wanted is not None
        self._pipeline = pipeline
        path = Path(wanted["path"])
        append = bool(wanted.get("append")) and path.is_file()
        header = _header(str(wanted.get("name", "")), pipeline, source, settings)
        try:
            self._writer = JournalWriter(path, header, pipeline.state(), append=append)
        except EiferError as error:
            if append:  # it was cut off before its header, or the source is another one
                self._go_elsewhere(str(error))
                self.begin(pipeline, source, settings)
                return
            self._wanted = None
            self.told |= {"state": "failed", "sentence": str(error)}
            return
        if append:
            pipeline.restart()
            self._writer.gap(0, "the recording process was started again")
        self.told |= {"state": "recording"}

    def add(self, raw: np.ndarray, received: np.ndarray, times: np.ndarray, frames: Frames) -> None:
        """Keep samples and what came out of them; see `JournalWriter.add`."""
        if self._writer is not None:
            self._writer.add(raw, received, times, frames)

    def gap(self, missing: int, reason: str) -> None:
        """Mark missing samples."""
        if self._writer is not None:
            self._writer.gap(missing, reason)

    def note(self, kind: bytes, **values: Any) -> None:
        """Write a chunk of JSON."""
        if self._writer is not None:
            self._writer.note(kind, **values)

    def tend(self, source: Source | None, now: float) -> None:
        """Write what waits, and stop when the disk is full."""
        clock_notes = [] if source is None else source.drain_notes()
        if self._writer is None:
            return
        for note in clock_notes:
            self._writer.note(CLCK, **note)
        self._writer.flush(now)
        if self._writer.failure is not None:
            self.end(STOPPED)

    def end(self, reason: str) -> None:
        """Close the journal, if there is one."""
        writer, self._writer, self._wanted = self._writer, None, None
        if writer is None:
            if self.told.get("state") == "waiting":
                self.told |= {"state": "failed", "sentence": "Nothing came while recording."}
            return
        calibration = {} if self._pipeline is None else calibration_of(self._pipeline)
        writer.close(reason, calibration=calibration)
        failure = writer.failure
        self.told |= {
            "state": "stopped" if failure is None else "failed", "n_samples": writer.n_samples,
            "sentence": "" if failure is None else f"The recording stopped: {failure}",
        }  # fmt: skip

    def go_on_elsewhere(self, why: str) -> None:
        """Close the journal and want another one, for a source with other channels."""
        if self._writer is None:
            return
        wanted = self._wanted
        self.end(STOPPED)
        self._wanted = wanted
        self._go_elsewhere(why)

    def _go_elsewhere(self, why: str) -> None:
        wanted, told = self._wanted, self.told
        assert wanted is not None
        path = Path(wanted["path"])
        stem, _, number = path.stem.rpartition(" part ")
        following = int(number) + 1 if stem and number.isdigit() else 2
        other = path.with_name(f"{stem or path.stem} part {following}{path.suffix}")
        self._wanted = {**wanted, "path": str(other), "append": False}
        parts = [*told.get("parts", ()), str(path)]
        self.told = {
            "path": str(other), "state": "waiting", "parts": parts, "sentence": f"A new file: {why}"
        }  # fmt: skip


def calibration_of(pipeline: LivePipeline) -> dict[str, dict[str, float]]:
    """Baseline and scale by muscle, as far as they are known now."""
    scale = pipeline.scale
    rows = zip(pipeline.muscles, scale.baseline, scale.scale, strict=True)
    return {
        muscle: {"baseline": float(low), "scale": float(full)}
        for muscle, low, full in rows
        if np.isfinite(low) and np.isfinite(full)
    }


def _header(
    name: str, pipeline: LivePipeline, source: Source, settings: LiveSettings
) -> dict[str, Any]:
    facts = source.facts
    return {
        "format_version": FORMAT_VERSION, "take": name, "subject": settings.subject,
        "created": time.strftime("%Y-%m-%dT%H:%M:%S%z"), "software": software_version(),
        "settings": settings.to_document(), "stream": facts.to_document(),
        "channels": list(facts.channels), "units": list(facts.units),
        "rate_hz": facts.rate_hz, "dtype": source.dtype.str.lstrip("<>=|"),
        "simulated": source.simulated, "muscles": list(pipeline.muscles),
        "space": pipeline.space.name, "frame_rate_hz": pipeline.frame_rate_hz,
        "model": pipeline.model.card.name, "model_sha256": pipeline.model.sha256,
        "model_licence": pipeline.model.card.licence,
        "model_card_format": pipeline.model.card.format_version, "notes": pipeline.notes,
        "montage": dict(pipeline.front.montage.channels),
        "unmapped": list(pipeline.front.montage.unmapped),
        "filters": list(pipeline.words), "delay_ms": pipeline.delay_ms,
    }  # fmt: skip
