"""A stream of Lab Streaming Layer as a source, and the search for it before and after a loss.

liblsl's own recovery hides that samples are missing, so it is off: when the stream is gone, it is
looked for by source id, then by name and type, and whatever comes back is a new source.
"""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from .lsl import WatchedStreams, facts_of, load_lsl
from .lsl_clock import ClockOffset
from .lsl_markers import LslMarkers
from .settings import LiveSettings
from .sources import MOST_S, Chunk, Marker, Source, SourceLostError, check_facts
from .stream_facts import StreamFacts, StreamSelector
from .timing import Clockwork, Gap, increasing

#: liblsl keeps so many seconds for a reader that is late.
_BUFFER_S = 360
_OPENING_S = 5.0
#: A stream that is open and sends nothing for so long is lost.
_SILENT_S = 3.0
#: Streams that are there already are found within so long of each other.
_TOGETHER_S = 0.5
#: How often new streams of markers are looked for.
_LOOK_S = 0.5
#: A stream that was lost is not tried again for so long.
_FORGOTTEN_S = 4.0
#: The offset between clocks moves by at most this part of the time that passes.
_SLEW = 0.02
#: Stamps further than this from when their samples came are not of LSL's clock: some drivers
#: stamp by the device's or by the time of day, about which LSL's measurements say nothing.
_FOREIGN_S = 10.0
#: So much more time by the stamps than by our clock means a clock that was set.
_SET_S = 5.0
#: Samples that are too few are left waiting for so long: only a pull tells of a lost stream.
_PATIENT_S = 0.005
_SET_FORWARD = Gap(0, "the sender's clock was set forward")


class LslSource:
    """An open inlet; see `sources.Source`.

    Parameters
    ----------
    inlet : pylsl.StreamInlet
        Opened with ``recover=False`` and without processing.
    facts : StreamFacts
    simulated : bool
        Whether the stream says so.
    """

    envelopes = False

    def __init__(self, inlet: Any, facts: StreamFacts, *, simulated: bool = False) -> None:
        self.simulated = simulated
        self.facts, self._inlet = facts, inlet
        self.dtype = np.dtype(inlet.np_dtype)
        self._clock = load_lsl().local_clock
        self._most = max(1, int(MOST_S * facts.rate_hz))
        self._buffer = np.empty((self._most, facts.n_channels), self.dtype)
        self._clockwork = Clockwork(facts.rate_hz)
        self._offsets = ClockOffset(inlet)
        self._offset: float | None = None
        self._arrival = 0.0
        self._last_s = -np.inf
        self._heard_s = float(self._clock())
        self._pulled_s = 0.0

    def clock(self) -> float:
        """The clock of liblsl on this machine."""
        return float(self._clock())

    def pull(self, least: int = 1) -> Chunk | None:
        """Samples that wait in the inlet."""
        now = time.monotonic()
        # Taking samples out one by one costs more than all that is done with them.
        may_wait = least > 1 and now - self._pulled_s < _PATIENT_S
        if may_wait and self._inlet.samples_available() < least:
            return None
        self._pulled_s = now
        try:
            _, stamps = self._inlet.pull_chunk(0.0, self._most, self._buffer, as_numpy=True)
        except RuntimeError as error:  # pylsl's LostError and InternalError
            raise SourceLostError(
                f"The stream '{self.facts.name}' was lost.", "It is looked for."
            ) from error
        n = len(stamps)
        if n == 0:
            if self.clock() - self._heard_s > _SILENT_S:
                raise SourceLostError(
                    f"The stream '{self.facts.name}' sends nothing.", "It is looked for."
                )
            return None
        self._heard_s = self.clock()
        received = np.array(stamps, np.float64)  # a copy, the view is of a large array
        times, gap = self._clockwork.process(received)
        if gap is not None:
            if gap.missing / self.facts.rate_hz > self._heard_s - self._last_s + _SET_S:
                gap = _SET_FORWARD
            self._offset = None
            self._offsets.forget()
        return Chunk(self._buffer[:n].copy(), received, self._local(times), gap)

    def _local(self, times: np.ndarray) -> np.ndarray:
        """Times by our own clock; they go on increasing while the offset is corrected."""
        measured = self._offsets.offset_s
        if self._offset is None:
            self._arrival = self._heard_s - float(times[-1])
        if measured is not None and abs(measured - self._arrival) > _FOREIGN_S:
            measured = None
        if self._offset is None:
            # Until the first measurement the newest sample counts as just taken.
            self._offset = self._arrival if measured is None else measured
        elif measured is not None:
            most = _SLEW * len(times) / self.facts.rate_hz
            self._offset += min(max(measured - self._offset, -most), most)
        local = increasing(times + self._offset, self._last_s, 0.1 / self.facts.rate_hz)
        self._last_s = float(local[-1])
        return local

    @property
    def rate_hz(self) -> float:
        """The rate by the time stamps."""
        return self._clockwork.rate_hz

    def drain_notes(self) -> list[dict[str, float]]:
        """Measurements of the sender's clock."""
        return self._offsets.drain()

    def close(self) -> None:
        """Close the inlet."""
        self._offsets.close()
        self._inlet.close_stream()


class LslSearch:
    """Looks for the stream of the settings, and again after it was lost.

    Parameters
    ----------
    settings : LiveSettings
    """

    def __init__(self, settings: LiveSettings) -> None:
        assert settings.stream is not None
        self._wanted: list[StreamSelector] = [settings.stream]
        self._envelopes = settings.envelopes
        self._watched = WatchedStreams()
        self._markers = LslMarkers(self._watched)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="opening")
        self._opening: Future[LslSource] | None = None
        self._first_s: float | None = None
        self._looked_s = 0.0
        self._current: str | None = None
        self._ignored: dict[str, float] = {}

    def poll(self) -> Source | None:
        """The opened stream; None while there is none.

        Raises
        ------
        EiferError
            When several streams fit, or the one that fits cannot be used.
        """
        if self._opening is not None:
            if not self._opening.done():
                return None
            opening, self._opening = self._opening, None
            return self._opened(opening)
        found = self._choose()
        if found is not None:
            self._opening = self._pool.submit(_open, found, self._envelopes)
        return None

    def _choose(self) -> Any | None:
        now = time.monotonic()
        if self._current is not None:
            # It was lost, but the resolver goes on naming it for a while.
            self._ignored[self._current], self._current = now + _FORGOTTEN_S, None
        infos = {
            info.uid(): info for info in self._watched.infos()
            if self._ignored.get(info.uid(), 0.0) < now
        }  # fmt: skip
        there = {uid: facts_of(info) for uid, info in infos.items()}
        for selector in self._wanted:
            fitting = [facts for facts in there.values() if selector.matches(facts)]
            signals = [facts for facts in fitting if facts.holds_signal] or fitting
            if len(signals) > 1:
                selector.choose(signals)  # says which there are
            if signals and self._others_had_time(now):
                check_facts(signals[0], envelopes=self._envelopes)
                return infos[signals[0].uid]
        return None

    def _others_had_time(self, now: float) -> bool:
        """Streams are found one after the other; a second one that fits may follow."""
        if self._first_s is None:
            self._first_s = now
        return now - self._first_s >= _TOGETHER_S

    def _opened(self, opening: Future[LslSource]) -> LslSource | None:
        try:
            source = opening.result()
        except RuntimeError:  # pylsl's own errors: it went away again
            return None
        facts = source.facts
        own = [StreamSelector(source_id=facts.source_id)] if facts.source_id else []
        self._wanted = [*own, StreamSelector(name=facts.name, type=facts.type)]
        self._current = facts.uid
        return source

    def markers(self) -> list[Marker]:
        """Markers of all streams of texts on the network."""
        now = time.monotonic()
        if now - self._looked_s >= _LOOK_S:
            self._looked_s = now
            self._markers.look()
        return self._markers.pull()

    def close(self) -> None:
        """Stop looking."""
        self._markers.close()
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._watched.close()


def _open(info: Any, envelopes: bool) -> LslSource:
    lsl = load_lsl()
    inlet = lsl.StreamInlet(info, max_buflen=_BUFFER_S, recover=False, processing_flags=0)
    description = inlet.info(timeout=_OPENING_S)
    facts = facts_of(description)
    check_facts(facts, envelopes=envelopes)
    inlet.open_stream(timeout=_OPENING_S)
    model = description.desc().child("acquisition").child_value("model")
    return LslSource(inlet, facts, simulated=model == "simulator")
