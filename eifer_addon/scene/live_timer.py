"""What drives the live work: one timer while something is live, and what Blender's events mean.

An application timer goes on while the timeline plays, during other operators and with any number
of windows, and unlike a modal operator it does not keep Blender from saving automatically.
"""

from __future__ import annotations

import atexit
import logging
import time
from typing import Any

import bpy
from bpy.app.handlers import persistent

from .live_avatars import restore_all
from .live_driver import driver

_log = logging.getLogger(__name__)
_TAB = "EIFER"
_REDRAW_S = 0.1
_drawn_s = 0.0


def ensure_timer() -> None:
    """Let the steps come, until there is nothing left to do."""
    if not bpy.app.timers.is_registered(tick):
        # Persistent: opening a file must not stop it without a word.
        bpy.app.timers.register(tick, persistent=True)


def tick() -> float | None:
    """One step; what Blender's timer calls."""
    now = time.monotonic()
    try:
        wait_s = driver.step(now)
    except Exception as error:  # noqa: BLE001  # the boundary: Blender would drop the timer silently
        _log.exception("the live step failed")
        driver.close()
        driver.say(
            f"Live work stopped at an error that is not foreseen ({type(error).__name__}: "
            f"{error}). Please report it with the text in the system console.",
            alarm=True,
        )
        wait_s = None
    redraw(now, faces=driver.faces.moved, force=wait_s is None)
    return wait_s


def redraw(now: float, *, faces: bool = True, force: bool = False) -> None:
    """Draw 3D views anew where a face has moved, and the sidebars ten times a second at most.

    Parameters
    ----------
    now : float
        `time.monotonic`.
    faces : bool
        Whether a face has moved: custom properties do not tell Blender so.
    force : bool
        Draw the sidebars now.
    """
    global _drawn_s
    lists = force or now - _drawn_s >= _REDRAW_S
    if lists:
        _drawn_s = now
    elif not faces:
        return
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                for region in area.regions:
                    if (faces and region.type == "WINDOW") or (
                        lists and region.type == "UI" and _shows_tab(region)
                    ):
                        region.tag_redraw()


def _shows_tab(region: Any) -> bool:
    return getattr(region, "active_panel_category", _TAB) in (_TAB, "UNSUPPORTED")


@persistent  # type: ignore[untyped-decorator]
def before_load(*_: Any) -> None:
    """Another file is opened: everything that belongs to this one ends."""
    if driver.is_connected or driver.audition is not None:
        driver.audition = None
        driver.disconnect("Disconnected, because another file was opened.", finish=False)


@persistent  # type: ignore[untyped-decorator]
def after_load(*_: Any) -> None:
    """A file that was saved by itself in the middle of live work is put right."""
    restore_all()


@persistent  # type: ignore[untyped-decorator]
def after_undo(*_: Any) -> None:
    """An undone step may bring back what an avatar was like while it was live."""
    restore_all(avatar.uid for avatar in driver.faces.avatars)


@persistent  # type: ignore[untyped-decorator]
def before_save(*_: Any) -> None:
    """A file is saved as if nothing were live; the next step goes on."""
    driver.faces.release()
    restore_all()


def on_follow(_obj: Any, context: bpy.types.Context) -> None:
    """A checkbox of an avatar was changed."""
    if driver.is_connected:
        driver.follow(context)


_HANDLERS = (
    ("load_pre", before_load), ("load_post", after_load), ("undo_post", after_undo),
    ("redo_post", after_undo), ("save_pre", before_save),
)  # fmt: skip


def register() -> None:
    """Hear of Blender's events."""
    for name, handler in _HANDLERS:
        handlers = getattr(bpy.app.handlers, name)
        if handler not in handlers:
            handlers.append(handler)
    atexit.register(driver.end_processes)


def unregister() -> None:
    """End everything that is live, and hear of nothing any more."""
    atexit.unregister(driver.end_processes)
    driver.close()
    if bpy.app.timers.is_registered(tick):
        bpy.app.timers.unregister(tick)
    for name, handler in _HANDLERS:
        handlers = getattr(bpy.app.handlers, name)
        if handler in handlers:
            handlers.remove(handler)
