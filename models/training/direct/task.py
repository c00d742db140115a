"""The directly trained translator as a task of `eifer train translator`."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader

from ....eifer_addon.errors import EiferError
from ....eifer_addon.files import cache_folder
from ...cards import ModelCard
from ...checkpoints.packages import declare_operators
from ...synthetic.portraits import portrait_split
from ..config import Config
from ..export import export_onnx
from ..resume import SeededSampler
from .bank import Bank, make_bank
from .composing import composed
from .data import INPUT, Batch, Pairs, Settings, collate
from .losses import Weights
from .module import DirectTranslator, Onlookers
from .network import Exported, Translator
from .pairs import DENSE, VALIDATED, Wear

declare_operators()

import lightning  # noqa: E402  (torchvision is found by Lightning and needs its operators declared)

_WEIGHTS = (
    "coverage", "dice", "covered", "outside", "edges", "composed", "tone", "points", "scores",
    "features", "critic",
)  # fmt: skip
_ONLOOKERS = ("readers", "readers_from", "critics", "critic_from")
_DATA = (
    "Made for this training: {pairs} pairs of {portraits} portraits of people who do not exist "
    "(faker-js/assets-person-portrait, CC0) with drawn electrodes, cables and tape, and {rendered} "
    "of made-up people rendered by the simulator (CC0). What the landmark and blendshape networks "
    "of MediaPipe (Apache-2.0) see on the result is part of the loss, so that measures by these "
    "networks are not independent of the training."
)
#: A second look needs the first one's features at stride 4: so many widths it has at least.
_DEEP = 3
#: Pictures shown while it is trained.
_SHOWN = 6
#: Seeds of validation pairs are other ones than those of training.
VALIDATION = 1 << 20


class DirectData(lightning.LightningDataModule):
    """Pairs of the training portraits and of made-up people, and pairs to validate with.

    Parameters
    ----------
    config : Config
        ``data.folders`` holds the portraits.

    Raises
    ------
    EiferError
        When there are too few.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        found = sorted(
            path for folder in config.data["folders"] for path in Path(folder).rglob("*.jpg")
        )
        self.train_paths, self.validation_paths, self.test_paths = portrait_split(found)
        if not self.train_paths or not self.validation_paths:
            raise EiferError(
                f"{len(found)} portraits (.jpg) were found; at least 10 are needed, to train on "
                "some and to validate with others.",
                "Name the folder of the portraits with --data.",
            )  # fmt: skip

    @property
    def settings(self) -> Settings:
        """How pairs are changed."""
        data = self.config.data
        return Settings(float(data["bare"]), float(data["roll"]), float(data["zoom"]))

    def banks(self) -> list[Bank]:
        """What is trained on; made when it is not there yet."""
        data, made = self.config.data, []
        wear = Wear(loose=float(data.get("loose", 0.0)))
        for name, paths, worn in (
            ("pairs", self.train_paths, wear), ("dense", self.train_paths, DENSE),
            ("rendered", [], wear),
        ):  # fmt: skip
            if count := int(data.get(name, 0)):
                made.append(self._bank(name, paths, count, self.config.seed, worn))
        return made

    def validation(self) -> Pairs:
        """Pairs of portraits that are not trained on, the same at every validation."""
        return Pairs([self.validation_bank()], self.config.seed + VALIDATION, self.settings)

    def validation_bank(self) -> Bank:
        """What is validated with; made when it is not there yet."""
        count, seed = int(self.config.data["validation_pairs"]), self.config.seed + VALIDATION
        worn = VALIDATED if "dense" in self.config.data else Wear()
        return self._bank("validation", self.validation_paths, count, seed, worn)

    def _bank(self, name: str, paths: list[Path], count: int, seed: int, wear: Wear) -> Bank:
        cache = str(self.config.data["cache"])
        root = Path(cache) if cache else cache_folder() / "translator_pairs"
        folder = root / f"{name}_{count}_{seed}"
        return make_bank(folder, paths, count, seed, int(self.config.data["processes"]), wear)

    def facts(self) -> Mapping[str, Any]:
        """What the data are, for a card."""
        digest = hashlib.sha256()
        for path in self.train_paths:
            digest.update(path.read_bytes())
        facts = _DATA.format(
            pairs=int(self.config.data["pairs"]) + int(self.config.data.get("dense", 0)),
            portraits=len(self.train_paths),
            rendered=self.config.data["rendered"],
        )  # fmt: skip
        split = {
            "train": len(self.train_paths), "validation": len(self.validation_paths),
            "test": len(self.test_paths), "by": "portrait",
        }  # fmt: skip
        return {"data": facts, "sha256": digest.hexdigest(), "split": split}

    def train_dataloader(self) -> DataLoader[Any]:
        """Without end, in an order that follows from the seed."""
        pairs = Pairs(self.banks(), self.config.seed, self.settings)
        sampler = SeededSampler(len(pairs), self.config.seed, tickets=True)
        return DataLoader(
            pairs, batch_size=int(self.config.data["batch_size"]), sampler=sampler,
            collate_fn=collate, num_workers=int(self.config.data["workers"]),
        )  # fmt: skip

    def val_dataloader(self) -> DataLoader[Any]:
        """All of them, in order."""
        size = int(self.config.data["batch_size"])
        return DataLoader(self.validation(), batch_size=size, collate_fn=collate)


class DirectTask:
    """The translator with its pairs.

    Attributes
    ----------
    module, data, monitor, mode
        As `task.Task` says.
    """

    monitor, mode = "valid", "min"

    def __init__(self, config: Config, module: DirectTranslator, data: DirectData) -> None:
        self.config, self.module, self.data = config, module, data

    def data_facts(self) -> Mapping[str, Any]:
        """What the data are, for the card."""
        return self.data.facts()

    def samples(self, module: lightning.LightningModule) -> Mapping[str, np.ndarray]:
        """A column for each face: with electrodes, composed, the network's colours, the truth."""
        pairs = self.data.validation()
        batch: Batch = collate([pairs[k] for k in range(min(_SHOWN, len(pairs)))])
        with torch.no_grad():
            made, logit = (one.cpu() for one in module(batch.occluded.to(module.device)))
        mixed = composed(batch.occluded, made, torch.sigmoid(logit))
        rows = torch.cat([batch.occluded, mixed, made, batch.clean], dim=2)
        sheet = torch.cat(list(rows), dim=2).permute(1, 2, 0).clamp(0, 1)
        return {"restored": np.asarray((sheet.numpy() * 255).round(), np.uint8)}

    def export(
        self, module: lightning.LightningModule, path: Path, metrics: Mapping[str, float]
    ) -> ModelCard:
        """The averaged network, its weights stored as float16 where that is asked for."""
        if not isinstance(module, DirectTranslator):
            raise TypeError("only the directly trained translator can be exported here")
        card = ModelCard(
            name=path.stem, kind="translator", inputs=(), outputs=(), space="",
            normalisation={"input": "RGB in 0 to 1", "network": "direct"}, image_size=INPUT,
            licence="CC0-1.0", author="EIFER for Blender contributors", metrics=dict(metrics),
            sources=("faker-js/assets-person-portrait (CC0)", "the open head (CC0)"),
        )  # fmt: skip
        batch = collate([self.data.validation()[0]])
        return export_onnx(
            Exported(module.average), (batch.occluded,), card, path, input_names=["image"],
            output_names=["clean", "coverage"],
            dynamic_axes={name: {0: "n"} for name in ("image", "clean", "coverage")},
            tolerance=float(self.config.export["tolerance"]),
            half=bool(self.config.export["half"]),
        )  # fmt: skip


def build(config: Config) -> DirectTask:
    """The training that a configuration names.

    Raises
    ------
    EiferError
        When its portraits cannot be used or its sizes do not fit.
    """
    model, loss, optimiser = config.model, config.loss, config.optimiser
    widths, down, up, second, second_blocks = (
        [int(n) for n in model[key]] for key in ("widths", "down", "up", "second", "second_blocks")
    )
    if not len(widths) == len(down) == len(up) + 1 or INPUT % 2 ** len(widths):
        raise EiferError(
            f"model.widths, model.down and model.up have {len(widths)}, {len(down)} and {len(up)} "
            "numbers.",
            "Give as many in model.down as in model.widths, and one fewer in model.up.",
        )
    if len(second) != len(second_blocks) or (second and len(widths) < _DEEP):
        raise EiferError(
            f"model.second and model.second_blocks have {len(second)} and {len(second_blocks)} "
            f"numbers, model.widths has {len(widths)}.",
            f"Give as many in both, and at least {_DEEP} in model.widths for a second look.",
        )
    data = DirectData(config)
    torch.manual_seed(config.seed)
    seen = {name: int(loss[name]) for name in _ONLOOKERS}
    module = DirectTranslator(
        Translator(widths, down, up, second, second_blocks),
        Weights(**{name: float(loss[name]) for name in _WEIGHTS}),
        learning_rate=float(optimiser["learning_rate"]),
        weight_decay=float(optimiser["weight_decay"]), warmup=int(optimiser["warmup"]),
        steps=int(config.trainer["max_steps"]), onlookers=Onlookers(**seen),
        average=float(model["average"]),
    )  # fmt: skip
    return DirectTask(config, module, data)
