"""A Blender window driven by real mouse and key events, with pictures of what it shows.

A scene is a generator: it does something, yields the seconds that Blender needs to draw it, and
goes on. `play` runs scenes one after the other from a timer and ends Blender with an exit code.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import bpy

FOLDER = Path(sys.argv[-1])
TAB = "EIFER"
_PREFIX = "VIEW3D_PT_eifer_"
#: A picture's number of colours, which keeps it small without showing.
_COLOURS = "255"
#: Pictures of the whole window are made this wide.
_WIDEST = 1280
#: Height of a folded panel at scale 1.
FOLDED = 26
IMPORT_LIMIT_S = 120.0
#: Where the mouse is.
_mouse = [0, 0]
#: All of our panels, parents first, also those that are not shown.
_panels: list[type[bpy.types.Panel]] = []
Scene = Callable[[], Iterator[float]]


def parts() -> tuple[bpy.types.Window, bpy.types.Area, bpy.types.Region, bpy.types.Region]:
    """The window, its 3D view, and that view's main region and sidebar."""
    window = bpy.context.window_manager.windows[0]
    area = next(area for area in window.screen.areas if area.type == "VIEW_3D")
    regions = {region.type: region for region in area.regions}
    return window, area, regions["WINDOW"], regions["UI"]


def move(x: int, y: int) -> None:
    """Put the mouse at a place in the window."""
    _mouse[:] = [x, y]
    parts()[0].event_simulate(type="MOUSEMOVE", value="NOTHING", x=x, y=y)


def press(key: str) -> None:
    """Press and release a key or mouse button where the mouse is."""
    window, *_ = parts()
    x, y = _mouse
    window.event_simulate(type=key, value="PRESS", x=x, y=y)
    if not key.startswith("WHEEL"):
        window.event_simulate(type=key, value="RELEASE", x=x, y=y)


def click(x: int, y: int) -> None:
    """Press and release the left mouse button at a place in the window."""
    move(x, y)
    press("LEFTMOUSE")


def to_middle() -> None:
    """Put the mouse where a dialog should come up."""
    _, _, view, _ = parts()
    move(view.x + view.width // 2, view.y + view.height // 2)


def away() -> None:
    """Put the mouse where nothing has a tooltip."""
    _, _, view, _ = parts()
    move(view.x + 300, view.y + 60)


def screenshot(name: str, region: bpy.types.Region | None = None) -> None:
    """What the screen or a region shows, as a picture file; Blender's own gives black here."""
    window, *_ = parts()
    crop = []
    if region is not None:
        top = window.height - region.y - region.height
        crop = ["-crop", f"{region.width}x{region.height}+{region.x}+{top}", "+repage"]
    picture = f"PNG8:{FOLDER / name}.png"
    small = [] if crop else ["-resize", f"{_WIDEST}x"]
    few = ["+dither", "-colors", _COLOURS, "-define", "png:compression-level=9"]
    command = ["import", "-window", "root", *crop, *small, *few, picture]
    subprocess.run(command, check=True, timeout=60)


def open_tab() -> Iterator[float]:
    """Show the sidebar with our tab."""
    _, area, _, sidebar = parts()
    area.spaces.active.show_region_ui = True
    yield 1.0
    sidebar.active_panel_category = TAB
    yield 1.0


def show_panels(*names: str, folded: Sequence[str] = ()) -> None:
    """Let the tab hold these panels only, unfolded, and those that stay as they are.

    A script can neither fold nor unfold a panel that was drawn; for others it holds.
    """
    if not _panels:
        ours = [getattr(bpy.types, name) for name in dir(bpy.types) if name.startswith(_PREFIX)]
        _panels.extend(sorted(ours, key=lambda cls: bool(getattr(cls, "bl_parent_id", ""))))
    for cls in reversed(_panels):
        if cls.is_registered:
            bpy.utils.unregister_class(cls)
    for cls in _panels:
        name = cls.__name__.removeprefix(_PREFIX)
        if name in names:
            cls.bl_options = set(getattr(cls, "bl_options", set())) - {"DEFAULT_CLOSED"}
        if name in (*names, *folded):
            bpy.utils.register_class(cls)


def fold_panel(above_bottom: int) -> Iterator[float]:
    """Open or close the panel whose header's middle lies so far above the sidebar's lower edge."""
    *_, sidebar = parts()
    move(sidebar.x + 60, sidebar.y + above_bottom)
    yield 0.3
    press("A")
    yield 0.7


def settle() -> Iterator[float]:
    """Let panels that changed their height find their places, which takes several drawings."""
    *_, sidebar = parts()
    for step in range(6):
        move(sidebar.x + sidebar.width - 32, sidebar.y + 40 + step)
        sidebar.tag_redraw()
        yield 0.3
    away()
    yield 0.5


def scroll_down() -> Iterator[float]:
    """Bring the end of the sidebar into view."""
    *_, sidebar = parts()
    # Beside the panels, because a list scrolls itself.
    for step in range(5):
        move(sidebar.x + sidebar.width - 32, sidebar.y + sidebar.height // 2 + step)
        yield 0.2
    for _ in range(40):
        press("WHEELDOWNMOUSE")
        yield 0.05
    yield 1.0


def heads() -> list[bpy.types.Object]:
    """Meshes with ARKit controls."""
    return [obj for obj in bpy.data.objects if obj.type == "MESH" and "jawOpen" in obj]


def import_session(film: Path, recording: Path) -> Iterator[float]:
    """A head with a take of a film's track and one of a recording, chosen as one session."""
    bpy.data.batch_remove(bpy.data.objects)
    bpy.ops.eifer.add_head(n_identity=0, n_expression=0)
    yield 2.0
    away()
    look_at_head()
    bpy.ops.eifer.import_track(filepath=str(film), take="Film of the session")
    head = heads()[0]
    session = bpy.context.scene.eifer_session
    action = head.animation_data.action
    bpy.context.view_layer.objects.active = head
    bpy.ops.eifer.import_recording(filepath=str(recording), take="EMG of the session")
    session.film, session.emg = action, head.animation_data.action
    yield 1.0


def look_at_head() -> None:
    """Frame the head from the front, without the marks of editing."""
    window, area, view, _ = parts()
    with bpy.context.temp_override(window=window, area=area, region=view):
        bpy.ops.view3d.view_axis(type="FRONT")
        bpy.ops.view3d.view_selected()
    overlay = area.spaces.active.overlay
    overlay.show_outline_selected = overlay.show_cursor = overlay.show_object_origins = False
    overlay.show_floor = overlay.show_axis_x = overlay.show_axis_y = False
    overlay.show_ortho_grid = False


def invoke(operator: Callable[..., set[str]], **options: object) -> set[str]:
    """Call an operator as a person does, with the 3D view under the mouse."""
    window, area, view, _ = parts()
    with bpy.context.temp_override(window=window, area=area, region=view):
        return operator("INVOKE_DEFAULT", **options)


def until_idle(each: Callable[[int], None] | None = None) -> Iterator[float]:
    """Wait for the modal import; `each` is called with the number of every look at it."""
    started, count = time.monotonic(), 0
    while bpy.context.window_manager.eifer.busy:
        assert time.monotonic() - started < IMPORT_LIMIT_S, "the import does not end"
        count += 1
        if each is not None:
            each(count)
        yield 0.02
    assert count > 1, "the window did not live on while importing"


def play(scenes: Sequence[Scene]) -> None:
    """Run the scenes from one timer, and quit with an exit code."""

    def whole() -> Iterator[float]:
        for scene in scenes:
            sys.stdout.write(f"scene {scene.__module__}.{scene.__name__}\n")
            yield from scene()

    steps = whole()

    def tick() -> float | None:
        try:
            return next(steps)
        except StopIteration:
            sys.stdout.write("The window did what it should.\n")
            leave(0)
        except (AssertionError, RuntimeError, TypeError, subprocess.SubprocessError):
            traceback.print_exc()
            leave(1)
        return None

    bpy.app.timers.register(tick, first_interval=2.0)


def leave(code: int) -> None:
    """End Blender at once with an exit code; quitting it would always give 0."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
