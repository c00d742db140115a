"""The tab in the 3D view's sidebar, and the entries in Blender's menus."""

from __future__ import annotations

import json
import re
import textwrap
from pathlib import Path
from typing import Any

import bpy

from .channels import region
from .controls import controls_of, head_of, is_head, metadata, presets
from .properties import STATE
from .takes import avatar_of, current_take, notes_of

_TAB = "EIFER"
#: Characters that fit the sidebar at its default width.
_LINE = 44
#: What the filter text says of a raw recording under 500 Hz.
_SHRUNK = re.compile(r"shrunk because ([\d.]+) Hz")


def draw_add_menu(self: Any, _context: bpy.types.Context) -> None:
    """Add ▸ Mesh ▸ EIFER head."""
    self.layout.operator("eifer.add_head", text="EIFER Head", icon="USER")


def draw_import_menu(self: Any, _context: bpy.types.Context) -> None:
    """File ▸ Import: a FLAME head, a recording, a video, a track."""
    self.layout.operator("eifer.add_head", text="FLAME head (.pkl/.npz)").browse = True
    self.layout.operator("eifer.import_recording", text="EMG recording (.edf/.bdf/.xdf/.csv …)")
    self.layout.operator("eifer.import_video", text="Film of a face (.mp4/.mov/.mkv …)")
    self.layout.operator("eifer.import_track", text="Expression track (.npz/.csv/.gz)")


def draw_export_menu(self: Any, _context: bpy.types.Context) -> None:
    """File ▸ Export: the take that the chosen head plays."""
    self.layout.operator("eifer.export_track", text="EIFER track (.csv/.npz)")


class VIEW3D_PT_eifer_rig(bpy.types.Panel):
    """Add a head and set its face."""

    bl_label = "Rig"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = _TAB

    def draw(self, context: bpy.types.Context) -> None:
        """Main button, state line, then the head's expressions and controls."""
        layout = self.layout
        row = layout.row(align=True)
        row.scale_y = 1.4
        row.operator("eifer.add_head", icon="USER")
        row.operator("eifer.add_head", text="", icon="FILE_FOLDER").browse = True
        obj = head_of(context.object)
        layout.label(text=_rig_state(context, obj))
        if obj is None or not controls_of(obj):
            return
        grid = layout.grid_flow(columns=2, align=True, even_columns=True)
        for name in presets():
            grid.operator("eifer.apply_preset", text=name.capitalize()).preset = name
        _draw_controls(layout, obj)


def _rig_state(context: bpy.types.Context, obj: bpy.types.Object | None) -> str:
    if obj is not None:
        keys = len(obj.data.shape_keys.key_blocks) - 1
        return f"{obj.name}: {metadata(obj)['head']} head, {keys} shape keys"
    count = sum(is_head(other) for other in context.scene.objects)
    return f"{count} heads in the scene, none chosen" if count else "No head in the scene yet"


def _draw_controls(layout: Any, obj: bpy.types.Object) -> None:
    """Sliders of the ARKit controls, one fold per region of the face."""
    regions: dict[str, list[str]] = {}
    for name in controls_of(obj):
        regions.setdefault(region(name), []).append(name)
    for title, names in regions.items():
        header, body = layout.panel(f"eifer_controls_{title}", default_closed=True)
        header.label(text=title)
        if body is None:
            continue
        column = body.column(align=True)
        for name in names:
            column.prop(obj, f'["{name}"]', text=words(name), slider=True)
    rig = obj.find_armature()
    if rig is not None:
        layout.prop(rig, "show_in_front", text="Bones in front")


def words(name: str) -> str:
    """An ARKit name as words: ``mouthSmileLeft`` gives ``Mouth smile left``."""
    return re.sub(r"(?<=[a-z])([A-Z])", r" \1", name).capitalize()


class VIEW3D_PT_eifer_recordings(bpy.types.Panel):
    """Import recordings and see what became of them."""

    bl_label = "Recordings"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = _TAB

    def draw(self, context: bpy.types.Context) -> None:
        """Main button, state line, then the take at hand."""
        layout = self.layout
        state = getattr(context.window_manager, STATE)
        row = layout.row(align=True)
        row.scale_y = 1.4
        row.operator("eifer.import_recording", icon="IMPORT")
        row.operator("eifer.import_track", text="", icon="ACTION")
        if state.busy:
            layout.progress(factor=state.progress, text=state.status)
            layout.label(text="ESC stops")
            return
        obj = avatar_of(context.object)
        action = current_take(obj) if obj is not None else None
        layout.label(text=_take_state(obj, action))
        if action is not None:
            _draw_take(layout, notes_of(action))
            layout.operator("eifer.apply_track_to_selected", icon="COMMUNITY")


def _take_state(obj: bpy.types.Object | None, action: bpy.types.Action | None) -> str:
    if obj is None:
        return "Choose a head, or import onto a new one"
    return f"Take: {action.name}" if action is not None else f"{obj.name} plays no take yet"


def _draw_take(layout: Any, notes: dict[str, Any]) -> None:
    column = layout.column(align=True)
    for line in take_lines(notes):
        column.label(text=line)
    # Takes that know their recording have a list of channels of their own.
    listed = "recipe" in notes
    for title, rows in (
        ("Channels", () if listed else mapped(notes)),
        ("Not mapped", () if listed else unmapped(notes)), ("Filters", filters(notes)),
    ):  # fmt: skip
        if not rows:
            continue
        header, body = layout.panel(f"eifer_take_{title}", default_closed=title == "Filters")
        header.label(text=title if title == "Filters" else f"{title} ({len(rows)})")
        if body is not None:
            _draw_rows(body.column(align=True), rows)


def _draw_rows(column: Any, rows: list[tuple[str, ...]]) -> None:
    for row in rows:
        line = column.split(factor=0.5) if len(row) > 1 else column
        for text in row:
            line.label(text=text)


def take_lines(notes: dict[str, Any]) -> list[str]:
    """What was imported, a few lines."""
    lines = [f"File: {Path(str(notes['file'])).name}"] if notes.get("file") else []
    lines.append(f"{notes['frames']} frames over {notes['duration_s']:.1f} s")
    if notes["gaps"]:
        lines.append(f"{notes['gaps']} frames are gaps and were not keyed")
    if notes.get("simulated"):
        lines.append("Simulated, not measured")
    slow = _SHRUNK.search(str(notes.get("filters", "")))
    if slow:
        lines.append(f"Recorded at {slow[1]} Hz: a part of the EMG is lost")
    if notes.get("not_keyed"):
        lines.append(f"Not keyed: {notes['not_keyed']}")
    return lines


def mapped(notes: dict[str, Any]) -> list[tuple[str, ...]]:
    """Rows of channel and muscle."""
    pairs = json.loads(str(notes.get("channels", "[]")))
    return [(str(channel), _muscle(str(muscle))) for channel, muscle in pairs]


def unmapped(notes: dict[str, Any]) -> list[tuple[str, ...]]:
    """Rows of channels that belong to no muscle."""
    return [(str(name),) for name in json.loads(str(notes.get("unmapped", "[]")))]


def filters(notes: dict[str, Any]) -> list[tuple[str, ...]]:
    """The filter chain, wrapped to the sidebar's width."""
    steps = json.loads(str(notes.get("filters", "[]")))
    return [(line,) for step in steps for line in textwrap.wrap(str(step), _LINE)]


def _muscle(name: str) -> str:
    # The side comes first, because the end of a label is cut in a narrow sidebar.
    muscle, _, side = name.partition(".")
    return f"{side} {muscle.replace('_', ' ')}".strip().capitalize()
