"""What the translator leaves of drawn electrodes on portraits it was never trained on; its speed.

python tests/bench/bench_translator.py [--counts 16 32 60] [--seeds 1 2 3] [--every 1]
    [--model FILE] [--pictures FOLDER] [--json FILE] [--split validation] [--people SEED]

What is tried out while a network is made is measured with ``--split validation``; the test
portraits are for the one that is shipped.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from conftest import find_test_data
from PIL import Image

from eifer.eifer_addon.evaluation.emotions import EmotionClassifier
from eifer.eifer_addon.evaluation.portraits import (
    Outcome,
    Portrait,
    compare,
    outcomes,
    read_portraits,
    tables,
)
from eifer.eifer_addon.spaces import ARKIT_NAMES
from eifer.eifer_addon.video.crop import sample
from eifer.eifer_addon.video.landmarker import FaceLandmarker
from eifer.eifer_addon.video.remove_blend import cut, face_region
from eifer.eifer_addon.video.remove_cleaner import FrameCleaner
from eifer.models.synthetic.drawn_electrodes import draw_on_portrait
from eifer.models.synthetic.frames import FrameRenderer
from eifer.models.synthetic.portraits import portrait_split
from eifer.models.synthetic.subject import draw_subject
from eifer.models.translator import DEFAULT, Translator, load_translator

ROWS = (
    ("pictures", "pictures", ".0f"),
    ("worn_lost", "faces lost, with electrodes", ".1%"),
    ("restored_lost", "faces lost, restored", ".1%"),
    ("worn_smile", "mouthSmile off by, with electrodes", ".3f"),
    ("restored_smile", "mouthSmile off by, restored", ".3f"),
    ("worn_scores", "all scores off by, with electrodes", ".4f"),
    ("restored_scores", "all scores off by, restored", ".4f"),
    ("worn_landmarks", "landmarks off by, of the eyes', with electrodes", ".1%"),
    ("restored_landmarks", "landmarks off by, of the eyes', restored", ".1%"),
    ("worn_emotion", "same expression to the classifier, with electrodes", ".1%"),
    ("restored_emotion", "same expression to the classifier, restored", ".1%"),
    ("inside_worn", "colours where something lay off by (0-255), with electrodes", ".1f"),
    ("inside", "colours where something lay off by (0-255), restored", ".1f"),
    ("likeness_inside_worn", "SSIM where something lay, with electrodes", ".3f"),
    ("likeness_inside", "SSIM where something lay, restored", ".3f"),
    ("likeness_outside", "SSIM of what was not covered, restored", ".4f"),
    ("unchanged_outside", "pixels not covered that are the same to the bit", ".1%"),
)


_SMILE = ("mouthSmileLeft", "mouthSmileRight", "cheekSquintLeft", "cheekSquintRight")


def cleaner_of(translator: Translator, landmarker: FaceLandmarker):  # type: ignore[no-untyped-def]
    """What a film's first frame goes through: found, cut, cleaned, laid over the picture."""

    def new():  # type: ignore[no-untyped-def]
        cleaner = FrameCleaner(translator, landmarker)
        return lambda image: cleaner(image).image

    return new


def judge(
    portraits: Sequence[Portrait], translator: Translator, data: Path,
    counts: Sequence[int], seeds: Sequence[int],
) -> list[Outcome]:  # fmt: skip
    landmarker = FaceLandmarker()
    classify = EmotionClassifier(data / "models" / "fer_emotion_quantized.onnx")
    found = outcomes(
        portraits, cleaner_of(translator, landmarker), landmarker, counts, seeds, classify
    )
    return list(found)


def show(results: Sequence[Outcome]) -> dict[str, dict[str, float]]:
    """Print the table and give its values by the number of electrodes."""
    values = {table.count: table.values() for table in tables(results)}
    print(f"\n| | {' | '.join(f'{count} electrodes' for count in values)} |")
    print("|---|" + "---:|" * len(values))
    for key, title, form in ROWS:
        if all(key in one for one in values.values()):
            row = " | ".join(format(one[key], form) for one in values.values())
            print(f"| {title} | {row} |")
    return {str(count): one for count, one in values.items()}


def speed(translator: Translator, portrait: Portrait, frames: int = 30) -> float:
    """Crops per second on one thread."""
    crop = cut(portrait.image, face_region(portrait.face.landmarks))[None]
    translator.clean(crop)
    times = []
    for _ in range(frames):
        begin = time.perf_counter()
        translator.clean(crop)
        times.append(time.perf_counter() - begin)
    return 1 / float(np.median(times))


def pictures(
    portraits: Sequence[Portrait], translator: Translator, folder: Path, count: int, seed: int
) -> None:
    """Portrait, with electrodes, restored, beside each other around the face, four to a sheet."""
    folder.mkdir(parents=True, exist_ok=True)
    landmarker = FaceLandmarker()
    new, rows = cleaner_of(translator, landmarker), []
    for portrait in portraits:
        worn = draw_on_portrait(portrait.image, portrait.face.landmarks, count, seed=seed).image
        restored = new()(worn)
        region = face_region(portrait.face.landmarks)
        parts = [
            sample(one, region, 384, replicate=True).astype(np.uint8)
            for one in (portrait.image, worn, restored)
        ]
        rows.append(np.concatenate(parts, axis=1))
    for k in range(0, len(rows), 4):
        Image.fromarray(np.concatenate(rows[k : k + 4])).save(folder / f"sheet_{k // 4:02d}.png")


def people(
    translator: Translator, seed: int, count: int = 6, frames: int = 10
) -> list[list[float]]:
    """Rendered people who smile wider and wider with both schemes on, a row of the table each."""
    landmarker, rows = FaceLandmarker(), []
    smile = [ARKIT_NAMES.index(name) for name in _SMILE]
    for index in range(count):
        renderer = FrameRenderer(draw_subject(seed, index), "both", 286)
        cleaner = FrameCleaner(translator, landmarker)
        shots, seen = [], []
        for k in range(frames):
            values = np.zeros(len(ARKIT_NAMES), np.float32)
            values[smile] = 0.8 * k / (frames - 1)
            turned = np.array([0, 0.02 * k, 0, 0, 0, 0.0])
            clean, worn, covered = renderer.frame(values, turned, number=k)
            restored = cleaner(worn).image
            shots.append((clean.astype(int), restored.astype(int), covered))
            faces = [
                landmarker.detect(one, max_faces=1, refine=1) for one in (clean, worn, restored)
            ]
            if faces[0]:
                seen.append([compare(faces[0][0], one[0] if one else None) for one in faces[1:]])
        found = [restored for _, restored in seen if not restored.lost]
        moved = [
            np.abs(now[which] - then[which])[now[2] & then[2]].mean()
            for which in (0, 1) for then, now in pairwise(shots)
        ]  # fmt: skip
        half = len(moved) // 2
        rows.append([
            float(np.mean([worn.lost for worn, _ in seen])), 1 - len(found) / len(seen),
            float(np.mean([one.smile for one in found])),
            float(np.mean([one.scores for one in found])),
            float(np.mean(moved[:half])), float(np.mean(moved[half:])),
        ])  # fmt: skip
    return rows


def show_people(rows: Sequence[Sequence[float]]) -> None:
    """Print a table of `people`."""
    titles = ("lost, with electrodes", "lost, restored", "mouthSmile off by", "scores off by",
              "colours change per frame, clean", "the same, restored")  # fmt: skip
    print(f"\n| person | {' | '.join(titles)} |\n|---|" + "---:|" * len(titles))
    for name, row in [*enumerate(rows, 1), ("mean", np.mean(rows, axis=0))]:
        shares, rest = row[:2], row[2:]
        cells = [*(f"{v:.0%}" for v in shares), *(f"{v:.3f}" for v in rest[:2])]
        print(f"| {name} | {' | '.join([*cells, *(f'{v:.1f}' for v in rest[2:])])} |")


def test_translator() -> None:
    data = find_test_data()
    if data is None or not DEFAULT.is_file():
        pytest.skip("no test data at EIFER_TEST_DATA or in ../shared/data beside the checkout")
    paths = portrait_split(sorted((data / "images" / "faker_CC0").rglob("*.jpg")))[2]
    portraits = read_portraits(paths[::10], FaceLandmarker())
    values = show(judge(portraits, load_translator(), data, (60,), (1,)))["60"]
    assert values["restored_smile"] < values["worn_smile"]
    assert values["restored_lost"] <= values["worn_lost"]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--counts", type=int, nargs="*", default=[16, 32, 60])
    parser.add_argument("--seeds", type=int, nargs="*", default=[1, 2, 3])
    parser.add_argument("--every", type=int, default=1, help="take every n-th portrait")
    parser.add_argument("--model", type=Path, default=DEFAULT)
    parser.add_argument("--pictures", type=Path, help="folder for sheets of pictures")
    parser.add_argument("--people", type=int, help="rendered people of this seed as well")
    parser.add_argument("--split", choices=("validation", "test"), default="test")
    parser.add_argument("--json", type=Path, help="the table as JSON")
    options = parser.parse_args()
    data = find_test_data()
    if data is None:
        sys.exit("The shared test data is missing; name it with EIFER_TEST_DATA.")
    parts = portrait_split(sorted((data / "images" / "faker_CC0").rglob("*.jpg")))
    paths = parts[1 if options.split == "validation" else 2]
    portraits = read_portraits(paths[:: options.every], FaceLandmarker())
    print(f"{len(portraits)} of {len(paths[:: options.every])} portraits show a face.")
    translator = load_translator(options.model)
    print(f"{speed(translator, portraits[0]):.1f} crops a second on one thread")
    if options.people is not None:
        show_people(people(translator, options.people))
    results = judge(portraits, translator, data, options.counts, options.seeds)
    values = show(results) if results else {}
    if options.json:
        options.json.write_text(json.dumps(values, indent=1), encoding="utf-8")
    if options.pictures:
        pictures(portraits, translator, options.pictures, options.counts[-1], options.seeds[0])


if __name__ == "__main__":
    main()
