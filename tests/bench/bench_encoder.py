"""What the encoder sees under drawn electrodes, beside the landmark network and the translator.

python tests/bench/bench_encoder.py [--count 60] [--seeds 1 2] [--every 1] [--model FILE]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from conftest import find_test_data

from eifer.eifer_addon.evaluation.portraits import Portrait, Seen, compare, read_portraits
from eifer.eifer_addon.evaluation.rendered import encoder_looks
from eifer.eifer_addon.video.landmarker import Face, FaceLandmarker
from eifer.eifer_addon.video.remove_cleaner import FrameCleaner
from eifer.models.reconstructors import encoder
from eifer.models.reconstructors.installed import load_reconstructor
from eifer.models.sessions import Model
from eifer.models.synthetic.drawn_electrodes import draw_on_portrait
from eifer.models.synthetic.portraits import portrait_split
from eifer.models.translator import load_translator

#: Ways to read a face with electrodes.
WAYS = (
    "landmark network", "encoder", "translator, landmark network", "translator's place, encoder",
)  # fmt: skip


def outcomes(
    portraits: list[Portrait], network: Model, count: int, seeds: list[int]
) -> dict[str, list[Seen]]:
    """Each portrait with electrodes, read in all ways, against the portrait as it is."""
    landmarker, translator = FaceLandmarker(), load_translator()
    found: dict[str, list[Seen]] = {way: [] for way in WAYS}

    def first(image: np.ndarray) -> Face | None:
        return next(iter(landmarker.detect(image, max_faces=1, refine=1)), None)

    for portrait in portraits:
        for seed in seeds:
            worn = draw_on_portrait(portrait.image, portrait.face.landmarks, count, seed=seed).image
            restored = FrameCleaner(translator, landmarker)(worn).image
            looks = (first(worn), first(restored))
            ways: tuple[Callable[[Face], Face], ...] = (
                lambda face: face, lambda face, image=worn: encoder_looks(network, image, face),
            )  # fmt: skip
            for k, way in enumerate(WAYS):
                look = looks[k // 2]
                face = None if look is None else ways[k % 2](look)
                found[way].append(compare(portrait.face, face))
    return found


def mean(seen: list[Seen], name: str) -> float:
    return float(np.nanmean([getattr(one, name) for one in seen]))


def speed(network: Model, frames: int = 30) -> float:
    """Crops per second on one thread."""
    crop = np.random.default_rng(0).random((1, 3, encoder.IMAGE_SIZE, encoder.IMAGE_SIZE))
    crop = crop.astype(np.float32)
    network.run(crop)
    times = []
    for _ in range(frames):
        begin = time.perf_counter()
        network.run(crop)
        times.append(time.perf_counter() - begin)
    return 1 / float(np.median(times))


def portraits_of(data: Path, every: int) -> list[Portrait]:
    """Those that nothing was trained on."""
    paths = portrait_split(sorted((data / "images" / "faker_CC0").rglob("*.jpg")))[2]
    return read_portraits(paths[::every], FaceLandmarker())


def test_encoder() -> None:
    data = find_test_data()
    if data is None:
        pytest.skip("no test data at EIFER_TEST_DATA or in ../shared/data beside the checkout")
    network = load_reconstructor("encoder", None)[1]
    found = outcomes(portraits_of(data, 10), network, 60, [1])
    assert mean(found["encoder"], "scores") < mean(found["landmark network"], "scores")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seeds", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--every", type=int, default=1, help="take every n-th portrait")
    parser.add_argument("--model", type=Path)
    options = parser.parse_args()
    data = find_test_data()
    if data is None:
        sys.exit("The shared test data is missing; name it with EIFER_TEST_DATA.")
    network = load_reconstructor("encoder", options.model and str(options.model))[1]
    portraits = portraits_of(data, options.every)
    print(f"{len(portraits)} portraits, {options.count} electrodes, seeds {options.seeds}; "
          f"encoder: {speed(network):.0f} crops a second on one thread\n")  # fmt: skip
    found = outcomes(portraits, network, options.count, options.seeds)
    print("| read by | lost | mouthSmile | all scores | landmarks, of the eyes' distance |")
    print("|---|---:|---:|---:|---:|")
    for way, seen in found.items():
        lost = float(np.mean([one.lost for one in seen]))
        print(f"| {way} | {lost:.1%} | {mean(seen, 'smile'):.3f} | {mean(seen, 'scores'):.4f} | "
              f"{mean(seen, 'landmarks'):.1%} |")  # fmt: skip


if __name__ == "__main__":
    main()
