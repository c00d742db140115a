"""``eifer map``: a recording's muscle activity as a map of the face."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .. import api
from ..errors import EiferError
from ..progress import ProgressBar
from .base import Result, add_reading_arguments, positive, reading_choices, require_free

HELP = "Draw the muscle activity of a recording as a map of the face."
EXAMPLE = "eifer map session.edf --event smile --out smile.svg"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("recording", type=Path, help="any recording that 'eifer inspect' reads")
    parser.add_argument("--out", type=Path, help="the picture to write (.png or .svg)")
    parser.add_argument("--film", type=Path, help="the map over time to write (.mp4)")
    moment = parser.add_mutually_exclusive_group()
    moment.add_argument("--at", type=float, metavar="SECONDS", help="the map at this time")
    moment.add_argument("--event", metavar="NAME", help="the mean over all events of this name")
    parser.add_argument("--names", action="store_true", help="write the muscles' names")
    parser.add_argument("--fps", type=positive, default=25.0, help="of the film (default 25)")
    parser.add_argument("--preset", default="clinical", help="filter chain (default: clinical)")
    parser.add_argument("--montage", type=Path, help="a JSON file: channel to muscle")
    parser.add_argument("--profile", type=Path, help="a subject's profile from 'eifer calibrate'")
    add_reading_arguments(parser)
    parser.add_argument("--force", action="store_true", help="replace existing files")


def run(options: argparse.Namespace) -> Result:
    """Read, filter, draw; without --at and --event, the strongest moment."""
    from .. import muscle_figure as figure

    if not options.out and not options.film:
        raise EiferError("No output was named.", "Add --out or --film with a file name.")
    if options.out:
        figure.checked_format(options.out)
    elif options.at is not None or options.event:
        raise EiferError("A film shows the whole recording.", "Add --out for one moment of it.")
    require_free([options.out, options.film], force=options.force)
    activity = api.to_activity(
        api.read_recording(options.recording, **reading_choices(options)),
        preset=options.preset, montage=options.montage, profile=options.profile,
    )  # fmt: skip
    files: dict[str, str] = {}
    values: dict[str, Any] = {"files": files}
    lines: list[str] = []
    if options.out:
        moment = figure.moment_of(activity, at=options.at, event=options.event)
        drawn = figure.save_map(options.out, moment, names=options.names, overwrite=options.force)
        files["map"] = str(drawn)
        measured = zip(moment.muscles, moment.values.tolist(), strict=True)
        values |= {"moment": moment.title, "activity": dict(measured)}
        strongest = moment.muscles[int(moment.values.argmax())]
        lines += [f"Map of {moment.title}; strongest: {strongest}", f"map: {drawn}"]
    if options.film:
        film = figure.save_film(
            options.film, activity, fps=options.fps, names=options.names,
            overwrite=options.force, on_progress=ProgressBar("Drawing"),
        )  # fmt: skip
        files["film"] = str(film)
        lines.append(f"film: {film}")
    return Result("\n".join(lines), values)
