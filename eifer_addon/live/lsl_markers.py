"""Markers of other streams on the network, by our own clock, for the journal of a take."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from .lsl import WatchedStreams, facts_of, load_lsl
from .lsl_clock import ClockOffset
from .sources import Marker
from .stream_facts import StreamFacts

#: liblsl keeps so many markers for a reader that is late, and one call gives so many.
_BUFFER, _AT_ONCE = 360, 256
_OPENING_S = 5.0
#: A first marker waits so long for the measurement of its sender's clock.
_PATIENCE_S = 3.0


class _MarkerInlet:
    """One stream of texts."""

    def __init__(self, inlet: Any, facts: StreamFacts) -> None:
        self.facts, self._inlet = facts, inlet
        self._offsets = ClockOffset(inlet)
        self._waiting: list[tuple[float, str]] = []
        self._since_s: float | None = None

    def pull(self, now_s: float) -> list[Marker]:
        """Markers that came, by our own clock; `RuntimeError` when the stream is gone."""
        texts, stamps = self._inlet.pull_chunk(0.0, _AT_ONCE)
        self._waiting += [
            (float(stamp), " ".join(str(part) for part in row if part))
            for stamp, row in zip(stamps, texts, strict=True)
        ]
        if not self._waiting:
            return []
        self._since_s = now_s if self._since_s is None else self._since_s
        offset = self._offsets.offset_s
        if offset is None and now_s - self._since_s < _PATIENCE_S:
            return []
        found, self._waiting, self._since_s = self._waiting, [], None
        return [Marker(at + (offset or 0.0), name, self.facts.name) for at, name in found]

    def close(self) -> None:
        self._offsets.close()
        self._inlet.close_stream()


class LslMarkers:
    """All marker streams: texts at irregular times.

    Parameters
    ----------
    watched : WatchedStreams
    """

    def __init__(self, watched: WatchedStreams) -> None:
        self._watched = watched
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="markers")
        self._opening: dict[str, Future[_MarkerInlet] | None] = {}
        self._open: dict[str, _MarkerInlet] = {}

    def look(self) -> None:
        """Open the streams that are new."""
        for info in self._watched.infos():
            uid = info.uid()
            if uid in self._opening:
                continue
            facts = facts_of(info)
            if facts.channel_format == "string" and not facts.rate_hz:
                self._opening[uid] = self._pool.submit(_open, info, facts)
        for uid, opening in list(self._opening.items()):
            if opening is not None and opening.done():
                self._opening[uid] = None  # known: neither opened nor looked at again
                if opening.exception() is None:
                    self._open[uid] = opening.result()

    def pull(self) -> list[Marker]:
        """Markers since the last call."""
        now_s = float(load_lsl().local_clock())
        found: list[Marker] = []
        for uid, inlet in list(self._open.items()):
            try:
                found += inlet.pull(now_s)
            except RuntimeError:  # pylsl's own errors: the stream is gone
                inlet.close()
                del self._open[uid]
        return found

    def close(self) -> None:
        """Close all streams."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        for inlet in self._open.values():
            inlet.close()
        self._open.clear()


def _open(info: Any, facts: StreamFacts) -> _MarkerInlet:
    inlet = load_lsl().StreamInlet(info, max_buflen=_BUFFER, recover=False)
    inlet.open_stream(timeout=_OPENING_S)
    return _MarkerInlet(inlet, facts)
