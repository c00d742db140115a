"""The translator's sections: portraits with drawn electrodes, and rendered people with truth."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from ...models.synthetic.drawn_electrodes import draw_on_portrait
from ...models.synthetic.frames import FrameRenderer
from ...models.synthetic.portraits import portrait_split
from ...models.synthetic.subject import draw_subject
from ...models.translator import Translator, load_translator
from ..errors import EiferError
from ..progress import OnProgress
from ..spaces import ARKIT_NAMES
from ..video.landmarker import FaceLandmarker
from ..video.remove_cleaner import FrameCleaner
from .emg import SHOWN
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
#: Vertices that some coefficient moves by at least so much, in m, are the face that is judged.
_MOVED_M = 0.001
_RATIO = 1.2
#: Clean, restored, and what is covered.
_Frames = tuple[np.ndarray, np.ndarray, np.ndarray]


def _cleaner(translator: Translator, landmarker: FaceLandmarker) -> Callable[[], Cleaner]:
    def new() -> Cleaner:
        cleaner = FrameCleaner(translator, landmarker)
        return lambda image: cleaner(image).image

    return new


def portraits(
    data: Path, *, seed: int, quick: bool, model: Path | None, on_progress: OnProgress
) -> Section:
    """Portraits that were never trained on, with 16, 32 and 60 electrodes, restored.

    Raises
    ------
    EiferError
        When the folder holds no portraits, or none with a face.
    """
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
    classify = find_classifier(data)
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


def rendered(*, seed: int, quick: bool, model: Path | None, on_progress: OnProgress) -> Section:
    """Rendered people: what clean, worn and restored frames tell of the face, in mm, and flicker.

    The scores that the landmark network gives drive the subject's own head; the error is the mean
    distance to the true face, in mm, over vertices that expressions move, pose left out.
    """
    people, steps = (1, 2) if quick else (5, 6)
    landmarker, translator = FaceLandmarker(), load_translator(model)
    errors: dict[str, list[float]] = {"clean": [], "occluded": [], "restored": []}
    lost = dict.fromkeys(errors, 0)
    still: dict[str, list[float]] = {"clean": [], "restored": []}
    total, done, last_sheet = people * len(SHOWN) * steps, 0, []
    for index in range(people):
        renderer = FrameRenderer(draw_subject(seed, index), "fridlund")
        moved = _moved(renderer)
        for shown in SHOWN.values():
            cleaner = FrameCleaner(translator, landmarker)
            before: _Frames | None = None
            for step in range(steps):
                truth = _pose(dict(shown), (step + 1) / steps)
                clean, worn, covered = renderer.frame(truth, number=step)
                restored = cleaner(worn).image
                frames = {"clean": clean, "occluded": worn, "restored": restored}
                found = {k: landmarker.detect(v, max_faces=1, refine=1) for k, v in frames.items()}
                for name, faces in found.items():
                    lost[name] += not faces
                    # Only frames in which all three are found can be compared with each other.
                    if all(found.values()):
                        made = renderer.vertices(faces[0].blendshapes)
                        apart = np.linalg.norm(made - renderer.vertices(truth), axis=1)[moved]
                        errors[name].append(1000 * float(apart.mean()))
                if before is not None:
                    _add_flicker(still, (clean, restored, covered), before)
                before = (clean, restored, covered)
                done += 1
                on_progress(done, total)
            last_sheet.append(np.concatenate([clean, worn, restored], axis=1))
    rows = _rendered_rows(errors, lost, still, total, seed)
    return Section("Rendered people", rows, [
        "The rows in mm hold frames in which all three were found; frames that were lost are told "
        "beside them.",
        "Flicker is the change from frame to frame where electrodes lie, in a moving face; the "
        "clean film's is its motion and noise.",
    ], {"rendered.png": np.concatenate(last_sheet[: len(SHOWN)])})  # fmt: skip


def _moved(renderer: FrameRenderer) -> np.ndarray:
    """Which vertices some coefficient moves visibly, bool (V,)."""
    units = renderer.head.units
    assert units is not None
    return np.asarray(np.linalg.norm(units, axis=2).max(axis=0) > _MOVED_M)


def _add_flicker(still: dict[str, list[float]], now: _Frames, before: _Frames) -> None:
    both = now[2] & before[2]
    if both.any():
        for name, new, old in zip(still, now[:2], before[:2], strict=True):
            change = np.abs(new.astype(float) - old.astype(float))
            still[name].append(float(change[both].mean()))


def _pose(shown: dict[str, float], strength: float) -> np.ndarray:
    bases = [n.removesuffix("Left").removesuffix("Right") for n in ARKIT_NAMES]
    return np.array([0.8 * strength if base in shown else 0.0 for base in bases], np.float32)


def _rendered_rows(
    errors: dict[str, list[float]], lost: dict[str, int], still: dict[str, list[float]],
    total: int, seed: int,
) -> list[Row]:  # fmt: skip
    mean = {name: float(np.mean(v)) if v else float("nan") for name, v in errors.items()}
    n = f"{len(errors['clean'])} of {total} frames"
    rows = [Row(f"vertex error, {k}, mm", v, n, seed) for k, v in mean.items()]
    rows.append(Row("restored / clean", mean["restored"] / mean["clean"], n, seed, _RATIO))
    rows.append(Row("vertex error, encoder, mm", float("nan"), "0 frames", seed,
                    note="not measured: there are no default weights of it yet"))  # fmt: skip
    rows += [Row(f"faces lost, {k}", v / total, f"{total} frames", seed) for k, v in lost.items()]
    rows += [
        Row(f"flicker, {k}, of 255", float(np.mean(v)) if v else float("nan"),
            f"{len(v)} pairs of frames", seed) for k, v in still.items()
    ]  # fmt: skip
    return rows
