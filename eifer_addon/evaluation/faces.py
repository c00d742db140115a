"""The section on portraits with drawn electrodes, restored by the translator."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from ...models.synthetic.drawn_electrodes import draw_on_portrait
from ...models.synthetic.portraits import portrait_split
from ...models.translator import Translator, load_translator
from ..errors import EiferError
from ..progress import OnProgress
from ..video.landmarker import FaceLandmarker
from ..video.remove_cleaner import FrameCleaner
from .emotions import EmotionClassifier, find_classifier
from .portraits import Cleaner, outcomes, read_portraits, tables
from .sections import Row, Section

#: The numbers of portraits on which the split of the default weights was made.
_PORTRAITS = 150
#: What is told of portraits: name, words, target with 60 electrodes, whether it is the least.
_MEASURES: tuple[tuple[str, str, float | None, bool], ...] = (
    ("worn_lost", "faces lost, with electrodes", None, False),
    ("restored_lost", "faces lost, restored", 0.01, False),
    ("worn_smile", "mouthSmile shift, with electrodes", None, False),
    ("restored_smile", "mouthSmile shift, restored", 0.08, False),
    ("worn_scores", "blendshape error, with electrodes", None, False),
    ("restored_scores", "blendshape error, restored", 0.02, False),
    ("likeness_outside", "SSIM of uncovered skin, restored", None, True),
    ("likeness_inside", "SSIM where something lay, restored", None, True),
    ("worn_emotion", "classifier agrees, with electrodes", None, True),
    ("restored_emotion", "classifier agrees, restored", None, True),
)


def _cleaner(translator: Translator, landmarker: FaceLandmarker) -> Callable[[], Cleaner]:
    def new() -> Cleaner:
        cleaner = FrameCleaner(translator, landmarker)
        return lambda image: cleaner(image).image

    return new


def portraits(
    data: Path, *, seed: int, quick: bool, model: Path | None, judge: str, on_progress: OnProgress
) -> Section:
    """Portraits that were never trained on, with 16, 32 and 60 electrodes, restored.

    `judge` names a classifier as `find_classifier` takes it.

    Raises
    ------
    EiferError
        When the folder holds no portraits, or none with a face, or the judge is not there.
    """
    classify = find_classifier(data, judge)
    paths = sorted((data / "images" / "faker_CC0").rglob("*.jpg"))
    if not paths:
        raise EiferError(
            f"{data} holds no portraits (images/faker_CC0/…/*.jpg).",
            "Name the folder of the shared data, or leave the portraits out.",
        )
    landmarker = FaceLandmarker()
    people = read_portraits(portrait_split(paths)[2][:: 10 if quick else 1], landmarker)
    if not people:
        raise EiferError(f"No face is found in the test portraits of {data}.", "Check the files.")
    new, counts, done = _cleaner(load_translator(model), landmarker), (60,) if quick else (
        16, 32, 60), []  # fmt: skip
    for one in outcomes(people, new, landmarker, counts, (seed,), classify):
        done.append(one)
        on_progress(len(done), len(people) * len(counts))
    rows = []
    for table in tables(done):
        values, aimed = table.values(), table.count == 60
        n = f"{len(table.outcomes)} pictures"
        rows += [
            Row(f"{table.count} electrodes: {words}", values[key], n, seed,
                target if aimed else None, least)
            for key, words, target, least in _MEASURES if key in values
        ]  # fmt: skip
    sheet = []
    for person in people[:4]:
        worn = draw_on_portrait(person.image, person.face.landmarks, 60, seed=seed).image
        sheet.append(np.concatenate([person.image, worn, new()(worn)], axis=1)[::2, ::2])
    return Section("Portraits with drawn electrodes", rows, _notes(len(paths), classify),
                   {"portraits.png": np.concatenate(sheet)})  # fmt: skip


def _notes(n_portraits: int, classify: EmotionClassifier | None) -> list[str]:
    notes = [
        "The translator's training had MediaPipe's networks in its loss, and the first rows are "
        "measured with them: they are not independent. SSIM and classifier are.",
        "Intermediate checkpoints were looked at on 5 to 9 test portraits, and training pairs were "
        "added after that: figures on test portraits are slightly optimistic.",
        "Whether a person sees an electrode was judged by nobody here.",
    ]
    if n_portraits != _PORTRAITS:
        notes.append(
            f"There are {n_portraits} portraits, not {_PORTRAITS}: the split is not that of the "
            "training, and some of these may have been trained on."
        )
    if classify is None:
        notes.append("models/fer_emotion_quantized.onnx is not there: no classifier was asked.")
    else:
        notes.append(
            f"The classifier is {classify.name}. RMN is asked where it was imported "
            "(eifer models import rmn FILE)."
        )
    return notes
