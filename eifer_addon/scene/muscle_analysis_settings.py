"""What a person chooses for a muscle analysis; hung on the scene."""

from __future__ import annotations

from typing import Any

import bpy

from .muscle_analysis import FILE, NO_MEASURE, TAKE, forget_all
from .recipes import has_recipe

SETTINGS = "eifer_muscles"
_MEASURED = (
    (NO_MEASURE, "None", "Only what the face tells"),
    (TAKE, "EMG take", "The recording of a take, on the clock on which it was laid"),
    (FILE, "Recording", "A recording's file"),
)
_SCHEMES = (
    ("fridlund", "Fridlund", "11 muscles of each side, as Fridlund's pairs record them"),
    ("kuramoto", "Kuramoto", "9 muscles of each side, as Kuramoto's electrodes record them"),
)


def _with_recording(_settings: Any, action: bpy.types.Action) -> bool:
    return has_recipe(action)


class EiferMuscles(bpy.types.PropertyGroup):
    """Choices of the muscle analysis."""

    measured: bpy.props.EnumProperty(
        name="Beside", description="What was measured at the same time", items=_MEASURED
    )
    emg: bpy.props.PointerProperty(
        name="EMG", description="The take of the recording", type=bpy.types.Action,
        poll=_with_recording,
    )  # fmt: skip
    recording: bpy.props.StringProperty(
        name="Recording", description="The EMG of the film", subtype="FILE_PATH"
    )
    own_offset: bpy.props.BoolProperty(
        name="Set the offset", description="Instead of finding how the clocks lie"
    )
    offset: bpy.props.FloatProperty(
        name="Offset (s)", description="The recording's time when the film begins", precision=3
    )
    scheme: bpy.props.EnumProperty(
        name="Scheme", description="The electrodes whose muscles are told", items=_SCHEMES
    )
    model: bpy.props.StringProperty(
        name="Model", description="An exp2emg model by name or file; the scheme's own when empty"
    )


CLASSES = (EiferMuscles,)


def add_settings() -> None:
    """Hang the settings on scenes."""
    setattr(bpy.types.Scene, SETTINGS, bpy.props.PointerProperty(type=EiferMuscles))


def remove_settings() -> None:
    """Take the settings and what was kept of analyses away."""
    forget_all()
    delattr(bpy.types.Scene, SETTINGS)


def muscles_of(scene: bpy.types.Scene) -> Any:
    """The settings of a scene; None where the extension is off."""
    return getattr(scene, SETTINGS, None)
