"""The list of streams in the panel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .live_settings import LIVE

if TYPE_CHECKING:
    import bpy

    from ..live.stream_facts import StreamFacts


def show_streams(manager: bpy.types.WindowManager, streams: tuple[StreamFacts, ...]) -> bool:
    """Let the list show these streams; the chosen one stays chosen. True when it changed.

    Streams without a signal, such as markers, are left out: nothing could be done with them.
    """
    sources = getattr(manager, LIVE, None)
    if sources is None:
        return False
    wanted = [(s.name, s.source_id, s.type, s.uid, words(s)) for s in streams if s.holds_signal]
    shown = [(r.name, r.source_id, r.type, r.uid, r.words) for r in sources.found]
    if wanted == shown:
        return False
    kept = _key(shown[sources.active]) if 0 <= sources.active < len(shown) else None
    sources.found.clear()
    for name, source_id, kind, uid, text in wanted:
        row = sources.found.add()
        row.name, row.source_id, row.type, row.uid, row.words = name, source_id, kind, uid, text
    keys = [_key(row) for row in wanted]
    sources.active = keys.index(kept) if kept in keys else 0
    return True


def _key(row: tuple[str, ...]) -> tuple[str, ...]:
    """What makes a stream the same one after it was started again."""
    return row[:3]


def words(facts: StreamFacts) -> str:
    """Channels, rate and host, short enough for a row."""
    return f"{facts.n_channels} ch, {facts.rate_hz:g} Hz, {facts.hostname or 'unknown host'}"
