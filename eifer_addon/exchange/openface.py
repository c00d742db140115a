"""OpenFace's CSV (Baltrušaitis et al. 2018): action units, gaze and head pose of a film.

Columns after the project's page "Output Format": ``AUxx_r`` from 0 to 5, ``pose_R*`` in radians
(R = Rx·Ry·Rz) and ``pose_T*`` in mm in the camera's axes, ``gaze_0_*`` and ``gaze_1_*`` unit
vectors there, ``timestamp`` in s, ``confidence`` in [0, 1], ``success`` 0 or 1.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..errors import EiferError
from ..spaces import ARKIT52
from ..track import ExpressionTrack
from .action_units import add_gaze, to_arkit, unit_of
from .base import Choices, Format, frame_times, make_track
from .rotations import CAMERA_TO_MODEL, axis_angles, matrices_about, to_model_axes
from .table import Table, open_table

_STRONGEST = 5.0
_POSE = tuple(f"pose_{kind}{axis}" for kind in "RT" for axis in "xyz")
_GAZE = tuple(f"gaze_{eye}_{axis}" for eye in (0, 1) for axis in "xyz")
_M_PER_MM = 1e-3


def recognise(names: frozenset[str]) -> bool:
    """Whether the columns are OpenFace's."""
    return "success" in names and any(
        name.startswith("au") and name.endswith("_r") for name in names
    )


def read(path: Path, choices: Choices) -> ExpressionTrack:
    """Read OpenFace's CSV into `arkit52`, with head pose and gaze where they are there.

    Raises
    ------
    EiferError
        Naming file, row and column.
    """
    table = open_table(path)
    units = [n for n in table.names if unit_of(n) and n.lower().endswith("_r")]
    if not units:
        raise EiferError(
            f"{path.name} holds no intensities of action units (AU01_r …).",
            "Run OpenFace with -aus.",
        )
    parts = {"units": units, "pose": _present(table, _POSE), "gaze": _present(table, _GAZE)}
    always = ["success"] + [n for n in ("timestamp", "confidence", "face_id") if _has(table, n)]
    first, values = table.numbers([n for names in parts.values() for n in names], always)
    notes = dict(zip(always, first.T, strict=True))
    keep = _one_face(path, notes, choices)
    notes = {name: column[keep] for name, column in notes.items()}
    split = np.cumsum([len(names) for names in parts.values()])[:-1]
    data = dict(zip(parts, np.split(values[keep], split, axis=1), strict=True))
    return _track(path, choices, units, notes, data)


def _has(table: Table, name: str) -> bool:
    return name in table.lowered


def _present(table: Table, names: tuple[str, ...]) -> list[str]:
    """All of the columns or, where one is missing, none."""
    return list(names) if all(_has(table, name.lower()) for name in names) else []


def _one_face(path: Path, notes: dict[str, np.ndarray], choices: Choices) -> np.ndarray:
    """Rows of the face that was chosen, or of the only one."""
    if "face_id" not in notes:
        return np.ones(len(notes["success"]), bool)
    faces = [f"{face:g}" for face in np.unique(notes["face_id"])]
    if choices.face is None and len(faces) > 1:
        raise EiferError(
            f"{path.name} holds {len(faces)} faces (face_id {', '.join(faces[:8])}).",
            f"Choose one, such as face={faces[0]}.",
        )
    wanted = choices.face if choices.face is not None else (faces[0] if faces else "")
    if faces and wanted not in faces:
        raise EiferError(
            f"{path.name} holds no face '{wanted}'.", f"Choose among {', '.join(faces[:8])}."
        )
    return np.array([f"{face:g}" == wanted for face in notes["face_id"]], bool)


def _track(
    path: Path, choices: Choices, units: list[str], notes: dict[str, np.ndarray],
    data: dict[str, np.ndarray],
) -> ExpressionTrack:  # fmt: skip
    good = (notes["success"] > 0) & np.isfinite(data["units"]).all(axis=1)
    trust = np.where(good, notes.get("confidence", np.ones(len(good))), 0.0)
    times = notes.get("timestamp")
    if choices.rate_hz is not None:
        times = frame_times(len(good), choices.rate_hz)
    if times is None:
        raise EiferError(f"{path.name} has no column 'timestamp'.", "Give the frame rate.")
    coefficients, unused = to_arkit(data["units"] / _STRONGEST, units)
    provenance: dict[str, Any] = {
        "format": "openface", "unused_columns": unused,
        "mapping": "action units to ARKit, data/action_units.json",
    }  # fmt: skip
    pose = rotations = None
    if data["pose"].shape[1]:
        pose_values = np.where(good[:, None], data["pose"], 0)
        rotations = matrices_about("xyz", pose_values[:, :3])
        pose, origin = _head_pose(pose_values, rotations, good)
        provenance["head_origin_m"] = origin
    if data["gaze"].shape[1]:
        _gaze(coefficients, np.where(good[:, None], data["gaze"], 0), rotations)
    return make_track(
        path, ARKIT52, coefficients, times, confidence=trust, head_pose=pose,
        provenance=provenance,
    )  # fmt: skip


def _head_pose(
    values: np.ndarray, rotations: np.ndarray, good: np.ndarray
) -> tuple[np.ndarray, list[float]]:
    """Axis-angle and metres in the model's axes, from the place of the first good frame on."""
    turned = axis_angles(to_model_axes(rotations))
    places = values[:, 3:] * _M_PER_MM * CAMERA_TO_MODEL
    origin = places[int(np.argmax(good))] if good.any() else np.zeros(3)
    pose = np.concatenate([turned, places - origin], axis=1)
    return np.where(good[:, None], pose, np.nan), [float(x) for x in origin]


def _gaze(coefficients: np.ndarray, vectors: np.ndarray, rotations: np.ndarray | None) -> None:
    """The mean direction of both eyes, seen from the head; zero vectors look straight ahead."""
    mean = vectors[:, :3] + vectors[:, 3:]
    if rotations is not None:
        mean = np.einsum("nji,nj->ni", rotations, mean)
    x, y, z = (mean * CAMERA_TO_MODEL).T
    left, up = np.degrees(np.arctan2(x, z)), np.degrees(np.arctan2(y, np.hypot(x, z)))
    add_gaze(coefficients, left, up)


FORMAT = Format("openface", "OpenFace CSV", recognise, read)
