"""What the child process does: pull, run the pipeline, publish, and keep the journal.

`Engine.tick` does all of it once and never waits; `child` calls it every millisecond.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from ..errors import EiferError
from ..signals.journal_format import MARK, ORPHANED, SETT, STOPPED
from .contents import with_contents
from .outgoing import Outgoing, OutgoingStreams
from .pipeline import Frames, LivePipeline
from .quality_watch import QualityWatch
from .recorder import Recorder
from .settings import Conditioning, LiveSettings
from .shared import MOST_CHANNELS, VALUES, SharedState
from .sources import Chunk, Search, Source, SourceEndedError, SourceLostError, search_for
from .timing import Gap

_SEARCH_S, _BEAT_S, _STATUS_S, _MARKERS_S = 0.05, 0.1, 0.2, 0.05
_MOST_PULLS, _TEND_S = 4, 0.01
#: How quickly the shown length of the device's chunks follows.
_CHUNK_PART = 0.02


class Engine:
    """One live session in the child.

    Parameters
    ----------
    settings : LiveSettings
    shared : SharedState
        Where values and status are published.
    search : Search, optional
        Instead of the one that the settings ask for.

    Attributes
    ----------
    state : str
        ``searching``, ``connected``, ``lost``, ``failed`` or ``stopped``.
    sentence : str
        What a person should know about it.
    """

    def __init__(
        self, settings: LiveSettings, shared: SharedState, search: Search | None = None
    ) -> None:
        self.settings, self.shared = settings, shared
        self.state, self.sentence = "searching", f"Looking for {settings.describe_source()}."
        self._search, self._complete = search, False
        self.source: Source | None = None
        self.pipeline: LivePipeline | None = None
        self.recorder = Recorder()
        self._outgoing: OutgoingStreams | None = None
        self._outgoing_problem = ""
        self._key: tuple[Any, ...] = ()
        #: What to say about the samples that are missing before the next ones.
        self._returned = ""
        self._quality: QualityWatch | None = None
        self._pending: list[Chunk] = []
        self._waiting = 0
        self._values = np.zeros((), VALUES)
        self._searched = self._beaten = self._told = self._tended = self._marked = 0.0
        self._status: dict[str, Any] = {}
        self._last_time: float | None = None

    def tick(self, now: float) -> None:
        """Do what there is to do, without waiting.

        Parameters
        ----------
        now : float
            `time.monotonic`.
        """
        if self.source is not None:
            # While these were at work the rest of the sender's chunk may have come.
            for _ in range(_MOST_PULLS):
                if self.source is None or not self._pull(self.source):
                    break
        elif self.state in ("searching", "lost") and now - self._searched >= _SEARCH_S:
            self._searched = now
            self._look()
        if now - self._marked >= _MARKERS_S:
            self._marked = now
            self._note_markers()
        if now - self._tended >= _TEND_S:
            self._tended = now
            self.recorder.tend(self.source, now)
        if now - self._beaten >= _BEAT_S:
            self._beaten = now
            self._publish(None)
        if now - self._told >= _STATUS_S:
            self._told = now
            self.tell()

    def command(self, message: Mapping[str, Any]) -> None:
        """Do what the parent asks for: ``record``, ``stop_recording``, ``update``, ``mark``."""
        task = message.get("do")
        if task == "record":
            self.recorder.ask(message)
            self._begin_take()
        elif task == "stop_recording":
            self._process()
            self.recorder.end(STOPPED)
        elif task == "update":
            self._update(Conditioning.from_document(message["conditioning"]))
        elif task == "mark":
            self._mark(str(message["name"]), float(message["at_s"]))
        self.tell()

    def _look(self) -> None:
        try:
            if not self._complete:
                self.settings, self._complete = with_contents(self.settings), True
            if self._search is None:
                self._search = search_for(self.settings)
            source = self._search.poll()
            if source is not None:
                self._connect(source)
        except EiferError as error:
            self._fail(error)

    def _connect(self, source: Source) -> None:
        """Begin with a source, or go on with one that came back."""
        facts, before = source.facts, self.pipeline
        if facts.n_channels > MOST_CHANNELS:
            source.close()
            raise EiferError(
                f"'{facts.name}' has {facts.n_channels} channels; {MOST_CHANNELS} are the most.",
                "Stream fewer channels.",
            )
        key = (facts.channels, facts.units, facts.rate_hz, source.dtype)
        if before is None or key != self._key:
            try:
                self._prepare(source)
            except EiferError:
                source.close()
                raise
        self._key = key
        self.source = source
        missing = f"the stream was away and came back as '{facts.name}'"
        if before is not None and before is self.pipeline:
            self._returned = missing
        else:
            self.recorder.go_on_elsewhere("the source came back with other channels.")
            self._open_outgoing()
        self.state, self.sentence = "connected", f"Connected to {facts.name}."
        self._begin_take()

    def _begin_take(self) -> None:
        if self.recorder.is_waiting and self.source is not None and self.pipeline is not None:
            self.recorder.begin(self.pipeline, self.source, self.settings)

    def _open_outgoing(self) -> None:
        """Send the coefficients where the settings say."""
        if self._outgoing is not None:
            self._outgoing.close()
        self._outgoing, self._outgoing_problem = None, ""
        pipeline, source = self.pipeline, self.source
        try:
            wanted = Outgoing.from_document(self.settings.outgoing)
            if not wanted.is_silent and pipeline is not None and source is not None:
                names = pipeline.space.coefficients
                self._outgoing = OutgoingStreams(wanted, names, source.clock)
        except EiferError as error:
            self._outgoing_problem = str(error)

    def _prepare(self, source: Source) -> None:
        facts = source.facts
        if source.envelopes and not self.settings.envelopes:
            self.settings = replace(self.settings, envelopes=True)
        units = tuple(
            self.settings.units if unit == "?" and self.settings.units else unit
            for unit in facts.units
        )
        self.pipeline = LivePipeline(facts.channels, facts.rate_hz, units, self.settings)
        self._quality = QualityWatch(self.pipeline.front.used, facts.rate_hz)
        self._pending, self._waiting = [], 0

    def _pull(self, source: Source) -> bool:
        """Take what has come; whether frames came out of it."""
        pipeline = self.pipeline
        assert pipeline is not None
        # Frames end at fixed samples: before the next of them there is nothing to gain.
        least = pipeline.step - pipeline.n_samples % pipeline.step - self._waiting
        try:
            chunk = source.pull(least)
        except SourceLostError as error:
            self._lose(error)
            return False
        except SourceEndedError as error:
            self._process()
            self.recorder.end(STOPPED)
            self._drop_source()
            self.state, self.sentence = "stopped", str(error)
            return False
        if chunk is None:
            return False
        gap = chunk.gap
        if self._returned and self._last_time is not None:
            away_s = max(0.0, float(chunk.times[0]) - self._last_time)
            gap, self._returned = Gap(round(away_s * source.facts.rate_hz), self._returned), ""
        if gap is not None:
            self._restart(gap)
        self._pending.append(chunk)
        self._waiting += len(chunk)
        length_ms = 1000.0 * len(chunk) / source.facts.rate_hz
        self._values["chunk_ms"] += _CHUNK_PART * (length_ms - self._values["chunk_ms"])
        if pipeline.n_samples % pipeline.step + self._waiting < pipeline.step:
            return False
        self._process()
        return True

    def _process(self) -> None:
        """Run what waits through the pipeline."""
        if not self._pending or self.pipeline is None:
            return
        chunks, self._pending, self._waiting = self._pending, [], 0
        raw, received, times = chunks[0].raw, chunks[0].received, chunks[0].times
        if len(chunks) > 1:
            raw = np.concatenate([c.raw for c in chunks])
            received = np.concatenate([c.received for c in chunks])
            times = np.concatenate([c.times for c in chunks])
        samples = np.ascontiguousarray(raw.T, np.float64)
        frames = self.pipeline.process(samples, times)
        self._last_time = float(times[-1])
        self._values["n_samples"] += len(raw)
        if len(frames):
            self._publish(frames)
            if self._outgoing is not None:
                self._outgoing.send(frames.timestamps, frames.coefficients)
        self.recorder.add(raw, received, times, frames)
        if self._quality is not None:
            self._quality.add(self.pipeline.front.derive(samples))

    def _publish(self, frames: Frames | None) -> None:
        """Put the newest values where the parent reads them."""
        now, values, source = time.monotonic(), self._values, self.source
        values["written_s"] = now
        values["journal_bytes"], values["journal_s"] = (
            self.recorder.size_bytes,
            self.recorder.seconds,
        )
        if source is not None and self._last_time is not None:
            age_s = (source.clock() - self._last_time) / self.settings.speed
            values["newest_s"], values["rate_hz"] = now - age_s, source.rate_hz
        if frames is not None and self.pipeline is not None:
            values["timestamp_s"] = frames.timestamps[-1]
            values["n_frames"] += len(frames)
            values["activity"][: len(self.pipeline.muscles)] = frames.activity[-1]
            values["coefficients"][: len(self.pipeline.space)] = frames.coefficients[-1]
        self.shared.write_values(values)

    def _restart(self, gap: Gap) -> None:
        """After missing samples: mark them, and begin the filters anew."""
        self._process()
        assert self.pipeline is not None
        self.pipeline.restart()
        self._values["n_gaps"] += 1
        self._values["n_lost"] += gap.missing
        self.recorder.gap(gap.missing, gap.reason)

    def _lose(self, error: EiferError) -> None:
        self._process()
        self._drop_source()
        self.state, self.sentence = "lost", str(error)

    def _drop_source(self) -> None:
        if self.source is not None:
            self.source.close()
        self.source = None

    def _fail(self, error: EiferError) -> None:
        self._drop_source()
        self.state, self.sentence = "failed", str(error)

    def _update(self, conditioning: Conditioning) -> None:
        self.settings = self.settings.with_conditioning(conditioning)
        if self.pipeline is not None:
            self.pipeline.update(conditioning)
        self.recorder.note(SETT, conditioning=self.settings.to_document()["conditioning"])

    def _note_markers(self) -> None:
        """Put markers of other streams, or of the recording that is played, into the take."""
        if self._search is None or self.source is None:
            return
        for marker in self._search.markers():
            self.recorder.note(
                MARK, name=marker.name, timestamp_s=marker.time_s, stream=marker.stream
            )

    def _mark(self, name: str, at_s: float) -> None:
        """Note an event that happened at `at_s` of `time.monotonic`."""
        if self.source is not None:
            ago_s = (time.monotonic() - at_s) * self.settings.speed
            self.recorder.note(MARK, name=name, timestamp_s=self.source.clock() - ago_s)

    def tell(self) -> None:
        """Publish the status when it has changed."""
        status = {
            "pid": os.getpid(), "state": self.state, "sentence": self.sentence,
            "take": self.recorder.told, "outgoing": self._outgoing_state(),
            **self._source_status(),
        }  # fmt: skip
        if status != self._status:
            self._status = status
            self.shared.write_status(status)

    def _outgoing_state(self) -> dict[str, Any]:
        streams = self._outgoing
        problems = [self._outgoing_problem] if self._outgoing_problem else []
        return {
            "is_sending": streams is not None,
            "problems": problems + ([] if streams is None else list(streams.problems)),
        }

    def _source_status(self) -> dict[str, Any]:
        pipeline = self.pipeline
        if pipeline is None:
            return {}
        quality = self._quality
        if quality is not None:
            self._values["quality"][: len(quality.levels)] = quality.levels
        return {
            "source": {} if self.source is None else self.source.facts.to_document(),
            "muscles": list(pipeline.muscles), "space": pipeline.space.name,
            "montage": dict(pipeline.front.montage.channels),
            "unmapped": list(pipeline.front.montage.unmapped),
            "lost_channels": [
                name
                for name, gone in zip(pipeline.front.used, pipeline.front.lost, strict=True)
                if gone
            ],
            "channels": [] if quality is None else list(quality.channels),
            "quality": {} if quality is None else dict(quality.sentences),
            "delay_ms": pipeline.delay_ms, "frame_rate_hz": pipeline.frame_rate_hz,
            "mains": None if pipeline.mains is None else list(pipeline.mains),
            "settled": pipeline.scale.settled, "model": pipeline.model.card.name,
            "baseline": [_number(v) for v in pipeline.scale.baseline],
            "scale": [_number(v) for v in pipeline.scale.scale],
        }  # fmt: skip

    def close(self, *, orphaned: bool) -> None:
        """End the session: close journal, source and search."""
        self._process()
        self.recorder.end(ORPHANED if orphaned else STOPPED)
        self._drop_source()
        if self._outgoing is not None:
            self._outgoing.close()
        if self._search is not None:
            self._search.close()
        if self.state != "failed":
            self.state, self.sentence = "stopped", "Disconnected."
        self.tell()
        self._publish(None)


def _number(value: float) -> float | None:
    return float(f"{value:.6g}") if np.isfinite(value) else None
