"""``eifer demo``: the main job from end to end on a simulated recording."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from .. import api
from ..errors import EiferError
from ..files import write_error
from ..progress import ProgressBar
from ..signals.activity import Activity
from ..track import ExpressionTrack
from .base import Result, beside, positive, require_blender

HELP = "Simulate a 22-channel recording and make a film, a .blend, a track and a report of it."
EXAMPLE = "eifer demo --out demo"
_TAKE = "simulated demo"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("--out", type=Path, default=Path("demo"), help="folder (default: demo)")
    parser.add_argument("--seconds", type=positive, default=20.0, help="length (default 20)")
    parser.add_argument("--fps", type=positive, default=25.0, help="frames per second (default 25)")
    parser.add_argument(
        "--size", type=int, default=512, help="height of the film in pixels (default 512)"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the simulation (default 0)")
    parser.add_argument("--engine", choices=("workbench", "cycles"), default="workbench")


def run(options: argparse.Namespace) -> Result:
    """Simulate, write the EDF, read it back and take it all the way to the film."""
    require_blender()
    from ...models.synthetic.physiology import simulate_recording
    from ..report import write_report
    from ..signals.edf_writer import write_edf

    started = time.monotonic()
    folder: Path = options.out
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(folder, error) from error
    if options.seconds < 5:
        raise EiferError("The demo needs at least 5 seconds.", "Ask for --seconds 5 or more.")
    files = {
        name: folder / f"eifer_demo.{suffix}"
        for name, suffix in {
            "recording": "edf", "track": "npz", "film": "mp4", "blend": "blend", "report": "png"
        }.items()
    }  # fmt: skip
    simulated, _ = simulate_recording(duration_s=options.seconds, seed=options.seed)
    write_edf(simulated, files["recording"])
    recording = api.read_recording(files["recording"])
    activity = api.to_activity(recording)
    track = api.emg_to_expression(activity)
    track.save(files["track"])
    still = _film(options, activity, track, files)
    write_report(files["report"], recording, activity, track, still=still)
    lines = [f"Demo (simulated recording) done in {time.monotonic() - started:.0f} s:"]
    lines += [f"  {name:<10} {path.absolute()}" for name, path in files.items()]
    return Result("\n".join(lines), {name: str(path.absolute()) for name, path in files.items()})


def _film(
    options: argparse.Namespace, activity: Activity, track: ExpressionTrack, files: dict[str, Path]
) -> np.ndarray:
    """Key the head, save the .blend, render the film; gives the still at the widest smile."""
    from ..scene import headless, stage

    context = headless.empty_scene(options.fps)
    obj = api.add_head(context, api.load_head())
    api.apply_track(context, obj, track, take=_TAKE, frame_range="fit", activity=activity)
    # A head is higher than wide; what is left of the frame goes to the envelopes.
    portrait = (options.size * 3 // 8 * 2, options.size)
    stage.prepare_stage(context, obj, engine=options.engine, size=portrait)
    headless.save_blend(files["blend"])
    with_envelopes = beside(activity, options.size)
    smile_s = float(track.timestamps[np.argmax(track.column("mouthSmileLeft"))])
    kept: dict[float, np.ndarray] = {}

    def compose(frame: np.ndarray, seconds: float) -> np.ndarray:
        if not kept or abs(seconds - smile_s) < min(abs(t - smile_s) for t in kept):
            kept.clear()
            kept[seconds] = frame
        return with_envelopes(frame, seconds)

    headless.render_film(
        context, files["film"], compose=compose, on_progress=ProgressBar("Rendering the film")
    )
    return next(iter(kept.values()))
