"""The muscle map of two expressions, on the avatar and as a flat schematic, on one sheet.

Run it with::

    python examples/muscle_map.py sheet.png [workbench|cycles] [size]

The recording is simulated; put your own file in its place.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import bpy
import numpy as np
from contact_sheet import write_png

from eifer import api
from eifer.eifer_addon.muscle_film import MapFrames
from eifer.eifer_addon.scene import stage
from eifer.eifer_addon.scene.headless import empty_scene
from eifer.eifer_addon.scene.muscle_map import show_map
from eifer.eifer_addon.signals.activity import Activity
from eifer.eifer_addon.video.encode import read_image
from eifer.models.synthetic.physiology import simulate_recording

EXPRESSIONS = ("big smile", "anger")


def moments(activity: Activity) -> list[float]:
    """The time in s at which each expression is the strongest."""
    found = []
    for onset, name, length in activity.events:
        if name in EXPRESSIONS:
            times = activity.timestamps
            within = np.flatnonzero((times >= onset) & (times < onset + length))
            found.append(float(times[within[activity.values[within].sum(axis=1).argmax()]]))
    return found


def avatar_with_map(activity: Activity, engine: str, size: int) -> bpy.types.Context:
    """A scene with the open head, the take, and its map."""
    context = empty_scene(25.0)
    head = api.add_head(context, api.load_head(), n_identity=0, n_expression=0)
    track = api.emg_to_expression(activity)
    api.apply_track(context, head, track, take="demo", frame_range="fit", activity=activity)
    show_map(context, head)
    stage.prepare_stage(context, head, engine, (size, size))
    return context


def draw_sheet(engine: str, size: int) -> np.ndarray:
    """The pictures as one array (2 * size, 2 * size, 3) uint8."""
    activity = api.to_activity(simulate_recording()[0])
    context = avatar_with_map(activity, engine, size)
    frames = MapFrames(activity, size)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for seconds in moments(activity):
            context.scene.frame_set(context.scene.frame_start + round(seconds * 25))
            face = read_image(stage.render_still(context, Path(folder) / "face.png"))
            flat = np.full_like(face, 255)
            drawn = frames.frame(seconds)[:, :size]
            flat[:, : drawn.shape[1]] = drawn
            rows.append(np.concatenate([face, flat], axis=1))
    return np.concatenate(rows, axis=0)


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "sheet.png")
    chosen = sys.argv[2] if len(sys.argv) > 2 else "workbench"
    write_png(target, draw_sheet(chosen, int(sys.argv[3]) if len(sys.argv) > 3 else 384))
    sys.stdout.write(f"{target}\n")
