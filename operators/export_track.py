"""Export the take that a head plays, for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from ..eifer_addon import api
from ..eifer_addon.errors import EiferError
from ..eifer_addon.scene.controls import head_of, is_head
from ..eifer_addon.scene.recipes import find_recording, has_recipe, recipe_of
from ..eifer_addon.scene.takes import current_take, track_from_object
from .base import RUNNING, OperatorResult, guarded

if TYPE_CHECKING:
    from ..eifer_addon.signals.activity import Activity

_FORMATS = (
    ("csv", "CSV", "A table with units and provenance in comment lines"),
    ("npz", "EIFER npz", "What 'Import expression track' reads back bit for bit"),
    ("researchers", "Researchers' CSV", "OpenFace's columns, action units and ARKit, for scripts"),
    ("livelink", "Live Link Face CSV", "For Unreal and other readers of ARKit takes"),
    ("bids", "BIDS derivative", "A folder with tsv.gz and JSON, the filter chain in the JSON"),
)
_WHAT = (
    ("track", "Expression track", "The coefficients of the face over time"),
    ("activity", "Muscle activity", "What the take's recording says of the muscles, as edited"),
)
#: What a format is asked for besides.
_OPTIONS = {"livelink": ("rate_hz",), "bids": ("subject", "task", "session")}
_SUFFIXES = {"csv": ".csv", "npz": ".npz", "researchers": ".csv", "livelink": ".csv", "bids": ""}


def exportable_head(context: bpy.types.Context) -> bpy.types.Object | None:
    """The chosen head, or the only one in the scene."""
    chosen = head_of(context.object)
    if chosen is not None:
        return chosen
    heads = [obj for obj in context.scene.objects if is_head(obj)]
    return heads[0] if len(heads) == 1 else None


def activity_of(action: bpy.types.Action) -> Activity:
    """The muscle activity of a take, made again from its recording with its edits.

    Raises
    ------
    EiferError
        When the take remembers no recording, or it is not found.
    """
    if not has_recipe(action):
        raise EiferError(
            f"The take '{action.name}' remembers no recording, so its activity is not known.",
            "Import the recording again, or export the track.",
        )
    recipe = recipe_of(action)
    found = recipe.activity(find_recording(recipe))
    return api.apply_edits(found, recipe.edits.changed({"preset": ""}))


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
    what: bpy.props.EnumProperty(
        name="What", description="What of the take is written", items=_WHAT
    )
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
    subject: bpy.props.StringProperty(
        name="Subject", description="BIDS label: letters and digits", default="01"
    )
    task: bpy.props.StringProperty(
        name="Task", description="BIDS label: letters and digits; the take's name when empty"
    )
    session: bpy.props.StringProperty(
        name="Session", description="BIDS label: letters and digits; none when empty"
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
        if path.suffix.lower() in (goal, "") or path.suffix.lower() not in _SUFFIXES.values():
            return False
        self.filepath = str(path.with_suffix(goal))
        return True

    def draw(self, _context: bpy.types.Context) -> None:
        """The options beside the file browser."""
        layout: Any = self.layout
        layout.use_property_split = True
        layout.prop(self, "what")
        layout.prop(self, "format")
        for name in _OPTIONS.get(self.format, ()):
            layout.prop(self, name)
        layout.prop(self, "overwrite")

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Read the take back and write it."""
        return guarded(self, lambda: self._export(context))

    def _export(self, context: bpy.types.Context) -> None:
        obj = exportable_head(context)
        if obj is None:
            raise EiferError("No head is chosen.", "Choose a head first.")
        path = Path(bpy.path.abspath(self.filepath))
        suffix = _SUFFIXES[self.format]
        if self.format == "bids":
            path = path.with_suffix("") if path.suffix in (".csv", ".npz") else path
        elif path.suffix.lower() != suffix:
            path = path.with_name(path.name + suffix)
        action = current_take(obj)
        assert action is not None
        item = activity_of(action) if self.what == "activity" else track_from_object(context, obj)
        written = api.export(item, path, **self._options(action.name))
        self.report({"INFO"}, f"Wrote {', '.join(file.name for file in written)}")

    def _options(self, take: str) -> dict[str, Any]:
        """Choices of the format, without what is left empty."""
        given: dict[str, Any] = {
            name: getattr(self, name) for name in _OPTIONS.get(self.format, ())
        }
        if self.format == "bids":
            given["task"] = given["task"] or "".join(c for c in take if c.isascii() and c.isalnum())
        options = {name: value for name, value in given.items() if value not in ("", None)}
        return {**options, "format": self.format, "overwrite": self.overwrite}
