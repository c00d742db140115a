"""A BIDS-style derivative: a table without header (tsv.gz) and its JSON sidecar.

After the Brain Imaging Data Structure 1.11, derivatives and continuous recordings: the sidecar has
SamplingFrequency, StartTime, Columns and one entry per column; ours adds the filter chain, the
sources and whether the signal is simulated. An activity lies in ``emg/`` with
``recording-activity``, a track in ``beh/`` with ``recording-expression``: the standard's rules for
``physio`` know this entity and no ``desc`` (bids-validator 3.0 finds no error).
"""

from __future__ import annotations

import gzip
import io
import re
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import EiferError
from ..files import atomic_path, write_error
from ..signals.activity import Activity
from ..track import ExpressionTrack
from .own import activity_from, write_rows
from .provenance import describe, is_simulated, read_json, write_json
from .table import Table

_VERSION = "1.11.1"
_LABEL = re.compile(r"^[0-9a-zA-Z]+$", re.ASCII)
_POSE = ("head_rx", "head_ry", "head_rz", "head_tx", "head_ty", "head_tz")
_DESCRIPTION, _README = "dataset_description.json", "README.md"
_README_TEXT = """# Facial muscle activity and expression

A derivative made by EIFER from recordings of facial surface EMG.

- `sub-*/**/emg/*_recording-activity_physio.tsv.gz`: normalised muscle activity, 0 at rest.
- `sub-*/**/beh/*_recording-expression_physio.tsv.gz`: coefficients of facial expression.

Columns, units, the filter chain (`SoftwareFilters`, `FilterDelay`) and the source of each table
stand in the JSON file beside it. `Simulated` says whether the signal was made up.
"""
_ABOUT = {
    "activity": "Muscle activity of the face: envelopes of surface EMG, less the rest baseline, "
    "divided by the scale of each muscle, not below 0.",
    "expression": "Coefficients of facial expression over time.",
}


def write(
    item: ExpressionTrack | Activity, folder: Path, *, subject: str, task: str,
    session: str | None = None, overwrite: bool = False,
) -> tuple[Path, ...]:  # fmt: skip
    """Write a derivative into a folder, with ``dataset_description.json`` where there is none.

    Parameters
    ----------
    item : ExpressionTrack or Activity
    folder : pathlib.Path
        The derivative data set; made when it does not exist.
    subject, task, session : str
        BIDS labels: letters and digits.
    overwrite : bool
        Whether files of the same name may be replaced.

    Returns
    -------
    tuple of pathlib.Path
        The table, the sidecar and, where they were made, the data set's description and README.
    """
    entities = {"sub": subject, "ses": session, "task": task}
    labels = {key: _label(key, value) for key, value in entities.items() if value is not None}
    is_track = isinstance(item, ExpressionTrack)
    labels["recording"] = "expression" if is_track else "activity"
    place = folder.joinpath(
        *(f"{key}-{labels[key]}" for key in ("sub", "ses") if key in labels),
        "beh" if is_track else "emg",
    )
    stem = "_".join(f"{key}-{value}" for key, value in labels.items()) + "_physio"
    table, sidecar = place / f"{stem}.tsv.gz", place / f"{stem}.json"
    for path in (table, sidecar):
        if path.exists() and not overwrite:
            raise EiferError(f"{path} exists already.", "Choose other labels or allow overwriting.")
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(place, error) from error
    made = [_write_table(item, table, overwrite=overwrite)]
    made.append(write_json(sidecar, _sidecar(item), overwrite=overwrite))
    if not (folder / _DESCRIPTION).exists():
        made.append(write_json(folder / _DESCRIPTION, _dataset(item), overwrite=False))
    if not any(folder.glob("README*")):
        made.append(folder / _README)
        with atomic_path(made[-1], overwrite=False) as temporary:
            temporary.write_text(_README_TEXT, encoding="utf-8")
    return tuple(made)


def read_activity(path: Path) -> Activity:
    """Read muscle activity of a derivative of ours, from its table (tsv.gz) or its sidecar.

    Raises
    ------
    EiferError
        When one of the two is missing, or they do not fit each other.
    """
    stem = path.name.removesuffix(".json").removesuffix(".tsv.gz")
    sidecar, table = path.with_name(f"{stem}.json"), path.with_name(f"{stem}.tsv.gz")
    if not sidecar.is_file() or not table.is_file():
        missing = table if sidecar.is_file() else sidecar
        raise EiferError(f"{missing} does not exist.", "Keep table and sidecar together.")
    about = read_json(sidecar)
    columns, ours = about.get("Columns"), about.get("Eifer")
    filters = about.get("SoftwareFilters")
    if not isinstance(columns, list) or not isinstance(ours, dict) or "baseline" not in ours:
        raise EiferError(
            f"{sidecar.name} does not describe muscle activity of EIFER's.", "Choose another file."
        )
    try:
        steps = [str(step["Description"]) for step in (filters or {}).values()]
        ours |= {"filters": steps, "delay_ms": about["FilterDelay"]["Value"]}
    except (AttributeError, KeyError, TypeError) as error:
        raise EiferError(
            f"The filters in {sidecar.name} are damaged.", "Export it again."
        ) from error
    head = Table(table, tuple(map(str, columns)), (), "\t", 0)
    times, values = head.numbers(columns[1:], columns[:1])
    return activity_from(table, head.names[1:], times[:, 0], values, ours)


def _label(entity: str, value: str) -> str:
    text = value.removeprefix(f"{entity}-")
    if not _LABEL.match(text):
        raise EiferError(
            f"'{value}' is no BIDS label for '{entity}'.", "Use letters and digits only."
        )
    return text


def _columns(item: ExpressionTrack | Activity) -> dict[str, dict[str, str]]:
    """Columns after the time, with what they are and their units."""
    if isinstance(item, Activity):
        return {
            muscle: {"Description": f"Activity of {muscle}, from channel {channel}", "Units": "1"}
            for muscle, channel in zip(item.muscles, item.channels, strict=True)
        }
    found = {"confidence": {"Description": "0 to 1; 0 marks a gap", "Units": "1"}}
    for name in item.space.coefficients:
        is_angle = name.startswith("jaw.")
        found[name] = {
            "Description": f"Coefficient '{name}' of the space {item.space.name}",
            "Units": "rad" if is_angle else "1",
        }
    if item.head_pose is not None:
        for name in _POSE:
            turn = name[5] == "r"
            what = "axis-angle rotation" if turn else "translation"
            found[name] = {
                "Description": f"Head {what} about {name[-1]}"
                if turn
                else f"Head {what}, {name[-1]}",
                "Units": "rad" if turn else "m",
            }
    return found


def _write_table(item: ExpressionTrack | Activity, path: Path, *, overwrite: bool) -> Path:
    if isinstance(item, Activity):
        blocks = [item.values]
    else:
        blocks = [item.confidence[:, None], item.coefficients]
        blocks += [] if item.head_pose is None else [item.head_pose]
    text = io.StringIO()
    write_rows(text, [], item.timestamps, blocks, "\t", header=False)
    # Without name and time in it, the same content is the same file.
    packed = gzip.compress(text.getvalue().encode("utf-8"), compresslevel=5, mtime=0)
    with atomic_path(path, overwrite=overwrite) as temporary:
        temporary.write_bytes(packed)
    return path


def _sidecar(item: ExpressionTrack | Activity) -> dict[str, Any]:
    about = describe(item)
    columns = _columns(item)
    notes = about.pop("provenance", {})
    filters = about.pop("filters", notes.get("filters", []))
    return {
        "Description": _ABOUT["activity" if isinstance(item, Activity) else "expression"],
        "SamplingFrequency": _rate(item),
        "StartTime": float(item.timestamps[0]) if len(item) else 0.0,
        "Columns": ["time", *columns],
        "time": {"Description": "Seconds from the recording's start", "Units": "s"},
        **columns,
        "SoftwareFilters": {f"{k + 1}": {"Description": step} for k, step in enumerate(filters)},
        "FilterDelay": {
            "Value": about.pop("delay_ms", notes.get("delay_ms", 0.0)), "Units": "ms"
        },
        "Simulated": is_simulated(item),
        "GeneratedBy": _generated_by(about),
        "Eifer": {**about, **({"provenance": notes} if notes else {})},
    }  # fmt: skip


def _rate(item: ExpressionTrack | Activity) -> float:
    """Frames per second, for a track the median's."""
    if isinstance(item, Activity):
        return float(item.rate_hz)
    return float(1 / np.median(np.diff(item.timestamps))) if len(item) > 1 else 0.0


def _generated_by(about: dict[str, Any]) -> list[dict[str, str]]:
    name, _, version = str(about["software"]).partition(" ")
    return [{"Name": name, "Version": version}]


def _dataset(item: ExpressionTrack | Activity) -> dict[str, Any]:
    return {
        "Name": "Facial muscle activity and expression, made by EIFER",
        "BIDSVersion": _VERSION,
        "DatasetType": "derivative",
        "GeneratedBy": _generated_by(describe(item)),
    }
