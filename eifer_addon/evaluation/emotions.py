"""Classifiers of facial expressions, as judges that no network here was trained with.

Both tell the seven classes of FER2013. The small one is prepared as by the package fer (MIT): the
face's square, grey, 64 pixels, from -1 to 1. RMN, where the user has imported it: 224 pixels, grey
in three channels, from 0 to 1.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...models.sessions import load_model
from ..errors import EiferError
from ..files import models_folder
from ..video.crop import Region, sample
from ..video.landmarker import Face

EMOTIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
_SIZE = 64
#: The square's side, as a share of the longer side of the landmarks' box.
_SCALE = 1.1
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
#: The small one among the test data, and the name by which RMN is imported.
_SMALL, _RMN = Path("models") / "fer_emotion_quantized.onnx", "rmn"


def find_classifier(data: Path | None, asked: str = "") -> EmotionClassifier | None:
    """The judge that is to be asked.

    Parameters
    ----------
    data : pathlib.Path or None
        Folder with the small classifier under ``models``.
    asked : str
        Name of an imported classifier, or an ONNX file. Empty takes RMN where it was imported, or
        else the small one, or else none.

    Raises
    ------
    EiferError
        When what was asked for is not there, or is no classifier.
    """
    own = models_folder() / f"{asked or _RMN}.onnx"
    if own.is_file():
        return ImportedClassifier(own)
    if asked:
        return ImportedClassifier(asked)
    small = None if data is None else data / _SMALL
    return EmotionClassifier(small) if small is not None and small.is_file() else None


class EmotionClassifier:
    """The expression of a face, as one of `EMOTIONS`.

    Attributes
    ----------
    name : str

    Parameters
    ----------
    path : path-like
        ``fer_emotion_quantized.onnx``, input (1, 64, 64, 1), output (1, 7).

    Raises
    ------
    EiferError
        When the file is missing or is another network.
    """

    name = "a small classifier"

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
        grey = _grey(image, face, _SIZE) / 127.5 - 1
        (found,) = self._session.run(None, {self._input: grey[None, ..., None].astype(np.float32)})
        return np.asarray(found[0])

    def __call__(self, image: np.ndarray, face: Face) -> str:
        """The most likely of the seven."""
        return EMOTIONS[int(np.argmax(self.probabilities(image, face)))]


class ImportedClassifier(EmotionClassifier):
    """A classifier that was imported with ``eifer models import``.

    Parameters
    ----------
    path : path-like
        ONNX file of the kind ``classifier``.

    Raises
    ------
    EiferError
        When the file is missing, damaged, of another kind, or tells other classes.
    """

    def __init__(self, path: str | Path) -> None:
        self._model = load_model(path, kind="classifier")
        card = self._model.card
        if card.outputs != EMOTIONS or card.image_size is None:
            raise EiferError(
                f"{self._model.where} tells {', '.join(card.outputs)}, not the seven expressions "
                "of FER2013.", "Choose a classifier of these.",
            )  # fmt: skip
        self.name = card.name

    def probabilities(self, image: np.ndarray, face: Face) -> np.ndarray:
        """Of the seven (7,), for a face in a picture, uint8 RGB (H, W, 3)."""
        size = int(self._model.card.image_size or 0)
        grey = np.repeat((_grey(image, face, size) / 255)[None, None], 3, axis=1)
        scores = self._model.run(np.ascontiguousarray(grey, np.float32))[0].astype(np.float64)
        chances = np.exp(scores - scores.max())
        return np.asarray(chances / chances.sum())


def _grey(image: np.ndarray, face: Face, size: int) -> np.ndarray:
    """A face's square (size, size), brightness in 0 to 255.

    Read finely and averaged, so that small faces and large ones are equally soft.
    """
    points = face.landmarks[:, :2].astype(np.float64)
    low, high = points.min(axis=0), points.max(axis=0)
    x, y = ((low + high) / 2).tolist()
    region = Region(x, y, *(high - low).tolist()).grown(_SCALE)
    fine = sample(image, region, 4 * size, replicate=True) @ _LUMA
    return np.asarray(fine.reshape(size, 4, size, 4).mean(axis=(1, 3)))
