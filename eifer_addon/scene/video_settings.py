"""What the Video panel shows while films are imported. Not saved in files."""

from __future__ import annotations

import bpy

#: Name of the pointer on the window manager.
STATE = "eifer_video"


class EiferVideoState(bpy.types.PropertyGroup):
    """How far the import of films is."""

    busy: bpy.props.BoolProperty(description="Whether films are being imported")
    stopping: bpy.props.BoolProperty(description="Whether the import was asked to end early")
    progress: bpy.props.FloatProperty(
        description="Share of the work that is done", min=0.0, max=1.0, subtype="FACTOR"
    )
    status: bpy.props.StringProperty(description="What is being done or was done last")
    speed: bpy.props.StringProperty(description="Frames per second, and the time that is left")


CLASSES = (EiferVideoState,)


def add_state() -> None:
    """Hang the state on the window manager."""
    pointer = bpy.props.PointerProperty(type=EiferVideoState)
    setattr(bpy.types.WindowManager, STATE, pointer)


def remove_state() -> None:
    """Take the state away."""
    delattr(bpy.types.WindowManager, STATE)


def show_video_progress(
    context: bpy.types.Context, progress: float | None, status: str, speed: str = ""
) -> None:
    """Show how far the import is, in panel and status bar; None for `progress` ends it."""
    state = getattr(context.window_manager, STATE)
    state.busy, state.progress = progress is not None, progress or 0.0
    state.status, state.speed = status, speed
    if progress is None:
        state.stopping = False
    for window in context.window_manager.windows:
        told = ", ".join(filter(None, (status, speed, "ESC stops and keeps what is done")))
        bar = None if progress is None else told
        window.workspace.status_text_set(bar)
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                area.tag_redraw()


def clock(seconds: float) -> str:
    """A length of time in words: ``3 min 20 s``."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
