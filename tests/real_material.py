"""The shared photographs and films, read as a video is read, and compared with what is known.

Nothing is known of these people's true expressions. What can be checked: whether a face is found,
how well the fitted head lies over it, whether a still face stays still, whether a mirrored picture
gives a mirrored face, and whether the `mediapipe` package sees the same.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from mediapipe_peer import HEADER
from PIL import Image

from eifer.eifer_addon.spaces import ARKIT_NAMES
from eifer.eifer_addon.video.face_tracks import FaceTrack, FaceTracks, FrameFaces
from eifer.eifer_addon.video.faces import FaceTracker, TrackedFace
from eifer.eifer_addon.video.landmarker import FaceLandmarker

CLIPS = ("jefapato_test_2sec", "pyfeat_single_face", "pyfeat_WolfgangLanger_Pexels")
EXPRESSIONS = ("neutral", "happy", "sad", "angry", "fearful", "disgusted", "surprised")
_PUPILS = (468, 473)
_PEER_S = 600.0


def _other_side(name: str) -> str:
    left, right = "Left", "Right"
    for one, other in ((left, right), (right, left)):
        if name.endswith(one):
            return name.removesuffix(one) + other
    return name


#: For each ARKit unit the one on the other side of the face, or itself.
MIRRORED_UNITS = np.array([ARKIT_NAMES.index(_other_side(name)) for name in ARKIT_NAMES])


def portraits(data: Path) -> list[Path]:
    """The 150 portraits and the 7 expressions of one person."""
    people = sorted((data / "images" / "faker_CC0").glob("*/512/*"))
    return people + [data / "images" / "face_projection_MIT" / f"{e}.png" for e in EXPRESSIONS]


def picture(path: Path, edge: int = 0) -> np.ndarray:
    """A photograph as uint8 RGB, made smaller where it has more than `edge` pixels across."""
    image = Image.open(path).convert("RGB")
    if edge:
        image.thumbnail((edge, edge), Image.Resampling.LANCZOS)
    return np.array(image)


def follow(
    images: Iterable[np.ndarray], landmarker: FaceLandmarker, rate_hz: float = 30.0
) -> FaceTrack:
    """The largest face in some pictures, as `track_faces` gives it for a video."""
    tracker, frames, size = FaceTracker(landmarker), [], (1, 1)
    for k, image in enumerate(images):
        found = tuple(tracker.step(image))
        frames.append(FrameFaces(k, k / rate_hz, found, tracker.is_cut))
        size = image.shape[1], image.shape[0]
    return FaceTracks(tuple(frames), size, "pictures").choose("largest")


def seen_once(image: np.ndarray, landmarker: FaceLandmarker) -> FaceTrack:
    """The largest face of a photograph, read once where the detector saw it, as MediaPipe does."""
    faces = landmarker.detect(image)
    faces = sorted(faces, key=lambda face: float(np.prod(np.ptp(face.landmarks[:, :2], axis=0))))
    found = tuple(TrackedFace(0, face) for face in faces[-1:])
    size = image.shape[1], image.shape[0]
    return FaceTracks((FrameFaces(0, 0.0, found),), size, "picture").choose("largest")


def eye_distance(landmarks: np.ndarray) -> np.ndarray:
    """Pixels (...,) between the pupils of landmarks (..., 478, 3)."""
    return np.linalg.norm(landmarks[..., _PUPILS[0], :2] - landmarks[..., _PUPILS[1], :2], axis=-1)


def mirrored(image: np.ndarray) -> np.ndarray:
    """The picture as a mirror shows it."""
    return np.ascontiguousarray(image[:, ::-1])


def noisy(image: np.ndarray, count: int, sigma: float = 3.0, seed: int = 0) -> Iterator[np.ndarray]:
    """The same picture again and again, with a sensor's noise of `sigma` grey levels."""
    random = np.random.default_rng(seed)
    for _ in range(count):
        yield np.clip(image + random.normal(0, sigma, image.shape), 0, 255).astype(np.uint8)


def jitter(values: np.ndarray) -> float:
    """Root mean square of the change from frame to frame of (n, k) values."""
    return float(np.sqrt(np.mean(np.diff(values, axis=0) ** 2)))


def peer_python() -> Path | None:
    """A Python that has the package `mediapipe`, named by ``EIFER_MEDIAPIPE_PYTHON``."""
    named = os.environ.get("EIFER_MEDIAPIPE_PYTHON")
    return Path(named) if named and Path(named).exists() else None


@dataclass(frozen=True)
class PeerFaces:
    """What the package saw: landmarks (n, 478, 3) in pixels and scores (n, 52), NaN for none."""

    landmarks: np.ndarray
    scores: np.ndarray


def ask_peer(
    python: Path, task: Path, images: Iterable[np.ndarray], mode: str, rate_hz: float = 30.0
) -> PeerFaces:
    """Let the `mediapipe` package read pictures.

    Parameters
    ----------
    python : pathlib.Path
        Interpreter that has the package.
    task : pathlib.Path
        ``face_landmarker.task``.
    images : iterable of numpy.ndarray
        uint8 RGB (H, W, 3).
    mode : str
        ``"image"`` or ``"video"``.
    """
    script = Path(__file__).with_name("mediapipe_peer.py")
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "faces.npz"
        command = [str(python), str(script), str(task), str(out), mode]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        ) as child:
            assert child.stdin is not None
            for k, image in enumerate(images):
                high, wide = image.shape[:2]
                child.stdin.write(HEADER.pack(wide, high, round(1000 * k / rate_hz)))
                child.stdin.write(np.ascontiguousarray(image).tobytes())
            child.stdin.close()
            code = child.wait(_PEER_S)
        if code:
            sys.exit(f"{python} could not run the package mediapipe (exit code {code}).")
        with np.load(out, allow_pickle=False) as data:
            return PeerFaces(data["landmarks"], _in_order(data["scores"], list(data["names"])))


def _in_order(scores: np.ndarray, names: list[str]) -> np.ndarray:
    """Scores in `ARKIT_NAMES` order, 0 where the package has none."""
    return np.stack(
        [
            scores[:, names.index(name)] if name in names else np.zeros(len(scores))
            for name in ARKIT_NAMES
        ],
        axis=1,
    )


@dataclass(frozen=True)
class Agreement:
    """Mean distance of landmarks in per cent of the eyes', and mean difference of scores."""

    landmarks: float
    scores: float
    worst: float

    @classmethod
    def between(cls, ours: FaceTrack, theirs: PeerFaces) -> Agreement:
        """Over the frames in which both saw a face."""
        both = ~ours.is_gap & np.isfinite(theirs.scores).all(axis=1)
        gap = ours.landmarks[both, :, :2] - theirs.landmarks[both, :, :2]
        away = np.linalg.norm(gap, axis=2) / eye_distance(ours.landmarks[both])[:, None]
        scores = np.abs(ours.blendshapes[both] - theirs.scores[both])
        return cls(
            100 * float(away.mean()), float(scores.mean()), 100 * float(away.mean(axis=1).max())
        )


def joined(tracks: Iterable[FaceTrack]) -> FaceTrack:
    """Tracks of single pictures one after the other."""
    parts = list(tracks)
    names = ("landmarks", "blendshapes", "presence", "boxes", "is_cut")
    n = sum(len(part.indices) for part in parts)
    return replace(
        parts[0], indices=np.arange(n), timestamps_s=np.arange(n) / 30,
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in names},
    )  # fmt: skip
