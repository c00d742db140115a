"""The list of a take's channels: muscle, side, quality and activity at the current frame."""

from __future__ import annotations

import textwrap
from typing import Any

import bpy

from .channel_rows import BOTH, KEEP, NONE
from .edit_settings import recipe_is_changed, settings_of
from .muscle_activity import property_of
from .recipes import has_recipe, recipe_of
from .takes import avatar_of, current_take

ICONS = {"good": "CHECKMARK", "doubtful": "ERROR", "bad": "CANCEL"}
#: Characters that fit the sidebar at its default width.
_LINE = 36
_SIDES = {"left": "L", "right": "R", BOTH: "L R"}
#: A row is narrow; the chosen channel's muscle stands in full under the list.
_SHORT = {
    "frontalis_medialis": "med. frontalis", "frontalis_lateralis": "lat. frontalis",
    "depressor_supercilii": "depr. superc.", "levator_labii": "lev. labii",
    "orbicularis_oris": "orb. oris", "depressor_anguli_oris": "depr. ang. oris",
    "orbicularis_oculi": "orb. oculi",
}  # fmt: skip


class EIFER_UL_channels(bpy.types.UIList):
    """One row per channel of the recording."""

    def draw_item(  # noqa: PLR0917  # as Blender calls it
        self, context: bpy.types.Context, layout: Any, data: Any, item: Any, icon: int | None,
        active_data: Any, active_property: str | None, index: int | None = 0,
        flt_flag: int | None = 0,
    ) -> None:  # fmt: skip
        """Quality, channel, muscle with side, and a bar of its activity now."""
        del data, icon, active_data, active_property, flt_flag
        row = layout.row(align=True)
        mark = ICONS.get(item.level, "QUESTION")
        row.operator("eifer.explain_channel", text="", icon=mark, emboss=False).channel = index
        split = row.split(factor=0.37)
        split.label(text=item.name)
        now = activity_now(avatar_of(context.object), item)
        if now is None:
            split.label(text=target_words(item))
        else:
            split.progress(factor=now, text=target_words(item))

    def filter_items(self, _context: bpy.types.Context, data: Any, name: str) -> Any:
        """Search by channel or muscle; the order stays the recording's."""
        wanted = self.filter_name.lower()
        flags = [
            self.bitflag_filter_item
            if wanted in item.name.lower() or wanted in item.muscle.replace("_", " ")
            else 0
            for item in getattr(data, name)
        ]
        return flags if wanted else [], []


def target_words(item: Any) -> str:
    """The muscle of a channel with its side, short; a star marks one that is repaired."""
    muscle, repair = item.muscle, item.repair
    if muscle == NONE:
        return "not mapped"
    if repair == "drop":
        return "dropped"
    words = f"{_SIDES[item.side]} {_SHORT.get(muscle, muscle)}"
    return words if repair == KEEP else f"{words} *"


def activity_now(obj: bpy.types.Object | None, item: Any) -> float | None:
    """Activity (0 to 1) of a channel's muscle at the current frame; None where there is none.

    It is read from the avatar's properties, which the take moves, so it costs next to nothing.
    """
    muscle, side = item.muscle, item.side
    if obj is None or muscle == NONE or item.repair == "drop":
        return None
    sides = ("left", "right") if side == BOTH else (side,)
    values = [obj.get(property_of(f"{muscle}.{name}")) for name in sides]
    known = [float(value) for value in values if value is not None]
    return min(1.0, max(known)) if known else None


class VIEW3D_PT_eifer_channels(bpy.types.Panel):
    """The channels of the take's recording, and what each stands for."""

    bl_label = "Channels"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "EIFER"
    bl_parent_id = "VIEW3D_PT_eifer_recordings"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """A take that remembers its recording has to be played."""
        return settings_at_hand(context) is not None

    def draw_header_preset(self, context: bpy.types.Context) -> None:
        """How many channels stand for muscles."""
        rows = settings_at_hand(context).channels
        used = sum(row.muscle != NONE and row.repair != "drop" for row in rows)
        self.layout.label(text=f"{used} of {len(rows)}")

    def draw(self, context: bpy.types.Context) -> None:
        """The list, then the chosen channel, then the button where something was changed."""
        layout = self.layout
        settings = settings_at_hand(context)
        rows = min(8, max(3, len(settings.channels)))
        layout.template_list(
            "EIFER_UL_channels", "", settings, "channels", settings, "active_channel", rows=rows
        )
        if settings.active_channel < len(settings.channels):
            _draw_chosen(layout, settings.channels[settings.active_channel])
        action = current_take(avatar_of(context.object))
        if recipe_is_changed(action, recipe_of(action)):
            layout.operator("eifer.remake_take", icon="FILE_REFRESH")


def settings_at_hand(context: bpy.types.Context) -> Any:
    """The settings of the take that the chosen avatar plays; None where it knows no recording."""
    obj = avatar_of(context.object)
    action = None if obj is None else current_take(obj)
    if action is None or not has_recipe(action):
        return None
    settings = settings_of(action)
    return settings if settings is not None and len(settings.channels) else None


def _draw_chosen(layout: Any, item: Any) -> None:
    box = layout.box().column(align=True)
    box.use_property_split = True
    box.use_property_decorate = False
    box.prop(item, "muscle")
    if item.muscle != NONE:
        box.prop(item, "side")
        box.prop(item, "repair")
    for k, line in enumerate(textwrap.wrap(item.sentence, _LINE)):
        box.label(text=line, icon=ICONS.get(item.level, "QUESTION") if k == 0 else "BLANK1")
