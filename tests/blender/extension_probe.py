"""Install, enable, use and disable the extension ten times; write what was seen as JSON.

Started with an empty Blender user folder in a process of its own, by ``test_extension.py`` as
``python -S extension_probe.py ZIP REPORT`` or in a real Blender as ``--python … -- ZIP REPORT``.
"""

from __future__ import annotations

import gc
import importlib
import json
import sys
import time
import types
from pathlib import Path
from typing import Any

import bpy

# bpy's own module, on the path only after bpy itself was imported.
import addon_utils  # type: ignore[import-not-found]  # isort: skip

MODULE = "bl_ext.user_default.eifer"
WHEELS = ("scipy", "scipy.signal", "onnxruntime", "av", "edfio", "ai_edge_litert.interpreter")
WHEELS += ("google.protobuf", "flatbuffers", "matplotlib.figure", "matplotlib.backends.backend_agg")
ROUNDS, STREAM_PATIENCE_S = 10, 60.0


def state() -> dict[str, list[str]]:
    """Everything that an add-on can register, as comparable lists of names."""
    return {
        "classes": sorted(_classes()),
        "handlers": sorted(_handlers()),
        "timers": sorted(_timers()),
        "keymaps": sorted(_keymaps()),
        "properties": sorted(_properties()),
        "menus": sorted(_menu_entries()),
    }


def _classes() -> set[str]:
    bases = ("Operator", "Panel", "Menu", "Header", "UIList", "AddonPreferences", "PropertyGroup")
    bases += ("FileHandler", "KeyingSetInfo", "RenderEngine", "Gizmo", "GizmoGroup", "AssetShelf")
    waiting = [getattr(bpy.types, name) for name in bases if hasattr(bpy.types, name)]
    found: set[str] = set()
    while waiting:
        for child in waiting.pop().__subclasses__():
            waiting.append(child)
            # Blender makes Python classes of its own types when they are first asked for.
            own = child.__module__ in {"bpy.types", "bpy_types"}
            if not own and getattr(child, "is_registered", False):
                found.add(f"{child.__module__}.{child.__qualname__}")
    return found


def _handlers() -> list[str]:
    return [
        f"{name}: {entry.__module__}.{entry.__qualname__}"
        for name in dir(bpy.app.handlers)
        if isinstance(entries := getattr(bpy.app.handlers, name), list)
        for entry in entries
    ]


def _timers() -> list[str]:
    # Blender does not list its timers, but tells of any function whether it is one.
    return [
        f"{function.__module__}.{function.__qualname__}"
        for function in gc.get_objects()
        if isinstance(function, types.FunctionType | types.MethodType)
        and str(function.__module__).startswith(MODULE)
        and bpy.app.timers.is_registered(function)
    ]


def _keymaps() -> list[str]:
    configuration = bpy.context.window_manager.keyconfigs.addon
    maps = configuration.keymaps if configuration is not None else ()
    return [f"{keymap.name}: {item.idname}" for keymap in maps for item in keymap.keymap_items]


def _properties() -> set[str]:
    return {
        f"{name}.{identifier}"
        for name in dir(bpy.types)
        if hasattr(kind := getattr(bpy.types, name), "bl_rna")
        for identifier in kind.bl_rna.properties.keys()  # noqa: SIM118  # a Blender collection
    }


def _menu_entries() -> list[str]:
    """Draw functions appended to Blender's own menus and panels."""
    return [
        f"{name}: {function.__module__}.{function.__qualname__}"
        for name in dir(bpy.types)
        if hasattr(draw := getattr(getattr(bpy.types, name), "draw", None), "_draw_funcs")
        for function in draw._draw_funcs
        # The first to append turns Blender's own function into the first entry of the list.
        if not function.__module__.startswith("bl_ui.")
    ]


def disable(*, with_wheels: bool) -> None:
    """Disable the extension as its checkbox does, or without taking its wheels away."""
    if with_wheels:
        bpy.ops.preferences.addon_disable(module=MODULE)
    else:
        addon_utils.disable(MODULE, default_set=True, refresh_handled=True)


def enable(*, with_wheels: bool) -> None:
    """Enable it as its checkbox does, or without the seconds that unpacking its wheels takes."""
    if with_wheels:
        bpy.ops.preferences.addon_enable(module=MODULE)
    else:
        assert addon_utils.enable(MODULE, default_set=True, refresh_handled=True) is not None


def use(report: dict[str, Any]) -> None:
    """Run one operator and look at what it made and which packages it used."""
    report["add_head"] = list(bpy.ops.eifer.add_head())
    head = bpy.context.object
    if head.type != "MESH":
        head = next(child for child in head.children if child.type == "MESH")
    report["vertices"] = len(head.data.vertices)
    report["shape_keys"] = len(head.data.shape_keys.key_blocks)
    api = importlib.import_module(MODULE).api
    report["api_vertices"] = api.load_head().n_vertices
    modules = {name: importlib.import_module(name) for name in WHEELS}
    report["imported"] = {name: str(module.__file__) for name, module in modules.items()}
    report["numpy"] = str(importlib.import_module("numpy").__file__)
    report["stream"] = stream()
    bpy.ops.wm.read_homefile(use_empty=True)


def stream() -> dict[str, Any]:
    """Play the simulated subject from the installed extension and list it."""
    live = f"{MODULE}.eifer_addon.live"
    player = importlib.import_module(f"{live}.player").Player()
    watch = importlib.import_module(f"{live}.source_watch").SourceWatch()
    player.start()
    watch.start()
    end = time.monotonic() + STREAM_PATIENCE_S
    state, listed = player.poll(), watch.poll()
    while time.monotonic() < end and not (state.state == "playing" and len(listed) == 2):
        time.sleep(0.1)
        state, listed = player.poll(), watch.poll()
    loaded = Path(f"/proc/{player._child.pid}/maps").read_text(encoding="utf-8")
    player.close()
    watch.close()
    return {
        "state": state.state,
        "sentence": state.sentence,
        "listed": [facts.name for facts in listed],
        "error": str(watch.error),
        "library": sorted({line.split()[-1] for line in loaded.splitlines() if "liblsl" in line}),
        "in_blender": "liblsl" in Path("/proc/self/maps").read_text(encoding="utf-8"),
    }


def main(archive: str, result: str) -> None:
    """Do everything and write the report."""
    report: dict[str, Any] = {"module": MODULE, "while_enabled": [], "after": []}
    report["before"] = state()
    bpy.ops.extensions.package_install_files(
        filepath=archive, repo="user_default", enable_on_install=True, overwrite=True
    )
    report["enabled"] = MODULE in bpy.context.preferences.addons
    use(report)
    for count in range(ROUNDS):
        report["while_enabled"].append(state())
        disable(with_wheels=count == 0)
        report["after"].append(state())
        enable(with_wheels=count == 0)
    disable(with_wheels=True)
    assert MODULE not in bpy.context.preferences.addons, "still enabled at the end"
    Path(result).write_text(json.dumps(report), encoding="utf-8")


main(*sys.argv[-2:])
