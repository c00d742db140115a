"""Import films of a face as takes: drop files, or choose them; go on with what was stopped."""

from __future__ import annotations

import time
from typing import Any

import bpy

from ..eifer_addon.errors import EiferError
from ..eifer_addon.scene.takes import take_at_hand
from ..eifer_addon.scene.video_imports import VideoChoices, choices_of_take, is_partial
from ..eifer_addon.scene.video_queue import VideoQueue
from ..eifer_addon.scene.video_settings import STATE, clock, show_video_progress
from .base import (
    CANCELLED,
    FINISHED,
    PASSING,
    RUNNING,
    OperatorResult,
    guarded,
    in_object_mode,
    watched,
)
from .import_video_options import (
    VideoOptionsOfOperator,
    choices_of,
    draw_video_options,
    set_matches,
)

EXTENSIONS = (
    ".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".mts", ".m2ts", ".ts",
    ".wmv", ".flv", ".ogv", ".3gp", ".mxf", ".gif", ".bag",
)  # fmt: skip
_PICTURES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".exr", ".bmp", ".webp")
_GLOB = ";".join(f"*{extension}" for extension in EXTENSIONS + _PICTURES)
_TICK_S = 0.1
#: Between two looks of a script, which has nothing to redraw.
_REST_S = 0.02
_WIDTH = 420
_WORDS = "Turn films of a face into keys on the chosen head, or on a new head of that person"


def _poll(cls: Any, context: bpy.types.Context) -> bool:
    """Object mode, and no other import of films under way."""
    if not in_object_mode(cls, context, "takes are added"):
        return False
    if getattr(context.window_manager, STATE).busy:
        cls.poll_message_set("Films are being imported already")
        return False
    return True


class ModalVideo:
    """Work on films while Blender's window stays alive; ESC keeps what is done."""

    def begin(self, context: bpy.types.Context) -> OperatorResult:
        """Start the work and the timer that looks at it."""
        result = watched(self, context, lambda: self._start(context), _TICK_S)
        if result == RUNNING:
            self._show(context)
        return result

    def _start(self, context: bpy.types.Context) -> None:
        self.job = self.make_queue(context)

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> OperatorResult:
        """Look at the work, or ask it to end when ESC was pressed."""
        state = getattr(context.window_manager, STATE)
        if event.type == "ESC" and not state.stopping:
            state.stopping = True
            self.job.stop()
            return RUNNING
        if event.type != "TIMER":
            return PASSING
        if state.stopping:
            self.job.stop()
        result = guarded(self, self._look)
        if result == CANCELLED or self.job.finished:
            return self._end(context, result)
        self._show(context)
        # Others' timers are not ours to swallow.
        return PASSING

    def _look(self) -> None:
        self.job.step(time.monotonic())

    def _show(self, context: bpy.types.Context) -> None:
        show_video_progress(context, self.job.progress, self.job.status(), speed_of(self.job))

    def cancel(self, context: bpy.types.Context) -> None:
        """Clean up when Blender itself ends the operator, for example to open another file."""
        self._end(context, CANCELLED)

    def _end(self, context: bpy.types.Context, result: OperatorResult) -> OperatorResult:
        self.job.close()
        context.window_manager.event_timer_remove(self.timer)
        show_video_progress(context, None, "")
        if result == FINISHED:
            self.report({"INFO"}, f"Wrote {self.job.what}")
            look_through_camera(context)
        return result


def speed_of(job: VideoQueue) -> str:
    """Frames per second and the time that is left, in words."""
    film = job.at_hand
    if film is None or not film.progress.frames_per_s:
        return ""
    text = f"{film.progress.frames_per_s:.0f} frames/s"
    left = film.progress.eta_s
    return text if left is None else f"{text}, {clock(left)} left"


def look_through_camera(context: bpy.types.Context) -> None:
    """Let the 3D view under the mouse look through the film's camera."""
    space = getattr(context, "space_data", None)
    if context.scene.camera is not None and getattr(space, "type", "") == "VIEW_3D":
        space.region_3d.view_perspective = "CAMERA"


def run_through(operator: Any, queue: VideoQueue) -> None:
    """The whole import at once, for scripts."""
    try:
        while not queue.step(time.monotonic()):
            time.sleep(_REST_S)
    finally:
        queue.close()
    operator.report({"INFO"}, f"Wrote {queue.what}")


class EIFER_OT_run_video(ModalVideo, VideoOptionsOfOperator, bpy.types.Operator):
    """Import films while Blender's window stays alive; ESC keeps what is done."""

    bl_idname = "eifer.run_video"
    bl_label = "Import video"
    bl_description = "Import films while Blender's window stays alive; ESC keeps what is done"
    bl_options = {"INTERNAL", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Object mode, and no other import of films under way."""
        return _poll(cls, context)

    def make_queue(self, context: bpy.types.Context) -> VideoQueue:
        """The films with the choices of the dialog."""
        set_matches(self, context)
        return VideoQueue(context, choices_of(self, context))

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> OperatorResult:
        """Start; a timer looks at the work."""
        return self.begin(context)

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Import at once, without ticks."""
        return guarded(self, lambda: run_through(self, self.make_queue(context)))


class EIFER_OT_import_video(VideoOptionsOfOperator, bpy.types.Operator):
    """Turn films of a face into keys on the chosen head, or on a new head of that person."""

    bl_idname = "eifer.import_video"
    bl_label = "Import video"
    bl_description = _WORDS
    bl_options = {"REGISTER", "PRESET"}

    filter_glob: bpy.props.StringProperty(default=_GLOB, options={"HIDDEN", "SKIP_SAVE"})
    _asked = False

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Object mode, and no other import of films under way."""
        return _poll(cls, context)

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> OperatorResult:
        """Ask for the files, or for the options when files were dropped."""
        self._asked = True
        if not self.properties.is_property_set("frame_start"):
            self.frame_start = context.scene.frame_start
        set_matches(self, context)
        if self.filepath or self.directory:
            return context.window_manager.invoke_props_dialog(
                self, width=_WIDTH, confirm_text="Import"
            )
        context.window_manager.fileselect_add(self)
        return RUNNING

    def draw(self, _context: bpy.types.Context) -> None:
        """The films and the options."""
        draw_video_options(self)

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Hand over to the modal operator in a window; import at once in scripts."""
        if not self._asked or bpy.app.background:
            set_matches(self, context)
            return guarded(
                self, lambda: run_through(self, VideoQueue(context, choices_of(self, context)))
            )
        # Blender takes no modal operator from a file browser, and the undo step is the other's.
        options = {name: getattr(self, name) for name in VideoOptionsOfOperator.__annotations__}
        options |= {"files": [{"name": file.name} for file in self.files]}
        options |= {"face_at": tuple(self.face_at)}
        bpy.ops.eifer.run_video("INVOKE_DEFAULT", **options)
        return FINISHED


class EIFER_OT_resume_video(ModalVideo, bpy.types.Operator):
    """Go on with the film of the take that the chosen head plays, which was stopped early."""

    bl_idname = "eifer.resume_video"
    bl_label = "Go on with this film"
    bl_description = "Go on where the import was stopped, and complete the take"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """The chosen head has to play a take that was stopped early."""
        if not _poll(cls, context):
            return False
        if not is_partial(take_at_hand(context)):
            cls.poll_message_set("Choose a head that plays a film's take which was stopped early")
            return False
        return True

    def make_queue(self, context: bpy.types.Context) -> VideoQueue:
        """The take's own film, with the choices that it was begun with."""
        action = take_at_hand(context)
        chosen: VideoChoices | None = choices_of_take(action)
        if action is None or chosen is None:
            raise EiferError("This take does not know its film.", "Import the film again.")
        return VideoQueue(context, [chosen], resumed=action.name)

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> OperatorResult:
        """Start; a timer looks at the work."""
        return self.begin(context)

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Go on to the end at once, without ticks."""
        return guarded(self, lambda: run_through(self, self.make_queue(context)))


class EIFER_OT_stop_video(bpy.types.Operator):
    """End the import of films early, and keep what is done as a take."""

    bl_idname = "eifer.stop_video"
    bl_label = "Stop"
    bl_description = "End the import early; what is done becomes a take that can go on later"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Films have to be under way."""
        return bool(getattr(context.window_manager, STATE).busy)

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Tell the modal operator, which ends at its next tick."""
        getattr(context.window_manager, STATE).stopping = True
        return FINISHED


class EIFER_FH_video(bpy.types.FileHandler):
    """Films dropped into a 3D view."""

    bl_idname = "EIFER_FH_video"
    bl_label = "Film of a face"
    bl_import_operator = EIFER_OT_import_video.bl_idname
    bl_file_extensions = ";".join(EXTENSIONS)

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        """Films are dropped into 3D views."""
        return context.area is not None and context.area.type == "VIEW_3D"
