"""How fast made-up people are filmed, and how well their faces are found and read.

``python tests/bench/bench_frames.py [PEOPLE]``: frames and pairs a second of processor time on one
core, then PEOPLE people (default 12) with ten expressions each in the landmark network, without and
with electrodes. Portraits and the network come from the shared data (``EIFER_TEST_DATA``).
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from eifer.eifer_addon.heads.open_head import load_open_head
from eifer.eifer_addon.heads.raster import Camera, render
from eifer.eifer_addon.spaces import ARKIT_NAMES
from eifer.eifer_addon.video.landmarker import FaceLandmarker
from eifer.models.synthetic.film_raster import rasterise
from eifer.models.synthetic.frames import FrameRenderer
from eifer.models.synthetic.portraits import electrode_pair, portrait_split
from eifer.models.synthetic.subject import draw_subject

_DATA = Path(os.environ.get("EIFER_TEST_DATA") or Path(__file__).parents[3] / "shared" / "data")
_ROUNDS, _SEED = 8, 21
#: What is raised on both sides, and the score that should follow.
_EXPRESSIONS: dict[str, tuple[dict[str, float], str | None]] = {
    "rest": ({}, None),
    "smile": ({"mouthSmile": 0.8, "cheekSquint": 0.5}, "mouthSmileLeft"),
    "brows up": ({"browInnerUp": 0.9, "browOuterUp": 0.9}, "browOuterUpLeft"),
    "inner brows up": ({"browInnerUp": 0.9}, "browInnerUp"),
    "brows down": ({"browDown": 0.9}, "browDownLeft"),
    "jaw open": ({"jawOpen": 0.6}, "jawOpen"),
    "eyes closed": ({"eyeBlink": 1.0}, "eyeBlinkLeft"),
    "pucker": ({"mouthPucker": 0.9}, "mouthPucker"),
    "frown": ({"mouthFrown": 0.8}, "mouthFrownLeft"),
    "left smile": ({"mouthSmileLeft": 0.8}, "mouthSmileLeft"),
}


def units_of(raised: dict[str, float]) -> np.ndarray:
    """Coefficients (52,); those without a side are raised on both."""
    values = [
        raised.get(name, raised.get(name.removesuffix("Left").removesuffix("Right"), 0.0))
        for name in ARKIT_NAMES
    ]
    return np.array(values, np.float32)


def median_ms(job: Callable[[int], object]) -> float:
    """Milliseconds of processor time of one call, the median of some."""
    taken = []
    for number in range(_ROUNDS):
        began = time.process_time()
        job(number)
        taken.append(time.process_time() - began)
    return 1000 * float(np.median(taken))


def speeds() -> dict[str, float]:
    """Milliseconds of each job."""
    head = load_open_head()
    camera = Camera.facing(head.template, 572)
    cull = np.ones(len(head.triangles), bool)
    screen = camera.project(head.template.astype(np.float64))
    subject, still = draw_subject(_SEED, 0), units_of({})
    plain = FrameRenderer(subject, None)
    worn = FrameRenderer(subject, "both")
    turned = [np.array([0.0, 0.05 * k, 0, 0, 0, 0]) for k in range(_ROUNDS)]
    return {
        "heads.raster, 572 px": median_ms(
            lambda _: render(head.template, head.triangles, head.colours, camera)
        ),
        "film_raster, 572 px": median_ms(
            lambda _: rasterise(screen, head.triangles, 572, 572, cull)
        ),
        "frame, 286 px": median_ms(lambda k: plain.frame(still, turned[k], number=k)),
        "frame with 60 electrodes": median_ms(lambda k: worn.frame(still, turned[k], number=k)),
        "a new person": median_ms(lambda k: FrameRenderer(draw_subject(_SEED, k), "both")),
    }


def pair_speed(landmarker: FaceLandmarker, size: int) -> float:
    """Milliseconds of one pair on a portrait."""
    folder = _DATA / "images" / "faker_CC0"
    portraits = []
    for path in portrait_split(sorted(folder.rglob("*.jpg")))[0][:_ROUNDS]:
        picture = Image.open(path).convert("RGB").resize((size, size), Image.Resampling.LANCZOS)
        image = np.array(picture)
        portraits.append((image, landmarker.detect(image, refine=1)[0].landmarks))
    return median_ms(lambda k: electrode_pair(*portraits[k], np.random.default_rng(k)))


def readings(landmarker: FaceLandmarker, people: int) -> tuple[dict[str, list[float]], list[int]]:
    """Rises of the scores that should follow, by expression; faces lost without, with, of all."""
    rises: dict[str, list[float]] = {name: [] for name in _EXPRESSIONS}
    lost = [0, 0, 0]
    for index in range(people):
        person = FrameRenderer(draw_subject(_SEED, index), "both", even_light=index % 2 == 0)
        random = np.random.default_rng(index)
        at_rest = landmarker.detect(person.frame(units_of({}))[0])
        for name, (raised, score) in _EXPRESSIONS.items():
            pose = np.concatenate([random.normal(0, (0.1, 0.18, 0.07)), random.normal(0, 0.01, 3)])
            clean, worn, _ = person.frame(units_of(raised), pose)
            faces = landmarker.detect(clean)
            lost = [lost[0] + (not faces), lost[1] + (not landmarker.detect(worn)), lost[2] + 1]
            if faces and at_rest and score is not None:
                number = ARKIT_NAMES.index(score)
                rise = faces[0].blendshapes[number] - at_rest[0].blendshapes[number]
                rises[name].append(float(rise))
    return rises, lost


def main(people: int) -> None:
    """Print all of it."""
    landmarker = FaceLandmarker(_DATA / "models" / "face_landmarker.task")
    lines = [f"{name}: {ms:.1f} ms, {1000 / ms:.1f} a second" for name, ms in speeds().items()]
    lines += [
        f"pair on a portrait, {size} px: {pair_speed(landmarker, size):.1f} ms"
        for size in (256, 512)
    ]
    rises, lost = readings(landmarker, people)
    lines.append(f"faces lost: {lost[0]} without, {lost[1]} with electrodes, of {lost[2]}")
    lines += [
        f"{name}: the score rises by {np.median(values):.2f} (middle half"
        f" {np.quantile(values, 0.25):.2f} to {np.quantile(values, 0.75):.2f})"
        for name, values in rises.items()
        if values
    ]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 12)
