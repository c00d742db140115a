"""``eifer simulate``: sessions of made-up people, with everything that is true about them."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from ..progress import ProgressBar
from .base import Result
from .choices import whole_from

HELP = "Simulate sessions of people with electrodes, in MMM's folder layout, with their truth."
EXAMPLE = "eifer simulate --subjects 20 --out simulated"
WHEN_STOPPED = "complete clips are kept, and the same command goes on from there"
_NAMED = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="the folder of the data set; what "
        "is complete there already is not made again",
    )  # fmt: skip
    for name, default, words in (
        ("--subjects", 1, "people"), ("--sessions", 1, "sessions with electrodes of each"),
        ("--repetitions", 4, "of each emotion"),
    ):  # fmt: skip
        parser.add_argument(
            name, type=whole_from(1), default=default, metavar="N",
            help=f"{words} (default {default})",
        )  # fmt: skip
    parser.add_argument("--seed", type=whole_from(0), default=0, help="default 0")
    parser.add_argument(
        "--free", type=whole_from(0), default=1, metavar="N", help="clips of free mimicry and as "
        "many of speech-like movement in each session (default 1)",
    )  # fmt: skip
    parser.add_argument(
        "--tasks", default="", metavar="A,B,…", help="only these, such as Face-At-Rest,happy "
        "(default: the eleven movements, the six emotions, and free mimicry)",
    )  # fmt: skip
    _add_output_arguments(parser)
    parser.add_argument(
        "--workers", type=whole_from(1), metavar="N", help="processes (default: one per core)"
    )
    parser.add_argument(
        "--scheduler", metavar="ADDRESS", help="give the work to a Dask cluster instead, e.g. "
        "tcp://node1:8786; its workers must see the same folder",
    )  # fmt: skip


def _add_output_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments for which electrodes are worn, and what is written."""
    parser.add_argument(
        "--scheme", choices=("both", "fridlund", "kuramoto"), default="both", help="electrodes "
        "that are worn (default: both at once)",
    )  # fmt: skip
    parser.add_argument("--no-video", action="store_true", help="signals and truth only")
    parser.add_argument("--no-raw", action="store_true", help="without raw EMG at 4096 Hz")
    parser.add_argument(
        "--no-reference", action="store_true", help="without the sessions without electrodes"
    )
    parser.add_argument(
        "--uncut", action="store_true", help="also films from before each clip to after it"
    )
    parser.add_argument(
        "--size", type=whole_from(64), default=286, help="edge of the films in pixels (default 286)"
    )


def run(options: argparse.Namespace) -> Result:
    """Simulate what is not there yet."""
    from ...models.synthetic.mmm_writer import Wanted
    from ...models.synthetic.simulate import Study, simulate

    began = time.monotonic()
    study = Study(
        options.subjects, options.sessions, options.seed,
        Wanted(options.scheme, not options.no_video, not options.no_raw, options.uncut,
               options.size),
        reference=not options.no_reference, free=options.free, repetitions=options.repetitions,
        tasks=tuple(filter(None, options.tasks.split(","))),
    )  # fmt: skip
    result = simulate(
        options.out, study, workers=options.workers, scheduler=options.scheduler, on_news=_Teller()
    )
    seconds = time.monotonic() - began
    lines = [
        f"{result.made} clips made ({result.simulated_s:.0f} s of them in {seconds:.0f} s), "
        f"{result.skipped} made before, of {result.clips}.",
        f"table: {result.out / 'MMM.csv'}",
    ]
    lines += [f"failed: {sentence}" for sentence in result.failed[:_NAMED]]
    more = len(result.failed) - _NAMED
    lines += [f"and {more} more jobs failed"] if more > 0 else []
    values = {
        "out": str(result.out), "table": str(result.out / "MMM.csv"), "clips": result.clips,
        "made": result.made, "skipped": result.skipped, "failed": list(result.failed),
        "simulated_s": round(result.simulated_s, 3), "seconds": round(seconds, 3),
    }  # fmt: skip
    return Result("\n".join(lines), values, failed=bool(result.failed))


class _Teller:
    """Says on standard error how far the work is."""

    def __init__(self) -> None:
        self._bar = ProgressBar("Simulating")

    def __call__(self, kind: str, values: dict[str, Any]) -> None:
        """As `on_news` of `simulate`."""
        if kind == "workers":
            self._say(f"{values['workers']} processes are at work.")
        elif kind == "failed":
            self._say(f"{values['name']}: {values['sentence']}")
        elif kind == "planned" and values["skipped"]:
            self._say(f"{values['skipped']} of {values['total']} clips are there already.")
        elif kind == "clips":
            # What was there before took no time, and says nothing of the time that is left.
            self._bar(values["done"] - values["skipped"], values["total"] - values["skipped"])

    def _say(self, text: str) -> None:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
