"""``eifer video``: films of faces become tracks, tables and renders, on cores or on a cluster."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .. import api
from ..video_render import STYLES
from .base import Result, positive, require_blender
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
from .choices import face, whole_from

HELP = "Turn videos of faces into expression tracks, tables for researchers, and renders."
EXAMPLE = "eifer video films/*.mp4 --out results --render"
WHEN_STOPPED = "what is done is kept, and the same command goes on from there"
_KEPT = (
    "name", "path", "state", "sentence", "frames", "face_frames", "gaps", "mean_confidence",
    "frames_per_s", "seconds", "host", "files", "note",
)  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="videos, folders of videos, image sequences, or "
        "patterns with * (in quotation marks)",
    )  # fmt: skip
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="the folder that gets a folder for "
        "each video; what is done there already is skipped",
    )  # fmt: skip
    add_video_arguments(parser)
    parser.add_argument(
        "--render", nargs="?", const="beside", choices=tuple(STYLES), metavar="STYLE",
        help="also make a .blend and a film of each: "
        + ", ".join(f"{name} ({words})" for name, words in STYLES.items()),
    )  # fmt: skip
    parser.add_argument(
        "--size", type=whole_from(16), default=720, help="longer side of renders (default 720)"
    )
    parser.add_argument("--engine", choices=("workbench", "cycles"), default="workbench")
    add_pool_arguments(parser)
    parser.add_argument(
        "--attempts", type=whole_from(1), default=3, metavar="N",
        help="how often a video is begun again after its process died (default 3)",
    )  # fmt: skip
    parser.add_argument("--overwrite", action="store_true", help="make again what is done already")


def add_video_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments for how a video is reconstructed, which `compare` has too."""
    parser.add_argument(
        "--backend", default="mediapipe", help="reconstructor: mediapipe, or one that 'eifer "
        "models import' has brought (default: mediapipe)",
    )  # fmt: skip
    parser.add_argument(
        "--model", metavar="NAME", help="which imported model of that back end, or an ONNX file "
        "(default: the one of its name)",
    )  # fmt: skip
    add_shared_arguments(parser)


def add_shared_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of a video that do not depend on the reconstructor."""
    parser.add_argument("--head", type=Path, help="a FLAME pickle or npz (default: the open head)")
    parser.add_argument(
        "--face", type=face, default="largest", metavar="WHICH", help="largest, central, a "
        "person's number, or FRAME,X,Y for who is there in pixels (default: largest)",
    )  # fmt: skip
    add_span_arguments(parser)
    parser.add_argument(
        "--smoothing", type=float, metavar="S", help="seconds over which neighbouring frames are "
        "smoothed, without lag; 0 for none",
    )  # fmt: skip
    parser.add_argument(
        "--electrodes", choices=("fridlund", "kuramoto"), help="the scheme of electrodes on the "
        "face; what lies under them is trusted less",
    )  # fmt: skip
    parser.add_argument(
        "--remove-electrodes", action="store_true", help="take electrodes, cables and tape off "
        "the face first; 'eifer clean' writes such films",
    )  # fmt: skip
    parser.add_argument(
        "--translator", metavar="FILE", help="a network of your own that removes electrodes (ONNX)"
    )
    parser.add_argument(
        "--fov", type=positive, metavar="DEG", help="horizontal angle of view, if known"
    )
    add_reading_arguments(parser)


def video_choices(options: argparse.Namespace) -> dict[str, Any]:
    """What was chosen, for `api.video_to_expression`, without what is the default."""
    given = {
        "who": options.face, "start": options.start, "stop": options.stop, "step": options.step,
        "smoothing": options.smoothing, "electrodes": options.electrodes, "fov_deg": options.fov,
        "rate_hz": options.rate, "keep_going": options.keep_going,
        "model": getattr(options, "model", None), "translator": options.translator,
        "remove_electrodes": options.remove_electrodes or None,
    }  # fmt: skip
    return {name: value for name, value in given.items() if value is not None}


def run(options: argparse.Namespace) -> Result:
    """Do what is left of the batch and tell what became of each video."""
    render = None
    if options.render:
        if not options.scheduler:
            require_blender()
        render = {"style": options.render, "size": options.size, "engine": options.engine}
    teller = Teller(_numbers)
    result = api.video_batch(
        options.files, options.out, backend=options.backend, head=options.head, render=render,
        scheduler=options.scheduler, workers=options.workers, attempts=options.attempts,
        overwrite=options.overwrite, on_news=teller, **video_choices(options),
    )  # fmt: skip
    reports = [{name: one.get(name) for name in _KEPT} for one in result.reports]
    text = "\n".join(
        [*table_of(result.reports), "", counted(result.reports), f"table: {result.table}"]
    )
    values = {"out": str(options.out), "table": str(result.table), "clips": reports}
    return Result(text, values, failed=bool(result.failed))


def table_of(reports: Sequence[dict[str, Any]]) -> list[str]:
    """The lines of the table at the end: a row for each video, numbers to the right."""
    heads = ("clip", "frames", "face", "gaps", "confidence", "frames/s", "result")
    return table_of_rows(heads, [_row(one) for one in reports])


def _row(report: dict[str, Any]) -> tuple[str, ...]:
    """A video's cells; without numbers where it failed before there were any."""
    return (
        str(report["name"]), cell(report, "frames", "d"), cell(report, "face_frames", "d"),
        cell(report, "gaps", "d"), cell(report, "mean_confidence", ".2f"),
        cell(report, "frames_per_s", ".1f"), end_of(report),
    )  # fmt: skip


def _numbers(report: dict[str, Any]) -> str:
    if report["state"] == "skipped":
        return "done before"
    return f"{report['face_frames']} of {report['frames']} frames show the face"
