"""The fold of the Recordings panel in which a subject's own model is trained."""

from __future__ import annotations

import textwrap
from typing import Any

import bpy

from .controls import head_of
from .keyframes import is_take
from .session_settings import session_of
from .takes import takes_of
from .training_settings import running, training_of

#: Characters that fit a fold in the sidebar at its default width.
_LINE = 36


class VIEW3D_PT_eifer_training(bpy.types.Panel):
    """Train EMG2Exp on one recorded session."""

    bl_label = "Train this subject's model"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "EIFER"
    bl_parent_id = "VIEW3D_PT_eifer_recordings"
    bl_options = {"DEFAULT_CLOSED"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A head with two takes has to be chosen, or a training runs."""
        obj = head_of(context.object)
        return bool(running()) or (obj is not None and len(takes_of(obj)) > 1)

    def draw(self, context: bpy.types.Context) -> None:
        """Two takes, a name, and the button; or how far it is."""
        draw_training(self.layout, context)


def draw_training(layout: Any, context: bpy.types.Context) -> None:
    """Draw the training of the head at hand."""
    settings, session = training_of(context.scene), session_of(context.scene)
    now = running()
    if now:
        layout.progress(factor=now["share"], text=f"{now['share']:.0%}")
        _draw_lines(layout, now["text"], now["note"], "ESC stops and keeps the best so far")
        return
    column = layout.column(align=True)
    column.prop(session, "emg", icon="RNDCURVE")
    column.prop(session, "film", icon="FILE_MOVIE")
    if not (is_take(session.film) and is_take(session.emg)):
        _draw_lines(layout, "Choose the EMG take and the take of its film")
        return
    column = layout.column(align=True)
    column.use_property_split, column.use_property_decorate = True, False
    column.prop(settings, "subject")
    column.prop(settings, "network")
    column.prop(settings, "minutes")
    column.prop(settings, "use")
    row = layout.row()
    row.scale_y = 1.4
    row.operator("eifer.train_model", icon="PLAY")
    if settings.result:
        _draw_lines(layout, settings.result)
    if settings.made:
        row = layout.row()
        row.operator("eifer.use_trained_model", icon="CHECKMARK").model = settings.made


def _draw_lines(layout: Any, *texts: str) -> None:
    column = layout.column(align=True)
    column.scale_y = 0.8
    for text in texts:
        for line in textwrap.wrap(text, _LINE):
            column.label(text=line)
