"""EIFER's own files: tracks and activities as npz, and as CSV that any program can read.

A CSV starts with comment lines (``# key: value``): what it is, its units, whether it is simulated,
and the provenance as JSON. Numbers have nine significant digits, times seventeen, so that a track
comes back bit for bit.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from ..errors import EiferError
from ..files import atomic_path
from ..signals.activity import Activity
from ..spaces import get_space
from ..track import ExpressionTrack
from .base import Choices, Format, make_track
from .provenance import describe, parse_json
from .table import Table, open_table

_VERSION = 1
_TIME, _CONFIDENCE = "time_s", "confidence"
_POSE = ("head.rx_rad", "head.ry_rad", "head.rz_rad", "head.tx_m", "head.ty_m", "head.tz_m")
#: What the header of an activity says, as JSON.
ABOUT = frozenset({
    "rate_hz", "start_s", "delay_ms", "filters", "channels", "unmapped", "baseline", "scale",
    "events", "source",
})  # fmt: skip
#: So far, in frames, a time may be from where the rate puts it.
_OFF_FRAMES = 0.01
_ACTIVITY_UNITS = (
    "time_s in seconds; muscles dimensionless, 0 at rest, 1 at the strong effort that 'scale' is, "
    "value = max(0, (envelope - baseline) / scale)"
)
_TRACK_UNITS = (
    "time_s in seconds; confidence 0 to 1, 0 marks a gap; coefficients dimensionless, jaw.* in "
    "radians (axis-angle); head.r*_rad axis-angle in radians, head.t*_m in metres, +x to the "
    "subject's left, +y up, +z forward"
)


def recognise_npz(names: frozenset[str]) -> bool:
    """Whether the arrays are a track's that EIFER saved."""
    return {"meta", "coefficients", "timestamps"} <= names


def read_npz(path: Path, _choices: Choices) -> ExpressionTrack:
    """Read a track that :meth:`ExpressionTrack.save` wrote."""
    return ExpressionTrack.load(path)


def recognise_csv(names: frozenset[str]) -> bool:
    """Whether the columns are those of our CSV."""
    return {_TIME, _CONFIDENCE} <= names


def read_csv(path: Path, _choices: Choices) -> ExpressionTrack:
    """Read a track that :func:`write_track_csv` wrote, bit for bit.

    Raises
    ------
    EiferError
        Naming file, row and column.
    """
    table = open_table(path)
    notes = _notes(table)
    if not notes.get("eifer", "").startswith("expression_track") or "space" not in notes:
        raise EiferError(
            f"{path.name} does not say which expression space its columns are in.",
            "Export it again with its comment lines.",
        )
    space = get_space(notes["space"])
    pose_names = [name for name in _POSE if name in table.lowered]
    if pose_names and len(pose_names) < len(_POSE):
        raise EiferError(f"{path.name} holds a part of a head pose only.", "Export it again.")
    times, values = table.numbers([*space.coefficients, *pose_names], [_TIME, _CONFIDENCE])
    n = len(space)
    identity = parse_json(path, "identity", notes["identity"]) if "identity" in notes else None
    provenance = parse_json(path, "provenance", notes.get("provenance", "{}"))
    _check_notes(path, identity, provenance)
    trust = np.where(np.isfinite(values).all(axis=1), times[:, 1], 0)
    return make_track(
        path, space, values[:, :n], times[:, 0], confidence=trust,
        head_pose=values[:, n:] if pose_names else None, identity=identity, provenance=provenance,
    )  # fmt: skip


def _check_notes(path: Path, identity: Any, provenance: Any) -> None:
    numbers = identity is None or (
        isinstance(identity, list) and all(isinstance(x, int | float) for x in identity)
    )
    if not numbers or not isinstance(provenance, dict):
        raise EiferError(f"The comment lines of {path.name} are damaged.", "Export it again.")


def _notes(table: Table) -> dict[str, str]:
    pairs = (line.partition(":") for line in table.comments)
    return {key.strip(): value.strip() for key, _, value in pairs}


def read_activity_csv(path: Path) -> Activity:
    """Read muscle activity that :func:`write_csv` wrote, bit for bit.

    Raises
    ------
    EiferError
        Naming file, row and column.
    """
    table = open_table(path)
    notes = _notes(table)
    if not notes.get("eifer", "").startswith("activity"):
        raise EiferError(
            f"{path.name} is no muscle activity of EIFER's.",
            "Choose what 'eifer export' wrote, with its comment lines, or a recording.",
        )
    if table.names[0] != _TIME or len(table.names) < 2:
        raise EiferError(f"{path.name} lacks the time or the muscles.", "Export it again.")
    about = {key: parse_json(path, key, text) for key, text in notes.items() if key in ABOUT}
    times, values = table.numbers(table.names[1:], [_TIME])
    return activity_from(path, table.names[1:], times[:, 0], values, about)


def activity_from(
    path: Path, muscles: Sequence[str], times: np.ndarray, values: np.ndarray,
    about: Mapping[str, Any],
) -> Activity:  # fmt: skip
    """An activity of a table and of what :func:`.provenance.describe` said about it.

    Raises
    ------
    EiferError
        When a part is missing, frames are not evenly spaced, or a value is not a number.
    """
    said, n = _said(path, about), len(muscles)
    rate, start = said["rate_hz"], said["start_s"]
    fits = all(len(said[key]) == n for key in ("channels", "baseline", "scale"))
    if not fits or not 0 < rate <= 1e6:
        raise EiferError(
            f"The header of {path.name} does not fit its {n} muscles.", "Export it again."
        )
    if not np.isfinite(values).all():
        frame, column = np.argwhere(~np.isfinite(values))[0]
        raise EiferError(
            f"{path.name} holds no number for '{muscles[column]}' at frame {frame}.",
            "Export it again.",
        )
    off = np.abs(times - (start + np.arange(len(times)) / rate)) * rate > _OFF_FRAMES
    if off.any():
        raise EiferError(
            f"The times of {path.name} leave its {rate:g} frames/s at frame {np.argmax(off)}.",
            "Export it again; no rows may be missing.",
        )
    return Activity(values=values.astype(np.float32), muscles=tuple(muscles), **said)


def _said(path: Path, about: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of an activity that are no table, each of its kind."""
    try:
        words = {k: tuple(map(str, about[k])) for k in ("channels", "filters", "unmapped")}
        numbers = {k: float(about[k]) for k in ("rate_hz", "start_s", "delay_ms")}
        arrays = {k: np.array(about[k], np.float64).reshape(-1) for k in ("baseline", "scale")}
        events = tuple((float(o), str(n), float(d)) for o, n, d in about["events"])
        return {**words, **numbers, **arrays, "events": events, "source": dict(about["source"])}
    except (KeyError, TypeError, ValueError) as error:
        raise EiferError(
            f"{path.name} lacks a part of an activity, or it is damaged: {error}.",
            "Export it again.",
        ) from error


def read_activity_npz(path: Path) -> Activity:
    """Read muscle activity that :meth:`Activity.save` wrote.

    Raises
    ------
    EiferError
        When the file is damaged, or its parts do not fit each other or are no numbers.
    """
    try:
        activity = Activity.load(path)
    except (TypeError, AttributeError) as error:
        raise EiferError(f"{path.name} is a damaged activity.", "Export it again.") from error
    except EiferError as error:
        raise EiferError(error.cause, error.remedy or "Export it again.") from error
    values, n = activity.values, len(activity.muscles)
    parts = (activity.baseline, activity.scale)
    fits = values.ndim == 2 and values.shape[1] == n == len(activity.channels) and n > 0
    if not fits or values.dtype.kind != "f" or any(part.shape != (n,) for part in parts):
        raise EiferError(f"The parts of {path.name} do not fit each other.", "Export it again.")
    rate = activity.rate_hz
    if not np.isfinite(values).all() or not isinstance(rate, int | float) or not 0 < rate <= 1e6:
        raise EiferError(
            f"{path.name} holds values or a rate that are not numbers.", "Export it again."
        )
    return activity


def write_npz(item: ExpressionTrack | Activity, path: Path, *, overwrite: bool) -> Path:
    """Save a track or an activity as npz."""
    return item.save(path, overwrite=overwrite)


def write_csv(item: ExpressionTrack | Activity, path: Path, *, overwrite: bool) -> Path:
    """Write a track or an activity as CSV with a header of comments."""
    about = describe(item)
    with (
        atomic_path(path, overwrite=overwrite) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as stream,
    ):
        if isinstance(item, ExpressionTrack):
            _track(item, about, stream)
        else:
            _activity(item, about, stream)
    return path


def _comments(stream: TextIO, notes: dict[str, Any]) -> None:
    for key, value in notes.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        stream.write(f"# {key}: {text}\n")


def _track(track: ExpressionTrack, about: dict[str, Any], stream: TextIO) -> None:
    notes = {"eifer": f"expression_track, format {_VERSION}", "units": _TRACK_UNITS, **about}
    if track.identity is not None:
        notes["identity"] = [float(x) for x in track.identity]
    _comments(stream, notes)
    columns, blocks = [_CONFIDENCE, *track.space.coefficients], [track.confidence[:, None]]
    blocks.append(track.coefficients)
    if track.head_pose is not None:
        columns += _POSE
        blocks.append(track.head_pose)
    write_rows(stream, [_TIME, *columns], track.timestamps, blocks)


def _activity(activity: Activity, about: dict[str, Any], stream: TextIO) -> None:
    notes = {"eifer": f"activity, format {_VERSION}", "units": _ACTIVITY_UNITS, **about}
    _comments(stream, notes)
    write_rows(stream, [_TIME, *activity.muscles], activity.timestamps, [activity.values])


def write_rows(
    stream: TextIO, columns: Iterable[str], times: np.ndarray, blocks: Iterable[np.ndarray],
    delimiter: str = ",", *, header: bool = True,
) -> None:  # fmt: skip
    """Write times and float32 values so that both can be read back bit for bit."""
    names = list(columns)
    if header:
        stream.write(delimiter.join(names) + "\n")
    values = np.concatenate([np.asarray(block, np.float32) for block in blocks], axis=1)
    form = delimiter.join(["%.17g"] + ["%.9g"] * values.shape[1]) + "\n"
    rows = zip(times.tolist(), values.tolist(), strict=True)
    stream.writelines(form % (time, *row) for time, row in rows)


NPZ = Format("npz", "EIFER track (npz)", recognise_npz, read_npz)
CSV = Format("csv", "EIFER track (CSV)", recognise_csv, read_csv)
