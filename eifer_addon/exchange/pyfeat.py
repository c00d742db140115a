"""py-feat's CSV (Cheong et al. 2023, the table ``Fex``): action units from 0 to 1.

A row per face and frame. Where MediaPipe's blendshapes stand beside the action units, as later
versions write them, those are taken, because they need no mapping. The head's angles are in degrees
in versions up to 0.6 (of the transposed rotation, with the signs of roll and yaw turned) and in
radians in later ones, where the columns Pitch, Roll and Yaw hold the turns about x, y and z;
nothing in the file says which, so they are read only when the unit is chosen. Both ways follow
the source of py-feat and are not checked on a film.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..errors import EiferError
from ..spaces import ARKIT52, ARKIT_NAMES
from ..track import ExpressionTrack
from .action_units import to_arkit, unit_of
from .base import ANGLES, Choices, Format, make_track
from .rotations import axis_angles, matrices_about, to_model_axes
from .table import Table, open_table

_ANGLES = ("Pitch", "Roll", "Yaw")
_SCORE = "FaceScore"
_IDENTITY = "identity"
_NO_TONGUE = tuple(name for name in ARKIT_NAMES if name != "tongueOut")
_BLENDSHAPES = frozenset(name.lower() for name in _NO_TONGUE)


def recognise(names: frozenset[str]) -> bool:
    """Whether the columns are py-feat's."""
    has_units = any(unit_of(name) and not name.endswith("_r") for name in names)
    if names >= _BLENDSHAPES and _SCORE.lower() in names:
        return True
    return has_units and "success" not in names and ("facescore" in names or "frame" in names)


def read(path: Path, choices: Choices) -> ExpressionTrack:
    """Read py-feat's CSV into `arkit52`.

    Raises
    ------
    EiferError
        Naming file, row and column; also when the frame rate is not given.
    """
    table = open_table(path)
    shapes = table.lowered >= _BLENDSHAPES
    units = list(_NO_TONGUE) if shapes else [name for name in table.names if unit_of(name)]
    if choices.rate_hz is None:
        raise EiferError(
            f"{path.name} counts frames and does not say how many a second has.",
            "Give the film's frame rate.",
        )
    angles = _angle_columns(table, choices)
    extra = [_SCORE] if _SCORE.lower() in table.lowered else []
    (frames,), values = _frames_and_values(table, [*units, *extra, *angles], choices)
    intensities = values[:, : len(units)]
    good = np.isfinite(intensities).all(axis=1)
    trust = np.where(good, values[:, len(units)] if extra else 1.0, 0.0)
    coefficients, unused = _blendshapes(intensities) if shapes else to_arkit(intensities, units)
    pose = None
    if angles:
        pose = _head_pose(np.where(good[:, None], values[:, -3:], 0), choices)
        pose[~good] = np.nan
    read_pose = f"in {choices.angles}" if angles else "not read: the unit was not chosen"
    return make_track(
        path, ARKIT52, coefficients, frames / choices.rate_hz, confidence=trust, head_pose=pose,
        provenance={
            "format": "pyfeat", "rate_hz": choices.rate_hz,
            "unused_columns": unused, "head_angles": read_pose,
            "mapping": "none: MediaPipe's blendshapes"
            if shapes
            else "action units to ARKit, data/action_units.json",
        },
    )  # fmt: skip


def _blendshapes(values: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """MediaPipe's blendshapes as ARKit coefficients (n_frames, 52); it knows no tongue."""
    found = np.zeros((len(values), len(ARKIT_NAMES)))
    found[:, [ARKIT_NAMES.index(name) for name in _NO_TONGUE]] = np.clip(values, 0, 1)
    return found, []


def _angle_columns(table: Table, choices: Choices) -> list[str]:
    if choices.angles is None or not all(name.lower() in table.lowered for name in _ANGLES):
        return []
    return list(_ANGLES)


def _frames_and_values(
    table: Table, names: list[str], choices: Choices
) -> tuple[tuple[np.ndarray], np.ndarray]:
    """Frame numbers and values of one face, by frame."""
    always = ["frame"] if "frame" in table.lowered else []
    first, values = table.numbers(names, always)
    frames = first[:, 0] if always else np.arange(len(values), dtype=np.float64)
    if choices.face is not None:
        keep = _rows_of(table, choices.face)
        frames, values = frames[keep], values[keep]
    elif len(np.unique(frames)) < len(frames):
        twice = float(frames[1:][np.diff(np.sort(frames)) == 0][0]) if len(frames) > 1 else 0.0
        raise EiferError(
            f"{table.path.name} holds several faces in one frame (near frame {twice:g}).",
            "Choose one by its Identity, such as face=Person_0.",
        )
    return (frames,), values


def _rows_of(table: Table, face: str) -> np.ndarray:
    column = table.index(_IDENTITY)
    names = [cells[column].strip() for _, cells in table.rows()]
    if face not in names:
        known = ", ".join(sorted(set(names))[:8])
        raise EiferError(f"{table.path.name} holds no face '{face}'.", f"Choose among {known}.")
    return np.array([name == face for name in names], bool)


def _head_pose(angles: np.ndarray, choices: Choices) -> np.ndarray:
    """Axis-angle in the model's axes; py-feat's translation has no metric unit and is left out."""
    pitch, roll, yaw = (angles * ANGLES[choices.angles or "radians"]).T
    if choices.angles == "degrees":
        # The angles are those of the transposed matrix about the fixed axes x, y, z.
        turned = matrices_about("zyx", np.stack([-roll, -yaw, pitch], axis=1))
        camera = np.swapaxes(turned, 1, 2)
    else:
        camera = matrices_about("zyx", np.stack([yaw, roll, pitch], axis=1))
    pose = np.zeros((len(angles), 6))
    pose[:, :3] = axis_angles(to_model_axes(camera))
    return pose


FORMAT = Format("pyfeat", "py-feat CSV", recognise, read)
