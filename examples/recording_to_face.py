"""A recording of facial EMG becomes a rigged, keyed head and a short film of it.

Run it where bpy is installed, or in a Blender that has the extension enabled::

    python examples/recording_to_face.py session.edf take.mp4 [seconds]
    blender -b -P examples/recording_to_face.py -- session.edf take.mp4 [seconds]
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

#: The add-on inside Blender, and the package outside.
HOMES = ("bl_ext.user_default.eifer", "eifer")


def add_on(module: str) -> ModuleType:
    """A module of EIFER, wherever it is installed."""
    for home in HOMES:
        try:
            return importlib.import_module(f"{home}.eifer_addon.{module}")
        except ModuleNotFoundError:
            continue
    raise SystemExit("EIFER is neither enabled in this Blender nor installed as a package.")


def main(recording_file: str, film_file: str, seconds: float) -> None:
    """Take one recording all the way to a film of its first seconds."""
    api, headless, stage = add_on("api"), add_on("scene.headless"), add_on("scene.stage")

    recording = api.read_recording(recording_file)
    activity = api.to_activity(recording)
    track = api.emg_to_expression(activity)
    print(recording.describe(), activity.describe(), track.describe(), sep="\n")

    context = headless.empty_scene(fps=25)
    head = api.add_head(context, api.load_head())
    api.apply_track(context, head, track, take=Path(recording_file).stem, frame_range="fit")
    stage.prepare_stage(context, head, engine="workbench", size=(288, 384))
    scene = context.scene
    scene.frame_end = min(scene.frame_end, scene.frame_start + round(seconds * 25) - 1)
    print("Film:", headless.render_film(context, film_file))


if __name__ == "__main__":
    given = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]
    if len(given) not in (2, 3):
        raise SystemExit(__doc__)
    main(given[0], given[1], float(given[2]) if len(given) == 3 else 5.0)
