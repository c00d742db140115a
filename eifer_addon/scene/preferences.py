"""Preferences: the user's FLAME file, the user's networks, and where the cache is."""

from __future__ import annotations

import bpy

from ..errors import EiferError
from ..files import cache_folder, models_folder

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

    torch_python: bpy.props.StringProperty(
        name="Python with torch",
        description="A Python from 3.11 on with torch, timm and onnxruntime, to import an official "
        "checkpoint, and with lightning, to train a model",
        subtype="FILE_PATH",
    )

    def draw(self, _context: bpy.types.Context) -> None:
        """Draw the preferences."""
        layout = self.layout
        layout.use_property_split = True
        layout.prop(self, "flame_path")
        self._draw_models(layout)
        row = layout.row()
        row.label(text="Converted heads are kept in")
        row.operator("wm.path_open", text=str(cache_folder()), icon="FILE_FOLDER").filepath = str(
            cache_folder()
        )

    def _draw_models(self, layout: bpy.types.UILayout) -> None:
        """The networks that the user imported, and the button for another."""
        layout.prop(self, "torch_python")
        column = layout.column()
        names = model_names()
        column.label(text="Imported networks" if names else "No network has been imported yet")
        for name in names:
            row = column.row()
            row.label(text=name, icon="CHECKMARK")
            row.operator("eifer.remove_model", text="", icon="X").model_name = name
        column.operator("eifer.import_model", icon="IMPORT")


def model_names() -> list[str]:
    """Names of the networks in the user's folder; the files are not opened, as this is drawn."""
    try:
        return sorted(path.stem for path in models_folder().glob("*.onnx"))
    except (EiferError, OSError):
        return []


def torch_python(context: bpy.types.Context) -> str:
    """The Python with torch from the preferences; empty when none is set."""
    addon = context.preferences.addons.get(PACKAGE)
    if addon is None or not addon.preferences:
        return ""
    return str(bpy.path.abspath(addon.preferences.torch_python))


def flame_file(context: bpy.types.Context) -> str:
    """The FLAME file from the preferences; empty when none is set or we run outside Blender."""
    addon = context.preferences.addons.get(PACKAGE)
    return str(addon.preferences.flame_path) if addon is not None and addon.preferences else ""
