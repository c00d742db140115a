"""MediaPipe's Face Landmarker without MediaPipe: 478 landmarks and 52 ARKit scores of a face.

The three networks of `face_landmarker.task` (Apache-2.0, The MediaPipe Authors) run in LiteRT;
regions, decoding and order follow MediaPipe's graphs (`face_detector_graph.cc`,
`face_landmarks_detector_graph.cc`, `face_blendshapes_graph.cc`). Grishchenko et al., "Attention
Mesh: High-fidelity face mesh prediction in real-time", 2020.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import EiferError
from ..spaces import ARKIT_NAMES
from .crop import Region, sample
from .detector import Detection, search
from .detector import detect as detect_boxes
from .quiet import LITERT

N_LANDMARKS = 478
_SIZE = 256
_MIN_PRESENCE = 0.5
#: Outer corners of the right and the left eye level the next frame's region.
_EYE_CORNERS = (33, 263)
_ROI_SCALE = 1.5
_MEMBERS = {
    "detector": "face_detector.tflite",
    "landmarks": "face_landmarks_detector.tflite",
    "blendshapes": "face_blendshapes.tflite",
}
#: Each member is below 3 MB; a larger one is not this file.
_MAX_MEMBER = 16 << 20


@dataclass(frozen=True)
class Face:
    """A face in an image.

    Attributes
    ----------
    landmarks : numpy.ndarray
        float32 (478, 3): x and y in image pixels (y downwards, the first pixel's centre at 0.5),
        z in the same scale, smaller is nearer. 468 to 472 are the subject's right iris,
        473 to 477 the left one.
    blendshapes : numpy.ndarray
        float32 (52,) in `ARKIT_NAMES` order; the network knows no tongue, so tongueOut is 0.
    presence : float
        The landmark network's belief, in [0, 1], that it looks at a face.
    """

    landmarks: np.ndarray
    blendshapes: np.ndarray
    presence: float

    @property
    def scores(self) -> Mapping[str, float]:
        """The ARKit scores by name."""
        return dict(zip(ARKIT_NAMES, map(float, self.blendshapes), strict=True))

    def region(self) -> Region:
        """The square around the landmarks that MediaPipe looks at in the next frame."""
        points = self.landmarks[:, :2].astype(np.float64)
        low, high = points.min(axis=0), points.max(axis=0)
        dx, dy = points[_EYE_CORNERS[1]] - points[_EYE_CORNERS[0]]
        (x, y), (width, height) = (low + high) / 2, high - low
        return Region(x, y, width, height, float(np.arctan2(dy, dx))).grown(_ROI_SCALE)


class FaceLandmarker:
    """The three networks, ready to run on one thread.

    Parameters
    ----------
    path : path-like, optional
        `face_landmarker.task`; by default the one among the add-on's assets.

    Raises
    ------
    EiferError
        When the file is missing or is not a Face Landmarker.
    """

    def __init__(self, path: str | Path | None = None) -> None:
        if path is None:
            from ..assets import asset_path

            path = asset_path("face_landmarker.task")
        models = _read_task(Path(path))
        self._detector = _Network(models["detector"], ("regressors", "classificators"))
        self._landmarks = _Network(models["landmarks"], ("Identity", "Identity_1"))
        self._blendshapes = _Network(models["blendshapes"])
        self._subset = _blendshape_landmarks()

    def detect(
        self, image: np.ndarray, *, max_faces: int = 5, thorough: bool = True, refine: int = 0
    ) -> list[Face]:
        """Faces in an image, best first.

        Parameters
        ----------
        image : numpy.ndarray
            uint8 RGB (H, W, 3).
        max_faces : int
            How many to return at most.
        thorough : bool
            Also look for very large and very small faces when none is found at first.
        refine : int
            How often the landmarks are read again from the region that the former ones give, as
            MediaPipe does from frame to frame of a video.
        """
        _check_image(image)
        faces = []
        for found in detect_boxes(self._boxes, image, thorough=thorough)[:max_faces]:
            face = self.read(image, found.region())
            for _ in range(refine):
                face = face and self.read(image, face.region())
            if face is not None:
                faces.append(face)
        return faces

    def search(self, image: np.ndarray, regions: Iterable[Region]) -> list[Detection]:
        """Faces that the detector sees in some square regions of an image, best first."""
        _check_image(image)
        return search(self._boxes, image, regions)

    def track(self, image: np.ndarray, previous: Face) -> Face | None:
        """The face in the next frame of a video, None when it was lost."""
        _check_image(image)
        return self.read(image, previous.region())

    def read(self, image: np.ndarray, region: Region) -> Face | None:
        """The face in a region of an image, None when there is none."""
        crop = sample(image, region, _SIZE, replicate=True) / 255.0
        raw, logit = self._landmarks(crop[None].astype(np.float32))
        presence = float(1 / (1 + np.exp(-np.clip(logit.ravel()[0], -80, 80))))
        if presence < _MIN_PRESENCE:
            return None
        unit = raw.reshape(N_LANDMARKS, 3).astype(np.float64) / _SIZE
        depth = unit[:, 2:] * region.width
        points = np.concatenate([region.to_image(unit[:, :2]), depth], axis=1).astype(np.float32)
        return Face(points, self.blendshapes(points), presence)

    def blendshapes(self, landmarks: np.ndarray) -> np.ndarray:
        """ARKit scores (52,) of landmarks (478, 2 or 3) in pixels."""
        (scores,) = self._blendshapes(landmarks[None, self._subset, :2].astype(np.float32))
        # The network's first value is "_neutral"; it has none for the tongue, the last name.
        return np.append(scores.ravel()[1:], 0.0).astype(np.float32)

    def _boxes(self, crop: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        regressors, logits = self._detector(crop.astype(np.float32))
        return regressors, logits


class _Network:
    """A tflite network with one input and named outputs (all of them when none is named)."""

    def __init__(self, content: bytes, outputs: tuple[str, ...] = ()) -> None:
        from ai_edge_litert.interpreter import Interpreter

        with LITERT.unheard():
            self._interpreter: Any = Interpreter(model_content=content, num_threads=1)
            self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        details = self._interpreter.get_output_details()
        index = {entry["name"]: entry["index"] for entry in details}
        self._outputs = [index[name] for name in outputs or index]

    def __call__(self, values: np.ndarray) -> list[np.ndarray]:
        self._interpreter.set_tensor(self._input, values)
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index) for index in self._outputs]


def _read_task(path: Path) -> dict[str, bytes]:
    """The three networks in a `.task` file, checked for kind and size before they are read."""
    remedy = "Build the add-on's files again, or choose MediaPipe's face_landmarker.task."
    try:
        with zipfile.ZipFile(path) as archive:
            models = {}
            for key, member in _MEMBERS.items():
                if archive.getinfo(member).file_size > _MAX_MEMBER:
                    raise EiferError(f"{path} is not a Face Landmarker: {member} is huge.", remedy)
                models[key] = archive.read(member)
    except FileNotFoundError as error:
        raise EiferError(f"{path} does not exist.", remedy) from error
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise EiferError(f"{path} is not a readable Face Landmarker file.", remedy) from error
    for key, content in models.items():
        if content[4:8] != b"TFL3":
            raise EiferError(f"{path}: {_MEMBERS[key]} is not a TensorFlow Lite network.", remedy)
    return models


def _check_image(image: np.ndarray) -> None:
    rgb = 3
    if image.ndim != rgb or image.shape[2] != rgb or image.dtype != np.uint8 or 0 in image.shape:
        raise EiferError(
            f"A picture of shape {image.shape} and type {image.dtype} cannot be searched.",
            "Give RGB with 8 bits a channel, shape (height, width, 3).",
        )


@cache
def _blendshape_landmarks() -> np.ndarray:
    table = json.loads(
        (Path(__file__).parent / "data" / "blendshape_landmarks.json").read_text("utf-8")
    )
    return np.array(table["landmarks"])
