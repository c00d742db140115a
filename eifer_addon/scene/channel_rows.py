"""The channels of a take as a person sees them: rows that can be edited, in the take's settings.

A row says which muscle a channel stands for, what is to be done about a bad one, and what was found
about its signal. What the keys were made with stands in the take's recipe.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import bpy

from ..errors import EiferError
from ..signals.montage import muscle_names
from .recipes import Recipe

NONE, BOTH, KEEP = "NONE", "both", "keep"
#: Blender keeps only pointers to these strings, so they live here.
MUSCLES = (
    (NONE, "Not mapped", "The channel moves nothing"),
    *(
        (name, name.replace("_", " ").capitalize(), f"The channel stands for the {name}")
        for name in muscle_names()
    ),
)
SIDES = (
    ("left", "Left", "The subject's own left"),
    ("right", "Right", "The subject's own right"),
    (BOTH, "Both", "One channel for both sides"),
)
REPAIRS = (
    (KEEP, "Keep", "Take the channel as it was recorded"),
    ("drop", "Drop", "Leave the channel out; its muscle rests"),
    ("mirror", "Mirror", "The other side's channel moves both sides"),
    ("interpolate", "Interpolate", "Put a straight line over the bad seconds"),
)


class EiferChannel(bpy.types.PropertyGroup):
    """One channel of the recording; its name is the channel's."""

    muscle: bpy.props.EnumProperty(
        name="Muscle", description="Which muscle the channel stands for", items=MUSCLES
    )
    side: bpy.props.EnumProperty(
        name="Side", description="On which side of the subject's face", items=SIDES
    )
    repair: bpy.props.EnumProperty(
        name="Repair", description="What is done about a bad channel", items=REPAIRS
    )
    level: bpy.props.StringProperty(name="Quality", description="Good, doubtful or bad")
    sentence: bpy.props.StringProperty(name="Finding", description="What was found about it")


def fill_rows(rows: Any, recipe: Recipe, quality: Mapping[str, tuple[str, str]]) -> None:
    """Let the rows show what the take was made with.

    Parameters
    ----------
    rows : bpy_prop_collection of EiferChannel
    recipe : Recipe
    quality : mapping of str to tuple
        Level and sentence by channel.
    """
    rows.clear()
    for channel, target in (recipe.montage or {}).items():
        row = rows.add()
        row.name = channel
        muscle, _, side = (target or "").partition(".")
        row.muscle, row.side = muscle or NONE, side or BOTH
        row.repair = recipe.repair.get(channel, KEEP)
        row.level, row.sentence = quality.get(channel, ("", ""))


def montage_shown(rows: Any, recipe: Recipe) -> Mapping[str, str | None] | None:
    """Channel to muscle as the rows say; the recipe's own where they say the same.

    Raises
    ------
    EiferError
        When two channels stand for one muscle and side.
    """
    if not len(rows):
        return recipe.montage
    shown = {row.name: _target(row) for row in rows}
    taken: dict[str, str] = {}
    for row in rows:
        if row.muscle == NONE or row.repair == "drop":
            continue
        for side in ("left", "right") if row.side == BOTH else (row.side,):
            other = taken.setdefault(f"{side} {row.muscle.replace('_', ' ')}", row.name)
            if other != row.name:
                raise EiferError(
                    f"'{other}' and '{row.name}' both stand for the {side} "
                    f"{row.muscle.replace('_', ' ')}.",
                    "Set one of them to 'Not mapped'.",
                )
    return recipe.montage if shown == recipe.montage else shown


def _target(row: Any) -> str | None:
    if row.muscle == NONE:
        return None
    return str(row.muscle) if row.side == BOTH else f"{row.muscle}.{row.side}"


def repair_shown(rows: Any, recipe: Recipe) -> Mapping[str, str]:
    """Repair by channel as the rows say; a channel without a muscle needs none."""
    if not len(rows):
        return recipe.repair
    return {row.name: row.repair for row in rows if row.repair != KEEP and row.muscle != NONE}
