"""Choose a channel in the list; its tooltip says what was found about the signal."""

from __future__ import annotations

from typing import Any

import bpy

from ..eifer_addon.scene.channel_list import settings_at_hand
from .base import CANCELLED, FINISHED, OperatorResult


class EIFER_OT_explain_channel(bpy.types.Operator):
    """Show what was found about a channel."""

    bl_idname = "eifer.explain_channel"
    bl_label = "Channel quality"
    bl_options = {"INTERNAL"}

    channel: bpy.props.IntProperty(
        name="Channel", description="Its place in the list", min=0, options={"SKIP_SAVE"}
    )

    @classmethod
    def description(cls, context: bpy.types.Context, properties: Any) -> str:
        """What was found about the channel."""
        settings = settings_at_hand(context)
        if settings is None or properties.channel >= len(settings.channels):
            return "What was found about the channel"
        found = settings.channels[properties.channel]
        # Blender ends a tooltip with a full stop of its own.
        return (found.sentence or f"{found.name} was not judged").rstrip(".")

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Choose the channel, so that it is shown under the list."""
        settings = settings_at_hand(context)
        if settings is None or self.channel >= len(settings.channels):
            return CANCELLED
        settings.active_channel = self.channel
        return FINISHED
