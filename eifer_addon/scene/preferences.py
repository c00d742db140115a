"""Preferences: the user's FLAME file, and where the cache is."""

from __future__ import annotations

import bpy

from ..files import cache_folder

#: The extension's module as Blender knows it: ``bl_ext.user_default.eifer``, or ``eifer``.
PACKAGE = __package__.removesuffix(".eifer_addon.scene")


class EiferPreferences(bpy.types.AddonPreferences):
    """What a person sets once."""

    bl_idname = PACKAGE

    flame_path: bpy.props.StringProperty(
        name="FLAME file",
        description="Your copy of a FLAME model (pickle or npz), offered first when you add one",
        subtype="FILE_PATH",
    )

    def draw(self, _context: bpy.types.Context) -> None:
        """Draw the preferences."""
        layout = self.layout
        layout.use_property_split = True
        layout.prop(self, "flame_path")
        row = layout.row()
        row.label(text="Converted heads and models are kept in")
        row.operator("wm.path_open", text=str(cache_folder()), icon="FILE_FOLDER").filepath = str(
            cache_folder()
        )


def flame_file(context: bpy.types.Context) -> str:
    """The FLAME file from the preferences; empty when none is set or we run outside Blender."""
    addon = context.preferences.addons.get(PACKAGE)
    return str(addon.preferences.flame_path) if addon is not None and addon.preferences else ""
