"""What the formats share: choices, what a file holds at first sight, and the way into a track."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import EiferError
from ..files import sha256_of
from ..spaces import ExpressionSpace
from ..track import ExpressionTrack


@dataclass(frozen=True)
class Choices:
    """What a track file leaves open.

    Attributes
    ----------
    format : str or None
        Name of the format; None finds it out from the content.
    rate_hz : float or None
        Frames per second where the file does not say, or says wrongly.
    face : str or None
        Which face, where a file holds several: OpenFace's ``face_id``, py-feat's ``Identity``.
    angles : str or None
        Unit of head angles where it depends on the writer's version: ``"radians"``,
        ``"degrees"``, ``"half_turns"`` (1 is 180 degrees) or ``"focus_outputs"`` (what FOCUS's
        network gives; 1 is 0.3 radians).
    basis : str or None
        The basis of FLAME coefficients where it is not FLAME 2020.
    """

    format: str | None = None
    rate_hz: float | None = None
    face: str | None = None
    angles: str | None = None
    basis: str | None = None

    def __post_init__(self) -> None:
        if self.rate_hz is not None and not 0 < self.rate_hz <= 1e5:
            raise EiferError(
                f"{self.rate_hz:g} is no frame rate.", "Give a number above 0, such as 30."
            )
        if self.angles not in (None, *ANGLES):
            raise EiferError(
                f"'{self.angles}' is no unit of angles.", f"Use one of {', '.join(ANGLES)}."
            )

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Choices:
        """Choices from keywords; `EiferError` for a name that is not known."""
        known = [field.name for field in fields(cls)]
        for name in given:
            if name not in known:
                raise EiferError(f"'{name}' is no choice.", f"Choose among {', '.join(known)}.")
        values = dict(given)
        try:
            rate = values.get("rate_hz")
            values["rate_hz"] = None if rate is None else float(rate)
        except (TypeError, ValueError) as error:
            raise EiferError(
                f"'{values['rate_hz']}' is no frame rate.", "Give a number such as 30."
            ) from error
        return cls(**values)


#: What float32 can hold.
_LARGEST = float(np.finfo(np.float32).max)
#: Radians in one unit.
ANGLES: dict[str, float] = {
    "radians": 1.0, "degrees": float(np.pi / 180), "half_turns": float(np.pi),
    "focus_outputs": 0.3,
}  # fmt: skip


@dataclass(frozen=True)
class Format:
    """A format of tracks that can be read.

    Attributes
    ----------
    name : str
        What ``format=`` takes.
    words : str
        For a person.
    recognise : callable
        From the set of column names (lower case) or of array names to whether a file is of it.
    read : callable
        From path and choices to a track.
    """

    name: str
    words: str
    recognise: Callable[[frozenset[str]], bool]
    read: Callable[[Path, Choices], ExpressionTrack]


def make_track(
    path: Path,
    space: ExpressionSpace,
    coefficients: np.ndarray,
    timestamps: np.ndarray,
    *,
    confidence: np.ndarray | None = None,
    head_pose: np.ndarray | None = None,
    identity: np.ndarray | None = None,
    provenance: Mapping[str, Any],
) -> ExpressionTrack:
    """A track with the file's name and sha256 in its provenance.

    In gaps (confidence 0) what is not a number becomes 0, and the head stays where it was.

    Raises
    ------
    EiferError
        Naming the file, when the frames are none or their times do not increase.
    """
    if len(timestamps) == 0:
        raise EiferError(f"{path.name} holds no frame.", "Export it again.")
    steps = np.diff(timestamps)
    if not np.isfinite(timestamps).all() or (len(steps) and not np.all(steps > 0)):
        wrong = ~np.isfinite(timestamps) | np.concatenate([[False], ~(steps > 0)])
        raise EiferError(
            f"The time of {path.name} does not increase at frame {int(np.argmax(wrong))}.",
            "Sort the frames by time, or keep one face of one film.",
        )
    trust = np.ones(len(timestamps)) if confidence is None else np.clip(confidence, 0, 1)
    values = np.where((trust <= 0)[:, None] & ~np.isfinite(coefficients), 0, coefficients)
    _check_range(path, space, values)
    pose = None if head_pose is None else _held(head_pose)
    for extra in (pose, identity):
        if extra is not None and not (np.abs(extra) < _LARGEST).all():
            raise EiferError(
                f"{path.name} holds a head pose or an identity out of all bounds.",
                "Mend the file or export it again.",
            )
    return ExpressionTrack(
        space, values.astype(np.float32), np.asarray(timestamps, np.float64),
        trust.astype(np.float32), None if pose is None else pose.astype(np.float32),
        None if identity is None else np.asarray(identity, np.float32),
        {"source": path.name, "source_sha256": sha256_of(path), **provenance},
    )  # fmt: skip


def _check_range(path: Path, space: ExpressionSpace, values: np.ndarray) -> None:
    """Refuse what float32 cannot hold."""
    wrong = ~(np.abs(values) < _LARGEST)
    if wrong.any():
        frame, column = np.argwhere(wrong)[0]
        raise EiferError(
            f"{path.name} holds {values[frame, column]:g} for '{space.coefficients[column]}' at "
            f"frame {frame}, which is no coefficient.",
            "Mend the file or export it again.",
        )


def _held(pose: np.ndarray) -> np.ndarray:
    """The head pose with the last good row held where rows are not numbers."""
    good = np.flatnonzero(np.isfinite(pose).all(axis=1))
    if not len(good):
        return np.zeros_like(pose)
    held = good[np.clip(np.searchsorted(good, np.arange(len(pose)), side="right") - 1, 0, None)]
    return pose[held]


def frame_times(n_frames: int, rate_hz: float) -> np.ndarray:
    """Seconds of `n_frames` frames at a constant rate, from 0."""
    return np.arange(n_frames) / rate_hz
