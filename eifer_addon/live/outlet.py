"""A recording or a simulated subject as a stream of the Lab Streaming Layer.

Time stamps follow from the number of the sample and one start time, so that the stream keeps its
rate however long it runs; what is sent late because the machine was busy has the right times.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..signals.recording import Recording
from .chunks import SEAM, Chunk, chunks_of
from .lsl import load_lsl
from .play_settings import PlaySettings

#: What an outlet keeps for a receiver that does not pull, in s.
_KEPT_S = 60
_REPORT_EVERY_S, _NAP_S = 0.25, 0.05
#: An outlet that vanishes takes along what is still on its way, so it stays for this long.
_LINGER_S = 0.5
#: The words of XDF's conventions for units, where they differ from ours.
_UNITS = {"uV": "microvolts", "mV": "millivolts", "V": "volts", "?": ""}


@dataclass(frozen=True)
class PlayReport:
    """How far a stream is.

    Attributes
    ----------
    n_samples : int
        Samples that were sent, per channel.
    elapsed_s : float
        By the clock, since the first sample.
    rate_hz : float
        The stream's nominal rate.
    n_seams, n_markers : int
        How often the recording began anew, and markers that were sent.
    most_late_ms : float
        How late a chunk was sent at most, jitter that was asked for left aside.
    is_heard : bool
        Whether somebody listened when this was written.
    """

    n_samples: int = 0
    elapsed_s: float = 0.0
    rate_hz: float = 0.0
    n_seams: int = 0
    n_markers: int = 0
    most_late_ms: float = 0.0
    is_heard: bool = False

    @property
    def sent_s(self) -> float:
        """The length of what was sent, by its own clock."""
        return self.n_samples / self.rate_hz if self.rate_hz else 0.0


def stream_info(lsl: Any, recording: Recording, settings: PlaySettings) -> Any:
    """The stream's description after XDF's conventions, a pylsl ``StreamInfo``."""
    info = lsl.StreamInfo(
        settings.stream_name, settings.type, len(recording.channels),
        recording.rate_hz * settings.speed, settings.channel_format, settings.stream_source_id,
    )  # fmt: skip
    description = info.desc()
    description.append_child_value("manufacturer", "EIFER")
    channels = description.append_child("channels")
    for label, unit in zip(recording.channels, recording.units, strict=True):
        channel = channels.append_child("channel")
        channel.append_child_value("label", label)
        channel.append_child_value("unit", _UNITS.get(unit, unit))
        channel.append_child_value("type", settings.type)
    acquisition = description.append_child("acquisition")
    acquisition.append_child_value("manufacturer", "EIFER")
    acquisition.append_child_value("model", "simulator" if _is_simulated(recording) else "player")
    own = description.append_child("eifer")
    for key, value in {
        "simulated": _is_simulated(recording), "envelope": recording.holds_envelope,
        "speed": settings.speed, "loop_s": recording.duration_s / settings.speed,
        "looped": settings.loop, "sha256": recording.source.get("sha256", ""),
    }.items():  # fmt: skip
        own.append_child_value(key, str(value))
    return info


def marker_info(lsl: Any, settings: PlaySettings) -> Any:
    """The description of the second stream, with the events."""
    info = lsl.StreamInfo(
        f"{settings.stream_name} markers", "Markers", 1, lsl.IRREGULAR_RATE, "string",
        f"{settings.stream_source_id}-markers",
    )  # fmt: skip
    info.desc().append_child_value("manufacturer", "EIFER")
    channel = info.desc().append_child("channels").append_child("channel")
    channel.append_child_value("label", "event")
    info.desc().append_child("eifer").append_child_value("seam", SEAM)
    return info


def _is_simulated(recording: Recording) -> bool:
    return bool(recording.source.get("simulated", False))


class Playback:
    """The outlets of one recording; they are on the network from here to :meth:`close`.

    Parameters
    ----------
    recording : Recording
    settings : PlaySettings

    Raises
    ------
    EiferError
        When liblsl is missing.
    """

    def __init__(self, recording: Recording, settings: PlaySettings) -> None:
        self._lsl = load_lsl()
        self._recording, self._settings = recording, settings
        info = stream_info(self._lsl, recording, settings)
        self._signal: Any = self._lsl.StreamOutlet(info, 0, _KEPT_S)
        self._markers: Any = None
        if settings.markers:
            self._markers = self._lsl.StreamOutlet(marker_info(self._lsl, settings))
        self._rate_hz = recording.rate_hz * settings.speed
        self._n_samples = self._n_seams = self._n_markers = 0
        self._most_late_s = 0.0
        self._start_s: float | None = None

    def run(
        self, stop: threading.Event, on_progress: Callable[[PlayReport], None] | None = None
    ) -> PlayReport:
        """Send until the end, until the settings' time is over, or until `stop` is set.

        Parameters
        ----------
        stop : threading.Event
        on_progress : callable, optional
            Gets a report about four times a second.
        """
        if self._settings.wait and not self._is_awaited(stop, on_progress):
            return self.report()
        clock = self._lsl.local_clock
        chunks = chunks_of(self._recording, self._settings)
        first = next(chunks)  # read before the clock starts
        self._start_s = start_s = reported_s = clock()
        end_s = start_s + (self._settings.seconds or float("inf"))
        for chunk in itertools.chain((first,), chunks):
            due_s = start_s + chunk.due_s
            if not _sleep_until(min(due_s, end_s), clock, stop) or due_s >= end_s:
                break
            now_s = clock()
            self._most_late_s = max(self._most_late_s, now_s - due_s)
            self._send(chunk, start_s, now_s)
            if on_progress is not None and now_s - reported_s >= _REPORT_EVERY_S:
                on_progress(self.report())
                reported_s = now_s
        else:
            stop.wait(_LINGER_S)
        chunks.close()
        return self.report()

    def _send(self, chunk: Chunk, start_s: float, now_s: float) -> None:
        arrival = self._settings.stamps == "arrival"
        self._signal.push_chunk(chunk.samples, now_s if arrival else start_s + chunk.stamp_s)
        self._n_samples += len(chunk.samples)
        self._n_seams = chunk.n_seams
        if self._markers is not None:
            for time_s, name in chunk.markers:
                self._markers.push_sample([name], start_s + time_s)
                self._n_markers += 1

    def _is_awaited(
        self, stop: threading.Event, on_progress: Callable[[PlayReport], None] | None
    ) -> bool:
        """Wait for somebody who listens; False when `stop` comes first."""
        while not self._signal.wait_for_consumers(_REPORT_EVERY_S):
            if stop.is_set():
                return False
            if on_progress is not None:
                on_progress(self.report())
        return not stop.is_set()

    def report(self) -> PlayReport:
        """How far it is now."""
        elapsed_s = 0.0 if self._start_s is None else self._lsl.local_clock() - self._start_s
        return PlayReport(
            self._n_samples, elapsed_s, self._rate_hz, self._n_seams, self._n_markers,
            1000 * self._most_late_s, self._signal is not None and self._signal.have_consumers(),
        )  # fmt: skip

    def close(self) -> None:
        """Take the outlets off the network."""
        self._signal = self._markers = None


def _sleep_until(due_s: float, clock: Callable[[], float], stop: threading.Event) -> bool:
    """Sleep in short naps; False when `stop` is set."""
    while not stop.is_set():
        left_s = due_s - clock()
        if left_s <= 0:
            return True
        # `Event.wait` is as coarse as 16 ms on Windows, `sleep` is not.
        time.sleep(min(left_s, _NAP_S))
    return False


def play(
    recording: Recording,
    settings: PlaySettings,
    stop: threading.Event | None = None,
    on_progress: Callable[[PlayReport], None] | None = None,
) -> PlayReport:
    """Stream a recording until its end; see :meth:`Playback.run`."""
    playback = Playback(recording, settings)
    try:
        return playback.run(stop or threading.Event(), on_progress)
    finally:
        playback.close()
