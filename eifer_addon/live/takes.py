"""From the journal of a take to a recording, muscle activity and an expression track.

The journal holds the coefficients that were seen live, and they are what a take shows. It also
holds the state that the pipeline had when the recording began, so running its samples through
the same pipeline again gives them once more, bit for bit. With other settings the take is made
anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import EiferError
from ..signals.activity import Activity
from ..signals.journal_format import (
    DATA,
    ENDS,
    FRAM,
    GAPS,
    HEAD,
    MARK,
    SETT,
    STAT,
    Journal,
)  # fmt: skip
from ..signals.readers import read_recording
from ..signals.readers.eiflog import stretches
from ..signals.recording import Event, Recording
from ..spaces import get_space
from ..track import ExpressionTrack
from ..version import software_version
from .pipeline import Frames, LivePipeline
from .recorder import calibration_of
from .settings import Conditioning, LiveSettings

#: Of a muscle whose rest was not found yet.
_UNKNOWN = {"baseline": 0.0, "scale": 1.0}
#: Frames that are further apart than this many periods have a gap between them.
_APART = 1.5


@dataclass(frozen=True)
class Replayed:
    """What came out of a journal.

    Attributes
    ----------
    frames : Frames
        With the times of the journal's samples.
    pipeline : LivePipeline
        As it was after the last sample.
    """

    frames: Frames
    pipeline: LivePipeline


def replay_journal(
    path: str | Path, settings: LiveSettings | None = None, block: int | None = None
) -> Replayed:
    """Run a journal's samples through the pipeline.

    Parameters
    ----------
    path : path-like
    settings : LiveSettings, optional
        Other settings, from the first sample on; None repeats what was seen live.
    block : int, optional
        Samples at a time; the result does not depend on it.

    Returns
    -------
    Replayed

    Raises
    ------
    EiferError
        When the journal is damaged, holds no samples, or its model or profile is missing.
    """
    journal = Journal(path)
    player = _Player(journal, settings)
    parts = [player.pipeline.process(samples, times) for samples, times in player.samples(block)]
    if not parts:
        raise EiferError(f"{journal.path.name} holds no samples.", "Choose another take.")
    return Replayed(Frames.joined(parts), player.pipeline)


class _Player:
    """Does to a pipeline what the chunks of a journal say."""

    def __init__(self, journal: Journal, settings: LiveSettings | None) -> None:
        self._journal, self._settings = journal, settings
        self._pipeline: LivePipeline | None = None

    @property
    def pipeline(self) -> LivePipeline:
        """The pipeline of the present part."""
        assert self._pipeline is not None  # a journal begins with a header
        return self._pipeline

    def samples(self, block: int | None) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Samples (n_channels, n) and their times; in between the pipeline is set."""
        journal = self._journal
        for chunk in journal.chunks:
            if chunk.kind == DATA:
                row = journal.samples(chunk)
                values = np.ascontiguousarray(journal.raw(row).T, np.float64)
                step = block or row.count
                for start in range(0, row.count, step):
                    inside = slice(start, start + step)
                    yield values[:, inside], row.times[inside]
            elif chunk.kind == HEAD:
                self._begin(journal.document(chunk))
            elif chunk.kind == STAT and self._settings is None:
                self.pipeline.restore(journal.state(chunk))
            elif chunk.kind == GAPS:
                self.pipeline.restart()
            elif chunk.kind == SETT and self._settings is None:
                told = journal.document(chunk)["conditioning"]
                self.pipeline.update(Conditioning.from_document(told))

    def _begin(self, header: dict[str, Any]) -> None:
        """A part of the take begins; with other settings the pipeline goes on through all."""
        if self._settings is not None and self._pipeline is not None:
            return
        settings = self._settings or LiveSettings.from_document(header["settings"])
        units = [str(unit) for unit in header["units"]]
        if settings.units:
            units = [settings.units if unit == "?" else unit for unit in units]
        channels = tuple(str(name) for name in header["channels"])
        self._pipeline = LivePipeline(channels, float(header["rate_hz"]), tuple(units), settings)
        if self._settings is not None:
            return
        digest = header.get("model_sha256")
        if digest and digest != self.pipeline.model.sha256:
            raise EiferError(
                f"The take was made with another version of the model '{header.get('model')}'.",
                "Give settings, to make the take anew.",
            )


def take_of_journal(
    path: str | Path, settings: LiveSettings | None = None
) -> tuple[Recording, Activity, ExpressionTrack]:
    """What a take holds.

    Parameters
    ----------
    path : path-like
        A journal, also one that was cut off.
    settings : LiveSettings, optional
        As for :func:`replay_journal`.

    Returns
    -------
    recording : Recording
        The raw samples; a gap is marked as an event and in the notes, nothing is put in it.
    activity : Activity
    track : ExpressionTrack
        At the times at which the samples were taken, from 0. In a gap the face holds, with
        confidence 0, and muscles rest.
    """
    journal = Journal(path)
    recording = take_recording(path)
    made = _as_recorded(journal) if settings is None else _made_anew(path, settings)
    start_s = stretches(journal)[0].start_s
    frames, confidence = _with_gaps(made.frames, 1.0 / made.frame_rate_hz)
    times = frames.timestamps - start_s
    length = float(times[-1] - times[0])
    rate = (len(times) - 1) / length if length > 0 else made.frame_rate_hz
    marks = [journal.document(chunk) for chunk in journal.of_kind(MARK)]
    rest = [made.calibration.get(muscle, _UNKNOWN) for muscle in made.muscles]
    activity = Activity(
        values=frames.activity, rate_hz=rate, muscles=made.muscles,
        baseline=np.array([entry["baseline"] for entry in rest]),
        scale=np.array([entry["scale"] for entry in rest]),
        channels=tuple(made.montage[muscle] for muscle in made.muscles), filters=made.filters,
        delay_ms=made.delay_ms["filter"], start_s=float(times[0]), unmapped=made.unmapped,
        events=tuple((float(m["timestamp_s"]) - start_s, str(m["name"]), 0.0) for m in marks),
        source={**recording.source, "preset": made.settings.get("preset", "live")},
    )  # fmt: skip
    track = ExpressionTrack(
        get_space(made.space), frames.coefficients, times, confidence,
        provenance=_provenance(journal, made, recording),
    )  # fmt: skip
    return recording, activity, track


@dataclass(frozen=True)
class _Made:
    """Frames, and what they were made with."""

    frames: Frames
    frame_rate_hz: float
    space: str
    muscles: tuple[str, ...]
    montage: dict[str, str]
    unmapped: tuple[str, ...]
    filters: tuple[str, ...]
    delay_ms: dict[str, float]
    calibration: dict[str, dict[str, float]]
    settings: dict[str, Any]
    notes: dict[str, Any]


def _as_recorded(journal: Journal) -> _Made:
    """The frames that were seen live: they are in the journal, and nothing is computed."""
    header = journal.header
    rows = [journal.frames(chunk) for chunk in journal.of_kind(FRAM)]
    if not rows:
        raise EiferError(f"{journal.path.name} holds no frames.", "Choose another take.")
    ends = [journal.document(chunk) for chunk in journal.of_kind(ENDS)]
    keys = ("model", "model_sha256", "model_card_format", "model_licence")
    try:
        return _Made(
            Frames.joined(Frames(*row[1:]) for row in rows), float(header["frame_rate_hz"]),
            str(header["space"]), tuple(header["muscles"]), dict(header["montage"]),
            tuple(header["unmapped"]), tuple(header["filters"]), dict(header["delay_ms"]),
            next((dict(end["calibration"]) for end in ends if "calibration" in end), {}),
            dict(header["settings"]), {**{k: header[k] for k in keys}, **header["notes"]},
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        raise EiferError(
            f"The header of {journal.path.name} lacks a part: {error}.", "Copy it again."
        ) from error


def _made_anew(path: str | Path, settings: LiveSettings) -> _Made:
    replayed = replay_journal(path, settings)
    pipeline, montage = replayed.pipeline, replayed.pipeline.front.montage
    card = pipeline.model.card
    notes = {
        "model": card.name, "model_sha256": pipeline.model.sha256,
        "model_card_format": card.format_version, "model_licence": card.licence, **pipeline.notes,
    }  # fmt: skip
    return _Made(
        replayed.frames, pipeline.frame_rate_hz, pipeline.space.name, pipeline.muscles,
        dict(montage.channels), montage.unmapped, pipeline.words, pipeline.delay_ms,
        calibration_of(pipeline), pipeline.settings.to_document(), notes,
    )  # fmt: skip


def take_recording(path: str | Path) -> Recording:
    """All samples of a take, one stretch behind the other, with events where gaps are."""
    journal = Journal(path)
    found = stretches(journal)
    parts = [read_recording(path, format="eiflog", segment=k) for k in range(len(found))]
    if not parts:
        raise EiferError(f"{journal.path.name} holds no samples.", "Choose another take.")
    if len(parts) == 1:
        return parts[0]
    starts = np.cumsum([0, *(part.n_samples for part in parts)]).tolist()
    gaps = [
        {"sample": start, "seconds": after.start_s - before.stop_s}
        for start, before, after in zip(starts[1:-1], found, found[1:], strict=False)
    ]
    rate = parts[0].rate_hz
    events = [
        replace(event, onset_s=event.onset_s + start / rate)
        for part, start in zip(parts, starts, strict=False)
        for event in part.events
    ]
    events += [Event(g["sample"] / rate, f"gap of {g['seconds']:.3f} s") for g in gaps]

    def read_samples(start: int, stop: int) -> np.ndarray:
        pieces = [
            part.data(max(start - low, 0), min(stop - low, part.n_samples))
            for part, low in zip(parts, starts, strict=False)
            if low < stop and start < low + part.n_samples
        ]
        return np.concatenate(pieces, axis=1) if pieces else np.zeros((len(parts[0].channels), 0))

    return replace(
        parts[0], n_samples=starts[-1], read_samples=read_samples, read_channel=None,
        events=tuple(sorted(events, key=lambda event: event.onset_s)),
        source={**parts[0].source, "gaps": gaps},
    )  # fmt: skip


def _with_gaps(frames: Frames, period_s: float) -> tuple[Frames, np.ndarray]:
    """Increasing times, and frames with confidence 0 where samples are missing."""
    times = frames.timestamps.copy()
    back = np.flatnonzero(np.diff(times) <= 0)
    for k in back:  # a clock was set back: the times go on
        times[k + 1 :] += times[k] + period_s - times[k + 1]
    rows, stamps, confidence = [np.arange(0)], [np.zeros(0)], [np.zeros(0, np.float32)]
    start = 0
    for k in [*np.flatnonzero(np.diff(times) > _APART * period_s), len(times) - 1]:
        rows.append(np.arange(start, k + 1))
        stamps.append(times[start : k + 1])
        confidence.append(np.ones(k + 1 - start, np.float32))
        if k + 1 < len(times):
            count = max(0, round((times[k + 1] - times[k]) / period_s) - 1)
            between = np.linspace(times[k], times[k + 1], count + 2)[1:-1]
            rows.append(np.full(count, k))
            stamps.append(between)
            confidence.append(np.zeros(count, np.float32))
        start = k + 1
    places, sure = np.concatenate(rows), np.concatenate(confidence)
    activity = np.where(sure[:, None] > 0, frames.activity[places], np.float32(0))
    filled = Frames(np.concatenate(stamps), activity, frames.coefficients[places])
    return filled, sure


def _provenance(journal: Journal, made: _Made, recording: Recording) -> dict[str, Any]:
    header = journal.header
    return {
        "software": f"eifer {software_version()}", "source": str(journal.path),
        "source_sha256": str(recording.source.get("sha256", "")),
        "simulated": bool(recording.source.get("simulated", False)),
        "filters": list(made.filters), "delay_ms": sum(made.delay_ms.values()),
        "calibration": made.calibration, "live": made.settings,
        "stream": str(header.get("stream", {}).get("name", "")), "take": header.get("take", ""),
        "subject": header.get("subject", ""), "recorded": header.get("created", ""),
        "gaps": list(recording.source.get("gaps", ())), **made.notes,
    }  # fmt: skip
