"""The expression track: what everything becomes and what goes anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .errors import EiferError
from .files import load_npz, save_npz
from .spaces import ExpressionSpace, get_space

_KIND = "expression_track"
_VERSION = 1
_VISIBILITY = "visibility."


@dataclass(frozen=True)
class Camera:
    """The camera that filmed a face, as seen from the head at rest.

    It looks along its own -z with +x to the right of the picture and +y up; its axes are those of
    the head at rest. A point of the head in model axes, turned and moved by the frame's head pose
    (the root's rotation about its joint, then the translation) and then by `place`, is at
    (x, y, z), and is seen at ``width / 2 + focal_px * x / -z`` from the left and
    ``height / 2 - focal_px * y / -z`` from the top of the picture.

    Attributes
    ----------
    width, height : int
        Of the upright picture, in pixels.
    focal_px : float
        Focal length in pixels.
    place : tuple of float
        Where the origin of the head at rest lies, (x, y, z) in m; z is negative.
    """

    width: int
    height: int
    focal_px: float
    place: tuple[float, float, float]

    def project(self, points: np.ndarray) -> np.ndarray:
        """Pixels (..., 2) of posed points (..., 3) in m."""
        x, y, z = np.moveaxis(points + np.asarray(self.place), -1, 0)
        scale = self.focal_px / -z
        return np.stack([self.width / 2 + scale * x, self.height / 2 - scale * y], axis=-1)


@dataclass(frozen=True)
class ExpressionTrack:
    """Expression coefficients over time in a named space.

    Attributes
    ----------
    space : ExpressionSpace
        What the columns mean.
    coefficients : numpy.ndarray
        float32, shape (n_frames, n_coefficients).
    timestamps : numpy.ndarray
        float64, shape (n_frames,), seconds, strictly increasing.
    confidence : numpy.ndarray
        float32, shape (n_frames,), in [0, 1]; 0 marks a gap that is not to be keyed.
    head_pose : numpy.ndarray or None
        float32, shape (n_frames, 6): axis-angle rotation in radians (model axes), translation
        in m.
    identity : numpy.ndarray or None
        float32, shape (n_identity,), identity coefficients of the basis.
    camera : Camera or None
        The camera of the film that the track comes from.
    provenance : mapping
        Model card hash, software version, calibration, source file and its sha256, and whether
        it is simulated.
    """

    space: ExpressionSpace
    coefficients: np.ndarray
    timestamps: np.ndarray
    confidence: np.ndarray
    head_pose: np.ndarray | None = None
    identity: np.ndarray | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)
    camera: Camera | None = None
    visibility: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n = len(self.timestamps)
        if self.coefficients.shape != (n, len(self.space)):
            raise EiferError(
                f"A track in {self.space.name} with {n} timestamps needs coefficients of shape "
                f"({n}, {len(self.space)}), not {self.coefficients.shape}."
            )
        if n > 1 and not np.all(np.diff(self.timestamps) > 0):
            frame = int(np.argmin(np.diff(self.timestamps) > 0)) + 1
            raise EiferError(
                f"The track's timestamps do not increase at frame {frame}.",
                "Sort the frames by time and drop repeated ones.",
            )
        if not np.isfinite(self.coefficients).all():
            frame, column = np.argwhere(~np.isfinite(self.coefficients))[0]
            raise EiferError(
                f"The track holds a value that is not a number at frame {frame}, coefficient "
                f"'{self.space.coefficients[column]}'.",
                "Mark the frame as a gap (confidence 0) and give it finite values.",
            )
        for region, values in self.visibility.items():
            if np.shape(values) != (n,):
                raise EiferError(
                    f"The visibility of '{region}' has the shape {np.shape(values)}, but the "
                    f"track has {n} frames."
                )

    def __len__(self) -> int:
        return len(self.timestamps)

    @property
    def duration_s(self) -> float:
        """Time between the first and the last frame, in seconds."""
        return float(self.timestamps[-1] - self.timestamps[0]) if len(self) else 0.0

    def column(self, name: str) -> np.ndarray:
        """One coefficient over time, shape (n_frames,)."""
        return self.coefficients[:, self.space.coefficients.index(name)]

    def describe(self) -> str:
        """A few lines that a person can read."""
        rate = (len(self) - 1) / self.duration_s if self.duration_s else 0.0
        moving = np.ptp(self.coefficients, axis=0) if len(self) else np.zeros(len(self.space))
        strongest = ", ".join(self.space.coefficients[k] for k in np.argsort(-moving)[:5])
        gaps = int(np.sum(self.confidence <= 0))
        lines = [
            f"Expression track: {len(self)} frames, {self.duration_s:.2f} s, {rate:.1f} frames/s",
            f"  space: {self.space.name} ({len(self.space)} coefficients)",
            f"  most moving: {strongest}",
            f"  gaps: {gaps} frames; head pose: {'yes' if self.head_pose is not None else 'no'}",
        ]
        # Long lists and the calibration's numbers are for programs; a person gets their number.
        notes = (
            (key, f"{len(value)} entries" if isinstance(value, (list, tuple, dict)) else value)
            for key, value in self.provenance.items()
        )
        return "\n".join(lines + [f"  {key}: {value}" for key, value in notes])

    def save(self, path: str | Path, *, overwrite: bool = True) -> Path:
        """Write the track as a versioned ``.npz``."""
        arrays: dict[str, np.ndarray] = {
            "coefficients": self.coefficients.astype(np.float32),
            "timestamps": self.timestamps.astype(np.float64),
            "confidence": self.confidence.astype(np.float32),
        }
        if self.head_pose is not None:
            arrays["head_pose"] = self.head_pose.astype(np.float32)
        if self.identity is not None:
            arrays["identity"] = self.identity.astype(np.float32)
        for region, values in self.visibility.items():
            arrays[_VISIBILITY + region] = np.asarray(values, np.float32)
        meta: dict[str, Any] = {"space": self.space.name, "provenance": dict(self.provenance)}
        if self.camera is not None:
            meta["camera"] = asdict(self.camera)
        return save_npz(path, _KIND, _VERSION, arrays, meta, overwrite=overwrite)

    @classmethod
    def load(cls, path: str | Path) -> ExpressionTrack:
        """Read a track that :meth:`save` wrote; raises `EiferError` for anything else."""
        arrays, meta, _ = load_npz(path, _KIND, _VERSION)
        try:
            return cls(
                get_space(meta["space"]), arrays["coefficients"], arrays["timestamps"],
                arrays["confidence"], arrays.get("head_pose"), arrays.get("identity"),
                meta["provenance"], _camera(meta.get("camera"), path),
                {
                    name.removeprefix(_VISIBILITY): values for name, values in arrays.items()
                    if name.startswith(_VISIBILITY)
                },
            )  # fmt: skip
        except KeyError as error:
            raise EiferError(f"{path} lacks the field {error} of an expression track.") from error


def _camera(values: Any, path: str | Path) -> Camera | None:
    """The camera in a file's description; a damaged one is refused."""
    if values is None:
        return None
    try:
        place = tuple(float(x) for x in values["place"])
        camera = Camera(
            int(values["width"]), int(values["height"]), float(values["focal_px"]),
            (place[0], place[1], place[2]),
        )  # fmt: skip
    except (TypeError, KeyError, ValueError, IndexError) as error:
        raise EiferError(f"The camera in {path} is damaged: {error}.") from error
    if camera.width < 1 or camera.height < 1 or not 0 < camera.focal_px < float("inf"):
        raise EiferError(f"The camera in {path} has no picture.", "Make the track again.")
    return camera
