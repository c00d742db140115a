"""``eifer clean``: films of faces without their electrodes."""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .. import api
from ..errors import EiferError
from ..progress import ProgressBar
from ..video.batch_plan import find_films
from .base import Result
from .batches import (
    Teller,
    add_pool_arguments,
    add_reading_arguments,
    add_span_arguments,
    cell,
    counted,
    end_of,
    table_of_rows,
)
from .choices import face

HELP = "Take electrodes, cables and tape off a face in a film, and write the film again."
EXAMPLE = "eifer clean session.mp4 -o clean.mp4"
WHEN_STOPPED = "nothing half-written was kept, and the same command goes on from there"
_ALL = "all"
_KEPT = (
    "name", "path", "state", "sentence", "frames", "face_frames", "covered_frames", "covered",
    "sound", "frames_per_s", "seconds", "host", "files", "note",
)  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument(
        "files", nargs="+", metavar="VIDEO", help="videos, folders of videos, image sequences, or "
        "patterns with * (in quotation marks)",
    )  # fmt: skip
    parser.add_argument(
        "-o", "--out", type=Path, metavar="OUT", help="the new mp4 file (default: beside the "
        "video, with _clean in its name); for several videos the folder for them",
    )  # fmt: skip
    parser.add_argument(
        "--model", type=Path, metavar="FILE", help="a translator of your own (ONNX)"
    )
    parser.add_argument(
        "--face", type=_who, default="largest", metavar="WHICH", help="largest, central, all, a "
        "person's number, or FRAME,X,Y for who is there in pixels (default: largest)",
    )  # fmt: skip
    add_span_arguments(parser)
    add_reading_arguments(parser)
    add_pool_arguments(parser)
    parser.add_argument("--overwrite", action="store_true", help="replace films that are there")


def _who(text: str) -> Any:
    return _ALL if text == _ALL else face(text)


def run(options: argparse.Namespace) -> Result:
    """Clean one film, or what is left of many."""
    given = [Path(name) for name in options.files]
    is_one = len(given) == 1 and given[0].is_file() and options.scheduler is None
    if is_one and not (options.out is not None and options.out.is_dir()):
        return _one(options, given[0])
    return _many(options)


def _choices(options: argparse.Namespace) -> dict[str, Any]:
    given = {
        "who": options.face, "start": options.start, "stop": options.stop, "step": options.step,
        "rate_hz": options.rate, "keep_going": options.keep_going,
    }  # fmt: skip
    return {name: value for name, value in given.items() if value is not None}


def _one(options: argparse.Namespace, film: Path) -> Result:
    out = options.out or film.with_name(f"{film.stem}_clean.mp4")
    done = api.remove_electrodes(
        film, out, options.model, _FrameBar(film.name), workers=options.workers,
        overwrite=options.overwrite, **_choices(options),
    )  # fmt: skip
    values = {**asdict(done), "path": str(done.path), "damage": list(done.damage)}
    lines = [f"{film.name}: {done.describe()}", *done.damage, f"film: {done.path}"]
    return Result("\n".join(lines), values)


def _many(options: argparse.Namespace) -> Result:
    find_films(options.files)  # what is not there is said first
    if options.out is None:
        raise EiferError(
            "Several films go into a folder, and none is named.", "Name it with -o FOLDER."
        )
    if options.out.is_file():
        raise EiferError(f"{options.out} is a file.", "Name a folder for several films.")
    result = api.clean_batch(
        options.files, options.out, model=options.model, scheduler=options.scheduler,
        workers=options.workers, overwrite=options.overwrite, on_news=Teller(_told),
        **_choices(options),
    )  # fmt: skip
    reports = [{name: one.get(name) for name in _KEPT} for one in result.reports]
    heads = ("clip", "frames", "face", "electrodes", "sound", "frames/s", "result")
    rows = [_row(one) for one in result.reports]
    words = counted(result.reports)
    text = "\n".join([*table_of_rows(heads, rows), "", words, f"table: {result.table}"])
    values = {"out": str(options.out), "table": str(result.table), "clips": reports}
    return Result(text, values, failed=bool(result.failed))


def _row(report: dict[str, Any]) -> tuple[str, ...]:
    return (
        str(report["name"]), cell(report, "frames", "d"), cell(report, "face_frames", "d"),
        cell(report, "covered_frames", "d"), str(report.get("sound") or "-"),
        cell(report, "frames_per_s", ".1f"), end_of(report),
    )  # fmt: skip


def _told(report: dict[str, Any]) -> str:
    if report["state"] == "skipped":
        return "done before"
    return f"electrodes on {report['covered_frames']} of {report['frames']} frames"


class _FrameBar(ProgressBar):
    """A bar that also tells the speed."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._name = name
        self._first: int | None = None
        self._began_s = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        """Show that `done` of `total` frames are done."""
        if self._first is None:
            self._first = done
        spent = time.monotonic() - self._began_s
        if done > self._first and spent > 0:
            self._title = f"{self._name} {(done - self._first) / spent:.1f} frames/s"
        super().__call__(done, total)
