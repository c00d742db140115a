"""EIFER and MC-CycleGAN as tasks of the trainer: data, pictures on the way, what is exported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch

from ....eifer_addon.errors import EiferError
from ...cards import ModelCard
from ...reconstructors.eifer import BACKEND
from ...reconstructors.installed import BACKEND_KEY
from ..config import Config
from ..export import export_onnx
from .clean_network import SIZE, CleanNetwork, EncoderNetwork
from .eifer import Eifer
from .generator import GRAIN
from .mc_cyclegan import McCycleGan
from .training import CycleTraining
from .unpaired import UnpairedData, from_folders

_AUTHORS = {
    "eifer": "after Büchner et al., Electromyography-informed facial expression reconstruction, "
    "CVPR 2025",
    "mc_cyclegan": "after Büchner et al., Let's get the FACS straight, VISAPP 2023",
}
_LICENCE = "as the recordings it was trained on"
_FLAME_LICENCE = _LICENCE + "; it holds parts of the FLAME file, whose licence is the user's"
#: A network that takes electrodes off is nearer to the truth than this times the film itself.
_TAKES_OFF = 0.9
#: Pictures shown while it is trained.
_SHOWN = 4


class CycleTask:
    """A cycle between pictures with electrodes and without.

    Attributes
    ----------
    module, data, monitor, mode
        As `task.Task` says.
    """

    def __init__(self, config: Config, module: CycleTraining, data: UnpairedData) -> None:
        self.config, self.module, self.data = config, module, data
        self.monitor = "validation/restored" if data.has_truth else "validation/score"
        self.mode = "min"

    def data_facts(self) -> Mapping[str, Any]:
        """What the data are, for the card."""
        return self.data.facts

    def notes(self) -> Sequence[str]:
        """Clips and frames that were left out, for whoever trains."""
        return self.data.notes

    def judge(self, metrics: Mapping[str, float]) -> Sequence[str]:
        """Whether electrodes come off, where the truth is known."""
        before, after = (metrics.get(f"validation/{one}") for one in ("covered", "restored"))
        if before is None or after is None or after <= _TAKES_OFF * before:
            return []
        return [
            f"Where electrodes were, the result is {after:.3f} from the truth and the film itself "
            f"{before:.3f}: this network does not take them off yet. Train it for more steps, on a "
            "GPU if there is one, before it cleans films."
        ]

    def samples(self, module: lightning.LightningModule) -> Mapping[str, np.ndarray]:
        """A row for each face: input, masked picture, rendering, output, cycled back."""
        if not isinstance(module, CycleTraining):
            raise TypeError("these samples are of a cycle")
        count = min(_SHOWN, len(self.data.validation))
        rows = [self.data.validation[k] for k in range(count)]
        batch = {
            name: torch.from_numpy(np.stack([row[name] for row in rows])).to(module.device)
            for name in rows[0]
        }
        was_training = module.training
        module.eval()
        with torch.no_grad():
            off, on = module.cycles(batch, second=True)
        module.train(was_training)
        return {"sensor_to_normal": _sheet(off), "normal_to_sensor": _sheet(on)}

    def export(
        self, module: lightning.LightningModule, path: Path, metrics: Mapping[str, float]
    ) -> ModelCard:
        """S→N as a translator; of EIFER, its encoder beside it as ``NAME_encoder.onnx``."""
        if not isinstance(module, CycleTraining):
            raise TypeError("only a cycle can be exported here")
        card = self._card(path, metrics)
        row = self.data.validation[0]["sensor"]
        crop = torch.nn.functional.interpolate(
            torch.from_numpy(row)[None], (SIZE, SIZE), mode="bilinear", align_corners=False
        )
        network = CleanNetwork(module, str(self.config.export["coverage"])).fixed()
        written = export_onnx(
            network, (crop,), card, path, input_names=["image"],
            output_names=["clean", "coverage"],
            dynamic_axes={name: {0: "n"} for name in ("image", "clean", "coverage")},
            tolerance=float(self.config.export["tolerance"]),
        )  # fmt: skip
        if isinstance(module, Eifer):
            self._export_encoder(module, path, metrics)
        return written

    def _export_encoder(self, module: Eifer, path: Path, metrics: Mapping[str, float]) -> None:
        """The encoder under the rules of the reconstructor 'eifer'."""
        name = f"{path.stem}_encoder"
        head = module.renderer.flame.basis
        card = ModelCard(
            name=name, kind="reconstructor", inputs=(), outputs=BACKEND.outputs,
            space=f"{head}:{BACKEND.space.partition(':')[2]}",
            normalisation={
                BACKEND_KEY: BACKEND.name, "input": "RGB in 0 to 1", "mean": [0, 0, 0],
                "std": [1, 1, 1], "module": "s2n",
            },
            image_size=EncoderNetwork.edge, licence=_LICENCE, author=_AUTHORS["eifer"],
            metrics=dict(metrics), sources=self._sources(),
        )  # fmt: skip
        example = torch.rand(1, 3, EncoderNetwork.edge, EncoderNetwork.edge)
        export_onnx(
            EncoderNetwork(module), (example,), card, path.with_name(f"{name}.onnx"),
            input_names=["image"], output_names=["parameters"],
            dynamic_axes={"image": {0: "n"}, "parameters": {0: "n"}},
            tolerance=float(self.config.export["tolerance"]),
        )  # fmt: skip

    def _card(self, path: Path, metrics: Mapping[str, float]) -> ModelCard:
        name = str(self.config.model["name"])
        has_flame = bool(self.config.model.get("head"))
        return ModelCard(
            name=path.stem, kind="translator", inputs=(), outputs=("clean", "coverage"), space="",
            normalisation={
                "input": "RGB in 0 to 1",
                "network": name,
                "coverage": str(self.config.export["coverage"]),
            },
            image_size=SIZE, licence=_FLAME_LICENCE if has_flame else _LICENCE,
            author=_AUTHORS[name], metrics=dict(metrics), sources=self._sources(),
        )  # fmt: skip

    def _sources(self) -> tuple[str, ...]:
        smirk = getattr(self.module, "smirk_sha256", "")
        return (f"started from SMIRK's checkpoint, sha256 {smirk}",) if smirk else ()


def build(config: Config) -> CycleTask:
    """The training that a configuration names, with its data read.

    Raises
    ------
    EiferError
        When a setting does not fit, the data cannot be used, or a checkpoint or a head cannot be
        read.
    """
    check(config)
    data = from_folders(config)
    return CycleTask(config, network(config), data)


def network(config: Config) -> CycleTraining:
    """EIFER or the baseline, with fresh weights or those of the user's SMIRK checkpoint."""
    torch.manual_seed(config.seed)
    return Eifer(config) if config.model["name"] == "eifer" else McCycleGan(config)


def check(config: Config) -> None:
    """Refuse settings that do not fit each other, before any work is done.

    Raises
    ------
    EiferError
        Naming the setting.
    """
    size = int(config.model["image_size"])
    if size % GRAIN:
        raise EiferError(
            f"model.image_size is {size}, but the generator halves a picture four times.",
            f"Take a multiple of {GRAIN}, for example 224.",
        )
    if config.data["crop_least"] > config.data["crop_most"]:
        raise EiferError("data.crop_least is larger than data.crop_most.", "Exchange them.")
    weights = [value for key, value in config.loss.items() if key not in ("kind", "anchor_sensors")]
    if not any(weights):
        raise EiferError("Every loss has the weight 0, so nothing would be learned.", "Set one.")


def _sheet(cycle: Any) -> np.ndarray:
    """Faces below each other: input, masked picture, rendering, output, cycled back."""
    first, second = cycle.first, cycle.second
    columns = [cycle.source, first.masked, first.drawn and first.drawn.image, first.image]
    columns += [second.image] if second is not None else []
    shown = torch.cat([column.float() for column in columns if column is not None], dim=3)
    picture = torch.cat(list(shown), dim=1).permute(1, 2, 0).clamp(0, 1).cpu().numpy()
    return np.asarray((picture * 255).round(), np.uint8)
