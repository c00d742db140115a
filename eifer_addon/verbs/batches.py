"""What verbs for many films share: options, what they say, and the table at the end."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..progress import ProgressBar
from .base import positive
from .choices import whole_from

_TOLD_EVERY_S = 5.0


def add_pool_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments for who does the work."""
    parser.add_argument(
        "--workers", type=whole_from(1), metavar="N", help="processes (default: one per core)"
    )
    parser.add_argument(
        "--scheduler", metavar="ADDRESS", help="give the videos to a Dask cluster instead, e.g. "
        "tcp://node1:8786; its workers must see the same files",
    )  # fmt: skip


def add_span_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments for which frames are taken."""
    parser.add_argument("--start", type=whole_from(0), default=0, help="first frame (default 0)")
    parser.add_argument("--stop", type=whole_from(1), help="the frame after the last one")
    parser.add_argument(
        "--step", type=whole_from(1), default=1, help="take every how-many-th frame (default 1)"
    )


def add_reading_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments for how films are read."""
    parser.add_argument("--rate", type=positive, help="frames per second of an image sequence")
    parser.add_argument(
        "--keep-going", action="store_true", help="leave damaged places of a file out"
    )


def table_of_rows(heads: Sequence[str], entries: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table: the first and the last column to the left, numbers to the right."""
    rows = [heads, *entries]
    widths = [max(len(row[k]) for row in rows) for k in range(len(heads))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:-1], widths[1:-1], strict=True)]
        lines.append("  ".join([*cells, row[-1]]))
    return lines


def cell(report: Mapping[str, Any], name: str, form: str) -> str:
    """A number of a film's report; a dash where it failed before there was any."""
    value = report.get(name)
    return format(value, form) if isinstance(value, int | float) else "-"


def end_of(report: Mapping[str, Any]) -> str:
    """What became of a film, in words."""
    words = {"done": "done", "skipped": "done before"}
    result = words.get(report["state"]) or f"failed: {report.get('sentence', '')}"
    if report["state"] != "failed" and report.get("note"):
        result += f"; {report['note']}"
    return result


def counted(reports: Sequence[Mapping[str, Any]]) -> str:
    """How many films were done, done before, and failed."""
    counts = {name: sum(one["state"] == name for one in reports)
              for name in ("done", "skipped", "failed")}  # fmt: skip
    words = f"{counts['done']} done"
    words += f", {counts['skipped']} done before" if counts["skipped"] else ""
    return words + (f", {counts['failed']} failed" if counts["failed"] else "")


class Teller:
    """Says on standard error what happens: a bar for one video, lines for many.

    Parameters
    ----------
    words : callable
        What is said of a video that is done, out of its report.
    """

    def __init__(self, words: Callable[[dict[str, Any]], str]) -> None:
        self._words = words
        self._bar: ProgressBar | None = None
        self._frames: dict[str, tuple[int, int]] = {}
        self._many, self._told_s = False, 0.0

    def __call__(self, kind: str, values: dict[str, Any]) -> None:
        """As `on_news` of `api.video_batch`."""
        if kind == "workers":
            self._many = True
            self._say(f"{values['workers']} processes are at work.")
        elif kind == "report":
            self._frames.pop(values["name"], None)
            words = values["sentence"] if values["state"] == "failed" else self._words(values)
            self._say(f"{values['name']}: {words}")
        elif self._many:
            self._hear(values)
        else:
            self._bar = self._bar or ProgressBar(values["name"])
            self._bar(values["done"], values["total"])

    def _hear(self, values: dict[str, Any]) -> None:
        self._frames[values["name"]] = values["done"], values["total"]
        now = time.monotonic()
        if now - self._told_s > _TOLD_EVERY_S:
            self._told_s = now
            parts = [f"{name} {done}/{total}" for name, (done, total) in self._frames.items()]
            self._say("  frames: " + ", ".join(sorted(parts)))

    @staticmethod
    def _say(line: str) -> None:
        sys.stderr.write(line + "\n")
        sys.stderr.flush()
