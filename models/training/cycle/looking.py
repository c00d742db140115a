"""Where the face is in a frame, also beneath electrodes that hide it from the landmark network.

With sixty electrodes on, about every ninth face is lost, and landmarks of the others are pulled
along by what is glued on. A translator that knows electrodes already (the add-on's own, unless
another one is named) therefore takes them off first, and the face is read from what is left. Only
landmarks, crop and mask come from there: the network that is trained sees the frame as it is.
"""

from __future__ import annotations

import numpy as np

from ....eifer_addon.video.landmarker import Face, FaceLandmarker
from ....eifer_addon.video.remove_cleaner import FrameCleaner
from ...translator import Translator, load_translator

#: What `data.look_through` says for the add-on's translator, and for none.
DEFAULT, NONE = "default", "none"


class Looking:
    """Finds the largest face of each frame of a film.

    Parameters
    ----------
    landmarker : FaceLandmarker
    through : str
        ``"default"``, ``"none"``, or the ONNX file of a translator.

    Raises
    ------
    EiferError
        When the file is missing or is no translator.
    """

    def __init__(self, landmarker: FaceLandmarker, through: str = DEFAULT) -> None:
        self._landmarker = landmarker
        self._translator: Translator | None = None
        if through != NONE:
            self._translator = load_translator(None if through == DEFAULT else through)
        self._cleaner: FrameCleaner | None = None

    def key(self, *, worn: bool) -> str:
        """What tells apart the faces that are found in this way; empty for the plain way."""
        return self._translator.sha256[:12] if worn and self._translator is not None else ""

    def film(self, *, worn: bool) -> None:
        """Begin another film, with electrodes or without."""
        through = self._translator if worn else None
        self._cleaner = None
        if through is not None:
            self._cleaner = FrameCleaner(through, self._landmarker, smooth=False)

    def __call__(self, image: np.ndarray) -> Face | None:
        """The face in the film's next frame, uint8 RGB (H, W, 3); None where it is not seen."""
        pictures = [image]
        if self._cleaner is not None:
            pictures.insert(0, self._cleaner(image).image)
        for picture in pictures:
            faces = self._landmarker.detect(picture, max_faces=1, refine=1)
            if faces:
                return faces[0]
        return None
