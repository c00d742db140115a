"""Export the take that a head plays, for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy

from ..eifer_addon import api
from ..eifer_addon.errors import EiferError
from ..eifer_addon.scene.controls import head_of, is_head
from ..eifer_addon.scene.takes import current_take, track_from_object
from .base import RUNNING, OperatorResult, guarded

_FORMATS = (
    ("csv", "CSV", "A table with units and provenance in comment lines"),
    ("npz", "EIFER npz", "What 'Import expression track' reads back bit for bit"),
    ("livelink", "Live Link Face CSV", "For Unreal and other readers of ARKit takes"),
)
_SUFFIXES = {"csv": ".csv", "npz": ".npz", "livelink": ".csv"}


def exportable_head(context: bpy.types.Context) -> bpy.types.Object | None:
    """The chosen head, or the only one in the scene."""
    chosen = head_of(context.object)
    if chosen is not None:
        return chosen
    heads = [obj for obj in context.scene.objects if is_head(obj)]
    return heads[0] if len(heads) == 1 else None


class EIFER_OT_export_track(bpy.types.Operator):
    """Write the take that the chosen head plays to a file for other programs."""

    bl_idname = "eifer.export_track"
    bl_label = "Export expression track"
    bl_description = "Write the take that the chosen head plays to a file for other programs"
    bl_options = {"REGISTER"}

    filepath: bpy.props.StringProperty(
        name="File", description="The file to write", subtype="FILE_PATH", options={"SKIP_SAVE"}
    )
    filter_glob: bpy.props.StringProperty(default="*.csv;*.npz", options={"HIDDEN"})
    check_existing: bpy.props.BoolProperty(default=True, options={"HIDDEN"})
    format: bpy.props.EnumProperty(
        name="Format", description="How the track is written", items=_FORMATS
    )
    rate_hz: bpy.props.IntProperty(
        name="Timecode rate (Hz)",
        description="Frames per second of a Live Link Face timecode",
        default=60,
        min=1,
        max=1000,
    )
    overwrite: bpy.props.BoolProperty(
        name="Replace an existing file",
        description="Without it, a file of this name stays and the export is refused",
        default=False,
        options={"SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A head that plays a take is needed."""
        obj = exportable_head(context)
        if obj is None:
            cls.poll_message_set("Choose a head first")
            return False
        if current_take(obj) is None:
            cls.poll_message_set("The head plays no take: import a recording or a track first")
            return False
        return True

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> OperatorResult:
        """Ask for the file, named after the take."""
        obj = exportable_head(context)
        action = None if obj is None else current_take(obj)
        if not self.filepath and action is not None:
            self.filepath = bpy.path.clean_name(action.name) + _SUFFIXES[self.format]
        context.window_manager.fileselect_add(self)
        return RUNNING

    def check(self, _context: bpy.types.Context) -> bool:
        """Let the file's ending follow the format."""
        path = Path(self.filepath)
        goal = _SUFFIXES[self.format]
        if path.suffix.lower() == goal or path.suffix.lower() not in _SUFFIXES.values():
            return False
        self.filepath = str(path.with_suffix(goal))
        return True

    def draw(self, _context: bpy.types.Context) -> None:
        """The options beside the file browser."""
        layout: Any = self.layout
        layout.use_property_split = True
        layout.prop(self, "format")
        if self.format == "livelink":
            layout.prop(self, "rate_hz")
        layout.prop(self, "overwrite")

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Read the take back and write it."""
        return guarded(self, lambda: self._export(context))

    def _export(self, context: bpy.types.Context) -> None:
        obj = exportable_head(context)
        if obj is None:
            raise EiferError("No head is chosen.", "Choose a head first.")
        path = Path(bpy.path.abspath(self.filepath))
        if path.suffix.lower() != _SUFFIXES[self.format]:
            path = path.with_name(path.name + _SUFFIXES[self.format])
        options: dict[str, Any] = {"format": self.format, "overwrite": self.overwrite}
        if self.format == "livelink":
            options["rate_hz"] = self.rate_hz
        written = api.export(track_from_object(context, obj), path, **options)
        self.report({"INFO"}, f"Wrote {', '.join(file.name for file in written)}")
