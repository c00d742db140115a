"""Live Link Face's CSV: 52 ARKit blendshapes and nine angles per frame, under a timecode.

The layout is that of captures' own headers: ``Timecode,BlendShapeCount`` (later versions of the
app write ``BlendshapeCount``) and 61 columns in the order of Unreal's face blendshapes, right
before left for jaw and mouth, in Pascal case. The timecode is ``HH:MM:SS:FF.fff`` with frames of
the app's rate. The angles' convention is not published. On two public captures (4,358 frames) the
eyes' angles follow the EyeLook blendshapes with a correlation over 0.98: in radians, 35 degrees
where a blendshape is 1, yaw to the subject's right and pitch down, as in a mirror. The head's are
read and written alike (Ry·Rx·Rz about the model's axes, yaw and roll negated); ``angles=`` reads
other units.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..errors import EiferError
from ..files import atomic_path
from ..spaces import ARKIT52, ARKIT_NAMES
from ..track import ExpressionTrack
from .action_units import full_gaze_deg
from .base import ANGLES, Choices, Format, make_track
from .provenance import read_sidecar
from .rotations import angles_about, axis_angles, matrices_about
from .table import Table, number, open_table

_PAIRED_EYES = ("Blink", "LookDown", "LookIn", "LookOut", "LookUp", "Squint", "Wide")
_PAIRED_MOUTH = ("Smile", "Frown", "Dimple", "Stretch")
_PAIRED_LIPS = ("Press", "LowerDown", "UpperUp")
#: The 52 blendshapes in the order of the app's columns.
BLENDSHAPES: tuple[str, ...] = (
    *(f"Eye{what}{side}" for side in ("Left", "Right") for what in _PAIRED_EYES),
    "JawForward", "JawRight", "JawLeft", "JawOpen", "MouthClose", "MouthFunnel", "MouthPucker",
    "MouthRight", "MouthLeft",
    *(f"Mouth{what}{side}" for what in _PAIRED_MOUTH for side in ("Left", "Right")),
    "MouthRollLower", "MouthRollUpper", "MouthShrugLower", "MouthShrugUpper",
    *(f"Mouth{what}{side}" for what in _PAIRED_LIPS for side in ("Left", "Right")),
    "BrowDownLeft", "BrowDownRight", "BrowInnerUp", "BrowOuterUpLeft", "BrowOuterUpRight",
    "CheekPuff", "CheekSquintLeft", "CheekSquintRight", "NoseSneerLeft", "NoseSneerRight",
    "TongueOut",
)  # fmt: skip
HEAD_ANGLES = ("HeadYaw", "HeadPitch", "HeadRoll")
_EYE_ANGLES = tuple(f"{side}Eye{a}" for side in ("Left", "Right") for a in ("Yaw", "Pitch", "Roll"))
_COLUMNS = (*BLENDSHAPES, *HEAD_ANGLES, *_EYE_ANGLES)
_TIME, _COUNT = "Timecode", "BlendShapeCount"
#: Yaw, pitch and roll against turns about the model's y, x and z.
_MIRRORED = np.array([-1.0, 1.0, -1.0])
_TIMECODE = re.compile(r"^(\d{1,2}):(\d{2}):(\d{2})[:;](\d{1,3})(\.\d+)?$", re.ASCII)
#: The app's own rate, and rates of timecode that a frame number may show.
_APP_RATE_HZ = 60.0
_RATES_HZ = (24, 25, 30, 48, 50, 60, 100, 120, 240)
_DAY_S = 86400.0


def recognise(names: frozenset[str]) -> bool:
    """Whether the columns are Live Link Face's."""
    return {"timecode", "blendshapecount"} <= names


def read(path: Path, choices: Choices) -> ExpressionTrack:
    """Read a Live Link Face CSV into `arkit52`, from the first frame's timecode on.

    A row whose count is 0 or whose values are missing is a gap, as the app writes it when it lost
    the face; a timecode that comes twice is kept once.

    Raises
    ------
    EiferError
        Naming file, row and column.
    """
    table = open_table(path)
    wanted = [f"{name[0].upper()}{name[1:]}" for name in ARKIT_NAMES]
    has_head = all(name.lower() in table.lowered for name in HEAD_ANGLES)
    names = wanted + (list(HEAD_ANGLES) if has_head else [])
    columns = [table.index(name) for name in names]
    codes, values, present = _rows(table, columns, names)
    times, rate, how = _seconds(path, codes, choices)
    first = float(times[0])
    times = times - first
    keep = np.concatenate([[True], np.diff(times) != 0])
    times, values, present = times[keep], values[keep], present[keep]
    # The app writes zeros where it was told not to record the head.
    angles = values[:, len(wanted) :]
    pose = _head_pose(angles, choices) if angles.any() else None
    return make_track(
        path, ARKIT52, np.clip(values[:, : len(wanted)], 0, 1), times, confidence=present,
        head_pose=pose,
        provenance={
            "format": "livelink", "timecode_rate_hz": rate, "timecode_rate_from": how,
            "head_angles": "none" if pose is None else f"in {choices.angles or 'radians'}",
            "first_timecode_s": first, "repeated_timecodes": int(np.sum(~keep)),
            **read_sidecar(path),
        },
    )  # fmt: skip


def _rows(
    table: Table, columns: Sequence[int], names: Sequence[str]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Timecodes (n, 4), values (n, k) and whether each frame has values (n,)."""
    time, count = table.index(_TIME), table.index(_COUNT)
    codes: list[tuple[float, ...]] = []
    values: list[list[float]] = []
    present: list[float] = []
    for row, cells in table.ragged_rows():
        codes.append(_timecode(table, row, cells[time] if time < len(cells) else ""))
        counted = cells[count].strip() if count < len(cells) else ""
        is_gap = counted == "0" or len(cells) <= 2
        present.append(0.0 if is_gap else 1.0)
        values.append(
            [0.0] * len(columns) if is_gap else _values(table, row, counted, cells, columns, names)
        )
    return (
        np.array(codes, np.float64).reshape(-1, 4),
        np.array(values, np.float64).reshape(-1, len(columns)),
        np.array(present, np.float64),
    )


def _values(
    table: Table,
    row: int,
    counted: str,
    cells: list[str],
    columns: Sequence[int],
    names: Sequence[str],
) -> list[float]:
    """The numbers of a row that holds a face."""
    if len(cells) != len(table.names):
        raise EiferError(
            f"Row {row} of {table.path.name} has {len(cells)} cells, but the header names "
            f"{len(table.names)} columns.",
            "Mend the row or export the file again.",
        )
    if counted != str(len(table.names) - 2):
        raise EiferError(
            f"Row {row} of {table.path.name} counts {counted[:20]!r} blendshapes, but the header "
            f"names {len(table.names) - 2}.",
            "Mend the row or export the file again.",
        )
    values = [number(cells[k]) for k in columns]
    for name, column, value in zip(names, columns, values, strict=True):
        if not math.isfinite(value):
            raise EiferError(
                f"Row {row} of {table.path.name} holds {cells[column][:20]!r} in the column "
                f"'{name}', which is not a number.",
                "Mend the row or export the file again.",
            )
    return values


def _timecode(table: Table, row: int, cell: str) -> tuple[float, ...]:
    match = _TIMECODE.match(cell.strip())
    if match is None:
        raise EiferError(
            f"Row {row} of {table.path.name} holds {cell[:20]!r} in the column '{_TIME}', which is "
            "no timecode like 14:03:52:28.207.",
            "Mend the row or export the file again.",
        )
    hours, minutes, seconds, frame = (float(part) for part in match.groups()[:4])
    return hours, minutes, seconds, frame + float(match[5] or 0)


def _seconds(path: Path, codes: np.ndarray, choices: Choices) -> tuple[np.ndarray, float, str]:
    """Seconds since midnight, the timecode's rate, and where that is from."""
    if len(codes) == 0:
        raise EiferError(f"{path.name} holds no frame.", "Export it again.")
    most, spans = codes[:, 3].max(), len(np.unique(codes[:, 2])) > 2
    if choices.rate_hz is not None:
        rate, how = choices.rate_hz, "chosen"
    elif spans and most < _RATES_HZ[-1]:
        rate, how = float(next(r for r in _RATES_HZ if most < r)), "the largest frame number"
    else:
        rate, how = _APP_RATE_HZ, "the app's default, for the file is too short to tell"
    if int(most) >= np.ceil(rate):
        raise EiferError(
            f"A timecode of {path.name} counts frame {int(most)}, but a second has {rate:g}.",
            "Give the app's frame rate.",
        )
    times = codes[:, :3] @ (3600.0, 60.0, 1.0) + codes[:, 3] / rate
    midnight = np.cumsum(np.concatenate([[0.0], np.diff(times) < -_DAY_S / 2]))
    times = times + midnight * _DAY_S
    return times, rate, how


def _head_pose(angles: np.ndarray, choices: Choices) -> np.ndarray:
    radians = angles * ANGLES[choices.angles or "radians"]
    pose = np.zeros((len(angles), 6))
    pose[:, :3] = axis_angles(matrices_about("yxz", radians * _MIRRORED))
    return pose


def write(track: ExpressionTrack, path: Path, *, rate_hz: float, overwrite: bool) -> Path:
    """Write a track in `arkit52` as the app would.

    Frames of confidence 0 are written with the count 0 and without values, as the app does when it
    lost the face. Values have ten decimals, timecodes a thousandth of a frame. The head's
    translation has no column.

    Raises
    ------
    EiferError
        When the track is in another space, the rate is no whole number, or a day is too short.
    """
    if not float(rate_hz).is_integer():
        raise EiferError(
            f"A timecode cannot count {rate_hz:g} frames in a second.", "Give a whole number."
        )
    if track.space.name != ARKIT52.name:
        raise EiferError(
            f"The track is in '{track.space.name}', and Live Link Face knows 'arkit52' only.",
            "Carry it over with api.retarget(track, 'arkit52').",
        )
    start = min(0.0, float(track.timestamps[0])) if len(track) else 0.0
    times = np.rint((track.timestamps - start) * rate_hz * 1000).astype(np.int64)
    if len(times) and (times[-1] >= _DAY_S * rate_hz * 1000 or (np.diff(times) <= 0).any()):
        raise EiferError(
            f"The track does not fit a timecode of {rate_hz:g} frames/s within a day.",
            "Choose a higher frame rate, or cut the track.",
        )
    order = [ARKIT_NAMES.index(f"{name[0].lower()}{name[1:]}") for name in BLENDSHAPES]
    values = np.zeros((len(track), len(_COLUMNS)))
    values[:, : len(order)] = track.coefficients[:, order]
    if track.head_pose is not None and len(track):
        angles = angles_about("yxz", track.head_pose[:, :3].astype(np.float64))
        values[:, len(order) : len(order) + 3] = angles * _MIRRORED
    values[:, len(order) + 3 :] = _eye_angles(track)
    row = ",".join(["%.10f"] * len(_COLUMNS))
    lines = [",".join((_TIME, _COUNT, *_COLUMNS))]
    for code, numbers, trust in zip(times, values, track.confidence, strict=True):
        tail = f"{len(_COLUMNS)},{row % tuple(numbers)}" if trust > 0 else "0"
        lines.append(f"{_code(int(code), rate_hz)},{tail}")
    with atomic_path(path, overwrite=overwrite) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8", newline="")
    return path


def _eye_angles(track: ExpressionTrack) -> np.ndarray:
    """Yaw, pitch and roll of both eyes (n_frames, 6) in radians, from the EyeLook blendshapes."""
    found = np.zeros((len(track), 6))
    for k, (side, outwards) in enumerate((("Left", -1.0), ("Right", 1.0))):
        out, inn, up, down = (
            track.column(f"eyeLook{way}{side}").astype(np.float64)
            for way in ("Out", "In", "Up", "Down")
        )
        found[:, 3 * k] = outwards * (out - inn) * np.radians(full_gaze_deg("horizontal"))
        found[:, 3 * k + 1] = (down - up) * np.radians(full_gaze_deg("vertical"))
    return found


def _code(thousandths: int, rate_hz: float) -> str:
    """A timecode of thousandths of frames."""
    frames, fraction = divmod(thousandths, 1000)
    seconds, frame = divmod(frames, round(rate_hz))
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{seconds:02d}:{frame:02d}.{fraction:03d}"


FORMAT = Format("livelink", "Live Link Face CSV", recognise, read)
