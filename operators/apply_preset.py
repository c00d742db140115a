"""Set the controls of a head to an expression."""

from __future__ import annotations

import bpy

from ..eifer_addon.scene import controls
from .base import OperatorResult, guarded

# Blender keeps only a pointer to the strings of a dynamic list, so they live here.
_ITEMS = tuple((name, name.capitalize(), f"Set the face to {name}") for name in controls.presets())


class EIFER_OT_apply_preset(bpy.types.Operator):
    """Set all ARKit controls of the chosen head to an expression."""

    bl_idname = "eifer.apply_preset"
    bl_label = "Apply expression"
    bl_description = "Set all ARKit controls of the chosen head to an expression"
    bl_options = {"REGISTER", "UNDO"}

    preset: bpy.props.EnumProperty(
        name="Expression", description="Which expression the face takes", items=_ITEMS
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A head has to be chosen."""
        if controls.head_of(context.object) is None:
            cls.poll_message_set("Choose a head that was added with EIFER")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Set the controls."""
        return guarded(self, lambda: self._apply(context))

    def _apply(self, context: bpy.types.Context) -> None:
        obj = controls.head_of(context.object)
        assert obj is not None
        controls.apply_preset(obj, self.preset)
