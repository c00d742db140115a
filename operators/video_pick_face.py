"""Choose a face of a film by a click: the film is imported again, for whoever is there."""

from __future__ import annotations

import bpy
import numpy as np
from bpy_extras.view3d_utils import location_3d_to_region_2d

from ..eifer_addon.errors import EiferError
from ..eifer_addon.scene.takes import avatar_of, current_take, track_from_object
from ..eifer_addon.scene.video_imports import VideoChoices, choices_of_take
from ..eifer_addon.scene.video_settings import STATE
from ..eifer_addon.scene.video_stage import film_of
from ..eifer_addon.track import Camera
from .base import CANCELLED, FINISHED, PASSING, RUNNING, OperatorResult, guarded, in_object_mode

_ASKS = "Click on a face in the film; ESC or the right button leaves"


def film_frame(context: bpy.types.Context, obj: bpy.types.Object, chosen: VideoChoices) -> int:
    """The number of the film's frame that was looked at for the take at the scene's frame."""
    track = track_from_object(context, obj)
    action, scene = current_take(obj), context.scene
    assert action is not None
    hz = scene.render.fps / scene.render.fps_base
    seconds = (scene.frame_current_final - float(action["eifer_frame_start"])) / hz
    row = int(np.argmin(np.abs(track.timestamps - seconds)))
    return int(chosen.options.get("start", 0)) + row * int(chosen.options.get("step", 1))


def point_of_picture(
    mouse: tuple[float, float], border: np.ndarray, seen: Camera
) -> tuple[int, int] | None:
    """The pixel of the film under the mouse; None beside the film.

    Parameters
    ----------
    mouse : tuple of float
        In pixels of the region, from its lower left corner.
    border : numpy.ndarray
        (4, 2) corners of the camera's view in the region.
    seen : Camera
        Whose picture is fitted into the border, whole.
    """
    low, high = border.min(axis=0), border.max(axis=0)
    scale = float(min((high - low) / (seen.width, seen.height)))
    x, y = (np.asarray(mouse) - (low + high) / 2) / scale
    column, row = seen.width / 2 + x, seen.height / 2 - y
    if not (0 <= column < seen.width and 0 <= row < seen.height):
        return None
    return int(column), int(row)


class EIFER_OT_pick_video_face(bpy.types.Operator):
    """Click on another face in the film, and import the film for that person."""

    bl_idname = "eifer.pick_video_face"
    bl_label = "Another face of this film"
    bl_description = "Click on a face in the camera's view, and import the film for that person"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """The view has to look through the camera of the take's film."""
        if not in_object_mode(cls, context, "faces are chosen"):
            return False
        if getattr(context.window_manager, STATE).busy:
            cls.poll_message_set("Films are being imported already")
            return False
        obj = avatar_of(context.object)
        camera = film_of(context.scene, current_take(obj) if obj is not None else None)
        view = getattr(context.space_data, "region_3d", None)
        if camera is None or context.scene.camera != camera or view is None:
            cls.poll_message_set("Choose a head that plays the take of a film")
            return False
        if view.view_perspective != "CAMERA":
            cls.poll_message_set("Look through the film's camera first")
            return False
        return True

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> OperatorResult:
        """Wait for the click."""
        context.workspace.status_text_set(_ASKS)
        context.window.cursor_modal_set("EYEDROPPER")
        context.window_manager.modal_handler_add(self)
        return RUNNING

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> OperatorResult:
        """Take the click; everything else goes on as usual, so that the timeline can be moved."""
        if event.type in {"ESC", "RIGHTMOUSE"}:
            return self._leave(context, CANCELLED)
        if event.type != "LEFTMOUSE" or event.value != "PRESS":
            return PASSING
        region = next((r for r in context.area.regions if r.type == "WINDOW"), None)
        if region is None:
            return self._leave(context, CANCELLED)
        mouse = float(event.mouse_x - region.x), float(event.mouse_y - region.y)
        if not (0 <= mouse[0] < region.width and 0 <= mouse[1] < region.height):
            return PASSING
        return self._leave(context, guarded(self, lambda: self._pick(context, region, mouse)))

    def _pick(
        self, context: bpy.types.Context, region: bpy.types.Region, mouse: tuple[float, float]
    ) -> None:
        obj = avatar_of(context.object)
        chosen = choices_of_take(current_take(obj)) if obj is not None else None
        track = track_from_object(context, obj) if obj is not None else None
        if obj is None or chosen is None or track is None or track.camera is None:
            raise EiferError("This take does not know its film.", "Import the film again.")
        camera = context.scene.camera
        corners = camera.data.view_frame(scene=context.scene)
        view = context.space_data.region_3d
        border = [
            location_3d_to_region_2d(region, view, camera.matrix_world @ corner, default=(0, 0))
            for corner in corners
        ]
        point = point_of_picture(mouse, np.array(border), track.camera)
        if point is None:
            raise EiferError("That is beside the film.", "Click on a face in the film.")
        bpy.ops.eifer.import_video(
            "INVOKE_DEFAULT", filepath=str(chosen.path), face="POINT", onto="NEW", face_at=point,
            face_frame=film_frame(context, obj, chosen),
        )  # fmt: skip

    @staticmethod
    def _leave(context: bpy.types.Context, result: OperatorResult) -> OperatorResult:
        context.workspace.status_text_set(None)
        context.window.cursor_modal_restore()
        return FINISHED if result == FINISHED else CANCELLED
