"""A recording, changed in the signal, moves every avatar of a .blend that can take it.

Avatars are meshes with ARKit-named shape keys, rigs with custom properties of such names, and
EIFER heads. Run it where bpy is installed, or in a Blender that has the extension enabled::

    python examples/take_to_avatars.py session.edf avatars.blend out.blend
    blender -b -P examples/take_to_avatars.py -- session.edf avatars.blend out.blend
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import bpy

#: The add-on inside Blender, and the package outside.
HOMES = ("bl_ext.user_default.eifer", "eifer")
#: A little calmer and more alike on both sides; the smoothing's delay is taken back.
EDITS = {"min_cutoff_hz": 4.0, "beta": 0.5, "symmetry": 0.3, "dead_zone": 0.03, "delay_ms": -30.0}


def add_on(module: str) -> ModuleType:
    """A module of EIFER, wherever it is installed."""
    for home in HOMES:
        try:
            return importlib.import_module(f"{home}.eifer_addon.{module}")
        except ModuleNotFoundError:
            continue
    raise SystemExit("EIFER is neither enabled in this Blender nor installed as a package.")


def main(recording_file: str, avatars_file: str, out_file: str) -> None:
    """Apply one recording to all avatars of a scene."""
    api, several = add_on("api"), add_on("scene.several")
    activity = api.apply_edits(api.read_recording(recording_file), EDITS)
    track = api.emg_to_expression(activity)
    print(activity.describe())

    bpy.ops.wm.open_mainfile(filepath=str(Path(avatars_file).absolute()))
    objects = list(bpy.context.scene.objects)
    written = several.apply_to_several(bpy.context, objects, track, Path(recording_file).stem)
    for avatar, action in written.items():
        print(f"{avatar}: {action.name}, by the table {action.get('eifer_mapping', 'of EIFER')}")
    bpy.ops.wm.save_as_mainfile(filepath=str(Path(out_file).absolute()))


if __name__ == "__main__":
    given = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]
    if len(given) != 3:
        raise SystemExit(__doc__)
    main(*given)
