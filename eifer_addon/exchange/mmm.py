"""Parameter tables of the MMM data set (Büchner et al. 2025, Zenodo 16636409), one per clip.

Each reconstructor's outputs stand side by side, one row per frame of a 30 Hz film: EIFER and SMIRK
361 columns, DECA and EMOCAv2 236, Deep3DFace 257, FOCUS 531, MediaPipe 52. The exact spelling of
the headers is not published: a column is a group's name and a number, in any order of the groups.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import EiferError
from ..spaces import ARKIT52, ARKIT_NAMES, get_space
from ..track import ExpressionTrack
from .base import ANGLES, Choices, Format, frame_times, make_track
from .rotations import axis_angles, matrices_about
from .table import Table, open_table

RATE_HZ = 30.0
_M_PER_DM = 0.1
#: FOCUS's decoder leaves the expression's tail unused.
_FOCUS_EXPRESSIONS = 64
_COLUMN = re.compile(
    r"^(?P<group>[a-z][a-z0-9]*?)s?[_\-. \[(]*(?P<index>\d+|x|y|z|left|right)[\])]?$"
)
_INDEX = {"x": 0, "y": 1, "z": 2, "left": 0, "right": 1}
_GROUPS = {
    "idt": "idt", "id": "idt", "identity": "idt", "shape": "idt", "exp": "exp",
    "expression": "exp", "eyelid": "eyelid", "jaw": "jaw", "pose": "pose", "cam": "cam",
    "camera": "cam", "light": "light", "tex": "tex", "texture": "tex", "gamma": "gamma",
    "angle": "angle", "t": "t", "tran": "t", "trans": "t", "translation": "t", "sh": "sh",
}  # fmt: skip
_NEUTRAL = "_neutral"
#: MediaPipe knows no tongue.
_MAY_LACK = "tongueout"


@dataclass(frozen=True)
class _Method:
    """A reconstructor's groups with their sizes, and the space of its expression."""

    name: str
    groups: Mapping[str, int]
    space: str


_METHODS = (
    _Method("EIFER or SMIRK", {"idt": 300, "exp": 50, "eyelid": 2, "jaw": 3, "pose": 3, "cam": 3},
            "flame2020:e50j3l2"),
    _Method("DECA or EMOCAv2",
            {"idt": 100, "exp": 50, "pose": 6, "cam": 3, "light": 27, "tex": 50},
            "flame2020:e50j3"),
    _Method("Deep3DFace", {"idt": 80, "exp": 64, "tex": 80, "angle": 3, "gamma": 27, "t": 3},
            "bfm09:e64"),
    _Method("FOCUS", {"idt": 199, "exp": 100, "tex": 199, "cam": 6, "sh": 27}, "bfm17:e100"),
)  # fmt: skip


def recognise(names: frozenset[str]) -> bool:
    """Whether the columns are a parameter table's."""
    if _is_mediapipe(names):
        return True
    parsed = [_parse(name) for name in names]
    groups = {group for group, _ in filter(None, parsed)}
    return {"idt", "exp"} <= groups


def _is_mediapipe(names: frozenset[str]) -> bool:
    wanted = {name.lower() for name in ARKIT_NAMES} - {_MAY_LACK}
    known = {*wanted, _MAY_LACK, _NEUTRAL, "", "frame", "unnamed: 0"}
    return wanted <= names <= known


def _parse(name: str) -> tuple[str, int] | None:
    """Group and number of a column, None for others."""
    match = _COLUMN.match(name.strip().lower())
    group = _GROUPS.get(match["group"]) if match else None
    if match is None or group is None:
        return None
    index = match["index"]
    return group, _INDEX[index] if index in _INDEX else int(index)


def read(path: Path, choices: Choices) -> ExpressionTrack:
    """Read a parameter table into the space of its method.

    Raises
    ------
    EiferError
        Naming file, row, column, or the group whose size is wrong.
    """
    table = open_table(path)
    if _is_mediapipe(table.lowered):
        return _mediapipe(table, choices)
    groups = _groups(table)
    method = _method(path, groups)
    names = [name for group in method.groups for name in groups[group]]
    times, values = _values(table, names, choices)
    good = np.isfinite(values).all(axis=1)
    split = np.cumsum(list(method.groups.values()))[:-1]
    parts = dict(zip(method.groups, np.split(values, split, axis=1), strict=True))
    coefficients, pose, notes = _coefficients(parts, good, choices)
    identity = np.median(parts["idt"][good], axis=0) if good.any() else None
    provenance = {"format": "mmm", "method": _named(path, method), "rate_hz": _rate(choices)}
    return make_track(
        path, get_space(method.space), coefficients, times, confidence=good.astype(np.float64),
        head_pose=pose, identity=identity, provenance=provenance | notes,
    )  # fmt: skip


def _groups(table: Table) -> dict[str, list[str]]:
    """Column names by group, in the order of their numbers.

    Raises
    ------
    EiferError
        When a number comes twice or is missing.
    """
    found: dict[str, dict[int, str]] = {}
    for name in table.names:
        parsed = _parse(name)
        if parsed is None:
            continue
        group, index = parsed
        if index in found.setdefault(group, {}):
            raise EiferError(
                f"{table.path.name} names the column '{found[group][index]}' twice, as '{name}'.",
                "Export the file again.",
            )
        found[group][index] = name
    for group, columns in found.items():
        first = min(columns)
        for index in range(first, first + len(columns)):
            if index not in columns or first > 1:
                raise EiferError(
                    f"{table.path.name} lacks column {index if first <= 1 else 0} of the group "
                    f"'{group}'.",
                    "Export the file again.",
                )
    return {group: [columns[k] for k in sorted(columns)] for group, columns in found.items()}


def _method(path: Path, groups: Mapping[str, list[str]]) -> _Method:
    """The method that has these groups, all of them in these sizes."""
    sizes = {group: len(columns) for group, columns in groups.items()}
    for method in _METHODS:
        if sizes == method.groups:
            return method
    near = min(_METHODS, key=lambda method: len(set(sizes.items()) ^ set(method.groups.items())))
    wrong = next(g for g in (*near.groups, *sizes) if sizes.get(g) != near.groups.get(g))
    raise EiferError(
        f"{path.name} has {sizes.get(wrong, 0)} columns of the group '{wrong}', where {near.name} "
        f"has {near.groups.get(wrong, 0)}.",
        "Choose a parameter table of EIFER, SMIRK, DECA, EMOCAv2, Deep3DFace, FOCUS or MediaPipe.",
    )


def _rate(choices: Choices) -> float:
    return choices.rate_hz or RATE_HZ


def _named(path: Path, method: _Method) -> str:
    """The method, told apart by the folder where two have the same columns."""
    for part in reversed(path.parts[:-1]):
        for name in method.name.split(" or "):
            if part.lower() in (name.lower(), name.lower().removesuffix("v2")):
                return name
    return method.name


def _values(table: Table, names: list[str], choices: Choices) -> tuple[np.ndarray, np.ndarray]:
    """Times and values; an unnamed first column or ``frame`` counts the film's frames."""
    counter = next((n for n in table.names[:1] if n.lower() in ("", "frame", "unnamed: 0")), None)
    always = [] if counter is None else [counter]
    first, values = table.numbers(names, always)
    if counter is None:
        return frame_times(len(values), _rate(choices)), values
    return first[:, 0] / _rate(choices), values


def _mediapipe(table: Table, choices: Choices) -> ExpressionTrack:
    names = [name for name in ARKIT_NAMES if name.lower() in table.lowered]
    times, values = _values(table, names, choices)
    coefficients = np.zeros((len(values), len(ARKIT_NAMES)))
    coefficients[:, [ARKIT_NAMES.index(name) for name in names]] = np.clip(values, 0, 1)
    return make_track(
        table.path, ARKIT52, coefficients, times,
        confidence=np.isfinite(values).all(axis=1).astype(np.float64),
        provenance={"format": "mmm", "method": "MediaPipe", "rate_hz": _rate(choices)},
    )  # fmt: skip


def _coefficients(
    parts: Mapping[str, np.ndarray], good: np.ndarray, choices: Choices
) -> tuple[np.ndarray, np.ndarray | None, dict[str, Any]]:
    """Coefficients, head pose and notes of a method's groups."""
    expression = parts["exp"]
    if "eyelid" in parts:
        together = np.concatenate([expression, parts["jaw"], parts["eyelid"]], axis=1)
        return together, _turned(parts["pose"]), {}
    if "light" in parts:
        head, jaw = np.split(parts["pose"], 2, axis=1)
        return np.concatenate([expression, jaw], axis=1), _turned(head), {}
    if "angle" in parts:
        return expression, _deep3dface_pose(parts, good), {}
    expression = expression.copy()
    expression[:, _FOCUS_EXPRESSIONS:] = 0
    pose, note = _focus_pose(parts["cam"], good, choices)
    return expression, pose, {"head_angles": note, "expression_used": _FOCUS_EXPRESSIONS}


def _focus_pose(
    camera: np.ndarray, good: np.ndarray, choices: Choices
) -> tuple[np.ndarray | None, str]:
    """Rx·Ry·Rz of the camera's first three, as FOCUS's encoder turns the head, and a note.

    Whether a table holds the network's outputs or the decoded angles is not published, so the
    unit has to be given. The translation depends on an unpublished camera and is not read.
    """
    if choices.angles is None:
        return None, "not read: their unit in the table is not published, and none was given"
    angles = np.where(good[:, None], camera[:, :3], 0) * ANGLES[choices.angles]
    pose = _turned(axis_angles(matrices_about("xyz", angles)))
    return np.where(good[:, None], pose, np.nan), f"in {choices.angles}"


def _turned(rotation: np.ndarray) -> np.ndarray:
    """A head pose of a rotation alone; the weak-perspective camera has no metres."""
    return np.concatenate([rotation, np.zeros_like(rotation)], axis=1)


def _deep3dface_pose(parts: Mapping[str, np.ndarray], good: np.ndarray) -> np.ndarray:
    """Rz·Ry·Rx of the three angles in radians; the translation in decimetres, from its start on."""
    angles = np.where(good[:, None], parts["angle"], 0)
    places = np.where(good[:, None], parts["t"], 0) * _M_PER_DM
    turned = axis_angles(matrices_about("zyx", angles[:, ::-1]))
    origin = places[int(np.argmax(good))] if good.any() else np.zeros(3)
    pose = np.concatenate([turned, places - origin], axis=1)
    return np.where(good[:, None], pose, np.nan)


FORMAT = Format("mmm", "MMM parameter table", recognise, read)
