"""The translator: crops of a face with electrodes become the same crops without them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..eifer_addon.errors import EiferError
from .sessions import WEIGHTS, Model, load_model

#: Side of the network's pictures in pixels.
IMAGE_SIZE = 256
DEFAULT = WEIGHTS / "translator.onnx"
_OUTPUTS = ("clean", "coverage")


@dataclass(frozen=True)
class Translator:
    """A network of the kind ``translator``, ready to run on one thread.

    Attributes
    ----------
    model : Model
    """

    model: Model

    @property
    def name(self) -> str:
        """As its card calls it."""
        return self.model.card.name

    @property
    def sha256(self) -> str:
        """Of the file's bytes."""
        return self.model.sha256

    def clean(self, crops: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Take electrodes, cables and tape off.

        Parameters
        ----------
        crops : numpy.ndarray
            uint8 RGB (n, 256, 256, 3), upright squares around a face.

        Returns
        -------
        clean : numpy.ndarray
            uint8 RGB (n, 256, 256, 3).
        coverage : numpy.ndarray
            float32 (n, 256, 256) in [0, 1], how sure it is that something covers the pixel.
        """
        given = np.ascontiguousarray(crops.transpose(0, 3, 1, 2), np.float32) / 255
        found = self.model.run_all(given)
        clean = np.clip(found["clean"], 0, 1).transpose(0, 2, 3, 1) * 255 + 0.5
        return clean.astype(np.uint8), np.clip(found["coverage"][:, 0], 0, 1).astype(np.float32)


def load_translator(path: str | Path | None = None) -> Translator:
    """Read a translator.

    Parameters
    ----------
    path : path-like, optional
        An ONNX file of the kind ``translator``; by default the one that comes with the add-on.

    Raises
    ------
    EiferError
        When the file is missing, is no translator, or has other inputs or outputs.
    """
    model = load_model(DEFAULT if path is None else path, kind="translator")
    if model.input_shape[1:] != (3, IMAGE_SIZE, IMAGE_SIZE) or not set(_OUTPUTS) <= set(
        model.output_names
    ):
        raise EiferError(
            f"{model.where} does not take pictures of {IMAGE_SIZE} pixels and give 'clean' and "
            "'coverage'.",
            "Export the translator again.",
        )
    return Translator(model)
