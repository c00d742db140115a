"""How fast an imported reconstructor is, beside its network in torch, in the same run.

``python tests/bench/bench_reconstruct.py [MODEL]``: SMIRK with random weights, made here, or an
imported model by name. One thread each; milliseconds of processor time per frame, the least of
several rounds, because the machine may be busy.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
os.environ.setdefault("OMP_NUM_THREADS", "1")

from checkpoint_files import SmirkOracle, save

from eifer.models.checkpoints.importing import import_checkpoint
from eifer.models.reconstructors.installed import load_reconstructor

_ROUNDS, _FRAMES = 10, 8
_FILM = (720, 1280, 3)


def least_ms(job: Callable[[], object], frames: int = _FRAMES) -> float:
    """Milliseconds of processor time per frame in the best of some rounds."""
    spent = []
    for _ in range(_ROUNDS):
        begin = time.process_time()
        job()
        spent.append(time.process_time() - begin)
    return 1000 * min(spent) / frames


def main() -> None:
    """Measure and print a table for the documentation."""
    random = np.random.default_rng(0)
    images = random.random((_FRAMES, 3, 224, 224), dtype=np.float32)
    oracle = SmirkOracle()
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = save(Path(folder) / "SMIRK_em1.pt", oracle.state())
        begin = time.perf_counter()
        made = import_checkpoint("smirk", checkpoint, out=Path(folder) / "smirk.onnx")
        imported_s = time.perf_counter() - begin
        rules, network = load_reconstructor("smirk", sys.argv[1] if sys.argv[1:] else made.path)
    film = random.integers(0, 256, _FILM, np.uint8)
    landmarks = random.random((478, 3)) * (260, 300, 1) + (500, 200, 0)
    rows = [
        ("crop out of 720p", least_ms(lambda: rules.cut(film, rules.crop(landmarks), 224), 1)),
        ("network, onnxruntime", least_ms(lambda: network.run(images))),
        ("the same network, torch", least_ms(lambda: oracle.outputs(images))),
        ("decoding", least_ms(lambda: rules.decode(np.zeros((_FRAMES, 361))))),
    ]
    print("| SMIRK, one thread | ms per frame |\n|---|---|")
    for name, spent in rows:
        print(f"| {name} | {spent:.2f} |")
    print(f"\nimport: {imported_s:.1f} s, ONNX against torch {made.difference:.1e}")


if __name__ == "__main__":
    main()
