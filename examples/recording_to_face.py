"""A recording of facial EMG becomes a rigged, keyed, rendered head.

Run it anywhere that has bpy, or in Blender::

    python examples/recording_to_face.py session.edf take.mp4
    blender -b -P examples/recording_to_face.py -- session.edf take.mp4
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import bpy


def load_api() -> object:
    """The script API: from the installed extension inside Blender, from the package outside."""
    for name in ("bl_ext.user_default.eifer.eifer_addon", "eifer.eifer_addon"):
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError:
            continue
    raise SystemExit("EIFER is neither enabled in this Blender nor installed as a package.")


def main(recording_file: str, film_file: str) -> None:
    """Take one recording all the way to a film."""
    root = load_api().__name__
    api = importlib.import_module(f"{root}.api")
    headless = importlib.import_module(f"{root}.scene.headless")
    stage = importlib.import_module(f"{root}.scene.stage")

    recording = api.read_recording(recording_file)
    print(recording.describe())
    activity = api.to_activity(recording)
    print(activity.describe())
    track = api.emg_to_expression(activity)

    context = headless.empty_scene(fps=25)
    head = api.add_head(context, api.load_head())
    api.apply_track(context, head, track, take=Path(recording_file).stem, frame_range="fit")
    stage.prepare_stage(context, head, engine="workbench", size=(384, 384))
    context.scene.frame_end = min(context.scene.frame_end, context.scene.frame_start + 24)
    print("film:", headless.render_film(context, film_file))


if __name__ == "__main__":
    arguments = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]
    if len(arguments) != 2:
        raise SystemExit(__doc__)
    main(*arguments)
    bpy.ops.wm.quit_blender() if bpy.app.background and "--" in sys.argv else None
