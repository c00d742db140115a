"""Film and EMG of one session: lay them onto one timeline, look at both, and fuse them."""

from __future__ import annotations

from typing import Any

import bpy

from ..eifer_addon.errors import EiferError
from ..eifer_addon.scene.controls import head_of
from ..eifer_addon.scene.keyframes import is_take
from ..eifer_addon.scene.playing_takes import play_take
from ..eifer_addon.scene.session import find_clocks, fuse_takes, lay_take, show_take
from ..eifer_addon.scene.session_beside import beside_of, head_beside, show_beside
from ..eifer_addon.scene.session_settings import covered_in, session_of, show_sync
from ..eifer_addon.scene.transaction import all_or_nothing
from ..eifer_addon.signals.sync_result import BY_HAND, Sync
from .base import FINISHED, OperatorResult, guarded, in_object_mode

_MODES = (
    ("FILM", "Film", "The avatar plays the film's take"),
    ("EMG", "EMG", "The avatar plays the EMG take"),
    ("FUSED", "Fused", "The avatar plays the take that was made of both"),
    ("BESIDE", "Side by side", "A second head plays the EMG take beside the film's"),
)


class _OfASession:
    """What the operators below ask for."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A head has to be chosen, and two takes."""
        if not in_object_mode(cls, context, "takes are laid"):
            return False
        settings = session_of(context.scene)
        if head_of(context.object) is None:
            cls.poll_message_set("Choose a head of EIFER")
            return False
        if not (is_take(settings.film) and is_take(settings.emg)):
            cls.poll_message_set("Choose the take of the film and that of the EMG first")
            return False
        if settings.film == settings.emg:
            cls.poll_message_set("Choose two takes that are not the same")
            return False
        return True


class EIFER_OT_find_offset(_OfASession, bpy.types.Operator):
    """Find how the clocks of film and EMG lie to each other, and move the EMG take there."""

    bl_idname = "eifer.find_offset"
    bl_label = "Find the offset"
    bl_description = "Find how the clocks of film and EMG lie, and move the EMG take there"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Find it in the chosen way."""
        return guarded(self, lambda: self._run(context))

    def _run(self, context: bpy.types.Context) -> None:
        settings = session_of(context.scene)
        place = tuple(settings.rectangle)
        context.window_manager.progress_begin(0.0, 1.0)
        try:
            sync = find_clocks(
                context, head_of(context.object), settings.film, settings.emg,
                method=settings.method, trigger=settings.trigger,
                rectangle=place if place[2] and place[3] else None,
            )  # fmt: skip
        finally:
            context.window_manager.progress_end()
        lay_take(context, settings.film, settings.emg, sync)
        show_sync(settings, sync)
        self.report({"INFO"}, sync.describe().splitlines()[0])


class EIFER_OT_show_takes(_OfASession, bpy.types.Operator):
    """Let the avatar play the film's take, the EMG take, or the one of both."""

    bl_idname = "eifer.show_takes"
    bl_label = "Show takes"
    bl_options = {"REGISTER", "UNDO"}

    mode: bpy.props.EnumProperty(name="Show", description="What is shown", items=_MODES)

    @classmethod
    def description(cls, _context: bpy.types.Context, properties: Any) -> str:
        """What the button shows."""
        return next(words for mode, _, words in _MODES if mode == properties.mode)

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Show it."""
        return guarded(self, lambda: self._run(context))

    def _run(self, context: bpy.types.Context) -> None:
        settings, obj = session_of(context.scene), head_of(context.object)
        takes = {"FILM": settings.film, "EMG": settings.emg, "FUSED": settings.fused}
        wanted = takes.get(self.mode, settings.film)
        if not is_take(wanted):
            raise EiferError("There is no fused take yet.", "Press the button below first.")
        if self.mode == "BESIDE":
            with all_or_nothing(context):
                other = head_beside(context, obj)
                play_take(other, settings.emg)
                show_beside(other, shown=True)
        elif (other := beside_of(context.scene, obj)) is not None:
            show_beside(other, shown=False)
        show_take(context.scene, obj, wanted)


class EIFER_OT_fuse_takes(_OfASession, bpy.types.Operator):
    """Make one take of both: the film where it is sure, the muscles where it is covered."""

    bl_idname = "eifer.fuse_takes"
    bl_label = "Fuse film and EMG"
    bl_description = "One take of both: the film where it is sure, the muscles where it is covered"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Fuse the takes as they lie."""
        return guarded(self, lambda: self._run(context))

    def _run(self, context: bpy.types.Context) -> None:
        settings, obj = session_of(context.scene), head_of(context.object)
        settings.fused = fuse_takes(
            context, obj, settings.film, settings.emg,
            delay_ms=settings.delay_ms if settings.own_delay else None,
            covered=lambda frames: covered_in(settings, frames), fused=settings.fused,
        )  # fmt: skip
        self.report({"INFO"}, f"Wrote the take '{settings.fused.name}'")


class EIFER_OT_add_covered(_OfASession, bpy.types.Operator):
    """Say that a part of the face cannot be seen for a while."""

    bl_idname = "eifer.add_covered"
    bl_label = "Covered for a while"
    bl_description = "A part of the face is covered over the preview range, or from this frame on"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Add a row that can be changed."""
        scene = context.scene
        row = session_of(scene).stretches.add()
        if scene.use_preview_range:
            row.first, row.last = scene.frame_preview_start, scene.frame_preview_end
        else:
            second = round(scene.render.fps / scene.render.fps_base)
            row.first, row.last = scene.frame_current, scene.frame_current + second
        return FINISHED


class EIFER_OT_remove_covered(_OfASession, bpy.types.Operator):
    """Take a row away."""

    bl_idname = "eifer.remove_covered"
    bl_label = "Not covered"
    bl_description = "Take this row away"
    bl_options = {"REGISTER", "UNDO"}

    index: bpy.props.IntProperty(name="Row", description="Which row", min=0)

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Remove it."""
        session_of(context.scene).stretches.remove(self.index)
        return FINISHED


def on_offset(context: bpy.types.Context) -> None:
    """Move the EMG take after its offset or drift was set by hand."""
    settings = session_of(context.scene)
    if is_take(settings.film) and is_take(settings.emg):
        sync = Sync(settings.seconds, settings.drift_ppm, 1.0, BY_HAND)
        lay_take(context, settings.film, settings.emg, sync)


CLASSES = (
    EIFER_OT_find_offset,
    EIFER_OT_show_takes,
    EIFER_OT_fuse_takes,
    EIFER_OT_add_covered,
    EIFER_OT_remove_covered,
)
