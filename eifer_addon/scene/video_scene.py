"""What a film changes in the scene itself: the frame rate, the picture's size, what lies on time.

All of it is given back when the import fails.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import bpy

from .keyframes import is_take
from .video_sound import strips_of

_RENDER = (
    "fps", "fps_base", "resolution_x", "resolution_y", "resolution_percentage", "pixel_aspect_x",
    "pixel_aspect_y", "film_transparent", "use_compositing",
)  # fmt: skip
_SCENE = ("frame_start", "frame_end", "camera")
#: Rates that cameras and editors know; a film of a variable rate gets the nearest within 3 %.
_USUAL_HZ = (24000 / 1001, 24.0, 25.0, 30000 / 1001, 30.0, 48.0, 50.0, 60000 / 1001, 60.0, 120.0)
_NEAR = 0.03
#: What Blender takes for a rate.
_FPS_RANGE = (1, 32767)


@contextlib.contextmanager
def restored_scene(scene: bpy.types.Scene) -> Iterator[None]:
    """Give the scene's settings, markers and strips back when something goes wrong."""
    render = scene.render
    settings = {name: getattr(render, name) for name in _RENDER}
    values = {name: getattr(scene, name) for name in _SCENE}
    transform = scene.view_settings.view_transform
    markers = [(marker.name, marker.frame, marker.select) for marker in scene.timeline_markers]
    had_editor = scene.sequence_editor is not None
    strips = {strip.name for strip in strips_of(scene) or ()}
    compositor = _compositor(scene)
    try:
        yield
    except BaseException:
        for name, value in settings.items():
            setattr(render, name, value)
        for name, value in values.items():
            setattr(scene, name, value)
        scene.view_settings.view_transform = transform
        _restore_markers(scene, markers)
        _remove_strips(scene, strips, had_editor)
        _restore_compositor(scene, compositor)
        raise


def _restore_markers(scene: bpy.types.Scene, markers: list[tuple[str, int, bool]]) -> None:
    scene.timeline_markers.clear()
    for name, frame, selected in markers:
        scene.timeline_markers.new(name, frame=frame).select = selected


def _remove_strips(scene: bpy.types.Scene, kept: set[str], had_editor: bool) -> None:
    strips = strips_of(scene)
    if strips is None:
        return
    for strip in [strip for strip in strips if strip.name not in kept]:
        strips.remove(strip)
    if not had_editor:
        scene.sequence_editor_clear()


def _compositor(scene: bpy.types.Scene) -> Any:
    """What the scene composes with: a node group from 5.0, else whether it uses its own nodes."""
    if hasattr(scene, "compositing_node_group"):
        return scene.compositing_node_group
    return scene.use_nodes


def _restore_compositor(scene: bpy.types.Scene, compositor: Any) -> None:
    if hasattr(scene, "compositing_node_group"):
        scene.compositing_node_group = compositor
        return
    if not compositor and scene.node_tree is not None:
        scene.node_tree.nodes.clear()
    scene.use_nodes = compositor


def has_takes(scene: bpy.types.Scene) -> bool:
    """Whether something in the file is a take already, which a new frame rate would stretch."""
    return len(scene.objects) > 0 and any(is_take(action) for action in bpy.data.actions)


def set_rate(scene: bpy.types.Scene, rate_hz: float, *, is_variable: bool = False) -> None:
    """Give the scene the frame rate of a film.

    Parameters
    ----------
    scene : bpy.types.Scene
    rate_hz : float
        Pictures per second; 0, which a single picture has, changes nothing.
    is_variable : bool
        Whether it is a mean only, which is brought to the nearest usual rate.
    """
    if rate_hz <= 0:
        return
    nearest = min(_USUAL_HZ, key=lambda usual: abs(usual / rate_hz - 1))
    # The mean over a container's rounded timestamps misses the true rate by a little.
    if abs(nearest / rate_hz - 1) <= (_NEAR if is_variable else 1e-4):
        rate_hz = nearest
    whole = min(max(round(rate_hz), _FPS_RANGE[0]), _FPS_RANGE[1])
    scene.render.fps, scene.render.fps_base = whole, whole / rate_hz


def set_size(scene: bpy.types.Scene, width: int, height: int) -> None:
    """Let renders have the film's size."""
    render = scene.render
    render.resolution_x, render.resolution_y = max(4, width), max(4, height)
    render.resolution_percentage = 100
    render.pixel_aspect_x = render.pixel_aspect_y = 1.0
