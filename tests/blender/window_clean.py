"""Scenes about films without electrodes: the dialog, the import, the switch, saving and ESC."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import bpy
from window_harness import (
    away,
    heads,
    invoke,
    open_tab,
    parts,
    press,
    screenshot,
    settle,
    show_panels,
    to_middle,
)
from window_video import state, until

#: Where worn.mp4 lies.
FOLDER = Path(sys.argv[-2])
FILM = "worn.mp4"


def ask_for_removal() -> Iterator[float]:
    """The dialog with the option and the name of the clean film."""
    bpy.data.batch_remove(bpy.data.objects)
    show_panels("video", folded=("clean_up",))
    yield from open_tab()
    to_middle()
    yield 0.5
    invoke(
        bpy.ops.eifer.import_video, filepath=str(FOLDER / FILM), directory="",
        remove_electrodes=True, onto="NEW",
    )  # fmt: skip
    yield 2.0
    screenshot("remove-electrodes-dialog")
    press("ESC")
    yield 1.0


def import_and_switch() -> Iterator[float]:
    """The clean film stands behind the avatar, and the original at a click."""
    invoke(
        bpy.ops.eifer.run_video, directory=str(FOLDER), files=[{"name": FILM}], onto="NEW",
        match_rate=True, match_size=True, remove_electrodes=True,
    )  # fmt: skip
    yield from until(lambda: not state().busy, "the film")
    assert len(heads()) == 1
    assert (FOLDER / "worn_clean.mp4").is_file()
    scene, camera = bpy.context.scene, bpy.context.scene.camera
    scene.frame_set(scene.frame_start + 20)
    _, area, *_ = parts()
    area.spaces.active.region_3d.view_perspective = "CAMERA"
    # The avatar aside, so that the film is seen.
    for obj in heads():
        obj.hide_set(False)
    camera.data.background_images[0].display_depth = "FRONT"
    camera.data.background_images[0].alpha = 1.0
    area.spaces.active.overlay.show_cursor = area.spaces.active.overlay.show_floor = False
    area.spaces.active.overlay.show_axis_x = area.spaces.active.overlay.show_axis_y = False
    yield from settle()
    screenshot("remove-electrodes-panel")
    assert invoke(bpy.ops.eifer.switch_film, version="ORIGINAL") == {"FINISHED"}
    yield 1.0
    assert camera.data.background_images[0].image.filepath.endswith(FILM)


def stop_saving() -> Iterator[float]:
    """ESC during the saving of a clean film leaves nothing half-written."""
    out = FOLDER / "stopped.mp4"
    assert invoke(bpy.ops.eifer.run_clean_video, filepath=str(out)) == {"RUNNING_MODAL"}
    yield from until(lambda: state().progress > 0.05 or not state().busy, "the first frames")
    assert state().busy
    away()
    press("ESC")
    yield from until(lambda: not state().busy, "the work to end after ESC")
    assert not list(FOLDER.glob("*stopped*"))


SCENES = [ask_for_removal, import_and_switch, stop_saving]
