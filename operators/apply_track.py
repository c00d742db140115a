"""Write one track on all selected avatars, ours and others."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..eifer_addon.errors import EiferError
from ..eifer_addon.scene.controls import head_of
from ..eifer_addon.scene.edits import activity_of
from ..eifer_addon.scene.mappings import mapping_presets
from ..eifer_addon.scene.several import apply_to_several
from ..eifer_addon.scene.takes import current_take, notes_of, track_from_object
from ..eifer_addon.track import ExpressionTrack
from .base import OperatorResult, guarded, in_object_mode

_AUTO, _FILE = "auto", "file"
# Blender keeps only a pointer to the strings of a dynamic list, so they live here.
_ITEMS = (
    (_AUTO, "Automatic", "The table that finds the most on each avatar"),
    *((table.name, table.title, f"The table '{table.title}'") for table in mapping_presets()),
    (_FILE, "From a file", "A table of your own"),
)


class EIFER_OT_apply_track_to_selected(bpy.types.Operator):
    """Write the take of the active head, or a track from a file, on all selected avatars."""

    bl_idname = "eifer.apply_track_to_selected"
    bl_label = "Apply to selected avatars"
    bl_description = "Write the take of the active head, or a track file, on all selected avatars"
    bl_options = {"REGISTER", "UNDO"}

    filepath: bpy.props.StringProperty(
        name="Track",
        description="A saved track (.npz); empty takes what the active head plays",
        subtype="FILE_PATH",
        options={"SKIP_SAVE"},
    )
    mapping: bpy.props.EnumProperty(
        name="Mapping",
        description="How the names on avatars that are not ours are understood",
        items=_ITEMS,
    )
    mapping_file: bpy.props.StringProperty(
        name="Mapping file",
        description="A mapping table (.json) of your own",
        subtype="FILE_PATH",
        options={"SKIP_SAVE"},
    )
    take: bpy.props.StringProperty(
        name="Take",
        description="Name of the takes; the take's or the file's name when empty",
        options={"SKIP_SAVE"},
    )

    activity: bpy.props.BoolProperty(
        name="Muscle activity",
        description="Keep the muscle activity with the takes, for the muscle map",
        default=True,
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Something has to be selected, in object mode."""
        if not in_object_mode(cls, context, "takes are added"):
            return False
        if not context.selected_objects:
            cls.poll_message_set("Select the avatars, and the head that plays the take last")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> OperatorResult:
        """Read the track and write it on every avatar that can take it."""
        return guarded(self, lambda: self._apply(context))

    def _apply(self, context: bpy.types.Context) -> None:
        source = None if self.filepath else head_of(context.object)
        track, name, start = self._track(context, source)
        others = [
            obj for obj in context.selected_objects if source is None or head_of(obj) != source
        ]
        written = apply_to_several(
            context, others, track, self.take or name, mapping=self._mapping(), frame_start=start,
            activity=activity_of(source) if self.activity and source is not None else None,
        )  # fmt: skip
        self.report({"INFO"}, f"Wrote the take on {', '.join(written)}")

    def _track(
        self, context: bpy.types.Context, source: bpy.types.Object | None
    ) -> tuple[ExpressionTrack, str, float | None]:
        """The track, its name, and the scene frame of its time 0."""
        if self.filepath:
            path = Path(bpy.path.abspath(self.filepath))
            return ExpressionTrack.load(path), path.stem, None
        if source is None:
            raise EiferError(
                "The active object is no head that plays a take.",
                "Make such a head active, or choose a track file.",
            )
        track = track_from_object(context, source)
        action = current_take(source)
        return track, action.name, float(notes_of(action)["frame_start"])

    def _mapping(self) -> str | Path | None:
        if self.mapping == _FILE:
            if not self.mapping_file:
                raise EiferError("No mapping file is chosen.", "Choose a JSON file.")
            return Path(bpy.path.abspath(self.mapping_file))
        return None if self.mapping == _AUTO else self.mapping
