"""EIFER's six groups of losses left out one by one, at a size that a CPU trains in a minute.

Run with ``python tests/bench/bench_cycle_ablation.py``. One rendered person with 32 electrodes; the
truth below them is known. Prints the table of docs/training.md. It shows that every group runs, can
be left out, and what it does to a small network on a rendered person; not what the paper's networks
would reach on real ones.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from cycle_faces import faces

from eifer.eifer_addon.heads.caching import cache_path
from eifer.models.training.config import load_config
from eifer.models.training.cycle import losses
from eifer.models.training.cycle.crops import Crops
from eifer.models.training.cycle.eifer import Eifer
from eifer.models.training.cycle.task import CycleTask, network
from eifer.models.training.cycle.unpaired import Faces, UnpairedData

_SMALL = (
    "model.image_size=64", "model.width=8", "model.blocks=1", "model.pool=8", "data.batch_size=2",
    "data.crop_least=1.4", "data.crop_most=1.6", "optimiser.learning_rate=0.001",
)  # fmt: skip
_NAMES = ("covered", "restored", "beside")


def person(n_train: int, n_val: int) -> tuple[Faces, Faces]:
    """One rendered person, kept from one run to the next: training and unseen expressions."""
    path = cache_path("ablation", f"{n_train}_{n_val}.npz")
    if not path.is_file():
        made = faces(n_train + n_val, n_train)
        worn, bare = made.sensor[0], made.normal[0]
        arrays = {
            "worn": worn.pictures, "worn_points": worn.points, "truth": worn.truth,
            "bare": bare.pictures, "bare_points": bare.points,
        }  # fmt: skip
        np.savez_compressed(path, **arrays)
    with np.load(path, allow_pickle=False) as kept:
        held = {name: kept[name] for name in kept.files}
    bare = Crops(held["bare"], held["bare_points"])
    sides = [
        Crops(held["worn"][part], held["worn_points"][part], held["truth"][part])
        for part in (slice(0, n_train), slice(n_train, None))
    ]
    return Faces("p", (sides[0],), (bare,)), Faces("p", (sides[1],), (bare,))


def trained(name: str, left_out: str, steps: int, people: tuple[Faces, Faces]) -> CycleTask:
    """A training with one group left out, the same seed and data each time."""
    given = [*_SMALL, f"model.name={name}", f"trainer.max_steps={steps}"]
    given += [f"loss.{left_out}=0"] if left_out else []
    config = load_config("translator", None, given, smoke=True)
    task = CycleTask(config, network(config), UnpairedData(config, [people[0]], [people[1]], {}))
    trainer = _trainer(max_steps=steps, limit_val_batches=0)
    trainer.fit(task.module, task.data)
    return task


def _trainer(**given: Any) -> Any:
    import lightning  # after cycle_faces, which makes torchvision importable

    return lightning.Trainer(
        accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, **given,
    )  # fmt: skip


def measured(task: CycleTask) -> dict[str, float]:
    """What the network does on unseen expressions."""
    trainer = _trainer()
    torch.manual_seed(0)
    values = trainer.validate(task.module, task.data, verbose=False)[0]
    found = {name: values[f"validation/{name}"] for name in _NAMES}
    return found | (geometry(task) if isinstance(task.module, Eifer) else {})


@torch.no_grad()
def geometry(task: CycleTask) -> dict[str, float]:
    """In mm: how far electrodes move the face that the encoder of S→N sees, and how much it moves.

    ``occluded``: vertices of the worn picture against those of the truth. ``moves``: spread of the
    vertices over expressions, which would be 0 for an encoder that says the same of every face.
    ``landmarks``: of the rendering against the picture's, as a share of the picture's width.
    """
    module, data = task.module.eval(), task.data.validation
    assert isinstance(module, Eifer)
    rows = [data[k] for k in range(len(data))]
    worn, truth, points = (
        torch.from_numpy(np.stack([row[name] for row in rows]))
        for name in ("sensor", "truth", "sensor_points")
    )
    vertices, seen = [], None
    for image in (worn, truth):
        codes = module.s2n.smirk_encoder(image)
        at_rest = codes.joints()
        at_rest[:, 0] = 0
        vertices.append(module.renderer.flame(codes.shape, codes.expression, at_rest, codes.lids))
        seen = module.renderer(codes).landmarks if seen is None else seen
    gap = (vertices[0] - vertices[1]).norm(dim=-1).mean()
    spread = (vertices[1] - vertices[1].mean(dim=0)).norm(dim=-1).mean()
    assert seen is not None
    off = (seen[:, :468] - points[:, :468]).norm(dim=-1).mean() / data.size
    return {"occluded": 1e3 * float(gap), "moves": 1e3 * float(spread), "landmarks": float(off)}


def main() -> None:
    """Train each and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--train", type=int, default=16)
    parser.add_argument("--unseen", type=int, default=6)
    options = parser.parse_args()
    torch.set_num_threads(1)
    people = person(options.train, options.unseen)
    variants = [("eifer", ""), *(("eifer", name) for name in losses.GROUPS), ("mc_cyclegan", "")]
    sys.stdout.write("| trained | covered before | restored | beside | occluded mm | moves mm | "
                     "landmarks % | s |\n|---|---|---|---|---|---|---|---|\n")  # fmt: skip
    for name, left_out in variants:
        begin = time.process_time()
        found = measured(trained(name, left_out, options.steps, people))
        label = f"without {left_out}" if left_out else name
        cells = [f"{found[key]:.3f}" for key in _NAMES]
        cells += [f"{found[key]:.2f}" if key in found else "–" for key in ("occluded", "moves")]
        cells += [f"{100 * found['landmarks']:.1f}" if "landmarks" in found else "–"]
        cells += [f"{time.process_time() - begin:.0f}"]
        sys.stdout.write(f"| {label} | {' | '.join(cells)} |\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
