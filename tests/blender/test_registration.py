"""What registering adds, unregistering takes away, however often."""

from __future__ import annotations

import bpy

from eifer.operators import registration

MENUS = ("VIEW3D_MT_mesh_add", "TOPBAR_MT_file_import")


def left_behind() -> dict[str, object]:
    """Everything of ours that Blender knows at the moment."""
    kinds = ("Operator", "Panel", "Menu", "UIList", "FileHandler", "AddonPreferences")
    kinds += ("PropertyGroup",)
    classes = {
        cls.__name__
        for kind in kinds
        for cls in getattr(bpy.types, kind).__subclasses__()
        if cls.is_registered and cls.__module__.startswith("eifer.")
    }
    handlers = sum(
        len(entries) for name in dir(bpy.app.handlers)
        if isinstance(entries := getattr(bpy.app.handlers, name), list)
    )  # fmt: skip
    keys = bpy.context.window_manager.keyconfigs.addon
    return {
        "classes": classes,
        "properties": set(bpy.types.WindowManager.bl_rna.properties.keys())
        | set(bpy.types.Scene.bl_rna.properties.keys())
        | set(bpy.types.Object.bl_rna.properties.keys()),
        "menus": {name: len(getattr(bpy.types, name).draw._draw_funcs) for name in MENUS
                  if hasattr(getattr(bpy.types, name).draw, "_draw_funcs")},
        "handlers": handlers,
        "keymap items": sum(len(k.keymap_items) for k in keys.keymaps) if keys else 0,
        "commands": len(registration._commands),
        "operators": set(dir(bpy.ops.eifer)),
    }  # fmt: skip


def test_ten_rounds_leave_nothing_behind() -> None:
    registration.register()
    registration.unregister()
    before = left_behind()
    assert before["classes"] == set()
    assert before["commands"] == 0
    for _ in range(10):
        registration.register()
        during = left_behind()
        assert len(during["classes"]) == len(registration.CLASSES)  # type: ignore[arg-type]
        assert during["commands"] == 1
        registration.unregister()
        assert left_behind() == before


def test_registering_twice_is_registering_once() -> None:
    registration.register()
    registration.register()
    registration.unregister()
    assert left_behind()["classes"] == set()
    registration.unregister()


def test_every_operator_and_property_is_described() -> None:
    registration.register()
    for cls in registration.CLASSES:
        assert cls.__doc__
        for name, prop in getattr(cls, "bl_rna").properties.items():  # noqa: B009
            own = name in getattr(cls, "__annotations__", {})
            if own and not prop.is_hidden and name != "filepath":
                assert len(prop.description) > 10, f"{cls.__name__}.{name}"
    registration.unregister()
