"""The settings of a take's edits as a person sees them: properties of the take's action.

They are what the sliders show; what the keys were made with stands in the take's recipe.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import bpy

from ..errors import EiferError
from ..signals.edits import LIMITS, Edits
from .channel_rows import EiferChannel, fill_rows, montage_shown, repair_shown
from .model_choice import identifier_of, model_items, model_of
from .recipes import Recipe, quality_of

#: Name of the pointer on an action; without our prefix, so that it is no note of a take.
SETTINGS = "eifer"
_SCALARS = ("delay_ms", "min_cutoff_hz", "beta", "dead_zone", "symmetry")
_EnumItems = tuple[tuple[str, str, str], ...]


@functools.cache
def preset_items() -> _EnumItems:
    """The filter presets, asked for late: Blender should not wait for SciPy when it starts."""
    from ..signals.presets import PRESETS

    return tuple((p.name, p.name.capitalize(), p.words) for p in PRESETS.values())


def _preset_items(_settings: object, _context: bpy.types.Context | None) -> _EnumItems:
    """What Blender asks for; it keeps pointers to the strings, so they stay in the cache."""
    return preset_items()


def _slider(name: str, title: str, words: str, default: float = 0.0) -> Any:
    low, high = LIMITS[name]
    return bpy.props.FloatProperty(
        name=title, description=words, default=default, min=low, max=high, precision=3
    )


class EiferMuscleEdit(bpy.types.PropertyGroup):
    """Gain and rest of one muscle; its name is the muscle's."""

    gain: _slider("gain", "Gain", "Factor of this muscle's activity", 1.0)
    baseline: _slider(
        "baseline", "Rest", "How far rest is raised or, below 0, lowered, as a part of full effort"
    )


class EiferTakeEdits(bpy.types.PropertyGroup):
    """Edits of a take in signal space; the keys change when they are made again."""

    preset: bpy.props.EnumProperty(
        name="Filters",
        description="How muscle activity is taken from raw EMG",
        items=_preset_items,
    )
    model: bpy.props.EnumProperty(
        name="Model",
        description="What turns muscle activity into the expression",
        items=model_items,
    )
    swap_sides: bpy.props.BoolProperty(
        name="Swap left and right",
        description="For electrodes that were plugged in on the wrong side",
    )
    delay_ms: _slider("delay_ms", "Delay (ms)", "How much later the face moves than the signal")
    min_cutoff_hz: _slider(
        "min_cutoff_hz", "Smoothing (Hz)", "One Euro cutoff at rest; lower is calmer, 0 is off"
    )
    beta: _slider("beta", "Quickness", "One Euro beta: how far quick movements escape smoothing")
    dead_zone: _slider("dead_zone", "Dead zone", "Activity below this is rest")
    symmetry: _slider("symmetry", "Symmetry", "0 as measured, 1 the mean of both sides")
    muscles: bpy.props.CollectionProperty(
        type=EiferMuscleEdit, description="Gain and rest of each recorded muscle"
    )
    channels: bpy.props.CollectionProperty(
        type=EiferChannel, description="The recording's channels and their muscles"
    )
    active_channel: bpy.props.IntProperty(
        name="Channel", description="The channel that is chosen in the list", min=0
    )


def add_settings() -> None:
    """Hang the settings on actions."""
    setattr(bpy.types.Action, SETTINGS, bpy.props.PointerProperty(type=EiferTakeEdits))


def remove_settings() -> None:
    """Take the settings away."""
    delattr(bpy.types.Action, SETTINGS)


def settings_of(action: bpy.types.Action) -> Any:
    """The settings of a take; None where the extension is off or they were never filled."""
    settings = getattr(action, SETTINGS, None)
    return settings if settings is not None and len(settings.muscles) else None


def show_edits(action: bpy.types.Action, recipe: Recipe, muscles: Sequence[str]) -> None:
    """Let the sliders show what the take was made with.

    Parameters
    ----------
    action : bpy.types.Action
    recipe : Recipe
    muscles : sequence of str
        The recorded muscles with their sides, each with a row of sliders.
    """
    settings = getattr(action, SETTINGS, None)
    if settings is None:
        return
    edits = recipe.edits
    settings.preset = edits.preset or recipe.preset
    settings.model = identifier_of(recipe)
    settings.swap_sides = edits.swap_sides
    for name in _SCALARS:
        setattr(settings, name, getattr(edits, name))
    fill_rows(settings.channels, recipe, quality_of(action))
    settings.active_channel = min(settings.active_channel, max(0, len(settings.channels) - 1))
    settings.muscles.clear()
    for muscle in muscles:
        row = settings.muscles.add()
        row.name = muscle
        either = muscle.partition(".")[0]
        row.gain = edits.gain.get(muscle, edits.gain.get(either, 1.0))
        row.baseline = edits.baseline.get(muscle, edits.baseline.get(either, 0.0))


def recipe_shown(action: bpy.types.Action, recipe: Recipe) -> Recipe:
    """The recipe as sliders and channel list say; the same where nothing was changed.

    Raises
    ------
    EiferError
        When the channel list gives one muscle to two channels.
    """
    settings = settings_of(action)
    if settings is None:
        return recipe
    rows = settings.channels
    return replace(
        recipe, edits=edits_shown(action, recipe), montage=montage_shown(rows, recipe),
        repair=repair_shown(rows, recipe), model=model_of(settings.model),
    )  # fmt: skip


def recipe_is_changed(action: bpy.types.Action, recipe: Recipe) -> bool:
    """Whether sliders or channels say something else than the keys were made with."""
    try:
        return recipe_shown(action, recipe) != recipe
    except EiferError:
        return True


def edits_shown(action: bpy.types.Action, recipe: Recipe) -> Edits:
    """The edits that the sliders say; those of the recipe where there are no sliders.

    A slider that stands where the recipe put it gives the recipe's own number, because Blender
    keeps single precision and the same edits shall give the same keys.
    """
    settings = settings_of(action)
    if settings is None:
        return recipe.edits
    edits = recipe.edits
    preset = settings.preset
    values: dict[str, Any] = {
        "preset": edits.preset if preset == (edits.preset or recipe.preset) else preset,
        "swap_sides": settings.swap_sides,
    }
    for name in _SCALARS:
        values[name] = exact(getattr(settings, name), getattr(edits, name))
    for name, neutral in (("gain", 1.0), ("baseline", 0.0)):
        values[name] = _per_muscle(settings, getattr(edits, name), name, neutral)
    return edits.changed(values)


def _per_muscle(settings: Any, known: Any, name: str, neutral: float) -> dict[str, float]:
    """The recipe's own numbers where no slider was moved, else one number per moved muscle."""
    shown = {row.name: float(getattr(row, name)) for row in settings.muscles}
    before = {m: known.get(m, known.get(m.partition(".")[0], neutral)) for m in shown}
    numbers = {muscle: exact(value, before[muscle]) for muscle, value in shown.items()}
    if numbers == before:
        return dict(known)
    others = {m: v for m, v in known.items() if "." in m and m not in shown}
    return others | {muscle: value for muscle, value in numbers.items() if value != neutral}


def exact(shown: float, known: float) -> float:
    """`known` where the slider shows just that, else the slider's number without its dust."""
    return float(known) if abs(shown - known) <= 1e-6 * max(1.0, abs(known)) else round(shown, 6)
