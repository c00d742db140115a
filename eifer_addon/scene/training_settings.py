"""What the fold for training shows: whose model, which network, for how long, and how far it is."""

from __future__ import annotations

from typing import Any

import bpy

#: Name of the pointer on the scene.
SETTINGS = "eifer_training"
_NETWORKS = (
    ("causal", "Causal", "Remembers what was before; for live use and for takes"),
    ("frame", "Per frame", "Sees one moment only; the smallest, as in the EIFER paper"),
    ("window", "Window", "Also sees what comes after; for takes only, with some delay live"),
)


class EiferTraining(bpy.types.PropertyGroup):
    """Training a subject's model on one recorded session."""

    subject: bpy.props.StringProperty(
        name="Subject", description="Whose session it is; the model is called so afterwards"
    )
    network: bpy.props.EnumProperty(
        name="Network", description="How the muscles are read", items=_NETWORKS, default="causal"
    )
    minutes: bpy.props.FloatProperty(
        name="At most (min)",
        description="The training ends after this time, if it has not ended before",
        default=10.0,
        min=0.1,
        soft_max=120.0,
    )
    use: bpy.props.BoolProperty(
        name="Use it at once",
        description="Make the keys of the EMG take again with the trained model, if it is better",
        default=True,
    )
    made: bpy.props.StringProperty(description="The model that was trained last")
    result: bpy.props.StringProperty(description="What came of the last training")


CLASSES = (EiferTraining,)
#: How far the training that runs is; it is one of this Blender, not of a scene.
_running: dict[str, Any] = {}


def add_settings() -> None:
    """Hang the settings on scenes."""
    setattr(bpy.types.Scene, SETTINGS, bpy.props.PointerProperty(type=EiferTraining))


def remove_settings() -> None:
    """Take the settings away."""
    _running.clear()
    delattr(bpy.types.Scene, SETTINGS)


def training_of(scene: bpy.types.Scene) -> Any:
    """The settings of a scene; None where the extension is off."""
    return getattr(scene, SETTINGS, None)


def show_running(share: float, text: str, note: str = "") -> None:
    """Let the fold show how far the training is."""
    _running.update(share=share, text=text, note=note)


def end_running() -> None:
    """No training runs any more."""
    _running.clear()


def running() -> dict[str, Any]:
    """``share``, ``text`` and ``note`` of the training that runs; empty without one."""
    return dict(_running)
