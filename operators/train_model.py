"""Train a subject's EMG2Exp model on one session, in a Python that has torch."""

from __future__ import annotations

import time
from typing import Any

import bpy

from ..eifer_addon.errors import EiferError
from ..eifer_addon.scene.controls import head_of
from ..eifer_addon.scene.edits import remake_take
from ..eifer_addon.scene.keyframes import is_take
from ..eifer_addon.scene.playing_takes import play_take
from ..eifer_addon.scene.preferences import torch_python
from ..eifer_addon.scene.session_settings import session_of
from ..eifer_addon.scene.takes import current_take
from ..eifer_addon.scene.training_session import save_for_training
from ..eifer_addon.scene.training_settings import (
    end_running,
    running,
    show_running,
    training_of,
)
from ..eifer_addon.training_job import (
    TrainingJob,
    TrainingRequest,
    checked_name,
    explains,
    workshop,
)
from .base import CANCELLED, PASSING, RUNNING, OperatorResult, guarded, watched

_TICK_S, _LOOK_S = 0.25, 0.1
_QUALITY = "validation/r2"


class EIFER_OT_train_model(bpy.types.Operator):
    """Train the subject's model from the session of two takes; ESC keeps the best so far."""

    bl_idname = "eifer.train_model"
    bl_label = "Train this subject's model"
    bl_description = (
        "Learn from this session how the subject's muscles move the face, with the Python that the "
        "preferences name; Blender goes on meanwhile, and ESC keeps the best so far"
    )
    bl_options = {"UNDO"}

    subject: bpy.props.StringProperty(
        name="Subject", description="Name of the model; the panel's when empty"
    )
    settings: bpy.props.StringProperty(
        name="Settings", description="Settings of the training, as in 'trainer.max_steps=500'"
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A head and two takes have to be chosen, and no other training may run."""
        session = session_of(context.scene)
        if running():
            cls.poll_message_set("A training runs already")
        elif head_of(context.object) is None:
            cls.poll_message_set("Choose a head of EIFER")
        elif not (is_take(session.film) and is_take(session.emg)):
            cls.poll_message_set("Choose the EMG take and the take of its film")
        else:
            return True
        return False

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> OperatorResult:
        """Start the training and the timer that looks at it."""
        result = watched(self, context, lambda: self._start(context), _TICK_S)
        if result == RUNNING:
            show_running(0.0, "Starting")
        return result

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Train to the end; for scripts."""
        return guarded(self, lambda: self._through(context))

    def _through(self, context: bpy.types.Context) -> None:
        self._start(context)
        try:
            while self.job.poll() == "running":
                time.sleep(_LOOK_S)
            self._finish(context)
        finally:
            self.job.close()

    def _start(self, context: bpy.types.Context) -> None:
        settings, session = training_of(context.scene), session_of(context.scene)
        python = torch_python(context)
        if not python and not has_torch():
            raise EiferError(
                "Training needs torch, which Blender's Python does not have.",
                "Name a Python that has torch and lightning in the add-on's preferences, or save "
                "the session and run 'eifer train emg2exp' in a terminal.",
            )
        name = checked_name(self.subject or settings.subject or session.emg.name)
        data = workshop(name) / "session"
        n_clips = save_for_training(
            context, head_of(context.object), session.film, session.emg, name, data
        )
        wanted = (
            f"model.name={settings.network}", f"trainer.max_minutes={settings.minutes:g}",
            "data.split_by=movement", "data.test_share=0.0", *self.settings.split(),
        )  # fmt: skip
        # The operator outlives undo steps, which make bpy's objects anew.
        self.scene, self.head, self.take = (
            context.scene.name, head_of(context.object).name, session.emg.name
        )  # fmt: skip
        self.told = ""
        self.job = TrainingJob(TrainingRequest(name, str(data), settings=wanted, python=python))
        settings.result = f"{n_clips} clips of this session"

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> OperatorResult:
        """Look at the training, or let it end when ESC was pressed."""
        if event.type == "ESC" and event.value == "PRESS":
            self.job.finish()
            return RUNNING
        if event.type != "TIMER":
            return PASSING
        if self.job.poll() == "running":
            text = self.job.describe()
            show_running(self.job.share, text, self.job.note)
            if text + self.job.note != self.told:
                self.told = text + self.job.note
                context.workspace.status_text_set(f"Training: {text}. ESC keeps the best so far.")
                _redraw(context)
            return PASSING
        return self._end(context, guarded(self, lambda: self._finish(context)))

    def _finish(self, context: bpy.types.Context) -> None:
        scene = bpy.data.scenes.get(self.scene)
        settings = training_of(scene) if scene is not None else None
        try:
            self.job.check()
        except EiferError as error:
            if settings is not None:
                settings.result, settings.made = str(error), ""
            raise
        made = self.job.made
        text = words_of(made)
        if settings is not None:
            settings.result, settings.made = text, made["name"]
        self.report({"INFO"}, text)
        if not is_better(made):
            self.report({"WARNING"}, "It is no better than the model that it began from")
        elif settings is not None and settings.use:
            self._use(context, made["name"])

    def _use(self, context: bpy.types.Context, model: str) -> None:
        """Make the keys of the EMG take again; the model is good even where they cannot be."""
        obj, take = bpy.data.objects.get(self.head), bpy.data.actions.get(self.take)
        try:
            use_model(context, obj, take, model)
        except EiferError as error:
            self.report({"WARNING"}, f"The take '{self.take}' is as it was: {error}")

    def cancel(self, context: bpy.types.Context) -> None:
        """Clean up when Blender itself ends the operator; the checkpoint is kept."""
        self._end(context, CANCELLED)

    def _end(self, context: bpy.types.Context, result: OperatorResult) -> OperatorResult:
        self.job.close()
        end_running()
        context.window_manager.event_timer_remove(self.timer)
        context.workspace.status_text_set(None)
        _redraw(context)
        return result


class EIFER_OT_use_trained_model(bpy.types.Operator):
    """Make the EMG take's keys again with the model that was trained."""

    bl_idname = "eifer.use_trained_model"
    bl_label = "Use it for the EMG take"
    bl_description = "Make the keys of the EMG take again with the model that was trained last"
    bl_options = {"REGISTER", "UNDO"}

    model: bpy.props.StringProperty(name="Model", options={"SKIP_SAVE"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """An EMG take has to be chosen."""
        if head_of(context.object) is None or not is_take(session_of(context.scene).emg):
            cls.poll_message_set("Choose a head of EIFER and its EMG take")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Let the head play the EMG take, and make its keys again."""
        obj, emg = head_of(context.object), session_of(context.scene).emg
        return guarded(self, lambda: use_model(context, obj, emg, self.model))


CLASSES = (EIFER_OT_train_model, EIFER_OT_use_trained_model)


def use_model(
    context: bpy.types.Context, obj: bpy.types.Object | None, take: bpy.types.Action | None,
    model: str,
) -> None:  # fmt: skip
    """Let a head play a take, and make its keys again with a model, trained anew or not.

    Raises
    ------
    EiferError
        When head or take are gone, or the recording behind the take is.
    """
    if obj is None or take is None:
        raise EiferError("The head or its EMG take is gone.", "Undo, or import it again.")
    if current_take(obj) != take:
        play_take(obj, take)
    remake_take(context, obj, model=model, any_model=True)


def words_of(made: dict[str, Any]) -> str:
    """What came of a training, for a person."""
    from ..models.training.progress import spell

    quality, before = (made.get(part, {}).get(_QUALITY) for part in ("metrics", "before"))
    words = f"Trained '{made['name']}' in {spell(made['seconds'])}"
    if quality is None:
        return words
    words = f"{words}, {explains(quality)}"
    return words if before is None else f"{words} ({max(0.0, before):.0%} before)"


def is_better(made: dict[str, Any]) -> bool:
    """Whether a training was of use, as far as the held-out clips tell."""
    quality, before = (made.get(part, {}).get(_QUALITY) for part in ("metrics", "before"))
    return quality is None or before is None or quality > before


def has_torch() -> bool:
    """Whether the Python that runs now can train."""
    import importlib.util

    return all(importlib.util.find_spec(name) for name in ("torch", "lightning"))


def _redraw(context: bpy.types.Context) -> None:
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                area.tag_redraw()
