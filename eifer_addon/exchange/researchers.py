"""The researchers' CSV: a table of one film that scripts for OpenFace and py-feat can read.

One row a frame. Columns are named and scaled as OpenFace 2 does (Baltrušaitis et al. 2018, "Output
Format"): ``frame`` (counted from 0, as in py-feat), ``face_id``, ``timestamp`` in s, ``confidence``
and ``success``, ``pose_T*`` in mm and ``pose_R*`` in radians (R = Rx·Ry·Rz) in the camera's axes,
``AUxx_r`` from 0 to 5 and ``AUxx_c`` 0 or 1; after them the 52 ARKit coefficients under the names
that py-feat gives them. There are no comment lines, which those scripts would trip over: what the
columns mean, the camera and the provenance lie in a JSON file beside it.

In gaps `success` and `confidence` are 0 and every measured value is an empty cell, which pandas, R
and MATLAB read as missing, so that a mean over a film is one over the frames that show the face.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import EiferError
from ..files import atomic_path
from ..spaces import ARKIT52, ARKIT_NAMES
from ..track import Camera, ExpressionTrack
from .action_units import from_arkit, intensity_weights
from .base import Choices, Format, frame_times, make_track
from .provenance import describe, sidecar_path, write_json
from .rotations import CAMERA_TO_MODEL, angles_about, axis_angles, matrices_about, to_model_axes
from .table import open_table

_STRONGEST, _PRESENT_FROM = 5.0, 1.0
_MM_PER_M = 1e3
_POSE = tuple(f"pose_{kind}{axis}" for kind in "TR" for axis in "xyz")
_FIRST = ("frame", "face_id", "timestamp", "confidence", "success")
_NEEDED = frozenset({"timestamp", "confidence", "success", *(n.lower() for n in ARKIT_NAMES)})


def recognise(names: frozenset[str]) -> bool:
    """Whether the columns are those of our table."""
    return names >= _NEEDED


def units() -> tuple[str, ...]:
    """The columns of action units without their endings: ``AU01`` … ``AU45``."""
    return tuple(f"AU{int(unit):02d}" for unit in intensity_weights())


def write(track: ExpressionTrack, path: str | Path, *, overwrite: bool = True) -> tuple[Path, Path]:
    """Write a track as a table, and what its columns mean as JSON beside it.

    Parameters
    ----------
    track : ExpressionTrack
        In any space; one in a head's own space is carried to `arkit52`, on the surface of the
        head, and its action units follow from there.
    path : path-like
        The table; the JSON has the same name with ``.json``.
    overwrite : bool
        Whether existing files may be replaced.

    Returns
    -------
    tuple of pathlib.Path
        The table and the JSON.

    Raises
    ------
    EiferError
        When a file exists or cannot be written, or the track's basis is not known here.
    """
    goal = Path(path)
    beside = sidecar_path(goal)
    if beside == goal:
        raise EiferError(f"{goal.name} is no name for a CSV.", "Let it end in .csv.")
    if beside.exists() and not overwrite:
        raise EiferError(f"{beside} exists already.", "Choose another name or allow overwriting.")
    from ..heads.retarget import retarget

    carried = retarget(track, ARKIT52.name)
    names = [*_FIRST, *(_POSE if track.head_pose is not None else ())]
    names += [f"{unit}_{kind}" for kind in "rc" for unit in units()] + list(ARKIT_NAMES)
    with (
        atomic_path(goal, overwrite=overwrite) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as stream,
    ):
        stream.write(",".join(names) + "\n")
        stream.writelines(_lines(carried))
    return goal, write_json(beside, _about(carried, track), overwrite=overwrite)


def _lines(track: ExpressionTrack) -> list[str]:
    """The rows as text; cells of gaps are empty."""
    seen = track.confidence > 0
    intensities, _ = from_arkit(track.coefficients)
    strengths = np.round(intensities * _STRONGEST, 4)
    present = strengths >= _PRESENT_FROM
    pose = None if track.head_pose is None else _camera_pose(track)
    n_pose = 0 if pose is None else pose.shape[1]
    n_empty = n_pose + 2 * strengths.shape[1] + len(ARKIT_NAMES)
    frames = _frames(track)
    lines = []
    for k, (time_s, trust) in enumerate(zip(track.timestamps, track.confidence, strict=True)):
        cells = [f"{frames[k]}", "0", f"{time_s:.17g}", f"{trust:.9g}", f"{int(seen[k])}"]
        if seen[k]:
            cells += [] if pose is None else [f"{value:.9g}" for value in pose[k]]
            cells += [f"{value:.4f}" for value in strengths[k]]
            cells += [f"{int(value)}" for value in present[k]]
            cells += [f"{value:.9g}" for value in track.coefficients[k]]
        else:
            cells += [""] * n_empty
        lines.append(",".join(cells) + "\n")
    return lines


def _frames(track: ExpressionTrack) -> np.ndarray:
    """Numbers of the frames in the film, from 0, as far as the track knows."""
    options = track.provenance.get("options")
    known = options if isinstance(options, Mapping) else {}
    return int(known.get("start", 0)) + int(known.get("step", 1)) * np.arange(len(track))


def _camera_pose(track: ExpressionTrack) -> np.ndarray:
    """OpenFace's pose (n, 6): place in mm and turns in radians, in the camera's axes."""
    pose = np.asarray(track.head_pose, np.float64)
    place = np.zeros(3) if track.camera is None else np.asarray(track.camera.place)
    places = (pose[:, 3:] + place) * _MM_PER_M * CAMERA_TO_MODEL
    return np.concatenate([places, angles_about("xyz", pose[:, :3] * CAMERA_TO_MODEL)], axis=1)


def _about(track: ExpressionTrack, original: ExpressionTrack) -> dict[str, Any]:
    camera = track.camera or original.camera
    via = "" if original.space.name == ARKIT52.name else f" carried from {original.space.name}, "
    origin = "the head's origin" + ("" if camera else ", from where it is at rest")
    units_of = {
        "frame": "number of the frame in the film, from 0",
        "face_id": "always 0: a file holds one face",
        "timestamp": "s after the film's first frame, by its own timestamps",
        "confidence": "0 to 1; 0 in gaps",
        "success": "1 where the face was seen, 0 in gaps, whose other cells are empty",
        "pose_Tx, pose_Ty, pose_Tz": f"mm, {origin}; x to the right of the picture, y down, z away",
        "pose_Rx, pose_Ry, pose_Rz": "radians about the same axes, R = Rx Ry Rz; 0 is frontal",
        "AUxx_r": f"intensity 0 to 5,{via} from ARKit by action_unit_intensities.json",
        "AUxx_c": f"1 where AUxx_r is at least {_PRESENT_FROM:g} (a trace)",
        "the 52 others": "ARKit coefficients, 0 to 1",
    }
    notes = {"eifer": "researchers' table, format 1", "columns": units_of}
    if camera is not None:
        notes["camera"] = {
            "width": camera.width, "height": camera.height, "focal_px": camera.focal_px,
            "place_m": list(camera.place),
        }  # fmt: skip
    return notes | describe(track) | {"action_units": intensity_weights()}


def read(path: Path, choices: Choices) -> ExpressionTrack:
    """Read the table into `arkit52`; the head's place and the camera need the JSON beside it.

    Raises
    ------
    EiferError
        Naming file, row and column.
    """
    table = open_table(path)
    pose_names = [name for name in _POSE if name.lower() in table.lowered]
    if pose_names and len(pose_names) < len(_POSE):
        raise EiferError(f"{path.name} holds a part of a head pose only.", "Export it again.")
    always = ["timestamp", "confidence", "success"]
    first, values = table.numbers([*ARKIT_NAMES, *pose_names], always)
    n = len(ARKIT_NAMES)
    good = (first[:, 2] > 0) & np.isfinite(values).all(axis=1)
    times = first[:, 0]
    if choices.rate_hz is not None:
        times = frame_times(len(first), choices.rate_hz)
    camera, provenance = _beside(path)
    pose = None
    if pose_names:
        pose, origin = _model_pose(np.where(good[:, None], values[:, n:], 0), camera, good)
        provenance.setdefault("head_origin_m", origin)
    track = make_track(
        path, ARKIT52, values[:, :n], times, confidence=np.where(good, first[:, 1], 0),
        head_pose=pose, provenance={**provenance, "format": "researchers"},
    )  # fmt: skip
    if camera is None:
        return track
    from dataclasses import replace

    return replace(track, camera=camera)


def _model_pose(
    values: np.ndarray, camera: Camera | None, good: np.ndarray
) -> tuple[np.ndarray, list[float]]:
    """Head pose (n, 6) in the model's axes, from the camera's place or the first good frame on."""
    turned = axis_angles(to_model_axes(matrices_about("xyz", values[:, 3:])))
    places = values[:, :3] / _MM_PER_M * CAMERA_TO_MODEL
    first = places[int(np.argmax(good))] if good.any() else np.zeros(3)
    origin = first if camera is None else np.asarray(camera.place)
    pose = np.concatenate([turned, places - origin], axis=1)
    return np.where(good[:, None], pose, np.nan), [float(x) for x in origin]


def _beside(path: Path) -> tuple[Camera | None, dict[str, Any]]:
    """The camera and the provenance in the JSON beside the table, where it is there."""
    try:
        notes = json.loads(sidecar_path(path).read_text("utf-8"))
        provenance = dict(notes.get("provenance", {}))
        known = notes.get("camera")
        if known is None:
            return None, provenance
        x, y, z = map(float, known["place_m"])
        size = int(known["width"]), int(known["height"])
        return Camera(*size, float(known["focal_px"]), (x, y, z)), provenance
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None, {}


FORMAT = Format("researchers", "researchers' CSV (OpenFace columns)", recognise, read)
