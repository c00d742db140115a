"""FLAME coefficients per frame as npz, under the names of SMIRK, DECA, EMOCA and INFERNO.

SMIRK (Retsinas et al. 2024) names its outputs ``expression_params`` …, DECA (Feng et al. 2021)
``exp`` …, EMOCA (Danecek et al. 2022) ``expcode`` …, its successors ``jawpose`` and ``globalpose``.
Poses are axis-angle in radians or rotation matrices. All three are trained on FLAME 2020.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..errors import EiferError
from ..spaces import get_space
from ..track import ExpressionTrack
from .archive import load_numbers, names_of
from .base import Choices, Format, frame_times, make_track
from .rotations import axis_angles

_NAMES: Mapping[str, tuple[str, ...]] = {
    "expression": ("expression_params", "expcode", "exp", "exp_params", "expression"),
    "jaw": ("jaw_params", "jawpose", "jaw_pose", "jaw"),
    "eyelids": ("eyelid_params", "eyelids", "eyelid"),
    "pose": ("pose_params", "posecode", "globalpose", "global_pose", "pose"),
    "shape": ("shape_params", "shapecode", "shape", "identity"),
    "times": ("timestamps", "times", "time"),
    "rate": ("fps", "rate_hz", "frame_rate"),
}
_WRITERS = {"expression_params": "SMIRK", "expcode": "EMOCA", "exp": "DECA"}
_MOST_EXPRESSION = 100
_MOST_SHAPE = 300
_MATRIX = (3, 3)


def recognise(names: frozenset[str]) -> bool:
    """Whether the arrays' names are a FLAME reconstructor's."""
    return any(name in names for name in _NAMES["expression"])


def read(path: Path, choices: Choices) -> ExpressionTrack:
    """Read FLAME coefficients into ``flame2020:eN[j3][l2]``.

    The shape is the median over the frames, the head pose has no translation: these networks see
    a weak-perspective camera, which has no metres.

    Raises
    ------
    EiferError
        Naming file, array and frame; also when the frame rate is not given.
    """
    present = names_of(path)
    keys = {
        part: next(name for name in names if name in present)
        for part, names in _NAMES.items()
        if any(name in present for name in names)
    }
    if "expression" not in keys:
        raise EiferError(f"{path.name} holds no expression coefficients.", "Export it again.")
    arrays = load_numbers(path, dict.fromkeys(keys.values()))
    parts = {part: arrays[key] for part, key in keys.items()}
    n_frames = len(rows_of(path, keys["expression"], parts["expression"], (1, _MOST_EXPRESSION)))
    times = _times(path, parts, n_frames, choices)
    parts = _checked(path, keys, parts, n_frames)
    name = f"{choices.basis or 'flame2020'}:e{parts['expression'].shape[1]}"
    columns = [parts["expression"]]
    if "jaw" in parts:
        name, columns = name + "j3", [*columns, parts["jaw"]]
    if "eyelids" in parts:
        name, columns = name + "l2", [*columns, parts["eyelids"]]
    pose = parts.get("pose")
    return make_track(
        path, get_space(name), np.concatenate(columns, axis=1),
        times,
        head_pose=None if pose is None else np.concatenate([pose, np.zeros_like(pose)], axis=1),
        identity=np.median(parts["shape"], axis=0) if "shape" in parts and n_frames else None,
        provenance={
            "format": "flame", "writer": _WRITERS.get(keys["expression"], "unknown"),
            "basis_from": "chosen" if choices.basis else "what these networks are trained on",
        },
    )  # fmt: skip


def _checked(
    path: Path, keys: Mapping[str, str], parts: dict[str, np.ndarray], n_frames: int
) -> dict[str, np.ndarray]:
    """The parts with one row per frame; DECA's pose of six taken apart into head and jaw."""
    found = {"expression": rows_of(path, keys["expression"], parts["expression"], (1, 100))}
    for part in ("jaw", "pose"):
        if part in parts:
            found[part] = _rotation(path, keys[part], parts[part])
    if found.get("pose") is not None and found["pose"].shape[1] == 6:
        head, jaw = np.split(found["pose"], 2, axis=1)
        found["pose"] = head
        found.setdefault("jaw", jaw)
    if "jaw" in found and found["jaw"].shape[1] != 3:
        raise EiferError(
            f"The array '{keys['jaw']}' of {path.name} has six columns, not the jaw's three.",
            "Save the jaw alone.",
        )
    if "eyelids" in parts:
        found["eyelids"] = rows_of(path, keys["eyelids"], parts["eyelids"], (2, 2))
    if "shape" in parts:
        found["shape"] = rows_of(path, keys["shape"], parts["shape"], (1, _MOST_SHAPE))
    for part, values in found.items():
        if part == "shape" and len(values) == 1:
            continue
        if len(values) != n_frames:
            raise EiferError(
                f"The array '{keys.get(part, keys.get('pose'))}' of {path.name} has {len(values)} "
                f"frames, but '{keys['expression']}' has {n_frames}.",
                "Save all arrays with one row per frame.",
            )
    return found


def _rotation(path: Path, key: str, values: np.ndarray) -> np.ndarray:
    """Axis-angle (n, 3) or (n, 6) of vectors or of rotation matrices."""
    square = values.ndim >= 2 and values.shape[-2:] == _MATRIX and values.size > 0
    if square or (values.ndim == 2 and values.shape[1] == 9):
        matrices = values.reshape(-1, *_MATRIX)
    else:
        rows = rows_of(path, key, values, (3, 6))
        if rows.shape[1] not in (3, 6):
            raise EiferError(
                f"The array '{key}' of {path.name} has {rows.shape[1]} columns, not 3 or 6.",
                "Save axis-angle vectors or rotation matrices.",
            )
        return rows
    off = np.abs(matrices @ np.swapaxes(matrices, 1, 2) - np.eye(3)).max(axis=(1, 2))
    wrong = ~(off < 1e-2) | ~(np.linalg.det(np.where(np.isfinite(matrices), matrices, 0)) > 0)
    if wrong.any():
        raise EiferError(
            f"The array '{key}' of {path.name} holds no rotation matrix at frame "
            f"{int(np.argmax(wrong))}.",
            "Save rotation matrices or axis-angle vectors.",
        )
    return axis_angles(matrices)


def rows_of(path: Path, key: str, values: np.ndarray, width: tuple[int, int]) -> np.ndarray:
    """An array as (n_frames, n) with n between the widths.

    Raises
    ------
    EiferError
        Naming file, array and frame, for another shape or values that are not numbers.
    """
    table = values[None] if values.ndim == 1 else values
    if table.ndim == 3 and table.shape[1] == 1:
        table = table[:, 0]
    low, high = width
    if table.ndim != 2 or not low <= table.shape[1] <= high:
        wanted = f"{low}" if low == high else f"{low} to {high}"
        raise EiferError(
            f"The array '{key}' of {path.name} has the shape {values.shape}, not (frames, "
            f"{wanted}).",
            "Save one row per frame.",
        )
    if not np.isfinite(table).all():
        frame, column = np.argwhere(~np.isfinite(table))[0]
        raise EiferError(
            f"The array '{key}' of {path.name} holds a value that is not a number at frame "
            f"{frame}, column {column}.",
            "Leave the frame out, and give the timestamps.",
        )
    return table


def _times(
    path: Path, parts: Mapping[str, np.ndarray], n_frames: int, choices: Choices
) -> np.ndarray:
    if choices.rate_hz is not None:
        return frame_times(n_frames, choices.rate_hz)
    if "times" in parts:
        if parts["times"].shape != (n_frames,):
            raise EiferError(
                f"{path.name} has {parts['times'].size} timestamps for {n_frames} frames.",
                "Save one per frame.",
            )
        return parts["times"]
    if "rate" in parts and parts["rate"].size == 1 and 0 < parts["rate"].item() <= 1e5:
        return frame_times(n_frames, float(parts["rate"].item()))
    raise EiferError(f"{path.name} does not say its frame rate.", "Give the film's frame rate.")


FORMAT = Format("flame", "SMIRK, DECA or EMOCA npz", recognise, read)
