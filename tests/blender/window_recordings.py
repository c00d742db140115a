"""Scenes about recordings: the dialog, the import with its progress and ESC, channels and edits."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import bpy
from window_harness import (
    FOLDED,
    away,
    click,
    fold_panel,
    heads,
    invoke,
    look_at_head,
    open_tab,
    parts,
    press,
    screenshot,
    scroll_down,
    to_middle,
    until_idle,
)

#: Where session.edf, long.edf and no-rate.csv lie.
RECORDINGS = Path(sys.argv[-2])
#: Middle of the first panel's main button below the sidebar's upper edge, in pixels at scale 1.
ADD_BUTTON_BELOW_TOP = 48


def add_a_head() -> Iterator[float]:
    """The empty tab, and its main button."""
    bpy.data.batch_remove(bpy.data.objects)
    yield from open_tab()
    *_, sidebar = parts()
    screenshot("panel-empty")
    click(sidebar.x + sidebar.width // 2 - 30, sidebar.y + sidebar.height - ADD_BUTTON_BELOW_TOP)
    yield 4.0
    assert len(heads()) == 1, "the main button added no head"
    away()
    look_at_head()
    yield 1.5
    screenshot("panel-head")


def ask_for_a_rate() -> Iterator[float]:
    """A file that leaves something open: the dialog asks, and comes back when it is not told."""
    to_middle()
    yield 0.5
    invoke(bpy.ops.eifer.import_recording, filepath=str(RECORDINGS / "no-rate.csv"))
    yield 1.5
    screenshot("import-asks")
    press("RET")
    yield 1.0
    for _ in range(300):
        if not bpy.context.window_manager.eifer.busy:
            break
        yield 0.1
    yield 1.0
    assert not bpy.context.window_manager.eifer.busy, "a question did not end the import"
    assert not bpy.data.actions, "a recording without a rate became a take"
    press("ESC")
    yield 1.0


def import_from_the_dialog() -> Iterator[float]:
    """A file dropped into the 3D view: the dialog comes up, and the return key confirms it."""
    to_middle()
    yield 0.5
    # What Blender itself calls for dropped files; only our file handler takes an EDF.
    files = [{"name": "session.edf"}]
    invoke(bpy.ops.wm.drop_import_file, directory=str(RECORDINGS), files=files)
    yield 1.5
    screenshot("import-dialog")
    press("RET")
    yield 0.1
    taken = []

    def look(_count: int) -> None:
        if not taken and bpy.context.window_manager.eifer.progress > 0.3:
            taken.append(True)
            screenshot("panel-import")

    yield from until_idle(look)
    away()
    assert len(bpy.data.actions) == 1, "the import left no take"
    assert taken, "the import showed no progress within the filters"
    bpy.context.scene.frame_set(bpy.context.scene.frame_start + 90)
    yield 1.5
    screenshot("panel-take")


def stop_within_the_filters() -> Iterator[float]:
    """ESC while channels are filtered: the import ends at once and nothing has changed."""
    invoke(bpy.ops.eifer.run_import, filepath=str(RECORDINGS / "long.edf"))
    state = bpy.context.window_manager.eifer
    for _ in range(500):
        yield 0.02
        if state.progress > 0.15:
            break
    assert state.busy, "the import was over before it could be stopped"
    assert 0.15 < state.progress < 0.5, f"not within the filters: {state.status}"
    press("ESC")
    yield 1.0
    assert not state.busy, "ESC did not stop the import"
    assert len(bpy.data.actions) == 1, "a stopped import left an action"


def channels_and_edits() -> Iterator[float]:
    """The list of channels with a bad one, and the settings of the take."""
    *_, sidebar = parts()
    settings = bpy.data.actions[0].eifer
    bad = [k for k, row in enumerate(settings.channels) if row.level == "bad"]
    assert bad, "the channel that never changes was not found"
    settings.active_channel = bad[0]
    settings.channels[bad[0]].repair = "mirror"
    yield from scroll_down()
    away()
    yield 1.0
    screenshot("recordings-channels", sidebar)
    yield from fold_panel(FOLDED + FOLDED // 2)
    yield from scroll_down()
    away()
    yield 1.0
    screenshot("recordings-edits", sidebar)
    assert invoke(bpy.ops.eifer.remake_take) == {"FINISHED"}
    assert settings.channels[bad[0]].repair == "mirror"
    yield 1.0
