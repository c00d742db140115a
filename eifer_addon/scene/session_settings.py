"""What the panel of a session shows: two takes, how their clocks lie, and what is fused."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import bpy
import numpy as np

from ..errors import EiferError
from ..signals.sync_result import BY_HAND, CURVES, DOUBTFUL_BELOW, LIGHT, START, Sync
from .keyframes import is_take
from .session import FILM_TAKE, is_emg_take, marks_of

#: Name of the pointer on the scene.
SETTINGS = "eifer_session"
_METHODS = (
    (CURVES, "Movement", "Where film and muscles show the same movements"),
    (START, "Mark", "An event or trigger in the recording marks the film's beginning or frames"),
    (LIGHT, "Light", "A light in the film that the recording's trigger drove"),
)
_PARTS = ("brow", "eyelids", "cheek", "nose", "mouth", "jaw")
_COVERED = tuple(
    (part, part.capitalize(), f"The {part} is covered in the whole film: follow the muscles there")
    for part in _PARTS
)
_WHERE = tuple((part, part.capitalize(), f"The {part} cannot be seen") for part in _PARTS)
_changed: list[Callable[[bpy.types.Context], None]] = []
_setting: list[bool] = []


def _on_change(settings: Any, context: bpy.types.Context) -> None:
    if _setting:
        return
    for call in _changed:
        try:
            call(context)
        except EiferError as error:
            settings.problem = str(error)
        else:
            settings.problem = ""


def _film_like(_settings: Any, action: bpy.types.Action) -> bool:
    return is_take(action) and not is_emg_take(action) and FILM_TAKE not in action


def _emg_like(_settings: Any, action: bpy.types.Action) -> bool:
    return is_take(action) and FILM_TAKE not in action


def _marks(settings: Any, _context: bpy.types.Context, typed: str) -> Iterable[str]:
    return [name for name in marks_of(settings.emg) if typed.lower() in name.lower()]


class EiferCovered(bpy.types.PropertyGroup):
    """A part of the face that cannot be seen for a while."""

    part: bpy.props.EnumProperty(
        name="Part", description="What cannot be seen", items=_WHERE, default="mouth"
    )
    first: bpy.props.IntProperty(name="From", description="First frame of the scene", default=1)
    last: bpy.props.IntProperty(name="To", description="Last frame of the scene", default=24)


class EiferSession(bpy.types.PropertyGroup):
    """The film and the EMG of one session."""

    film: bpy.props.PointerProperty(
        name="Film", description="The take of the film", type=bpy.types.Action, poll=_film_like
    )
    emg: bpy.props.PointerProperty(
        name="EMG", description="The take of the recording", type=bpy.types.Action, poll=_emg_like
    )
    fused: bpy.props.PointerProperty(
        name="Fused", description="The take that was made of both", type=bpy.types.Action
    )
    method: bpy.props.EnumProperty(name="By", description="How it is found", items=_METHODS)
    trigger: bpy.props.StringProperty(
        name="Trigger", description="An event or a channel of the recording", search=_marks
    )
    rectangle: bpy.props.IntVectorProperty(
        name="Light",
        description="Left, top, width and height of the light in the film; all 0 looks for it",
        size=4,
        min=0,
    )
    seconds: bpy.props.FloatProperty(
        name="Offset (s)",
        description="The recording's time when the film begins",
        precision=3,
        step=1,
        options=set(),
        update=_on_change,
    )
    drift_ppm: bpy.props.FloatProperty(
        name="Drift (ppm)",
        description="Microseconds a second by which the film's clock is slow",
        min=-50_000.0,
        max=50_000.0,
        soft_min=-500.0,
        soft_max=500.0,
        options=set(),
        update=_on_change,
    )
    own_delay: bpy.props.BoolProperty(
        name="Set the delay", description="Instead of finding it where both are good"
    )
    delay_ms: bpy.props.FloatProperty(
        name="Delay (ms)",
        description="How much later the face moves than the muscles",
        default=70.0,
        min=-1000.0,
        max=1000.0,
    )
    covered: bpy.props.EnumProperty(
        name="Covered",
        description="Parts of the face that are covered in the whole film",
        items=_COVERED,
        options={"ENUM_FLAG"},
    )
    stretches: bpy.props.CollectionProperty(
        type=EiferCovered, description="Parts of the face that are covered for a while"
    )
    problem: bpy.props.StringProperty(description="Why the last change could not be made")


CLASSES = (EiferCovered, EiferSession)


def add_settings(on_change: Callable[[bpy.types.Context], None]) -> None:
    """Hang the settings on scenes; `on_change` is called when offset or drift are set by hand."""
    setattr(bpy.types.Scene, SETTINGS, bpy.props.PointerProperty(type=EiferSession))
    _changed.append(on_change)


def remove_settings() -> None:
    """Take the settings away."""
    _changed.clear()
    delattr(bpy.types.Scene, SETTINGS)


def session_of(scene: bpy.types.Scene) -> Any:
    """The settings of a scene; None where the extension is off."""
    return getattr(scene, SETTINGS, None)


def covered_in(settings: Any, frames: np.ndarray) -> dict[str, np.ndarray]:
    """By part of the face how far it is covered, 0 or 1, at scene frames (n,)."""
    found = {part: np.ones(len(frames)) for part in settings.covered}
    for row in settings.stretches:
        inside = (frames >= row.first - 0.5) & (frames <= row.last + 0.5)
        found[row.part] = np.maximum(found.get(row.part, np.zeros(len(frames))), inside)
    return found


def show_sync(settings: Any, sync: Sync) -> None:
    """Show offset and drift that were found, without moving the take again."""
    _setting.append(True)
    try:
        settings.seconds, settings.drift_ppm = sync.seconds, sync.drift_ppm
        settings.problem = ""
    finally:
        _setting.pop()


def words_of(sync: Sync) -> list[str]:
    """How sure an offset is, for the panel."""
    if sync.method == BY_HAND:
        return ["Set by hand" if sync.confidence else "Not laid yet"]
    ways = {key: title.lower() for key, title, _ in _METHODS}
    within = f"within {2 * sync.error_ms:.0f} ms" if np.isfinite(sync.error_ms) else "error unknown"
    doubt = "" if sync.confidence >= DOUBTFUL_BELOW else ": please check"
    lines = [
        f"By {ways.get(sync.method, sync.method)}: {within}",
        f"Confidence {sync.confidence:.2f}{doubt}",
    ]
    if sync.matched > 1:
        lines.append(f"{sync.matched} agree, {sync.residual_ms:.1f} ms apart")
    return [*lines, *sync.notes]
