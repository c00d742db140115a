"""The clean-up of a take as a person sees it: sliders that make its keys again at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import bpy

from ..errors import EiferError
from ..regions import EXPRESSION, REGIONS, region_of
from ..spaces import ExpressionSpace
from ..video.track_edits import AS_FILMED, CALM, CHOSEN, LIMITS, TrackEdits
from .edit_settings import exact

#: Name of the pointer on an action; without our prefix, so that it is no note of a take.
SETTINGS = "eiferclean"
_SCALARS = (
    "neutral_s", "symmetry", "eyelids", "gaze", "smoothing_hz", "eyelid_smoothing_hz",
    "head_smoothing_hz", "head_motion",
)  # fmt: skip
_SWITCHES = ("mirror", "level_head")
#: How an enumeration spells the empty text.
_NONE = "none"
_NEUTRALS = (
    (_NONE, "As filmed", "Rest is what the reconstructor took for it"),
    (CALM, "Calmest stretch", "The calmest half second of the take becomes rest"),
    (CHOSEN, "Chosen frame", "The face at the chosen frame becomes rest"),
)
#: What to call when a slider moved, and whether sliders are being set by us.
_changed: list[Callable[[bpy.types.Context, bpy.types.Action], None]] = []
_setting: list[bool] = []
#: By take, why the last change could not be made.
_problems: dict[int, str] = {}


def _on_change(settings: Any, context: bpy.types.Context) -> None:
    action = getattr(settings, "id_data", None)
    if _setting or action is None:
        return
    for call in _changed:
        try:
            call(context, action)
        except EiferError as error:
            _problems[action.session_uid] = str(error)
        else:
            _problems.pop(action.session_uid, None)


def _slider(name: str, title: str, words: str, default: float = 0.0, **how: Any) -> Any:
    low, high = LIMITS[name]
    return bpy.props.FloatProperty(
        name=title, description=words, default=default, min=low, max=high, precision=3,
        options=set(), update=_on_change, **how,
    )  # fmt: skip


def _switch(title: str, words: str) -> Any:
    return bpy.props.BoolProperty(name=title, description=words, options=set(), update=_on_change)


class EiferRegionClean(bpy.types.PropertyGroup):
    """Gain and offset of one part of the face; its name is the part's."""

    gain: _slider("gain", "Gain", "Factor of the movement of this part", 1.0, soft_max=2.0)
    offset: _slider(
        "offset", "Offset", "Added to every coefficient of this part", soft_min=-0.3, soft_max=0.3
    )


class EiferCleanUp(bpy.types.PropertyGroup):
    """Clean-up of a take; each change makes its keys again."""

    neutral: bpy.props.EnumProperty(
        name="Neutral", description="What becomes rest", items=_NEUTRALS, options=set(),
        update=_on_change,
    )  # fmt: skip
    neutral_s: _slider("neutral_s", "At (s)", "Time of the neutral frame in the take")
    mirror: _switch("Mirror", "Left becomes right, of face and head")
    symmetry: _slider("symmetry", "Symmetry", "0 as filmed, 1 the mean of both sides")
    eyelids: _slider(
        "eyelids",
        "Steady eyelids",
        "Close both together unless one winks, calm flutter, close blinks",
    )
    gaze: _slider("gaze", "Steady gaze", "Hold fixations still; saccades stay quick")
    smoothing_hz: _slider(
        "smoothing_hz", "Smoothing (Hz)", "Of the face; lower is calmer, 0 is off. Nothing is late",
        soft_max=15.0,
    )  # fmt: skip
    eyelid_smoothing_hz: _slider(
        "eyelid_smoothing_hz",
        "Eyelid smoothing (Hz)",
        "Smoothing of the eyelids; 0 is off",
        soft_max=15.0,
    )
    head_smoothing_hz: _slider(
        "head_smoothing_hz",
        "Head smoothing (Hz)",
        "Smoothing of the head's motion; 0 is off",
        soft_max=15.0,
    )
    head_motion: _slider("head_motion", "Head motion", "1 as filmed, 0 holds the head still", 1.0)
    level_head: _switch(
        "Level the head", "The head's mean pose, or that of the neutral frame, looks ahead"
    )
    regions: bpy.props.CollectionProperty(
        type=EiferRegionClean, description="Gain and offset of each part of the face"
    )


CLASSES = (EiferRegionClean, EiferCleanUp)


def add_settings(on_change: Callable[[bpy.types.Context, bpy.types.Action], None]) -> None:
    """Hang the settings on actions; `on_change` is called when a slider moves."""
    setattr(bpy.types.Action, SETTINGS, bpy.props.PointerProperty(type=EiferCleanUp))
    _changed.append(on_change)


def remove_settings() -> None:
    """Take the settings away."""
    _changed.clear()
    _problems.clear()
    delattr(bpy.types.Action, SETTINGS)


def settings_of(action: bpy.types.Action) -> Any:
    """The settings of a take; None where the extension is off or they were never filled."""
    settings = getattr(action, SETTINGS, None)
    return settings if settings is not None and len(settings.regions) else None


def problem_of(action: bpy.types.Action) -> str:
    """Why the last change of a slider could not be made; empty when it was."""
    return _problems.get(action.session_uid, "")


def show_clean_up(action: bpy.types.Action, edits: TrackEdits, space: ExpressionSpace) -> None:
    """Let the sliders show the clean-up of a take in a space, without making its keys again."""
    settings = getattr(action, SETTINGS, None)
    if settings is None:
        return
    with _set_by_us():
        _set(settings, "neutral", edits.neutral or _NONE)
        for name in (*_SCALARS, *_SWITCHES):
            _set(settings, name, getattr(edits, name))
        there = {region_of(name) for name in space.coefficients}
        wanted = [region for region in (*REGIONS, EXPRESSION) if region in there]
        if [row.name for row in settings.regions] != wanted:
            settings.regions.clear()
            for region in wanted:
                settings.regions.add().name = region
        for row in settings.regions:
            _set(row, "gain", edits.gain.get(row.name, 1.0))
            _set(row, "offset", edits.offset.get(row.name, 0.0))
    _problems.pop(action.session_uid, None)


def clean_up_shown(action: bpy.types.Action, known: TrackEdits) -> TrackEdits:
    """The clean-up that the sliders say; numbers of `known` where they stand there.

    Parameters
    ----------
    action : bpy.types.Action
    known : TrackEdits
        What the keys were made with; its numbers for sides and coefficients are kept.
    """
    settings = settings_of(action)
    if settings is None:
        return known
    values: dict[str, Any] = {
        "neutral": AS_FILMED if settings.neutral == _NONE else settings.neutral
    }
    for name in _SCALARS:
        values[name] = exact(getattr(settings, name), getattr(known, name))
    for name in _SWITCHES:
        values[name] = bool(getattr(settings, name))
    for name, usual in (("gain", 1.0), ("offset", 0.0)):
        before = dict(getattr(known, name))
        for row in settings.regions:
            value = exact(getattr(row, name), before.pop(row.name, usual))
            if value != usual:
                before[row.name] = value
        values[name] = before
    return known.changed(values)


def _set(owner: Any, name: str, value: Any) -> None:
    # Setting what is there already would still mark the file as changed.
    if getattr(owner, name) != value:
        setattr(owner, name, value)


@contextmanager
def _set_by_us() -> Iterator[None]:
    _setting.append(True)
    try:
        yield
    finally:
        _setting.pop()
