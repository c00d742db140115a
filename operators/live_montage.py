"""Say which muscle a channel of the live stream stands for."""

from __future__ import annotations

from typing import Any

import bpy

from ..eifer_addon.scene.channel_rows import MUSCLES, NONE, SIDES
from ..eifer_addon.scene.live_driver import driver
from ..eifer_addon.scene.live_montage import change_montage
from .base import OperatorResult, guarded

#: Blender keeps only pointers to these strings.
_channels: list[tuple[str, str, str]] = []


def _channel_items(_operator: Any, _context: Any) -> list[tuple[str, str, str]]:
    names = driver.snapshot.status.get("source", {}).get("channels", ())
    _channels[:] = [(str(name), str(name), "") for name in names]
    return _channels


class EIFER_OT_live_montage(bpy.types.Operator):
    """Say which muscle a channel of the stream stands for."""

    bl_idname = "eifer.live_montage"
    bl_label = "Change Channel"
    bl_description = (
        "Say which muscle a channel stands for; it acts at once, and is saved as the montage file"
    )
    bl_options = {"REGISTER"}

    channel: bpy.props.EnumProperty(
        name="Channel", description="The channel of the stream", items=_channel_items
    )
    muscle: bpy.props.EnumProperty(
        name="Muscle", description="Which muscle the channel stands for", items=MUSCLES
    )
    side: bpy.props.EnumProperty(
        name="Side", description="On which side of the subject's face", items=SIDES
    )

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Channels are known once something is connected."""
        if driver.snapshot.state != "connected":
            cls.poll_message_set("Connect a source first")
            return False
        if driver.recorder.phase != "idle" or driver.calibration is not None:
            cls.poll_message_set("Something is being recorded")
            return False
        return True

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> OperatorResult:
        """Ask for channel, muscle and side."""
        return context.window_manager.invoke_props_dialog(self, title="Which muscle is it?")

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Change the montage, and connect again with it."""
        target = None if self.muscle == NONE else f"{self.muscle}.{self.side}"
        return guarded(self, lambda: change_montage(context, driver, self.channel, target))
