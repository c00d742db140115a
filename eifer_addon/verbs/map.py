"""``eifer map``: muscle activity as a map of the face, for papers and films."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .. import api
from ..errors import EiferError
from ..exchange import is_track
from ..heads.electrodes import electrode_schemes
from ..progress import ProgressBar
from ..signals.activity import Activity
from .base import Result, positive, require_free
from .inputs import activity_from, add_input_arguments

HELP = "Draw muscle activity as a map of the face: one moment, several as a row, or a film."
EXAMPLE = "eifer map session.edf --event smile --event anger --out smile-anger.svg"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument(
        "file", type=Path,
        help="a recording that 'eifer inspect' reads, or an activity (npz, CSV or BIDS derivative "
        "of 'eifer export')",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, help="the picture to write (.png or .svg)")
    parser.add_argument("--film", type=Path, help="the map over time to write (.mp4)")
    parser.add_argument(
        "--at", type=float, action="append", default=[], metavar="SECONDS",
        help="a map at this time; like the next two, once for every map of a row",
    )  # fmt: skip
    parser.add_argument(
        "--window", type=_window, action="append", default=[], metavar="START:END",
        help="a map of the mean over this window, in s",
    )  # fmt: skip
    parser.add_argument(
        "--event", action="append", default=[], metavar="NAME",
        help="a map of the mean over all events of this name (1 s each without a duration)",
    )  # fmt: skip
    parser.add_argument("--every-event", action="store_true", help="a map for each name of events")
    parser.add_argument(
        "--title", action="append", default=[], help="stands over a map; once for each"
    )
    parser.add_argument("--columns", type=_count, default=4, help="maps in a row (default 4)")
    parser.add_argument("--names", action="store_true", help="write the muscles' names")
    parser.add_argument(
        "--scheme", choices=tuple(electrode_schemes()),
        help="where electrodes stand (default: by the names of the channels)",
    )  # fmt: skip
    parser.add_argument(
        "--limit", type=positive, default=1.0, help="activity of the last colour (default 1)"
    )
    parser.add_argument("--fps", type=positive, default=25.0, help="of the film (default 25)")
    parser.add_argument("--height", type=_count, default=720, help="of the film (default 720)")
    add_input_arguments(parser, scheme=False)
    parser.add_argument("--force", action="store_true", help="replace existing files")


def _window(text: str) -> tuple[float, float]:
    start, separator, end = text.partition(":")
    if not separator:
        raise argparse.ArgumentTypeError(f"{text} is no window like 1.5:3")
    return float(start), float(end)


def _count(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 8192:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1 to 8192")
    return int(text)


def run(options: argparse.Namespace) -> Result:
    """Read, filter, draw; without a moment, the strongest."""
    _check(options)
    activity = activity_from(options.file, options)
    shared = {
        "names": options.names, "scheme": options.scheme, "limit": options.limit,
        "overwrite": options.force,
    }  # fmt: skip
    values: dict[str, Any] = {"files": {}}
    lines: list[str] = []
    if options.out:
        _draw(activity, options, shared, values, lines)
    if options.film:
        film = api.muscle_map(
            activity, options.film, fps=options.fps, height=options.height,
            on_progress=ProgressBar("Drawing"), **shared,
        )  # fmt: skip
        values["files"]["film"] = str(film)
        lines.append(f"film: {film}")
    return Result("\n".join(lines), values)


def _check(options: argparse.Namespace) -> None:
    """Refuse before any work what cannot be drawn."""
    from ..muscle_figure import checked_format

    if not options.out and not options.film:
        raise EiferError("No output was named.", "Add --out or --film with a file name.")
    if options.out:
        checked_format(options.out)
    elif options.at or options.window or options.event or options.every_event:
        raise EiferError("A film shows the whole recording.", "Add --out for one moment of it.")
    if options.film and options.film.suffix.lower() != ".mp4":
        raise EiferError(f"No film can be written as '{options.film.name}'.", "Let it end in .mp4.")
    require_free([options.out, options.film], force=options.force)
    if options.file.is_file() and is_track(options.file):
        raise EiferError(
            f"{options.file.name} is a track, and its muscle activity is not in it.",
            "Draw the recording, or the activity that 'eifer export' wrote.",
        )


def _draw(
    activity: Activity, options: argparse.Namespace, shared: dict[str, Any],
    values: dict[str, Any], lines: list[str],
) -> None:  # fmt: skip
    from ..muscle_moments import event_names, moments_of

    events = [*options.event, *(event_names(activity) if options.every_event else ())]
    chosen = {"at": options.at, "window": options.window, "event": events}
    if options.every_event and not events:
        raise EiferError("The recording has no events at all.", "Use --at or --window instead.")
    moments = moments_of(activity, **chosen, titles=options.title, scheme=options.scheme)
    drawn = api.muscle_map(
        activity, options.out, **chosen, titles=options.title, columns=options.columns, **shared
    )
    values["files"]["map"] = str(drawn)
    values["maps"] = [
        {
            "title": moment.title,
            "activity": dict(zip(moment.muscles, moment.values.tolist(), strict=True)),
            "sites": dict(zip(moment.muscles, moment.sites, strict=True)),
        }
        for moment in moments
    ]
    if len(moments) == 1:
        values |= {key: values["maps"][0][name] for key, name in
                   (("moment", "title"), ("activity", "activity"))}  # fmt: skip
    for moment in moments:
        strongest = moment.muscles[int(moment.values.argmax())]
        lines.append(f"Map of {moment.title}; strongest: {strongest}")
    lines.append(f"map: {drawn}")
