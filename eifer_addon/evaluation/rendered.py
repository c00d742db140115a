"""The section on rendered people, whose true face is known: errors in mm, and flicker."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

from ...models.reconstructors import encoder
from ...models.reconstructors.installed import load_reconstructor
from ...models.sessions import Model
from ...models.synthetic.frames import FrameRenderer
from ...models.synthetic.subject import draw_subject
from ...models.translator import load_translator
from ..progress import OnProgress
from ..spaces import ARKIT_NAMES
from ..video.landmarker import Face, FaceLandmarker
from ..video.remove_cleaner import FrameCleaner
from .emg import SHOWN
from .sections import Row, Section

#: Vertices that some coefficient moves by at least so much, in m, are the face that is judged.
_MOVED_M = 0.001
_RATIO = 1.2
#: Films for the flicker: frames a second, how far and how fast the head sways (rad, Hz), and over
#: how many pixels a change is averaged, so that it is more than the sensor's noise.
_RATE_HZ, _SWAY, _SWAY_HZ, _SOFT = 30.0, 0.06, 0.5, 2.0
#: Frames at a film's begin in which a face is only just found.
_SETTLING = 1
CLEAN, WORN, RESTORED, ENCODER = "clean", "with electrodes", "restored", "encoder"


@dataclass
class Found:
    """What was measured on the frames.

    Attributes
    ----------
    errors : dict of str to list
        Vertex errors in mm; of each way as many, and in the same frames.
    lost : dict of str to int
        Frames without a face.
    frames : int
    """

    errors: dict[str, list[float]] = field(
        default_factory=lambda: {CLEAN: [], WORN: [], RESTORED: [], ENCODER: []}
    )
    lost: dict[str, int] = field(default_factory=lambda: {CLEAN: 0, WORN: 0, RESTORED: 0})
    frames: int = 0


@dataclass
class Flicker:
    """Changes from frame to frame that are not the face's own, of 255.

    Attributes
    ----------
    worn, restored : list
        Of the film with electrodes and of the restored one, a pair of frames each: mean of how much
        their change differs from the clean film's, where electrodes lie.
    motion : list
        The clean film's own change there.
    """

    worn: list[float] = field(default_factory=list)
    restored: list[float] = field(default_factory=list)
    motion: list[float] = field(default_factory=list)

    def add(self, now: tuple[np.ndarray, ...], before: tuple[np.ndarray, ...]) -> None:
        """Two frames after one another, each clean, worn, restored, and coverage."""
        both = now[3] & before[3]
        if not both.any():
            return
        clean, worn, restored = (
            new.astype(float) - old for new, old in zip(now[:3], before[:3], strict=True)
        )
        for row, change in (
            (self.motion, clean), (self.worn, worn - clean), (self.restored, restored - clean)
        ):  # fmt: skip
            soft = gaussian_filter(change, (_SOFT, _SOFT, 0))
            row.append(float(np.abs(soft)[both].mean()))


def encoder_looks(network: Model, image: np.ndarray, face: Face) -> Face:
    """A face as the encoder sees it in a picture, uint8 RGB (H, W, 3), at a first look's place."""
    crop = encoder.crop(face.landmarks)
    picture = encoder.BACKEND.cut(image, crop, encoder.IMAGE_SIZE)
    rows = network.run(np.ascontiguousarray(picture.transpose(2, 0, 1)[None] / 255, np.float32))
    return replace(
        face, landmarks=encoder.landmarks_back(rows, crop[None])[0],
        blendshapes=rows[0, : encoder.N_SCORES],
    )  # fmt: skip


def rendered(*, seed: int, quick: bool, model: Path | None, on_progress: OnProgress) -> Section:
    """Rendered people: what clean, worn and restored frames tell of the face, in mm, and flicker.

    The scores that a network gives drive the subject's own head; the error is the mean distance to
    the true face, in mm, over vertices that expressions move, pose left out.
    """
    people, steps, pairs = (1, 2, 5) if quick else (5, 6, 15)
    landmarker, translator = FaceLandmarker(), load_translator(model)
    network = load_reconstructor(encoder.NAME, None)[1]
    found, flicker, sheet = Found(), Flicker(), []
    total = people * (len(SHOWN) * steps + pairs + _SETTLING + 1)
    done = 0
    for index in range(people):
        renderer = FrameRenderer(draw_subject(seed, index), "fridlund")
        for shown in SHOWN.values():
            cleaner = FrameCleaner(translator, landmarker)
            for step in range(steps):
                truth = _pose(dict(shown), (step + 1) / steps)
                clean, worn, _ = renderer.frame(truth, number=step)
                pictures = {CLEAN: clean, WORN: worn, RESTORED: cleaner(worn).image}
                _compare(found, pictures, truth, renderer, (landmarker, network))
                done += 1
                on_progress(done, total)
            if index == 0:
                sheet.append(np.concatenate(list(pictures.values()), axis=1))
        _film(flicker, renderer, FrameCleaner(translator, landmarker), pairs)
        done += pairs + _SETTLING + 1
        on_progress(done, total)
    return Section("Rendered people", _rows(found, flicker, people, seed), [
        "The rows in mm hold frames in which a face was found in all three pictures; frames that "
        "were lost are told below them. Identity and pose are the true ones: it is an error of "
        "expression only.",
        "The encoder reads the frames with electrodes, at the place where the landmark network "
        "found the face.",
        "Flicker: by how much the change from frame to frame differs from the clean film's, where "
        f"electrodes lie, averaged over {_SOFT:g} pixels (σ), in a film of a smile and a swaying "
        "head. What moves with the face does not flicker, noise hardly; the target is the film "
        "with electrodes, whose edges move.",
        f"In the picture: {', '.join(SHOWN)} of one person; clean, with electrodes, restored.",
    ], {"rendered.png": np.concatenate(sheet)})  # fmt: skip


def _compare(
    found: Found,
    pictures: dict[str, np.ndarray],
    truth: np.ndarray,
    renderer: FrameRenderer,
    networks: tuple[FaceLandmarker, Model],
) -> None:
    landmarker, network = networks
    faces: dict[str, Face] = {}
    for name, picture in pictures.items():
        seen = landmarker.detect(picture, max_faces=1, refine=1)
        found.lost[name] += not seen
        if seen:
            faces[name] = seen[0]
    found.frames += 1
    # Only frames in which all three are found can be compared with each other.
    if len(faces) < len(pictures):
        return
    faces[ENCODER] = encoder_looks(network, pictures[WORN], faces[WORN])
    true, moved = renderer.vertices(truth), _moved(renderer)
    for name, face in faces.items():
        made = renderer.vertices(face.blendshapes)
        apart = np.linalg.norm(made - true, axis=1)[moved]
        found.errors[name].append(1000 * float(apart.mean()))


def _film(flicker: Flicker, renderer: FrameRenderer, cleaner: FrameCleaner, pairs: int) -> None:
    """A film of a smile that comes, in a head that sways."""
    happy = dict(SHOWN["happy"])
    before: tuple[np.ndarray, ...] | None = None
    for k in range(pairs + _SETTLING + 1):
        at_s = k / _RATE_HZ
        turn = _SWAY * np.sin(2 * np.pi * _SWAY_HZ * at_s)
        pose = np.array([turn / 2, turn, 0, 0, 0, 0])
        strength = 0.5 - 0.5 * np.cos(2 * np.pi * at_s)
        clean, worn, covered = renderer.frame(_pose(happy, strength), pose, number=k)
        now = (clean, worn, cleaner(worn).image, covered)
        if before is not None and k > _SETTLING:
            flicker.add(now, before)
        before = now


def _moved(renderer: FrameRenderer) -> np.ndarray:
    """Which vertices some coefficient moves visibly, bool (V,)."""
    units = renderer.head.units
    assert units is not None
    return np.asarray(np.linalg.norm(units, axis=2).max(axis=0) > _MOVED_M)


def _pose(shown: dict[str, float], strength: float) -> np.ndarray:
    bases = [n.removesuffix("Left").removesuffix("Right") for n in ARKIT_NAMES]
    return np.array([0.8 * strength if base in shown else 0.0 for base in bases], np.float32)


def _rows(found: Found, flicker: Flicker, people: int, seed: int) -> list[Row]:
    mean = {name: _mean(values) for name, values in found.errors.items()}
    of = f"{people} {'person' if people == 1 else 'people'}"
    n = f"{len(found.errors[CLEAN])} of {found.frames} frames, {of}"
    rows = [Row(f"vertex error, {name}, mm", value, n, seed) for name, value in mean.items()]
    rows += [
        Row(f"{name} / clean", mean[name] / mean[CLEAN], n, seed, _RATIO)
        for name in (RESTORED, ENCODER)
    ]
    rows += [
        Row(f"faces lost, {name}", lost / found.frames, f"{found.frames} frames, {of}", seed)
        for name, lost in found.lost.items()
    ]
    n = f"{len(flicker.worn)} pairs of frames, {of}"
    original = _mean(flicker.worn)
    return [
        *rows,
        Row("motion of the clean film, of 255", _mean(flicker.motion), n, seed),
        Row("flicker, with electrodes, of 255", original, n, seed),
        Row("flicker, restored, of 255", _mean(flicker.restored), n, seed, round(original, 2)),
    ]


def _mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else float("nan")
