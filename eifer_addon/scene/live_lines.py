"""What the Live panel says, as texts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..live.session import Snapshot
    from .live_driver import LiveDriver

#: Icons of the quality codes of a `Snapshot`: unknown, good, doubtful, bad.
QUALITY_ICONS = ("QUESTION", "CHECKMARK", "ERROR", "CANCEL")
_PARTS = {
    "chunk": "device", "filter": "filter", "model": "model", "one_euro": "smoothing",
    "tick": "tick",
}  # fmt: skip
_MOST_AGE_MS = 10_000.0


def state_lines(driver: LiveDriver) -> list[tuple[str, str]]:
    """Text and icon of the lines under the big button."""
    snapshot = driver.snapshot
    if not driver.is_connected:
        text = driver.message or "Not connected"
        return [(text, "ERROR" if driver.is_alarm else "NONE")]
    icons = {"connected": "LINKED", "lost": "UNLINKED", "failed": "ERROR"}
    if snapshot.state != "connected":
        lines = [(snapshot.sentence, icons.get(snapshot.state, "SORTTIME"))]
    else:
        settled = "" if snapshot.settled else "; finding rest"
        lines = [(f"{snapshot.source}{settled}", "LINKED"), (numbers_line(snapshot), "BLANK1")]
    if driver.message:
        lines.append((driver.message, "ERROR" if driver.is_alarm else "INFO"))
    return lines


def numbers_line(snapshot: Snapshot) -> str:
    """Rate, loss and age of the newest sample."""
    age = snapshot.age_ms
    if math.isnan(age):
        newest = "no sample yet"
    else:
        newest = f"newest {age:.0f} ms" if age < _MOST_AGE_MS else "newest > 10 s"
    return f"{snapshot.rate_hz:.0f} Hz, {snapshot.n_lost} lost, {newest}"


def delay_lines(parts: dict[str, float]) -> list[tuple[str, str]]:
    """Delay by parts: name and milliseconds, the sum last."""
    rows = [(_PARTS.get(name, name).capitalize(), f"{ms:.1f} ms") for name, ms in parts.items()]
    return [*rows, ("Together", f"{sum(parts.values()):.0f} ms")] if rows else []


def delay_sum(parts: dict[str, float]) -> str:
    """The delay in one number."""
    return f"Delay {sum(parts.values()):.0f} ms" if parts else "Delay"


def muscle_words(name: str) -> str:
    """``zygomaticus.left`` gives ``Zygomaticus``; the longest names are shortened."""
    return name.partition(".")[0].replace("_", " ").replace("depressor", "depr.").capitalize()


def muscle_rows(muscles: tuple[str, ...]) -> dict[str, dict[str, int]]:
    """Columns of the activity by muscle and side (``right``, ``left`` or empty)."""
    rows: dict[str, dict[str, int]] = {}
    for column, muscle in enumerate(muscles):
        stem, _, side = muscle.partition(".")
        rows.setdefault(stem, {})[side] = column
    return rows


def quality_counts(snapshot: Snapshot) -> str:
    """How many channels are good, in words."""
    levels = snapshot.quality.tolist()
    if not levels or 0 in levels:
        return "Listening"
    return f"{levels.count(1)} of {len(levels)} good"


def take_words(duration_s: float, lost: int) -> str:
    """Length and loss of a take, short."""
    minutes, seconds = divmod(duration_s, 60.0)
    length = f"{minutes:.0f}:{seconds:04.1f}" if minutes else f"{seconds:.1f} s"
    return f"{length}, {lost} lost" if lost else length
