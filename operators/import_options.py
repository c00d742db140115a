"""What a person chooses for an import: the properties, their layout, and what becomes of them."""

from __future__ import annotations

import functools
import re
import textwrap
from pathlib import Path
from typing import Any

import bpy

from ..eifer_addon.errors import EiferError
from ..eifer_addon.scene.imports import Choices
from ..eifer_addon.signals.edits import LIMITS, Edits

_EnumItems = tuple[tuple[str, str, str], ...]
#: Not remembered for the next import.
ONCE = {"SKIP_SAVE"}
if bpy.app.version >= (4, 3, 0):
    ONCE = {"SKIP_SAVE", "SKIP_PRESET"}
_EDITS = ("swap_sides", "delay_ms", "symmetry", "dead_zone", "min_cutoff_hz", "beta")
_READING = ("recording", "clip", "stream", "segment", "dataset", "axis", "drop")
_SWITCHES = ("envelope", "partial")
#: What a file may leave open, in the dialog's order.
_ASKED = (*_READING, "rate_hz", *_SWITCHES)
_WHOLE_NUMBERS = ("segment", "axis")
_MOST_NAMED = 6
#: Characters that fit a line of the dialog.
_LINE = 58


@functools.cache
def _presets() -> _EnumItems:
    """The filter presets, asked for late: Blender should not wait for SciPy when it starts."""
    from ..eifer_addon.signals.presets import PRESETS

    return tuple((p.name, p.name.capitalize(), p.words) for p in PRESETS.values())


def _filter_items(_operator: object, _context: bpy.types.Context | None) -> _EnumItems:
    """What Blender asks for; it keeps pointers to the strings, so they stay in the cache."""
    return _presets()


def _part(name: str, title: str, words: str, options: set[str]) -> Any:
    """A choice of the reader, with what the file holds as suggestions."""

    def found(operator: Any, context: bpy.types.Context, _text: str) -> list[tuple[str, str]]:
        offers = offers_for(operator, paths_of(operator, context))
        return [pair for offer in offers for pair in offer.values.get(name, ())]

    return bpy.props.StringProperty(
        name=title, description=words, options=options, search=found,
        search_options={"SUGGESTION"},
    )  # fmt: skip


def _file(title: str, words: str, pattern: set[str] | None = None) -> Any:
    return bpy.props.StringProperty(
        name=title, description=words, subtype="FILE_PATH", options=pattern or set()
    )


def _edit(name: str, title: str, words: str) -> Any:
    low, high = LIMITS[name]
    return bpy.props.FloatProperty(name=title, description=words, min=low, max=high, precision=3)


class ImportOptions:
    """Properties that the import's two operators have."""

    filepath: bpy.props.StringProperty(
        name="File",
        description="A recording of facial EMG, or a BIDS-EMG or MMM folder",
        subtype="FILE_PATH",
        options=ONCE,
    )
    directory: bpy.props.StringProperty(
        name="Folder", description="Where the files lie", subtype="DIR_PATH",
        options=ONCE | {"HIDDEN"},
    )  # fmt: skip
    files: bpy.props.CollectionProperty(
        name="Files", type=bpy.types.OperatorFileListElement, options=ONCE | {"HIDDEN"}
    )
    refusal: bpy.props.StringProperty(
        name="Refusal",
        description="Why the file was not read when it was tried last",
        options=ONCE | {"HIDDEN"},
    )
    take: bpy.props.StringProperty(
        name="Take", description="Name of the take; the file's name when empty", options=ONCE
    )
    frame_start: bpy.props.IntProperty(
        name="First frame",
        description="Scene frame of the recording's time 0",
        default=1,
        options=ONCE - {"SKIP_SAVE"},
    )
    extend: bpy.props.BoolProperty(
        name="Extend the scene",
        description="Let the scene's frame range grow to cover the take",
        default=True,
    )
    preset: bpy.props.EnumProperty(
        name="Filters",
        description="How muscle activity is taken from raw EMG",
        items=_filter_items,
    )
    rate_hz: bpy.props.FloatProperty(
        name="Sampling rate (Hz)",
        description="For files that do not say it; 0 leaves it to the file",
        min=0.0,
        default=0.0,
    )
    envelope: bpy.props.BoolProperty(
        name="Holds envelopes",
        description="The channels are envelopes of activity already, so no filter is applied",
    )
    partial: bpy.props.BoolProperty(
        name="Read a cut-off file",
        description="Take what is there of a file that ends too early",
        options=ONCE,
    )
    whole_folder: bpy.props.BoolProperty(
        name="With its folder's tables",
        description="Read a file of a BIDS-EMG or MMM folder with the folder's tables",
        default=True,
    )
    stream: _part("stream", "Stream", "Which stream, by name, type or number", set())
    dataset: _part("dataset", "Data set", "Which array of the file is the signal", set())
    axis: _part("axis", "Axis of time", "Which axis of the array is time: 0 or 1", set())
    segment: _part("segment", "Stretch", "Which stretch of a recording with gaps, from 0", ONCE)
    recording: _part("recording", "Recording", "Which recording of the BIDS-EMG folder", ONCE)
    clip: _part("clip", "Clip", "Which clip of the MMM or MaM folder", ONCE)
    drop: _part("drop", "Without the channels", "Channels to leave out, with commas between", ONCE)
    montage_file: _file("Montage", "Which channel is which muscle (.json); empty goes by the names")
    scheme: bpy.props.EnumProperty(
        name="Electrode codes",
        description="Which scheme codes such as F1 or E1 in the channels' names belong to",
        items=(
            ("auto", "As recognised", "The scheme that the codes fit"),
            ("fridlund", "Fridlund", "F1 to F22, bipolar"),
            ("kuramoto", "Kuramoto", "K1 to K24 or E1 to E24, monopolar"),
        ),
    )
    sides: bpy.props.EnumProperty(
        name="Recorded side",
        description="Which side of the subject's face was recorded",
        items=(
            ("both", "Both", "The names say the subject's own sides"),
            ("left", "Left only", "Channels without a side stand for the left"),
            ("right", "Right only", "Channels without a side stand for the right"),
            ("swap", "As in the picture", "The names mean the sides as one sees them in a film"),
        ),
    )
    repair: bpy.props.StringProperty(
        name="Repair",
        description="What is done about bad channels, as 'Corr li=mirror, Zyg re=drop'",
        options=ONCE,
    )
    profile_file: _file("Profile", "The subject's calibration (.json) from 'eifer calibrate'")
    unmix: bpy.props.BoolProperty(
        name="Unmix", description="Take out the cross-talk that the profile holds"
    )
    model_file: _file("Model", "Name or ONNX file of a model; empty takes the usual")
    fill: bpy.props.EnumProperty(
        name="Missing muscles",
        description="What muscles do that were not recorded",
        items=(
            ("rest", "Rest", "They do not move"),
            ("mirror", "Mirror", "They do what the same muscle of the other side does"),
        ),
    )
    swap_sides: bpy.props.BoolProperty(
        name="Swap left and right",
        description="For electrodes that were plugged in on the wrong side",
    )
    delay_ms: _edit("delay_ms", "Delay (ms)", "How much later the face moves than the signal")
    symmetry: _edit("symmetry", "Symmetry", "0 as measured, 1 the mean of both sides")
    dead_zone: _edit("dead_zone", "Dead zone", "Activity below this is rest")
    min_cutoff_hz: _edit(
        "min_cutoff_hz", "Smoothing (Hz)", "One Euro cutoff at rest; lower is calmer, 0 is off"
    )
    beta: _edit("beta", "Quickness", "One Euro beta: how far quick movements escape smoothing")
    edits: bpy.props.StringProperty(
        name="Further edits",
        description='For scripts, as JSON: {"gain": {"zygomaticus": 1.2}}',
        default="",
        options=ONCE | {"HIDDEN"},
    )


def paths_of(operator: Any, context: bpy.types.Context | None = None) -> list[Path]:
    """The files that were chosen or dropped, or the one that a file browser points to now."""
    params = getattr(getattr(context, "space_data", None), "params", None)
    folder = getattr(params, "directory", None)
    if folder is not None:
        return [Path(folder.decode("utf-8", "replace")) / params.filename]
    names = [file.name for file in operator.files if file.name]
    if names and operator.directory:
        return [Path(bpy.path.abspath(operator.directory)) / name for name in names]
    return [Path(bpy.path.abspath(operator.filepath))] if operator.filepath else []


def reading_of(operator: Any) -> dict[str, Any]:
    """The choices of the reader that were made."""
    chosen: dict[str, Any] = {name: getattr(operator, name) for name in _READING}
    chosen = {name: value.strip() for name, value in chosen.items() if value.strip()}
    for name in _WHOLE_NUMBERS:
        if chosen.get(name, "").isdigit():
            chosen[name] = int(chosen[name])
    if operator.rate_hz:
        chosen["rate_hz"] = operator.rate_hz
    if "drop" in chosen:
        chosen["drop"] = [name.strip() for name in chosen["drop"].split(",")]
    return chosen | {name: True for name in _SWITCHES if getattr(operator, name)}


def offers_for(operator: Any, paths: list[Path]) -> list[Any]:
    """What the first of the files hold, as `signals.offers.Offer`."""
    from ..eifer_addon.signals.offers import look_into

    chosen = reading_of(operator)
    return [look_into(path, chosen, folder=operator.whole_folder) for path in paths[:_MOST_NAMED]]


def choices_of(operator: Any) -> list[Choices]:
    """What is to be imported, one entry per file.

    Raises
    ------
    EiferError
        When no file was chosen, or repairs or edits cannot be understood.
    """
    from ..eifer_addon.signals.offers import part_of

    paths = paths_of(operator)
    if not paths:
        raise EiferError("No recording is chosen.", "Choose a file.")
    shared = {
        "frame_start": operator.frame_start, "extend": operator.extend, "preset": operator.preset,
        "montage": chosen_path(operator.montage_file),
        "profile": chosen_path(operator.profile_file),
        "scheme": operator.scheme, "sides": operator.sides,
        "repair": _repairs(operator.repair), "unmix": operator.unmix,
        "model": chosen_path(operator.model_file), "fill": operator.fill, "edits": _edits(operator),
    }  # fmt: skip
    result = []
    for path in paths:
        whole, implied = part_of(path) if operator.whole_folder else (path, {})
        several = len(paths) > 1 and operator.take
        name = f"{operator.take} {path.stem}" if several else operator.take
        reading = implied | reading_of(operator)
        label = name or (path.stem if whole == path else next(iter(implied.values()), path.stem))
        result.append(Choices(whole, name, reader=reading, label=label, **shared))
    return result


def chosen_path(text: str) -> Path | None:
    """The file of a field of a dialog, None where it is empty."""
    return Path(bpy.path.abspath(text)) if text else None


def _repairs(text: str) -> dict[str, str]:
    found = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        channel, equals, way = part.rpartition("=")
        if not equals:
            raise EiferError(f"The repair '{part}' is not understood.", "Write 'channel=mirror'.")
        found[channel.strip()] = way.strip().lower()
    return found


def _edits(operator: Any) -> Edits:
    # Single precision is what Blender keeps; a person who typed 0.1 means 0.1.
    shown = {name: getattr(operator, name) for name in _EDITS}
    exact = {k: round(v, 6) if isinstance(v, float) else v for k, v in shown.items()}
    edits = Edits().changed(exact)
    return edits.changed(operator.edits) if operator.edits else edits


def draw_options(operator: Any, context: bpy.types.Context) -> None:
    """The dialog: what the file holds and asks first, everything else in folds."""
    layout = operator.layout
    paths = paths_of(operator, context)
    offers = offers_for(operator, [path for path in paths if path.name])
    _draw_offers(layout, operator, offers, len(paths))
    layout.use_property_split = True
    layout.use_property_decorate = False
    asked = {name for offer in offers for name in offer.asks}
    shown = {name for offer in offers for name in offer.shown}
    for name in _ASKED:
        if name in shown or getattr(operator, name):
            row = layout.row()
            row.alert = name in asked and not getattr(operator, name)
            row.prop(operator, name)
    if any(path != offer.path for path, offer in zip(paths, offers, strict=False)):
        layout.prop(operator, "whole_folder")
    layout.prop(operator, "preset")
    for title, names in (
        ("Channels", ("montage_file", "scheme", "sides", "repair")),
        ("Calibration and model", ("profile_file", "unmix", "model_file", "fill")),
        ("Edits", _EDITS),
        ("Scene", ("take", "frame_start", "extend")),
    ):
        header, body = layout.panel(f"eifer_import_{title}", default_closed=title != "Scene")
        header.label(text=title)
        if body is not None:
            for name in names:
                body.prop(operator, name)


def _draw_offers(layout: Any, operator: Any, offers: list[Any], count: int) -> None:
    column = layout.column(align=True)
    if operator.refusal and not any(offer.refusal for offer in offers):
        _draw_lines(column, operator.refusal, "ERROR")
    for offer in offers:
        column.label(text=offer.path.name, icon="FILE_FOLDER" if offer.path.is_dir() else "FILE")
        if offer.refusal:
            _draw_lines(column, offer.refusal, "QUESTION" if offer.asks else "ERROR")
        elif offer.words:
            _draw_lines(column, offer.words, "BLANK1")
    if count > len(offers) and offers:
        column.label(text=f"and {count - len(offers)} more", icon="BLANK1")


def in_fields(text: str) -> str:
    """A sentence that names a choice as scripts do (``rate_hz=``) with the field's name instead."""
    rna = bpy.ops.eifer.import_recording.get_rna_type().properties
    for name in _ASKED:
        field = f"'{rna[name].name}'"
        text = re.sub(rf"\b{name}=\[('.*?')\]", rf"{field} \1", text)
        text = re.sub(rf"\b{name}=True\b", field, text)
        text = re.sub(rf"\b{name}=(?=[\w'])", "", text)
        text = re.sub(rf"\b{name}=", field, text)
    return text


def _draw_lines(column: Any, text: str, icon: str) -> None:
    for k, line in enumerate(textwrap.wrap(in_fields(text), _LINE)):
        column.label(text=line, icon=icon if k == 0 else "BLANK1")
