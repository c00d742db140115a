"""The Video panel: import films, see how far it is, what became of it, and the film itself."""

from __future__ import annotations

import textwrap
from typing import Any

import bpy

from .takes import avatar_of, current_take
from .video_clean import SHOWN, has_clean
from .video_imports import CHOICES, facts_of, is_partial
from .video_settings import STATE
from .video_stage import PLANE, film_of, strip_of

#: Characters that fit the sidebar at its default width.
_LINE = 44


class VIEW3D_PT_eifer_video(bpy.types.Panel):
    """Turn films of a face into takes."""

    bl_label = "Video"
    bl_idname = "VIEW3D_PT_eifer_video"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "EIFER"

    def draw(self, context: bpy.types.Context) -> None:
        """Main button, state line, then the job or the take at hand."""
        layout = self.layout
        state = getattr(context.window_manager, STATE)
        row = layout.row()
        row.scale_y = 1.4
        row.operator("eifer.import_video", icon="FILE_MOVIE")
        if state.busy:
            _draw_job(layout, state)
            return
        obj = avatar_of(context.object)
        action = current_take(obj) if obj is not None else None
        is_film = action is not None and CHOICES in action
        layout.label(text=_state_line(obj, action if is_film else None))
        if is_film:
            _draw_take(layout, action)
            _draw_film(layout, context, action)


def _draw_job(layout: Any, state: Any) -> None:
    for line in textwrap.wrap(state.status, _LINE):
        layout.label(text=line)
    row = layout.row(align=True)
    row.progress(factor=state.progress, text=f"{state.progress:.0%}")
    stop = row.row(align=True)
    stop.enabled = not state.stopping
    stop.operator("eifer.stop_video", text="", icon="X")
    layout.label(text="Stopping" if state.stopping else state.speed or "Starting")


def _state_line(obj: bpy.types.Object | None, action: bpy.types.Action | None) -> str:
    if action is not None:
        return f"Take: {action.name}"
    if obj is None:
        return "Choose a head, or import onto a new one"
    return f"{obj.name} plays no take of a film yet"


def _draw_take(layout: Any, action: bpy.types.Action) -> None:
    column = layout.column(align=True)
    for text in facts_of(action):
        for line in textwrap.wrap(text, _LINE):
            column.label(text=line)
    if is_partial(action):
        layout.operator("eifer.resume_video", icon="PLAY")


def _draw_film(layout: Any, context: bpy.types.Context, action: bpy.types.Action) -> None:
    scene = context.scene
    camera = film_of(scene, action)
    if camera is None:
        layout.operator("eifer.add_film", icon="CAMERA_DATA")
        return
    if scene.camera != camera:
        layout.operator("eifer.show_film", icon="CAMERA_DATA")
        return
    row = layout.row(align=True)
    row.operator("view3d.view_camera", text="Look through the camera", icon="CAMERA_DATA")
    row.operator("eifer.show_film", text="", icon="FILE_REFRESH")
    row.operator("eifer.pick_video_face", text="", icon="EYEDROPPER")
    _draw_clean(layout, camera)
    data = camera.data
    for background in data.background_images:
        row = layout.row(align=True)
        row.prop(data, "show_background_images", text="Film in the camera's view")
        row = layout.row(align=True)
        row.active = data.show_background_images
        row.prop(background, "alpha", text="Opacity", slider=True)
        front = background.display_depth == "FRONT"
        row.prop(
            background,
            "display_depth",
            text="",
            icon="IMAGE_PLANE" if front else "IMAGE_BACKGROUND",
        )
    plane = camera.get(PLANE)
    if plane is not None:
        row = layout.row(align=True)
        row.prop(plane, "hide_viewport", text="Film on a plane", invert_checkbox=True)
        row.prop(plane, "color", index=3, text="Opacity", slider=True)
    strip = strip_of(scene, camera)
    if strip is not None:
        icon = "MUTE_IPO_ON" if strip.mute else "PLAY_SOUND"
        layout.prop(strip, "mute", text="Sound", icon=icon, invert_checkbox=True)


def _draw_clean(layout: Any, camera: bpy.types.Object) -> None:
    """The film as it was filmed or without electrodes; the button that makes the latter."""
    if not has_clean(camera):
        layout.operator("eifer.save_clean_video", icon="BRUSH_DATA")
        return
    shown = bool(camera.get(SHOWN))
    row = layout.row(align=True)
    for version, words, pressed in (
        ("ORIGINAL", "Original", not shown), ("CLEAN", "Without electrodes", shown)
    ):  # fmt: skip
        row.operator("eifer.switch_film", text=words, depress=pressed).version = version
    row.operator("eifer.save_clean_video", text="", icon="FILE_TICK")
