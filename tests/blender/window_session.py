"""Scenes about a film and an EMG recording of one session: clean-up, clocks, fusion."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import bpy
from window_harness import away, heads, look_at_head, move, open_tab, parts, press, screenshot

#: Where together.edf and film.npz lie.
FILES = Path(sys.argv[-2])
_OTHERS = ("rig", "live", "recordings", "muscles", "channels", "take_edits")
#: Middle of the second fold's header below the sidebar's upper edge, in pixels at scale 1.
_FOLD_BELOW_TOP = 110


def import_both() -> Iterator[float]:
    """A head with a take of the film and one of the recording."""
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
    yield 1.0
    settings = bpy.context.scene.eifer_session
    settings.film, settings.emg = film, head.animation_data.action
    # The pictures hold two folds; the others would push them out of the window.
    for name in [n for n in dir(bpy.types) if n.startswith("VIEW3D_PT_eifer_")]:
        if name.removeprefix("VIEW3D_PT_eifer_").startswith(_OTHERS):
            bpy.utils.unregister_class(getattr(bpy.types, name))
    yield 1.0


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
    yield from _unfold()
    *_, sidebar = parts()
    screenshot("clean-up", sidebar)


def side_by_side() -> Iterator[float]:
    """Film and EMG on two heads."""
    bpy.utils.unregister_class(bpy.types.VIEW3D_PT_eifer_clean_up)
    yield 1.0
    yield from _unfold()
    assert bpy.ops.eifer.show_takes(mode="BESIDE") == {"FINISHED"}
    window, area, view, _ = parts()
    with bpy.context.temp_override(window=window, area=area, region=view):
        bpy.ops.view3d.view_all()
    yield 2.0
    screenshot("session-beside")
    assert len(heads()) == 2


def _unfold() -> Iterator[float]:
    """Open the first fold under the Video panel's own part."""
    *_, sidebar = parts()
    move(sidebar.x + 80, sidebar.y + sidebar.height - _FOLD_BELOW_TOP)
    yield 0.4
    press("A")
    yield 1.5
    away()
    yield 0.5


SCENES = (import_both, clean_up, side_by_side)
