"""Scenes about muscles told from a film: the analysis beside the recording of the same session."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import bpy
from window_harness import (
    heads,
    import_session,
    invoke,
    open_tab,
    screenshot,
    settle,
    show_panels,
)

#: Where person.edf and person.npz lie.
FILES = Path(sys.argv[-2])
#: The recording's time when the person's film begins; see ``.ci/probe_files.py``.
OFFSET_S = 2.5
_LIMIT_S = 240.0


def import_person() -> Iterator[float]:
    """A head with takes of a person's film and recording, on one timeline."""
    bpy.context.scene.render.fps = 30
    yield from import_session(FILES / "person.npz", FILES / "person.edf")
    bpy.context.scene.eifer_session.seconds = OFFSET_S
    yield 1.0


def choose() -> Iterator[float]:
    """The film's take is played, and the EMG take is what was measured."""
    show_panels("muscles", "muscle_analysis")
    yield from open_tab()
    session = bpy.context.scene.eifer_session
    assert bpy.ops.eifer.show_takes(mode="FILM") == {"FINISHED"}
    settings = bpy.context.scene.eifer_muscles
    settings.measured, settings.emg = "TAKE", session.emg
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
    yield from settle()
    screenshot("muscles-window")


def save_report() -> Iterator[float]:
    """The page is drawn while the window lives on, and saved beside its table."""
    page, started = FILES / "page.html", time.monotonic()
    while not page.is_file():
        assert time.monotonic() - started < _LIMIT_S, "the page is never drawn"
        yield 0.5
        # It says so as long as the page is being drawn.
        with contextlib.suppress(RuntimeError):
            bpy.ops.eifer.save_muscle_report(filepath=str(page))
    assert page.with_suffix(".png").stat().st_size > 100_000
    assert bpy.ops.eifer.export_muscles(filepath=str(FILES / "curves.csv")) == {"FINISHED"}
    assert (FILES / "curves.csv").stat().st_size > 100_000


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


SCENES = (import_person, choose, analyse, save_report)
