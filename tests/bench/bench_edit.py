"""Importing one minute of 22 channels, making its keys again, and drawing its list of channels.

``python -m pytest tests/bench/bench_edit.py -s`` or ``python tests/bench/bench_edit.py``.
"""

from __future__ import annotations

import atexit
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import bpy
import numpy as np

from eifer.eifer_addon import api
from eifer.eifer_addon.scene import channel_list, recipes
from eifer.eifer_addon.scene.actions import curves
from eifer.eifer_addon.scene.edit_settings import recipe_is_changed, settings_of
from eifer.eifer_addon.scene.edits import remake_take
from eifer.eifer_addon.scene.import_queue import ImportQueue
from eifer.eifer_addon.scene.imports import Choices
from eifer.eifer_addon.scene.takes import avatar_of, current_take
from eifer.eifer_addon.signals.edf_writer import write_edf
from eifer.eifer_addon.signals.edits import Edits
from eifer.eifer_addon.signals.montage import muscle_names
from eifer.eifer_addon.signals.recording import Recording
from eifer.operators import registration

BUDGET_S = 1.0
RATE_HZ, SECONDS = 2048.0, 60.0
EVERYTHING = {
    "symmetry": 0.2, "min_cutoff_hz": 1.5, "beta": 0.5, "dead_zone": 0.05,
    "gain": {"zygomaticus": 0.8}, "baseline": {"corrugator": 0.1},
}  # fmt: skip


def write_minute(path: Path) -> Path:
    """One minute of noise bursts on all 22 muscles, as EDF."""
    random, n = np.random.default_rng(0), int(RATE_HZ * SECONDS)
    channels = tuple(f"{m}_{side}" for m in muscle_names() for side in ("left", "right"))
    pace = 0.5 + 0.1 * np.arange(len(channels))[:, None]
    bursts = 3 + 80 * (np.sin(np.arange(n) / RATE_HZ * pace) > 0.7)
    samples = random.normal(size=(len(channels), n)) * bursts
    units = ("uV",) * len(channels)
    write_edf(Recording.from_array(samples, RATE_HZ, channels, units=units), path)
    return path


def new_take(path: Path) -> bpy.types.Object:
    bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True)
    obj = api.add_head(bpy.context, api.load_head(), n_identity=0, n_expression=0)
    job = ImportQueue(bpy.context, [Choices(path)])
    started = time.perf_counter()
    portions = []
    while not job.finished:
        before = time.perf_counter()
        job.step(time.monotonic())
        portions.append(time.perf_counter() - before)
    longest_ms = max(portions) * 1e3
    print(f"\nImport: {time.perf_counter() - started:.2f} s in {len(portions)} portions, "
          f"the longest {longest_ms:.0f} ms")  # fmt: skip
    return obj


def list_seconds(obj: bpy.types.Object) -> float:
    """What our own code takes to draw the list once; Blender's drawing is not in it."""
    rows = settings_of(current_take(obj)).channels

    def draw(_k: int) -> None:
        for row in rows:
            channel_list.target_words(row)
            channel_list.activity_now(avatar_of(bpy.context.object), row)

    bpy.context.view_layer.objects.active = obj
    return seconds(draw, 200)


def panel_seconds(obj: bpy.types.Object) -> float:
    """What the panel asks at every redraw besides its rows."""

    def ask(_k: int) -> None:
        channel_list.settings_at_hand(bpy.context)
        action = current_take(obj)
        recipe_is_changed(action, recipes.recipe_of(action))

    return seconds(ask, 200)


def seconds(job: Callable[[int], object], rounds: int = 5) -> float:
    spent = []
    for k in range(rounds):
        started = time.perf_counter()
        job(k)
        spent.append(time.perf_counter() - started)
    return statistics.median(spent)


def measure() -> dict[str, float]:
    """Median seconds of each kind of change, printed as a table."""
    figures: dict[str, float] = {}
    registration.register()
    atexit.register(registration.unregister)
    with tempfile.TemporaryDirectory() as folder:
        path = write_minute(Path(folder) / "minute.edf")
        obj = new_take(path)

        def edit(k: int, **values: object) -> None:
            edits = Edits.from_document({"delay_ms": float(k), **values})
            remake_take(bpy.context, obj, edits)

        def afresh(k: int) -> None:
            recipes.forget_activities()
            edit(k)

        figures["gain or delay"] = seconds(lambda k: edit(k, gain={"zygomaticus": 1 + k / 10}))
        figures["all edits with One Euro"] = seconds(lambda k: edit(k, **EVERYTHING))
        swapped = dict(recipes.recipe_of(current_take(obj)).montage or {})
        first, second = list(swapped)[:2]
        swapped[first], swapped[second] = swapped[second], swapped[first]
        figures["another mapping, first time"] = seconds(
            lambda _k: remake_take(bpy.context, obj, montage=swapped), 1
        )
        figures["another preset, first time"] = seconds(lambda k: edit(k, preset="rms100"), 1)
        figures["as in a fresh process"] = seconds(afresh, 3)
        row_s, panel_s = list_seconds(obj), panel_seconds(obj)
        count = sum(len(c.keyframe_points) for c in curves(obj))
    print(f"\nKeys made again: {SECONDS:g} s, 22 channels, {RATE_HZ:g} Hz, {count} keys, "
          f"Blender {bpy.app.version_string}")  # fmt: skip
    for what, spent in figures.items():
        print(f"{what:>28} {spent * 1e3:8.0f} ms")
    print(f"{'22 rows of the list':>28} {row_s * 1e6:8.0f} us, the panel around it "
          f"{panel_s * 1e6:.0f} us")  # fmt: skip
    return figures


def test_keys_are_made_again_within_a_second() -> None:
    figures = measure()
    assert figures["gain or delay"] <= BUDGET_S
    assert figures["all edits with One Euro"] <= BUDGET_S


if __name__ == "__main__":
    measure()
