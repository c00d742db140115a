"""The encoder as a task of `eifer train encoder`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ...cards import ModelCard
from ...reconstructors.encoder import IMAGE_SIZE, NAME, OUTPUTS
from ...reconstructors.installed import BACKEND_KEY
from ..config import Config
from ..direct.data import collate
from ..export import export_onnx
from .data import EncoderData
from .module import EncoderTraining, Weights
from .network import Encoder

if TYPE_CHECKING:
    import lightning

_LICENCE = {
    "landmark": "Apache-2.0 (trained on from MediaPipe's landmark network)",
    "timm": "CC0-1.0; its blendshape network is MediaPipe's, Apache-2.0",
}


class EncoderTask:
    """The encoder with its pairs.

    Attributes
    ----------
    module, data, monitor, mode
        As `task.Task` says.
    """

    monitor, mode = "valid", "min"

    def __init__(self, config: Config, module: EncoderTraining, data: EncoderData) -> None:
        self.config, self.module, self.data = config, module, data

    def data_facts(self) -> Mapping[str, Any]:
        """What the data are, for the card."""
        facts = dict(self.data.facts())
        facts["data"] += (
            " The answers to learn are those of MediaPipe's landmark and blendshape networks on "
            "the same pictures without electrodes."
        )
        return facts

    def export(
        self, module: lightning.LightningModule, path: Path, metrics: Mapping[str, float]
    ) -> ModelCard:
        """The averaged network."""
        if not isinstance(module, EncoderTraining):
            raise TypeError("only the encoder can be exported here")
        trunk = str(self.config.model["name"])
        card = ModelCard(
            name=path.stem, kind="reconstructor", inputs=(), outputs=OUTPUTS, space="arkit52",
            normalisation={"input": "RGB in 0 to 1", BACKEND_KEY: NAME, "network": trunk},
            image_size=IMAGE_SIZE, licence=_LICENCE.get(trunk, _LICENCE["timm"]),
            author="EIFER for Blender contributors", metrics=dict(metrics),
            sources=("MediaPipe Face Landmarker 2023-07-09 (Apache-2.0)",),
        )  # fmt: skip
        pairs = self.data.validation()
        batch = collate([pairs[0], pairs[1]])
        return export_onnx(
            module.average, (batch.occluded,), card, path, input_names=["image"],
            output_names=["rows"], dynamic_axes={"image": {0: "n"}, "rows": {0: "n"}},
            tolerance=float(self.config.export["tolerance"]),
            half=bool(self.config.export["half"]),
        )  # fmt: skip


def build(config: Config) -> EncoderTask:
    """The training that a configuration names.

    Raises
    ------
    EiferError
        When its portraits cannot be used or timm lacks its backbone.
    """
    data = EncoderData(config)
    torch.manual_seed(config.seed)
    network = Encoder.named(str(config.model["name"]), str(config.model["backbone"]))
    optimiser = config.optimiser
    module = EncoderTraining(
        network, Weights(float(config.loss["points"]), float(config.loss["scores"])),
        learning_rate=float(optimiser["learning_rate"]),
        weight_decay=float(optimiser["weight_decay"]), warmup=int(optimiser["warmup"]),
        steps=int(config.trainer["max_steps"]), average=float(config.model["average"]),
    )  # fmt: skip
    return EncoderTask(config, module, data)
