"""State of the add-on's window: what is under way and how far it is. Not saved in files."""

from __future__ import annotations

import bpy

#: Name of the pointer on the window manager.
STATE = "eifer"


class EiferState(bpy.types.PropertyGroup):
    """What the panels show under their buttons."""

    busy: bpy.props.BoolProperty(description="Whether an import is under way")
    progress: bpy.props.FloatProperty(
        description="Share of the work that is done", min=0.0, max=1.0, subtype="FACTOR"
    )
    status: bpy.props.StringProperty(description="What is being done or was done last")


def add_state() -> None:
    """Hang the state on the window manager."""
    setattr(bpy.types.WindowManager, STATE, bpy.props.PointerProperty(type=EiferState))


def remove_state() -> None:
    """Take the state away."""
    delattr(bpy.types.WindowManager, STATE)


def show_progress(context: bpy.types.Context, progress: float | None, status: str) -> None:
    """Show progress (0 to 1) in the panel and at the mouse pointer; None ends it."""
    manager = context.window_manager
    state = manager.eifer
    if progress is None:
        if state.busy:
            manager.progress_end()
    elif not state.busy:
        manager.progress_begin(0.0, 1.0)
    if progress is not None:
        manager.progress_update(progress)
    state.busy, state.progress, state.status = progress is not None, progress or 0.0, status
    for window in manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                area.tag_redraw()
