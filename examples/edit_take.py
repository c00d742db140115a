"""A take is changed after the fact: its keys are made again from the recording it remembers.

The .blend is one that ``eifer emg`` or Blender saved; the recording lies where it was or beside it.
Run it where bpy is installed, or in a Blender that has the extension enabled::

    python examples/edit_take.py take.blend '{"gain": {"zygomaticus.left": 1.3}}' changed.blend
    blender -b -P examples/edit_take.py -- take.blend '{"delay_ms": -40}' changed.blend

Beside edits (``gain``, ``baseline``, ``symmetry``, ``dead_zone``, ``min_cutoff_hz``, ``beta``,
``delay_ms``, ``swap_sides``, ``preset``) the JSON may hold ``montage`` and ``repair`` by channel.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from types import ModuleType

import bpy

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


def main(blend: str, changes: str, out: str) -> None:
    """Change the takes of all heads and avatars of a .blend alike."""
    takes, recipes, edits = add_on("scene.takes"), add_on("scene.recipes"), add_on("scene.edits")
    bpy.ops.wm.open_mainfile(filepath=str(Path(blend).absolute()))
    wanted = json.loads(changes)
    channels = {name: wanted.pop(name, {}) for name in ("montage", "repair")}
    avatars = {takes.avatar_of(obj) for obj in bpy.context.scene.objects} - {None}
    for avatar in sorted(avatars, key=lambda obj: obj.name):
        action = takes.current_take(avatar)
        if not recipes.has_recipe(action):
            continue
        recipe = recipes.recipe_of(action)
        edits.remake_take(
            bpy.context, avatar, recipe.edits.changed(wanted),
            montage={**(recipe.montage or {}), **channels["montage"]},
            repair={**recipe.repair, **channels["repair"]},
        )  # fmt: skip
        print(f"{avatar.name}: made the keys of '{action.name}' again from {recipe.file}")
    bpy.ops.wm.save_as_mainfile(filepath=str(Path(out).absolute()))


if __name__ == "__main__":
    given = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]
    if len(given) != 3:
        raise SystemExit(__doc__)
    main(*given)
