"""Scenes about muscles told from a film: the analysis beside the recording of the same session."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import bpy
from window_harness import (
    away,
    heads,
    invoke,
    look_at_head,
    move,
    open_tab,
    parts,
    press,
    screenshot,
)

#: Where together.edf and film.npz lie.
FILES = Path(sys.argv[-2])
_LIMIT_S = 240.0
#: Middle of the fold's header below the sidebar's upper edge, in pixels at scale 1.
_FOLD_BELOW_TOP = 110


def import_both() -> Iterator[float]:
    """A head with a take of the film and one of the recording, laid on one timeline."""
    bpy.data.batch_remove(bpy.data.objects)
    yield from open_tab()
    bpy.ops.eifer.add_head(n_identity=0, n_expression=0)
    yield 2.0
    away()
    look_at_head()
    bpy.ops.eifer.import_track(filepath=str(FILES / "film.npz"), take="Film of the session")
    head = heads()[0]
    film = head.animation_data.action
    bpy.context.view_layer.objects.active = head
    bpy.ops.eifer.import_recording(filepath=str(FILES / "together.edf"), take="EMG of the session")
    session = bpy.context.scene.eifer_session
    session.film, session.emg = film, head.animation_data.action
    assert bpy.ops.eifer.find_offset() == {"FINISHED"}
    assert bpy.ops.eifer.show_takes(mode="FILM") == {"FINISHED"}
    settings = bpy.context.scene.eifer_muscles
    settings.measured, settings.emg = "TAKE", session.emg
    # The picture holds one panel; the others would push it out of the window.
    for name in [n for n in dir(bpy.types) if n.startswith("VIEW3D_PT_eifer_")]:
        if not name.removeprefix("VIEW3D_PT_eifer_").startswith("muscle"):
            bpy.utils.unregister_class(getattr(bpy.types, name))
    yield 1.0


def analyse() -> Iterator[float]:
    """The button, while the window lives on; then the map and the numbers."""
    result = invoke(bpy.ops.eifer.analyse_muscles)
    assert result == {"RUNNING_MODAL"}, result
    started, looks = time.monotonic(), 0
    while bpy.context.window_manager.eifer.busy:
        assert time.monotonic() - started < _LIMIT_S, "the analysis does not end"
        looks += 1
        yield 0.1
    assert looks > 3, "the window did not live on"
    head = heads()[0]
    assert "eifer_muscle_analysis" in head.animation_data.action
    assert bpy.ops.eifer.show_muscle_map() == {"FINISHED"}
    _go_to_strongest(head)
    yield from _unfold()
    *_, sidebar = parts()
    screenshot("muscles-panel", sidebar)
    screenshot("muscles-window")


def _go_to_strongest(head: bpy.types.Object) -> None:
    """The frame with most activity."""
    scene = bpy.context.scene
    names = [name for name in head.keys() if name.startswith("activity_")]  # noqa: SIM118
    strength = {}
    for frame in range(scene.frame_start, scene.frame_end, 5):
        scene.frame_set(frame)
        strength[frame] = sum(float(head[name]) for name in names)
    best = max(strength, key=lambda frame: strength[frame])
    assert strength[best] > 1.0, "no activity was keyed"
    scene.frame_set(best)


def _unfold() -> Iterator[float]:
    """Open the panel and its first fold."""
    *_, sidebar = parts()
    for below in (14, _FOLD_BELOW_TOP):
        move(sidebar.x + 80, sidebar.y + sidebar.height - below)
        yield 0.4
        press("A")
        yield 1.0
    away()
    yield 1.0


SCENES = (import_both, analyse)
