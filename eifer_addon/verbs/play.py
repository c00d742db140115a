"""``eifer play``: a recording or a simulated subject as a stream."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import api
from .base import Result, add_reading_arguments, positive, reading_choices
from .stopping import ended_by_signals

if TYPE_CHECKING:
    from ..live.outlet import PlayReport

HELP = "Stream a recording or a simulated subject over the Lab Streaming Layer."
EXAMPLE = "eifer play --simulate --name Subject --seconds 60"
#: Where standard error is no terminal, a line is written this seldom.
_LINE_EVERY_S = 10.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    add = parser.add_argument
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "recording", type=Path, nargs="?", help="any recording that 'eifer inspect' reads"
    )
    what.add_argument("--simulate", action="store_true", help="a simulated subject instead")
    add("--scheme", default="fridlund", help="electrodes of the simulation (default: fridlund)")
    add("--seed", type=int, default=0, help="of the simulation and of the jitter (default 0)")
    add("--speed", type=positive, default=1.0, help="2 sends at twice the rate (default 1)")
    add("--chunk", type=int, default=16, help="samples sent at once (default 16)")
    add("--jitter-ms", type=float, default=0.0, help="send chunks up to this much late (default 0)")
    add("--stamps", choices=("sample", "arrival"), default="sample",
        help="times of a perfect clock, or of the sending (default: sample)")  # fmt: skip
    add("--loop", action=argparse.BooleanOptionalAction, help="repeat (default: only --simulate)")
    add("--markers", action=argparse.BooleanOptionalAction, default=True,
        help="send the events on a second stream (default: yes)")  # fmt: skip
    add("--name", help="the stream's name")
    add("--type", default="EMG", help="the stream's type (default: EMG)")
    add("--source-id", help="the stream's source id (default: the same after each start)")
    add("--format", choices=("float32", "double64", "int16", "int32"), default="float32",
        help="number format (default: float32)")  # fmt: skip
    add("--seconds", type=positive, help="end after this time")
    add("--wait", action="store_true", help="begin when somebody listens")
    add_reading_arguments(parser)


def run(options: argparse.Namespace) -> Result:
    """Stream until the end, the time, Ctrl-C or SIGTERM."""
    loop = options.simulate if options.loop is None else options.loop
    choices: dict[str, Any] = {} if options.simulate else reading_choices(options)
    if options.simulate and options.rate is not None:
        choices = {"rate_hz": options.rate}
    with ended_by_signals() as stop:
        report = api.play(
            options.recording, stop=stop, on_progress=_Line(options.name), loop=loop,
            speed=options.speed, chunk=options.chunk, jitter_ms=options.jitter_ms,
            stamps=options.stamps, markers=options.markers, name=options.name, type=options.type,
            source_id=options.source_id, channel_format=options.format, seconds=options.seconds,
            wait=options.wait, seed=options.seed,
            scheme=options.scheme, **choices,
        )  # fmt: skip
    if sys.stderr.isatty():
        sys.stderr.write("\n")
    text = (
        f"{report.n_samples} samples at {report.rate_hz:g} Hz were sent in "
        f"{report.elapsed_s:.2f} s, with {report.n_markers} markers and {report.n_seams} seams; "
        f"the latest was {report.most_late_ms:.1f} ms late."
    )
    return Result(text, asdict(report))


class _Line:
    """How far the stream is, on standard error: one line on a terminal, seldom a new one else."""

    def __init__(self, name: str | None) -> None:
        self._name = f" as '{name}'" if name else ""
        self._written_s = -_LINE_EVERY_S

    def __call__(self, report: PlayReport) -> None:
        heard = "somebody listens" if report.is_heard else "nobody listens yet"
        text = f"Streaming{self._name} for {report.sent_s:.1f} s ({heard}); Ctrl-C ends it."
        now_s = time.monotonic()
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{text:<78}")
        elif now_s - self._written_s >= _LINE_EVERY_S:
            sys.stderr.write(text + "\n")
            self._written_s = now_s
        sys.stderr.flush()
