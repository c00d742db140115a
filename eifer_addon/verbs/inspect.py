"""``eifer inspect``: what is in a file."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .. import api
from ..errors import EiferError
from ..exchange import is_activity, is_track
from ..signals.inspection import what_is_read, what_is_refused
from ..signals.readers import list_contents
from ..signals.readers.base import Row
from ..signals.recording import Recording
from .base import Result, add_reading_arguments, reading_choices
from .mapping import add_mapping_arguments, chosen_montage, montage_rows

HELP = "Print what is in a recording, track, activity, head or model file."
EXAMPLE = "eifer inspect session.edf"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("file", type=Path, help="the file to look into")
    add_reading_arguments(parser)
    add_mapping_arguments(parser)


def run(options: argparse.Namespace) -> Result:
    """Find out what the file is and describe it."""
    path: Path = options.file
    if not path.exists():
        raise EiferError(f"{path} does not exist.", "Check the path.")
    choices = reading_choices(options)
    if path.suffix.lower() in _TRACK_SUFFIXES and path.is_file():
        if is_activity(path):
            return _activity(path)
        if is_track(path):
            return _track(path, choices)
    reader = _READERS.get(path.suffix.lower())
    if reader is not None:
        return reader(path, options)
    try:
        recording = api.read_recording(path, **choices)
    except EiferError as error:
        return _describe_refused(path, error)
    return _describe_recording(recording, options, list_contents(path))


def _describe_refused(path: Path, error: EiferError) -> Result:
    """What is in a file that is not read, and why it is not; the error itself when nothing is."""
    values = what_is_refused(path, error)
    return Result(f"{path.name} holds:\n{_table(values['contents'])}\nNot read: {error}", values)


def _table(rows: list[Row]) -> str:
    """Rows as aligned columns under their names."""
    columns = list(rows[0])
    cells = [columns] + [[_cell(row.get(name)) for name in columns] for row in rows]
    widths = [max(len(line[k]) for line in cells) for k in range(len(columns))]
    return "\n".join(
        "  "
        + "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    )


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _describe_recording(
    recording: Recording, options: argparse.Namespace, contents: list[Row] | None = None
) -> Result:
    montage = chosen_montage(options, recording)
    values = what_is_read(recording, contents or [])
    values["mapping"] = montage.describe()
    values["montage"] = {"channels": montage_rows(montage), "notes": list(montage.notes)}
    text = f"{recording.describe()}\n{montage.describe()}"
    if options.save_montage:
        values["files"] = {"montage": str(options.save_montage)}
        text = f"{text}\nmontage: {options.save_montage}"
    if contents:
        text = f"{text}\nThe file holds:\n{_table(contents)}"
    return Result(text, values)


def _track(path: Path, choices: dict[str, Any]) -> Result:
    track = api.read_track(path, **choices)
    values: dict[str, Any] = {
        "kind": "expression_track",
        "description": track.describe(),
        "space": track.space.name,
        "frames": len(track),
        "duration_s": track.duration_s,
        "head_pose": track.head_pose is not None,
        "provenance": dict(track.provenance),
    }
    return Result(track.describe(), values)


def _activity(path: Path) -> Result:
    activity = api.read_activity(path)
    values: dict[str, Any] = {
        "kind": "activity",
        "description": activity.describe(),
        "muscles": list(activity.muscles),
        "rate_hz": activity.rate_hz,
        "frames": len(activity),
        "delay_ms": activity.delay_ms,
        "filters": list(activity.filters),
    }
    return Result(activity.describe(), values)


def _npz(path: Path, options: argparse.Namespace) -> Result:
    try:
        return _describe_recording(Recording.load(path), options)
    except EiferError as error:
        last = error
    try:
        return _head(path, options)
    except EiferError as error:
        raise EiferError(
            f"{path} is no track, activity, recording or head that EIFER can read.",
            str(last),
        ) from error


def _head(path: Path, _options: argparse.Namespace) -> Result:
    head = api.load_head(path)
    values = {"kind": "head", "vertices": head.n_vertices, "identity": head.n_identity,
              "expression": head.n_expression, "info": dict(head.info)}  # fmt: skip
    return Result(head.describe(), values)


def _model(path: Path, _options: argparse.Namespace) -> Result:
    from ...models.sessions import load_model

    model = load_model(path)
    return Result(model.card.describe(), {"kind": "model", "sha256": model.sha256})


#: Endings that tracks of other programs have, too; what is in the file decides.
_TRACK_SUFFIXES = (".npz", ".csv", ".tsv", ".txt", ".gz")
_READERS: dict[str, Callable[[Path, argparse.Namespace], Result]] = {
    ".npz": _npz,
    ".pkl": _head,
    ".onnx": _model,
}
