"""Scenes about a film and an EMG recording of one session: clean-up, clocks, fusion."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import bpy
from window_harness import (
    away,
    heads,
    import_session,
    open_tab,
    parts,
    screenshot,
    settle,
    show_panels,
)

#: Where together.edf and film.npz lie.
FILES = Path(sys.argv[-2])


def import_both() -> Iterator[float]:
    """A head with a take of the film and one of the recording."""
    yield from import_session(FILES / "film.npz", FILES / "together.edf")
    show_panels("video", "clean_up")
    yield from open_tab()


def clean_up() -> Iterator[float]:
    """The fused take, cleaned up by the button and a slider."""
    assert bpy.ops.eifer.find_offset() == {"FINISHED"}
    bpy.context.scene.eifer_session.covered = {"cheek"}
    assert bpy.ops.eifer.fuse_takes() == {"FINISHED"}
    bpy.context.scene.frame_set(150)
    head = heads()[0]
    before = head["mouthSmileLeft"]
    assert bpy.ops.eifer.clean_up_usual() == {"FINISHED"}
    head.animation_data.action.eiferclean.regions["mouth"].gain = 0.0
    yield 1.0
    bpy.context.scene.frame_set(150)
    assert head["mouthSmileLeft"] == 0.0 != before, "the slider did not reach the keys"
    head.animation_data.action.eiferclean.regions["mouth"].gain = 1.2
    yield from settle()
    *_, sidebar = parts()
    screenshot("clean-up", sidebar)


def side_by_side() -> Iterator[float]:
    """Film and EMG on two heads."""
    show_panels("video", "session")
    yield 1.0
    assert bpy.ops.eifer.show_takes(mode="BESIDE") == {"FINISHED"}
    window, area, view, _ = parts()
    with bpy.context.temp_override(window=window, area=area, region=view):
        bpy.ops.view3d.view_all()
    yield from settle()
    away()
    screenshot("session-beside")
    assert len(heads()) == 2


SCENES = (import_both, clean_up, side_by_side)
