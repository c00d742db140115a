"""``eifer emg``: a recording becomes an animated head."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import api
from ..errors import EiferError
from ..progress import ProgressBar
from ..signals.activity import Activity
from ..track import ExpressionTrack
from .base import (
    Result,
    add_reading_arguments,
    beside,
    positive,
    reading_choices,
    require_blender,
    require_free,
)
from .mapping import add_fill_argument, add_mapping_arguments, chosen_montage

if TYPE_CHECKING:
    import bpy


HELP = "Turn a recording of facial EMG into a track, a .blend and a film."
EXAMPLE = "eifer emg session.edf --out take.blend --render take.mp4"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("recording", type=Path, help="EDF, CSV, TSV or text file")
    parser.add_argument("--out", type=Path, help="the .blend to write")
    parser.add_argument("--render", type=Path, help="the mp4 to render")
    parser.add_argument("--track", type=Path, help="the track (.npz) to write")
    parser.add_argument("--report", type=Path, help="the one-page report (.png) to write")
    parser.add_argument("--head", type=Path, help="a FLAME pickle or npz (default: the open head)")
    parser.add_argument("--model", type=Path, help="a model's name or ONNX file (see eifer models)")
    add_mapping_arguments(parser)
    add_fill_argument(parser)
    parser.add_argument("--preset", default="clinical", help="filter chain (default: clinical)")
    parser.add_argument("--profile", type=Path, help="a subject's profile from 'eifer calibrate'")
    parser.add_argument(
        "--unmix", action="store_true", help="take out the cross-talk that the profile holds"
    )
    parser.add_argument(
        "--repair", action="append", default=[], metavar="CHANNEL=WAY", type=_repair,
        help="drop, mirror or interpolate a bad channel, e.g. 'Corr li=mirror'",
    )  # fmt: skip
    add_reading_arguments(parser)
    parser.add_argument("--take", help="name of the take (default: the file's name)")
    parser.add_argument("--fps", type=positive, default=30.0, help="frames per second (default 30)")
    parser.add_argument(
        "--size", type=int, default=512, help="picture side in pixels (default 512)"
    )
    parser.add_argument(
        "--from", dest="start", type=float, default=0.0, help="render from here (s)"
    )
    parser.add_argument("--seconds", type=positive, help="render only so many seconds")
    parser.add_argument("--engine", choices=("workbench", "cycles"), default="workbench")
    parser.add_argument(
        "--envelopes", action="store_true", help="show the muscle activity beside the face"
    )
    parser.add_argument(
        "--muscle-map", action="store_true", help="show the muscle activity on the face's skin"
    )
    parser.add_argument("--force", action="store_true", help="replace existing files")


def run(options: argparse.Namespace) -> Result:
    """Read, convert, key, save and render, as far as outputs were asked for."""
    outputs = [options.out, options.render, options.track, options.report]
    if not any(outputs):
        raise EiferError(
            "No output was named.", "Add --out, --render, --track or --report with a file name."
        )
    require_free(outputs, force=options.force)
    if options.out or options.render:
        require_blender()
    recording = api.read_recording(options.recording, **reading_choices(options))
    montage = chosen_montage(options, recording)
    activity = api.to_activity(
        recording, preset=options.preset, montage=montage, profile=options.profile,
        repair=dict(options.repair), unmix=options.unmix,
    )  # fmt: skip
    hints = api.check_quality(recording, list(dict.fromkeys(activity.channels))).hints
    track = api.emg_to_expression(activity, model=options.model, fill=options.fill)
    written = _saved(options)
    if options.track:
        written["track"] = str(track.save(options.track, overwrite=options.force))
    if options.report:
        from ..report import write_report

        write_report(
            options.report, recording, activity, track, hints=hints, overwrite=options.force
        )
        written["report"] = str(options.report)
    if options.out or options.render:
        written |= _to_scene(options, activity, track)
    return _result(activity, track, written, hints)


def _to_scene(
    options: argparse.Namespace, activity: Activity, track: ExpressionTrack
) -> dict[str, str]:
    from ..scene import headless, stage

    head = api.load_head(options.head)
    context = headless.empty_scene(options.fps)
    obj = api.add_head(context, head)
    if track.space.name != "arkit52":
        track = api.retarget(track, head)
    take = options.take or options.recording.stem
    # The track knows how it was made, so the take can be edited in Blender later.
    api.apply_track(context, obj, track, take=take, frame_range="fit", activity=activity)
    if options.muscle_map:
        from ..scene.muscle_map import show_map

        show_map(context, obj)
    stage.prepare_stage(context, obj, engine=options.engine, size=(options.size, options.size))
    written: dict[str, str] = {}
    if options.out:
        written["blend"] = str(headless.save_blend(options.out, overwrite=options.force))
    if options.render:
        written["render"] = str(_film(options, context, activity))
    return written


def _saved(options: argparse.Namespace) -> dict[str, str]:
    """The montage, which is written before all else."""
    return {"montage": str(options.save_montage)} if options.save_montage else {}


def _repair(text: str) -> tuple[str, str]:
    channel, equals, way = text.rpartition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text} is not CHANNEL=WAY")
    return channel.strip(), way.strip()


def _film(options: argparse.Namespace, context: bpy.types.Context, activity: Activity) -> Path:
    """Render the part of the take that was asked for."""
    from ..scene.headless import render_film

    scene = context.scene
    zero, last = scene.frame_start, scene.frame_end
    scene.frame_start = zero + round(options.start * options.fps)
    if not zero <= scene.frame_start <= last:
        raise EiferError(
            f"There is nothing to render from {options.start:g} s on: the take is "
            f"{(last - zero) / options.fps:.1f} s long.",
            "Choose an earlier --from.",
        )
    if options.seconds:
        wanted = scene.frame_start + max(1, round(options.seconds * options.fps)) - 1
        scene.frame_end = min(last, wanted)
    return render_film(
        context,
        options.render,
        overwrite=options.force,
        compose=beside(activity, options.size) if options.envelopes else None,
        time_zero=zero,
        on_progress=ProgressBar("Rendering"),
    )


def _result(
    activity: Activity, track: ExpressionTrack, written: dict[str, str], hints: tuple[str, ...]
) -> Result:
    text = "\n".join([
        activity.describe(), *(f"  quality: {hint}" for hint in hints), track.describe(),
        *(f"{kind}: {path}" for kind, path in written.items()),
    ])  # fmt: skip
    values: dict[str, Any] = {
        "files": written,
        "muscles": dict(zip(activity.channels, activity.muscles, strict=True)),
        "unmapped": list(activity.unmapped),
        "hints": list(hints),
        "frames": len(track),
        "space": track.space.name,
        "provenance": dict(track.provenance),
    }
    return Result(text, values)
