"""Use the panel in a Blender window with real mouse and key events; save screenshots.

Started by ``.ci/real_blender.py`` as ``blender --enable-event-simulate --python window_probe.py
-- RECORDING FOLDER`` under Xvfb. Each step waits until Blender has drawn what came before.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

import bpy

RECORDING, FOLDER = (Path(argument) for argument in sys.argv[-2:])
TAB = "EIFER"
#: Middle of the first panel's main button below the region's top edge, in pixels at scale 1.
ADD_BUTTON_BELOW_TOP = 48
IMPORT_LIMIT_S = 120.0
PICTURE_AT_TICK = 1


def parts() -> tuple[bpy.types.Window, bpy.types.Area, bpy.types.Region, bpy.types.Region]:
    """The window, its 3D view, and that view's main region and sidebar."""
    window = bpy.context.window_manager.windows[0]
    area = next(area for area in window.screen.areas if area.type == "VIEW_3D")
    regions = {region.type: region for region in area.regions}
    return window, area, regions["WINDOW"], regions["UI"]


def click(x: int, y: int) -> None:
    """Press and release the left mouse button at a place in the window."""
    window, *_ = parts()
    window.event_simulate(type="MOUSEMOVE", value="NOTHING", x=x, y=y)
    window.event_simulate(type="LEFTMOUSE", value="PRESS", x=x, y=y)
    window.event_simulate(type="LEFTMOUSE", value="RELEASE", x=x, y=y)


def screenshot(name: str) -> None:
    """What the screen shows, as a picture file; Blender's own screenshot gives black here."""
    command = ["import", "-window", "root", str(FOLDER / f"{name}.png")]
    subprocess.run(command, check=True, timeout=60)


def heads() -> list[bpy.types.Object]:
    """Meshes with ARKit controls."""
    return [obj for obj in bpy.data.objects if obj.type == "MESH" and "jawOpen" in obj]


def drive() -> Iterator[float]:
    """The steps; each yields the seconds to wait before the next."""
    window, area, view, sidebar = parts()
    bpy.data.batch_remove(bpy.data.objects)
    area.spaces.active.show_region_ui = True
    yield 1.0
    sidebar.active_panel_category = TAB
    yield 1.0
    screenshot("panel-empty")
    click(sidebar.x + sidebar.width // 2 - 30, sidebar.y + sidebar.height - ADD_BUTTON_BELOW_TOP)
    yield 4.0
    assert len(heads()) == 1, "the main button added no head"
    # Away from the button, whose tooltip would lie over the panel.
    window.event_simulate(type="MOUSEMOVE", value="NOTHING", x=view.x + 300, y=view.y + 60)
    look_at_head(area, view)
    yield 1.5
    screenshot("panel-head")
    start_import(area, view)
    yield from watch_import()
    bpy.context.scene.frame_set(bpy.context.scene.frame_start + 90)
    yield 1.5
    screenshot("panel-take")
    start_import(area, view)
    yield 0.3
    window.event_simulate(type="ESC", value="PRESS")
    window.event_simulate(type="ESC", value="RELEASE")
    yield 1.0
    assert not bpy.context.window_manager.eifer.busy, "ESC did not stop the import"
    assert len(bpy.data.actions) == 1, "a stopped import left an action"


def look_at_head(area: bpy.types.Area, view: bpy.types.Region) -> None:
    """Frame the head from the front, without the marks of editing."""
    window = bpy.context.window_manager.windows[0]
    with bpy.context.temp_override(window=window, area=area, region=view):
        bpy.ops.view3d.view_axis(type="FRONT")
        bpy.ops.view3d.view_selected()
    overlay = area.spaces.active.overlay
    overlay.show_outline_selected = overlay.show_cursor = overlay.show_object_origins = False


def start_import(area: bpy.types.Area, view: bpy.types.Region) -> None:
    """Start the modal import, as dropping a file and pressing OK does."""
    window = bpy.context.window_manager.windows[0]
    with bpy.context.temp_override(window=window, area=area, region=view):
        result = bpy.ops.eifer.run_import("INVOKE_DEFAULT", filepath=str(RECORDING))
    assert result == {"RUNNING_MODAL"}, result


def watch_import() -> Iterator[float]:
    """Wait for the modal import, with a picture of its progress, then look for the take."""
    started = time.monotonic()
    ticks = 0
    while bpy.context.window_manager.eifer.busy:
        assert time.monotonic() - started < IMPORT_LIMIT_S, "the import does not end"
        ticks += 1
        if ticks == PICTURE_AT_TICK:
            screenshot("panel-import")
        yield 0.02
    assert ticks > PICTURE_AT_TICK, "the window did not live on while importing"
    assert len(bpy.data.actions) == 1, "the import left no take"


def run() -> None:
    """Drive the steps from one timer, and quit with an exit code."""
    steps = drive()

    def tick() -> float | None:
        try:
            return next(steps)
        except StopIteration:
            sys.stdout.write("The window did what it should.\n")
            leave(0)
        except (AssertionError, RuntimeError, subprocess.SubprocessError):
            traceback.print_exc()
            leave(1)
        return None

    bpy.app.timers.register(tick, first_interval=2.0)


def leave(code: int) -> None:
    """End Blender at once with an exit code; quitting it would always give 0."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


run()
