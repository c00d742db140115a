"""A small classifier of facial expressions, as a judge that no network here was trained with.

The seven classes and the preparation are those of the package fer (MIT): the face's square, grey,
64 pixels, from -1 to 1.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..errors import EiferError
from ..video.crop import Region, sample
from ..video.landmarker import Face

EMOTIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
_SIZE = 64
#: The square's side, as a share of the longer side of the landmarks' box.
_SCALE = 1.1
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


class EmotionClassifier:
    """The expression of a face, as one of `EMOTIONS`.

    Parameters
    ----------
    path : path-like
        ``fer_emotion_quantized.onnx``, input (1, 64, 64, 1), output (1, 7).

    Raises
    ------
    EiferError
        When the file is missing or is another network.
    """

    def __init__(self, path: str | Path) -> None:
        import onnxruntime as ort

        if not Path(path).is_file():
            raise EiferError(f"The classifier {path} does not exist.", "Check the path.")
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        given, found = self._session.get_inputs()[0], self._session.get_outputs()[0]
        if list(given.shape[1:]) != [_SIZE, _SIZE, 1] or found.shape[-1] != len(EMOTIONS):
            raise EiferError(
                f"{path} is no classifier of seven expressions.", "Choose fer_emotion_quantized."
            )
        self._input = given.name

    def probabilities(self, image: np.ndarray, face: Face) -> np.ndarray:
        """Of the seven (7,), for a face in a picture, uint8 RGB (H, W, 3)."""
        points = face.landmarks[:, :2].astype(np.float64)
        low, high = points.min(axis=0), points.max(axis=0)
        x, y = ((low + high) / 2).tolist()
        region = Region(x, y, *(high - low).tolist()).grown(_SCALE)
        # Read finely and averaged, so that small faces and large ones are equally soft.
        fine = sample(image, region, 4 * _SIZE, replicate=True) @ _LUMA
        grey = fine.reshape(_SIZE, 4, _SIZE, 4).mean(axis=(1, 3)) / 127.5 - 1
        (found,) = self._session.run(None, {self._input: grey[None, ..., None].astype(np.float32)})
        return np.asarray(found[0])

    def __call__(self, image: np.ndarray, face: Face) -> str:
        """The most likely of the seven."""
        return EMOTIONS[int(np.argmax(self.probabilities(image, face)))]
