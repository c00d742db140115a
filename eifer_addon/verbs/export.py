"""``eifer export``: a recording, an activity or a track for other programs."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .. import api
from ..errors import EiferError
from ..exchange import WRITE_FORMATS, is_track
from ..signals.activity import Activity
from ..track import ExpressionTrack
from .base import Result, positive, reading_choices
from .inputs import activity_from, add_input_arguments

HELP = "Write muscle activity or a track as CSV, npz, Live Link Face or researchers' CSV, or BIDS."
EXAMPLE = "eifer export take.npz --out take.csv --format livelink"

_WHAT = ("activity", "track")
#: Formats that hold no activity.
_OF_TRACKS = ("livelink", "researchers")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument(
        "file", type=Path, help="a track of EIFER or another program, an activity, or a recording"
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="the file to write, or the folder for bids"
    )
    parser.add_argument(
        "--format", choices=tuple(WRITE_FORMATS), help="default: by the ending of --out"
    )
    parser.add_argument(
        "--what", choices=_WHAT, help="what to make of a recording or activity (default: activity)"
    )
    add_input_arguments(parser)
    parser.add_argument("--model", type=Path, help="a model's name or ONNX file (see eifer models)")
    parser.add_argument("--space", help="carry the track into this space first, e.g. arkit52")
    parser.add_argument(
        "--clean-up", metavar="JSON", help="clean a track up first: a file or a text such as "
        '\'{"smoothing_hz": 6, "eyelids": 1, "gain": {"mouth": 1.2}}\'',
    )  # fmt: skip
    parser.add_argument("--timecode-rate", type=positive, help="of Live Link Face (default 60)")
    for label in ("subject", "task", "session"):
        parser.add_argument(f"--{label}", help=f"BIDS label of the {label}")
    parser.add_argument("--force", action="store_true", help="replace existing files")


def run(options: argparse.Namespace) -> Result:
    """Read, convert as far as was asked for, and write."""
    if not options.file.exists():
        raise EiferError(f"{options.file} does not exist.", "Check the path.")
    item = _wanted(options, _read(options))
    given = {
        "format": options.format, "rate_hz": options.timecode_rate, "subject": options.subject,
        "task": options.task, "session": options.session,
    }  # fmt: skip
    choices = {name: value for name, value in given.items() if value is not None}
    written = api.export(item, options.out, overwrite=options.force, **choices)
    values: dict[str, Any] = {
        "files": [str(path) for path in written],
        "kind": _kind(item),
        "frames": len(item),
        "columns": list(item.space.coefficients if _is_track(item) else item.muscles),
    }
    lines = [item.describe(), *(f"wrote: {path}" for path in written)]
    return Result("\n".join(lines), values)


def _is_track(item: ExpressionTrack | Activity) -> bool:
    return isinstance(item, ExpressionTrack)


def _kind(item: ExpressionTrack | Activity) -> str:
    return "expression_track" if _is_track(item) else "activity"


def _read(options: argparse.Namespace) -> ExpressionTrack | Activity:
    """What the file holds; a recording as its activity."""
    if options.file.is_file() and is_track(options.file):
        return api.read_track(options.file, **reading_choices(options))
    return activity_from(options.file, options)


def _wanted(
    options: argparse.Namespace, item: ExpressionTrack | Activity
) -> ExpressionTrack | Activity:
    """The activity or the track that was asked for."""
    if isinstance(item, ExpressionTrack):
        if options.what == "activity":
            raise EiferError(
                f"{options.file.name} is a track, and its muscle activity is not in it.",
                "Export the recording instead.",
            )
        return _cleaned(api.retarget(item, options.space) if options.space else item, options)
    wants_track = (
        options.what == "track" or options.format in _OF_TRACKS or options.space or options.clean_up
    )
    if not wants_track or (options.what == "activity" and not options.space):
        return item
    track = api.emg_to_expression(item, model=options.model)
    return _cleaned(api.retarget(track, options.space) if options.space else track, options)


def _cleaned(track: ExpressionTrack, options: argparse.Namespace) -> ExpressionTrack:
    """The track after the clean-up that was asked for."""
    if not options.clean_up:
        return track
    text = options.clean_up
    if not text.lstrip().startswith("{"):
        path = Path(text)
        if not path.is_file():
            raise EiferError(f"{path} does not exist.", "Check the path, or give a JSON object.")
        text = path.read_text("utf-8")
    return api.clean_up(track, text)
