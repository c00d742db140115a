"""``eifer sync``: lay a video, a track or another recording onto a recording's clock."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .. import api
from ..errors import EiferError
from ..exchange import is_activity, is_track
from ..signals.activity import Activity
from ..signals.recording import Recording
from ..signals.sync_result import START, Sync
from ..track import ExpressionTrack
from .base import Result, add_reading_arguments, positive, reading_choices, require_free

HELP = "Synchronise a recording with a video, a track or another recording, or fuse both."
EXAMPLE = "eifer sync session.edf video.mp4 --trigger STATUS --save sync.json"
_VIDEOS = frozenset((".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv"))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("first", type=Path, help="a recording or activity: its clock is kept")
    parser.add_argument(
        "second", type=Path, help="a video, track, activity or recording that is laid onto it"
    )
    parser.add_argument("--event", help="by events of this name (both sides, or the video's light)")
    parser.add_argument("--other-event", help="the event's name in the second file")
    parser.add_argument("--trigger", help="by the pulses on this channel")
    parser.add_argument("--other-trigger", help="the channel in the second file")
    parser.add_argument(
        "--start", action="store_true",
        help="the event or trigger marks the film's beginning, or each of its frames",
    )  # fmt: skip
    parser.add_argument(
        "--led", metavar="X,Y,W,H", type=_rectangle,
        help="where the trigger's light is in the video, in pixels (default: found by itself)",
    )  # fmt: skip
    parser.add_argument(
        "--exposure",
        type=positive,
        help="part of a frame's time in which the shutter is open, up to 1 (default: estimated)",
    )
    parser.add_argument("--curve", help="by curves: this muscle or channel (default: all motion)")
    parser.add_argument("--other-curve", help="the coefficient, muscle or channel in the second")
    parser.add_argument("--seconds", type=float, help="by hand: when the second's clock shows 0")
    parser.add_argument("--drift", type=float, help="by hand: how slow it is, in ppm")
    parser.add_argument("--use", type=Path, metavar="SYNC", help="use this sync.json again")
    parser.add_argument("--longest", type=positive, help="offsets beyond so many s do not count")
    parser.add_argument("--track", type=Path, help="a track of the video: what --out moves")
    parser.add_argument(
        "--delay",
        action="store_true",
        help="estimate the electro-mechanical delay as well (not by curves)",
    )
    parser.add_argument("--preset", default="clinical", help="filter chain (default: clinical)")
    parser.add_argument("--profile", type=Path, help="a subject's profile from 'eifer calibrate'")
    add_reading_arguments(parser)
    _add_output_arguments(parser)


def _add_output_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--save", type=Path, help="the synchronisation (.json) to write")
    parser.add_argument("--out", type=Path, help="the second, moved onto the first's clock (.npz)")
    parser.add_argument("--force", action="store_true", help="replace existing files")
    parser.add_argument(
        "--fuse", type=Path, metavar="OUT",
        help="a track (.npz) of both: the film where it is sure, the muscles where it is covered",
    )  # fmt: skip
    parser.add_argument(
        "--fuse-delay", type=float, metavar="MS",
        help="how much later the face moves than the muscles (default: found)",
    )  # fmt: skip
    parser.add_argument(
        "--covered", action="append", default=[], metavar="PART=SHARE", type=_part,
        help="a part of the face that is covered in the whole film (cheek=0.8), or from one time "
        "of the film to another (mouth=1@2.5:4)",
    )  # fmt: skip
    parser.add_argument("--model", type=Path, help="an ONNX model from muscles to expression")


def run(options: argparse.Namespace) -> Result:
    """Synchronise, and write what was asked for."""
    require_free([options.save, options.out, options.fuse], force=options.force)
    first = _item(options.first, options)
    is_video = options.second.suffix.lower() in _VIDEOS
    second = options.second if is_video else _item(options.second, options)
    moved: Any = api.read_track(options.track) if options.track else second
    if options.out and isinstance(moved, Path):
        raise EiferError(
            "A video itself is not moved.", "Name its track with --track, or leave --out out."
        )
    sync = Sync.load(options.use) if options.use else _found(first, second, options)
    lines, values = [sync.describe()], sync.as_document()
    if options.delay:
        delay = api.estimate_delay(_activity(first, options), _reference(moved), sync=sync)
        lines.append(delay.describe())
        values["delay"] = {
            "seconds": delay.seconds, "spread_s": delay.spread_s, "confidence": delay.confidence,
            "edit_ms": delay.edit_ms, "muscles": dict(delay.muscles),
        }  # fmt: skip
    files: dict[str, str] = {}
    if options.save:
        files["sync"] = str(sync.save(options.save, overwrite=options.force))
    if options.out:
        files["out"] = str(api.shifted(moved, sync).save(options.out, overwrite=options.force))
    if options.fuse:
        fused = _fused(first, moved, sync, options)
        files["fused"] = str(fused.save(options.fuse, overwrite=options.force))
        values["fusion"] = fused.provenance["fusion"]
        lines.append(_fusion_line(values["fusion"]))
    lines += [f"{kind}: {path}" for kind, path in files.items()]
    return Result("\n".join(lines), values | {"files": files})


def _fused(first: Any, moved: Any, sync: Sync, options: argparse.Namespace) -> ExpressionTrack:
    """The track of both, on the film's clock."""
    emg = _activity(first, options)
    if not isinstance(emg, ExpressionTrack):
        emg = api.emg_to_expression(emg, model=options.model)
    film = api.video_to_expression(moved) if isinstance(moved, Path) else _reference(moved)
    return api.fuse(
        film, emg, sync=sync, delay_ms=options.fuse_delay,
        occlusion=_occlusion(film.timestamps, options.covered),
    )  # fmt: skip


def _occlusion(
    times_s: np.ndarray, covered: Sequence[tuple[str, float, float, float]]
) -> dict[str, np.ndarray]:
    """By part of the face how far it is covered in each frame (n,)."""
    found: dict[str, np.ndarray] = {}
    for name, share, start, stop in covered:
        here = np.where((times_s >= start) & (times_s <= stop), share, 0.0)
        found[name] = np.maximum(found.get(name, 0.0), here)
    return found


def _fusion_line(notes: dict[str, Any]) -> str:
    return (
        f"Fused: {notes['share_of_film']:.0%} film; the muscles explain {notes['explained']:.0%} "
        f"of it; delay {notes['delay_ms']:.0f} ms, {notes['delay']}"
    )


def _found(first: Any, second: Any, options: argparse.Namespace) -> Sync:
    given = {
        "event": options.event, "other_event": options.other_event, "trigger": options.trigger,
        "other_trigger": options.other_trigger, "rectangle": options.led,
        "exposure": options.exposure, "curve": options.curve, "other_curve": options.other_curve,
        "seconds": options.seconds, "drift_ppm": options.drift, "longest_s": options.longest,
    }  # fmt: skip
    if not isinstance(second, Path) and not any(
        value is not None for name, value in given.items() if "curve" not in name
    ):
        # Raw EMG is no curve; its activity is.
        first, second = _activity(first, options), _activity(second, options)
    return api.synchronise(first, second, method=START if options.start else None, **given)


def _item(path: Path, options: argparse.Namespace) -> Recording | Activity | ExpressionTrack:
    if not path.exists():
        raise EiferError(f"{path} does not exist.", "Check the path.")
    if path.is_file() and is_activity(path):
        return api.read_activity(path)
    if path.is_file() and is_track(path):
        return api.read_track(path)
    return api.read_recording(path, **reading_choices(options))


def _activity(item: Any, options: argparse.Namespace) -> Any:
    if isinstance(item, Recording):
        return api.to_activity(item, preset=options.preset, profile=options.profile)
    return item


def _reference(item: Any) -> ExpressionTrack:
    if isinstance(item, ExpressionTrack):
        return item
    raise EiferError(
        "This needs a track of the face.",
        "Name one as the second file, or with --track.",
    )


def _part(text: str) -> tuple[str, float, float, float]:
    """Part of the face, share, and from when to when."""
    name, _, rest = text.partition("=")
    share, _, span = rest.partition("@")
    start, _, stop = span.partition(":")
    try:
        return name, float(share or 1.0), float(start or "-inf"), float(stop or "inf")
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text} is not PART=SHARE") from error


def _rectangle(text: str) -> tuple[int, ...]:
    try:
        values = tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text} is not X,Y,W,H") from error
    if len(values) != 4 or min(values[2:]) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not X,Y,W,H")
    return values
