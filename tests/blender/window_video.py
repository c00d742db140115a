"""Scenes about films: the dialog, the import while the window lives, ESC, and going on."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bpy
from window_harness import (
    away,
    click,
    heads,
    invoke,
    open_tab,
    parts,
    press,
    screenshot,
    show_panels,
    to_middle,
)

#: Where face.mp4 lies.
FOLDER = Path(sys.argv[-2])
FILM = "face.mp4"
_PATIENCE_S = 400.0


def until(holds: Callable[[], bool], what: str) -> Iterator[float]:
    """Wait until something holds."""
    started = time.monotonic()
    while not holds():
        assert time.monotonic() - started < _PATIENCE_S, f"waited in vain: {what}"
        yield 0.05


def until_share(share: float) -> Iterator[float]:
    """Wait until so much of the work is done."""
    yield from until(lambda: state().progress > share or not state().busy, f"{share:.0%}")
    assert state().busy, "the import ended before its time: see the reports above"


def state() -> Any:
    """How far films are."""
    return bpy.context.window_manager.eifer_video


def ask_for_the_options() -> Iterator[float]:
    """A film dropped into the 3D view: the dialog comes up, for a new head of that person."""
    bpy.data.batch_remove(bpy.data.objects)
    show_panels("video", folded=("clean_up",))
    yield from open_tab()
    to_middle()
    yield 0.5
    # What Blender itself calls for dropped files; only our file handler takes an mp4.
    invoke(bpy.ops.wm.drop_import_file, directory=str(FOLDER), files=[{"name": FILM}])
    yield 1.0
    # Blender offers its own use of films as well, and asks.
    press("I")
    yield 1.5
    screenshot("video-dialog")
    press("ESC")
    yield 1.0
    assert not bpy.data.objects, "a dialog that was closed left something"


def import_and_stop() -> Iterator[float]:
    """ESC in the middle keeps what is done, while the window goes on drawing."""
    invoke(
        bpy.ops.eifer.run_video, directory=str(FOLDER), files=[{"name": FILM}], onto="NEW",
        match_rate=True, match_size=True,
    )  # fmt: skip
    yield from until_share(0.05)
    away()
    before = time.monotonic()
    press("ESC")
    yield from until(lambda: not state().busy, "the import to end after ESC")
    sys.stdout.write(f"ESC: a take after {time.monotonic() - before:.1f} s\n")
    assert len(heads()) == 1, "what was done is lost"
    action = bpy.data.actions["face"]
    assert action["eifer_partial"], "the take does not say that it is a part"
    assert bpy.context.scene.timeline_markers[-1].name == "Import stopped"
    yield 1.0


def go_on() -> Iterator[float]:
    """The rest of the film, into the same take; the film behind the head, in step."""
    action = bpy.data.actions["face"]
    assert invoke(bpy.ops.eifer.resume_video) == {"RUNNING_MODAL"}
    yield from until_share(0.6)
    yield from until(lambda: not state().busy, "the rest of the film")
    assert not action["eifer_partial"]
    assert len(bpy.data.actions) <= 2, "going on left another take"
    scene = bpy.context.scene
    scene.frame_set(scene.frame_start + 40)
    _, area, *_ = parts()
    area.spaces.active.region_3d.view_perspective = "CAMERA"
    away()
    yield 2.0
    screenshot("video-panel")


def pick_a_face() -> Iterator[float]:
    """A click on the face in the film: the dialog asks, and the person gets a head of her own."""
    assert invoke(bpy.ops.eifer.pick_video_face) == {"RUNNING_MODAL"}
    yield 0.5
    _, _, view, _ = parts()
    click(view.x + view.width // 2, view.y + view.height // 2)
    yield 1.5
    press("RET")
    yield from until(lambda: state().busy, "the film to be imported for the face")
    yield from until(lambda: not state().busy, "the film of the face")
    assert len(heads()) == 2, "the click brought no head"
    assert '"who": [40, ' in bpy.data.actions["face.001"]["eifer_video"]


def undo_takes_one_step() -> Iterator[float]:
    """One undo for the other head, one for the rest of the film, one for its beginning."""
    window, area, view, _ = parts()
    for count, partial in ((1, False), (1, True), (0, None)):
        with bpy.context.temp_override(window=window, area=area, region=view):
            bpy.ops.ed.undo()
        yield 1.0
        assert len(heads()) == count
        action = bpy.data.actions.get("face")
        assert (action and bool(action["eifer_partial"])) == partial


SCENES = [ask_for_the_options, import_and_stop, go_on, pick_a_face, undo_takes_one_step]
