"""What the tests of edited takes share: a recording, a look at the keys, and a stand-in layout."""

from __future__ import annotations

import hashlib
import types
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from eifer.eifer_addon.scene import edit_settings
from eifer.eifer_addon.scene.actions import curves

RATE_HZ = 1000.0


def write_recording(path: Path, seed: int = 3, n_seconds: float = 4.0) -> Path:
    random = np.random.default_rng(seed)
    n = int(n_seconds * RATE_HZ)
    seconds = np.arange(n) / RATE_HZ
    left, right = (1 + 40 * (np.sin(seconds * pace) > 0.5) for pace in (2.0, 3.0))
    data = random.normal(size=(n, 2)) * np.stack([left, right], 1)
    np.savetxt(
        path, np.column_stack([seconds, data]), delimiter=",", fmt="%.6f", comments="",
        header="time,Zygomaticus_l,Zygomaticus_r",
    )  # fmt: skip
    return path


def write_face(path: Path, muscles: tuple[str, ...], n_seconds: float = 4.0) -> Path:
    """Bursts on both sides of some muscles, and a thermometer that stands for none."""
    random, n = np.random.default_rng(8), int(n_seconds * RATE_HZ)
    seconds = np.arange(n) / RATE_HZ
    names = [f"{muscle}_{side}" for muscle in muscles for side in "lr"]
    pace = 2.0 + 0.3 * np.arange(len(names))
    data = random.normal(size=(n, len(names))) * (1 + 40 * (np.sin(seconds[:, None] * pace) > 0.5))
    heat = 36.0 + 0.01 * random.normal(size=n)
    header = ",".join(["time", *names, "Thermometer"])
    table = np.column_stack([seconds, data, heat])
    np.savetxt(path, table, delimiter=",", fmt="%.6f", comments="", header=header)
    return path


def keys(obj: bpy.types.Object) -> dict[str, np.ndarray]:
    """Frames and values of every curve that the head plays."""
    found = {}
    for curve in curves(obj):
        points = np.empty(2 * len(curve.keyframe_points), np.float32)
        curve.keyframe_points.foreach_get("co", points)
        found[curve.data_path] = points.reshape(-1, 2)
    return found


def noted(action: bpy.types.Action) -> dict[str, str]:
    """The custom properties of a take, without the sliders' own storage."""
    return {k: str(v) for k, v in action.items() if k != edit_settings.SETTINGS}


def everything(obj: bpy.types.Object) -> tuple[Any, ...]:
    actions = {action.name: noted(action) for action in bpy.data.actions}
    return actions, {path: table.tobytes() for path, table in keys(obj).items()}


class Layout:
    """Takes what a panel draws, and fails for a property or an operator that there is not."""

    def __init__(self, texts: list[str]) -> None:
        self.texts = texts
        self.scale_y = 1.0

    def row(self, **_: Any) -> Layout:
        return self

    column = grid_flow = row

    def panel(self, _name: str, **_: Any) -> tuple[Layout, Layout]:
        return self, self

    def label(self, text: str = "", **_: Any) -> None:
        self.texts.append(text)

    def prop(self, owner: Any, name: str, **_: Any) -> None:
        self.texts.append(owner.bl_rna.properties[name].name)

    def operator(self, name: str, **_: Any) -> Any:
        module, _, function = name.partition(".")
        getattr(getattr(bpy.ops, module), function).get_rna_type()
        return types.SimpleNamespace()


#: Opens a .blend, presses the button and prints a hash of the keys, in a process of its own.
OTHER_MACHINE = """
import sys, hashlib
import bpy, numpy as np
from eifer.operators import registration
from eifer.eifer_addon.scene.actions import curves
from eifer.eifer_addon.scene.controls import is_head
registration.register()
bpy.ops.wm.open_mainfile(filepath=sys.argv[1])
head = next(o for o in bpy.data.objects if is_head(o))
bpy.context.view_layer.objects.active = head
assert bpy.ops.eifer.remake_take() == {"FINISHED"}
digest = hashlib.sha256()
for curve in sorted(curves(head), key=lambda c: c.data_path):
    points = np.empty(2 * len(curve.keyframe_points), np.float32)
    curve.keyframe_points.foreach_get("co", points)
    digest.update(curve.data_path.encode() + points.tobytes())
print("KEYS", digest.hexdigest())
registration.unregister()
"""


def digest_of(obj: bpy.types.Object) -> str:
    digest = hashlib.sha256()
    for path, table in sorted(keys(obj).items()):
        digest.update(path.encode() + table.tobytes())
    return digest.hexdigest()
